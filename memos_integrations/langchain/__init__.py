"""MemOS under LangChain agents: `create_agent(model, tools, middleware=[MemOSMiddleware(client)])`; and under chains:
`MemOSRetriever`, and `MemOSChatMessageHistory` for `RunnableWithMessageHistory`.

Needs the extra: `pip install 'memos-integrations[langchain]'`.
"""

try:
    from memos_integrations.langchain.history import MemOSChatMessageHistory
    from memos_integrations.langchain.middleware import MemOSMiddleware
    from memos_integrations.langchain.retriever import MemOSRetriever
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"langchain", "langchain_core", "langgraph"}:
        raise
    raise ImportError(
        f"{missing.name} is not installed: memos_integrations.langchain needs "
        "pip install 'memos-integrations[langchain]'"
    ) from missing

__all__ = ["MemOSChatMessageHistory", "MemOSMiddleware", "MemOSRetriever"]
