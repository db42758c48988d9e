"""What a model would tell of a conversation, told without one: skills, and values for fields."""

from typing import Any

from memos_integrations.engine import Engine, _learning
from memos_integrations.engine._learning import Fillable
from memos_integrations.engine._rows import Task
from memos_integrations.wire.answers import Memory, Skill
from memos_integrations.wire.calls import GetMemoryById, GetStatus
from tests.engine.conftest import Talk

__all__ = ["DEPLOY", "Taught"]

DEPLOY: dict[str, Any] = {
    "name": "Deploy the shop",
    "description": "How the shop goes live",
    "procedure": "Build it, then restart the server.",
    "experience": ["Never on a Friday."],
}


class Taught:
    """An engine of which one project is taught."""

    def __init__(self, engine: Engine, project: str = "") -> None:
        self.engine, self.project, self.talk = engine, project, Talk(engine)

    def task(self, *texts: str, **more: Any) -> Task:
        """A conversation of its own, added and refined."""
        added = self.talk.add(*(texts or ("Deploy it, please.",)), project=self.project, **more)
        with self.engine._store.reading():
            [task] = self.engine._store.tasks_of(self.project, added.task_id or "")
        return task

    def learn(self, *bodies: dict[str, Any], **more: Any) -> str:
        """Skills from one conversation; the id of its task."""
        task, store = self.task(**more), self.engine._store
        with store.writing():
            for body in bodies or (DEPLOY,):
                _learning.learn_skill(store, task, store.turns_of(task)[-1], body, self.engine._now())
            found = store.execute("select public from task where number = ?", (task.number,))
            return str(found.fetchone()[0])

    def fields(self, task: Task) -> dict[str, Fillable]:
        with self.engine._store.reading():
            return {each.field.path: each for each in _learning.fields_to_fill(self.engine._store, task.owner)}

    def fill(self, task: Task, chosen: Fillable, value: str) -> None:
        with self.engine._store.writing():
            _learning.fill(self.engine._store, task, chosen, value, self.engine._now())

    def status(self, task: str) -> dict[str, Any]:
        """The ids that a task tells, of skills and profiles."""
        told = self.engine.get_status(GetStatus(task_id=task), self.project).memory_views
        return {
            verb: views[view]["memory_ids"]
            for verb, views in told.items()
            for view in ("skill", "profile")
            if view in views
        }

    def skills(self, query: str = "deploy the shop", **more: Any) -> tuple[Skill, ...]:
        given = {"include_skill": True, **more}
        return self.talk.search(query, project=self.project, **given).skill_detail_list

    def names(self, query: str = "deploy the shop", **more: Any) -> list[str]:
        return [skill.skill_value["name"] for skill in self.skills(query, **more)]

    def listed(self, **more: Any) -> list[str]:
        found = self.talk.page(project=self.project, **more).skill_detail_list
        return [skill.skill_value["name"] for skill in found]

    def read(self, public: str) -> Memory:
        return self.engine.get_memory_by_id(GetMemoryById(memory_id=public), self.project)
