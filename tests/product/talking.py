"""A conversation in the dialect without a server: a call, the replies, and what becomes of it."""

import json
from typing import Any, TypeVar

from memos_integrations.wire.call import Call
from memos_integrations.wire.envelope import Reply, Request, read, request
from memos_integrations.wire.product import Product

__all__ = ["ask", "bodies", "fine", "item", "shelves", "talk"]

T = TypeVar("T")


def fine(data: Any, **members: Any) -> Reply:
    return Reply(200, json.dumps({"code": 200, "message": "ok", "data": data, **members}).encode())


def talk(call: Call[T], *replies: Reply, dialect: Product | None = None) -> tuple[list[Request], Reply]:
    """What was asked, and what the client reads in the end."""
    steps = (dialect or Product()).conversation(request(call))
    asked = [next(steps)]
    for reply in replies:
        try:
            asked.append(steps.send(reply))
        except StopIteration as end:
            return asked, end.value
    raise AssertionError("the conversation goes on")


def ask(call: Call[T], *replies: Reply, dialect: Product | None = None) -> T:
    """The answer. Raises what the client raises."""
    return read(call, talk(call, *replies, dialect=dialect)[1])


def bodies(call: Call[Any], *, dialect: Product | None = None) -> dict[str, Any]:
    """The body of what is asked first."""
    body = next((dialect or Product()).conversation(request(call))).body
    told: dict[str, Any] = json.loads(body)
    return told


def item(number: int, **about: Any) -> dict[str, Any]:
    usual = {"user_id": "ada", "status": "activated", "memory_type": "UserMemory", "relativity": 0.9}
    return {"id": f"m{number}", "memory": f"text {number}", "metadata": {**usual, **about}}


def shelves(*items: dict[str, Any], cube: str | None = "user-ada", bucket: str = "text_mem", **more: Any) -> Reply:
    return fine({bucket: [{"cube_id": cube, "memories": list(items)}], **more})
