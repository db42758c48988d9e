"""The turns in the messages that LlamaIndex's `Memory` shows to a block: who said what, and what was asked. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise, takewhile

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from memos_integrations.llama_index._messages import answer_of, calls_in, result_in, text_of
from memos_integrations.memory.prompt import PROTOCOL, split
from memos_integrations.memory.record import Said

__all__ = ["Turn", "asked_in", "digest", "turns_in"]

# What CodeActAgent puts into the user's role after its own code.
_OBSERVED = re.compile(r"\AResult of executing the code given:")
_CODE = "<execute>"
# Memory's template around a block that was taken out of it.
_SHELL = re.compile(r"<memory>\s*(?:<([^<>\s]+)>\s*</\1>\s*)*</memory>\s*")


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user said, and what followed up to the next time they spoke; `place` is where among the messages."""

    place: int
    text: str = field(repr=False)
    followed: tuple[Said, ...] = ()
    answered: bool = False

    @property
    def key(self) -> str:
        """What tells the question from others."""
        return digest(self.text)

    @property
    def heard(self) -> str:
        """What tells one that has gone further from the same before."""
        return digest(*(f"{said.role}\n{said.text}\n{said.asked}{said.answers}" for said in self.followed))


def turns_in(messages: Sequence[ChatMessage], *, tools: bool = False) -> list[Turn]:
    """The turns in `messages`, in order; what stands before the user's first word belongs to none.

    An agent's traces, code and code results are no speech. `tools`: with tool calls and their results.
    """
    starts = [i for i in range(len(messages)) if _asks(messages, i)]
    return [_turn(messages, start, end, tools) for start, end in pairwise([*starts, len(messages)])]


def asked_in(messages: Sequence[ChatMessage], *, tools: bool = False) -> list[Turn]:
    """The same for what a read shows: `Memory` sets the question that it was given after its messages, where an agent
    has put it among them already.
    """
    turns = turns_in(messages, tools=tools)
    if not turns or turns[-1].place != len(messages) - 1:
        return turns
    earlier, last = turns[:-1], turns[-1]
    waiting = takewhile(lambda turn: not turn.answered, reversed(earlier))
    return earlier if any(turn.text == last.text for turn in waiting) else turns


def digest(*words: str) -> str:
    """Of words that are to be known again, not kept."""
    return blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _turn(messages: Sequence[ChatMessage], start: int, end: int, tools: bool) -> Turn:
    said = [(i, each) for i in range(start + 1, end) for each in _said(messages, i, end, tools)]
    answered = bool(said) and said[-1] == (end - 1, Said("assistant", said[-1][1].text))
    return Turn(start, _own(text_of(messages[start])), tuple(each for _, each in said), answered)


def _said(messages: Sequence[ChatMessage], i: int, end: int, tools: bool) -> list[Said]:
    """What of the message at `i` is written: the assistant's words unless they led to a result."""
    message = messages[i]
    step = i + 1 < end and messages[i + 1].role in {MessageRole.TOOL, MessageRole.USER}
    words = None if step else answer_of(message)
    if words is not None:
        return [Said("assistant", words)]
    if tools and (asked := calls_in(message)):
        return [Said("assistant", text_of(message), asked=asked)]
    if tools and (result := result_in(message)) is not None:
        return [Said("tool", result[1], answers=result[0])]
    return []


def _asks(messages: Sequence[ChatMessage], i: int) -> bool:
    """Whether the user speaks there, and no code of an agent's."""
    if messages[i].role != MessageRole.USER:
        return False
    ran = i > 0 and messages[i - 1].role == MessageRole.ASSISTANT and _CODE in text_of(messages[i - 1])
    return not (ran and _OBSERVED.match(text_of(messages[i])))


def _own(text: str) -> str:
    """The user's words without what a block set before them, template and all."""
    blocks, rest = split(text)
    return _SHELL.sub("", rest.replace(PROTOCOL, "")).strip() if blocks else text
