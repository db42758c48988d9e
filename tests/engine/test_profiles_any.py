"""Any sequence of changes leaves what a plain dictionary says it leaves, for each owner of each project (§2.14)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from memos_integrations.engine import Engine
from memos_integrations.errors import NotFound
from tests.engine.conftest import Clock, Talk
from tests.engine.profiled import Profiled

Subject = tuple[str, str]
SUBJECTS: list[Subject] = [("user_id", "ada"), ("user_id", "bob"), ("agent_id", "ada")]
PROJECTS = ("", "other")
MOST = 25  # hits a search
VALUES = st.sampled_from(["", "x", "!x", "!", "y"])
FLAT = st.dictionaries(st.sampled_from(["A", "B", "C"]), VALUES, min_size=1)
DEEP = st.dictionaries(st.sampled_from(["A.X", "A.Y", "B.X.P", "C"]), VALUES, min_size=1)
FIELDS = FLAT | DEEP
Key = tuple[str, str]  # project, template
Owned = tuple[str, str, Subject]  # project, template, whose


@contextmanager
def missing(*, is_so: bool) -> Iterator[None]:
    """What is asked of something that is not there is refused, and only that."""
    codes = []
    try:
        yield
    except NotFound as error:
        codes.append(error.code)
    assert codes == [40001] * is_so


class Changes(RuleBasedStateMachine):
    """The engine beside two dictionaries: the templates' fields, and the profiles'."""

    known = Bundle("known")

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.engine = Engine(Path(self.folder.name) / "memos.db", clock=self.clock)
        self.templates: dict[Key, dict[str, str]] = {}
        self.profiles: dict[Owned, dict[str, str]] = {}

    def here(self, project: str) -> Profiled:
        return Profiled(self.engine, project)

    def of(self, project: str, template: str) -> list[Owned]:
        return [each for each in self.profiles if each[:2] == (project, template)]

    @rule(target=known, project=st.sampled_from(PROJECTS), fields=FIELDS)
    def add(self, project: str, fields: dict[str, str]) -> Key:
        template = self.here(project).template(fields)
        self.templates[project, template] = dict(fields)
        self.bind((project, template), SUBJECTS)
        return project, template

    @rule(
        key=known,
        subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=4),
    )
    def bind(self, key: Key, subjects: list[Subject]) -> None:
        project, template = key
        there = self.templates.get((project, template))
        with missing(is_so=there is None):
            self.here(project).bind(template, *(dict([subject]) for subject in subjects))
        for subject in subjects if there is not None else ():
            self.profiles.setdefault((project, template, subject), dict(there or {}))

    @rule(
        key=known,
        subject=st.sampled_from(SUBJECTS),
        value=VALUES,
        dice=st.randoms(use_true_random=False),
    )
    def edit(self, key: Key, subject: Subject, value: str, dice: Random) -> None:
        project, template = key
        ours = list(self.templates.get((project, template), {"C": ""}))
        put = {path: value for path in ours if dice.random() < 0.4}
        removed = tuple(path for path in ours if path not in put and dice.random() < 0.4)
        if not put and not removed:
            put = {ours[0]: value}
        profile = self.profiles.get((project, template, subject))
        with missing(is_so=profile is None):
            self.here(project).edit(template, dict([subject]), put, removed)
        if profile is not None:
            before = self.templates[project, template]
            flagged = {path: _put(value, profile.get(path, before[path])) for path, value in put.items()}
            profile |= flagged
            for path in removed:
                profile.pop(path, None)

    @rule(key=known, fields=FIELDS)
    def update(self, key: Key, fields: dict[str, str]) -> None:
        project, template = key
        before = self.templates.get((project, template))
        affected = 0
        with missing(is_so=before is None):
            affected = self.here(project).update(template, fields)
        if before is None:
            return
        self.templates[project, template] = dict(fields)
        changed = 0
        for each in self.of(project, template):
            own = self.profiles[each]
            after = {
                path: own[path] if before.get(path) == value else value
                for path, value in fields.items()
                if before.get(path) != value or path in own
            }
            changed += after != own
            self.profiles[each] = after
        assert affected == changed

    @rule(key=known, value=VALUES)
    def amend(self, key: Key, value: str) -> None:
        """Changes one field and leaves the others."""
        self.update(key, {**self.templates.get(key, {}), "C": value})

    @rule(key=consumes(known))
    def drop(self, key: Key) -> None:
        project, template = key
        gone = 0
        with missing(is_so=(project, template) not in self.templates):
            gone = self.here(project).drop(template)
        self.templates.pop((project, template), None)
        followers = self.of(project, template)
        assert gone == len(followers)
        for each in followers:
            del self.profiles[each]

    @rule(key=known, subject=st.sampled_from(SUBJECTS))
    def unbind(self, key: Key, subject: Subject) -> None:
        project, template = key
        with missing(is_so=(project, template, subject) not in self.profiles):
            self.here(project).delete(template, dict([subject]))
        self.profiles.pop((project, template, subject), None)

    @rule(key=known, fields=FIELDS, dice=st.randoms(use_true_random=False))
    def trespass(self, key: Key, fields: dict[str, str], dice: Random) -> None:
        """Asks for another project's template."""
        wrong = (PROJECTS[key[0] == PROJECTS[0]], key[1])
        self.bind(wrong, SUBJECTS)
        self.update(wrong, fields)
        self.edit(wrong, SUBJECTS[0], "x", dice)
        self.unbind(wrong, SUBJECTS[0])
        with missing(is_so=True):
            self.here(wrong[0]).drop(wrong[1])

    @rule(subject=st.sampled_from(SUBJECTS))
    def forget(self, subject: Subject) -> None:
        """Deletes everything of somebody in the first project."""
        with suppress(NotFound):
            Talk(self.engine).delete(**dict([subject]))
        for each in [key for key in self.profiles if (key[0], key[2]) == ("", subject)]:
            del self.profiles[each]

    @rule()
    def wait(self) -> None:
        self.clock.now += 1

    @rule()
    def restart(self) -> None:
        self.engine.close()
        self.engine = Engine(Path(self.folder.name) / "memos.db", clock=self.clock)

    @invariant()
    def all_is_as_the_dictionaries_say(self) -> None:
        for project in PROJECTS:
            here = self.here(project)
            names = {template for at, template in self.templates if at == project}
            listed = here.listed(size=100).profile_templates
            assert {each.profile_template_id: each.instance_count for each in listed} == {
                name: len(self.of(project, name)) for name in names
            }
            for name in names:
                assert here.fields(name) == self.templates[project, name]
            for subject in SUBJECTS:
                own = {
                    key[1]: fields for key, fields in self.profiles.items() if (key[0], key[2]) == (project, subject)
                }
                assert here.held(dict([subject])) == own
                told = [f"{path}: {v.removeprefix('!')}" for fields in own.values() for path, v in fields.items()]
                filled = sorted(text for text in told if not text.endswith(": "))
                hits = here.found("x", dict([subject]), memory_limit_number=MOST)
                assert sorted(hits) == filled or (len(hits) == MOST < len(filled) and set(hits) <= set(filled))

    def teardown(self) -> None:
        self.engine.close()
        self.folder.cleanup()


def _put(value: str, before: str) -> str:
    """A field after an edit: where `value` says nothing of who may change it, that stays as it was."""
    return value if value[:1] == "!" or before[:1] != "!" else f"!{value}"


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
