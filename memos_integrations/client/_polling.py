"""A task until its end, as a generator that never waits: it says when to ask, and is told what came."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from memos_integrations.errors import Invalid, ServerFault, Unreachable
from memos_integrations.wire.answers import Added, TaskStatus
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import GetStatus

__all__ = ["LONGEST", "Poll", "Polls", "polling"]

# §2.12 gives no interval; its advice is ours.
LONGEST: Final = 60.0
_FIRST: Final = 0.5
_FACTOR: Final = 1.5
_CAP: Final = 5.0
_FAILED: Final = frozenset({"failed", "fail", "error", "cancelled"})
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Poll:
    """Wait `pause` seconds, then ask `call`, and give it `seconds`."""

    pause: float
    seconds: float
    call: GetStatus


Polls = Generator[Poll, tuple[TaskStatus, float], TaskStatus]
"""Yields each `Poll`, is sent the status and the seconds spent since the start; returns the last status or raises."""


def polling(task: str | Added, timeout: float) -> Polls:
    """The asking for `task`, over `timeout` seconds at most. Raises `Invalid` before anything is asked."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= _DAY:
        raise Invalid("wait_for: timeout is a number of seconds above 0, a day at most", field="timeout", rule="range")
    return _polls(checked(GetStatus, {"task_id": _id(task)}), timeout)


def _id(task: object) -> object:
    told = task.task_id if isinstance(task, Added) else task
    if told is None:
        raise Invalid(
            "wait_for: the server told no task id, so there is nothing to wait for", field="task", rule="missing"
        )
    return told


def _polls(call: GetStatus, timeout: float) -> Polls:
    pause, step, spent = 0.0, _FIRST, 0.0
    while spent + pause < timeout:
        told, spent = yield Poll(pause, timeout - spent - pause, call)
        if told.status == "completed":
            return told
        if told.status in _FAILED:
            raise ServerFault("the task failed: nothing more comes of it", path=call.path)
        pause, step = step, min(step * _FACTOR, _CAP)
    raise Unreachable(f"the task still runs after {timeout:g} s: wait longer, or ask get_status later", sent=True)
