"""What MemOS's chat is asked, whatever framework asks: one text, one system prompt, and who writes the turn."""

import logging
import threading
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, Field

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.memory.handed import known_names, told_by
from memos_integrations.memory.prompt import PROTOCOL, split
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import Chat, StreamChat
from memos_integrations.wire.filters import OneGroup

__all__ = ["CALL", "OPTIONS", "SHOWN", "ChatFields", "Question", "Warned", "check_fields", "question_of", "stops_of"]

C = TypeVar("C", Chat, StreamChat)
_Policy = Literal["server", "warn", "raise"]

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
CALL: Final = {*OPTIONS, "model", "user_id", "conversation_id", "system_prompt", "add_message_on_answer"}
SHOWN: Final = ("model", "temperature", "top_p", "max_tokens", "add_message_on_answer", "history_policy")
_UNBRACED: Final = str.maketrans({"{": "&#123;", "}": "&#125;"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent of a request; `left_out` counts the messages of the conversation that are not."""

    query: str = field(repr=False)
    system: str | None = field(repr=False)
    left_out: int = 0


def question_of(who: str, said: str, systems: Sequence[str], prompt: str | None, *, left_out: int) -> Question:
    """What the user `said` last, and `prompt` with the texts of `systems` after it.

    Blocks of memories that we set before the user's text, or beside a system text, go to the system prompt's end.
    Their braces are escaped: MemOS fills the placeholder `{memories}` in, and self-hosted servers format all braces.
    Raises `Invalid` where the user said nothing.
    """
    blocks, query = split(said)
    if not query.strip():
        raise Invalid(f"{who}: the user's last message has no text", field="messages", rule="blank")
    texts = [prompt or ""]
    for system in systems:
        found, text = split(system)
        blocks += found
        texts.append(text)
    own = query.lstrip("\n") if blocks else query  # where the block was a piece of the message for itself
    return Question(own, _system(texts, blocks), left_out)


def _system(texts: Sequence[str], blocks: Sequence[str]) -> str | None:
    """None where nothing is said: MemOS takes a prompt of its own then."""
    said = [text.strip() for text in texts if text.strip()]
    if blocks and not any(PROTOCOL in text for text in said):
        said.append(PROTOCOL)  # memories are notes, and no instructions: nobody has said so yet
    return "\n\n".join([*said, *(block.translate(_UNBRACED) for block in blocks)]) or None


def stops_of(who: str, stop: Any) -> tuple[str, ...]:
    """`stop`, if it is a list of words that are not empty. Raises `Invalid`."""
    words = () if stop is None else stop
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word for word in words):
        raise Invalid(f"{who}: stop takes a list of words, none of them empty", field="stop")
    return tuple(words)


class ChatFields(BaseModel):
    """The parameters of a chat, beside its framework's own; what they are for is told by who has them."""

    model: str | None = None
    conversation_id: str | None = None
    agent_id: str | None = None
    app_id: str | None = None
    info: Mapping[str, Any] | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    filter: OneGroup | None = None
    knowledgebase_ids: list[str] | None = None
    relativity: float | None = None
    memory_limit_number: int | None = None
    include_preference: bool | None = None
    preference_limit_number: int | None = None
    add_message_on_answer: bool = True
    history_policy: _Policy = "server"
    stop: list[str] | None = None
    timeout: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)
    max_retries: int | None = Field(default=None, ge=0)

    def _shown(self) -> dict[str, Any]:
        """What logs and traces may show: nothing that is anybody's."""
        return {name: value for name in SHOWN if (value := getattr(self, name)) is not None}

    def _call_of(
        self, kind: type[C], asked: Question, told: Mapping[str, Any], *, writes: bool, conversation_id: str
    ) -> C:
        """The call, checked, with what was `told` for it alone. Raises `Invalid`."""
        members = {name: told.get(name, getattr(self, name)) for name in (*OPTIONS, "user_id")}
        members |= {"query": asked.query, "system_prompt": asked.system, "add_message_on_answer": writes}
        return _checked(kind, told.get("model", self.model), {**members, "conversation_id": conversation_id})

    def _patient(self, client: MemOS) -> MemOS:
        """`client` with this chat's own time and tries."""
        retry = None if self.max_retries is None else replace(client.retry, tries=self.max_retries + 1)
        return client.with_options(deadline=self.timeout, retry=retry)


def check_fields(who: str, members: Mapping[str, Any], names: Set[str]) -> None:
    """Raises `Invalid` for what no call could be made of, and for what is not among `names`."""
    known_names(who, members, names)
    stops_of(who, members.get("stop"))
    ids = {name: "any" if members.get(name) is None else members[name] for name in ("user_id", "conversation_id")}
    told = {name: members.get(name) for name in (*OPTIONS, "system_prompt", "add_message_on_answer")}
    try:
        _checked(Chat, members.get("model"), {**told, **ids, "query": "?"})
    except Invalid as error:
        raise told_by(who, error) from None


def _checked(kind: type[C], model: str | None, members: Mapping[str, object]) -> C:
    """What MemOS calls `model_name` is `model` in frameworks."""
    given = {**members, "model_name": model}
    try:
        return checked(kind, {name: value for name, value in given.items() if value is not None})
    except Invalid as error:
        name = "model" if error.field == "model_name" else error.field
        raise Invalid(str(error).replace("model_name", "model"), field=name, rule=error.rule) from None


class Warned:
    """What one chat has warned of, each thing once."""

    def __init__(self, who: str, log: logging.Logger) -> None:
        self._who, self._log, self._said = who, log, set[str]()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: a copy of the chat has warned too."""
        return self

    def warn(self, words: str) -> None:
        """Once, however often."""
        with self._lock:
            known = words in self._said
            self._said.add(words)
        if not known:
            self._log.warning("%s: %s", self._who, words)

    def tell_of(self, left_out: int, policy: _Policy) -> None:
        """What becomes of messages that are not sent. Raises `Invalid` where the policy says so."""
        if not left_out:
            return
        words = "messages beside the last of the user's are not sent: MemOS keeps the conversation"
        if policy == "raise":
            raise Invalid(f"{self._who}: {words}", field="messages", rule="history_policy")
        if policy == "warn":
            self.warn(words)
        self._log.debug("%s: %s (%d messages)", self._who, words, left_out)
