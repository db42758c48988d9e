"""What a tool says when MemOS fails, and what is done once all the same."""

import logging
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, ToolException

from memos_integrations.client import MemOS, Retry
from memos_integrations.errors import BadRequest, Invalid, MemOSError, ServerFault
from memos_integrations.langchain import MemOSAddTool, MemOSFeedbackTool, MemOSSearchTool, MemOSToolkit
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddFeedback, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.faults.kinds import RESET_INSIDE, after
from tests.faulty import Faulty
from tests.langchain.models import FACT, MARK, QUESTION
from tests.langchain.test_tools import ADA, call_of, called, ways

ONCE = Retry(tries=1)


class Failing(CountingEngine):
    """Refuses, and counts the feedback it got."""

    def __init__(self, error: MemOSError) -> None:
        super().__init__()
        self.error: MemOSError | None = error
        self.fed: list[AddFeedback] = []

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        if self.error is not None:
            raise self.error
        return super().search_memory(call, project, *more, **named)

    def add_feedback(self, call: AddFeedback, project: str = "") -> Added:
        self.fed.append(call)
        if self.error is not None:
            raise self.error
        return super().add_feedback(call, project)


@ways
def test_a_refusal_is_told_by_its_code(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with client_over(Failing(ServerFault("the\nindex is busy", code=50005)), retry=ONCE) as client:
        tool = MemOSSearchTool(client, user_id=MARK)
        told = called(tool, way, call_of(tool, query=QUESTION))
        by_hand = called(tool, way, {"query": QUESTION})
    assert told.status == "error"
    assert told.content == by_hand == "search_memory failed: ServerFault, code 50005: the index is busy"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@ways
def test_a_server_that_is_gone_is_told_without_its_address(way: str) -> None:
    with MemOS(base_url="http://127.0.0.1:9/api/openmem/v1", retry=ONCE) as client:
        for tool, arguments in (
            (MemOSSearchTool(client), {"query": QUESTION}),
            (MemOSFeedbackTool(client), {"correction": FACT}),
        ):
            told = called(tool, way, call_of(tool, **arguments))
            assert (told.status, told.content) == ("error", f"{tool.name} failed: Unreachable")


@ways
def test_a_search_may_go_on_without_memories(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with client_over(Failing(ServerFault(MARK, code=50000))) as client:
        tool = MemOSSearchTool(client, on_error="warn")
        told = called(tool, way, call_of(tool, query=QUESTION))
    assert (told.status, told.content[:7]) == ("success", "Nothing")
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert MARK not in warning


@ways
def test_who_handles_errors_themselves_gets_them_raised(way: str) -> None:
    with client_over(Failing(ServerFault(MARK, code=50000))) as client:
        tool = MemOSSearchTool(client, handle_tool_error=False)
        with pytest.raises(ToolException) as caught:
            called(tool, way, call_of(tool, query=QUESTION))
    assert isinstance(caught.value.__cause__, ServerFault)


@ways
@pytest.mark.parametrize(
    ("sent", "rule"),
    [({}, "is required"), ({"NAME": [MARK]}, "must be text"), ({"NAME": "  "}, "nothing but blanks")],
    ids=["none", "no text", "blank"],
)
def test_bad_arguments_are_told_without_their_content(client: MemOS, way: str, sent: Any, rule: str) -> None:
    for tool in MemOSToolkit(client).get_tools():
        (name,) = tool.args
        told = called(tool, way, call_of(tool, **{name if k == "NAME" else k: v for k, v in sent.items()}))
        assert told.status == "error"
        assert told.content.startswith(f"arguments: {name} ")
        assert rule in told.content
        assert MARK not in told.content


@ways
def test_half_a_surrogate_pair_is_refused(client: MemOS, way: str) -> None:
    for tool in MemOSToolkit(client).get_tools():
        (name,) = tool.args
        told = called(tool, way, call_of(tool, **{name: "half \ud83d of one"}))
        assert told.status == "error"


@ways
def test_without_a_user_it_raises(client: MemOS, engine: CountingEngine, way: str) -> None:
    for tool in MemOSToolkit(client, forget=True).get_tools():
        (name,) = tool.args
        given = ["m1"] if name == "memory_ids" else "tea"
        with pytest.raises(Invalid, match=rf"{type(tool).__name__}: no user: .*no default user") as caught:
            called(tool, way, call_of(tool, **{name: given}), {})
        assert (caught.value.field, caught.value.rule) == ("user_id", "missing")
    client.flush()
    assert engine.counts == (0, 0)


@ways
def test_a_bug_of_the_applications_is_not_hidden(client: MemOS, way: str) -> None:
    def broken(*_: Any) -> str:
        raise LookupError("no such tenant")

    def misread(*_: Any) -> str:
        AddFeedback.model_validate({})
        return "ada"

    for rule, error in ((broken, LookupError), (misread, ValueError)):
        for tool in MemOSToolkit(client, user_id=rule).get_tools():
            (name,) = tool.args
            with pytest.raises(error):
                called(tool, way, call_of(tool, **{name: "tea"}))


@ways
def test_what_no_outbox_takes_is_told(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with client_over(CountingEngine()) as client:
        tool = MemOSAddTool(client)
    told = called(tool, way, call_of(tool, text=FACT))
    assert (told.status, told.content) == ("error", "add_memory failed: nothing can be written down now.")
    assert FACT not in caplog.text


def test_a_note_outlives_its_client(tmp_path: Path) -> None:
    with Faulty() as server:
        with server.down():
            first = MemOS(base_url=server.base_url, outbox=tmp_path / "outbox.db")
            assert MemOSAddTool(first).invoke({"text": FACT}, ADA).startswith("Noted.")
            first.close(timeout=0)
        with MemOS(base_url=server.base_url, outbox=tmp_path / "outbox.db") as second:
            tool = MemOSAddTool(second)
            tool.invoke({"text": "I drink coffee too."}, ADA)
        assert server.ledger.all_texts() == [FACT, "I drink coffee too."]


def test_a_call_is_known_to_the_next_client(tmp_path: Path) -> None:
    with Faulty() as server:
        for _ in range(2):
            with MemOS(base_url=server.base_url, outbox=tmp_path / "outbox.db") as client:
                tool = MemOSAddTool(client)
                tool.invoke(call_of(tool, text=FACT), ADA)
        assert server.ledger.all_texts() == [FACT]


@ways
def test_a_note_arrives_once_though_the_reply_is_lost(way: str) -> None:
    with Faulty({"add/message": [after(RESET_INSIDE)]}) as server, MemOS(base_url=server.base_url) as client:
        tool = MemOSAddTool(client)
        called(tool, way, call_of(tool, text=FACT))
        assert client.flush(20) == 0
        assert server.ledger.all_texts() == [FACT]


def told(tool: BaseTool, way: str) -> str:
    return str(called(tool, way, call_of(tool, correction=FACT)).status)


@ways
def test_a_feedback_whose_fate_is_unknown_is_not_sent_again(way: str) -> None:
    with Faulty({"add/feedback": [after(RESET_INSIDE)]}) as server, MemOS(base_url=server.base_url) as client:
        tool = MemOSFeedbackTool(client)
        assert told(tool, way) == "error"
        assert told(tool, way) == "success"  # passed on, whatever came of it
        assert server.ledger.calls["add/feedback"] == 1


@ways
def test_a_feedback_that_surely_failed_may_be_sent_again(way: str) -> None:
    engine = Failing(BadRequest(MARK, code=40000))
    with client_over(engine) as client:
        tool = MemOSFeedbackTool(client)
        assert told(tool, way) == "error"
        engine.error = None
        assert [told(tool, way) for _ in range(3)] == ["success"] * 3
        called(tool, way, {"correction": FACT})
        called(tool, way, {"correction": FACT})
        other = {"configurable": {"user_id": "bob", "thread_id": "t1"}}
        called(tool, way, call_of(tool, correction=FACT), other)
    assert [call.user_id for call in engine.fed] == ["ada", "ada", "ada", "ada", "bob"]
    assert {call.conversation_id for call in engine.fed} == {"t1"}


def test_a_feedback_needs_no_conversation() -> None:
    engine = Failing(BadRequest(MARK, code=40000))
    engine.error = None
    with client_over(engine) as client:
        MemOSFeedbackTool(client, user_id="ada").invoke({"correction": FACT})
    assert [call.conversation_id for call in engine.fed] == [None]


class Busy(Failing):
    """Is too busy for the first feedback, and says so."""

    def add_feedback(self, call: AddFeedback, project: str = "") -> Added:
        try:
            return super().add_feedback(call, project)
        finally:
            self.error = None


@ways
def test_a_feedback_that_was_put_off_is_sent_by_the_client(way: str) -> None:
    engine = Busy(ServerFault("busy", code=50004))
    with client_over(engine) as client:
        assert told(MemOSFeedbackTool(client), way) == "success"
    assert len(engine.fed) == 2
