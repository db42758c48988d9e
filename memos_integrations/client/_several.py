"""What takes several calls: a history's adds, the pages of everything, a task until its end; in both colours."""

import time
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, TypeVar, Unpack

from memos_integrations.client._calls import Calls
from memos_integrations.client._history import Marks, adds, tell
from memos_integrations.client._paging import Every, Item, Pages
from memos_integrations.client._polling import LONGEST, Poll, polling
from memos_integrations.errors import MemOSError
from memos_integrations.wire.answers import Added, TaskStatus
from memos_integrations.wire.call import Call
from memos_integrations.wire.message import Messages

__all__ = ["AsyncSeveral", "Several"]

T = TypeVar("T")
_now = time.monotonic


class Several(Calls):
    """What takes several calls, on `MemOS`."""

    if TYPE_CHECKING:

        def send(self, call: Call[T]) -> T: ...
        def _rest(self, seconds: float) -> None: ...

    def add_history(self, messages: Messages, **marks: Unpack[Marks]) -> tuple[Added, ...]:
        """Adds a history of any length in several adds, one after the other; returns their answers.

        The arguments are those of `add_message`. A turn (what a user says and what follows) stays whole where it can:
        an add takes at most 40 messages, 20 files and 20,000 tokens by a low estimate. A longer turn is cut between
        messages, a tool's result staying with its call. Without `conversation_id` all go into one of a made-up name.
        Give messages a `chat_time`, or all count as said now.

        Raises `Invalid` before anything is sent, also for a message above 40,000 tokens (`.field` tells which). The
        first add that fails raises its error, and ends it: `.delivered` is how many messages had gone through, so that
        `messages[error.delivered:]` are left; of those the first add may have arrived, where `.sent` says so.
        """
        added, calls = list[Added](), adds(messages, marks)
        for call in calls:
            try:
                added.append(self.send(call))
            except MemOSError as error:
                tell(error, calls, len(added))
                raise
        return tuple(added)

    def iter_memory(self, **which: Unpack[Every]) -> Generator[Item, None, None]:
        """Every memory of a user or an agent, one by one: facts, preferences and the other kinds.

        The arguments are those of `get_memory` without `page`; `size` is how many of each kind are asked for at a time
        (1 to 50, default 50). Page by page, of each page kind by kind, each the newest first. What is added meanwhile
        may be missed, and what is deleted meanwhile lets others slip by: to delete what it yields, make a list of it
        first. Raises `Invalid` at once, and what `get_memory` raises where a page is asked for.
        """
        return self._pages(Pages(which))

    def _pages(self, pages: Pages) -> Generator[Item, None, None]:
        while (call := pages.next()) is not None:
            yield from pages.new(self.send(call))

    def wait_for(self, task: str | Added, *, timeout: float = LONGEST) -> TaskStatus:
        """Asks get_status until `task` is completed, and returns its status.

        `task` is a task's id, or what `add_message` or `add_feedback` returned. Asked at once, then after .5 s, and
        each time half as long again, up to every 5 s; `timeout` seconds (default 60, a day at most) bound all of it.
        Files take minutes. Raises `Invalid` where there is no id, `ServerFault` for a task that failed, `NotFound` for
        one that is not there, and `Unreachable` (`.sent` true) for one that still runs in the end: it goes on all the
        same.
        """
        started, steps = _now(), polling(task, timeout)
        step = next(steps)
        while True:
            if step.pause:
                self._rest(step.pause)
            told = self._within(step).send(step.call)
            try:
                step = steps.send((told, _now() - started))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def _within(self, step: Poll) -> "Several":
        return self.with_options(deadline=min(self.deadline, step.seconds))


class AsyncSeveral(Calls):
    """What takes several calls, on `AsyncMemOS`."""

    if TYPE_CHECKING:

        async def send(self, call: Call[T]) -> T: ...
        async def _rest(self, seconds: float) -> None: ...

    async def add_history(self, messages: Messages, **marks: Unpack[Marks]) -> tuple[Added, ...]:
        """The same as `MemOS.add_history`, awaited."""
        added, calls = list[Added](), adds(messages, marks)
        for call in calls:
            try:
                added.append(await self.send(call))
            except MemOSError as error:
                tell(error, calls, len(added))
                raise
        return tuple(added)

    def iter_memory(self, **which: Unpack[Every]) -> AsyncGenerator[Item, None]:
        """The same as `MemOS.iter_memory`, for `async for`."""
        return self._pages(Pages(which))

    async def _pages(self, pages: Pages) -> AsyncGenerator[Item, None]:
        while (call := pages.next()) is not None:
            for item in pages.new(await self.send(call)):
                yield item

    async def wait_for(self, task: str | Added, *, timeout: float = LONGEST) -> TaskStatus:  # noqa: ASYNC109
        """The same as `MemOS.wait_for`, awaited."""
        started, steps = _now(), polling(task, timeout)
        step = next(steps)
        while True:
            if step.pause:
                await self._rest(step.pause)
            told = await self._within(step).send(step.call)
            try:
                step = steps.send((told, _now() - started))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def _within(self, step: Poll) -> "AsyncSeveral":
        return self.with_options(deadline=min(self.deadline, step.seconds))
