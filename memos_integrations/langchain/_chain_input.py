"""What a chain is handed: what of it the user said, and where memories go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from langgraph.types import Command

from memos_integrations.errors import Invalid
from memos_integrations.langchain._messages import asked_in, with_text_before
from memos_integrations.langchain._placing import placed_in
from memos_integrations.langchain._writers import is_from_history
from memos_integrations.memory.prompt import PROTOCOL, Form, render
from memos_integrations.wire.answers import Found

__all__ = ["Handed", "Keys", "Manner", "is_resuming", "read", "with_memories"]

_TAKES = "with_memory takes text, messages, a prompt or a dict with one of them"


@dataclass(frozen=True, slots=True)
class Keys:
    """The members of a dict: the user's text, what is remembered, the answer."""

    input: str | None
    memory: str
    output: str | None

    def checked(self) -> "Keys":
        """Itself. Raises `Invalid` for what can't be a member's name."""
        for name, key in (("input_key", self.input), ("memory_key", self.memory), ("output_key", self.output)):
            optional = key is None and name != "memory_key"
            if not optional and not (isinstance(key, str) and key.strip()):
                raise Invalid(f"{name} is the name of a dict's member (given: {type(key).__name__})", field=name)
        if self.input == self.memory:
            raise Invalid("input_key and memory_key name the same member", field="memory_key")
        return self


@dataclass(frozen=True, slots=True)
class Manner:
    """How memories are shown."""

    placement: Literal["user", "system"]
    reader: tzinfo
    server: tzinfo

    def shown(self, found: Found, form: Form) -> str:
        """`found` as text in that form."""
        return render(found, form=form, reader=self.reader, server=self.server)


@dataclass(frozen=True, slots=True)
class Handed:
    """What a chain is `given`; in it `asked`, the user's latest message, with the tool traffic that follows it.

    `loops`: it came among messages, so that the same turn may be asked again with the results of tools.
    """

    given: Any = field(repr=False)
    asked: HumanMessage | None = field(default=None, repr=False)
    following: Sequence[BaseMessage] = field(default=(), repr=False)
    loops: bool = False

    @property
    def is_of_history(self) -> bool:
        """Whether a history of ours returned a message in it, and so will write the turn."""
        values = list(self.given.values()) if isinstance(self.given, Mapping) else [self.given]
        return any(is_from_history(_messages_of(value)) for value in values)


def read(given: object, keys: Keys) -> Handed:
    """What the user says in `given`. Raises `Invalid` where that can't be told."""
    if isinstance(given, Mapping):
        if keys.memory in given:
            raise Invalid(
                f"the dict has a member {keys.memory!r} already: give another memory_key=", field="memory_key"
            )
        said = _in_dict(given, keys.input)
        return _read(said, given)
    return _read(given, given)


def is_resuming(given: object) -> bool:
    """Whether a graph that is handed that goes on where it stopped."""
    return given is None or isinstance(given, Command)


def _read(said: object, given: object) -> Handed:
    if isinstance(said, StringPromptValue):
        said = said.text
    if isinstance(said, str):
        return Handed(given, HumanMessage(said))
    if isinstance(said, BaseMessage):
        return Handed(given, asked_in([said]))
    if said is not given and _is_users(said):
        said = [said]
    messages = _messages(said)
    asked = asked_in(messages)
    if asked is None:
        return Handed(given)
    place = max(i for i, message in enumerate(messages) if message is asked)
    return Handed(given, asked, [m for m in messages[place + 1 :] if _is_of_tools(m)], loops=True)


def _messages(said: object) -> list[Any]:
    if isinstance(said, PromptValue):
        return said.to_messages()
    if not isinstance(said, Sequence):
        raise Invalid(f"{_TAKES} (given: {type(said).__name__})", field="input")
    try:
        return convert_to_messages(said)
    except (ValueError, NotImplementedError):
        raise Invalid(f"{_TAKES}: this sequence holds something else", field="input") from None


def _is_of_tools(message: BaseMessage) -> bool:
    return isinstance(message, ToolMessage) or (isinstance(message, AIMessage) and bool(message.tool_calls))


def _in_dict(given: Mapping[Any, Any], key: str | None) -> object:
    if key is not None:
        if key not in given:
            raise Invalid(f"the dict has no member {key!r}, which input_key names", field="input_key", rule="missing")
        return given[key]
    texts = [value for value in given.values() if isinstance(value, str)]
    others = [value for value in given.values() if _is_said(value)]
    only = texts or others
    if len(only) != 1:
        raise Invalid(
            f"the dict has {len(only)} members that may be the user's text: tell which by input_key=", field="input_key"
        )
    return only[0]


def _is_said(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_is_users, value))
    return isinstance(value, PromptValue) or _is_users(value)


def _is_users(member: object) -> bool:
    """Whether it is a message of the user's, or a dict or a pair that stands for one; bare text may be anything."""
    if isinstance(member, dict | tuple):
        try:
            (member,) = convert_to_messages([member])
        except (ValueError, TypeError, NotImplementedError):
            return False
    return isinstance(member, HumanMessage)


def _messages_of(value: object) -> list[BaseMessage]:
    if isinstance(value, ChatPromptValue):
        value = value.messages
    members = value if isinstance(value, list | tuple) else [value]
    return [member for member in members if isinstance(member, BaseMessage)]


def with_memories(handed: Handed, found: Found, manner: Manner, memory_key: str) -> Any:
    """A copy of what was given, with what was found in its place."""
    given = handed.given
    if isinstance(given, Mapping):
        block = manner.shown(found, "system")
        return {**given, memory_key: f"{PROTOCOL}\n\n{block}" if block else ""}
    if isinstance(given, str):
        return manner.shown(found, "whole") + given
    if isinstance(given, StringPromptValue):
        return StringPromptValue(text=manner.shown(found, "whole") + given.text)
    if isinstance(given, BaseMessage):
        return _before(given, handed.asked, manner.shown(found, "whole"))
    asked = None if handed.asked is None else handed.asked.id
    messages = placed_in(_messages(given), asked, manner.shown(found, manner.placement), manner.placement)
    return ChatPromptValue(messages=messages) if isinstance(given, PromptValue) else messages


def _before(message: BaseMessage, asked: HumanMessage | None, text: str) -> BaseMessage:
    return message if asked is None else with_text_before([asked], asked.id, text)[0]
