"""MemOS and AsyncMemOS: the calls, and two drivers of about ten lines, the only code in this folder that waits."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, aclosing
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from pydantic import SecretStr

from memos_integrations.client._calls import RETRY
from memos_integrations.client._exchange import Outcome, Retry, exchange
from memos_integrations.client._outbox import OutboxOptions, outbox_options
from memos_integrations.client._settings import settings, zone
from memos_integrations.client._several import AsyncSeveral, Several
from memos_integrations.client._shared import CLOSING_SECONDS, Shared, aside, listeners
from memos_integrations.client._streams import aevents, events, whole
from memos_integrations.client._upload import AsyncUploads, Uploads
from memos_integrations.client.events import OnEvent
from memos_integrations.errors import Unreachable, Unsupported
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import StreamChat
from memos_integrations.wire.envelope import AsyncTransport, Progress, Reply, Request, Streamed, request
from memos_integrations.wire.events import ChatEvent

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncMemOS", "MemOS"]

T = TypeVar("T")
_pause, _pause_aio = time.sleep, asyncio.sleep
_ONE_HALF = "this MemOS has an http_client of yours: give async_http_client as well to use .aio"
_logger = logging.getLogger(__name__)


class MemOS(Uploads, Several):
    """A client of MemOS over HTTP: MemOS Cloud, or a server of one's own. Safe for threads.

    `base_url` (or MEMOS_BASE_URL) is an http(s) address that ends with the API's path; without it, MemOS Cloud
    (`is_global` or MEMOS_IS_GLOBAL: the one outside mainland China). `api_key` (or MEMOS_API_KEY) is needed for the
    clouds. `timezone` is the server's, by default Asia/Shanghai for the clouds and UTC elsewhere. `deadline` in seconds
    bounds a call with all its tries (None: 30 s, and 120 s where a model is asked). `http_client` and
    `async_http_client` (for `.aio`) are used as they are and never closed; their pool and time-outs are yours.
    `on_event` is told what memories did (see `events`). `outbox`: where turns wait for delivery (see `OutboxOptions`).

    Nothing is opened before the first call. `close()`, or `with`, delivers what is left and closes. Raises `Invalid`.

    ```python
    with MemOS(base_url="http://127.0.0.1:8000/api/openmem/v1") as client:
        found = client.search_memory(query="tea", user_id="u")
    ```
    """

    waits = False
    _aio: "AsyncMemOS | None" = None

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | SecretStr | None = None,
        is_global: bool | None = None,
        timezone: str | None = None,
        deadline: float | None = None,
        retry: Retry = RETRY,
        http_client: "httpx.Client | None" = None,
        async_http_client: "httpx.AsyncClient | None" = None,
        on_event: OnEvent | Iterable[OnEvent] = (),
        outbox: OutboxOptions | str | os.PathLike[str] | None = None,
    ) -> None:
        known = settings(base_url=base_url, api_key=api_key, is_global=is_global, timezone=timezone)
        from memos_integrations.client._http import AsyncHttpTransport, HttpTransport  # loads httpx: not before needed

        aio: AsyncTransport = AsyncHttpTransport(known, async_http_client)
        if http_client is not None and async_http_client is None:
            aio = _Missing()
        shared = Shared(
            HttpTransport(known, http_client),
            aio,
            address=known.base_url,
            timezone=zone(known.timezone),
            on_event=listeners(on_event),
            outbox=outbox_options(outbox),
            account=lambda salt: known.account(salt, _authorization(http_client)),
        )
        super().__init__(shared, deadline, retry)

    def send(self, call: Call[T], *, on_progress: Progress | None = None) -> T:
        """The answer to `call`. Raises `Refused`, `Unreachable` or `Garbled`."""
        started, steps = time.monotonic(), self._steps(call)
        step = next(steps)
        while True:
            outcome = self._outcome(request(step.call, on_progress), step.seconds)
            try:
                step = steps.send((outcome, time.monotonic() - started))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            _logger.debug("%s in %.2f s, after %r", step.call.path, step.pause, outcome)
            self._rest(step.pause)

    def _rest(self, seconds: float) -> None:
        _pause(seconds)

    def stream(self, call: StreamChat) -> Generator[ChatEvent, None, None]:
        """The events of `call`, asked for with the first one; closing the generator gives the rest up.

        Raises `Interrupted` for a stream that breaks off, and what `send` raises. One that has begun is never asked
        for again.
        """
        return self._streaming(call, request(call))

    def _streaming(self, call: StreamChat, asked: Request) -> Generator[ChatEvent, None, None]:
        steps, started = exchange(call, self.retry, self._seconds(call)), time.monotonic()
        step = next(steps)
        while True:
            with ExitStack() as held:
                outcome = self._opened(held, asked, step.seconds)
                if isinstance(outcome, Streamed):
                    yield from events(call.path, outcome.pieces)
                    return
            try:
                step = steps.send((outcome, time.monotonic() - started))
            except StopIteration as end:
                yield from whole(end.value)
                return
            _pause(step.pause)

    def _opened(self, held: ExitStack, asked: Request, seconds: float) -> Outcome | Streamed[Iterator[bytes]]:
        self._check_open()
        try:
            return held.enter_context(self._shared.transport.stream(asked, seconds))
        except Unreachable as error:
            return error

    def _outcome(self, asked: Request, seconds: float) -> Outcome:
        self._check_open()
        try:
            return self._shared.dated(self._shared.transport.send(asked, seconds))
        except Unreachable as error:
            return error

    @property
    def aio(self) -> "AsyncMemOS":
        """The async client on the same settings: usable from any event loop, several in a row and several threads."""
        if self._aio is None:
            self._aio = AsyncMemOS._on(self._shared, self._deadline, self.retry, self._verify)  # noqa: SLF001 - its sibling
        return self._aio

    def flush(self, timeout: float | None = None) -> int:
        """Waits until what was handed over is delivered, `timeout` seconds at most; returns how much is left."""
        return self._shared.flush(timeout)

    def close(self, timeout: float = CLOSING_SECONDS) -> None:
        """Flushes, `timeout` seconds at most, logs a warning if something is left, then closes; again does nothing."""
        self._shared.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncMemOS(AsyncUploads, AsyncSeveral):
    """`MemOS` with every call awaitable, for any asyncio loop; its parameters mean the same.

    Without an `http_client` of your own it serves several loops, one after another and at once, and leaves nothing
    behind on any of them. With one, it runs on your loop, as that client does.
    """

    waits = True

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | SecretStr | None = None,
        is_global: bool | None = None,
        timezone: str | None = None,
        deadline: float | None = None,
        retry: Retry = RETRY,
        http_client: "httpx.AsyncClient | None" = None,
        on_event: OnEvent | Iterable[OnEvent] = (),
        outbox: OutboxOptions | str | os.PathLike[str] | None = None,
    ) -> None:
        known = settings(base_url=base_url, api_key=api_key, is_global=is_global, timezone=timezone)
        from memos_integrations.client._http import AsyncHttpTransport, HttpTransport

        shared = Shared(
            HttpTransport(known),
            AsyncHttpTransport(known, http_client),
            address=known.base_url,
            timezone=zone(known.timezone),
            on_event=listeners(on_event),
            outbox=outbox_options(outbox),
            account=lambda salt: known.account(salt, _authorization(http_client)),
        )
        super().__init__(shared, deadline, retry)

    async def send(self, call: Call[T], *, on_progress: Progress | None = None) -> T:
        """The answer to `call`. Raises `Refused`, `Unreachable` or `Garbled`."""
        started, steps = time.monotonic(), self._steps(call)
        step = next(steps)
        while True:
            outcome = await self._outcome(request(step.call, on_progress), step.seconds)
            try:
                step = steps.send((outcome, time.monotonic() - started))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            _logger.debug("%s in %.2f s, after %r", step.call.path, step.pause, outcome)
            await self._rest(step.pause)

    async def _rest(self, seconds: float) -> None:
        await _pause_aio(seconds)

    def stream(self, call: StreamChat) -> AsyncGenerator[ChatEvent, None]:
        """The events of `call`, asked for with the first one; cancelling, or `aclose()`, gives the rest up at once.

        Raises what `MemOS.stream` raises.
        """
        return self._streaming(call, request(call))

    async def _streaming(self, call: StreamChat, asked: Request) -> AsyncGenerator[ChatEvent, None]:
        steps, started = exchange(call, self.retry, self._seconds(call)), time.monotonic()
        step = next(steps)
        while True:
            async with AsyncExitStack() as held:
                outcome = await self._opened(held, asked, step.seconds)
                if isinstance(outcome, Streamed):
                    async with aclosing(aevents(call.path, outcome.pieces)) as coming:
                        async for event in coming:
                            yield event
                    return
            try:
                step = steps.send((outcome, time.monotonic() - started))
            except StopIteration as end:
                for event in whole(end.value):
                    yield event
                return
            await _pause_aio(step.pause)

    async def _opened(
        self, held: AsyncExitStack, asked: Request, seconds: float
    ) -> Outcome | Streamed[AsyncIterator[bytes]]:
        self._check_open()
        try:
            return await held.enter_async_context(self._shared.aio_transport.stream(asked, seconds))
        except Unreachable as error:
            return error

    async def _outcome(self, asked: Request, seconds: float) -> Outcome:
        self._check_open()
        try:
            return self._shared.dated(await self._shared.aio_transport.send(asked, seconds))
        except Unreachable as error:
            return error

    async def flush(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - the bound of a thread's work
        """Waits, off the loop, until what was handed over is delivered, `timeout` seconds at most; how much is left."""
        return await aside(self._shared.flush, timeout)

    async def close(self, timeout: float = CLOSING_SECONDS) -> None:  # noqa: ASYNC109
        """Flushes, off the loop, `timeout` seconds at most, logs a warning if something is left, then closes."""
        await self._shared.aclose(timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _authorization(http_client: "httpx.Client | httpx.AsyncClient | None") -> str:
    """What a user's own client says of who asks, where it says so in a header."""
    return "" if http_client is None else http_client.headers.get("authorization", "")


class _Missing:
    """The async half of a client that was given an `http_client` for the other half only: better told than ignored."""

    async def send(self, request: Request, seconds: float) -> Reply:  # noqa: ARG002 - the protocol's
        raise Unsupported(_ONE_HALF)

    def stream(self, request: Request, seconds: float) -> NoReturn:  # noqa: ARG002 - the protocol's
        raise Unsupported(_ONE_HALF)

    async def close(self) -> None:
        """There is nothing to close."""
