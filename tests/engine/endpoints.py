"""What an OpenAI-compatible endpoint answers, for `tests.client.server.Server` to say."""

import json
from typing import Any

from tests.client.server import Answer, says, stall, streams

__all__ = ["DONE", "HELD", "KEY", "LYON", "chunk", "whole"]

KEY = "sk-Xq7SECRETq7X"
DONE = "data: [DONE]\n\n"


def whole(**message: Any) -> Answer:
    """An answer that comes whole."""
    return says(200, json.dumps({"choices": [{"message": message}]}), {"content-type": "application/json"})


def chunk(**delta: Any) -> str:
    """A piece of one that is streamed."""
    return "data: " + json.dumps({"choices": [{"delta": delta}]}) + "\n\n"


LYON = streams(chunk(role="assistant"), chunk(reasoning="Hm."), chunk(content="In "), chunk(content="Lyon."), DONE)
HELD = streams(chunk(content="In "), then=stall)
