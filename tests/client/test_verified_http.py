"""The same over real HTTP, in both colours: against a MemOS that goes wrong, and keeps a ledger of what it applied."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from memos_integrations.client import AsyncMemOS, MemOS, Retry
from memos_integrations.errors import Garbled, MemOSError, ServerFault, Unreachable
from memos_integrations.wire.answers import Added
from memos_integrations.wire.calls import AddFeedback, AddMessage
from tests.client.server import Server, reset, says
from tests.faults.kinds import (
    BROKEN,
    EMPTY,
    HANG,
    HTML,
    RESET,
    RESET_INSIDE,
    TRUNCATED,
    UNREAD,
    Fault,
    Seen,
    after,
    before,
    coded,
    limited,
    status,
)
from tests.faulty import Faulty, Mixed

KEY = "mpg-very-secret"
QUICK = Retry(first=0.01, look=0.02, longest=0.1)
ADD, GET = "add/message", "get/message"
Send = Callable[..., list[Any]]


def _sent(url: str, calls: Sequence[Any], **options: Any) -> list[Any]:
    """What each of `calls` came to, one after the other: an answer, or an error."""
    found: list[Any] = []
    with MemOS(base_url=url, api_key=KEY, retry=QUICK).with_options(**options) as client:
        for call in calls:
            try:
                found.append(client.send(call))
            except MemOSError as error:
                found.append(error)
    return found


def _awaited(url: str, calls: Sequence[Any], **options: Any) -> list[Any]:
    async def send() -> list[Any]:
        found: list[Any] = []
        async with AsyncMemOS(base_url=url, api_key=KEY, retry=QUICK).with_options(**options) as client:
            for call in calls:
                try:
                    found.append(await client.send(call))
                except MemOSError as error:
                    found.append(error)
        return found

    return asyncio.run(send())


@pytest.fixture(params=[_sent, _awaited], ids=["plain", "awaited"])
def send(request: pytest.FixtureRequest) -> Any:
    return request.param


def turn(*texts: str, **more: Any) -> AddMessage:
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, texts, strict=False)]
    return AddMessage(**{"messages": messages, "user_id": "u", "conversation_id": "c", **more})


OK = turn("ok", "ok")
LOST = [RESET, RESET_INSIDE, TRUNCATED, HTML, BROKEN, *map(status, (500, 502, 504))]
ONCE = [
    *(fault(seen) for seen in LOST for fault in (before, after)),
    *map(before, (status(503), limited(), coded(40309), coded(50004), coded(50005, 500))),
    after(EMPTY),
]


@pytest.mark.parametrize("times", ["text", "milliseconds"])
@pytest.mark.parametrize(
    "faults",
    [
        [after(RESET), before(RESET), after(HTML)],
        [before(RESET), before(status(502)), None, after(status(500)), after(TRUNCATED)],
        [None, before(HTML), before(HTML), None, before(RESET)],
        [None, None, before(BROKEN)],
        [None, None, after(BROKEN)],
    ],
    ids=str,
)
def test_ok_three_times_is_there_three_times(send: Send, times: Any, faults: list[Fault | None]) -> None:
    with Faulty({ADD: faults}, times=times) as server:
        found = send(server.base_url, [OK, OK, OK])
        assert [type(each) for each in found] == [Added] * 3
        assert server.ledger.all_texts() == ["ok"] * 6


@pytest.mark.parametrize("fault", ONCE, ids=str)
def test_one_fault_neither_fails_nor_doubles(send: Send, fault: Fault) -> None:
    with Faulty({ADD: [fault]}) as server:
        found = send(server.base_url, [turn("tea", "fine")])
        assert isinstance(found[0], Added)
        assert server.ledger.all_texts() == ["tea", "fine"]


def test_a_connection_that_is_not_taken_is_made_again(send: Send) -> None:
    with Faulty({"accept": [before(UNREAD)]}) as server:
        assert isinstance(send(server.base_url, [OK])[0], Added)
        assert server.ledger.all_texts() == ["ok", "ok"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mixture_of_faults_loses_and_doubles_nothing(send: Send, seed: int) -> None:
    """A direct call may end in an error; then it is there once or not at all."""
    inside = {50000, 50002, 50143, 50144}
    with Faulty(Mixed(0.4, seed)) as server:
        calls = [turn(f"q{n}", "ok") for n in range(25)]
        found = send(server.base_url, calls)
        texts = server.ledger.all_texts()
    for n, each in enumerate(found):
        assert texts.count(f"q{n}") == 1 or (texts.count(f"q{n}") == 0 and isinstance(each, ServerFault))
        assert isinstance(each, Added) or (isinstance(each, ServerFault) and each.code in inside)


@pytest.mark.parametrize("fault", [before(HANG), after(HANG)], ids=str)
def test_a_hang_within_a_short_deadline_is_found_out(send: Send, fault: Fault) -> None:
    with Faulty({ADD: [fault]}) as server:
        found = send(server.base_url, [OK], deadline=2.0)
        assert isinstance(found[0], Added)
        assert server.ledger.all_texts() == ["ok", "ok"]


@pytest.mark.parametrize("applied", [True, False])
def test_a_failed_check_is_not_a_no(send: Send, applied: bool) -> None:
    failed = [before(status(500)), before(HTML), before(RESET), before(coded(50000))]
    with Faulty({ADD: [Fault(RESET, applied)], GET: failed}) as server:
        assert isinstance(send(server.base_url, [OK])[0], Added)
        assert server.ledger.all_texts() == ["ok", "ok"]
        assert server.ledger.calls == {ADD: 1 if applied else 2, GET: 5 if applied else 6}


def test_a_no_is_asked_for_once_more_before_it_is_sent_again(send: Send) -> None:
    said: list[str] = []
    with Server(reset, usual=says(200, '{"code":0,"data":{},"message":"ok"}')) as server:
        assert isinstance(send(server.url, [OK])[0], Added)
        said.extend(path.partition("/api/")[2] for path, _, _ in server.requests)
    assert said == [ADD, GET, GET, ADD]


@pytest.mark.parametrize("fault", [before(RESET), after(RESET)], ids=str)
def test_a_check_that_is_refused_leaves_it_in_doubt(send: Send, fault: Fault) -> None:
    with Faulty({ADD: [fault], GET: [before(coded(40103))]}) as server:
        found = send(server.base_url, [OK])
        assert isinstance(found[0], Unreachable)
        assert found[0].sent
        assert server.ledger.calls == {ADD: 1, GET: 1}


@pytest.mark.parametrize("seen", LOST, ids=lambda seen: seen.name)
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        turn("ok", conversation_id=None),
        turn("ok", user_id=["u", "v"]),
        turn("ok", user_id=None, agent_id="a"),
        AddMessage(messages=[{"role": "user", "content": "ok"}] * 51, user_id="u", conversation_id="c"),
        AddMessage(messages=[{"role": "system", "content": "ok"}], user_id="u", conversation_id="c"),
    ],
    ids=["no conversation", "several owners", "an agent", "51 messages", "no plain words"],
)
def test_what_cannot_be_read_back_is_sent_once(call: AddMessage, applied: bool, seen: Seen) -> None:
    with Faulty({ADD: [Fault(seen, applied)]}) as server:
        found = _sent(server.base_url, [call])
        assert isinstance(found[0], Unreachable)
        assert found[0].sent
        assert server.ledger.calls == {ADD: 1}


@pytest.mark.parametrize("answer", [reset, says(200, "<html>"), says(500), says(502), says(504)])
def test_feedback_is_sent_once(send: Send, answer: Any) -> None:
    with Server(answer) as server:
        found = send(server.url, [AddFeedback(user_id="u", feedback_content="no")])
        assert isinstance(found[0], Unreachable)
        assert found[0].sent
        assert len(server.requests) == 1


def test_an_empty_reply_is_accepted_without_a_task(send: Send) -> None:
    with Faulty({ADD: [after(EMPTY)]}) as server:
        found = send(server.base_url, [OK])
        assert isinstance(found[0], Added)
        assert found[0].task_id is None
        assert server.ledger.calls == {ADD: 1}


@pytest.mark.parametrize("code", [50000, 50002, 50143, 50144])
def test_a_failure_inside_is_raised_at_once(send: Send, code: int) -> None:
    with Faulty({ADD: [before(coded(code))]}) as server:
        found = send(server.base_url, [OK])
        assert isinstance(found[0], ServerFault)
        assert found[0].code == code
        assert server.ledger.calls == {ADD: 1}


@pytest.mark.parametrize(("seen", "kind"), [(RESET, Unreachable), (HTML, Garbled), (status(502), ServerFault)], ids=str)
def test_unverified_is_sent_once_and_told_as_it_came(send: Send, seen: Seen, kind: type[MemOSError]) -> None:
    with Faulty({ADD: [after(seen)]}) as server:
        found = send(server.base_url, [OK], verify=False)
        assert type(found[0]) is kind
        assert server.ledger.calls == {ADD: 1}


@pytest.mark.parametrize("fault", [before(RESET), after(RESET)], ids=str)
def test_one_try_is_sent_once(send: Send, fault: Fault) -> None:
    with Faulty({ADD: [fault]}) as server:
        found = send(server.base_url, [OK], retry=Retry(tries=1, look=0.01))
        assert isinstance(found[0], Added if fault.applied else Unreachable)
        assert server.ledger.calls[ADD] == 1


def test_neither_key_nor_words_are_told(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    word = "marker-text"
    call = turn(word, word, user_id="marker-user", conversation_id="marker-talk")
    with Faulty({ADD: [after(HTML)], GET: [before(coded(40103))]}) as server:
        found = send(server.base_url, [call, turn(word, word, user_id="marker-user")])
    assert isinstance(found[0], Unreachable)
    told = "".join(traceback.format_exception(found[0])) + repr(found) + caplog.text
    assert "marker-" not in told
    assert KEY not in told
