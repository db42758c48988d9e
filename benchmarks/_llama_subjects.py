"""LlamaIndex's FunctionAgent with each memory, built as that memory's own documentation tells, and with stock `Memory`.

Which packages are there depends on the interpreter: ours in this repository's, the others in one of their own.
"""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Semaphore
from typing import Any

from _agents_turns import AsyncTurn, Subject
from _llama_model import Model, look
from _loopback import _TEXTS
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemory, BaseMemoryBlock, Memory
from llama_index.core.tools import FunctionTool

__all__ = ["SUBJECTS"]

KEY, USER = "a-key-for-benchmarks", "ada"
Make = Callable[[], BaseMemory]
"""Makes a memory for a conversation that begins."""


def ours(url: str) -> Subject:
    from memos_integrations.client import MemOS
    from memos_integrations.llama_index import MemOSMemory

    talks = count()

    def make(client: MemOS) -> BaseMemory:
        return MemOSMemory.from_defaults(user_id=USER, conversation_id=f"talk-{next(talks)}", client=client)

    return _ours(url, make)


def block(url: str) -> Subject:
    from memos_integrations.client import MemOS
    from memos_integrations.llama_index import MemOSMemoryBlock

    talks = count()

    def make(client: MemOS) -> BaseMemory:
        blocks: Any = [MemOSMemoryBlock(user_id=USER, client=client)]
        given: Any = {"session_id": f"talk-{next(talks)}", "insert_method": "user"}
        return Memory.from_defaults(memory_blocks=blocks, **given)

    return _ours(url, make)


def _ours(url: str, make: Callable[[Any], BaseMemory]) -> Subject:
    from memos_integrations import connect
    from memos_integrations.client import Event, Recorded

    written = Semaphore(0)

    def hear(event: Event) -> None:
        if isinstance(event, Recorded):
            written.release()

    folder = TemporaryDirectory()
    client = connect(url, api_key=KEY, outbox=Path(folder.name) / "outbox.db", on_event=hear)

    def settle() -> None:
        if not written.acquire(timeout=30):
            raise TimeoutError("a turn was not written")

    def close() -> None:
        client.close()
        folder.cleanup()

    return Subject(aio=_turns(partial(make, client)), settle=settle, close=close, talks=True)


def mem0(url: str) -> Subject:
    """Mem0Memory over Mem0's platform, of the parts that its `from_client` takes, which raises with mem0ai 2.2.1."""
    client = import_module("mem0").MemoryClient(api_key=KEY, host=url)
    memory = import_module("llama_index.memory.mem0").Mem0Memory
    warnings.simplefilter("ignore")  # mem0ai turns deprecations on, those of other packages too

    def make() -> Any:
        return memory(primary_memory=Memory.from_defaults(), context={"user_id": USER}, client=client)

    return Subject(aio=_turns(make), talks=True)


class FixedBlock(BaseMemoryBlock[str]):
    """Gives what the services would, without looking: what is left is LlamaIndex's own work around a block."""

    name: str = "fixed"

    async def _aget(self, messages: list[ChatMessage] | None = None, **_: Any) -> str:
        del messages
        return "\n".join(f"- {text}" for text in _TEXTS)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        """Keeps nothing."""


def fixed(url: str) -> Subject:
    del url
    blocks: Any = [FixedBlock()]
    insert: Any = "user"
    return Subject(aio=_turns(lambda: Memory.from_defaults(memory_blocks=blocks, insert_method=insert)), talks=True)


def _turns(make: Make) -> Callable[[int, bool], AsyncTurn]:
    def turn(steps: int, told: bool) -> AsyncTurn:
        agent = FunctionAgent(tools=[FunctionTool.from_defaults(look)], llm=Model(steps=steps))
        memory = make() if told else Memory.from_defaults()

        async def ask(text: str) -> str:
            return str(await agent.run(text, memory=memory))

        return ask

    return turn


SUBJECTS: dict[str, Callable[[str], Subject]] = {
    "MemOSMemory": ours,
    "MemOSMemoryBlock": block,
    "FixedBlock": fixed,
    "Mem0Memory": mem0,
}
"""By the class's name."""
