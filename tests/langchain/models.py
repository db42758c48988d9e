"""Models that follow a script and keep what they were handed, and the few words that tests of an agent need."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import langchain.agents
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import Field

from tests.fakes import CountingEngine

__all__ = [
    "ANSWER",
    "FACT",
    "MARK",
    "QUESTION",
    "WAYS",
    "Scripted",
    "after_tools",
    "at",
    "counted",
    "create_agent",
    "echo",
    "look_up",
    "run",
    "said",
    "spoken",
    "system_of",
]

MARK = "quokka"
FACT = f"I drink green {MARK} tea every morning."
QUESTION = "What tea do I drink?"
ANSWER = "Your usual one."

create_agent: Any = langchain.agents.create_agent
"""Untyped: tests hand it plain dicts, as users do."""

Script = Callable[[Sequence[BaseMessage]], AIMessage]


class Scripted(BaseChatModel):
    """Answers as its script says, plainly, streaming and awaited; `handed` is what it got, call by call."""

    script: Script
    handed: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Scripted":
        return self

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        self.handed.append(list(messages))
        return self.script(messages)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        await asyncio.sleep(0)
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages)):
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages)):
            await asyncio.sleep(0)
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
            yield chunk


def _chunks(answer: AIMessage) -> list[ChatGenerationChunk]:
    pieces: list[Any] = answer.content.split(" ") if isinstance(answer.content, str) else [answer.content]
    pieces = [f"{piece} " if i < len(pieces) - 1 else piece for i, piece in enumerate(pieces)]
    calls = [
        tool_call_chunk(name=call["name"], args=str(call["args"]).replace("'", '"'), id=call["id"], index=i)
        for i, call in enumerate(answer.tool_calls)
    ]
    chunks = [AIMessageChunk(content=piece, tool_call_chunks=calls if i == 0 else []) for i, piece in enumerate(pieces)]
    chunks[-1].chunk_position = "last"
    return [ChatGenerationChunk(message=chunk) for chunk in chunks]


def after_tools(steps: int, answer: str = ANSWER, *, name: str = "look_up") -> Script:
    """Asks for `steps` tools in a row, then answers."""

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        done = _tools_since_asked(messages)
        if done >= steps:
            return AIMessage(answer)
        call = {"name": name, "args": {"word": f"w{done}"}, "id": f"call-{len(messages)}"}
        return AIMessage("let me look that up", tool_calls=[call])

    return script


def _tools_since_asked(messages: Sequence[BaseMessage]) -> int:
    place = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
    return sum(isinstance(m, ToolMessage) for m in messages[place + 1 :])


def echo(messages: Sequence[BaseMessage]) -> AIMessage:
    """Answers with the whole of what it was handed beside the protocol."""
    return AIMessage("\n".join(str(m.text) for m in messages if not isinstance(m, SystemMessage)))


@tool
def look_up(word: str) -> str:
    """Looks a word up."""
    return f"nothing is known of {word}"


WAYS = [
    "invoke",
    "ainvoke",
    *(f"{kind}:{mode}" for kind in ("stream", "astream") for mode in ("values", "updates", "messages")),
    *(f"{kind}:values,updates,messages,custom,checkpoints,tasks,debug" for kind in ("stream", "astream")),
]


def run(agent: Any, way: str, given: Any, config: Any = None, **more: Any) -> list[Any]:
    """One run of `agent`, in one of `WAYS`; all that came out."""
    kind, _, modes = way.partition(":")
    if kind == "invoke":
        return [agent.invoke(given, config, **more)]
    if kind == "ainvoke":
        return [asyncio.run(agent.ainvoke(given, config, **more))]
    several = modes.split(",") if "," in modes else modes
    if kind == "stream":
        return list(agent.stream(given, config, stream_mode=several, **more))

    async def collected() -> list[Any]:
        return [chunk async for chunk in agent.astream(given, config, stream_mode=several, **more)]

    return asyncio.run(collected())


def said(text: str = QUESTION, **more: Any) -> dict[str, Any]:
    """A run's input: the user says `text`."""
    return {"messages": [HumanMessage(text, **more)]}


def at(user: str | None = "ada", thread: object = "t1", **more: Any) -> dict[str, Any]:
    """A run's config."""
    return {"configurable": {"thread_id": thread, **({"user_id": user} if user is not None else {}), **more}}


def spoken(engine: CountingEngine) -> list[tuple[str, str]]:
    """All that was written, in order: role and text."""
    return [(turn.role, turn.text) for call in list(engine.added) for turn in call.turns]


def counted(engine: CountingEngine) -> tuple[int, int]:
    """Searches, and turns that were written: neighbours may go in one call."""
    return len(engine.searched), sum(role == "user" for role, _ in spoken(engine))


def system_of(handed: Sequence[BaseMessage]) -> SystemMessage:
    """The one system message."""
    (system,) = [m for m in handed if isinstance(m, SystemMessage)]
    return system
