"""A LangChain agent for the demo, over any callable that stands in for a model."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from memos_integrations.client import MemOS
from memos_integrations.langchain.middleware import MemOSMiddleware

__all__ = ["speaker"]

Reply = Callable[[Sequence[str]], str]


class _StandIn(BaseChatModel):
    reply: Reply
    handed: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        del stop, run_manager
        self.handed[:] = [str(message.text) for message in messages]
        answer = AIMessage(content=self.reply(self.handed))
        return ChatResult(generations=[ChatGeneration(message=answer)])


def speaker(
    client: MemOS, user: str, conversation: str, reply: Reply, *, recall: bool
) -> Callable[[str], tuple[Sequence[str], str]]:
    """An agent in one conversation of `user`: takes a text, gives what its model was handed and the answer."""
    model = _StandIn(reply=reply)
    agent: Any = create_agent(model, [], middleware=[MemOSMiddleware(client, recall=recall)])
    config = {"configurable": {"user_id": user, "thread_id": conversation}}

    def ask(text: str) -> tuple[Sequence[str], str]:
        state = agent.invoke({"messages": [("user", text)]}, config)
        return list(model.handed), str(state["messages"][-1].text)

    return ask
