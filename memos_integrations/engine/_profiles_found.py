"""Profiles among what search and get/memory find: fields by their bearing on a query, and whole trees by pages."""

from memos_integrations.engine import _defaults
from memos_integrations.engine import _profiles_store as kept
from memos_integrations.engine._affinity import Liking, bearings
from memos_integrations.engine._items import ACTIVE
from memos_integrations.engine._profiles_tree import Leaf, hit, iso, tree
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._words import tokens
from memos_integrations.wire.answers import ProfileHit
from memos_integrations.wire.asking import GetMemory, SearchMemory

__all__ = ["hits", "page", "total"]


def hits(store: Queries, call: SearchMemory, owner: int) -> tuple[ProfileHit, ...]:
    """The fields that bear most on the query, by words and by fields of everyday life, as preferences do, all of the
    owner's ranked; then the newest. Fields without a value are never among them.

    Asked for by the view "profile" alone. `relativity` cuts where it is given; at most `memory_limit_number` (default
    9). Of a filter, the conditions on times, `related_id` and `agent_id` may hold; no profile has tags, an app or info.
    """
    limit = _defaults.profile_limit(call)
    if not limit:
        return ()
    held = [each for each in kept.held(store, owner, _defaults.condition(call)) if each.leaf.value.strip()]
    likings = [Liking(number, frozenset(tokens(each.text))) for number, each in enumerate(held)]
    least, subject = call.relativity or 0.0, _defaults.subject(call)
    near = [bearing for bearing in bearings(call.query, likings) if bearing.relativity >= least]
    return tuple(hit(held[bearing.number], subject, bearing.relativity) for bearing in near[:limit])


def page(store: Queries, call: GetMemory, owner: int, size: int, start: int) -> tuple[ProfileHit, ...]:
    """The owner's newest profiles as trees, each in the order of its template."""
    if _defaults.PROFILES not in _defaults.views(call):
        return ()
    found = kept.profiles(store, owner, _defaults.condition(call), size, start)
    fields = kept.fields(store, [profile.number for profile in found])
    return tuple(_instance(profile, fields[profile.number]) for profile in found)


def total(store: Queries, call: GetMemory, owner: int) -> int:
    """How many profiles there are to page through."""
    if _defaults.PROFILES not in _defaults.views(call):
        return 0
    return kept.count_profiles(store, owner, _defaults.condition(call))


def _instance(profile: kept.Profile, fields: dict[str, Leaf]) -> ProfileHit:
    return ProfileHit(
        id=profile.public,
        project_id=_defaults.project_id(profile.project),
        profile_template_id=profile.template,
        properties=tree({path: fields[path] for path in profile.order if path in fields}),
        status=ACTIVE,
        created_at=iso(profile.created),
        updated_at=iso(profile.updated),
    )
