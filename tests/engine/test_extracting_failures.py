"""An extractor that fails: the rules take its place, and nothing of the turn is lost."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations import LLMExtractor, ModelEndpoint
from memos_integrations.engine._extraction import Extraction, NewFact, NewPreference
from tests.client import server as scripts
from tests.client.server import Server, says
from tests.engine.conftest import Talk
from tests.engine.endpoints import KEY
from tests.engine.extractors import Telling, learning, told
from tests.engine.test_extracting import status

SAID = "I avoid XMARKERX trains. On 3 May 2027 I fly to Lyon."
FACT = {"line": 1, "text": "Ada avoids XMARKERX."}


def by_rule(talk: Talk) -> None:
    page = talk.page(include_memory_view=["detail_factual", "preference", "event"])
    assert [fact.memory_value for fact in page.memory_detail_list] == [SAID]
    assert [fact.memory_type for fact in page.memory_detail_list] == ["UserMemory"]
    assert [item.preference for item in page.preference_detail_list] == ["I avoid XMARKERX trains."]
    assert [event.event_time for event in page.event_detail_list] == [("3 May 2027",)]


def bad(**wrong: Any) -> Extraction:
    return Extraction(**wrong)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(usual=told(facts=[FACT])) as server:
        yield server


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        says(500, "XMARKERX " + KEY),
        says(429, headers={"retry-after": "60"}),
        says(401, KEY),
        says(404),
        says(200, "XMARKERX"),
        told(),
        told(facts=[{"line": 5, "text": "XMARKERX"}]),
        scripts.reset,
        scripts.stall,
        scripts.drip_body,
    ],
)
def test_whatever_the_endpoint_does(
    server: Server, answer: scripts.Answer, later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server.usual = answer
    talk = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m", api_key=KEY, timeout=0.3)))
    with caplog.at_level(logging.DEBUG, "memos_integrations"):
        added = talk.add(SAID, async_mode=later)
        assert added.status == ("running" if later else "completed")
        assert talk.engine.settle(30) == 0
    assert status(talk, added.task_id).status == "completed"
    by_rule(talk)
    (warned,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "rules took its place" in warned.getMessage()
    assert not any(secret in caplog.text for secret in ("MARKER", KEY, "trains"))
    talk.engine.close()


def test_an_endpoint_that_is_not_there() -> None:
    talk = learning(LLMExtractor(ModelEndpoint(base_url="http://127.0.0.1:1", model="m")))
    talk.add(SAID)
    by_rule(talk)
    talk.engine.close()


@pytest.mark.parametrize(
    "told_by_it",
    [
        ZeroDivisionError("XMARKERX"),
        lambda _: None,
        lambda _: {"facts": []},
        lambda _: bad(facts=None),
        lambda _: bad(facts=("XMARKERX",)),
        lambda _: bad(facts=(NewFact("0", "a"),)),  # type: ignore[arg-type]
        lambda _: bad(facts=(NewFact(0, 5),)),  # type: ignore[arg-type]
        lambda _: bad(facts=(NewFact(0, "The first is well."), NewFact(0, "\ud800"))),
        lambda _: bad(facts=(NewFact(0, "well", replaces=("XMARKERX",)),)),  # type: ignore[arg-type]
        lambda _: bad(preferences=(NewPreference(0, "well", reasoning=object()),)),  # type: ignore[arg-type]
    ],
)
def test_whatever_an_object_of_the_users_does(told_by_it: Any, caplog: pytest.LogCaptureFixture) -> None:
    talk = learning(Telling(told_by_it))
    with caplog.at_level(logging.DEBUG, "memos_integrations"):
        added = talk.add(SAID)
    by_rule(talk)
    assert status(talk, added.task_id).status == "completed"
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    assert "MARKER" not in caplog.text
    talk.engine.close()


@pytest.mark.parametrize("place", [-1, 1, 10**9])
def test_lines_that_are_not_there(place: int) -> None:
    talk = learning(Telling(Extraction(facts=(NewFact(place, "Nobody said so."), NewFact(0, " ")))))
    talk.add("I like parrots.")
    assert [fact.memory_value for fact in talk.page().memory_detail_list] == ["I like parrots."]
    talk.engine.close()


def test_a_failure_holds_for_its_task_alone(server: Server) -> None:
    server.script.append(says(500))
    talk = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m")))
    talk.add("I like parrots.")
    talk.add("I like XMARKERX.", user_id="v")
    assert talk.facts("parrots") == ["I like parrots."]
    assert talk.facts("XMARKERX", user_id="v") == ["Ada avoids XMARKERX."]
    assert [json.loads(body)["temperature"] for _, _, body in server.requests] == [0, 0]
    talk.engine.close()
