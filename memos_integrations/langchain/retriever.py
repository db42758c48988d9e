"""What MemOS knows of a user, as LangChain's documents."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import RunnableConfig, ensure_config
from pydantic import Field, PrivateAttr, ValidationError

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain._identity import Resolver, check_owner, scope_in
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import known_names, parameters_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.ranked import Kind, Wanted, kinds_of, retrieved_once
from memos_integrations.memory.recall import Recall
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found
from memos_integrations.wire.checks import invalid
from memos_integrations.wire.filters import Filters

__all__ = ["MemOSRetriever"]

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

    _held: Held = PrivateAttr()

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
        check_owner("MemOSRetriever", user_id=user_id, conversation_id=conversation_id)
        known_names(
            "MemOSRetriever", langchains, BaseRetriever.model_fields.keys() | parameters_of(MemOSRetriever.__init__)
        )
        options: dict[str, Any] = {"filter": filter, "knowledgebase_ids": knowledgebase_ids, "relativity": relativity}
        options |= {"recall_seconds": recall_seconds, "on_error": on_error}
        numbers = {"k": k, "fact_k": fact_k, "preference_k": preference_k, "tool_k": tool_k}
        Wanted.of(kinds_of(include), **numbers).recall(**options)
        held = Held(client, "MemOSRetriever", borrow, give_back)
        members = {"user_id": user_id, "conversation_id": conversation_id, "include": include, **numbers, **options}
        try:
            super().__init__(**{**langchains, **members, "client": held.now()})
        except ValidationError as error:
            held.close()
            raise invalid(error, "MemOSRetriever") from None
        self._held = held

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
        wanted, scope = self._asking(k, kwargs)
        found = self._policy(wanted).found(self.client, scope, turn=retrieved_once(), text=query)
        return self._documents(wanted, found)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        del run_manager
        wanted, scope = self._asking(k, kwargs)
        found = await self._policy(wanted).afound(self.client, scope, turn=retrieved_once(), text=query)
        return self._documents(wanted, found)

    def _asking(self, k: int | None, given: dict[str, Any]) -> tuple[Wanted, Scope]:
        config = given.pop(_CONFIG, None) or ensure_config()
        if unknown := given.keys() - {"verbose"}:
            raise Invalid(f"MemOSRetriever: a call takes k alone (given: {len(unknown)} more)", field=min(unknown))
        numbers = {
            "k": self.k if k is None else k,
            "fact_k": self.fact_k,
            "preference_k": self.preference_k,
            "tool_k": self.tool_k,
        }
        scope = scope_in(config, who="MemOSRetriever", user_id=self.user_id, conversation_id=self.conversation_id)
        return Wanted.of(self.include, **numbers), scope

    def _policy(self, wanted: Wanted) -> Recall:
        names = ("filter", "knowledgebase_ids", "relativity", "recall_seconds", "on_error")
        return wanted.recall(**{name: getattr(self, name) for name in names})

    def _documents(self, wanted: Wanted, found: Found) -> list[Document]:
        best = wanted.best(found, bases=bool(self.knowledgebase_ids))
        return [Document(id=memory.id, page_content=memory.text, metadata=memory.metadata) for memory in best]
