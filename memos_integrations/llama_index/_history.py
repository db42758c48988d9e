"""A conversation as a memory keeps it: what was said, what is not yet written, and where a turn stands. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Literal
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from memos_integrations.llama_index._messages import answer_of, calls_in, copy_of, result_in, text_of
from memos_integrations.llama_index._window import window
from memos_integrations.memory.record import Asked, Said

__all__ = ["Entry", "History", "Question", "Unwritten"]

Role = Literal["user", "assistant"]
Speech = tuple[Role, str]


def _new_turn() -> str:
    return uuid4().hex


class Entry(BaseModel):
    """A message; `speech` tells what user and assistant said to each other from what an agent notes for itself: tool
    calls and results, code, and code results, which stand in the user's role.
    """

    message: ChatMessage
    speech: bool = False

    @property
    def asks(self) -> bool:
        """Whether the user speaks, so that a turn begins."""
        return self.speech and self.message.role == MessageRole.USER

    def said(self) -> Speech | None:
        """Who said what to the other; None for what is no speech."""
        if not self.speech:
            return None
        return ("user", text_of(self.message)) if self.asks else ("assistant", answer_of(self.message) or "")


class Unwritten(BaseModel):
    """Something said that MemOS does not know yet."""

    role: Role | Literal["tool"]
    text: str = Field(repr=False)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    asked: tuple[Asked, ...] = Field(default=(), repr=False)
    answers: str | None = None
    turn: str | None = None  # whose beginning it is
    kept: bool = False  # whether the outbox has it, until the turn is answered

    @property
    def concludes(self) -> bool:
        """Whether the assistant answers with it."""
        return self.role == "assistant" and not self.asked

    def said(self) -> Said:
        """The same for recording."""
        return Said(self.role, self.text, self.at, asked=self.asked, answers=self.answers)


@dataclass(frozen=True, slots=True)
class Question:
    """What memories are wanted for: `place` is where it stands among the messages, None when it is not put there yet.

    `text` is None once it is answered: no one searches for an answer.
    """

    place: int | None
    turn: str
    text: str | None


class History(BaseModel):
    """The messages of one conversation in this process, and what of them is still to be written."""

    model_config = ConfigDict(hide_input_in_errors=True)
    entries: list[Entry] = Field(default_factory=list, repr=False)
    unwritten: list[Unwritten] = Field(default_factory=list, repr=False)
    turn: str = Field(default_factory=_new_turn)  # the present one's name
    tools: bool = False  # whether tool calls and their results are written too

    _next: str = PrivateAttr(default_factory=_new_turn)

    def messages(self) -> list[ChatMessage]:
        """Copies of all messages."""
        return [copy_of(entry.message) for entry in self.entries]

    def within(self, token_limit: int) -> tuple[list[ChatMessage], int]:
        """Copies of the messages that fit (see `window`), and how many were left out before them."""
        starts = [i for i, entry in enumerate(self.entries) if entry.asks]
        first, begin = window([entry.message for entry in self.entries], starts, token_limit)
        kept = [*self.entries[:first], *self.entries[begin:]]
        return [copy_of(entry.message) for entry in kept], begin - first

    def put(self, messages: Sequence[ChatMessage]) -> None:
        """Takes words of the user or the assistant, as agents and engines put them one by one."""
        for entry in map(_entry, messages):
            self.entries.append(entry)
            self._begin(entry.asks)
            self._to_write(entry.said())

    def put_several(self, messages: Sequence[ChatMessage]) -> None:
        """Takes a piece of conversation, which the user begins, or else what an agent did in a turn."""
        spoken = next((message for message in messages if message.role != MessageRole.SYSTEM), None)
        if spoken is not None and spoken.role == MessageRole.USER:
            self.put(messages)
        else:
            self._put_steps(messages)

    def _put_steps(self, messages: Sequence[ChatMessage]) -> None:
        """Of an agent's steps only a last, plain word of the assistant was said to the user."""
        entries = [Entry(message=copy_of(message)) for message in messages]
        self.unwritten += [step for step in map(_step, messages) if step is not None] if self.tools else []
        if entries and answer_of(entries[-1].message) is not None:
            entries[-1].speech = True
            self._to_write(entries[-1].said())
        self.entries += entries

    def replace(self, messages: Sequence[ChatMessage]) -> None:
        """Takes a caller's own history. What goes beyond the words known here is new; another history is adopted as
        known, but for a last message of the user, which is the present question.

        What waits to be written and stands in it waits on.
        """
        known = self._spoken()
        same = takewhile(lambda pair: pair[0].message == pair[1], zip(self.entries, messages, strict=False))
        kept = [entry for entry, _ in same]
        self.entries = [*kept, *map(_entry, messages[len(kept) :])]
        spoken = self._spoken()
        new = spoken[len(known) :] if known and spoken[: len(known)] == known else self._adopted(known, spoken)
        for said in new:
            self._begin(said[0] == "user")
            self._to_write(said)

    def _adopted(self, known: Sequence[Speech], spoken: Sequence[Speech]) -> Sequence[Speech]:
        """What of another history than the known one is to be written."""
        self._begin(True)
        self.unwritten = [each for each in self.unwritten if (each.role, each.text) in spoken]
        waiting = {(each.role, each.text) for each in self.unwritten}
        again = spoken == known[: len(spoken)]  # the same with its end cut off, as when an answer is asked for anew
        last = [] if again or not self.entries[-1].asks else spoken[-1:]
        return [said for said in last if said not in waiting]

    def clear(self) -> None:
        """Forgets the conversation here, with a question that no outbox has; MemOS keeps, and gets, what was told."""
        self.entries, self.unwritten = [], self.unwritten[: self._told()]

    def question(self, given: str | None) -> Question | None:
        """What the user asks at present: `given` when that is not put here yet, else the user's latest words."""
        asked = next((i for i in range(len(self.entries) - 1, -1, -1) if self.entries[i].asks), None)
        answered = asked is not None and any(entry.speech for entry in self.entries[asked + 1 :])
        known = None if asked is None else text_of(self.entries[asked].message)
        if given is not None and (answered or given != known):
            return Question(None, self._next, given)
        return None if asked is None else Question(asked, self.turn, None if answered else known)

    def begun(self) -> list[tuple[str, Said]]:
        """Takes note of questions that have no answer yet: each with the name of its turn, once."""
        open_ones = [each for each in self.unwritten[self._told() :] if each.turn is not None and not each.kept]
        for each in open_ones:
            each.kept = True
        return [(each.turn or "", each.said()) for each in open_ones]

    def finished(self) -> list[tuple[str | None, list[Said]]]:
        """Takes what is to be written of finished turns, each with its name; a question without its answer waits."""
        end = self._told()
        done, self.unwritten = self.unwritten[:end], self.unwritten[end:]
        turns = list[tuple[str | None, list[Said]]]()
        for each in done:
            if each.turn is not None or not turns:
                turns.append((each.turn, []))
            turns[-1][1].append(each.said())
        return turns

    @property
    def owes(self) -> bool:
        """Whether `begun` or `finished` would give anything."""
        return self._told() > 0 or any(each.turn is not None and not each.kept for each in self.unwritten)

    def _begin(self, asks: bool) -> None:
        if asks:
            self.turn, self._next = self._next, _new_turn()

    def _told(self) -> int:
        """How much of what is unwritten belongs to finished turns."""
        return next((i for i in range(len(self.unwritten), 0, -1) if self.unwritten[i - 1].concludes), 0)

    def _spoken(self) -> list[Speech]:
        return [said for said in (entry.said() for entry in self.entries) if said is not None]

    def _to_write(self, said: Speech | None) -> None:
        if said and said[1].strip():
            turn = self.turn if said[0] == "user" else None
            self.unwritten.append(Unwritten(role=said[0], text=said[1], turn=turn))


def _step(message: ChatMessage) -> Unwritten | None:
    """A tool call, or a result, that is to be written; None for anything else."""
    if asked := calls_in(message):
        return Unwritten(role="assistant", text=text_of(message), asked=asked)
    result = result_in(message)
    return None if result is None else Unwritten(role="tool", text=result[1], answers=result[0])


def _entry(message: ChatMessage) -> Entry:
    speech = message.role == MessageRole.USER or answer_of(message) is not None
    return Entry(message=copy_of(message), speech=speech)
