"""The engine: one method a call. Here what adds, finds and tells; what changes is in `_revising` and `_updating`, what
is stored in `_store`, what counts in `_rank`.
"""

import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from memos_integrations.engine import _defaults, _derived, _deriving, _items, _profiles_found, _skills_found, _status
from memos_integrations.engine._chat import Chatting, configured
from memos_integrations.engine._chat_completed import as_chat, completion
from memos_integrations.engine._defaults import FACTS
from memos_integrations.engine._extract import Turn, note, turn
from memos_integrations.engine._knowledge import (
    Knowledge,
    base_facts,
    linked,
    merged,
    searched,
    tell,
)
from memos_integrations.engine._knowledge_store import Base
from memos_integrations.engine._pieces import Answering, Waiting
from memos_integrations.engine._profiles import Profiles
from memos_integrations.engine._public import publish, with_public
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, SKILL, TOOL
from memos_integrations.engine._refine import refine, wants
from memos_integrations.engine._rows import Origin, Owner, Task
from memos_integrations.engine._search import Wanted, find_derived, find_facts, find_preferences
from memos_integrations.engine._stateless import Stateless
from memos_integrations.engine._times import instant
from memos_integrations.engine._updating import Updating
from memos_integrations.engine._vectors import Near
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import (
    Added,
    ChatAnswer,
    Fact,
    Found,
    Memories,
    Memory,
    Preference,
    StoredMessages,
    TaskStatus,
)
from memos_integrations.wire.calls import (
    AddMessage,
    Chat,
    ChatCompletions,
    GetMemory,
    GetMemoryById,
    GetMessage,
    GetStatus,
    SearchMemory,
    StreamChat,
)
from memos_integrations.wire.completions import Completion

__all__ = ["Engine"]

NOBODY: Final = Owner(0, 0, 0)
"""Who is asked for and has no memories, while knowledge bases and public memory are searched; owners count from 1."""


