"""A user's own httpx client as a line: used as it is, its pool and time-outs are its owner's, and never closed here."""

import httpx

from memos_integrations.client._flow import AsyncComing, Coming
from memos_integrations.client._talk import Body, Talk, named
from memos_integrations.wire.envelope import Request

__all__ = ["AsyncTheirs", "Theirs"]


class Theirs:
    """For threads."""

    def __init__(self, talk: Talk, client: httpx.Client) -> None:
        self._talk, self._client = talk, client

    def ask(self, request: Request, body: Body, seconds: float) -> Coming:
        """The head of the reply. `seconds` bounds each phase, unless the client's own time-out is shorter."""
        timeout = _shortened(self._client.timeout, seconds)
        asked = _asked(self._talk, self._client, request, body, timeout)
        response = self._client.send(asked, stream=True, follow_redirects=False)
        return Coming(response.status_code, named(response.headers.raw), response.iter_bytes(), response.close)


class AsyncTheirs:
    """For the tasks of the loop that the client belongs to."""

    def __init__(self, talk: Talk, client: httpx.AsyncClient) -> None:
        self._talk, self._client = talk, client

    async def ask(self, request: Request, body: Body) -> AsyncComing:
        """The head of the reply."""
        asked = _asked(self._talk, self._client, request, body, self._client.timeout)
        response = await self._client.send(asked, stream=True, follow_redirects=False)
        return AsyncComing(response.status_code, named(response.headers.raw), response.aiter_bytes(), response.aclose)


def _asked(
    talk: Talk, client: httpx.Client | httpx.AsyncClient, request: Request, body: Body, timeout: httpx.Timeout
) -> httpx.Request:
    """`request` in httpx's terms, with what the client adds of its own."""
    made = client.build_request(
        request.method,
        talk.url(request.path),
        content=body.content,
        params=dict(request.query) or None,
        headers={**request.headers, **talk.own},
        timeout=timeout,
    )
    made.stream = body
    return made


def _shortened(timeout: httpx.Timeout, seconds: float) -> httpx.Timeout:
    phases = (timeout.connect, timeout.read, timeout.write, timeout.pool)
    connect, read, write, pool = (seconds if phase is None else min(phase, seconds) for phase in phases)
    return httpx.Timeout(connect=connect, read=read, write=write, pool=pool)
