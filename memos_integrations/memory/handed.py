"""What an adapter is handed, checked at once: its client, its choices, its reader's zone."""

from collections.abc import Collection
from datetime import tzinfo

from memos_integrations.client import AsyncMemOS, MemOS, zone
from memos_integrations.errors import Invalid

__all__ = ["client_of", "one_of", "reader_zone"]


def client_of(client: object, adapter: str) -> MemOS:
    """`client`, if an adapter can work with it. Raises `Invalid` that says what it can work with."""
    if isinstance(client, MemOS):
        return client
    hint = ": give its MemOS, whose .aio is the async half" if isinstance(client, AsyncMemOS) else ""
    raise Invalid(f"{adapter}: client must be a MemOS (given: {type(client).__name__}){hint}", field="client")


def one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Raises `Invalid` unless `value` is one of `allowed`."""
    if value not in allowed:
        given = f"text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise Invalid(f"{name} must be one of {', '.join(sorted(allowed))} (given: {given})", field=name)


def reader_zone(name: str | None, client: MemOS) -> tzinfo:
    """The zone in which a prompt shows times: an IANA name, or None for the server's own. Raises `Invalid`."""
    return client.timezone if name is None else zone(name)
