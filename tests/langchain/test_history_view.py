"""What a history shows and still has on its way, by itself; and in which calls it goes."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage

from memos_integrations.client import MemOS
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.langchain import _view
from memos_integrations.langchain._stored import batches, to_store
from memos_integrations.langchain._view import Entry, InLine, Told, View, on_the_way
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import CountingEngine
from tests.langchain.histories import history, texts
from tests.langchain.models import spoken


def said(*words: str) -> list[BaseMessage]:
    return [HumanMessage(word) for word in words]


def test_of_two_readings_the_first_counts() -> None:
    view = View(50)
    view.read(said("one"))
    view.add(said("two"))
    view.read(said("other", "words"))
    assert texts(view.shown()) == ["one", "two"]


def test_what_is_kept_at_hand_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_view, "_MAX_KNOWN", 3)
    view = View(2)
    view.read([])
    for i in range(10):
        assert len(view.add(said(str(i)))) == 1
    assert (len(view._known), len(view._added)) == (3, 2)
    assert texts(view.shown()) == ["8", "9"]


def marks(words: str) -> list[bytes]:
    return [word.encode() for word in words]


def line(*batches: str, arrived: str = "", sent: bool = True) -> InLine:
    entries = {number: Entry(said(*batch), sent, marks(batch)) for number, batch in enumerate(batches)}
    return InLine(entries, marks(arrived))


def told_by(words: str, limit: int = 50) -> Told:
    return Told(said(*words), marks(words), full=len(words) >= limit)


def left(told: Told, before: InLine, after: InLine) -> list[str]:
    return ["".join(texts(batch)) for batch in on_the_way(told, before, after)]


@pytest.mark.parametrize(
    ("told", "sent", "limit", "missing"),
    [
        ("ab", ["c"], 50, ["c"]),
        ("abc", ["c"], 50, []),
        ("abc", ["a", "bc", "d"], 50, ["d"]),
        ("abc", ["x", "bc"], 50, []),  # delivered in order, so x was, before what is shown
        ("bc", ["abc"], 2, []),  # a window of two cut its beginning off
        ("bc", ["abc"], 50, ["abc"]),  # a window of fifty did not
        ("ab", ["bc"], 50, ["bc"]),
        ("", ["a"], 50, ["a"]),
    ],
)
def test_what_a_server_has_not_got_yet(told: str, sent: list[str], limit: int, missing: list[str]) -> None:
    assert left(told_by(told, limit), line(*sent), line(*sent)) == missing
    assert left(told_by(told, limit), line(*sent), InLine()) == missing  # delivered between the two looks


@pytest.mark.parametrize(
    ("arrived", "sent", "told", "limit", "missing"),
    [
        ("yn", ["yn"], "yn", 50, ["yn"]),  # that is the earlier one
        ("yn", ["yn"], "ynyn", 50, []),
        ("yy", ["y", "y"], "yyy", 50, ["y"]),
        ("y", ["y", "n"], "xyyz", 50, ["n"]),  # others write there too
        ("ynab", ["yn"], "ynab", 4, ["yn"]),  # a full window, as it was
        ("ynab", ["yn"], "abyn", 4, []),
        ("yn", ["yn"], "ab", 50, ["yn"]),  # the server shows nothing of what it took
    ],
)
def test_an_equal_turn_that_had_arrived_is_not_taken_for_the_one_on_its_way(
    arrived: str, sent: list[str], told: str, limit: int, missing: list[str]
) -> None:
    before = line(*sent, arrived=arrived)
    assert left(told_by(told, limit), before, before) == missing


def test_what_waits_unsent_has_not_arrived() -> None:
    assert left(told_by("ab"), InLine(), line("ab", sent=False)) == ["ab"]


def test_other_ids_are_other_messages() -> None:
    batch: list[BaseMessage] = [HumanMessage("yes", id="2")]
    waiting = InLine({1: Entry(batch, True)})
    assert on_the_way(Told([HumanMessage("yes", id="1")], [], full=False), waiting, waiting) == [batch]


def test_what_has_no_words_goes_alone() -> None:
    call: Any = {"name": "f", "args": {}, "id": "1", "type": "tool_call"}
    asked, answer = AIMessage("", tool_calls=[call]), ToolMessage("", tool_call_id="1")
    told = [HumanMessage("one"), HumanMessage(" "), HumanMessage("two"), asked, answer]
    assert list(batches(told)) == [told[:1], told[1:2], told[2:]]
    assert to_store(answer, "now")["content"] == "(nothing)"
    assert "content" not in to_store(asked, "now")


@pytest.mark.parametrize(
    ("role", "stored"),
    [("User", "user"), ("developer", "system"), ("tool", "tool"), ("guest", "assistant")],
)
def test_only_the_users_word_becomes_theirs(role: str, stored: str) -> None:
    assert to_store(ChatMessage(content="x", role=role), "now")["role"] == stored


async def test_awaited_a_message_known_elsewhere_is_not_written_again(client: MemOS, engine: CountingEngine) -> None:
    for _ in range(2):
        await history(client).aadd_messages([HumanMessage("hi", id="1")])
        await client.aio.flush()
    assert spoken(engine) == [("user", "hi")]


class Timed(EngineTransport):
    """Keeps how long it was given."""

    given: float = 0.0

    def send(self, request: Request, seconds: float) -> Reply:
        self.given = seconds
        return super().send(request, seconds)


class AsyncTimed(AsyncEngineTransport):
    given: float = 0.0

    async def send(self, request: Request, seconds: float) -> Reply:
        self.given = seconds
        return await super().send(request, seconds)


async def test_reading_has_a_time_budget() -> None:
    engine = CountingEngine()
    plain, awaited = Timed(engine), AsyncTimed(engine)
    client = MemOS.over(plain, awaited, address=":memory:")
    client.on_close(engine.close)
    assert history(client, read_seconds=2.5).messages == []
    assert await history(client, read_seconds=2.5).aget_messages() == []
    assert 0 < plain.given <= 2.5
    assert 0 < awaited.given <= 2.5
    await client.aio.close()


def test_a_member_that_is_nested_too_deeply_costs_its_own_message_its_rest_alone(client: MemOS) -> None:
    poisoned = {"role": "user", "content": "x", "langchain": "[" * 200_000}
    client.add_message(messages=[poisoned], user_id="ada", conversation_id="c1", async_mode=False)
    assert [message.text for message in history(client).messages] == ["x"]
