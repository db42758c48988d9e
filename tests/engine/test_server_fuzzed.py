"""Requests made up from the server's own document: no answer is a bug's, and none has a shape not told there."""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._server import make_app
from memos_integrations.wire.answers import Answer
from memos_integrations.wire.calls import CALLS
from memos_integrations.wire.form import FORM
from tests.engine.models import Scripted
from tests.serving import served

KEY = "ada-0123456789abcdef"
KEYS = Keys.read(f"default={KEY}", "--keys")
EXAMPLES = 12
SAID: Any = [{"role": "user", "content": "I moved to Lyon. I like trains, and I avoid planes."}]
SELECTING = ("agent_id", "app_id", "filter", "knowledgebase_ids", "memory_ids", "user_ids")
OPERATIONS = [*sorted(CALLS), "health"]
TREE: Any = {"Basics": {"City": {"value": "Lyon"}}}
DELETING = {"/delete/memory", "/delete/profile", "/delete/profile_template"}
DELETING |= {"/delete/knowledgebase", "/delete/knowledgebase-file"}  # after each, all is made anew
FILE: Any = [{"name": "a.md", "content": "SGk="}]
READ = {"health", "get/memory/{memory_id}"}  # by GET, without anything that could be wrong


def no_bug(context: Any, response: Any, case: Case[Any]) -> None:
    """What the engine did not foresee is answered with HTTP 200, and this code."""
    assert b'"code":50000' not in response.content


CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    no_bug,
]


class Fuzzing:
    """A server with something in it, to which requests are made up."""

    def __init__(self, address: str, keyed: bool) -> None:
        self.address = address
        self.headers = {"authorization": f"Token {KEY}"} if keyed else {}
        self.schema = openapi.from_url(f"{address}/openapi.json")
        self.known: dict[str, str] = {}

    def fill(self) -> None:
        with requests.Session() as session:
            add: Any = {"messages": SAID, "user_id": "u", "conversation_id": "c", "async_mode": False}
            for path, body in (("add/message", add), ("get/memory", {"user_id": "u"})):
                told = session.post(f"{self.address}/{path}", json=body, headers=self.headers, timeout=10).json()[
                    "data"
                ]
                self.known.setdefault("task_id", told.get("task_id", ""))
            self.known |= {"profile_template_id": self.bound(session)}
            self.known["knowledgebase_id"], self.file = self.based(session)
        self.known |= {"user_id": "u", "conversation_id": "c", "memory_id": told["memory_detail_list"][0]["id"]}

    def bound(self, session: requests.Session) -> str:
        """A profile template of which the user has a profile."""
        asked = {"name": "Person", "metadata": TREE}
        added = session.post(f"{self.address}/add/profile_template", json=asked, headers=self.headers, timeout=10)
        template: str = added.json()["data"]["profile_template_id"]
        bind = {"bind_list": [{"profile_template_id": template, "user_id": "u"}]}
        session.post(f"{self.address}/bind/profile_template", json=bind, headers=self.headers, timeout=10)
        return template

    def based(self, session: requests.Session) -> tuple[str, str]:
        """A knowledge base, and a file in it."""
        ids: list[str] = []
        for path, body in (
            ("create/knowledgebase", {"knowledgebase_name": "b"}),
            ("add/knowledgebase-file", {"file": FILE}),
        ):
            asked = {**body, "knowledgebase_id": ids[0] if ids else None}
            told = session.post(f"{self.address}/{path}", json=asked, headers=self.headers, timeout=10).json()["data"]
            ids.append(told["id"] if isinstance(told, dict) else told[0]["id"])
        return ids[0], ids[1]

    def fitted(self, case: Case[Any]) -> None:
        """Names what is there, so that answers are more than empty."""
        if case.operation.path in DELETING:
            self.fill()
        for members in (case.body, case.path_parameters):
            if isinstance(members, dict):
                members |= {name: value for name, value in self.known.items() if isinstance(members.get(name), str)}
        if isinstance(case.body, dict):
            for name in SELECTING:
                case.body.pop(name, None)
            # Where these are not asked for, they are as good as absent.
            case.body.update({"user_id": "u", "messages": SAID})
            if case.operation.path == "/bind/profile_template":
                case.body["bind_list"] = [{"profile_template_id": self.known["profile_template_id"], "user_id": "u"}]
            if case.operation.path == "/add/knowledgebase-file":
                self.fit_files(case)
            if case.operation.path == "/get/knowledgebase-file":
                case.body.pop("file_ids", None)
                case.body["knowledgebase_id"] = self.known["knowledgebase_id"]
            if case.operation.path == "/delete/knowledgebase-file":
                case.body["file_ids"] = [self.file]
            if case.operation.path == "/update/memory":
                case.body |= {"content": "I like tea.", "status": None}
            if case.operation.path == "/edit/profile":
                case.body |= {"metadata": TREE, "remove_fields": None}

    def fit_files(self, case: Case[Any]) -> None:
        """Files that can be read, as JSON or as a form."""
        if case.media_type == FORM:
            case.query["knowledgebase_id"] = self.known["knowledgebase_id"]
            case.query.pop("type", None)
        else:
            case.body = {"knowledgebase_id": self.known["knowledgebase_id"], "file": FILE}

    def run(self, path: str, mode: GenerationMode) -> Counter[int]:
        """Asks for one operation, and counts the codes of the answers. Raises what does not conform."""
        operation = self.schema[f"/{path}"]["GET" if path in READ else "POST"]
        codes: Counter[int] = Counter()

        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
            report_multiple_bugs=False,
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def asked(case: Case[Any], known: bool) -> None:
            if known:
                self.fitted(case)
            response = case.call(base_url=self.address, session=session, headers=self.headers)
            case.validate_response(response, checks=CHECKS)
            codes[_code(response)] += 1

        with requests.Session() as session:
            asked()
        return codes


