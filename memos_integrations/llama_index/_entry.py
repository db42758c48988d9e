"""What a history is made of: messages as they were put, and what of them MemOS is not told yet."""

from datetime import UTC, datetime
from typing import Literal

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from pydantic import BaseModel, Field

from memos_integrations.llama_index._messages import answer_of, calls_in, copy_of, result_in, text_of
from memos_integrations.memory.record import Asked, Said

__all__ = ["Entry", "Speech", "Unwritten", "entry_of", "spoken", "step_of"]

Role = Literal["user", "assistant"]
Speech = tuple[Role, str]


class Entry(BaseModel):
    """A message of a turn; `speech` tells what user and assistant said to each other from what an agent notes for
    itself: tool calls and results, code, and code results, which stand in the user's role.
    """

    message: ChatMessage
    speech: bool = False
    turn: str = ""
    told: bool = False  # whether it went to MemOS, or is on its way there

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
    """Something said in a turn that MemOS does not know yet."""

    role: Role | Literal["tool"]
    text: str = Field(repr=False)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    asked: tuple[Asked, ...] = Field(default=(), repr=False)
    answers: str | None = None
    turn: str = ""
    kept: bool = False  # whether the outbox has it, until the turn is answered

    @property
    def concludes(self) -> bool:
        """Whether the assistant answers with it."""
        return self.role == "assistant" and not self.asked

    def said(self) -> Said:
        """The same for recording."""
        return Said(self.role, self.text, self.at, asked=self.asked, answers=self.answers)


def entry_of(message: ChatMessage, turn: str = "", *, told: bool = False) -> Entry:
    """A message that user or assistant may have spoken."""
    speech = message.role == MessageRole.USER or answer_of(message) is not None
    return Entry(message=copy_of(message), speech=speech, turn=turn, told=told)


def step_of(message: ChatMessage, turn: str) -> Unwritten | None:
    """A tool call, or a result, that is to be written; None for anything else."""
    if asked := calls_in(message):
        return Unwritten(role="assistant", text=text_of(message), asked=asked, turn=turn)
    result = result_in(message)
    return None if result is None else Unwritten(role="tool", text=result[1], answers=result[0], turn=turn)


def spoken(entries: list[Entry]) -> list[Speech]:
    """What user and assistant said to each other in them."""
    return [said for said in (entry.said() for entry in entries) if said is not None]
