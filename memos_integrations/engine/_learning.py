"""What a model tells of a conversation beside facts: values for fields of profiles, and skills (contract §3.4, §3.5).

Called inside the caller's transaction; a model is asked between them, so each look is taken anew.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from memos_integrations.engine import _profiles_fields, _skills, _skills_kept
from memos_integrations.engine._profiles_fields import Fillable
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rows import StoredTurn, Task
from memos_integrations.engine._store import Store

__all__ = ["ENOUGH", "Fillable", "enough_tool_use", "fields_to_fill", "fill", "learn_skill"]

ENOUGH: Final = 5
"""Rounds of tool calls from which on a conversation gives skills (contract §3.4)."""


def fields_to_fill(store: Queries, owner: int) -> tuple[Fillable, ...]:
    """The fields of the owner's profiles that a model may fill in, in the order in which they were bound.

    Each holds its `field`, a `_extraction.Field`, as the extractor is to be asked; hand it to `fill` with the answer.
    """
    return _profiles_fields.fillable(store, owner)


def fill(store: Store, task: Task, chosen: Fillable, value: str, now: int) -> None:
    """Gives the field that value, at `now` (epoch milliseconds); get/status tells it among what `task` updated.

    Nothing happens where the field is gone, may not be filled in any more or holds another value than the model was
    shown, since an edit counts more; nor in a profile that was bound after the task came (contract §2.14), nor for a
    blank value, or the same.
    """
    if value.strip() and value != chosen.field.value:
        _profiles_fields.fill(store, task, chosen, value, now)


def learn_skill(store: Store, task: Task, turn: StoredTurn, body: Mapping[str, Any], now: int) -> None:
    """Keeps a skill of the task's owner that the conversation shows up to `turn`; get/status tells it as added.

    `body` has the members of a skill's value (contract §3.4); unknown ones and those of another type are left out, and
    nothing is kept without a name and a procedure. An older one of the owner with that name, in any case, is
    archived; where it says the same, nothing happens.
    """
    shaped = _skills.shaped(body)
    if shaped["name"] and shaped["procedure"]:
        _skills_kept.learn(store, task, turn, shaped, now)


def enough_tool_use(turns: Iterable[StoredTurn]) -> bool:
    """Whether messages, oldest first, hold five rounds of tool calls: an assistant's calls, and a result of them."""
    rounds, called = 0, False
    for turn in turns:
        if turn.role == "tool":
            rounds, called = rounds + called, False
        else:
            called = turn.role == "assistant" and bool(json.loads(turn.body).get("tool_calls"))
    return rounds >= ENOUGH
