"""What memories did, told in the stream of the run in which it came about."""

from contextlib import suppress
from dataclasses import asdict

from langgraph.config import get_stream_writer

from memos_integrations.client import Event

__all__ = ["tell_stream"]


def tell_stream(event: Event) -> None:
    """Writes `{"type": "memos.recalled" | "memos.recorded" | "memos.degraded", ...}` into the run's custom stream.

    The rest is the event's own: counts, ids, milliseconds, no text. Outside a run it does nothing. A turn is delivered
    on the outbox's thread, after its run as a rule, so what becomes of it, `Recorded` or put off, is told to the
    client's other `on_event` callables alone.
    """
    told = {"type": f"memos.{type(event).__name__.lower()}", **asdict(event)}
    with suppress(RuntimeError, KeyError):  # no run, a run of something else than LangGraph, one whose loop is closed
        get_stream_writer()(told)
