"""What memory does around one run of a chain: before it, after it, and when it fails."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.runnables import RunnableConfig

from memos_integrations.client import MemOS, surely
from memos_integrations.langchain._chain_answer import answers_in, is_asking_tools
from memos_integrations.langchain._chain_input import Handed, Keys, Manner, is_resuming, read, with_memories
from memos_integrations.langchain._chain_turn import Asking, UnderWay
from memos_integrations.langchain._identity import scope_in
from memos_integrations.langchain._writers import is_recorded_around, recording
from memos_integrations.memory.asking import Warned
from memos_integrations.memory.recall import NOTHING, Recall
from memos_integrations.memory.record import abegin, begin, record
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found

__all__ = ["Memory", "Run"]

_log = logging.getLogger(__name__)
_BESIDE_HISTORY: Final = (
    "a history of ours writes this conversation, so the chain does not: give with_memory record=False beside a history"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it is handed, whose it is, which turn it is part of (None: nothing is said), who writes it:
    we, or a history of ours.
    """

    handed: Handed
    scope: Scope
    asking: Asking | None
    records: bool
    by_history: bool = False

    def step(self) -> AbstractContextManager[None]:
        """Around whatever the chain does by itself: what one of ours records nobody else does."""
        return recording(by_us=self.records or self.by_history)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What all runs of a chain share; no user, and nothing of any run. `policy` None: nothing is recalled. `resumes`: a
    graph, which may be told to go on where it stopped.
    """

    client: MemOS
    identity: Mapping[str, Any] = field(repr=False)
    keys: Keys
    manner: Manner
    policy: Recall | None
    records: bool
    records_tools: bool
    resumes: bool = False
    warned: Warned = field(default_factory=lambda: Warned("with_memory", _log), repr=False)

    def run(self, given: object, config: RunnableConfig, caller: object) -> Run:
        """The run that is `given` that. Raises `Invalid`; does no I/O."""
        scope = scope_in(config, who="with_memory", **self.identity)
        if self.resumes and is_resuming(given):
            return Run(Handed(given), scope, asking=None, records=False)
        handed = read(given, self.keys)
        asking = self._turns.take(scope, handed, _origin(config, caller))
        whole = scope if asking is None else scope.within(asking.turn.conversation)
        records = self.records and not is_recorded_around()
        by_history = records and _is_by_history(handed, config)
        if by_history:
            self.warned.warn(_BESIDE_HISTORY)
        return Run(handed, whole, asking, records and not by_history, by_history)

    def opened(self, run: Run) -> Any:
        """Keeps what the user said, recalls, and gives what the chain is handed."""
        if run.records and run.asking is not None:
            begin(self.client, run.scope, run.asking.key, run.asking.opening)
        found = NOTHING
        if self.policy is not None and run.asking is not None:
            found = self.policy.found(self.client, run.scope, turn=run.asking.name, text=run.asking.text)
        return self._informed(run, found)

    async def aopened(self, run: Run) -> Any:
        """The same without blocking the loop."""
        if run.records and run.asking is not None:
            await abegin(self.client, run.scope, run.asking.key, run.asking.opening)
        found = NOTHING
        if self.policy is not None and run.asking is not None:
            found = await self.policy.afound(self.client, run.scope, turn=run.asking.name, text=run.asking.text)
        return self._informed(run, found)

    def ended(self, run: Run, output: object) -> None:
        """Puts the turn into the outbox, unless the answer asks for tools: then it goes on."""
        if run.asking is None:
            return
        given = run.handed.given
        known = {*given, self.keys.memory} if isinstance(given, Mapping) else set[str]()
        answers = answers_in(output, known, self.keys.output)
        if run.handed.loops and is_asking_tools(answers):
            self._turns.goes_on(run.asking, answers)
            return
        if run.records:
            record(self.client, run.scope, run.asking.whole(answers, tools=self.records_tools), run.asking.key)
        self._turns.done(run.asking)

    async def aended(self, run: Run, output: object) -> None:
        """The same without blocking the loop."""
        if run.asking is not None:
            await surely(self.ended, run, output)

    @contextmanager
    def trying(self, run: Run) -> Iterator[None]:
        """Around all of a run: one that comes to no end may be tried again."""
        try:
            yield
        except BaseException:
            if run.asking is not None:
                self._turns.failed(run.asking)
            raise

    def _informed(self, run: Run, found: Found) -> Any:
        if self.resumes or (self.policy is None and not isinstance(run.handed.given, Mapping)):
            return run.handed.given
        return with_memories(run.handed, found, self.manner, self.keys.memory)

    @property
    def _turns(self) -> UnderWay:
        return self.client.share(UnderWay, UnderWay)


def _is_by_history(handed: Handed, config: RunnableConfig) -> bool:
    history = config.get("configurable", {}).get("message_history")  # of a RunnableWithMessageHistory around
    return getattr(history, "writes_to_memos", False) or handed.is_of_history


def _origin(config: RunnableConfig, caller: object) -> str | None:
    """What called this run, the same when it calls again: a graph's task, which may be tried again or resumed, else the
    run that is its parent. Whoever calls from outside says something anew.
    """
    task = config.get("configurable", {}).get("checkpoint_ns")
    return task or (None if caller is None else str(caller))
