"""Requests to the engine and its answers back, as the wire has them. Computes only; whoever calls it waits."""

import logging
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from pydantic_core import from_json

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._knowledge_form import form_members, takes_form
from memos_integrations.engine._pieces import Pieces, Waiting
from memos_integrations.errors import BadRequest, Invalid, MemOSError, NotFound, Refused, ServerFault, Unsupported
from memos_integrations.wire.call import Call, checked
from memos_integrations.wire.calls import CALLS, AddMessage, Chat, GetMemoryById, SearchMemory, StreamChat
from memos_integrations.wire.envelope import Reply, Request, Streamed, refuse, write

__all__ = ["asks_model", "route"]

_BUG: Final = 50000
_UNAVAILABLE: Final = 50004
_SSE: Final = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_INNER_CAPITAL: Final = re.compile(r"(?<=.)(?=[A-Z])")

_logger = logging.getLogger(__name__)


def route(
    engine: Engine,
    request: Request,
    project: str = "",
    seconds: float | None = None,
    waiting: Waiting | None = None,
) -> Reply | Streamed[Pieces]:
    """What `engine` replies to `request` about the memories of `project`. Raises nothing.

    The path counts by its end, so a base path may stand before it. Members that a call does not know, and nulls, are
    as good as absent, since real clients send both. Refusals have HTTP 200 and MemOS's code. `seconds` is the most
    that a model behind the engine may take, `waiting` lets another thread give it up before there is a reply; a stream
    of its answer comes in pieces, with `close()` for any thread.
    """
    try:
        call = _read(request)
        waits = call.asks_model or (isinstance(call, AddMessage | SearchMemory) and engine.waits(call.path))
        method, more = _method(engine, call), {"seconds": seconds, "waiting": waiting} if waits else {}
        if isinstance(call, StreamChat):
            return Streamed(200, Pieces(method(call, project, **more), _telling(request)), _SSE)
        return write(method(call, project, **more), enveloped=call.enveloped)
    except Exception as error:  # noqa: BLE001 -- the caller gets a reply whatever happens
        return refuse(_telling(request)(error))


def asks_model(engine: Engine, request: Request) -> bool:
    """Whether the reply may wait for a model."""
    return engine.waits(_path(request))


def _telling(request: Request) -> Callable[[Exception], Invalid | Refused]:
    """What goes over the wire for an error that arose in answering `request`; a bug is logged without its words."""

    def told(error: Exception) -> Invalid | Refused:
        if isinstance(error, Invalid | Refused):
            return error
        if isinstance(error, MemOSError):
            code = _UNAVAILABLE if isinstance(error, Unsupported) else _BUG
            return ServerFault(str(error), code=code)
        _logger.error("a bug in %s: %s", _last(request.path), _place(error))
        return ServerFault("the engine failed; its log says where", code=_BUG)

    return told


def _read(request: Request) -> Call[Any]:
    parts = request.path.strip("/").split("/")
    if request.method.upper() == "GET" and parts[-3:-1] == ["get", "memory"]:
        return checked(GetMemoryById, {"memory_id": unquote(parts[-1])})
    path = _path(request)
    if not path or request.method.upper() != "POST":
        raise NotFound("no call has this path and method: see the API's list", code=40000)
    if takes_form(path, request.headers.get("content-type", "")):
        members = form_members(request)
    else:
        members = _members(request.body, path)
    call = _streamed(members) if path == Chat.path else CALLS[path]
    known = {name: value for name, value in members.items() if name in call.model_fields and value is not None}
    return _bearable(checked(call, known))


def _path(request: Request) -> str:
    """The path of the call, without what stands before it; empty for one that nobody knows."""
    parts = request.path.strip("/").split("/")
    return next((path for path in ("/".join(parts[-2:]), parts[-1]) if path in CALLS), "")


def _bearable(call: Call[Any]) -> Call[Any]:
    """`call`, unless it has more tokens than the API takes."""
    if error := call.overlong():
        raise BadRequest(str(error), code=call.too_long, path=call.path)
    return call


def _streamed(members: dict[str, Any]) -> type[Call[Any]]:
    """Which of the two chat calls is meant."""
    stream = members.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise Invalid("chat: stream must be true or false", field="stream", rule="bool_type")
    return StreamChat if stream else Chat


def _members(body: bytes, path: str) -> dict[str, Any]:
    try:
        members = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError:
        raise Invalid(f"{path}: the body is no JSON", rule="json") from None
    if not isinstance(members, dict):
        raise Invalid(f"{path}: the body is no JSON object", rule="json")
    return members


def _method(engine: Engine, call: Call[Any]) -> Callable[..., Any]:
    """The engine's method by the call's name, so that a subclass's own counts."""
    name = _INNER_CAPITAL.sub("_", type(call).__name__).lower()
    method: Callable[..., Any] = getattr(engine, name)
    return method


def _last(path: str) -> str:
    """A path as a log may show it: a memory's id left out."""
    parts = path.strip("/").split("/")
    return "/".join(parts[-3:-1] if parts[-3:-1] == ["get", "memory"] else parts[-2:])


def _place(error: BaseException) -> str:
    """Which error arose where, without its words."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} in {where}"
