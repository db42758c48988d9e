"""Which workflow's run calls us, where LlamaIndex does not tag it: before llama-index-workflows 2."""

import inspect

__all__ = ["run_of_caller"]

_FAR = 32  # frames between what calls the steps and here


def run_of_caller() -> str | None:
    """The id of the run whose step calls us; None outside of steps. Only the frame that calls the steps knows it."""
    frame = inspect.currentframe()
    for _ in range(_FAR):
        if frame is None:
            return None
        if frame.f_code.co_name == "_step_worker" and isinstance(run := frame.f_locals.get("run_id"), str):
            return run
        frame = frame.f_back
    return None
