"""The outbox's file as its workers see it: what goes together, whose it is, and what comes of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memos_integrations.memory._line import Batch, Doubt, Line
from memos_integrations.wire.calls import AddMessage
from tests.outbox.scripted import texts, turn

ME, YOU = "me", "you"


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line(":memory:", max_bytes=1 << 40)
    line.destination("a", "")
    yield line
    line.close()


def put(line: Line, *words: str, conversation: str | None = "c", now: float = 1.0, **marks: Any) -> None:
    line.put(1, turn(*words, conversation=conversation, **marks), None, now)


def claimed(line: Line, now: float = 2.0, holder: str = ME, until: float = 100.0) -> Batch:
    batch = line.claim(1, holder, now, until)
    assert batch is not None
    return batch


def rest(line: Line) -> list[list[str]]:
    """What goes together, to the end."""
    sent = []
    while (batch := line.claim(1, ME, 2.0, 100.0)) is not None:
        sent.append(texts(batch.call))
        line.delivered(batch, [], 2.0)
    return sent


def test_what_waits_for_one_conversation_goes_together_and_in_order(line: Line) -> None:
    for n in range(5):
        put(line, f"u{n}", f"a{n}")
        put(line, f"other {n}", conversation="d")
    assert rest(line) == [[f"{who}{n}" for n in range(5) for who in "ua"], [f"other {n}" for n in range(5)]]


def test_at_most_forty_messages_go_together(line: Line) -> None:
    for n in range(45):
        put(line, f"u{n}", f"a{n}")
    assert [len(sent) for sent in rest(line)] == [40, 40, 10]


def test_at_most_sixty_thousand_bytes_go_together_and_a_larger_one_alone(line: Line) -> None:
    for size in (25_000, 25_000, 25_000, 90_000, 10, 10):
        put(line, "x" * size)
    assert [[len(text) for text in sent] for sent in rest(line)] == [[25_000, 25_000], [25_000], [90_000], [10, 10]]


def test_more_messages_than_can_be_read_back_go_in_parts(line: Line) -> None:
    put(line, "before")
    put(line, *map(str, range(95)))
    put(line, "after")
    sent = rest(line)
    assert [len(texts) for texts in sent] == [1, 40, 40, 16]
    assert [text for texts in sent for text in texts] == ["before", *map(str, range(95)), "after"]


def test_parts_are_no_larger_than_servers_take(line: Line) -> None:
    put(line, *("x" * 25_000 for _ in range(5)), "y")
    assert [len(texts) for texts in rest(line)] == [2, 2, 2]


@pytest.mark.parametrize("results", [1, 3])
def test_a_tools_result_stays_with_its_call(line: Line, results: int) -> None:
    asked = {"role": "assistant", "tool_calls": [{"id": str(n), "function": {"name": "f"}} for n in range(results)]}
    told = [{"role": "tool", "tool_call_id": str(n), "content": "r"} for n in range(results)]
    messages = [{"role": "user", "content": "u"}] * 38 + [asked, *told, {"role": "assistant", "content": "a"}]
    call = AddMessage.model_validate({"user_id": "ada", "conversation_id": "c", "messages": messages})
    line.put(1, call, None, 1.0)
    assert [len(part.turns) for _, part, _ in line.in_line(1, "ada", "c")] == ([40, 1] if results == 1 else [38, 5])


@pytest.mark.parametrize(
    "mark", [{"agent_id": "x"}, {"tags": ["t"]}, {"info": {"k": 1}}, {"app_id": "p"}, {"allow_public": True}]
)
def test_only_what_is_marked_alike_goes_together(line: Line, mark: dict[str, Any]) -> None:
    put(line, "a")
    put(line, "b", **mark)
    put(line, "c", **mark)
    put(line, "d")
    assert rest(line) == [["a"], ["b", "c"], ["d"]]


def test_a_conversation_is_one_worker_s_until_his_time_is_over(line: Line) -> None:
    put(line, "a")
    first = claimed(line, until=50.0)
    assert line.claim(1, YOU, 50.0, 90.0) is None
    assert line.next_due(1) == 50.0
    second = claimed(line, now=50.1, holder=YOU, until=90.0)
    assert second.entries == first.entries
    assert not second.fresh, "it was sent, for all one knows"
    line.delivered(first, [(b"x", None)], 51.0)
    assert line.undelivered(1) == 1, "the first has no say any more"
    line.delivered(second, [(b"x", None)], 52.0)
    assert (line.undelivered(1), line.next_due(1)) == (0, None)


def test_the_same_holder_s_earlier_claim_has_no_say_either(line: Line) -> None:
    put(line, "a")
    first = claimed(line, until=50.0)
    second = claimed(line, now=60.0, until=90.0)
    line.postponed(first, 61.0, due=61.0)
    assert line.claim(1, ME, 62.0, 99.0) is None, "it is still the second's"
    line.delivered(second, [], 63.0)
    assert line.undelivered(1) == 0


def test_what_a_dead_holder_had_is_free_at_once(line: Line) -> None:
    put(line, "a")
    claimed(line, holder=YOU)
    assert line.holders() == [YOU]
    line.free(YOU)
    assert line.holders() == []
    assert not claimed(line, now=3.0).fresh


def test_what_came_meanwhile_waits_for_what_is_under_way(line: Line) -> None:
    put(line, "a")
    batch = claimed(line)
    put(line, "b", now=2.0)
    assert line.claim(1, ME, 3.0, 100.0) is None
    line.unsure(batch, 3.0, due=5.0, doubt=Doubt(error="Unreachable"))
    assert line.claim(1, ME, 4.0, 100.0) is None
    again = claimed(line, now=5.0)
    assert (texts(again.call), again.fresh, again.sent, again.tries) == (["a"], False, 2.0, 1)
    line.delivered(again, [], 6.0)
    assert texts(claimed(line, now=6.0).call) == ["b"]


def test_the_one_that_is_due_for_longest_is_first(line: Line) -> None:
    for n, due in enumerate((3.0, 1.0, 2.0)):
        put(line, "x", conversation=str(n), now=due)
    assert [claimed(line, now=9.0).call.conversation_id for _ in range(3)] == ["1", "2", "0"]


def test_our_own_pauses_are_shortened_and_the_server_s_are_not(line: Line) -> None:
    for name in ("ours", "theirs"):
        put(line, "x", conversation=name)
    ours, theirs = claimed(line), claimed(line)
    line.postponed(ours, 2.0, due=500.0)
    line.postponed(theirs, 2.0, due=3.0, asked=400.0)
    line.hurry(1, 10.0, 5.0)
    assert line.claim(1, ME, 14.9, 100.0) is None
    line.delivered(claimed(line, now=15.0), [], 15.0)
    assert [entry.conversation_id for entry in line.listed()] == ["theirs"]
    assert line.claim(1, ME, 399.9, 999.0) is None
    assert claimed(line, now=400.0, until=999.0).entries == theirs.entries


def test_an_entry_that_cannot_be_read_is_parked_and_holds_up_nobody(line: Line) -> None:
    put(line, "a")
    put(line, "b")
    line.execute("update entry set body = ? where number = 1", (b"{",))
    assert line.claim(1, ME, 2.0, 100.0) is None
    assert [(entry.state, entry.error) for entry in line.listed()] == [("parked", "Invalid"), ("waiting", "")]
    assert rest(line) == [["b"]]


def test_the_newest_fifty_that_arrived_are_known(line: Line) -> None:
    for n in range(60):
        put(line, str(n))
        line.delivered(claimed(line, now=2.0 + n), [(str(n).encode(), None)], 3.0 + n)
    put(line, "last")
    known = line.known(claimed(line, now=99.0))
    assert [one.digest for one in known] == [str(n).encode() for n in range(10, 60)]


class Turns(RuleBasedStateMachine):
    """Any order of what callers and workers may do: each text leaves once, in order within its conversation."""

    conversations = st.sampled_from("ab")

    @initialize()
    def begin(self) -> None:
        self.line, self.now, self.count = Line(":memory:", max_bytes=1 << 40), 1.0, 0
        self.at = self.line.destination("a", "")
        self.open: dict[str, tuple[str, str] | None] = {"a": None, "b": None}
        self.closed: list[tuple[str, str, str]] = []
        self.expected: dict[str, list[str]] = {"a": [], "b": []}
        self.gone: dict[str, list[str]] = {"a": [], "b": []}
        self.batches: list[Batch] = []

    def teardown(self) -> None:
        if not hasattr(self, "line"):
            return
        for name in "ab":
            self.release(name)
        for batch in self.batches:
            self.line.free(batch.holder)
        self.now += 1_000
        while (last := self.line.claim(self.at, ME, self.now, self.now + 9)) is not None:
            self.leave(last)
        assert self.gone == self.expected
        assert (self.line.undelivered(self.at), self.line.next_due(self.at)) == (0, None)
        self.line.close()

    def leave(self, batch: Batch) -> None:
        self.line.delivered(batch, [], self.now)
        self.gone[batch.call.conversation_id or ""] += texts(batch.call)

    def text(self) -> str:
        self.count += 1
        return f"text {self.count}"

    def release(self, name: str) -> None:
        turn_open = self.open[name]
        if turn_open is not None:
            self.line.orphaned(self.at, self.now + 1, self.now)
            for other in "ab":
                if (held := self.open[other]) is not None:
                    self.closed.append((other, *held))
                    self.expected[other].append(held[1])
                    self.open[other] = None

    @rule(name=conversations)
    def put_loose(self, name: str) -> None:
        if self.open[name] is None:  # else it would leave before the words that are open
            text = self.text()
            self.line.put(self.at, turn(text, conversation=name), None, self.now)
            self.expected[name].append(text)

    @rule(name=conversations)
    def begin_turn(self, name: str) -> None:
        text, before = self.text(), self.open[name]
        self.line.open(self.at, turn(text, conversation=name), f"turn {self.count}", self.now)
        if before is not None:
            self.closed.append((name, *before))
            self.expected[name].append(before[1])
        self.open[name] = (f"turn {self.count}", text)

    @rule(name=conversations)
    def end_turn(self, name: str) -> None:
        if (held := self.open[name]) is not None:
            answer = self.text()
            self.line.put(self.at, turn(held[1], answer, conversation=name), held[0], self.now)
            self.expected[name] += [held[1], answer]
            self.open[name] = None
            assert self.line.put(self.at, turn(held[1], answer, conversation=name), held[0], self.now)[0] == 0

    @rule(name=conversations)
    def answer_late(self, name: str) -> None:
        late = [one for one in self.closed if one[0] == name]
        if late and self.open[name] is None:
            one, answer = late[0], self.text()
            self.closed.remove(one)
            assert self.line.put(self.at, turn(one[2], answer, conversation=name), one[1], self.now)[0] == 1
            self.expected[name].append(answer)

    @rule()
    def nobody_comes_back(self) -> None:
        for name in "ab":
            self.release(name)

    @rule(holder=st.sampled_from([ME, YOU]))
    def claim(self, holder: str) -> None:
        self.now += 1
        batch = self.line.claim(self.at, holder, self.now, self.now + 5)
        if batch is not None:
            taken = [one for one in self.batches if one.conversation == batch.conversation]
            assert all(one.until < self.now for one in taken), "one worker at a time"
            assert not batch.fresh or not taken
            self.batches = [one for one in self.batches if one not in taken]
            self.batches.append(batch)

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 9), outcome=st.sampled_from(["arrived", "not", "unsure", "alone", "lapsed"]))
    def come_of_it(self, pick: int, outcome: str) -> None:
        if outcome == "lapsed":
            self.now += 6
            return
        batch = self.batches.pop(pick % len(self.batches))
        if outcome == "arrived":
            self.leave(batch)
        elif outcome == "not":
            self.line.postponed(batch, self.now, due=self.now + 1)
        elif outcome == "alone":
            self.line.alone(batch, self.now)
        else:
            self.line.unsure(batch, self.now, due=self.now + 1, doubt=Doubt(error="Unreachable"))

    @invariant()
    def nothing_is_stuck(self) -> None:
        if hasattr(self, "line"):
            assert (self.line.undelivered(self.at) == 0) == (self.line.next_due(self.at) is None)


Turns.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTurns = Turns.TestCase
