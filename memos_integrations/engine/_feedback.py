"""A feedback in its order of work: what it corrects is revised or archived, what it says anew is remembered.

All in the caller's transaction, so that a feedback holds as a whole or not at all.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from memos_integrations.engine import _defaults, _derived, _deriving
from memos_integrations.engine._corrections import read
from memos_integrations.engine._events import happened
from memos_integrations.engine._extract import piece, refined_type, stated, turn
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE
from memos_integrations.engine._refine import refine
from memos_integrations.engine._revision import Correction, Revision, of_anyone, revised, words_of
from memos_integrations.engine._rows import Told
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import tokens
from memos_integrations.wire.calls import AddFeedback
from memos_integrations.wire.message import Message

UPDATED, DELETED = "updated", "deleted"  # how get/status tells of what was revised, and of what was archived


def take(store: Store, call: AddFeedback, project: str, public: str, now: int) -> None:
    """Does what `call` asks for, as the task `public`, at `now` (epoch milliseconds)."""
    owner = store.make_owner(project, "user", call.user_id)
    for running in store.running_of(owner):  # else they would tell preferences by the words of before
        refine(store, running)
    task = store.add_task(public, owner, _defaults.feedback_origin(call), now)
    work = _Work(store, owner, task, call.conversation_id, now)
    kept = [work.hear(heard.revision, heard.once, heard.otherwise) for heard in read(call.feedback_content)]
    text = " ".join(sentence for sentence in kept if sentence and not work.says(sentence))
    if text:
        work.remember(text, call, public)
    store.finish(task, "completed")


@dataclass
class _Work:
    store: Store
    owner: int
    task: int
    conversation: str | None
    now: int
    made: set[str] = field(default_factory=set)
    """The texts that revised memories have now, without their last mark."""
    said: dict[str, Counter[str]] = field(default_factory=dict)
    """How many facts, preferences and events say what."""

    def says(self, text: str) -> bool:
        """Whether a revised memory says just this, or this and more: "I moved to Nantes" "in August"."""
        said = _unmarked(text)
        return any(made == said or made.startswith(f"{said} ") for made in self.made)

    def hear(self, revision: Revision | None, once: str, otherwise: str) -> str:
        """Revises what is concerned; returns what is to be remembered."""
        if revision is None:
            return otherwise
        facts = self._concerned(revision, self.store.facts_having(self.owner, words_of(revision)))
        likings = self._concerned(revision, self.store.told_preferences(self.owner))
        for told, text in facts:
            self._revise_fact(told, text)
        for told, text in likings:
            self._revise_preference(told, text)
        for told, text in self._concerned(revision, _derived.told(self.store, EVENT, self.owner)):
            self._revise_event(told, text)
        return once if facts or likings else otherwise

    def _concerned(self, revision: Revision, among: Iterable[Told]) -> list[tuple[Told, str]]:
        """The memories that change, and what they are to say.

        Two bare words mean the conversation, where it has them; there also what is said of somebody else, if it is
        the only thing that they can mean.
        """
        memories = list(among)
        changed = _changed(revision, memories)
        if not (isinstance(revision, Correction) and revision.bare and self.conversation):
            return changed
        near = [told for told in memories if told.conversation == self.conversation]
        others = _changed(of_anyone(revision), near)
        return _changed(revision, near) or changed or (others if len(others) == 1 else [])

    def _revise_fact(self, told: Told, text: str) -> None:
        if kept := self._is_new(FACT, told.text, text):
            self.store.change_fact(told.number, piece(text), tokens, self.now)
        else:
            self.store.archive_fact(told.number, tokens, self.now)
        self._note(FACT, told.number, UPDATED if kept else DELETED, text)

    def _revise_preference(self, told: Told, text: str) -> None:
        if kept := self._is_new(PREFERENCE, told.text, text):
            self.store.change_preference(told.number, text, tokens(text), self.now)
        else:
            self.store.archive_preference(told.number, self.now)
        self._note(PREFERENCE, told.number, UPDATED if kept else DELETED, text)

    def _revise_event(self, told: Told, text: str) -> None:
        """An event follows its fact: what it says of when and where is read anew from the words it has now."""
        again = happened(text)
        if kept := bool(again) and self._is_new(EVENT, told.text, text):
            _deriving.retell(self.store, told.number, text, again, self.now)
        else:
            _derived.archive(self.store, told.number, self.now)
        self._note(EVENT, told.number, UPDATED if kept else DELETED, text)

    def _is_new(self, table: str, old: str, new: str) -> bool:
        """Whether `new`, in the place of `old`, says something that no other memory says; read once a feedback."""
        if table not in self.said:
            self.said[table] = Counter(_unmarked(told.text) for told in self._every(table))
        said, text = self.said[table], _unmarked(new)
        is_new = bool(tokens(new)) and not said[text]
        said[_unmarked(old)] -= 1
        said[text] += is_new
        return is_new

    def _every(self, table: str) -> Iterable[Told]:
        store, owner = self.store, self.owner
        if table == EVENT:
            return _derived.told(store, EVENT, owner)
        return store.facts_having(owner, []) if table == FACT else store.told_preferences(owner)

    def _note(self, table: str, memory: int, verb: str, text: str) -> None:
        self.store.note_change(self.task, table, memory, verb)
        self.made.add(_unmarked(text))

    def remember(self, text: str, call: AddFeedback, public: str) -> None:
        """Keeps `text` as the user's words, in a conversation of its own, so that no chat's history shows it.

        The memories made of it belong to the conversation that the feedback is about, where one is named.
        """
        said = turn(Message(role="user", content=text, chat_time=call.feedback_time), self.now)
        aside = f"feedback-{public}"
        [number] = self.store.add_messages(self.task, self.owner, aside, [said], self.now)
        told = [(number, said, part) for part in said.pieces]
        self.store.add_facts(self.owner, call.conversation_id or aside, self.task, told)
        stored = self.store.turns([number])[number]
        self.store.refine([number], refined_type)
        place = self.store.conversations(self.owner, call.conversation_id or aside)[-1]
        for preference in stated(text, ""):
            if not self.says(preference.text):
                self.store.add_preference(
                    self.task, replace(stored, conversation=place), preference, tokens(preference.text)
                )
        _deriving.tell_events(self.store, self.task, replace(stored, conversation=place), text)


def _unmarked(text: str) -> str:
    return text.rstrip(" .!。！")


def _changed(revision: Revision, memories: Iterable[Told]) -> list[tuple[Told, str]]:
    pairs = [(told, revised(revision, told.text)) for told in memories]
    return [(told, text) for told, text in pairs if text != told.text]
