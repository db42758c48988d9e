"""What MemOS knows of a user, as LangChain's documents."""

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import Any, Literal, Self
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import RunnableConfig, ensure_config
from pydantic import Field, PrivateAttr, ValidationError

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain._closing import Closing
from memos_integrations.langchain._identity import Resolver, scope_in
from memos_integrations.memory.handed import client_of, one_of
from memos_integrations.memory.recall import Recall
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Fact, Found, Preference, ToolMemory
from memos_integrations.wire.call import MAX_LIST
from memos_integrations.wire.checks import invalid
from memos_integrations.wire.filters import Filters

__all__ = ["MemOSRetriever"]

Kind = Literal["fact", "preference", "tool"]
_KINDS: tuple[Kind, ...] = ("fact", "preference", "tool")
_OF_A_BASE = "default_session"  # contract §3.1: the conversation of what came from a knowledge base
_CONFIG = "memos_config"  # the run's, on its way from invoke to the search


class MemOSRetriever(Closing, BaseRetriever):
    """Facts, preferences and tool memories that bear on a query, as documents.

    `include` names the kinds: any of "fact", "preference" (both by default) and "tool". `k` (1 to 25, default 8; also
    `invoke(query, k=3)`) is how many come back at most, all kinds together: the best of each kind in the order of
    `include`, then the next of each, since scores of different kinds can't be compared. `fact_k`, `preference_k` and
    `tool_k` (1 to 25; None: `k`) are the most of that kind.

    The text is `page_content`; of a tool memory that is its experience, else its value. `metadata` has id, kind, score
    (0 to 1, None where the server told none), create_time and update_time (as the server wrote them), conversation_id,
    and where there are any tags, preference_type, tool_type, tool_value and tool_used_status. What came from one of
    `knowledgebase_ids` has `"knowledgebase": True`.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; adapters made so share one
    client. `user_id`: fixed, or a callable `(runtime, config) -> str`, which is left out when the retriever is dumped;
    None: the LangGraph server's authenticated user, the run's context, or its configurable.
    `conversation_id` (fixed, or found likewise, else the thread_id) raises the weight of that conversation.
    `filter`, `knowledgebase_ids` and `relativity` (the least similarity) are those of `search_memory`. One search a
    call, within `recall_seconds` (3); `on_error` "warn" (the default) logs one warning without content, emits
    `Degraded` and finds nothing; "raise" lets the error through. Raises `Invalid` at once for arguments out of
    bounds, and in the run when no user is given.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     message = {"role": "user", "content": "I avoid trains."}
    ...     _ = client.add_message(messages=[message], user_id="ada", async_mode=False)
    ...     MemOSRetriever(client, user_id="ada", include=["preference"]).invoke("How do I get there?")[0].page_content
    'I avoid trains.'
    """

    client: MemOS = Field(exclude=True, repr=False)
    user_id: str | Resolver | None = Field(default=None, repr=False, exclude_if=callable)
    conversation_id: str | None = Field(default=None, repr=False)
    k: int = 8
    fact_k: int | None = None
    preference_k: int | None = None
    tool_k: int | None = None
    include: tuple[Kind, ...] = ("fact", "preference")
    filter: Filters | None = Field(default=None, repr=False)
    knowledgebase_ids: tuple[str, ...] | None = Field(default=None, repr=False)
    relativity: float | None = None
    recall_seconds: float = 3.0
    on_error: Literal["warn", "raise"] = "warn"

    _borrowed: list[MemOS] = PrivateAttr(default_factory=list)  # shared by copies, so that it is given back once
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str | Resolver | None = None,
        conversation_id: str | None = None,
        k: int = 8,
        fact_k: int | None = None,
        preference_k: int | None = None,
        tool_k: int | None = None,
        include: Sequence[Kind] = ("fact", "preference"),
        filter: Filters | None = None,  # noqa: A002 - MemOS's own name
        knowledgebase_ids: Sequence[str] | None = None,
        relativity: float | None = None,
        recall_seconds: float = 3.0,
        on_error: Literal["warn", "raise"] = "warn",
        **langchains: Any,
    ) -> None:
        fixed = "anybody" if user_id is None or callable(user_id) else user_id
        Scope(user_id=fixed, conversation_id=conversation_id)
        _check_names(langchains)
        options: dict[str, Any] = {"filter": filter, "knowledgebase_ids": knowledgebase_ids, "relativity": relativity}
        options |= {"recall_seconds": recall_seconds, "on_error": on_error}
        numbers = {"k": k, "fact_k": fact_k, "preference_k": preference_k, "tool_k": tool_k}
        _policy(_limits(_kinds(include), numbers), options)
        opened = borrow() if client is None else client_of(client, "MemOSRetriever")
        members = {"user_id": user_id, "conversation_id": conversation_id, "include": include, **numbers, **options}
        try:
            super().__init__(**{**langchains, **members, "client": opened})
        except ValidationError as error:
            if client is None and give_back(opened):
                opened.close()
            raise invalid(error, "MemOSRetriever") from None
        self._borrowed.extend([opened] if client is None else [])

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:  # noqa: A002
        """The documents for a query."""
        return super().invoke(input, config, **{**kwargs, _CONFIG: ensure_config(config)})

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:  # noqa: A002
        """The same without blocking the loop."""
        return await super().ainvoke(input, config, **{**kwargs, _CONFIG: ensure_config(config)})

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy on the same client: connections can't be copied."""
        return self.model_copy()

    def _get_ls_params(self, **_: Any) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="memos")

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        del run_manager
        most, limits, scope = self._asking(k, kwargs)
        found = self._policy(limits).found(self.client, scope, turn=_once(), text=query)
        return self._documents(found, limits, most)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        del run_manager
        most, limits, scope = self._asking(k, kwargs)
        found = await self._policy(limits).afound(self.client, scope, turn=_once(), text=query)
        return self._documents(found, limits, most)

    def _asking(self, k: int | None, given: dict[str, Any]) -> tuple[int, dict[Kind, int], Scope]:
        config = given.pop(_CONFIG, None) or ensure_config()
        if unknown := given.keys() - {"verbose"}:
            raise Invalid(f"MemOSRetriever: a call takes k alone (given: {len(unknown)} more)", field=min(unknown))
        most = self.k if k is None else k
        numbers = {"k": most, "fact_k": self.fact_k, "preference_k": self.preference_k, "tool_k": self.tool_k}
        scope = scope_in(config, who="MemOSRetriever", user_id=self.user_id, conversation_id=self.conversation_id)
        return most, _limits(self.include, numbers), scope

    def _policy(self, limits: Mapping[Kind, int]) -> Recall:
        names = ("filter", "knowledgebase_ids", "relativity", "recall_seconds", "on_error")
        return _policy(limits, {name: getattr(self, name) for name in names})

    def _documents(self, found: Found, limits: Mapping[Kind, int], k: int) -> list[Document]:
        """By rank, one of each kind in turn."""
        bases = bool(self.knowledgebase_ids)
        documents = {
            "fact": (_of_fact(fact, bases) for fact in found.memory_detail_list),
            "preference": map(_of_preference, found.preference_detail_list),
            "tool": map(_of_tool, found.tool_memory_detail_list),
        }
        kinds = [islice(filter(_says_something, documents[kind]), most) for kind, most in limits.items()]
        return list(islice(filter(None, chain.from_iterable(zip_longest(*kinds))), k))

    def _given_back(self) -> MemOS | None:
        """The client to be closed, if any."""
        with self._lock:
            borrowed = self._borrowed.pop() if self._borrowed else None
        return borrowed if borrowed is not None and give_back(borrowed) else None


