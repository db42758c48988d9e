"""Short ways to give feedback and to see what came of it."""

from typing import Any

from memos_integrations.wire.answers import Memory, TaskStatus
from memos_integrations.wire.calls import AddFeedback, GetMemoryById, GetStatus
from tests.engine.conftest import Talk


def feed(talk: Talk, text: str, *, project: str = "", **more: Any) -> str:
    """Gives feedback; the task it became."""
    call = AddFeedback.model_validate({"user_id": "u", "feedback_content": text, **more})
    added = talk.engine.add_feedback(call, project)
    assert (added.success, added.status) == (True, "completed")
    return added.task_id or ""


def status(talk: Talk, task: str) -> TaskStatus:
    return talk.engine.get_status(GetStatus(task_id=task))


def verbs(talk: Talk, task: str) -> dict[str, dict[str, int]]:
    """How many facts and preferences a task added, updated and deleted; events have tests of their own."""
    views = {verb: dict(made) for verb, made in status(talk, task).memory_views.items()}
    for made in views.values():
        made.pop("event", None)
    return {
        verb: {view: len(told["memory_ids"]) for view, told in made.items()} for verb, made in views.items() if made
    }


def facts(talk: Talk, **whose: Any) -> set[str]:
    """What is remembered, each once."""
    told = [fact.memory_value for fact in talk.page(size=50, **whose).memory_detail_list]
    assert len(told) == len(set(told))
    return set(told)


def by_id(talk: Talk, memory: str, project: str = "") -> Memory:
    return talk.engine.get_memory_by_id(GetMemoryById(memory_id=memory), project)
