"""Whose turn it is, as LangGraph knows it: an argument, the server's login, the run's context, or its configurable."""

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime, get_runtime

from memos_integrations.errors import Invalid
from memos_integrations.memory.handed import scope_of
from memos_integrations.memory.scope import Scope, first_given

__all__ = ["Resolver", "check_owner", "conversation_of", "scope_in", "user_of"]

Resolver = Callable[[Runtime[Any], RunnableConfig], str]
_HOW = (
    "no user: give user_id= to {who}, or to the run config={{'configurable': {{'user_id': ...}}}}, or in LangGraph "
    "context={{'user_id': ...}}; there is no default user, since users would share a memory"
)


def user_of(runtime: Runtime[Any], config: RunnableConfig, given: str | Resolver | None, *, who: str) -> str:
    """In the order of trust: argument or resolver, the authenticated user, context, configurable. Raises `Invalid`.

    On a LangGraph server the context and the configurable come from the client, so they can't override its login.
    `who` asks is named in the error.
    """
    login = getattr(getattr(runtime, "server_info", None), "user", None)
    user = (
        first_given("user_id", argument=given(runtime, config))  # whoever decides by rule gets no other source's user
        if callable(given)
        else first_given(
            "user_id",
            argument=given,
            login=getattr(login, "identity", None),
            context=_member(runtime.context, "user_id"),
            configurable=_configurable(config).get("user_id"),
        )
    )
    if user is None:
        raise Invalid(f"{who}: {_HOW.format(who=who)}", field="user_id", rule="missing")
    return user


def conversation_of(runtime: Runtime[Any], config: RunnableConfig, given: str | None) -> str | None:
    """The argument, else the context's, else the configurable's conversation_id, else its thread_id."""
    configurable = _configurable(config)
    thread = configurable.get("thread_id")
    return first_given(
        "conversation_id",
        argument=given,
        context=_member(runtime.context, "conversation_id"),
        configurable=configurable.get("conversation_id"),
        thread_id=thread if thread is None else str(thread),  # LangGraph takes numbers and UUIDs too
    )


def check_owner(who: str, *, user_id: str | Resolver | None, **marks: Any) -> Scope:
    """What was given of an owner, with somebody where none is fixed. Raises `Invalid`, before anything is opened."""
    return scope_of(who, user_id="anybody" if user_id is None or callable(user_id) else user_id, **marks)


def scope_in(
    config: RunnableConfig,
    *,
    who: str,
    user_id: str | Resolver | None = None,
    conversation_id: str | None = None,
    **marks: Any,
) -> Scope:
    """Whose memory a run with that `config` is about, in a graph or outside of one; `marks` are `Scope`'s others."""
    runtime = _runtime()
    user = user_of(runtime, config, user_id, who=who)
    return Scope(user_id=user, conversation_id=conversation_of(runtime, config, conversation_id), **marks)


def _runtime() -> Runtime[Any]:
    """The graph run's around the call; outside of graphs there is none, and nothing in it."""
    try:
        return get_runtime() or Runtime()
    except (RuntimeError, KeyError):
        return Runtime()


def _configurable(config: RunnableConfig) -> Mapping[str, Any]:
    return config.get("configurable", {})


def _member(context: object, name: str) -> object:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)
