"""Contexts that wait, or are kept as JSON."""

import json
from typing import Any

from llama_index.core.workflow import Context, InputRequiredEvent, JsonSerializer

from tests.llama_index.models import OLD

__all__ = ["through_json", "waiting"]


def through_json(ctx: Context, serializer: JsonSerializer | None = None) -> dict[str, Any]:
    """A context as another process gets it: nothing that was recalled is in it."""
    data: dict[str, Any] = json.loads(json.dumps(ctx.to_dict(serializer=serializer or JsonSerializer())))
    kept = data["state"] if OLD else data  # 0.13 keeps a log of its own events, prompts and all
    for injected in ("<memories", "Long-term memory", "Uji"):
        assert injected not in json.dumps(kept)
    return data


async def waiting(handler: Any) -> dict[str, Any]:
    """The same of a run that waits for a person."""
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            return through_json(handler.ctx)
    raise AssertionError("nobody was asked")
