"""Retries, tried with plain values: no clock, no loop, no network."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_integrations.client import Retry
from memos_integrations.client._exchange import Outcome, exchange
from memos_integrations.errors import (
    BadRequest,
    Garbled,
    Invalid,
    MemOSError,
    QuotaExceeded,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
    Unreachable,
)
from memos_integrations.wire.answers import Found
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import AddMessage, DeleteMemory, SearchMemory
from memos_integrations.wire.envelope import Reply

SEARCH = SearchMemory(query="tea", user_id="u")
ADD = AddMessage(messages=[{"role": "user", "content": "tea"}], user_id="u")
DELETE = DeleteMemory(user_id="u")
OK = Reply(200, b'{"code":0,"data":{},"message":"ok"}')
NEVER_SENT, MAYBE_SENT = Unreachable("no", sent=False), Unreachable("no", sent=True)
HTML = Reply(200, b"<html>")
USUAL = Retry()


def refused(code: int = 0, status: int = 200, wait: str = "") -> Reply:
    body = json.dumps({"code": code or None, "message": "no"}).encode()
    return Reply(status, body, {"retry-after": wait} if wait else {})


@dataclass
class Story:
    """What happened: each try as (pause, seconds), and how it ended."""

    tries: list[tuple[float, float]] = field(default_factory=list)
    answer: object = None
    error: MemOSError | None = None


def told(
    call: Call[Found],
    outcomes: Iterable[Outcome],
    *,
    retry: Retry = USUAL,
    deadline: float = 30.0,
    took: float = 0.0,
    chance: float = 0.0,
) -> Story:
    """Drives `exchange` with `outcomes`, the last one for ever, each taking the share `took` of its seconds."""
    story, spent, queue = Story(), 0.0, list(outcomes)
    steps = exchange(call, retry, deadline, lambda: chance)
    step = next(steps)
    try:
        while True:
            story.tries.append((step.pause, step.seconds))
            assert step.seconds > 0
            assert spent + step.pause + step.seconds <= deadline * (1 + 1e-12)
            spent += step.pause + took * step.seconds
            step = steps.send((queue.pop(0) if len(queue) > 1 else queue[0], spent))
    except StopIteration as end:
        story.answer = end.value
    except MemOSError as error:
        story.error = error
    return story


def many(call: object) -> Call[Found]:
    assert isinstance(call, Call)
    return call


def test_an_answer_at_once_takes_one_try_with_the_whole_deadline() -> None:
    story = told(SEARCH, [OK], deadline=7.0)
    assert isinstance(story.answer, Found)
    assert story.tries == [(0.0, 7.0)]


def test_pauses_double_up_to_the_longest() -> None:
    story = told(SEARCH, [NEVER_SENT], deadline=60.0)
    assert [pause for pause, _ in story.tries] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]


def test_jitter_leaves_out_up_to_its_share() -> None:
    story = told(SEARCH, [NEVER_SENT], deadline=1.0, chance=1.0)
    assert [pause for pause, _ in story.tries] == [0.0, 0.125, 0.25, 0.5]
    assert len(told(SEARCH, [NEVER_SENT], retry=Retry(jitter=0.0), deadline=1.0, chance=1.0).tries) == 3


@pytest.mark.parametrize("call", [SEARCH, ADD, DELETE], ids=["search", "add", "delete"])
@pytest.mark.parametrize(
    "outcome",
    [
        NEVER_SENT,
        refused(status=429),
        refused(status=503),
        refused(40309),
        refused(50004),
        refused(50005),
        refused(40309, 429),
        refused(50004, 500),
        refused(50000, 503),
    ],
    ids=str,
)
def test_what_was_surely_not_applied_is_repeated_whatever_it_does(call: object, outcome: Outcome) -> None:
    assert len(told(many(call), [outcome, outcome, OK]).tries) == 3


@pytest.mark.parametrize(
    "outcome",
    [MAYBE_SENT, HTML, Reply(201, b"[]"), *(refused(status=status) for status in (408, 500, 502, 504))],
    ids=str,
)
def test_where_its_fate_is_unknown_only_a_harmless_call_is_repeated(outcome: Outcome) -> None:
    assert isinstance(told(SEARCH, [outcome, OK]).answer, Found)
    for call in (ADD, DELETE):
        story = told(many(call), [outcome, OK])
        assert len(story.tries) == 1
        assert isinstance(story.error, Unreachable | Garbled | ServerFault | BadRequest)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (refused(50000), ServerFault),
        (refused(50002, 500), ServerFault),
        (refused(40000), BadRequest),
        (refused(40300, 429), QuotaExceeded),
        (refused(40132, 503), Unauthorized),
        (refused(status=401), Unauthorized),
        (refused(status=501), ServerFault),
        (Reply(302, b"", {"location": "https://elsewhere"}), Garbled),
        (Reply(200, b'{"code":0,"data":[]}'), Garbled),
    ],
    ids=str,
)
def test_everything_else_is_raised_at_once(outcome: Outcome, kind: type[MemOSError]) -> None:
    story = told(ADD if kind is Garbled else SEARCH, [outcome, OK])  # type: ignore[arg-type]
    assert type(story.error) is kind
    assert len(story.tries) == 1


def test_retry_after_is_waited_for() -> None:
    story = told(SEARCH, [refused(40309, 429, wait="3"), OK])
    assert [pause for pause, _ in story.tries] == [0.0, 3.0]


def test_a_retry_after_that_ends_past_the_deadline_is_given_up_at_once() -> None:
    story = told(SEARCH, [refused(status=429, wait="31"), OK])
    assert isinstance(story.error, RateLimited)
    assert story.error.retry_after == 31
    assert len(story.tries) == 1


@pytest.mark.parametrize("wait", ["0", "-1", "nan", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_leaves_the_usual_pause(wait: str) -> None:
    story = told(SEARCH, [refused(status=429, wait=wait), OK])
    assert [pause for pause, _ in story.tries] == [0.0, 0.25]


def test_an_infinite_retry_after_is_not_waited_for() -> None:
    assert len(told(SEARCH, [refused(status=503, wait="inf"), OK]).tries) == 1


def test_tries_bound_the_number_of_tries() -> None:
    for tries in (1, 2, 5):
        story = told(SEARCH, [NEVER_SENT], retry=Retry(tries=tries), deadline=1000.0)
        assert len(story.tries) == tries
        assert story.error is NEVER_SENT


def test_a_try_that_used_up_the_deadline_is_the_last() -> None:
    story = told(SEARCH, [MAYBE_SENT], took=1.0)
    assert story.tries == [(0.0, 30.0)]
    assert story.error is MAYBE_SENT


def test_the_last_error_is_the_one_raised() -> None:
    story = told(SEARCH, [NEVER_SENT, refused(status=502), refused(40000)])
    assert isinstance(story.error, BadRequest)


def test_a_thousand_tiny_pauses_do_not_overflow() -> None:
    story = told(SEARCH, [NEVER_SENT], retry=Retry(first=0.001, longest=0.001), deadline=3.0)
    assert len(story.tries) > 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0.0},
        {"first": float("nan")},
        {"factor": 0.5},
        {"longest": 0.1},
        {"longest": float("inf")},
        {"jitter": 1.5},
        {"tries": 0},
    ],
    ids=str,
)
def test_a_retry_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Invalid, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]


codes = st.sampled_from([0, 40000, 40300, 40309, 50000, 50004, 50005])
replies = st.one_of(
    st.builds(refused, codes, st.sampled_from([200, 401, 408, 429, 500, 503])),
    st.builds(refused, st.just(0), st.just(429), st.sampled_from(["1", "0.5", "100", "x"])),
    st.sampled_from([OK, HTML, Reply(302), Reply(200)]),
)
outcomes = st.lists(st.one_of(replies, st.sampled_from([NEVER_SENT, MAYBE_SENT])), min_size=1, max_size=12)
retries = st.builds(
    Retry,
    first=st.floats(0.05, 1.0),
    factor=st.floats(1.0, 4.0),
    longest=st.floats(1.0, 10.0),
    jitter=st.floats(0.0, 1.0),
    tries=st.none() | st.integers(1, 5),
)


@settings(deadline=None)
@given(
    call=st.sampled_from([SEARCH, ADD, DELETE]),
    outcomes=outcomes,
    retry=retries,
    deadline=st.floats(0.01, 60.0),
    took=st.floats(0.0, 1.0),
    chance=st.floats(0.0, 0.999),
)
def test_laws(call: object, outcomes: list[Outcome], retry: Retry, deadline: float, took: float, chance: float) -> None:
    """`told` itself asserts that no pause or try ends past the deadline."""
    story = told(many(call), outcomes, retry=retry, deadline=deadline, took=took, chance=chance)
    assert (story.error is None) != (story.answer is None)
    assert story.tries[0] == (0.0, deadline)
    assert retry.tries is None or len(story.tries) <= retry.tries
    assert all(pause >= 0 for pause, _ in story.tries)
    met = [outcomes[min(index, len(outcomes) - 1)] for index in range(len(story.tries))]
    assert all(_may_be_repeated(many(call), outcome) for outcome in met[:-1])
    asked = [_seconds(outcome) for outcome in met[:-1]]
    assert sum(pause for pause, _ in story.tries) >= sum(asked) - 1e-9


def _seconds(outcome: Outcome) -> float:
    said = outcome.headers.get("retry-after", "") if isinstance(outcome, Reply) else ""
    return float(said) if said[:1].isdigit() else 0.0


def _may_be_repeated(call: Call[Found], outcome: Outcome) -> bool:
    """The rule, written a second time and otherwise: by what the outcome looks like, not by which error it becomes."""
    if isinstance(outcome, Unreachable):
        return call.repeatable or not outcome.sent
    code = int(json.loads(outcome.body).get("code") or 0) if outcome.body.startswith(b"{") else 0
    if code:
        return code in {40309, 50004, 50005} or (code == 50000 and outcome.status in {429, 503})
    if outcome.status in {429, 503}:
        return True
    return call.repeatable and outcome.status in {200, 408, 500}


def test_a_refusal_says_code_status_path_and_words() -> None:
    error = told(SEARCH, [refused(40000, 400)]).error
    assert isinstance(error, Refused)
    assert (error.code, error.status, error.path, error.message) == (40000, 400, "search/memory", "no")
