"""Messages: what a conversation's turns look like on the wire (contract §4)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from memos_integrations.wire.checks import TOLERANT, Discreet, Text, broken

__all__ = ["Content", "FunctionCall", "Message", "Messages", "Part", "Role", "ToolCall"]

Role = Literal["user", "assistant", "system", "tool"]


class Part(Discreet):
    """One piece of a message's content: text, an image (`image_url`) or a file, as OpenAI writes them.

    Any image or file makes MemOS process the whole request asynchronously (contract §4).
    """

    model_config = TOLERANT
    type: str
    text: Text | None = None
    image_url: Mapping[str, Any] | None = None
    file: Mapping[str, Any] | None = None


class FunctionCall(Discreet):
    """The function a model asked for; `arguments` is JSON text, as the model wrote it."""

    model_config = TOLERANT
    name: str
    arguments: str = ""


class ToolCall(Discreet):
    """A tool call in an assistant's message."""

    model_config = TOLERANT
    id: str | None = None
    type: str = "function"
    function: FunctionCall


if TYPE_CHECKING:
    Content = str | Sequence[Part | Mapping[str, object]]
    ToolCalls = Sequence[ToolCall | Mapping[str, object]]
else:
    Content = Text | tuple[Part, ...]
    ToolCalls = tuple[ToolCall, ...]


class Message(Discreet):
    """One message of a conversation.

    `role` is user, assistant, system or tool. `content` is text or parts; it may be left out only on an
    assistant's message with `tool_calls`. `chat_time` says when it was said ("2026-08-01 10:00:00", in the
    server's zone; free text is tolerated; default: the time of submission). `role_name` names the speaker of
    a group conversation and needs `role_id` on MemOS Cloud. Unknown members are kept and sent.
    """

    model_config = TOLERANT
    role: Role
    content: Content | None = None
    chat_time: str | None = None
    role_id: str | None = None
    role_name: str | None = None
    tool_calls: ToolCalls | None = None
    tool_call_id: str | None = None
    message_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Message":
        if self.content is None and not self.tool_calls:
            raise broken("missing", "content is required, except on an assistant's message with tool_calls")
        return self

    @property
    def text(self) -> str:
        """The message's words: its text, or its text parts joined by newlines; "" when it has none."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(p.text for p in self.content if isinstance(p, Part) and p.type == "text" and p.text)

    @property
    def words(self) -> str:
        """All of it that a model reads as text: its text, and what it calls tools with."""
        calls = (call for call in self.tool_calls or () if isinstance(call, ToolCall))
        asked = [f"{call.function.name} {call.function.arguments}" for call in calls]
        return "\n".join([self.text, *asked]) if asked else self.text


# A field's type is the parameter's type, so a wider one for the caller is said here, once, to the checkers only.
if TYPE_CHECKING:
    Messages = Sequence[Message | Mapping[str, object]]
else:
    Messages = Annotated[tuple[Message, ...], Field(min_length=1)]