def _once() -> str:
    """A turn of its own: two calls with the same query are two searches."""
    return f"retriever {uuid4()}"


def _check_names(langchains: Mapping[str, Any]) -> None:
    if unknown := langchains.keys() - BaseRetriever.model_fields.keys():
        raise Invalid("MemOSRetriever: is no parameter of it", field=min(unknown), rule="extra_forbidden")


def _kinds(include: Sequence[Kind]) -> tuple[Kind, ...]:
    if isinstance(include, str) or not isinstance(include, Sequence) or not include:
        raise Invalid(f"include takes several of {', '.join(_KINDS)}", field="include")
    for kind in include:
        one_of("include", kind, _KINDS)
    return tuple(include)


def _limits(include: Collection[Kind], numbers: Mapping[str, int | None]) -> dict[Kind, int]:
    """How many of each kind to ask for: all of k where nothing else is said, since it may be the only one found."""
    for name, number in numbers.items():
        if number is not None and (type(number) is not int or not 1 <= number <= MAX_LIST):
            raise Invalid(f"{name} is a whole number from 1 to {MAX_LIST}", field=name, rule="range")
    own = {kind: numbers[f"{kind}_k"] for kind in _KINDS}
    if idle := [kind for kind, number in own.items() if number is not None and kind not in include]:
        raise Invalid(f'{idle[0]}_k is given, but include leaves "{idle[0]}" out', field=f"{idle[0]}_k")
    k = numbers["k"] or 0
    return {kind: min(k, own[kind] or k) for kind in include}


def _policy(limits: Mapping[Kind, int], options: Mapping[str, Any]) -> Recall:
    return Recall(
        memory_limit_number=limits.get("fact", 0),
        preference_limit_number=limits.get("preference", 0),
        include_preference="preference" in limits,
        tool_memory_limit_number=limits.get("tool"),
        include_tool_memory=True if "tool" in limits else None,
        **options,
    )


def _says_something(document: Document) -> bool:
    return bool(document.page_content.strip())


def _of_fact(fact: Fact, bases: bool) -> Document:
    more: dict[str, Any] = {"tags": list(fact.tags)} if fact.tags else {}
    if bases and fact.conversation_id == _OF_A_BASE:
        more["knowledgebase"] = True
    return _document(fact, "fact", fact.memory_value or fact.memory_key, more)


def _of_preference(preference: Preference) -> Document:
    more = {"preference_type": preference.preference_type}
    return _document(preference, "preference", preference.preference, more)


def _of_tool(tool: ToolMemory) -> Document:
    value = tool.tool_value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""
    used = [dict(status) for status in tool.tool_used_status]
    more = {"tool_type": tool.tool_type, "tool_value": value, "tool_used_status": used}
    return _document(tool, "tool", tool.experience.strip() or text, more)


def _document(memory: Fact | Preference | ToolMemory, kind: Kind, text: str, more: Mapping[str, Any]) -> Document:
    metadata = {
        "id": memory.id,
        "kind": kind,
        "score": memory.relativity,
        "create_time": memory.create_time,
        "update_time": memory.update_time,
        "conversation_id": memory.conversation_id,
    }
    there = {name: value for name, value in more.items() if value}
    return Document(id=memory.id, page_content=text, metadata={**metadata, **there})
