"""Where recalled text goes among the messages that a model is handed. Pure."""

from collections.abc import Sequence
from typing import Literal

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from memos_integrations.memory.prompt import PROTOCOL, Form

__all__ = ["Placement", "form_of", "placed"]

Placement = Literal["user", "system", "off"]


def form_of(placement: Placement, *, later: bool = False) -> Form:
    """The form in which `render` writes for that placement; `later` where the question is not among the messages."""
    return "system" if placement == "system" or later else "whole"


def placed(messages: Sequence[ChatMessage], text: str, placement: Placement, question: int | None) -> list[ChatMessage]:
    """`messages` with `text` right before the words of the one at `question`, or in the system message.

    A question that is not among them (None) is put after them by its engine, so `text` then is the last message.
    The messages are changed nowhere; those with `text` are new.
    """
    if placement == "system":
        return _in_system(messages, f"{PROTOCOL}\n\n{text}")
    if question is None or not 0 <= question < len(messages):
        return [*messages, ChatMessage(role=MessageRole.USER, content=f"{PROTOCOL}\n\n{text}")]
    own = messages[question]
    told = own.model_copy(update={"blocks": [TextBlock(text=text), *own.blocks]})
    return [*messages[:question], told, *messages[question + 1 :]]


def _in_system(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """One system message, never two: the history's own takes `text` after its words."""
    if not messages or messages[0].role != MessageRole.SYSTEM:
        return [ChatMessage(role=MessageRole.SYSTEM, content=text), *messages]
    own = messages[0]
    return [own.model_copy(update={"blocks": [*own.blocks, TextBlock(text=f"\n\n{text}")]}), *messages[1:]]
