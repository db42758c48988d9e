"""One memory by its id, in the documented form and in the one that another client reads (contract §2.5)."""

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from memos_integrations.wire.answers import Answer, Memory
from memos_integrations.wire.call import Call
from memos_integrations.wire.checks import Spoken, broken

__all__ = ["GetMemoryById"]

MAX_MEMORY_ID = 1_000


class GetMemoryById(Call[Memory]):
    """Read one memory by its id (`GET get/memory/{memory_id}`, contract §2.5); profiles can't be read so.

    An id is at most 1,000 characters here, since no address can be of any length. One that does not exist raises
    `NotFound`.
    """

    path: ClassVar[str] = "get/memory/{memory_id}"
    method: ClassVar[Literal["GET", "POST"]] = "GET"
    answer: ClassVar[type[Answer]] = Memory
    repeatable: ClassVar[bool] = True

    memory_id: Annotated[Spoken, Field(max_length=MAX_MEMORY_ID)]

    @model_validator(mode="after")
    def _is_a_part_of_a_path(self) -> "GetMemoryById":
        if self.memory_id in {".", ".."}:
            raise broken("memory_id", "dots alone name a place in the path, not a memory")
        return self

    def target(self) -> str:
        """The path with the id in it, percent-encoded as a whole."""
        return self.path.format(memory_id=quote(self.memory_id, safe=""))

    def fitted(self, data: Any) -> Any:
        """The memory in the documented form, where a server tells it as `memory` and `metadata` (contract §2.5)."""
        return _documented(data, self.memory_id) if isinstance(data, dict) else data


def _documented(data: dict[str, Any], asked: str) -> dict[str, Any]:
    about = data.get("metadata")
    if not isinstance(about, dict):
        return {**data, "id": data.get("id") or asked}
    kind = str(about.get("memory_type") or "").lower()
    views = (("preference", "preference"), ("tool", "tool_memory"), ("skill", "skill"), ("event", "event"))
    told = {
        "id": about.get("id") or asked,
        "memory_view": next((view for word, view in views if word in kind), "detail_factual"),
        "title": about.get("key"),
        "content": data.get("memory"),
        "conversation_id": about.get("session_id"),
        **{name: about.get(name) for name in ("status", "created_at", "updated_at", "user_id", "tags", "info")},
    }
    return {**told, **{name: value for name, value in data.items() if value is not None}}
