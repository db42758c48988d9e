"""What tests of histories share: a conversation of all kinds, and engines that fail or keep little."""

from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from memos_integrations.client import MemOS
from memos_integrations.errors import ServerFault
from memos_integrations.langchain import MemOSChatMessageHistory
from memos_integrations.wire.answers import Added, Deleted, StoredMessages
from memos_integrations.wire.calls import AddMessage, DeleteMemory, GetMessage
from tests.fakes import CountingEngine
from tests.langchain.models import MARK

__all__ = ["CONVERSATION", "Bare", "Outage", "history", "texts"]

CALL = {"name": "look_up", "args": {"word": None, "deep": [1.5, {"ü": "茶"}]}, "id": "call-1", "type": "tool_call"}
CONVERSATION: list[BaseMessage] = [
    SystemMessage("Be brief.", id="s1"),
    HumanMessage("What is tea?", id="h1", name="ada", additional_kwargs={"lang": None}),
    AIMessage("", id="a1", tool_calls=[CALL], response_metadata={"model_name": "m", "logprobs": None}),
    ToolMessage("a leaf", tool_call_id="call-1", id="t1", status="error", artifact={"page": 3}),
    AIMessage(
        [{"type": "text", "text": "A drink."}, {"type": "citation", "url": "https://tea.example"}],
        id="a2",
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    HumanMessage([{"type": "image_url", "image_url": {"url": "https://tea.example/x.png"}}]),
    AIMessage("   "),
    ChatMessage(content="Indeed.", role="guest"),
    FunctionMessage(content="42", name="count"),
    HumanMessage("half \ud800 a pair"),
    ToolMessage("", tool_call_id="call-9"),
]


def history(client: MemOS, **options: Any) -> MemOSChatMessageHistory:
    return MemOSChatMessageHistory(client, **{"user_id": "ada", "conversation_id": "c1", **options})


def texts(messages: list[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


class Outage(CountingEngine):
    """The engine, which fails while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self.deleted = 0

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        if "add" in self.down:
            raise ServerFault("down", code=50004)
        return super().add_message(call, project, *more, **named)

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        if "get" in self.down:
            raise ServerFault(MARK, code=50001)
        return super().get_message(call, project)

    def delete_memory(self, call: DeleteMemory, project: str = "") -> Deleted:
        self.deleted += 1
        return super().delete_memory(call, project)


class Bare(CountingEngine):
    """Keeps what MemOS Cloud documents."""

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        kept = {"role", "content", "create_time"}
        stored = super().get_message(call, project).message_detail_list
        return StoredMessages.model_validate({"message_detail_list": [m.model_dump(include=kept) for m in stored]})
