"""What the open-source server keeps, and how that reads in MemOS's own answers (contract §3). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import from_json

from memos_integrations.wire.answers import Fact, Preference, Skill, ToolMemory
from memos_integrations.wire.checks import TOLERANT, Discreet

__all__ = ["BUCKETS", "Buckets", "Item", "began", "fact", "kind_of", "moment", "preference", "skill", "tool"]

BUCKETS: Final = ("text_mem", "pref_mem", "tool_mem", "skill_mem")
_KINDS: Final = {
    "PreferenceMemory": "pref_mem",
    "ToolSchemaMemory": "tool_mem",
    "ToolTrajectoryMemory": "tool_mem",
    "SkillMemory": "skill_mem",
}
_OURS: Final = "mode:"  # of tags that the server sets by itself
_SKILL: Final = ("name", "description", "procedure", "experience", "preference", "examples", "scripts", "others")


def _none_as(empty: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: empty if value is None else value)


_Texts = Annotated[tuple[str, ...], _none_as(())]
_Text = Annotated[str, _none_as("")]


class About(Discreet):
    """An item's `metadata`, as far as it is told on."""

    model_config = TOLERANT
    user_id: str | None = None
    session_id: str | None = None
    memory_type: str | None = None
    status: str | None = None
    key: _Text = ""
    confidence: float | None = None
    relativity: float | None = None
    tags: _Texts = ()
    created_at: str | None = None
    updated_at: str | None = None
    info: Annotated[Mapping[str, Any], _none_as({})] = Field(default_factory=dict)
    sources: Annotated[tuple[Any, ...], _none_as(())] = ()
    preference: Any = None  # of a skill a list
    preference_type: str | None = None
    reasoning: _Text = ""


class Item(Discreet):
    """A memory as the server tells it."""

    model_config = TOLERANT
    id: str
    memory: _Text = ""
    metadata: About = About()


class _Shelf(Discreet):
    model_config = TOLERANT
    cube_id: str | None = None
    memories: Annotated[tuple[Item, ...], _none_as(())] = ()


_Shelves = Annotated[tuple[_Shelf, ...], _none_as(())]


class Buckets(Discreet):
    """What a search or a listing tells: a list of cubes for each kind."""

    model_config = TOLERANT
    text_mem: _Shelves = ()
    pref_mem: _Shelves = ()
    tool_mem: _Shelves = ()
    skill_mem: _Shelves = ()
    pref_note: _Text = ""

    def items(self, bucket: str) -> Iterator[tuple[str | None, Item]]:
        """The memories of a kind, each with its cube."""
        for shelf in getattr(self, bucket):
            for item in shelf.memories:
                yield shelf.cube_id, item


def kind_of(item: Item, bucket: str) -> str:
    """The bucket that it belongs to: listings of the Postgres backend put everything into each."""
    told = item.metadata.memory_type
    return bucket if told is None else _KINDS.get(told, "text_mem")


def moment(text: str | None, zone: tzinfo) -> int | None:
    """An ISO time in milliseconds since the epoch; one without a zone is read in `zone`, the server's."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return round((read if read.tzinfo else read.replace(tzinfo=zone)).timestamp() * 1000)


def began(item: Item, zone: tzinfo) -> int | None:
    """When a memory's time begins: when the newest of the messages that it was made of was said, else written.

    The server keeps the first with the messages alone, and older conversations are moved there too.
    """
    told = (source.get("chat_time") for source in _sources(item.metadata.sources))
    said = max((when for text in told if isinstance(text, str) and (when := moment(text, zone))), default=None)
    return said or moment(item.metadata.created_at, zone)


def fact(item: Item, zone: tzinfo) -> Fact:
    """A fact."""
    about = item.metadata
    return Fact(
        **_common(item, zone),
        memory_key=about.key,
        memory_value=item.memory,
        memory_type=about.memory_type,
        confidence=about.confidence,
        tags=tuple(tag for tag in about.tags if not tag.startswith(_OURS)),
        sources=_sources(about.sources),
    )


def preference(item: Item, zone: tzinfo) -> Preference:
    """A preference; `memory` is only what it was made of, where the server tells the preference beside."""
    about = item.metadata
    return Preference(
        **_common(item, zone),
        preference=about.preference if about.preference and isinstance(about.preference, str) else item.memory,
        preference_type=about.preference_type,
        reasoning=about.reasoning,
        sources=_sources(about.sources),
    )


def tool(item: Item, zone: tzinfo) -> ToolMemory:
    """What was learned about a tool."""
    extra = item.metadata.model_extra or {}
    used, learned = extra.get("tool_used_status"), extra.get("experience")
    return ToolMemory(
        **_common(item, zone),
        tool_type=item.metadata.memory_type,
        tool_value=item.memory,
        tool_used_status=tuple(one for one in used if isinstance(one, dict)) if isinstance(used, list) else (),
        experience=learned if isinstance(learned, str) else "",
    )


def skill(item: Item, zone: tzinfo) -> Skill:
    """A way of doing things."""
    about, extra = item.metadata, item.metadata.model_extra or {}
    told = {**extra, "preference": about.preference}
    value = {name: told[name] for name in _SKILL if told.get(name)}
    url = extra.get("url")
    return Skill(
        **_common(item, zone),
        skill_value=value or {"description": item.memory},
        skill_url=url if isinstance(url, str) else None,
        confidence=about.confidence,
        tags=tuple(tag for tag in about.tags if not tag.startswith(_OURS)),
    )


def _common(item: Item, zone: tzinfo) -> dict[str, Any]:
    about = item.metadata
    return {
        "id": item.id,
        "create_time": began(item, zone),
        "update_time": moment(about.updated_at, zone),
        "conversation_id": about.session_id,
        "status": about.status,
        "relativity": about.relativity,
        "info": about.info,
    }


def _sources(told: Sequence[Any]) -> tuple[Any, ...]:
    """Objects; the Postgres backend's listings tell each as JSON text."""
    return tuple(one for one in map(_source, told) if isinstance(one, dict))


def _source(told: Any) -> Any:
    try:
        return from_json(told) if isinstance(told, str) else told
    except ValueError:
        return None
