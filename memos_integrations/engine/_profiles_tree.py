"""A profile's tree as fields by their paths, and as search and get/memory tell it. Computes only."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memos_integrations.engine._items import ACTIVE, CERTAIN
from memos_integrations.engine._times import instant
from memos_integrations.wire.answers import ProfileHit
from memos_integrations.wire.profiles import leaves

__all__ = ["Held", "Leaf", "Leaves", "Subject", "field_id", "filled", "hit", "iso", "parsed", "tree"]

Subject = tuple[str, str]  # user or agent, and the name
Leaves = Mapping[str, "Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field: its value, and whether MemOS may change it from conversations."""

    value: str = ""
    updatable: bool = True

    def changed(self, given: Mapping[str, Any]) -> "Leaf":
        """With what is given of a tree's field; what is left out stays as it is."""
        return Leaf(given.get("value", self.value), given.get("algorithm_updatable", self.updatable))


@dataclass(frozen=True, slots=True)
class Held:
    """A field in somebody's profile; times in epoch milliseconds."""

    template: str
    path: str
    leaf: Leaf
    created: int
    updated: int

    @property
    def text(self) -> str:
        """What is remembered by it, as it is told and found (contract §3.5)."""
        return f"{self.path}: {self.leaf.value}"


def filled(metadata: Mapping[str, Any]) -> dict[str, Leaf]:
    """A template's fields: without a value the empty one, and updatable where nothing is said of it."""
    return {path: Leaf().changed(node) for path, node in leaves(metadata).items()}


def parsed(kept: Mapping[str, Sequence[Any]]) -> dict[str, Leaf]:
    """Fields as the file keeps them."""
    return {path: Leaf(*parts) for path, parts in kept.items()}


def tree(fields: Leaves) -> dict[str, Any]:
    """Fields as a tree, in the order given."""
    root: dict[str, Any] = {}
    for path, leaf in fields.items():
        *above, name = path.split(".")
        node = root
        for part in above:
            node = node.setdefault(part, {})
        node[name] = {"value": leaf.value, "algorithm_updatable": leaf.updatable}
    return root


def hit(held: Held, subject: Subject, relativity: float) -> ProfileHit:
    """A field as search tells it. A field that stands alone at the top has no category."""
    category, *_, name = ("", *held.path.split(".")) if "." not in held.path else held.path.split(".")
    return ProfileHit(
        id=field_id(subject, held.template, held.path),
        memory=held.text,
        memory_type="ProfileMemory",
        template_id=held.template,
        profile_category=category or None,
        profile_field=name,
        profile_path=held.path,
        status=ACTIVE,
        created_at=iso(held.created),
        updated_at=iso(held.updated),
        confidence=CERTAIN,
        relativity=round(relativity, 4),
        algorithm_updatable=held.leaf.updatable,
    )


def field_id(subject: Subject, template: str, path: str) -> str:
    """Subject, template and a hash (contract §3.5): the same for as long as the field is there."""
    digest = hashlib.sha256("\0".join((*subject, template, path)).encode()).hexdigest()
    return f"{subject[1]}_{template}_{digest[:16]}"


def iso(milliseconds: int) -> str:
    """A time as profiles and templates tell theirs: ISO 8601, UTC, without a zone, so fine that order shows in it."""
    return f"{instant(milliseconds):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}"
