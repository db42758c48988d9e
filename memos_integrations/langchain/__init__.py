"""MemOS under LangChain and LangGraph, each name loaded on first use.

Agents: `create_agent(model, tools, middleware=[MemOSMiddleware(client)])`. Chains: `with_memory`, `MemOSRetriever`.
A model's own choice: `MemOSToolkit`. MemOS's own chat: `ChatMemOS`. For `RunnableWithMessageHistory`, which LangChain
is about to remove: `MemOSChatMessageHistory`; nothing else here needs its module.

Needs the extra: `pip install 'memos-integrations[langchain]'`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memos_integrations.langchain.chain import RunnableWithMemory, with_memory
    from memos_integrations.langchain.chat_model import ChatMemOS
    from memos_integrations.langchain.history import MemOSChatMessageHistory
    from memos_integrations.langchain.middleware import MemOSMiddleware
    from memos_integrations.langchain.retriever import MemOSRetriever
    from memos_integrations.langchain.tools import (
        MemOSAddTool,
        MemOSFeedbackTool,
        MemOSForgetTool,
        MemOSSearchTool,
        MemOSToolkit,
    )

__all__ = [
    "ChatMemOS",
    "MemOSAddTool",
    "MemOSChatMessageHistory",
    "MemOSFeedbackTool",
    "MemOSForgetTool",
    "MemOSMiddleware",
    "MemOSRetriever",
    "MemOSSearchTool",
    "MemOSToolkit",
    "RunnableWithMemory",
    "with_memory",
]

if not TYPE_CHECKING:
    _ROOMS = {
        "ChatMemOS": "chat_model",
        "MemOSChatMessageHistory": "history",
        "MemOSMiddleware": "middleware",
        "MemOSRetriever": "retriever",
        "RunnableWithMemory": "chain",
        "with_memory": "chain",
    }
    _FRAMEWORKS = {"langchain", "langchain_core", "langgraph"}
    _EXTRA = "memos_integrations.langchain needs pip install --upgrade 'memos-integrations[langchain]'"
    _NO_HISTORIES = (
        "LangChain has removed its chat histories, so there is no MemOSChatMessageHistory with the version installed: "
        "take MemOSMiddleware for an agent, with_memory for a chain"
    )

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            room = import_module(f"{__name__}.{_ROOMS.get(name, 'tools')}")
        except ImportError as error:
            if (told := _told(error)) is None:
                raise
            raise told from error
        found = getattr(room, name)
        globals()[name] = found
        return found

    def _told(error: ImportError) -> ImportError | None:
        """What to do about `error`, if it is the framework's."""
        missing = error.name or ""
        framework = missing.partition(".")[0]
        if framework not in _FRAMEWORKS:
            return None
        if missing == "langchain_core.chat_history":
            return ImportError(_NO_HISTORIES, name=missing)
        if missing == framework and isinstance(error, ModuleNotFoundError):
            return ImportError(f"{framework} is not installed: {_EXTRA}", name=missing)
        return ImportError(f"{framework} has another version than works here ({error}): {_EXTRA}", name=missing)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
