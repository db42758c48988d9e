"""MemOS under LangChain agents: `create_agent(model, tools, middleware=[MemOSMiddleware(client)])`.

Needs the extra: `pip install 'memos-integrations[langchain]'`.
"""

try:
    from memos_integrations.langchain.middleware import MemOSMiddleware
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"langchain", "langchain_core", "langgraph"}:
        raise
    raise ImportError(
        f"{missing.name} is not installed: memos_integrations.langchain needs "
        "pip install 'memos-integrations[langchain]'"
    ) from missing

__all__ = ["MemOSMiddleware"]
