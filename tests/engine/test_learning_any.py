"""Any sequence of learning, filling in, changing and deleting shows skills and fields to their own owner alone."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from memos_integrations.engine import Engine
from memos_integrations.wire.calls import DeleteMemory, UpdateMemory
from tests.engine.bases import code
from tests.engine.conftest import Clock
from tests.engine.marked import OWNERS, PROJECTS, Scope, other
from tests.engine.profiled import Profiled
from tests.engine.taught import Taught

owners, names, words = st.sampled_from(OWNERS), st.sampled_from(["Bake", "bake", "Deploy"]), st.integers(0, 9)
FIELDS = {"A.B": "", "A.C": "!fixed"}


class Learning(RuleBasedStateMachine):
    """The engine beside what everybody's skills and fields are."""

    @initialize()
    def begin(self) -> None:
        self.folder, self.clock = TemporaryDirectory(), Clock()
        self.engine = Engine(Path(self.folder.name) / "memos.db", clock=self.clock)
        self.skills: dict[Scope, dict[str, str]] = {who: {} for who in OWNERS}  # procedures by names in small letters
        self.fields: dict[Scope, dict[str, str]] = {who: {} for who in OWNERS}
        self.templates = {project: Profiled(self.engine, project).template(FIELDS) for project in PROJECTS}
        for who in OWNERS:
            self.bind(who)

    def bind(self, who: Scope) -> None:
        Profiled(self.engine, who[0]).bind(self.templates[who[0]], whose(who))
        self.fields[who] = {**FIELDS, **self.fields[who]}

    def ids(self, who: Scope) -> dict[str, str]:
        """The ids of somebody's skills and fields, by name and by path."""
        here, profiles = Taught(self.engine, who[0]), Profiled(self.engine, who[0])
        found = {skill.skill_value["name"].lower(): skill.id for skill in here.skills("x", **whose(who))}
        return found | {hit.profile_path or "": hit.id for hit in profiles.hits("x", whose(who))}

    @rule(who=owners, name=names, word=words)
    def learn(self, who: Scope, name: str, word: int) -> None:
        self.clock.now += 1
        body = {"name": name, "procedure": f"Do {word}."}
        Taught(self.engine, who[0]).learn(body, **whose(who))
        self.skills[who][name.lower()] = f"Do {word}."

    @rule(who=owners, whom=owners, word=words)
    def fill(self, who: Scope, whom: Scope, word: int) -> None:
        """From what `who` said, in the profile of `whom`: nothing comes of it unless they are one."""
        here = Taught(self.engine, who[0])
        chosen = Taught(self.engine, whom[0]).fields(Taught(self.engine, whom[0]).task(**whose(whom)))
        task = here.task(**whose(who))
        for path, each in chosen.items():
            here.fill(task, each, f"v{word}")
            if who == whom:
                self.fields[who][path] = f"v{word}"

    @rule(who=owners, word=words, number=words)
    def change(self, who: Scope, word: int, number: int) -> None:
        for name, memory in list(self.ids(who).items())[number:][:1]:
            call = UpdateMemory(memory_id=memory, content=f"Do {word}.")
            assert code(lambda call=call: self.engine.update_memory(call, other(who[0]))) == 40307  # type: ignore[misc]
            self.engine.update_memory(call, who[0])
            if name in self.skills[who]:
                self.skills[who][name] = f"Do {word}."
            else:
                self.fields[who][name] = "!" * (name == "A.C") + f"Do {word}."

    @rule(who=owners, number=words)
    def delete(self, who: Scope, number: int) -> None:
        for name, memory in list(self.ids(who).items())[number:][:1]:
            call = DeleteMemory(memory_ids=[memory])
            assert code(lambda call=call: self.engine.delete_memory(call, other(who[0]))) == 40307  # type: ignore[misc]
            self.engine.delete_memory(call, who[0])
            (self.skills if name in self.skills[who] else self.fields)[who].pop(name)

    @rule(who=owners)
    def drop(self, who: Scope) -> None:
        self.engine.delete_memory(DeleteMemory.model_validate(whose(who)), who[0])
        self.skills[who], self.fields[who] = {}, {}
        self.bind(who)

    @rule()
    def restart(self) -> None:
        self.engine.close()
        self.engine = Engine(Path(self.folder.name) / "memos.db", clock=self.clock)

    @invariant()
    def everybody_has_their_own(self) -> None:
        for who in OWNERS:
            found = Taught(self.engine, who[0]).skills("bake", **whose(who))
            told: dict[str, Any] = {each.skill_value["name"].lower(): each.skill_value["procedure"] for each in found}
            assert (told, len(found)) == (self.skills[who], len(told))
            assert Profiled(self.engine, who[0]).held(whose(who)) == {self.templates[who[0]]: self.fields[who]}

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            with closing(self.engine):
                self.everybody_has_their_own()
            self.folder.cleanup()


def whose(who: Scope) -> dict[str, str]:
    return {who[1]: who[2]}


TestLearning = Learning.TestCase
TestLearning.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
