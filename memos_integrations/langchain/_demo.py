"""A LangChain agent for the demo, over any callable that stands in for a model."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, MemOSError
from memos_integrations.langchain.middleware import MemOSMiddleware

__all__ = ["replier", "speaker"]

Reply = Callable[[Sequence[tuple[str, str]]], str]
_ROLES: Final = {"human": "user", "ai": "assistant"}


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
        said = [(_ROLES.get(message.type, message.type), str(message.text)) for message in messages]
        self.handed[:] = [text for _, text in said]
        answer = AIMessage(content=self.reply(said))
        return ChatResult(generations=[ChatGeneration(message=answer)])


def replier(model: str) -> Reply:
    """A real model as a callable of (role, text) pairs; `model` is what `init_chat_model` takes ("openai:…").

    Raises `Invalid` for one that LangChain can't make.
    """
    try:
        real = init_chat_model(model)
    except Exception as error:  # each provider's package has errors of its own
        raise Invalid(f"--model: LangChain can't make this model: {error}", field="model") from error

    def ask(said: Sequence[tuple[str, str]]) -> str:
        try:
            return str(real.invoke(list(said)).text)
        except Exception as error:
            raise MemOSError(f"the model failed ({type(error).__name__}): {error}") from error

    return ask


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
