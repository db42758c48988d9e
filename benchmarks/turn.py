"""What a user turn costs: MemOS calls, and milliseconds with memory beside the same agent without, in one run.

python benchmarks/turn.py [--turns N] [--write]   (--write puts the table into docs/turn.md)
"""

import argparse
import asyncio
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer

from memos_integrations import connect
from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.llama_index import MemOSMemory

Turn = Callable[[str], object]
QUESTION = "Turn {}: what did I say about the tea from Lyon?"


class Model(BaseChatModel):
    """Asks for a tool `steps` times, then answers."""

    steps: int

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> "Model":
        del tools
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        last = max(i for i, m in enumerate(messages) if m.type == "human")
        done = sum(isinstance(m, ToolMessage) for m in messages[last:])
        call = {"name": "look", "args": {"word": "tea"}, "id": f"call-{done}"}
        answer = AIMessage("", tool_calls=[call]) if done < self.steps else AIMessage("You like it.")
        return ChatResult(generations=[ChatGeneration(message=answer)])


@tool
def look(word: str) -> str:
    """Look a word up."""
    return word


def langchain_turn(client: MemOS | None, steps: int, user: str = "u") -> Turn:
    middleware = [MemOSMiddleware(client, user_id=user)] if client else []
    agent: Any = create_agent(Model(steps=steps), [look], middleware=middleware)
    config = {"configurable": {"thread_id": "c"}}
    return lambda text: agent.invoke({"messages": [("user", text)]}, config)


def llama_index_turn(client: MemOS | None, steps: int, user: str = "u") -> Turn:
    def answer(messages: list[ChatMessage], **_: Any) -> ChatMessage:
        last = max(i for i, m in enumerate(messages) if m.role == MessageRole.USER)
        done = sum(m.role == MessageRole.TOOL for m in messages[last:])
        if done >= steps:
            return ChatMessage(role="assistant", content="You like it.")
        block = ToolCallBlock(tool_call_id=f"call-{done}", tool_name="find", tool_kwargs={"word": "tea"})
        return ChatMessage(role="assistant", blocks=[block])

    def find(word: str) -> str:
        """Look a word up."""
        return word

    agent = FunctionAgent(tools=[find], llm=MockFunctionCallingLLM(response_generator=answer))

    def turn(text: str) -> object:
        memory: Any = ChatMemoryBuffer.from_defaults(token_limit=30_000)
        if client:
            memory = MemOSMemory.from_defaults(user_id=user, conversation_id="c", client=client)

        async def run() -> object:
            return await agent.run(text, memory=memory)

        return asyncio.run(run())

    return turn


def milliseconds(plain: Turn, with_memory: Turn, turns: int) -> tuple[float, float]:
    """Medians; the two take turns, so that a busy moment strikes both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(turns + 3):
        for turn, times in zip((plain, with_memory), spent, strict=True):
            started = time.perf_counter()
            turn(QUESTION.format(number))
            times.append((time.perf_counter() - started) * 1_000)
    return median(spent[0][3:]), median(spent[1][3:])


def rows(turns: int) -> list[str]:
    table = []
    for name, make in (("LangChain create_agent", langchain_turn), ("LlamaIndex FunctionAgent", llama_index_turn)):
        for steps in (0, 1, 5):
            events: list[Event] = []
            with TemporaryDirectory() as folder, connect(Path(folder) / "memos.db", on_event=events.append) as client:
                _fill(client)
                plain, told = milliseconds(make(None, steps), make(client, steps), turns)
                client.flush()
            searches = sum(isinstance(e, Recalled) for e in events) / (turns + 3)
            writes = sum(isinstance(e, Recorded) for e in events) / (turns + 3)
            table.append(
                f"| {name} | {steps} | {searches:g} + {writes:g} | {plain:.1f} | {told:.1f} | {told / plain:.2f} |"
            )
    return table


def _fill(client: MemOS) -> None:
    messages = [{"role": "user", "content": f"Number {i}: I like the tea number {i} from Lyon."} for i in range(200)]
    client.add_message(messages=messages, user_id="u", conversation_id="before", async_mode=False)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=30)
    options.add_argument("--write", action="store_true", help="put the table into docs/turn.md")
    given = options.parse_args()
    head = [
        "| agent | tool steps | searches + writes a turn | ms without memory | ms with memory | ratio |",
        "|---|---|---|---|---|---|",
    ]
    table = "\n".join([*head, *rows(given.turns)])
    about = (
        f"Python {platform.python_version()}, langchain {version('langchain')}, llama-index-core "
        f"{version('llama-index-core')}; the embedded engine with 200 memories in a file, a scripted model that "
        f"answers at once, medians of {given.turns} turns that take turns with the same agent without memory."
    )
    print(f"{table}\n\n{about}")
    if given.write:
        page = f"# What a turn costs\n\nPrinted by `make bench` (`python benchmarks/turn.py`).\n\n{table}\n\n{about}\n"
        (Path(__file__).parent.parent / "docs" / "turn.md").write_text(page, encoding="utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
