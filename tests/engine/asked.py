"""A server over an engine, asked in HTTP's own terms."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from memos_integrations.engine import Engine
from memos_integrations.engine._server import make_app
from tests.serving import served

__all__ = ["Asking", "asking"]


class Asking:
    """One client of a server; `headers` go with each of its requests."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def post(self, path: str, _body: bytes | None = None, **members: Any) -> httpx.Response:
        """The reply to a call of `members`, or to the bytes of a body."""
        content = json.dumps(members).encode() if _body is None else _body
        return self.http.post(f"/{path}", content=content)

    def data(self, path: str, **members: Any) -> Any:
        """A call's answer."""
        told = self.post(path, **members).json()
        assert told["code"] == 0, told
        return told["data"]

    def code(self, path: str, **members: Any) -> int:
        """A refusal's code."""
        code: int = self.post(path, **members).json()["code"]
        return code

    def add(self, *texts: str, user: str = "u", **more: Any) -> Any:
        messages = [{"role": "user", "content": text} for text in texts]
        given = {"messages": messages, "user_id": user, "conversation_id": "c", "async_mode": False, **more}
        return self.data("add/message", **given)

    def facts(self, query: str, user: str = "u") -> list[str]:
        found = self.data("search/memory", query=query, user_id=user)
        return [fact["memory_value"] for fact in found["memory_detail_list"]]


@contextmanager
def asking(engine: Engine, *authorizations: str, **options: Any) -> Iterator[list[Asking]]:
    """A client for each Authorization header, or one without."""
    with served(make_app(engine, **options)) as address:
        heads = [{"authorization": each} for each in authorizations] or [{}]
        https = [
            httpx.Client(base_url=address, headers={"content-type": "application/json", **head}, trust_env=False)
            for head in heads
        ]
        try:
            yield [Asking(http) for http in https]
        finally:
            for http in https:
                http.close()
