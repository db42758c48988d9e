"""Models that follow a script and keep what they were handed, and what chat engines need besides."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms import types
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.workflow import WorkflowRuntimeError
from pydantic import PrivateAttr

from memos_integrations.llama_index._messages import text_of

__all__ = [
    "FAILED",
    "OLD",
    "Broken",
    "Shelf",
    "Step",
    "ToldModel",
    "action",
    "answer",
    "ask",
    "called",
    "calls",
    "code",
    "function",
    "now",
    "spoken",
    "text_of_all",
    "thinking",
    "turned",
]

OLD = version("llama-index-core").startswith("0.13.")  # which wraps what a step raises
CALL_BLOCK: Any = getattr(types, "ToolCallBlock", None)
THINKING_BLOCK: Any = getattr(types, "ThinkingBlock", None)
Step = ChatMessage | Exception | Callable[[], None]


class Broken(Exception):
    """What a provider raises."""


FAILED = (Broken, WorkflowRuntimeError) if OLD else (Broken,)


class ToldModel(FunctionCallingLLM):
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

    def stream_complete(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def astream_complete(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, *_: Any, **__: Any
    ) -> dict[str, Any]:
        asked = ChatMessage(content=user_msg) if isinstance(user_msg, str) else user_msg
        return {"messages": [*(chat_history or []), *([asked] if asked else [])]}

    def get_tool_calls_from_response(self, response: ChatResponse, *_: Any, **__: Any) -> list[ToolSelection]:
        return called(response.message)


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
    """The assistant asks for these tools, with the same arguments, as this version of LlamaIndex has it."""
    ids = {f"call-{name}": name for name in names}
    if CALL_BLOCK is None:
        asked = [ToolSelection(tool_id=id, tool_name=name, tool_kwargs=arguments) for id, name in ids.items()]
        return ChatMessage(role=MessageRole.ASSISTANT, content=None, additional_kwargs={"tool_calls": asked})
    blocks = [CALL_BLOCK(tool_call_id=id, tool_name=name, tool_kwargs=arguments) for id, name in ids.items()]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


def called(message: ChatMessage) -> list[ToolSelection]:
    """The tools that are asked for in it, in either form."""
    blocks: list[Any] = [block for block in message.blocks if getattr(block, "block_type", "") == "tool_call"]
    asked = [
        ToolSelection(tool_id=block.tool_call_id, tool_name=block.tool_name, tool_kwargs=block.tool_kwargs)
        for block in blocks
    ]
    return asked or message.additional_kwargs.get("tool_calls", [])


def thinking(text: str) -> list[Any]:
    """A block of thinking, where this version of LlamaIndex has such."""
    return [] if THINKING_BLOCK is None else [THINKING_BLOCK(content=text)]


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
