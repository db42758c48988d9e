"""LangChain's messages as a question of MemOS's chat, which takes one text and one system prompt. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from langchain_core.messages import BaseMessage, SystemMessage

from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.langchain._messages import asked_in
from memos_integrations.memory.prompt import PROTOCOL, split
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import Chat, StreamChat

__all__ = ["OPTIONS", "Question", "call_of", "question_in", "stops_of"]

C = TypeVar("C", Chat, StreamChat)

OPTIONS: Final = (
    "agent_id",
    "app_id",
    "filter",
    "include_preference",
    "info",
    "knowledgebase_ids",
    "max_tokens",
    "memory_limit_number",
    "preference_limit_number",
    "relativity",
    "tags",
    "temperature",
    "top_p",
)
_UNBRACED: Final = str.maketrans({"{": "&#123;", "}": "&#125;"})
_TEXT_ALONE: Final = (
    "ChatMemOS: MemOS's chat takes text alone: leave pictures, files and sounds out of the last message"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent of a request; `left_out` counts the messages of the conversation that are not."""

    query: str = field(repr=False)
    system: str | None = field(repr=False)
    left_out: int


def question_in(messages: Sequence[BaseMessage], prompt: str | None) -> Question:
    """The last thing that the user said, and `prompt` with the system texts after it.

    Blocks of memories that we set before the user's text, or beside a system text, go to the system prompt's end.
    Their braces are escaped: MemOS fills the placeholder `{memories}` in, and self-hosted servers format all braces.
    Raises `Invalid` where the user said nothing, `Unsupported` for what is no text.
    """
    said = asked_in(messages)
    if said is None:
        raise Invalid("ChatMemOS: needs a message of the user", field="messages", rule="missing")
    _check_is_text(said)
    blocks, query = split(str(said.text))
    if not query.strip():
        raise Invalid("ChatMemOS: the user's last message has no text", field="messages", rule="blank")
    texts = [prompt or ""]
    for message in messages:
        if isinstance(message, SystemMessage):
            found, text = split(str(message.text))
            blocks += found
            texts.append(text)
    others = sum(not isinstance(message, SystemMessage) for message in messages) - 1
    return Question(query, _system(texts, blocks), others)


def _system(texts: Sequence[str], blocks: Sequence[str]) -> str | None:
    """None where nothing is said: MemOS takes a prompt of its own then."""
    said = [text.strip() for text in texts if text.strip()]
    if blocks and not any(PROTOCOL in text for text in said):
        said.append(PROTOCOL)  # memories are notes, and no instructions: nobody has said so yet
    return "\n\n".join([*said, *(block.translate(_UNBRACED) for block in blocks)]) or None


def _check_is_text(message: BaseMessage) -> None:
    content = message.content
    blocks = [content] if isinstance(content, str) else content
    if not all(isinstance(block, str) or block.get("type") == "text" for block in blocks):
        raise Unsupported(_TEXT_ALONE)


def stops_of(stop: Any) -> tuple[str, ...]:
    """`stop`, if it is a list of words that are not empty. Raises `Invalid`."""
    words = () if stop is None else stop
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word for word in words):
        raise Invalid("ChatMemOS: stop takes a list of words, none of them empty", field="stop")
    return tuple(words)


def call_of(kind: type[C], model: str | None, members: Mapping[str, object]) -> C:
    """The call, checked; what MemOS calls `model_name` is `model` in LangChain. Raises `Invalid`."""
    given = {**members, "model_name": model}
    try:
        return checked(kind, {name: value for name, value in given.items() if value is not None})
    except Invalid as error:
        name = "model" if error.field == "model_name" else error.field
        raise Invalid(str(error).replace("model_name", "model"), field=name, rule=error.rule) from None
