"""Any sequence of calls shows each text to its own project and owner alone, and nothing again once it is deleted.

Every text holds a word of its own. A dictionary says who may be shown it; every answer is searched for such words.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memos_integrations.engine import Engine
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import Answer, Memory
from memos_integrations.wire.calls import (
    AddFeedback,
    AddMessage,
    DeleteKnowledgebase,
    DeleteKnowledgebaseFile,
    DeleteMemory,
    GetMemory,
    GetMemoryById,
    GetMessage,
    GetStatus,
    SearchMemory,
    UpdateMemory,
)
from tests.engine.bases import Bases, code
from tests.engine.conftest import Clock
from tests.engine.marked import ALL, OWNERS, PROJECTS, STATES, Scope, ids, marked, messages, other, page, selector, tag
from tests.engine.profiled import Profiled

owners, projects, numbers = st.sampled_from(OWNERS), st.sampled_from(PROJECTS), st.integers(0, 40)


class Sequences(RuleBasedStateMachine):
    """The engine beside who may be shown which word."""

    @initialize()
    def begin(self) -> None:
        self.folder, self.clock, self.given = TemporaryDirectory(), Clock(), count(100)
        self.engine = self.opened()
        self.shown: dict[str, set[Scope]] = defaultdict(set)  # of each word, who may be shown it in memories
        self.said: dict[str, set[Scope]] = defaultdict(set)  # and in messages
        self.told: dict[str, set[str]] = {}  # of each memory's id, the words that it was made of
        self.home: dict[str, Scope] = {}  # and whose it is
        self.came: dict[str, str] = {}  # and the word of the add that it came with
        self.gone, self.runs = set[str](), set[str]()  # ids of what was deleted; words in tools' messages
        self.tasks: dict[str, str] = {}  # a task's project
        self.bases = {Bases(self.engine, project).make(): project for project in PROJECTS * 2}  # the linked ones
        self.files: dict[str, tuple[str, str]] = {}  # a file's base and word
        self.fields: dict[Scope, str] = {}  # the word in somebody's profile
        self.templates = {project: Profiled(self.engine, project).template({"A.B": ""}) for project in PROJECTS}

    def opened(self) -> Engine:
        return Engine(Path(self.folder.name) / "memos.db", clock=self.clock)

    def word(self, *scopes: Scope) -> str:
        new = f"Zq{next(self.given)}qz"
        self.shown[new] |= set(scopes)
        return new

    def base_of(self, project: str, number: int) -> list[str]:
        linked = self.bases_of(project)
        return [linked[number % len(linked)][2]] if linked and number % 2 else []

    # Adding

    @rule(whose=st.lists(owners, min_size=1, max_size=3), told=st.sampled_from("tpsx"), talk=st.sampled_from("cd"),
          number=numbers, later=st.booleans())  # fmt: skip
    def add(self, whose: list[Scope], told: str, talk: str, number: int, later: bool) -> None:
        """A statement with a time and a place, a preference, tools' definitions, or a run of a tool."""
        project, by, _ = whose[0]
        scopes = {each for each in whose if each[:2] == (project, by)}
        bases = self.base_of(project, number)
        new = self.word(*scopes, *((project, "base", base) for base in bases))
        self.said[new] |= scopes
        self.runs |= {new} if told in "sx" else set()
        call = AddMessage.model_validate({
            "messages": messages(told, new), by: [each[2] for each in scopes], "conversation_id": talk,
            "async_mode": later, "tags": [tag(new)], "allow_knowledgebase_ids": bases or None,
        })  # fmt: skip
        self.learn(project, self.engine.add_message(call, project).task_id, bases, {new}, new)

    @rule(who=owners, number=numbers, talk=st.sampled_from(["c", None]))
    def correct(self, who: Scope, number: int, talk: str | None) -> None:
        project, name, scope = who[0], who[2], (who[0], "user_id", who[2])
        own = sorted(word for word, scopes in self.said.items() if scope in scopes)
        bases = self.base_of(project, number)
        into = [scope, *((project, "base", base) for base in bases)]
        new, old = self.word(*into), own[number % len(own)] if own else "Lyon"
        self.shown[old] |= set(into)
        call = AddFeedback(user_id=name, feedback_content=f"I moved to {new}, not {old}.", conversation_id=talk,
                           allow_knowledgebase_ids=bases or None)  # fmt: skip
        self.learn(project, self.engine.add_feedback(call, project).task_id, bases, {new, old})

    def learn(self, project: str, task: str | None, bases: list[str], words: set[str], came: str = "") -> None:
        assert self.engine.settle(60) == 0
        self.tasks[task or ""] = project
        for memory in self.ids_of(task or ""):
            self.told.setdefault(memory, set()).update(words)
            if memory not in self.home:
                told = self.read(memory, project)
                by = "user_id" if told.user_id else "agent_id" if told.agent_id else "base"
                self.home[memory] = (project, by, told.user_id or told.agent_id or bases[0])
                self.came[memory] = came

    def ids_of(self, task: str) -> list[str]:
        told = self.engine.get_status(GetStatus(task_id=task), self.tasks[task])
        views = (made for verb in told.memory_views.values() for made in verb.values())
        return [memory for made in views for memory in made["memory_ids"]]

    # Changing and deleting memories

    def kept(self, project: str) -> list[str]:
        return [memory for memory, home in self.home.items() if home[0] == project and memory not in self.gone]

    def forget(self, memories: Iterable[str]) -> None:
        """What nobody is to be shown any more, once these are deleted."""
        self.gone |= set(memories)
        for word in {word for memory in memories for word in self.told[memory]}:
            left = [memory for memory in self.told if memory not in self.gone and word in self.told[memory]]
            self.shown[word] &= {self.home[memory] for memory in left}
            if word not in self.runs:  # tools' messages that are no memory go with their owner alone
                among = {self.home[memory] for memory in left if self.came[memory] == word}
                self.said[word] &= among

    @rule(project=projects, number=numbers, status=st.sampled_from([None, *STATES]), rewrite=st.booleans())
    def update(self, project: str, number: int, status: str | None, rewrite: bool) -> None:
        if not (kept := self.kept(project)):
            return
        memory = kept[number % len(kept)]
        tool = self.read(memory, project).memory_view == "tool_memory"
        new = self.word(self.home[memory])
        content = f"Yesterday I went to {new}." if rewrite and not tool else None
        call = UpdateMemory(memory_id=memory, content=content, status=status, title=new)
        assert code(lambda: self.engine.update_memory(call, other(project))) == 40307
        self.engine.update_memory(call, project)
        self.told[memory].add(new)
        if status == "deleted":
            self.forget([memory])

    @rule(project=projects, number=numbers, whole=st.booleans())
    def delete(self, project: str, number: int, whole: bool) -> None:
        if kept := self.kept(project):
            one = kept[number % len(kept)]
            words = self.told[one] if whole else set()
            chosen = [memory for memory in kept if memory == one or self.told[memory] & words]
            call = DeleteMemory(memory_ids=chosen)
            assert code(lambda: self.engine.delete_memory(call, other(project))) == 40307
            self.engine.delete_memory(call, project)
            self.forget(chosen)

    @rule(project=projects, chosen=st.sampled_from(["t0", "t1", "t2"]))
    def delete_tagged(self, project: str, chosen: str) -> None:
        group = {"and": [{"tags": {"contains": chosen}}]}
        self.engine.delete_memory(DeleteMemory.model_validate({"filter": {"user": group, "agent": group}}), project)
        own = [memory for memory in self.kept(project) if self.home[memory][1] != "base"]
        self.forget([memory for memory in own if tag(self.came[memory]) == chosen])

    @rule(who=owners, old=st.booleans())
    def replace(self, who: Scope, old: bool) -> None:
        """Deletes everything of somebody; whoever comes next is not taken for them."""
        self.drop(who, old)
        self.add([who], "x", "c", 0, later=False)  # now the newest, whose number the next one gets
        self.edit(who, remove=False)
        self.drop(who, old)
        heir = (*who[:2], "heir")
        self.add([heir], "t", "c", 0, later=False)
        self.check_page(heir)
        self.drop(heir, old)

    def drop(self, who: Scope, old: bool) -> None:
        project, by, name = who
        with suppress(NotFound):
            self.engine.delete_memory(DeleteMemory.model_validate(selector(by, name, old=old)), project)
        self.forget([memory for memory, home in self.home.items() if home == who])
        for scopes in (*self.shown.values(), *self.said.values()):
            scopes.discard(who)

    # Profiles

    @rule(who=owners, remove=st.booleans())
    def edit(self, who: Scope, remove: bool) -> None:
        project, by, name = who
        here, template, new = Profiled(self.engine, project), self.templates[project], self.word(who)
        here.bind(template, {by: name})
        here.edit(template, {by: name}, {"A.B": new})
        self.shown[self.fields.get(who, "")].clear()
        self.fields[who] = new
        if remove:
            here.delete(template, {by: name})
            self.shown[new].clear()

    # Knowledge bases

    def bases_of(self, project: str) -> list[Scope]:
        return [(project, "base", base) for base, theirs in self.bases.items() if theirs == project]

    @rule(number=numbers, skill=st.booleans())
    def add_file(self, number: int, skill: bool) -> None:
        base, project = list(self.bases.items())[number % len(self.bases)]
        new = self.word((project, "base", base))
        (file,) = Bases(self.engine, project).add(base, page(new, skill=skill))
        self.files[file] = base, new
        assert self.engine.settle(60) == 0

    @precondition(lambda self: self.files)
    @rule(number=numbers)
    def delete_file(self, number: int) -> None:
        file = list(self.files)[number % len(self.files)]
        base, word = self.files.pop(file)
        call = DeleteKnowledgebaseFile(file_ids=[file])
        assert code(lambda: self.engine.delete_knowledgebase_file(call, other(self.bases[base]))) == 40001
        self.engine.delete_knowledgebase_file(call, self.bases[base])
        self.shown[word].clear()

    @rule(number=numbers, whole=st.booleans())
    def delete_base(self, number: int, whole: bool) -> None:
        base = list(self.bases)[number % len(self.bases)]
        project = self.bases.pop(base)
        self.engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base, delete_all=whole), project)
        self.files = {file: (home, word) for file, (home, word) in self.files.items() if home != base}
        for scopes in self.shown.values():
            scopes.discard((project, "base", base))
        self.gone |= {memory for memory, home in self.home.items() if home == (project, "base", base)}
        self.bases[Bases(self.engine, project).make()] = project

    # Asking

    def read(self, memory: str, project: str) -> Memory:
        return self.engine.get_memory_by_id(GetMemoryById(memory_id=memory), project)

    def is_there(self, memory: str, project: str) -> bool:
        with suppress(NotFound):
            return self.read(memory, project).id == memory
        return False

    @rule()
    def restart(self) -> None:
        self.engine.close()
        self.engine = self.opened()
        self.ids_are_readable_or_deleted()

    def ids_are_readable_or_deleted(self) -> None:
        for memory, (project, *_) in self.home.items():
            assert self.is_there(memory, project) == (memory not in self.gone)
            assert not self.is_there(memory, other(project))
        for task in self.tasks:
            with suppress(NotFound):  # its owners were deleted
                assert self.gone.isdisjoint(self.ids_of(task))

    @invariant()
    def nobody_is_shown_what_is_not_for_them(self) -> None:
        query = " ".join(["tea tools yesterday", *self.shown])
        for project, by, name in OWNERS:
            bases = self.bases_of(project)
            for asked in (bases, bases[-1:]):
                among = ["all"] if asked == bases else [base for *_, base in asked]
                self.check(self.search(project, query, {by: name}, among), {(project, by, name), *asked})
            self.check_page((project, by, name))
            if by == "user_id":
                calls = [GetMessage(user_id=name, conversation_id=talk, message_limit_number=50) for talk in "cd"]
                words = {word for call in calls for word in marked(self.engine.get_message(call, project))}
                assert all((project, by, name) in self.said[word] for word in words)

    def search(self, project: str, query: str, subject: dict[str, str], bases: list[str]) -> Answer:
        asked = {"query": query, "knowledgebase_ids": bases, **subject, **ALL}
        call = SearchMemory.model_validate(asked)
        for *_, base in self.bases_of(other(project))[:1]:
            foreign = SearchMemory.model_validate({**asked, "knowledgebase_ids": [base]})
            assert code(partial(self.engine.search_memory, foreign, project)) == 50123
        return self.engine.search_memory(call, project)

    def check_page(self, who: Scope) -> None:
        call = GetMemory.model_validate({who[1]: who[2], "size": 50, "include_memory_view": ALL["include_memory_view"]})
        self.check(self.engine.get_memory(call, who[0]), {who})

    def check(self, answer: Answer, scopes: set[Scope]) -> None:
        assert [word for word in marked(answer) if self.shown[word].isdisjoint(scopes)] == []
        assert self.gone.isdisjoint(ids(answer))

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.ids_are_readable_or_deleted()
            self.engine.close()
            self.folder.cleanup()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