def _code(response: Any) -> int:
    told = response.json() if response.headers["content-type"] == ["application/json"] else {}
    return int(told.get("code", 0))


@contextmanager
def fuzzing(engine: Engine, *, keyed: bool = False) -> Iterator[Fuzzing]:
    try:
        with served(make_app(engine, keys=KEYS if keyed else None)) as address:
            yield Fuzzing(address, keyed)
    finally:
        engine.close()


@pytest.mark.parametrize("keyed", [False, True], ids=["unkeyed", "keyed"])
@pytest.mark.parametrize("path", OPERATIONS)
def test_no_bug_and_no_undeclared_shape(path: str, keyed: bool) -> None:
    with fuzzing(Engine(":memory:", model=Scripted("In ", "Lyon.")), keyed=keyed) as server:
        server.fill()
        modes = [GenerationMode.POSITIVE] if path in READ else list(GenerationMode)
        codes = sum((server.run(path, mode) for mode in modes), Counter[int]())
    assert codes[0], "no request was answered: nothing is shown"
    if path not in READ:
        assert sum(codes.values()) > codes[0], "no request was refused: nothing is shown"


class _Odd(Engine):
    def search_memory(self, call: Any, project: str = "", *more: Any, **named: Any) -> Any:
        return Answer.model_validate({"memory_detail_list": "none"})


class _Raising(Engine):
    def search_memory(self, call: Any, project: str = "", *more: Any, **named: Any) -> Any:
        raise ValueError


class _Abrupt(BaseException):
    """Past all that catches exceptions, as a bug in the server itself would be."""


class _Falling(Engine):
    def search_memory(self, call: Any, project: str = "", *more: Any, **named: Any) -> Any:
        raise _Abrupt


@pytest.mark.parametrize(
    ("engine", "words"),
    [(_Odd, "Response violates schema"), (_Raising, '"code":50000'), (_Falling, "Server error")],
)
def test_it_can_fail(engine: type[Engine], words: str) -> None:
    with fuzzing(engine(":memory:")) as server, pytest.raises(FailureGroup) as caught:
        server.run("search/memory", GenerationMode.POSITIVE)
    assert words in "".join(traceback.format_exception(caught.value))
