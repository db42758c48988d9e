"""The memories that the benchmark of sizes measures, as their users call them.

Each is imported only when it is opened, since each runs where it is installed.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from _scale_texts import DIMENSIONS, embedding

__all__ = ["ENGINE", "LIMIT", "STORES", "WHOLE", "Add", "Search", "Store"]

Add = Callable[[str, str, Sequence[str]], object]
"""Adds an owner's memories to a conversation, in one call."""
Search = Callable[[str, str], int]
"""Searches an owner's memories; how many it found."""

WHOLE, ENGINE = "whole", "engine"
LIMIT = 10


@dataclass(frozen=True)
class Store:
    """One opened memory. `adds` and `searches` are the ways to do it: WHOLE is the user's, ENGINE the part of ours that
    is not the client's. `settle` waits until what was added is done.
    """

    adds: Mapping[str, Add]
    searches: Mapping[str, Search]
    settle: Callable[[], object]
    close: Callable[[], object]


def ours(folder: Path, synchronous: str) -> Store:
    """Adds through the client are refined before the answer (WHOLE, in one commit) or after ("later")."""
    engine_module: Any = import_module("memos_integrations.engine")
    calls: Any = import_module("memos_integrations.wire.calls")
    path = str(folder / "memos.db")
    engine = engine_module.Engine(path, synchronous=synchronous)
    transports = engine_module.EngineTransport(engine), engine_module.AsyncEngineTransport(engine)
    client: Any = import_module("memos_integrations").MemOS.over(*transports, address=path)
    client.on_flush(lambda timeout: engine.settle(timeout) * 0)
    client.on_close(engine.close)

    def add(later: bool) -> Add:
        return lambda owner, conversation, texts: client.add_message(
            messages=_said(texts), user_id=owner, conversation_id=conversation, async_mode=later
        )

    def add_alone(owner: str, conversation: str, texts: Sequence[str]) -> object:
        call = calls.AddMessage(messages=_said(texts), user_id=owner, conversation_id=conversation, async_mode=False)
        return engine.add_message(call)

    def search(owner: str, query: str) -> int:
        return _found(client.search_memory(query=query, user_id=owner, memory_limit_number=LIMIT))

    def search_alone(owner: str, query: str) -> int:
        return _found(engine.search_memory(calls.SearchMemory(query=query, user_id=owner, memory_limit_number=LIMIT)))

    adds = {WHOLE: add(later=False), "later": add(later=True), ENGINE: add_alone}
    return Store(adds, {WHOLE: search, ENGINE: search_alone}, client.flush, client.close)


def mem0(folder: Path, synchronous: str) -> Store:
    """Without a model (`infer=False`); its embedder is put in after it was made, since it takes none from outside."""
    del synchronous
    collection = {
        "collection_name": "memories",
        "path": str(folder),
        "embedding_model_dims": DIMENSIONS,
        "on_disk": True,
    }
    unasked = {"provider": "openai", "config": {"api_key": "none"}}
    settings = {
        "vector_store": {"provider": "qdrant", "config": collection},
        "llm": unasked,
        "embedder": unasked,
        "history_db_path": str(folder / "history.db"),
    }
    memory: Any = import_module("mem0").Memory.from_config(settings)
    memory.embedding_model = _Hashing()

    def add(owner: str, conversation: str, texts: Sequence[str]) -> object:
        return memory.add(_said(texts), user_id=owner, run_id=conversation, infer=False)

    def search(owner: str, query: str) -> int:
        return len(memory.search(query, filters={"user_id": owner}, top_k=LIMIT)["results"])

    def close() -> None:
        memory.close()
        memory.vector_store.client.close()

    return Store({WHOLE: add}, {WHOLE: search}, lambda: None, close)


def langgraph(folder: Path, synchronous: str) -> Store:
    """Keeps nothing on disk."""
    del folder, synchronous
    index = {"dims": DIMENSIONS, "embed": lambda texts: [embedding(text) for text in texts], "fields": ["text"]}
    module: Any = import_module("langgraph.store.memory")
    op: Any = import_module("langgraph.store.base").PutOp
    store = module.InMemoryStore(index=index)

    def add(owner: str, conversation: str, texts: Sequence[str]) -> object:
        values = [{"text": text, "conversation": conversation} for text in texts]
        if len(values) == 1:
            return store.put((owner,), str(uuid.uuid4()), values[0])
        return store.batch([op((owner,), str(uuid.uuid4()), value) for value in values])

    def search(owner: str, query: str) -> int:
        return len(store.search((owner,), query=query, limit=LIMIT))

    return Store({WHOLE: add}, {WHOLE: search}, lambda: None, lambda: None)


STORES: Mapping[str, Callable[[Path, str], Store]] = {"ours": ours, "mem0": mem0, "langgraph": langgraph}


class _Hashing:
    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        del memory_action
        return embedding(text)


def _said(texts: Sequence[str]) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def _found(answer: Any) -> int:
    return len(answer.memory_detail_list) + len(answer.preference_detail_list)
