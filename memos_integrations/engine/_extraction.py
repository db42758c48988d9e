"""What a plugged-in extractor is asked, and what it answers. Values only; `_extractor` asks a model for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from memos_integrations.engine._pieces import Waiting

__all__ = [
    "Experience",
    "Extraction",
    "Extractor",
    "Field",
    "FieldValue",
    "Known",
    "Line",
    "NewEvent",
    "NewFact",
    "NewPreference",
    "NewSkill",
    "ToExtract",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A message as an extractor reads it; `said` in epoch milliseconds, `name` the speaker's where one was given."""

    role: str
    text: str = field(repr=False)
    said: int = 0
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A memory of the owner that may be about the same; `view` is "detail_factual" or "preference"."""

    view: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a profile that may be filled in: its dotted path and what it holds."""

    path: str = field(repr=False)
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToExtract:
    """The `lines` of one add, oldest first, and what helps to understand them.

    `before` are lines of the conversation that came earlier; nothing is extracted from those. `views` are the kinds
    wanted, by their names in the API; `prompts` the caller's own words on what to extract, by view; `model` the one
    that a caller named. An answer names lines, known memories and fields by their places in these tuples, counted
    from 0.
    """

    lines: tuple[Line, ...]
    views: frozenset[str]
    before: tuple[Line, ...] = ()
    known: tuple[Known, ...] = ()
    fields: tuple[Field, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict, repr=False)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact that `line` states; `own` for what users say of themselves. `replaces`: which known ones it outdates."""

    line: int
    text: str = field(repr=False)
    title: str = field(default="", repr=False)
    own: bool = False
    replaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPreference:
    """A preference that `line` states or, if `implicit`, lets one conclude."""

    line: int
    text: str = field(repr=False)
    reasoning: str = field(default="", repr=False)
    implicit: bool = False
    replaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened or will, with its times, places and people in free text."""

    line: int
    text: str = field(repr=False)
    title: str = field(default="", repr=False)
    times: tuple[str, ...] = field(default=(), repr=False)
    places: tuple[str, ...] = field(default=(), repr=False)
    people: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class NewSkill:
    """A way of doing things that the lines show; `body` has the members of a skill's value (contract §3.4)."""

    line: int
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FieldValue:
    """What a field of a profile is to hold from now on; `place` is its place among those asked."""

    place: int
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Experience:
    """What the use of tools that ends at `line` teaches."""

    line: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in the lines, each kind in their order."""

    facts: tuple[NewFact, ...] = ()
    preferences: tuple[NewPreference, ...] = ()
    events: tuple[NewEvent, ...] = ()
    skills: tuple[NewSkill, ...] = ()
    filled: tuple[FieldValue, ...] = ()
    experiences: tuple[Experience, ...] = ()


@runtime_checkable
class Extractor(Protocol):
    """Finds what is worth remembering. Called on any thread, never on an event loop; raises `Refused` on failure."""

    def extract(self, asked: ToExtract, waiting: Waiting) -> Extraction:
        """What is in `asked.lines`, of the views asked for. May be given up through `waiting`."""
        ...
