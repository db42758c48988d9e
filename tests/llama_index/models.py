"""Models that follow a script and keep what they were handed, and what chat engines need besides."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

from memos_integrations.llama_index._messages import text_of

__all__ = [
    "Broken",
    "Shelf",
    "Step",
    "ToldModel",
    "action",
    "answer",
    "ask",
    "calls",
    "code",
    "function",
    "now",
    "spoken",
    "text_of_all",
    "turned",
]

Step = ChatMessage | Exception | Callable[[], None]


class Broken(Exception):
    """What a provider raises."""


class ToldModel(MockFunctionCallingLLM):
    """Says one line of its script after another ("Noted." when it is at its end), in several tokens when streamed.

    A script's line is a message, an exception to raise, or something to be called before the next line.
    """

    _script: list[Step] = PrivateAttr(default_factory=list)
    _handed: list[list[ChatMessage]] = PrivateAttr(default_factory=list)

    def __init__(self, *script: Step) -> None:
        super().__init__()
        self._script = list(script)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    @property
    def handed(self) -> list[list[ChatMessage]]:
        """What it was handed, call by call."""
        return self._handed

    def _say(self, messages: Sequence[ChatMessage]) -> ChatMessage:
        self._handed.append([message.model_copy(deep=True) for message in messages])
        while self._script:
            step = self._script.pop(0)
            if isinstance(step, ChatMessage):
                return step.model_copy(deep=True)
            if isinstance(step, Exception):
                raise step
            step()
        return answer("Noted.")

    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        return ChatResponse(message=self._say(messages))

    async def achat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        await asyncio.sleep(0)
        return self.chat(messages)

    def stream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseGen:
        yield from _tokens(self._say(messages))

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseAsyncGen:
        said = self._say(messages)

        async def tokens() -> AsyncGenerator[ChatResponse, None]:
            for token in _tokens(said):
                await asyncio.sleep(0)
                yield token

        return tokens()

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=text_of(self._say([ChatMessage(content=prompt)])))

    async def acomplete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        return self.complete(prompt, formatted)


def _tokens(said: ChatMessage) -> Iterator[ChatResponse]:
    """The words of a message one by one; tool calls come with the last."""
    words = text_of(said).split(" ")
    for i, word in enumerate(words[:-1]):
        delta = word + " "
        yield ChatResponse(message=answer(" ".join(words[: i + 1])), delta=delta)
    yield ChatResponse(message=said, delta=words[-1])


def answer(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


def calls(*names: str, **arguments: Any) -> ChatMessage:
    """The assistant asks for these tools, with the same arguments."""
    blocks = [ToolCallBlock(tool_call_id=f"call-{name}", tool_name=name, tool_kwargs=arguments) for name in names]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


def action(name: str = "add", arguments: str = '{"a": 1, "b": 2}') -> ChatMessage:
    """A ReAct step."""
    return answer(f"Thought: I need a tool.\nAction: {name}\nAction Input: {arguments}")


def code(source: str = "print(1)") -> ChatMessage:
    """A CodeAct step."""
    return answer(f"Let me compute.\n<execute>\n{source}\n</execute>")


def text_of_all(messages: Sequence[ChatMessage]) -> str:
    return "\n".join(text_of(message) for message in messages)


def spoken(messages: Sequence[ChatMessage]) -> list[tuple[str, str]]:
    return [(message.role.value, text_of(message)) for message in messages]


class Shelf(BaseRetriever):
    """A retriever of one document."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text="The shop opens at nine."), score=1.0)]


def now() -> str:
    """Tells the time."""
    return "noon"


def ask(text: str) -> ChatMessage:
    return ChatMessage(content=text)


def function(*script: Step, **options: Any) -> FunctionAgent:
    return FunctionAgent(tools=[now], llm=ToldModel(*script), **options)


def turned(*texts: str) -> list[ChatMessage]:
    """Questions and answers in turn."""
    return [ask(text) if i % 2 == 0 else answer(text) for i, text in enumerate(texts)]
