"""What an adapter is handed, checked at once: its client, its choices, its reader's zone."""

from collections.abc import Callable, Collection
from datetime import tzinfo
from inspect import Parameter, signature
from typing import Any

from memos_integrations.client import AsyncMemOS, MemOS, zone
from memos_integrations.errors import Invalid
from memos_integrations.memory.scope import Scope

__all__ = ["client_of", "known_names", "one_of", "parameters_of", "reader_zone", "scope_of", "told_by"]

_IDS = frozenset({"user_id", "conversation_id", "agent_id", "app_id"})
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


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


def known_names(who: str, given: Collection[str], names: Collection[str], *, of: str = "it") -> None:
    """Raises `Invalid` for a keyword that is not among `names`, and says which there are."""
    if unknown := set(given).difference(names):
        known = ", ".join(sorted(names))
        text = f"{who}: {min(unknown)} is no parameter of {of}: there are {known}"
        raise Invalid(text, field=min(unknown), rule="extra_forbidden")


def parameters_of(function: Callable[..., object]) -> frozenset[str]:
    """What a function, or a method as its class has it, can be given by name."""
    named = (each for each in signature(function).parameters.values() if each.kind in _NAMED)
    return frozenset(each.name for each in named) - {"self"}


def scope_of(who: str, **members: Any) -> Scope:
    """Whose memory an adapter is about, as it was told. Raises `Invalid` in the name of `who` was told."""
    try:
        return Scope(**members)
    except Invalid as error:
        raise told_by(who, error) from None


def told_by(who: str, error: Invalid) -> Invalid:
    """`error` in the name of `who` was given the argument, with what to do about an id that is no text."""
    then = ": give an id as text, str(…)" if error.rule == "string_type" and error.field in _IDS else ""
    return Invalid(f"{who}: {str(error).partition(': ')[2]}{then}", field=error.field, rule=error.rule)


def reader_zone(name: str | None, client: MemOS) -> tzinfo:
    """The zone in which a prompt shows times: an IANA name, or None for the server's own. Raises `Invalid`."""
    return client.timezone if name is None else zone(name)
