"""A long history cut into adds, turn by turn. Computes only."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypedDict

from memos_integrations.errors import Invalid, MemOSError
from memos_integrations.wire.call import Id, Ids, Info, Prompts, Texts, Views, checked
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.message import Message, Messages
from memos_integrations.wire.readback import MOST
from memos_integrations.wire.tokens import ADD, least

__all__ = ["Marks", "adds", "tell"]

_ROOM: Final = ADD // 2
"""Tokens of an add by the low estimate: what a server counts, which is up to twice as much, then fits as well."""

_FILES: Final = 20  # §1.5: files per request

_Cut = Callable[[Sequence[str], range], list[range]]


class Marks(TypedDict, total=False):
    """What an add says of its messages: the arguments of `add_message` without `messages`."""

    user_id: Ids | None
    agent_id: Ids | None
    conversation_id: Id | None
    app_id: Id | None
    tags: Texts | None
    info: Info | None
    allow_public: bool | None
    allow_knowledgebase_ids: Texts | None
    allow_memory_view: Views | None
    async_mode: bool | None
    custom_extract_prompt: Prompts | None
    source: str | None


@dataclass(frozen=True, slots=True)
class _History:
    """What cutting looks at: of each message its role, its tokens by the low estimate, and its files."""

    roles: Sequence[str]
    tokens: Sequence[int]
    files: Sequence[int]

    def fits(self, span: range) -> bool:
        """Whether these messages go into one add."""
        if len(span) > MOST:
            return False
        held = slice(span.start, span.stop)
        return sum(self.tokens[held]) <= _ROOM and sum(self.files[held]) <= _FILES


def adds(messages: Messages, marks: Marks) -> list[AddMessage]:
    """The adds that a history takes, in order, all in one conversation. Raises `Invalid`."""
    named = {**marks, "conversation_id": marks.get("conversation_id") or f"conversation-{uuid.uuid4()}"}
    whole = checked(AddMessage, {"messages": messages, **named})
    history = _History(*zip(*((turn.role, least(turn.words), _files(turn)) for turn in whole.turns), strict=True))
    for index, given in enumerate(history.tokens):
        if given > ADD:
            raise _too_long(index, given)
    spans = _spans(history, range(len(whole.turns)), (_turns, _exchanges, _each))
    return [_part(whole, span) for span in spans]


def tell(error: MemOSError, calls: Sequence[AddMessage], done: int) -> None:
    """Puts into `error` how far the history had come: `done` of `calls` went through."""
    sizes = [len(call.turns) for call in calls]
    error.delivered = sum(sizes[:done])
    error.add_note(f"add_history: {done} of {len(calls)} adds went through, {error.delivered} of {sum(sizes)} messages")


def _too_long(index: int, given: int) -> Invalid:
    words = f"add_history: message {index} has {given:,} tokens by a low estimate, and an add takes at most {ADD:,}"
    return Invalid(f"{words}: split it (contract §1.5)", field=f"messages.{index}", rule="too_many_tokens")


def _part(whole: AddMessage, span: range) -> AddMessage:
    return whole.model_copy(update={"messages": whole.turns[span.start : span.stop]})


def _spans(history: _History, whole: range, cuts: Sequence[_Cut]) -> list[range]:
    """`whole` in parts that fit, as few as its pieces allow; a piece that doesn't fit is cut by the next, finer cut."""
    cut, *finer = cuts
    spans, goes_on = list[range](), False
    for piece in cut(history.roles, whole):
        longer = range(spans[-1].start, piece.stop) if goes_on else piece
        if goes_on and history.fits(longer):
            spans[-1] = longer
        elif not finer or history.fits(piece):
            spans.append(piece)
            goes_on = True
        else:
            spans += _spans(history, piece, finer)
            goes_on = False
    return spans


def _files(message: Message) -> int:
    parts = () if message.content is None or isinstance(message.content, str) else message.content
    return sum(getattr(part, "type", "text") != "text" for part in parts)


def _turns(roles: Sequence[str], span: range) -> list[range]:
    """What a user says, and what follows until a user says something again."""
    return _cut_at(span, [index for index in span if roles[index] == "user"])


def _exchanges(roles: Sequence[str], span: range) -> list[range]:
    """Each message, tools' results with the message that called for them."""
    return _cut_at(span, [index for index in span if roles[index] != "tool"])


def _each(_: Sequence[str], span: range) -> list[range]:
    return _cut_at(span, span)


def _cut_at(span: range, starts: Sequence[int]) -> list[range]:
    edges = [*dict.fromkeys([span.start, *starts]), span.stop]
    return [range(start, end) for start, end in pairwise(edges)]
