"""The chat call in OpenAI's form (contract §2.8). MemOS announced it and documents no field: this is our reading."""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Final, cast

from pydantic import Field, model_validator

from memos_integrations.wire.answers import Answer, Words
from memos_integrations.wire.call import Call, Id
from memos_integrations.wire.checks import Spoken, broken
from memos_integrations.wire.message import Message, Messages
from memos_integrations.wire.tokens import ANSWER

__all__ = ["ChatCompletions", "Completion", "CompletionChoice", "CompletionMessage"]

_SIDES: Final = ("user", "assistant")


class CompletionMessage(Answer):
    """What the model said."""

    role: str = "assistant"
    content: Words = ""


class CompletionChoice(Answer):
    """One answer."""

    index: int = 0
    message: CompletionMessage
    finish_reason: str | None = None


class Completion(Answer):
    """A whole answer in OpenAI's form; `created` in epoch seconds."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    choices: Annotated[tuple[CompletionChoice, ...], Field(min_length=1)]

    @property
    def text(self) -> str:
        """The first answer's words."""
        return self.choices[0].message.content


class ChatCompletions(Call[Completion]):
    """Answer a user with what is remembered, in OpenAI's form (`POST chat/completions`, contract §2.8).

    MemOS announced this call and documents no field of it. So this is the least that OpenAI's form and memory need:
    whose memory (`user_id`), which conversation, and the `messages`. The last is the user's question, at most 8,000
    tokens; those of user and assistant before it are the history that the model sees, and system messages its system
    prompt, where `{memories}` stands for what was recalled. Question and answer are stored. The answer comes whole:
    `stream` True is refused, `stream_chat` streams. Never repeated after a lost reply.
    """

    path: ClassVar[str] = "chat/completions"
    answer: ClassVar[type[Answer]] = Completion
    enveloped: ClassVar[bool] = False
    asks_model: ClassVar[bool] = True

    user_id: Id
    conversation_id: Id
    messages: Messages
    model: Spoken | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    stream: bool | None = None

    @model_validator(mode="after")
    def _can_be_answered(self) -> "ChatCompletions":
        if self.stream:
            raise broken("stream", "stream can't be true: the answer comes whole, and chat streams (contract §2.8)")
        last = self._told[-1]
        if last.role != "user" or not last.text.strip():
            raise broken("question", "the last of messages is the user's question, with words (contract §2.8)")
        return self

    @property
    def question(self) -> str:
        """What is to be answered."""
        return self._told[-1].text

    @property
    def system(self) -> str | None:
        """The system messages as one prompt; None where there is none."""
        return "\n\n".join(message.text for message in self._told if message.role == "system") or None

    @property
    def before(self) -> tuple[Mapping[str, str], ...]:
        """What user and assistant said before, oldest first; tools' traffic takes no place, as in chat."""
        said = [(message.role, message.text) for message in self._told[:-1]]
        return tuple({"role": role, "content": text} for role, text in said if role in _SIDES and text.strip())

    @property
    def _told(self) -> tuple[Message, ...]:
        return cast("tuple[Message, ...]", self.messages)

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The question; what else the model reads is the server's to count (40303)."""
        return "messages", ANSWER, (self.question,)
