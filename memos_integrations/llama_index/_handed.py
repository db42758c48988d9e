"""The memory that a run was handed, which LlamaIndex ignores where the run's context has one already.

Nobody tells a memory so: what starts an agent's run is known to the agent's own first step alone, whose frame calls us.
"""

import inspect
import logging
from weakref import WeakValueDictionary

from llama_index.core.agent.workflow.workflow_events import AgentWorkflowStartEvent
from llama_index.core.memory import BaseMemory

__all__ = ["handed_to_this_run", "tell_ignored"]

_log = logging.getLogger(__name__)
_FAR = 6  # frames between that step and here
_told: WeakValueDictionary[int, BaseMemory] = WeakValueDictionary()


def handed_to_this_run() -> BaseMemory | None:
    """The `memory=` of the agent's run that calls us in its first step; None without one, and anywhere else."""
    frame = inspect.currentframe()
    for _ in range(_FAR):
        if frame is None:
            return None
        event = frame.f_locals.get("ev")
        if isinstance(event, AgentWorkflowStartEvent):
            handed = event.get("memory", default=None)
            return handed if isinstance(handed, BaseMemory) else None
        frame = frame.f_back
    return None


def tell_ignored(handed: BaseMemory) -> None:
    """Warns, once for each memory that is handed to no purpose."""
    if _told.get(id(handed)) is not handed:
        _told[id(handed)] = handed
        _log.warning(
            "a run was handed a memory, but its context holds another one, of another user or conversation, which gets "
            "the run's messages: make a Context for each conversation"
        )
