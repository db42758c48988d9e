"""Recall: one search a user turn, inside a time budget, shared by all who ask during the turn, and fail-open."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from pydantic import Field, PrivateAttr, ValidationError

from memos_integrations.client import MemOS, Recalled
from memos_integrations.errors import Invalid, MemOSError
from memos_integrations.memory._turns import Pending, Turns
from memos_integrations.memory.breaker import Attempt, Breaker, Skipped
from memos_integrations.memory.degraded import tell_degraded
from memos_integrations.memory.handed import known_names, parameters_of, told_by
from memos_integrations.memory.prompt import strip
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found
from memos_integrations.wire.call import Limit, Relativity, Texts, checked
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.checks import STRICT_ENOUGH, Discreet, invalid
from memos_integrations.wire.filters import Filters

__all__ = ["NOTHING", "Recall", "RecallOptions", "recall_of"]

_log = logging.getLogger(__name__)

NOTHING = Found()
_MAX_QUERY = 8_000  # characters: far below any server's limit in tokens; a longer text keeps its head and its tail


class RecallOptions(TypedDict, total=False):
    """The options of `Recall`, for the adapters that take them as keywords."""

    memory_limit_number: int | None
    preference_limit_number: int | None
    relativity: float | None
    filter: Filters | None
    knowledgebase_ids: Texts | None
    include_preference: bool | None
    include_tool_memory: bool | None
    tool_memory_limit_number: int | None
    recall_seconds: float
    on_error: Literal["warn", "raise"]


class Recall(Discreet):
    """How memories are recalled before a model is asked.

    `recall_seconds` is the time budget of a search (default 3 s). `on_error` "warn" (the default) logs one
    warning without content, emits `Degraded` and goes on without memories; "raise" lets the error through. While the
    server doesn't answer, searches are skipped at once (see `Breaker`). The other options are those of
    `search_memory`; None leaves each to the server's own default. Raises `Invalid`.
    """

    model_config = STRICT_ENOUGH

    memory_limit_number: Limit | None = None
    preference_limit_number: Limit | None = None
    relativity: Relativity | None = None
    filter: Filters | None = None
    knowledgebase_ids: Texts | None = None
    include_preference: bool | None = None
    include_tool_memory: bool | None = None
    tool_memory_limit_number: Limit | None = None
    recall_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3.0
    on_error: Literal["warn", "raise"] = "warn"
    _asked: str = PrivateAttr("")

    if not TYPE_CHECKING:

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise invalid(error, "recall") from None

    def model_post_init(self, _: Any) -> None:
        """Settles once what tells these options from others."""
        self._asked = self.model_dump_json(exclude={"recall_seconds", "on_error"})

    def found(self, client: MemOS, scope: Scope, *, turn: str, text: str | None) -> Found:
        """What bears on `text`, searched for once for each `turn` (any name that tells the turn from others).

        Later calls of the same turn get the same answer, so `text` may then be None. Nothing is searched for
        without text.
        """
        with closing(self._asking(client, scope, turn, text)) as asking:
            try:
                step = next(asking)
                while True:
                    step = asking.send(self._search(client, scope, step) if isinstance(step, str) else self._wait(step))
            except StopIteration as done:
                return _answer(done)

    async def afound(self, client: MemOS, scope: Scope, *, turn: str, text: str | None) -> Found:
        """The same without blocking the running loop."""
        with closing(self._asking(client, scope, turn, text)) as asking:
            try:
                step = next(asking)
                while True:
                    work = self._asearch(client, scope, step) if isinstance(step, str) else self._await(step)
                    step = asking.send(await work)
            except StopIteration as done:
                return _answer(done)

    def _asking(
        self, client: MemOS, scope: Scope, turn: str, text: str | None
    ) -> "Generator[str | Pending, Found | None, Found]":
        """One turn's asking, without waiting: yields a query to search for, or another asker's answer to wait for."""
        turns, query = client.share(Turns, Turns), _searchable(text)
        key = (self._asked, scope.user_id, scope.conversation_id or "", turn)
        while True:
            mine, answer = turns.claim(key, query)
            if answer is None:
                return NOTHING
            if mine:
                with turns.settling(key, answer):
                    found = yield query or ""
                    if found is None:  # skipped, which cost nothing: the turn's next asker may find the server back
                        return NOTHING
                    answer.set_result(found)
            else:
                found = yield answer
            if found is not None:
                return found

    def _wait(self, answer: "Pending") -> Found | None:
        """Another's answer; None when that one gave up, nothing when the budget has passed."""
        try:
            return answer.result(self.recall_seconds)
        except TimeoutError:
            return NOTHING

    async def _await(self, answer: "Pending") -> Found | None:
        try:
            async with asyncio.timeout(self.recall_seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            return NOTHING

    def _call(self, scope: Scope, query: str) -> SearchMemory:
        options = {name: value for name, value in self if name not in {"recall_seconds", "on_error"}}
        subject = {"user_id": scope.user_id, "conversation_id": scope.conversation_id}
        return checked(SearchMemory, {"query": query, **subject, **options})

    def _search(self, client: MemOS, scope: Scope, query: str) -> Found | None:
        started, patient = time.perf_counter(), client.with_options(deadline=self.recall_seconds)
        attempt = Attempt()
        try:
            with client.share(Breaker, Breaker).passing(attempt):
                found = patient.send(self._call(scope, query))
        except MemOSError as error:
            return self._degraded(client, scope, error, started, attempt)
        return _told(client, scope, found, started)

    async def _asearch(self, client: MemOS, scope: Scope, query: str) -> Found | None:
        started, patient = time.perf_counter(), client.aio.with_options(deadline=self.recall_seconds)
        attempt = Attempt()
        try:
            with client.share(Breaker, Breaker).passing(attempt):
                found = await patient.send(self._call(scope, query))
        except MemOSError as error:
            return self._degraded(client, scope, error, started, attempt)
        return _told(client, scope, found, started)

    def _degraded(
        self, client: MemOS, scope: Scope, error: MemOSError, started: float, attempt: Attempt
    ) -> Found | None:
        """Goes on without memories, unless the caller's arguments are at fault or an error was asked for.

        None for a search that was skipped.
        """
        spent = _since(started)
        what, code = tell_degraded(client, scope.conversation_id, "recall", error, spent)
        if self.on_error == "raise" or isinstance(error, Invalid):
            raise error
        if isinstance(error, Skipped):
            _log.debug("recall skipped: %s", error)
            return None
        known = attempt.probe and attempt.pause > 0  # told when the outage began
        then = f"; the next recalls are skipped for {attempt.pause:g} s" if attempt.pause else ""
        text = "recall failed (%s, code %d) after %.0f ms; going on without memories%s"
        _log.log(logging.INFO if known else logging.WARNING, text, what, code, spent, then)
        return NOTHING


def recall_of(
    who: str, taker: Callable[..., object], options: Mapping[str, Any], beside: Collection[str] = ()
) -> Recall:
    """The `Recall` of the further keywords that `taker` was given, which takes those of `beside` too.

    Raises `Invalid` in the name of `who`; of a keyword that is nobody's it says which there are.
    """
    known_names(who, options, {*parameters_of(taker), *RecallOptions.__annotations__, *beside})
    try:
        return Recall(**options)
    except Invalid as error:
        raise told_by(who, error) from None


def _searchable(text: str | None) -> str | None:
    """The user's own words as a query: without what we put in, short enough to send; None when nothing is left."""
    own = strip(text or "").strip()
    if not own:
        return None
    if len(own) > _MAX_QUERY:
        own = f"{own[: _MAX_QUERY // 2]}\n{own[-_MAX_QUERY // 2 :]}"
    return own.encode("utf-8", "replace").decode()


def _told(client: MemOS, scope: Scope, found: Found, started: float) -> Found:
    facts, preferences, tools = found.memory_detail_list, found.preference_detail_list, found.tool_memory_detail_list
    ids = (*(f.id for f in facts), *(p.id for p in preferences), *(t.id for t in tools))
    counts = (len(facts), len(preferences), len(tools))
    client.emit(Recalled(scope.conversation_id or "", *counts, _since(started), ids))
    return found


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000


def _answer(done: StopIteration) -> Found:
    found: Found = done.value
    return found
