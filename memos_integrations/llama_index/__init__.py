"""MemOS under LlamaIndex agents and chat engines: `agent.run(question, memory=MemOSMemory.from_defaults(user_id=...))`.

Needs the extra: `pip install 'memos-integrations[llama-index]'`.
"""

try:
    from memos_integrations.llama_index.block import MemOSMemoryBlock
    from memos_integrations.llama_index.events import (
        MemOSDegradedEvent,
        MemOSParkedEvent,
        MemOSRecallEvent,
        MemOSWriteEvent,
    )
    from memos_integrations.llama_index.llm import MemOSLLM
    from memos_integrations.llama_index.memory import MemOSMemory
    from memos_integrations.llama_index.retriever import MemOSRetriever
    from memos_integrations.llama_index.tools import MemOSToolSpec
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        f"{missing.name} is not installed: memos_integrations.llama_index needs "
        "pip install 'memos-integrations[llama-index]'"
    ) from missing

__all__ = [
    "MemOSDegradedEvent",
    "MemOSLLM",
    "MemOSMemory",
    "MemOSMemoryBlock",
    "MemOSParkedEvent",
    "MemOSRecallEvent",
    "MemOSRetriever",
    "MemOSToolSpec",
    "MemOSWriteEvent",
]
