"""LlamaIndex's messages as a question of MemOS's chat, which takes one text and one system prompt. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.llama_index._messages import text_of
from memos_integrations.memory.asking import Question, question_of
from memos_integrations.memory.prompt import strip

__all__ = ["question_in"]

_INSTRUCTING: Final = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER})
# What agents put into the user's role: ReActAgent's observations and complaints, CodeActAgent's results.
_STEP: Final = re.compile(
    r"\A(?:Observation: |Error while parsing the output: |FAILURE: |Result of executing the code )"
)
_TEXT_ALONE: Final = "MemOSLLM: MemOS's chat takes text alone: leave pictures, files and sounds out of the last message"


def question_in(messages: Sequence[ChatMessage], prompt: str | None) -> tuple[Question, bool]:
    """The last thing that the user said, with an agent's steps since then after it, and `prompt` with the system texts
    after it; and whether there are such steps.

    Raises `Invalid` where the user said nothing, `Unsupported` for what is no text.
    """
    place = max((i for i in range(len(messages)) if _asks(messages, i)), default=None)
    if place is None:
        raise Invalid("MemOSLLM: needs a message of the user", field="messages", rule="missing")
    _check_is_text(messages[place])
    beside = [each for each in messages[:place] if each.role in _INSTRUCTING or _is_block(each)]
    steps = [each for each in messages[place + 1 :] if each.role not in _INSTRUCTING]
    systems = [*beside, *(each for each in messages[place + 1 :] if each.role in _INSTRUCTING)]
    said = [text for text in map(text_of, steps) if text.strip()]
    left_out = len(messages) - len(systems) - len(steps) - 1
    told = [text for text in map(text_of, systems) if text.strip() != (prompt or "").strip()]  # predict() adds it too
    query = "\n\n".join([text_of(messages[place]), *said])
    return question_of("MemOSLLM", query, told, prompt, left_out=left_out), bool(said)


def _asks(messages: Sequence[ChatMessage], i: int) -> bool:
    """Whether the user speaks there: not an agent about its own steps, nor a memory before the user's own words."""
    if messages[i].role != MessageRole.USER or _is_block(messages[i]):
        return False
    is_step = i > 0 and messages[i - 1].role == MessageRole.ASSISTANT and _STEP.match(text_of(messages[i]))
    return not is_step


def _is_block(message: ChatMessage) -> bool:
    """Whether a memory of ours set it before a question that its engine puts after it."""
    text = text_of(message)
    return message.role == MessageRole.USER and bool(text) and not strip(text).strip()


def _check_is_text(message: ChatMessage) -> None:
    if not all(isinstance(block, TextBlock) for block in message.blocks):
        raise Unsupported(_TEXT_ALONE)
