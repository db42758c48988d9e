"""LangChain's messages as a question of MemOS's chat, which takes one text and one system prompt. Pure."""

from collections.abc import Sequence
from typing import Final

from langchain_core.messages import BaseMessage, SystemMessage

from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.langchain._messages import asked_in
from memos_integrations.memory.asking import Question, question_of

__all__ = ["question_in"]

_TEXT_ALONE: Final = (
    "ChatMemOS: MemOS's chat takes text alone: leave pictures, files and sounds out of the last message"
)


def question_in(messages: Sequence[BaseMessage], prompt: str | None) -> Question:
    """The last thing that the user said, and `prompt` with the system texts after it.

    Raises `Invalid` where the user said nothing, `Unsupported` for what is no text.
    """
    said = asked_in(messages)
    if said is None:
        raise Invalid("ChatMemOS: needs a message of the user", field="messages", rule="missing")
    _check_is_text(said)
    systems = [str(message.text) for message in messages if isinstance(message, SystemMessage)]
    others = len(messages) - len(systems) - 1
    return question_of("ChatMemOS", str(said.text), systems, prompt, left_out=others)


def _check_is_text(message: BaseMessage) -> None:
    content = message.content
    blocks = [content] if isinstance(content, str) else content
    if not all(isinstance(block, str) or block.get("type") == "text" for block in blocks):
        raise Unsupported(_TEXT_ALONE)
