"""What the store gives out: rows as values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose memory it is; `facts` and `words` are counts over all of its facts."""

    number: int
    facts: int
    words: int

    @property
    def average(self) -> float:
        """The mean length of a fact in search words."""
        return self.words / self.facts if self.facts else 0.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What an add said of everything in it."""

    agents: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    app: str | None = None
    tags: tuple[str, ...] = ()
    info: str = "{}"
    views: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One owner's part of an add; its messages are numbered from `first` up to but without `end`."""

    number: int
    owner: int
    status: str
    first: int
    end: int
    views: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact with all that an answer tells of it."""

    id: int
    public: str
    type: str
    mode: str
    role: str
    name: str
    text: str
    said: int
    updated: int
    conversation: str
    message: int
    title: str
    resolving: bool
    tags: tuple[str, ...]
    info: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A memory's words, with its role in the conversation and the conversation's name. `number`: its row."""

    number: int
    role: str
    text: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What reading a memory by its id tells beside its kind's own: whose it is, its state, and a title of its own."""

    number: int
    kind: str
    owner: str
    archived: bool
    mode: str
    tags: tuple[str, ...]
    title: str
    resolving: bool


@dataclass(frozen=True, slots=True)
class StoredPreference:
    """A preference with all that an answer tells of it."""

    number: int
    public: str
    text: str
    reasoning: str
    said: int
    updated: int
    conversation: str
    message: int
    title: str
    resolving: bool
    info: dict[str, Any]
    implicit: bool


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A message as it was stored: `body` its JSON, `created` its arrival."""

    number: int
    public: str
    owner: int
    conversation: int
    role: str
    name: str
    body: str
    said: int
    created: int