class Engine(Knowledge, Profiles, Stateless, Updating):
    """MemOS in one SQLite file, or in memory (`path` ":memory:"); a `model` is asked for chat alone.

    Facts are turns as they were said, preferences are found by rules (English and Chinese); search is by words and by
    the structure of conversations. Usable from any thread; several processes may use one file. `clock` tells epoch
    seconds. `synchronous` "NORMAL" survives the end of the process, "FULL" the end of power too, at a third of the
    speed of writing. `fetch` tells what a web address holds that is given as a file; without it such files are refused.
    An `extractor` finds facts, preferences and more in the place of rules; an `embedder` brings search by meaning to
    that by words. Times are UTC. `close()` it. Raises
    `Unsupported` when the file can't be used.

    >>> from memos_integrations.wire.calls import AddMessage, SearchMemory
    >>> engine = Engine(":memory:")
    >>> _ = engine.add_message(AddMessage(messages=[{"role": "user", "content": "I avoid trains."}], user_id="u"))
    >>> engine.settle()
    0
    >>> found = engine.search_memory(SearchMemory(query="trips", user_id="u"))
    >>> found.preference_detail_list[0].preference
    'I avoid trains.'
    >>> engine.close()
    """

    def add_message(
        self, call: AddMessage, project: str = "", seconds: float | None = None, waiting: Waiting | None = None
    ) -> Added:
        """Stores the turns, findable at once; refines them before or after answering, as `async_mode` says.

        Where an extractor is asked before the answer, it has most of `seconds`; then the rules take its place.
        """
        _defaults.check_views(call, learns=self._learner is not None)
        begun, waiting = time.monotonic(), waiting or Waiting(seconds)
        public, later = str(uuid.uuid4()), call.async_mode is not False
        with ExitStack() as held:
            with self._store.writing():
                self._store_turns(call, project, public)
                tasks = [] if later else self._running(project, public)
                if self._learner is not None:
                    held.enter_context(self._learner.holding(tasks))
                elif not later:
                    self._refine_now(tasks)
            done = not later and (self._learner is None or self._learner.finish(tasks, waiting, begun))
        if not done:
            self._refiner.wake()
        return Added(task_id=public, status="completed" if done else "running")

    def _store_turns(self, call: AddMessage, project: str, public: str) -> None:
        now = self._now()
        turns = [turn(message, now) for message in call.turns]
        origin = _defaults.origin(call)
        for owner in _defaults.owners(call):
            self._add(call, origin, turns, self._store.make_owner(project, *owner), public=public)
        bases = linked(self._store, project, call.allow_knowledgebase_ids, call.path)
        tell(self._store, bases, turns, origin, public=public, now=now)
        publish(self._store, project, turns, origin, allowed=call.allow_public, public=public, now=now)

    def _add(self, call: AddMessage, origin: Origin, turns: list[Turn], owner: int, *, public: str) -> None:
        now, store = self._now(), self._store
        conversation = call.conversation_id or f"conversation-{public}"
        task = store.add_task(public, owner, origin, now)
        numbers = store.add_messages(task, owner, conversation, turns, now)
        if call.custom_extract_prompt:
            store.keep_prompts(task, call.custom_extract_prompt)
        if wants(origin.views, FACTS):
            told = [(number, said, part) for number, said in zip(numbers, turns, strict=True) for part in said.pieces]
            store.add_facts(owner, conversation, task, told)

    def _running(self, project: str, public: str) -> list[Task]:
        return [task for task in self._store.tasks_of(project, public) if task.status == "running"]

    def _refine_now(self, tasks: list[Task]) -> None:
        for task in tasks:
            refine(self._store, task)

    def search_memory(
        self, call: SearchMemory, project: str = "", seconds: float | None = None, waiting: Waiting | None = None
    ) -> Found:
        """Facts and preferences that bear on the query, each kind best first; an embedder has most of the `seconds`."""
        vector = self._vector(call, seconds, waiting)
        with self._store.reading():
            bases = searched(self._store, project, call.knowledgebase_ids, call.path)
            owner = self._owner(call, project)
            return self._found(call, project, owner or NOBODY, bases, self._near(vector))

    def _found(self, call: SearchMemory, project: str, owner: Owner, bases: list[Base], asked: Near | None) -> Found:
        wanted = Wanted(owner, call.query, call.conversation_id, _defaults.condition(call), call.relativity, asked)
        limit = _defaults.fact_limit(call)
        hits = find_facts(self._store, wanted, limit)
        if bases:
            hits = merged([hits, *base_facts(self._store, call, bases, limit, asked)], limit)
        hits = with_public(self._store, call, project, hits, limit, asked)
        near = find_preferences(self._store, wanted, _defaults.preference_limit(call))
        original = call.context_format in {"sources", "mixed"}
        preferences = self._told_preferences({bearing.number: bearing.relativity for bearing in near}, original)
        events = find_derived(self._store, wanted, EVENT, _defaults.event_limit(call))
        tools = find_derived(self._store, wanted, TOOL, _defaults.tool_limit(call))
        return Found(
            memory_detail_list=self._told_facts({hit.id: hit.relativity for hit in hits}, original),
            preference_detail_list=preferences,
            preference_note=note([item.preference for item in preferences]),
            event_detail_list=_deriving.events(self._store, events, original=original),
            tool_memory_detail_list=_deriving.tools(self._store, tools),
            profile_detail_list=_profiles_found.hits(self._store, call, owner.number),
            skill_detail_list=_skills_found.found(self._store, call, wanted, bases),
        )

    def _told_facts(self, found: Mapping[int, float | None], original: bool) -> tuple[Fact, ...]:
        rows = self._store.facts(found)
        turns = self._store.turns(row.message for row in rows.values()) if original else {}
        return tuple(_items.fact(rows[fact], relativity=near, turns=turns) for fact, near in found.items())

    def _told_preferences(self, found: Mapping[int, float | None], original: bool) -> tuple[Preference, ...]:
        rows = self._store.preferences(found)
        turns = self._store.turns(row.message for row in rows.values()) if original else {}
        return tuple(_items.preference(rows[number], relativity=near, turns=turns) for number, near in found.items())

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        """The newest messages of a conversation, oldest first, with all of their members."""
        with self._store.reading():
            owner = self._store.owner(project, "user", call.user_id)
            if owner is None:
                return StoredMessages()
            conversations = self._store.conversations(owner.number, call.conversation_id)
            turns = self._store.newest_turns(
                owner.number, conversations, call.message_limit_number or _defaults.MESSAGES
            )
            return StoredMessages(message_detail_list=tuple(map(_items.message, turns)))

    def get_memory(self, call: GetMemory, project: str = "") -> Memories:
        """One page of everything of a user or an agent, the newest first, with sources and info."""
        size, page = call.size or _defaults.PAGE, call.page or 1
        with self._store.reading():
            owner = self._owner(call, project)
            if owner is None:
                return Memories(total=0, size=size, current=page, pages=0)
            return self._page(call, owner.number, size, page)

    def _page(self, call: GetMemory, owner: int, size: int, page: int) -> Memories:
        store, among, start = self._store, _defaults.condition(call), _defaults.start(page, size)
        tables = [_status.TABLES[view] for view in _defaults.views(call) if view in _status.TABLES]
        facts = store.newest(owner, among, size, start) if FACT in tables else []
        likings = store.newest_preferences(owner, among, size, start) if PREFERENCE in tables else []
        events, tools, skills = (
            _derived.newest(store, table, owner, among, limit=size, start=start) if table in tables else []
            for table in (EVENT, TOOL, SKILL)
        )
        totals = (store.total(table, owner, among) for table in tables)
        total = max((_profiles_found.total(store, call, owner), *totals))
        return Memories(
            memory_detail_list=self._told_facts(dict.fromkeys(facts), original=True),
            preference_detail_list=self._told_preferences(dict.fromkeys(likings), original=True),
            event_detail_list=_deriving.events(store, dict.fromkeys(events), original=True),
            tool_memory_detail_list=_deriving.tools(store, dict.fromkeys(tools)),
            skill_detail_list=_skills_found.told(store, dict.fromkeys(skills)),
            profile_detail_list=_profiles_found.page(store, call, owner, size, start),
            total=total,
            size=size,
            current=page,
            pages=-(-total // size),
        )

    def get_memory_by_id(self, call: GetMemoryById, project: str = "") -> Memory:
        """One fact or preference of the project, an archived one too. Raises `NotFound` (40001)."""
        with self._store.reading():
            found = _items.named(self._store, project, call.memory_id) or _deriving.named(
                self._store, project, call.memory_id
            )
            found = found or _skills_found.named(self._store, project, call.memory_id)
        if found is None:
            raise NotFound("no memory has this id here: it was deleted, or never was", code=40001, path=call.path)
        return found

    def get_status(self, call: GetStatus, project: str = "") -> TaskStatus:
        """How far a task is; when completed, the ids of what it added, updated and archived ("deleted")."""
        with self._store.reading():
            tasks = self._store.tasks_of(project, call.task_id)
            if not tasks:
                raise NotFound("the task does not exist", code=50131, path=call.path)
            return _status.told(self._store, call.task_id, tasks)

    def chat(
        self, call: Chat, project: str = "", seconds: float | None = None, waiting: Waiting | None = None
    ) -> ChatAnswer:
        """Recalls, asks the model, `seconds` at most, and stores the turn. Raises `ServerFault` without a model."""
        return self._chatting(call, project).answer(waiting or Waiting(seconds))

    def stream_chat(
        self, call: StreamChat, project: str = "", seconds: float | None = None, waiting: Waiting | None = None
    ) -> Answering:
        """The same in pieces, each waited for `seconds` at most; the turn is stored before the last. Close it."""
        return self._chatting(call, project).stream(waiting or Waiting(seconds))

    def chat_completions(
        self, call: ChatCompletions, project: str = "", seconds: float | None = None, waiting: Waiting | None = None
    ) -> Completion:
        """The same as `chat` in OpenAI's form; the model sees the history that the call tells, not the stored one."""
        chatting = replace(self._chatting(as_chat(call), project), before=call.before)
        return completion(call, chatting.answer(waiting or Waiting(seconds)), self._now())

    def _chatting(self, call: Chat | StreamChat, project: str) -> Chatting:
        model = configured(self._model)
        with self._store.reading():
            linked(self._store, project, call.allow_knowledgebase_ids, call.path)
            searched(self._store, project, call.knowledgebase_ids, call.path)
        return Chatting(self, model, call, project, instant(self._now()))
