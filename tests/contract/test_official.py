"""What the official SDK (v2.0.31) sends and can read, over the served engine (contract §2.15).

Requests are as it writes them: every unset option a null, members and limits of its own, and the Token scheme. What it
can read are the models below, strict about what it is strict about.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._server import make_app
from tests.engine.models import Scripted
from tests.serving import served

KEY = "mpg-0123456789abcdef"
D = TypeVar("D", bound=BaseModel)
Items = list[dict[str, Any]]


class _Read(BaseModel):
    model_config = ConfigDict(strict=True)


class Accepted(_Read):
    """Of adding messages and feedback: all three."""

    success: bool
    task_id: str
    status: str


class SearchData(_Read):
    """The first and the last may be absent, but not null."""

    memory_detail_list: Items = []
    preference_detail_list: Items | None = None
    tool_memory_detail_list: Items | None = None
    skill_detail_list: Items | None = None
    message_detail_list: Items | None = None
    preference_note: str = ""


class PageData(_Read):
    memory_detail_list: Items = []
    preference_detail_list: Items | None = None
    tool_memory_detail_list: Items | None = None
    total: int | None = None
    size: int | None = None
    current: int | None = None
    pages: int | None = None


class MessageData(_Read):
    message_detail_list: Items = []


class StatusData(_Read):
    task_id: str
    status: str


class ChatData(_Read):
    response: str


class DeleteData(_Read):
    success: bool


class Official:
    """The SDK's side: it raises for every status from 400 on, and reads the rest strictly."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, path: str, body: dict[str, Any], kind: type[D]) -> D:
        told = self.raw(path, body)
        assert isinstance(told["code"], int)
        assert isinstance(told["message"], str)
        return kind.model_validate(told["data"])

    def raw(self, path: str, body: dict[str, Any]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()

    def by_id(self, memory_id: str) -> Any:
        return self._http.get(f"get/memory/{memory_id}").raise_for_status().json()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(":memory:", model=Scripted("In ", "Lyon."))
    yield engine
    engine.close()


@pytest.fixture
def official(engine: Engine) -> Iterator[Official]:
    headers = {"Content-Type": "application/json", "Authorization": f"Token {KEY}"}
    with (
        served(make_app(engine, keys=Keys.read(KEY, "--keys"))) as address,
        httpx.Client(base_url=f"{address}/api/openmem/v1/", headers=headers, timeout=30, trust_env=False) as http,
    ):
        yield Official(http)


ADD: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "I moved to Lyon. I like green tea.", "chat_time": None},
        {"role": "assistant", "content": "Noted.", "chat_time": "2026-08-01 10:00:00"},
    ],
    "user_id": "u",
    "conversation_id": "c",
    "info": None,
    "source": None,
    "app_id": None,
    "agent_id": None,
    "allow_public": False,
    "allow_knowledgebase_ids": None,
    "tags": None,
    "async_mode": False,
    "mode": None,
}
SEARCH: dict[str, Any] = {
    "query": "Where did I move? And which tea?",
    "user_id": "u",
    "conversation_id": None,
    "memory_limit_number": 6,
    "include_preference": True,
    "knowledgebase_ids": None,
    "filter": None,
    "source": None,
    "include_tool_memory": False,
    "preference_limit_number": 6,
    "tool_memory_limit_number": 6,
    "include_skill": False,
    "skill_limit_number": 6,
    "relativity": None,
    "top_k": 6,
    "mode": "fast",
}
CHAT: dict[str, Any] = {
    "user_id": "u",
    "conversation_id": "c",
    "query": "Where did I move?",
    "internet_search": False,
    "force_stop": False,
    "use_mem_os_cube": False,
    "source": None,
    "system_prompt": None,
    "model_name": None,
    "knowledgebase_ids": None,
    "filter": None,
    "add_message_on_answer": True,
    "app_id": None,
    "agent_id": None,
    "async_mode": True,
    "tags": None,
    "info": None,
    "allow_public": False,
    "max_tokens": 8192,
    "temperature": None,
    "top_p": None,
    "include_preference": True,
    "preference_limit_number": 6,
    "memory_limit_number": 6,
    "include_tool_memory": False,
    "tool_memory_limit_number": 6,
    "relativity": None,
    "stream": False,
}
PAGE: dict[str, Any] = {
    "user_id": "u",
    "include_preference": True,
    "page": 1,
    "size": 10,
    "filter": None,
    "source": None,
}
MESSAGES: dict[str, Any] = {
    "user_id": "u",
    "conversation_id": "c",
    "conversation_limit_number": 6,
    "message_limit_number": 6,
    "source": None,
}
FEEDBACK: dict[str, Any] = {
    "user_id": "u",
    "conversation_id": "c",
    "feedback_content": "I live in Nantes, not Lyon.",
    "agent_id": None,
    "app_id": None,
    "feedback_time": None,
    "allow_public": False,
    "allow_knowledgebase_ids": None,
}


