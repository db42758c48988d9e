"""Which workflow's run calls us, where LlamaIndex does not tag it: before llama-index-workflows 2."""

import inspect
from uuid import uuid4
from weakref import WeakKeyDictionary

from llama_index.core.workflow import Context

__all__ = ["run_of_caller"]

_FAR = 24  # frames between a step and here
_names: WeakKeyDictionary[Context, str] = WeakKeyDictionary()


def run_of_caller() -> str | None:
    """A name for the context that the calling step works with; None outside of steps. Nobody hands it to a memory."""
    frame = inspect.currentframe()
    for _ in range(_FAR):
        if frame is None:
            return None
        context = frame.f_locals.get("ctx")
        if isinstance(context, Context):
            return _names.setdefault(context, uuid4().hex)
        frame = frame.f_back
    return None
