"""What MemOS knows of a user, as LangChain's documents."""

import threading
from collections.abc import Mapping, Sequence
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
from memos_integrations.langchain._identity import scope_in
from memos_integrations.memory.handed import client_of, one_of
from memos_integrations.memory.recall import Recall
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Fact, Found, Preference
from memos_integrations.wire.call import MAX_LIST
from memos_integrations.wire.checks import invalid
from memos_integrations.wire.filters import Filters

__all__ = ["MemOSRetriever"]

Kind = Literal["fact", "preference"]
_CONFIG = "memos_config"  # the run's, on its way from invoke to the search


class MemOSRetriever(Closing, BaseRetriever):
    """Facts and preferences that bear on a query, as documents.

    `k` (1 to 25, default 8; also `invoke(query, k=3)`) is how many come back at most, all kinds together: best fact,
    best preference, next fact and so on, since the scores of the two can't be compared. `include` names the kinds.
    The text is `page_content`; `metadata` has id, kind ("fact" or "preference"), score (0 to 1, None where the server
    told none), create_time and update_time (as the server wrote them), conversation_id, and tags or preference_type
    where there are any.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; adapters made so share one
    client. `user_id`: fixed; None: the LangGraph server's authenticated user, the run's context, or its configurable.
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
    user_id: str | None = Field(default=None, repr=False)
    conversation_id: str | None = Field(default=None, repr=False)
    k: int = 8
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
        user_id: str | None = None,
        conversation_id: str | None = None,
        k: int = 8,
        include: Sequence[Kind] = ("fact", "preference"),
        filter: Filters | None = None,  # noqa: A002 - MemOS's own name
        knowledgebase_ids: Sequence[str] | None = None,
        relativity: float | None = None,
        recall_seconds: float = 3.0,
        on_error: Literal["warn", "raise"] = "warn",
        **langchains: Any,
    ) -> None:
        Scope(user_id="anybody" if user_id is None else user_id, conversation_id=conversation_id)
        _check_names(langchains)
        options: dict[str, Any] = {"filter": filter, "knowledgebase_ids": knowledgebase_ids, "relativity": relativity}
        options |= {"recall_seconds": recall_seconds, "on_error": on_error}
        _policy(k, _kinds(include), options)
        opened = borrow() if client is None else client_of(client, "MemOSRetriever")
        members = {"user_id": user_id, "conversation_id": conversation_id, "k": k, "include": include, **options}
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
        most, policy, scope = self._asking(k, kwargs)
        found = policy.found(self.client, scope, turn=_once(), text=query)
        return _documents(found, self.include, most)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        del run_manager
        most, policy, scope = self._asking(k, kwargs)
        found = await policy.afound(self.client, scope, turn=_once(), text=query)
        return _documents(found, self.include, most)

    def _asking(self, k: int | None, given: dict[str, Any]) -> tuple[int, Recall, Scope]:
        config = given.pop(_CONFIG, None) or ensure_config()
        if unknown := given.keys() - {"verbose"}:
            raise Invalid(f"MemOSRetriever: a call takes k alone (given: {len(unknown)} more)", field=min(unknown))
        most = self.k if k is None else k
        names = ("filter", "knowledgebase_ids", "relativity", "recall_seconds", "on_error")
        return most, _policy(most, self.include, {n: getattr(self, n) for n in names}), self._scope(config)

    def _scope(self, config: RunnableConfig) -> Scope:
        return scope_in(config, who="MemOSRetriever", user_id=self.user_id, conversation_id=self.conversation_id)

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
        raise Invalid('include takes several of "fact" and "preference"', field="include")
    for kind in include:
        one_of("include", kind, ("fact", "preference"))
    return tuple(include)


def _policy(k: int, include: Sequence[Kind], options: dict[str, Any]) -> Recall:
    """Each kind is asked for k, since it may be the only one to be found."""
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MAX_LIST:
        raise Invalid(f"k is a whole number from 1 to {MAX_LIST}", field="k", rule="range")
    facts, preferences = "fact" in include, "preference" in include
    return Recall(
        memory_limit_number=k if facts else 0,
        preference_limit_number=k if preferences else 0,
        include_preference=preferences,
        **options,
    )


def _documents(found: Found, include: Sequence[Kind], k: int) -> list[Document]:
    facts = map(_of_fact, found.memory_detail_list if "fact" in include else ())
    preferences = map(_of_preference, found.preference_detail_list if "preference" in include else ())
    in_turn = chain.from_iterable(zip_longest(facts, preferences))
    return list(islice((document for document in in_turn if document and document.page_content.strip()), k))


def _of_fact(fact: Fact) -> Document:
    more: dict[str, Any] = {"tags": list(fact.tags)} if fact.tags else {}
    return _document(fact, "fact", fact.memory_value or fact.memory_key, more)


def _of_preference(preference: Preference) -> Document:
    more = {"preference_type": preference.preference_type} if preference.preference_type else {}
    return _document(preference, "preference", preference.preference, more)


def _document(memory: Fact | Preference, kind: Kind, text: str, more: dict[str, Any]) -> Document:
    metadata = {
        "id": memory.id,
        "kind": kind,
        "score": memory.relativity,
        "create_time": memory.create_time,
        "update_time": memory.update_time,
        "conversation_id": memory.conversation_id,
    }
    return Document(id=memory.id, page_content=text, metadata={**metadata, **more})
