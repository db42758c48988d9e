"""Requests to the engine and its answers back, as the wire has them. Computes only; whoever calls it waits."""

import logging
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import from_json

from memos_integrations.engine._engine import Engine
from memos_integrations.errors import Invalid, NotFound, Refused, ServerFault, Unsupported
from memos_integrations.wire.answers import Answer
from memos_integrations.wire.call import Call, checked
from memos_integrations.wire.calls import CALLS
from memos_integrations.wire.envelope import Reply, Request, refuse, write

__all__ = ["route"]

_BUG: Final = 50000
_UNAVAILABLE: Final = 50004

_logger = logging.getLogger(__name__)


def route(engine: Engine, request: Request, project: str = "") -> Reply:
    """What `engine` replies to `request` about the memories of `project`. Raises nothing.

    The path counts by its last two parts, so a base path may stand before them. Members that a call does not know, and
    nulls, are as good as absent, since real clients send both. Refusals have HTTP 200 and MemOS's code.
    """
    try:
        call = _read(request)
        return write(_method(engine, call)(call, project))
    except (Invalid, Refused) as error:
        return refuse(error)
    except Unsupported as error:
        return refuse(ServerFault(str(error), code=_UNAVAILABLE))
    except Exception as error:  # noqa: BLE001 -- the caller gets a reply whatever happens; the cause may hold user text
        _logger.error("a bug in %s: %s", request.path, _place(error))  # noqa: TRY400
        return refuse(ServerFault("the engine failed; its log says where", code=_BUG))


def _read(request: Request) -> Call[Any]:
    path = "/".join(request.path.strip("/").split("/")[-2:])
    call = CALLS.get(path)
    if call is None or request.method.upper() != "POST":
        raise NotFound("no call has this path and method: see the API's list", code=40000)
    members = _members(request.body, path)
    known = {name: value for name, value in members.items() if name in call.model_fields and value is not None}
    return checked(call, known)


def _members(body: bytes, path: str) -> dict[str, Any]:
    try:
        members = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError:
        raise Invalid(f"{path}: the body is no JSON", rule="json") from None
    if not isinstance(members, dict):
        raise Invalid(f"{path}: the body is no JSON object", rule="json")
    return members


def _method(engine: Engine, call: Call[Any]) -> Callable[[Call[Any], str], Answer]:
    """The engine's method by its name, so that a subclass's own counts."""
    method: Callable[[Call[Any], str], Answer] = getattr(engine, call.path.replace("/", "_"))
    return method


def _place(error: BaseException) -> str:
    """Which error arose where, without its words."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} in {where}"
