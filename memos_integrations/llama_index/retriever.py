"""What MemOS knows of a user, as LlamaIndex's nodes."""

from collections.abc import Sequence
from typing import Any, Literal

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from memos_integrations.client import MemOS
from memos_integrations.llama_index._holding import held_by
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import scope_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.ranked import Kind, Ranked, Wanted, kinds_of, retrieved_once
from memos_integrations.wire.answers import Found
from memos_integrations.wire.filters import Filters

__all__ = ["MemOSRetriever"]


class MemOSRetriever(Closing, BaseRetriever):
    """Facts, preferences and tool memories that bear on a query, as nodes.

    `user_id` is fixed (there is no default user); `conversation_id` raises the weight of that conversation. `include`
    names the kinds: any of "fact", "preference" (both by default) and "tool". `k` (1 to 25, default 8) is how many come
    back at most, all kinds together: the best of each kind in the order of `include`, then the next of each, since
    scores of different kinds can't be compared. `fact_k`, `preference_k` and `tool_k` (1 to 25; None: `k`) are the
    most of that kind.

    A node's text is the memory's; of a tool memory that is its experience, else its value. Its id is the memory's. Its
    metadata has id, kind, create_time and update_time (as the server wrote them), conversation_id, and where there are
    any tags, preference_type, tool_type, tool_value and tool_used_status; what came from one of `knowledgebase_ids` has
    `"knowledgebase": True`. No model and no embedding gets to see any of it, and none of it depends on the query, so
    that a `QueryFusionRetriever` knows a memory that several queries find. The node's score is MemOS's relativity as it
    is, and may be far below that of an embedding (0 where the server told none), so keep a `SimilarityPostprocessor` to
    the documents and set `relativity`, the least similarity, here.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment, on a running loop at the first
    use; adapters made so share one client, and `close` closes it. `filter`, `knowledgebase_ids` and `relativity` are
    those of `search_memory`. One search a call, within `recall_seconds` (3); `on_error` "warn" (the default) logs one
    warning without content, emits `MemOSDegradedEvent` and finds nothing, so that documents beside it are answered
    from; "raise" lets the error through. Raises `Invalid` at once for arguments out of bounds.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     message = {"role": "user", "content": "I avoid trains."}
    ...     _ = client.add_message(messages=[message], user_id="ada", async_mode=False)
    ...     retriever = MemOSRetriever(user_id="ada", client=client, include=["preference"])
    ...     retriever.retrieve("How do I get there?")[0].text
    'I avoid trains.'
    """

    _held: Held

    def __init__(
        self,
        *,
        user_id: str,
        client: MemOS | None = None,
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
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        self._scope = scope_of("MemOSRetriever", user_id=user_id, conversation_id=conversation_id)
        self._wanted = Wanted.of(kinds_of(include), k=k, fact_k=fact_k, preference_k=preference_k, tool_k=tool_k)
        options: dict[str, Any] = {"filter": filter, "knowledgebase_ids": knowledgebase_ids, "relativity": relativity}
        self._recall = self._wanted.recall(**options, recall_seconds=recall_seconds, on_error=on_error)
        super().__init__(callback_manager=callback_manager, verbose=verbose)
        self._held = held_by("MemOSRetriever", client)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        client, query = self._held.now(), query_bundle.query_str
        return self._nodes(self._recall.found(client, self._scope, turn=retrieved_once(), text=query))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        client, query = await self._held.anow(), query_bundle.query_str
        return self._nodes(await self._recall.afound(client, self._scope, turn=retrieved_once(), text=query))

    def _nodes(self, found: Found) -> list[NodeWithScore]:
        return [_node(memory) for memory in self._wanted.best(found, bases=bool(self._recall.knowledgebase_ids))]


def _node(memory: Ranked) -> NodeWithScore:
    known = {name: value for name, value in memory.metadata.items() if name != "score"}  # a node's hash covers it
    hidden = list(known)
    node = TextNode(
        id_=memory.id,
        text=memory.text,
        metadata=known,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
    return NodeWithScore(node=node, score=memory.score or 0.0)