def test_adding_and_its_status(official: Official) -> None:
    done = official.ask("add/message", ADD, Accepted)
    assert (done.success, done.status) == (True, "completed")
    later = official.ask("add/message", {**ADD, "async_mode": True}, Accepted)
    assert later.status == "running"
    for task in (done.task_id, later.task_id):
        status = official.ask("get/status", {"task_id": task}, StatusData)
        assert status.task_id == task
        assert status.status in {"running", "completed"}


def test_searching(official: Official) -> None:
    official.ask("add/message", ADD, Accepted)
    found = official.ask("search/memory", SEARCH, SearchData)
    assert any("Lyon" in fact["memory_value"] for fact in found.memory_detail_list)
    assert found.preference_detail_list
    assert "green tea" in found.preference_detail_list[0]["preference"]
    assert found.preference_note
    for _ in range(8):
        official.ask("add/message", ADD, Accepted)
    assert len(official.ask("search/memory", SEARCH, SearchData).memory_detail_list) <= 6


def test_searching_where_nothing_is(official: Official) -> None:
    found = official.ask("search/memory", SEARCH, SearchData)
    assert found.memory_detail_list == []
    assert found.preference_note == ""


def test_reading_back(official: Official) -> None:
    official.ask("add/message", ADD, Accepted)
    told = official.ask("get/message", MESSAGES, MessageData).message_detail_list
    assert [message["role"] for message in told] == ["user", "assistant"]
    page = official.ask("get/memory", PAGE, PageData)
    assert page.total == len(page.memory_detail_list) or page.total == len(page.preference_detail_list or [])
    assert (page.size, page.current, page.pages) == (10, 1, 1)
    one = official.by_id(page.memory_detail_list[0]["id"])
    assert (one["code"], one["data"]["id"]) == (0, page.memory_detail_list[0]["id"])
    assert official.ask("get/memory", {**PAGE, "user_id": "nobody"}, PageData).total == 0


def test_chatting(official: Official) -> None:
    official.ask("add/message", ADD, Accepted)
    assert official.ask("chat", CHAT, ChatData).response == "In Lyon."


def test_feedback(official: Official) -> None:
    official.ask("add/message", ADD, Accepted)
    task = official.ask("add/feedback", FEEDBACK, Accepted)
    assert official.ask("get/status", {"task_id": task.task_id}, StatusData).status == "completed"


def test_deleting(official: Official) -> None:
    official.ask("add/message", ADD, Accepted)
    ids = [fact["id"] for fact in official.ask("get/memory", PAGE, PageData).memory_detail_list]
    delete: dict[str, Any] = {"memory_ids": ids, "user_id": None, "agent_id": None, "filter": None, "memory_type": None}
    assert official.ask("delete/memory", delete, DeleteData).success
    older = {"user_ids": ["u"], "memory_ids": None}
    assert official.ask("delete/memory", older, DeleteData).success
    assert official.ask("get/memory", PAGE, PageData).total == 0


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("get/status", {"task_id": "nobody's"}, 50131),
        ("delete/memory", {"memory_ids": ["x"]}, 40307),
        ("search/memory", {**SEARCH, "user_id": None}, 40000),
        ("chat", {**CHAT, "query": None}, 40002),
    ],
)
def test_a_refusal_is_an_envelope_with_http_200(official: Official, path: str, body: dict[str, Any], code: int) -> None:
    """Else the SDK would show the status alone."""
    told = official.raw(path, body)
    assert (told["code"], told["data"]) == (code, None)
    assert isinstance(told["message"], str)


def test_the_models_are_as_strict_as_the_sdk() -> None:
    for kind, data in (
        (Accepted, {"success": True, "task_id": None, "status": "running"}),
        (Accepted, {"success": True, "status": "running"}),
        (SearchData, {"memory_detail_list": None}),
        (SearchData, {"preference_note": None}),
        (SearchData, {"memory_detail_list": ["text"]}),
        (PageData, {"total": "1"}),
        (StatusData, {"task_id": "t"}),
        (ChatData, {"response": None}),
        (DeleteData, {}),
        (DeleteData, None),
    ):
        with pytest.raises(ValidationError):
            kind.model_validate(data)
