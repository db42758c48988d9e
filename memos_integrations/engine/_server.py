"""The router as an ASGI app: who may ask, how much, and how the answer leaves. Needs Starlette (the extra "server")."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Asked
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._knowledge_form import takes_form
from memos_integrations.engine._openapi import DOCUMENT, HEALTH, document, version
from memos_integrations.engine._pieces import Pieces
from memos_integrations.engine._workers import Workers
from memos_integrations.errors import BadRequest, NotFound, Refused, ServerFault, Unauthorized, Unreachable
from memos_integrations.wire.calls import CALLS, AddKnowledgebaseFile
from memos_integrations.wire.envelope import Reply, Request, Streamed, refuse

__all__ = ["ANSWER_SECONDS", "FILES_BODY", "MAX_BODY", "make_app"]

MAX_BODY: Final = 16 << 20
FILES_BODY: Final = 302 << 20
"""The most that a request of files may hold (contract §1.5: 300 MB), and room for what stands between them."""

ANSWER_SECONDS: Final = 120.0
_JSON: Final = "application/json"
_INVALID, _WRONG_TYPE, _TOO_LARGE, _FAILED, _UNAVAILABLE = 40000, 40006, 40305, 50002, 50004  # contract §1.4


def make_app(
    engine: Engine,
    *,
    keys: Keys | None = None,
    hosts: Collection[str] = (),
    max_body: int = MAX_BODY,
    answer_seconds: float = ANSWER_SECONDS,
) -> Starlette:
    """MemOS's API over `engine`, below any base path, with /health and /openapi.json beside it.

    With `keys` each request needs one and sees its key's project; without, everybody has the project of
    `connect("memos.db")`, and requests are answered only under this machine's names: "localhost", numeric addresses
    and `hosts`, so that no web page gets in by a name of its own. A body is at most `max_body` bytes, one with files
    302 MB; a model's answer is waited for `answer_seconds`. The engine stays open when the app ends.
    """
    workers = Workers(engine)
    calls = _Calls(workers, keys, {host.lower() for host in hosts}, max_body, answer_seconds)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await workers.close()

    return Starlette(routes=[calls], lifespan=lifespan)


class _Calls(BaseRoute):
    """Every path there is. Refusals of our own come before the body is read, those of a call from the router."""

    def __init__(
        self, workers: Workers, keys: Keys | None, hosts: Collection[str], max_body: int, answer_seconds: float
    ) -> None:
        self._workers, self._keys, self._hosts = workers, keys, hosts
        self._max_body, self._answer_seconds = max_body, answer_seconds
        self._pages = {
            HEALTH: json.dumps({"status": "ok", "version": version()}).encode(),
            DOCUMENT: json.dumps(document(keyed=keys is not None)).encode(),
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whatever is HTTP."""
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; who hangs up gives a model's answer up, before its beginning or in the middle."""
        try:
            reply = await self._reply(Asked(scope, receive))
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # the server is ending, and has waited long enough
            reply = refuse(ServerFault("the server ended before the answer was there", code=_FAILED))
        if isinstance(reply, Reply):
            await Response(reply.body, reply.status, dict(reply.headers))(scope, receive, send)
            return
        with suppress(asyncio.CancelledError):  # the same: the stream breaks off, and its reader sees that
            async with self._workers.streamed(reply.pieces) as pieces:
                await StreamingResponse(pieces, reply.status, reply.headers)(scope, receive, send)

    async def _reply(self, asked: Asked) -> Reply | Streamed[Pieces]:
        try:
            path = _raw_path(asked.scope)
            self._check_host(asked)
            methods, page = self._known(path)
            if asked.method not in methods:
                return _with(refuse(_refused("this path takes another method", 405)), allow=", ".join(sorted(methods)))
            if page is not None:
                return Reply(200, page, {"content-type": _JSON})
            project = "" if self._keys is None else self._keys.project(asked.headers.get("authorization"))
            request = Request(asked.method, path) if asked.method == "GET" else await self._request(asked, path)
            return await self._answer(asked, request, project)
        except Unauthorized as error:
            return _with(refuse(error), **{"www-authenticate": "Token, Bearer"})
        except Refused as error:
            return refuse(error)
        except Unreachable as error:
            return refuse(ServerFault(str(error), code=_FAILED if error.sent else _UNAVAILABLE))

    async def _answer(self, asked: Asked, request: Request, project: str) -> Reply | Streamed[Pieces]:
        """The engine's reply. Raises `ClientDisconnect` when the client left before a model had answered."""
        asking = asyncio.ensure_future(self._workers.ask(request, project, self._answer_seconds))
        if not self._workers.asks_model(request):
            return await asking
        leaving = asyncio.ensure_future(_left(asked))
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ClientDisconnect
            return asking.result()
        finally:
            asking.cancel()
            leaving.cancel()
            await asyncio.gather(asking, leaving, return_exceptions=True)

    def _known(self, path: str) -> tuple[set[str], bytes | None]:
        """The methods that `path` takes, by its end, and what is there where it is a page of our own."""
        steps = path.strip("/").split("/")
        methods: set[str] = {call.method for call in CALLS.values() if _fits(call.path, steps)}
        page = None if methods else self._pages.get(steps[-1])
        if page is None and not methods:
            raise _refused(f"nothing has this path: the calls are listed at /{DOCUMENT}", 404)
        return methods or {"GET", "HEAD"}, page

    def _check_host(self, asked: Asked) -> None:
        """Where no key is asked for, against web pages that give their own name this machine's address."""
        if self._keys is None and not _is_here(asked.headers.get("host", ""), self._hosts):
            words = "the Host header is no numeric address, not localhost, and not the host that is served: use keys"
            raise _refused(words, 421)

    async def _request(self, asked: Asked, path: str) -> Request:
        kind = asked.headers.get("content-type", "")
        form = takes_form(path, kind)
        self._check_type(asked, kind, form=form)
        body = await self._body(asked, max(self._max_body, FILES_BODY) if _is_files(path) else self._max_body)
        query, headers = (dict(asked.query_params), {"content-type": kind}) if form else ({}, {})
        return Request(asked.method, path, body, query, headers)

    def _check_type(self, asked: Asked, kind: str, *, form: bool) -> None:
        """JSON, and where files are added a form; what a web page may send without asking first is refused.

        A browser names the page in Origin; with keys it asks first, since the header for them is none of its own.
        """
        if form and (self._keys is not None or "origin" not in asked.headers):
            return
        if kind.partition(";")[0].strip().lower() != _JSON:
            raise _refused(f"the body's Content-Type must be {_JSON}", 415, _WRONG_TYPE)

    async def _body(self, asked: Asked, most: int) -> bytes:
        """The body, counted as it comes."""
        declared = asked.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)
        size, chunks = 0, []
        async for chunk in asked.stream():
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            chunks.append(chunk)
        return b"".join(chunks)


def _too_large(most: int) -> Refused:
    return _refused(f"the body is larger than {most} bytes: send less at a time", 413, _TOO_LARGE)


def _is_files(path: str) -> bool:
    return path.strip("/").endswith(AddKnowledgebaseFile.path)


async def _left(asked: Asked) -> None:
    """Waits for the client to hang up; its body is read by now."""
    while (await asked.receive())["type"] != "http.disconnect":
        pass


def _fits(template: str, steps: list[str]) -> bool:
    """Whether a path ends as a call's does."""
    wanted = template.split("/")
    return len(steps) >= len(wanted) and all(
        want == step or (want.startswith("{") and step)
        for want, step in zip(wanted, steps[-len(wanted) :], strict=True)
    )


def _is_here(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine in a way that no one else can choose."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name in names or name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False


def _raw_path(scope: Scope) -> str:
    """The path as it was sent: a memory's id may hold an encoded slash."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])


def _refused(words: str, status: int, code: int = _INVALID) -> Refused:
    return (NotFound if status == 404 else BadRequest)(words, code=code, status=status)


def _with(reply: Reply, **headers: str) -> Reply:
    return replace(reply, headers={**reply.headers, **headers})
