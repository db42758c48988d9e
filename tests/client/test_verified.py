"""Writes that are read back before they are sent again, tried with plain values: no clock, no loop, no network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC

import pytest

from memos_integrations.client import Retry
from memos_integrations.client._exchange import Outcome
from memos_integrations.client._verified import ACCEPTED, Past, verified
from memos_integrations.errors import MemOSError, RateLimited, ServerFault, Unreachable
from memos_integrations.wire.answers import Added
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import AddFeedback, AddMessage
from memos_integrations.wire.envelope import Reply

START = 1_780_000_000.0
ADD = AddMessage(messages=[{"role": "user", "content": "ok"}], user_id="u", conversation_id="c")
FINE = Reply(200, b'{"code":0,"data":{"success":true,"task_id":"t"},"message":"ok"}')
RESET, NEVER_SENT = Unreachable("reset", sent=True), Unreachable("no", sent=False)
HTML, GATEWAY, BUSY = Reply(200, b"<html>"), Reply(502, b"<h1>502"), Reply(503, b"")
USUAL = Retry(jitter=0.0)


def shown(*times: float, text: str = "ok") -> Reply:
    """A conversation, read back: when each of its messages came, in seconds since the start."""
    told = [{"role": "user", "content": text, "create_time": round((START + at) * 1000)} for at in times]
    return Reply(200, json.dumps({"code": 0, "data": {"message_detail_list": told}, "message": "ok"}).encode())


def refused(code: int, status: int = 200, wait: str = "") -> Reply:
    return Reply(status, json.dumps({"code": code, "message": "no"}).encode(), {"retry-after": wait} if wait else {})


@dataclass
class Story:
    """What was called, after which pause and with how many seconds, and how it ended."""

    calls: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    answer: object = None
    error: MemOSError | None = None


class Teller:
    """Tells one call after the other what came of its tries; each takes `took`, or all of its seconds."""

    def __init__(self) -> None:
        self.clock = START
        self.past = Past(UTC, lambda: self.clock)

    def tell(
        self,
        call: Call[Added],
        outcomes: Sequence[Outcome],
        *,
        retry: Retry = USUAL,
        deadline: float = 30.0,
        took: float | None = 0.01,
    ) -> Story:
        story, spent, queue = Story(), 0.0, list(outcomes)
        steps = verified(call, retry, deadline, self.past, lambda: 0.0)
        step = next(steps)
        try:
            while True:
                story.calls.append(step.call.path.partition("/")[0])
                story.pauses.append(step.pause)
                story.seconds.append(step.seconds)
                assert step.seconds > 0
                assert spent + step.pause + step.seconds <= deadline + 1e-9
                duration = step.pause + (step.seconds if took is None else min(took, step.seconds))
                spent, self.clock = spent + duration, self.clock + duration
                step = steps.send((queue.pop(0) if len(queue) > 1 else queue[0], spent))
        except StopIteration as end:
            story.answer = end.value
        except MemOSError as error:
            story.error = error
        return story


def tell(
    outcomes: Sequence[Outcome],
    call: Call[Added] = ADD,
    *,
    retry: Retry = USUAL,
    deadline: float = 30.0,
    took: float | None = 0.01,
) -> Story:
    return Teller().tell(call, outcomes, retry=retry, deadline=deadline, took=took)


def doubtful(story: Story) -> bool:
    return isinstance(story.error, Unreachable) and story.error.sent


@pytest.mark.parametrize("lost", [RESET, HTML, GATEWAY, Reply(500, b""), Reply(504, b""), Reply(408, b"")], ids=str)
def test_what_is_there_is_not_sent_again(lost: Outcome) -> None:
    story = tell([lost, shown(0.005)])
    assert story.calls == ["add", "get"]
    assert story.answer == ACCEPTED


def test_what_is_not_there_is_asked_for_once_more_before_it_is_sent_again() -> None:
    story = tell([RESET, shown(), shown(), FINE], retry=Retry(look=3.0))
    assert story.calls == ["add", "get", "get", "add"]
    assert story.pauses == [0.0, 0.0, 3.0, 0.0]
    assert isinstance(story.answer, Added)
    assert story.answer.task_id == "t"


def test_what_shows_only_at_the_second_look_is_not_sent_again() -> None:
    assert tell([RESET, shown(), shown(0.005)]).calls == ["add", "get", "get"]


@pytest.mark.parametrize(
    "failed", [RESET, NEVER_SENT, HTML, GATEWAY, BUSY, refused(50000), refused(50004), Reply(200, b"")], ids=str
)
def test_a_failed_check_is_not_a_no(failed: Outcome) -> None:
    assert tell([RESET, failed, failed, failed, shown(0.005)]).calls == ["add", *["get"] * 4]
    assert tell([RESET, failed, shown(), failed, shown(), FINE]).calls == ["add", *["get"] * 4, "add"]
    story = tell([RESET, failed])
    assert story.calls.count("add") == 1
    assert doubtful(story)


@pytest.mark.parametrize("never", [refused(40103), Reply(401, b""), Reply(404, b""), refused(40000)], ids=str)
def test_a_check_that_is_refused_for_good_ends_it_at_once(never: Outcome) -> None:
    story = tell([RESET, never])
    assert story.calls == ["add", "get"]
    assert story.error is RESET


def test_a_check_waits_for_its_retry_after() -> None:
    story = tell([RESET, refused(40309, 429, wait="7"), shown(0.005)])
    assert story.pauses == [0.0, 0.0, 7.0]


def test_pauses_between_failed_checks_grow() -> None:
    assert tell([RESET, HTML], deadline=4.0).pauses == [0.0, 0.0, 0.25, 0.5, 1.0, 2.0]


def test_what_was_surely_not_applied_is_sent_again_unread() -> None:
    story = tell([NEVER_SENT, BUSY, refused(40309), refused(50004), refused(50005, 500), FINE])
    assert story.calls == ["add"] * 6


@pytest.mark.parametrize("code", [50000, 50002, 50143, 50144])
def test_a_failure_inside_is_raised_at_once(code: int) -> None:
    story = tell([refused(code)])
    assert story.calls == ["add"]
    assert isinstance(story.error, ServerFault)
    assert story.error.code == code


def test_an_empty_reply_is_accepted() -> None:
    story = tell([Reply(202, b"")])
    assert story.calls == ["add"]
    assert isinstance(story.answer, Added)
    assert story.answer.task_id is None


def test_one_try_is_sent_once() -> None:
    once = Retry(tries=1, jitter=0.0)
    assert tell([RESET, shown(0.005)], retry=once).answer == ACCEPTED
    story = tell([RESET, shown()], retry=once)
    assert story.calls == ["add", "get", "get"]
    assert doubtful(story)


@pytest.mark.parametrize("tries", [2, 3, 5])
def test_tries_bound_what_is_sent_over_all_rounds(tries: int) -> None:
    several: list[list[Outcome]] = [[RESET, shown(), shown()] * 9, [BUSY, RESET, shown(), shown()] * 9]
    for outcomes in several:
        story = tell(outcomes, retry=Retry(tries=tries, jitter=0.0, look=0.1), deadline=1000.0)
        assert story.calls.count("add") == tries


def test_a_hang_leaves_time_to_find_out() -> None:
    story = tell([RESET, shown(0.005)], deadline=4.0, took=None)
    assert story.seconds == [2.0, 1.0]
    assert story.answer == ACCEPTED


def test_what_the_first_round_wrote_is_found_in_the_second() -> None:
    """It shows late: two looks do not find it, and then the second sending, which never arrived, is looked for."""
    late = shown(0.005)
    story = tell([RESET, shown(), shown(), RESET, late], retry=Retry(look=5.0))
    assert story.calls == ["add", "get", "get", "add", "get"]
    assert story.answer == ACCEPTED


def test_an_equal_turn_before_it_is_not_taken_for_it() -> None:
    teller = Teller()
    teller.tell(ADD, [FINE])
    assert teller.tell(ADD, [RESET, shown(0.005), shown(0.005), FINE]).calls == ["add", "get", "get", "add"]


@pytest.mark.parametrize("lost", [False, True])
def test_what_may_be_there_is_not_taken_for_the_next_equal_turn(lost: bool) -> None:
    """A call that ended in doubt may have been written: a message within seconds of it proves nothing."""
    teller = Teller()
    first = teller.tell(ADD, [RESET, HTML], deadline=0.5)
    assert doubtful(first)
    if lost:
        assert teller.tell(ADD, [RESET, shown(), shown(), FINE]).calls.count("add") == 2
    else:
        assert doubtful(teller.tell(ADD, [RESET, shown(0.005)], deadline=3.0))


def test_what_failed_inside_is_not_taken_for_the_next_equal_turn() -> None:
    teller = Teller()
    assert isinstance(teller.tell(ADD, [refused(50000)]).error, ServerFault)
    assert doubtful(teller.tell(ADD, [RESET, shown(0.005)], deadline=3.0))


@pytest.mark.parametrize(
    "other",
    [
        ADD.model_copy(update={"user_id": ("u", "v")}),
        ADD.model_copy(update={"messages": ADD.turns * 51}),
    ],
    ids=["several owners", "51 messages"],
)
def test_what_cannot_be_read_back_counts_as_known(other: AddMessage) -> None:
    teller = Teller()
    teller.tell(other, [FINE])
    count = min(len(other.turns), 50)
    story = teller.tell(ADD, [RESET, shown(*[0.005] * count)], deadline=1.0)
    assert doubtful(story)


UNREADABLE: list[Call[Added]] = [
    ADD.model_copy(update={"conversation_id": None}),
    ADD.model_copy(update={"user_id": ("u", "v")}),
    ADD.model_copy(update={"user_id": None, "agent_id": "a"}),
    ADD.model_copy(update={"messages": ADD.turns * 51}),
    AddMessage(
        messages=[
            {"role": "system", "content": "be kind"},
            {"role": "tool", "content": "42", "tool_call_id": "1"},
            {"role": "user", "content": [{"type": "text", "text": "ok"}]},
        ],
        user_id="u",
        conversation_id="c",
    ),
    AddFeedback(user_id="u", conversation_id="c", feedback_content="no"),
]
NAMES = ["no conversation", "several owners", "an agent", "51 messages", "no plain words", "feedback"]


@pytest.mark.parametrize("lost", [RESET, HTML, Reply(201, b"[]"), *(Reply(n, b"") for n in (500, 502, 504))], ids=str)
@pytest.mark.parametrize("call", UNREADABLE, ids=NAMES)
def test_what_cannot_be_read_back_is_sent_once(call: Call[Added], lost: Outcome) -> None:
    story = tell([lost, FINE], call)
    assert story.calls == ["add"]
    assert story.seconds == [30.0]
    assert doubtful(story)
    assert lost is story.error or (story.error is not None and story.error.__cause__ is not None)


@pytest.mark.parametrize("call", UNREADABLE, ids=NAMES)
def test_what_cannot_be_read_back_is_sent_again_where_it_was_surely_not_applied(call: Call[Added]) -> None:
    assert tell([BUSY, refused(40309), NEVER_SENT, FINE], call).calls == ["add"] * 4
    story = tell([refused(40309, 429, wait="31")], call)
    assert story.calls == ["add"]
    assert isinstance(story.error, RateLimited)
