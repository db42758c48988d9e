"""MemOS under LlamaIndex agents and chat engines: `agent.run(question, memory=MemOSMemory.from_defaults(user_id=...))`.

Needs the extra: `pip install 'memos-integrations[llama-index]'`.
"""

try:
    from memos_integrations.llama_index.events import MemOSDegradedEvent, MemOSRecallEvent, MemOSWriteEvent
    from memos_integrations.llama_index.memory import MemOSMemory
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        f"{missing.name} is not installed: memos_integrations.llama_index needs "
        "pip install 'memos-integrations[llama-index]'"
    ) from missing

__all__ = ["MemOSDegradedEvent", "MemOSMemory", "MemOSRecallEvent", "MemOSWriteEvent"]
