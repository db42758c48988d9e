"""A chat: recall, prompt, model, write-back, in this order. Nothing is held while the model is asked.

A turn is stored whole or not at all: after the model's whole answer, before the caller is told that it has ended. An
answer that failed or was given up leaves nothing behind, so a question asked again is not written twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from memos_integrations.engine._completions import FAILED, Asked
from memos_integrations.engine._pieces import Answering, Waiting
from memos_integrations.engine._prompt import system_prompt
from memos_integrations.errors import MemOSError, ServerFault
from memos_integrations.wire.answers import ChatAnswer, Found, StoredMessage
from memos_integrations.wire.call import MAX_PAGE, checked
from memos_integrations.wire.calls import AddMessage, Chat, GetMessage, SearchMemory, StreamChat
from memos_integrations.wire.events import ChatEvent
from memos_integrations.wire.message import Message

if TYPE_CHECKING:
    from memos_integrations.engine._engine import Engine

__all__ = ["Chatting", "Model", "configured"]

HISTORY: Final = 20  # messages of the conversation (contract §6.3)
_NOT_STORED: Final = 50144
_RECALLING: Final = (
    "query",
    "user_id",
    "conversation_id",
    "filter",
    "knowledgebase_ids",
    "memory_limit_number",
    "include_preference",
    "preference_limit_number",
    "relativity",
)
_STORING: Final = (
    "user_id",
    "conversation_id",
    "agent_id",
    "app_id",
    "tags",
    "info",
    "allow_public",
    "allow_knowledgebase_ids",
    "async_mode",
    "source",
)
_NO_MODEL: Final = (
    "no model is configured to answer with: give connect(…, model=ModelEndpoint(base_url=…, model=…)), or set "
    "MEMOS_MODEL_BASE_URL and MEMOS_MODEL_NAME (and MEMOS_MODEL_API_KEY where it takes a key)"
)


@runtime_checkable
class Model(Protocol):
    """What answers a question: `ModelEndpoint`, or anything of this form. Both raise `Refused`. For any thread."""

    def answer(self, asked: Asked, waiting: Waiting) -> str:
        """The whole answer's text, without the model's thoughts."""
        ...

    def stream(self, asked: Asked, waiting: Waiting) -> Answering:
        """The answer as it is made, in reasoning and text events; nothing is waited for before the first is read."""
        ...


def configured(model: Model | None) -> Model:
    """`model`. Raises `ServerFault` (50002) where there is none, with the ways to go on."""
    if model is None:
        raise ServerFault(_NO_MODEL, code=FAILED, path=Chat.path)
    return model


@dataclass(frozen=True, slots=True)
class Chatting:
    """A question of a user of a project, to be answered with what `engine` remembers."""

    engine: "Engine"
    model: Model
    call: Chat | StreamChat = field(repr=False)
    project: str = field(repr=False)
    now: datetime
    before: Sequence[Mapping[str, str]] | None = field(default=None, repr=False)
    """What was said before, where the caller tells it; None: what is stored of the conversation."""

    def answer(self, waiting: Waiting) -> ChatAnswer:
        """The whole answer, its turn stored. Raises `ServerFault` 50144 where that failed, and the answer is lost."""
        text = self.model.answer(self.asked(waiting), waiting)
        if waiting.over:
            raise _given_up()
        self.keep(text, waiting)
        return ChatAnswer(response=text)

    def stream(self, waiting: Waiting) -> "Streaming":
        """The answer as it is made."""
        answering = Streaming(self.model.stream(self.asked(waiting), waiting), self, waiting)
        waiting.on_give_up(answering.stop)
        return answering

    def asked(self, waiting: Waiting) -> Asked:
        """What the model is asked."""
        call = self.call
        prompt = system_prompt(call.system_prompt, self._recalled(waiting), call.query, self.now)
        system = [{"role": "system", "content": prompt}] if prompt.strip() else []
        return Asked(
            messages=(*system, *self._history(), {"role": "user", "content": call.query}),
            model=call.model_name,
            temperature=call.temperature,
            top_p=call.top_p,
            max_tokens=call.max_tokens,
        )

    def keep(self, text: str, waiting: Waiting) -> None:
        """Stores the turn, unless told not to. Raises `ServerFault` for an answer without text, or 50144."""
        if not text.strip():
            raise ServerFault("the model gave no answer's text", code=FAILED, path=Chat.path)
        if self.call.add_message_on_answer is False:
            return
        messages = [{"role": "user", "content": self.call.query}, {"role": "assistant", "content": text}]
        add = checked(AddMessage, {"messages": messages, **self._given(_STORING)})
        more: dict[str, Any] = {"waiting": waiting} if self.engine.waits(add.path) else {}
        try:
            self.engine.add_message(add, self.project, **more)
        except MemOSError as error:
            told = "the answer was made, but its turn could not be stored"
            raise ServerFault(told, code=_NOT_STORED, path=Chat.path) from error

    def _recalled(self, waiting: Waiting) -> Found:
        call = checked(SearchMemory, self._given(_RECALLING))
        more: dict[str, Any] = {"seconds": waiting.seconds, "waiting": waiting} if self.engine.waits(call.path) else {}
        return self.engine.search_memory(call, self.project, **more)

    def _history(self) -> Sequence[Mapping[str, str]]:
        """The conversation's newest messages that are words of its two sides: tools' traffic takes no place."""
        if self.before is not None:
            return self.before
        subject = {"user_id": self.call.user_id, "conversation_id": self.call.conversation_id}
        call = checked(GetMessage, {**subject, "message_limit_number": MAX_PAGE})
        stored = self.engine.get_message(call, self.project).message_detail_list
        said = [(message.role, _text(message)) for message in stored if message.role in ("user", "assistant")]
        return [{"role": role, "content": text} for role, text in said if text.strip()][-HISTORY:]

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self.call, name) for name in names}


class Streaming(Iterator[ChatEvent]):
    """The model's events as they come, and when they are over, the turn's storing and one "end"."""

    def __init__(self, answering: Answering, chatting: Chatting, waiting: Waiting) -> None:
        self._answering, self._chatting, self._waiting = answering, chatting, waiting
        self._text: list[str] = []
        self._over = self._ended = False

    def __next__(self) -> ChatEvent:
        if self._ended:
            raise StopIteration
        self._ended = True  # unless it goes on; a model's failure is the end
        event = next(self._answering, None)
        if self._over:
            raise _given_up()
        if event is None:
            return self._end()
        self._ended = False
        if event.type == "text":
            self._text.append(event.data)
        return event

    def close(self) -> None:
        """Gives the answer up; what is stored by then stays."""
        self._over = True
        self._answering.close()

    def stop(self) -> None:
        """Ends a wait for the model in another thread."""
        self._over = True
        self._answering.stop()

    def _end(self) -> ChatEvent:
        self._answering.close()
        self._chatting.keep("".join(self._text), self._waiting)
        return ChatEvent(type="end")


def _text(message: StoredMessage) -> str:
    """A stored message's words; "" where it has none, such as one that only calls a tool."""
    if not message.content:
        return ""
    return Message.model_validate({"role": message.role, "content": message.content}).text


def _given_up() -> ServerFault:
    return ServerFault("the answer was given up", code=FAILED, path=Chat.path)
