"""Saying it over HTTP: the clients, how they retry, and the events they tell."""

from memos_integrations.client._client import AsyncMemOS, MemOS
from memos_integrations.client._exchange import Retry
from memos_integrations.client._outbox import IN_MEMORY, OutboxOptions, outbox_options
from memos_integrations.client._settings import zone
from memos_integrations.client._shared import aside, surely
from memos_integrations.client.events import Degraded, Event, OnEvent, Parked, Recalled, Recorded, attributes
from memos_integrations.wire.events import ChatEvent
from memos_integrations.wire.owners import Cube, Owner

__all__ = [
    "IN_MEMORY",
    "AsyncMemOS",
    "ChatEvent",
    "Cube",
    "Degraded",
    "Event",
    "MemOS",
    "OnEvent",
    "OutboxOptions",
    "Owner",
    "Parked",
    "Recalled",
    "Recorded",
    "Retry",
    "aside",
    "attributes",
    "outbox_options",
    "surely",
    "zone",
]
