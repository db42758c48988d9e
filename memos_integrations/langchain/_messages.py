"""LangChain's messages and ours."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from memos_integrations.memory.prompt import unsaid
from memos_integrations.memory.record import Asked, Said

__all__ = ["asked_in", "index_of", "said_in", "spoken_before", "with_protocol", "with_text_before", "words_of"]


def asked_in(messages: Sequence[BaseMessage]) -> HumanMessage | None:
    """The user's latest message; what a middleware put in their place (a summary has `lc_source`) is not theirs."""
    return next((m for m in reversed(messages) if _is_asked(m)), None)  # type: ignore[return-value]


def _is_asked(message: BaseMessage) -> bool:
    return isinstance(message, HumanMessage) and "lc_source" not in message.additional_kwargs


def words_of(message: BaseMessage) -> str:
    """A message's own text: without what we set before a model, which a model may repeat and a user paste."""
    return unsaid(str(message.text))


def index_of(messages: Sequence[BaseMessage], message_id: str | None) -> int | None:
    """Where the message of that id stands."""
    return next((i for i, m in enumerate(messages) if message_id and m.id == message_id), None)


def spoken_before(messages: Sequence[BaseMessage], message_id: str) -> Iterator[HumanMessage]:
    """The user's messages right before the one of that id, the nearest first, as far as nothing stands between them."""
    for message in reversed(messages[: index_of(messages, message_id) or 0]):
        if not _is_asked(message) or not isinstance(message, HumanMessage) or not message.id:
            return
        yield message


def said_in(messages: Sequence[BaseMessage], *, tools: bool, but: Collection[str] = ()) -> list[Said]:
    """What was said to the user: no system text, no reasoning, no pictures; tool traffic with `tools`, `but` for these.

    What stands in a user's place after their own message, a tool or a middleware put there: it is nobody's words.
    """
    all_said = [said for message in messages if (said := _said(message, but)) is not None]
    return [said for said in all_said if tools or not (said.asked or said.role == "tool")]


def _said(message: BaseMessage, but: Collection[str]) -> Said | None:
    text = words_of(message)
    if isinstance(message, AIMessage):
        calls = [call for call in message.tool_calls if call["name"] not in but]
        if message.tool_calls and not calls:
            return None
        asked = tuple(Asked.of(call["id"], call["name"], call["args"]) for call in calls)
        return Said("assistant", text, id=message.id, asked=asked)
    if isinstance(message, ToolMessage):
        return Said("tool", text, id=message.id, answers=message.tool_call_id)
    return None


def with_text_before(messages: Sequence[AnyMessage], message_id: str | None, text: str) -> list[AnyMessage]:
    """A copy of `messages` in which `text` stands before the content of the message of that id.

    Where that message is gone (summarised away within its turn) the latest user message takes it.
    """
    place = index_of(messages, message_id)
    if place is None:
        place = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=None)
    if place is None or not text:
        return list(messages)
    message = messages[place]
    prefixed = message.model_copy(update={"content": _before(text, message.content)})
    return [*messages[:place], prefixed, *messages[place + 1 :]]


def with_protocol(system: SystemMessage | None, *texts: str) -> SystemMessage:
    """The system message with those of `texts` after it that aren't in it yet (another instance may have said the
    protocol); a list of blocks stays one, so that provider keys such as cache_control survive.
    """
    if system is None:
        return SystemMessage(content="\n\n".join(text for text in texts if text))
    present = str(system.text)
    added = [text for text in texts if text and text not in present]
    if isinstance(system.content, str):
        return system.model_copy(update={"content": "\n\n".join([text for text in (system.content, *added) if text])})
    blocks: list[Any] = [*system.content, *({"type": "text", "text": text} for text in added)]
    return system.model_copy(update={"content": blocks})


def _before(text: str, content: str | list[Any]) -> str | list[Any]:
    return text + content if isinstance(content, str) else [{"type": "text", "text": text}, *content]
