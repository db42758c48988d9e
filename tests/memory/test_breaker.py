"""The circuit breaker: when it opens and closes, and a recall that costs nothing while the server is dead."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress

import pytest

from memos_integrations import MemOS, Scope, errors
from memos_integrations.client import Degraded, Event, Retry
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.errors import Garbled, MemOSError, RateLimited, Refused, ServerFault, Unreachable
from memos_integrations.memory.breaker import Attempt, Breaker, Skipped
from memos_integrations.memory.recall import NOTHING, Recall
from memos_integrations.wire.answers import Found
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import CountingEngine

ADA = Scope(user_id="ada", conversation_id="c")
GONE = Unreachable("MARKER7f3a", sent=True)
ANSWERS = [errors.BadRequest("no"), errors.Unauthorized("no"), errors.QuotaExceeded("no"), errors.NotFound("no")]
NO_ANSWERS = [GONE, ServerFault("no"), RateLimited("no"), Garbled("no")]
NOT_SENT = [errors.Invalid("no"), errors.Unsupported("no"), ValueError(), asyncio.CancelledError()]
both_colours = pytest.mark.parametrize("aio", [False, True], ids=["plain", "awaited"])


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """The engine behind a line that is cut while `error` is set, and slow while `let` is not."""

    def __init__(self) -> None:
        self.engine, self.clock, self.touched = CountingEngine(), Clock(), 0
        self.breaker = Breaker(self.clock)
        self.error: Unreachable | None = None
        self.events: list[Event] = []
        self.let = threading.Event()
        self.let.set()

    def carry(self) -> None:
        self.touched += 1
        if self.error:
            raise self.error


class Plain(EngineTransport):
    def __init__(self, line: Line) -> None:
        super().__init__(line.engine)
        self.line = line

    def send(self, request: Request, seconds: float) -> Reply:
        self.line.carry()
        assert self.line.let.wait(30)
        return super().send(request, seconds)


class Awaited(AsyncEngineTransport):
    def __init__(self, line: Line) -> None:
        super().__init__(line.engine)
        self.line = line

    async def send(self, request: Request, seconds: float) -> Reply:
        self.line.carry()
        assert await asyncio.to_thread(self.line.let.wait, 30)
        return await super().send(request, seconds)


@contextmanager
def client_on(line: Line) -> Iterator[MemOS]:
    once, tell = Retry(tries=1), line.events.append
    with MemOS.over(Plain(line), Awaited(line), address="x", retry=once, on_event=tell) as client:
        client.on_close(line.engine.close)
        said = [{"role": "user", "content": "The tea I like is mint tea."}]
        client.add_message(messages=said, user_id="ada", conversation_id="before", async_mode=False)
        client.share(Breaker, lambda: line.breaker)
        line.touched = 0
        yield client


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(line: Line) -> Iterator[MemOS]:
    with client_on(line) as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def found(client: MemOS, turn: str, recall: Recall | None = None) -> Found:
    return (recall or Recall()).found(client, ADA, turn=turn, text="tea")


async def ask(client: MemOS, turn: str, aio: bool, recall: Recall | None = None) -> Found:
    if aio:
        return await (recall or Recall()).afound(client, ADA, turn=turn, text="tea")
    return found(client, turn, recall)


def fail(breaker: Breaker, error: BaseException = GONE) -> Attempt:
    attempt = Attempt()
    with pytest.raises(type(error)), breaker.passing(attempt):
        raise error
    return attempt


def refusal(breaker: Breaker) -> str:
    with pytest.raises(Skipped) as refused, breaker.passing(Attempt()):
        pytest.fail("let through")
    return str(refused.value)


def opened(breaker: Breaker) -> Breaker:
    assert [breaker.failed(GONE) for _ in range(3)] == [0, 0, 5]
    return breaker


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_three_failures_in_a_row_open_it_for_five_seconds(breaker: Breaker, clock: Clock, error: MemOSError) -> None:
    assert [fail(breaker, error).pause for _ in range(3)] == [0, 0, 5]
    for passed in (0, 4.9):
        clock.now = 1_000 + passed
        assert not breaker.allows()
        assert refusal(breaker).endswith(f"not answer the last 3 times; the next try is in {5 - int(passed)} s")
    clock.now = 1_005
    assert breaker.allows()


@pytest.mark.parametrize("error", ANSWERS, ids=lambda error: type(error).__name__)
def test_whatever_the_server_says_shows_that_it_lives(breaker: Breaker, error: Refused) -> None:
    for _ in range(3):
        assert fail(breaker).pause == fail(breaker).pause == fail(breaker, error).pause == 0
    assert opened(breaker).failed(error) == 0
    assert breaker.allows()


@pytest.mark.parametrize("error", NOT_SENT, ids=lambda error: type(error).__name__)
def test_what_never_went_out_counts_as_nothing(breaker: Breaker, clock: Clock, error: BaseException) -> None:
    assert [fail(breaker, each).pause for each in (GONE, GONE, error, GONE)] == [0, 0, 0, 5]
    clock.now += 5
    assert fail(breaker, error).probe  # and gave its place back
    assert fail(breaker).pause == 10


def test_each_probe_that_fails_doubles_the_pause_up_to_a_minute(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    for before, after in ((5, 10), (10, 20), (20, 40), (40, 60), (60, 60)):
        clock.now += before - 0.1
        assert not breaker.allows()
        clock.now += 0.1
        assert (probe := fail(breaker)).probe
        assert probe.pause == after
    breaker.succeeded()
    opened(breaker)  # which lasts five seconds again


@pytest.mark.parametrize(("asked", "pause"), [(2.0, 2), (30.0, 30), (900.0, 60), (float("inf"), 60)])
def test_a_limiter_is_obeyed_at_once(breaker: Breaker, clock: Clock, asked: float, pause: float) -> None:
    assert fail(breaker, RateLimited("no", retry_after=asked)).pause == pause
    clock.now += pause - 0.1
    assert refusal(breaker).endswith("not answer the last time; the next try is in 1 s")
    clock.now += 0.1
    assert breaker.allows()


def test_a_longer_retry_after_is_honoured(breaker: Breaker, clock: Clock) -> None:
    faults = [ServerFault("no", retry_after=asked) for asked in (20.0, 1.0, 12.0, 7.0, 70.0)]
    assert [fail(breaker, fault).pause for fault in faults[:3]] == [0, 0, 12]
    clock.now += 12
    assert fail(breaker, faults[3]).pause == 10
    clock.now += 10
    assert fail(breaker, faults[4]).pause == 60


def test_failures_from_before_it_opened_lengthen_nothing(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 4
    assert [breaker.failed(GONE) for _ in range(5)] == [0] * 5
    clock.now += 1
    assert breaker.allows()
    assert breaker.failed(RateLimited("no", retry_after=9.0)) == 0  # the server's own wish, though
    clock.now += 8.9
    assert not breaker.allows()


def test_a_late_answer_closes_it_and_the_probe_is_one_of_many(breaker: Breaker, clock: Clock) -> None:
    with breaker.passing(Attempt()):
        opened(breaker)
    assert breaker.allows()
    opened(breaker)
    clock.now += 5
    probe = Attempt()
    with suppress(Unreachable), breaker.passing(probe):
        assert not breaker.allows()
        assert refusal(breaker).endswith("the next try is under way")
        breaker.succeeded()  # a delivery's
        raise GONE
    assert (probe.probe, probe.pause, breaker.allows()) == (True, 0, True)


@both_colours
async def test_a_dead_server_costs_three_failures_and_then_nothing(
    client: MemOS, line: Line, caplog: pytest.LogCaptureFixture, aio: bool
) -> None:
    caplog.set_level(logging.DEBUG, "memos_integrations.memory")
    line.error = GONE
    assert [await ask(client, str(turn), aio) for turn in range(9)] == [NOTHING] * 9
    line.clock.now += 5
    assert await ask(client, "9", aio) == await ask(client, "10", aio) == NOTHING
    assert line.touched == 4
    told = [(e.what, e.error, e.code) for e in line.events if isinstance(e, Degraded)]
    dead, skipped = ("recall", "Unreachable", 0), ("recall", "Skipped", 0)
    assert told == [dead] * 3 + [skipped] * 6 + [dead, skipped]
    line.error = None
    line.clock.now += 10
    assert (await ask(client, "10", aio)) != NOTHING  # the turn that was skipped is asked for again
    assert (await ask(client, "9", aio)) == NOTHING  # the one that failed is not
    logged = [(r.levelname, r.getMessage()[-15:]) for r in caplog.records if r.levelno > logging.DEBUG]
    assert logged[:2] == [("WARNING", "ithout memories")] * 2
    assert logged[2:] == [("WARNING", "skipped for 5 s"), ("INFO", "kipped for 10 s"), ("INFO", " longer skipped")]
    assert "MARKER7f3a" not in caplog.text


@both_colours
async def test_a_refused_recall_raises_where_errors_were_asked_for(client: MemOS, line: Line, aio: bool) -> None:
    line.error, recall = GONE, Recall(on_error="raise")
    for turn in ("1", "2", "3"):
        with pytest.raises(Unreachable, match="MARKER7f3a"):
            await ask(client, turn, aio, recall)
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"^the server was not asked: .* the next try is in 5 s$") as caught:
            await ask(client, "4", aio, recall)
        assert not caught.value.sent
    assert line.touched == 3


@both_colours
async def test_recovery_is_noticed_without_a_probe(client: MemOS, line: Line, aio: bool) -> None:
    opened(line.breaker)
    assert await ask(client, "1", aio) == NOTHING
    line.breaker.succeeded()
    assert await ask(client, "1", aio) != NOTHING


def test_one_of_twenty_threads_probes(client: MemOS, line: Line) -> None:
    opened(line.breaker)
    line.clock.now += 5
    line.let.clear()
    with ThreadPoolExecutor(20) as pool:
        askers = [pool.submit(found, client, str(turn)) for turn in range(20)]
        coming = as_completed(askers, timeout=30)
        assert [next(coming).result() for _ in range(19)] == [NOTHING] * 19
        line.let.set()
        assert next(coming).result() != NOTHING
    assert line.touched == 1
    assert found(client, "20") != NOTHING


async def test_one_of_twenty_tasks_probes_and_leaves_its_place_when_cancelled(client: MemOS, line: Line) -> None:
    opened(line.breaker)
    line.clock.now += 5
    line.let.clear()
    for _ in range(2):
        askers = [asyncio.create_task(ask(client, str(turn), True)) for turn in range(20)]
        coming = asyncio.as_completed(askers, timeout=30)
        assert [await next(coming) for _ in range(19)] == [NOTHING] * 19
        (probe,) = [asker for asker in askers if not asker.done()]
        probe.cancel()
        await asyncio.wait([probe])
    assert line.touched == 2
    line.let.set()
    assert await ask(client, "20", True) != NOTHING


def test_each_client_has_a_breaker_of_its_own_and_shares_it_with_its_kin(client: MemOS, line: Line) -> None:
    opened(line.breaker)
    with client_on(other := Line()) as another:
        assert found(another, "1") != NOTHING
    assert found(client.with_options(deadline=9), "1") == NOTHING
    assert (line.touched, other.touched) == (0, 1)
