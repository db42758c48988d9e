"""A process in which 8 threads and 200 tasks record at once: `python -m tests.outbox.crowd URL FILE NAME`."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from memos_integrations import MemOS, Scope
from memos_integrations.memory.record import arecord
from tests.outbox.turns import LONG, client_of, say, turn

__all__ = ["due"]

THREADS, TASKS, TURNS = 8, 200, 5


def _threads(name: str) -> list[list[tuple[str, str]]]:
    """Conversation and words, turn by turn, of each thread: some are this process's own, some are shared."""
    return [
        [(f"{talk}-{thread}", f"{name} thread {thread} says {n}") for n in range(TURNS) for talk in (name, "both")]
        for thread in range(THREADS)
    ]


def _tasks(name: str) -> list[list[tuple[str, str]]]:
    return [[(f"tasks-{task % 40}", f"{name} task {task} says {n}") for n in range(2)] for task in range(TASKS)]


def due(name: str) -> list[list[tuple[str, str]]]:
    """What must be in its order: conversation and words of each turn, for each thread and task."""
    return _threads(name) + _tasks(name)


def main() -> None:
    url, file, name = sys.argv[1:]
    with client_of(url, file) as client, ThreadPoolExecutor(THREADS) as pool:
        for one in _threads(name):
            pool.submit(_thread, client, one)
        asyncio.run(_all(client, name))
        pool.shutdown()
        assert client.flush(LONG) == 0


def _thread(client: MemOS, turns: list[tuple[str, str]]) -> None:
    for each in turns:
        say(client, *each)


async def _all(client: MemOS, name: str) -> None:
    async def task(turns: list[tuple[str, str]]) -> None:
        for conversation, words in turns:
            assert await arecord(client, Scope(user_id="ada", conversation_id=conversation), turn(words)) == 2

    await asyncio.gather(*map(task, _tasks(name)))


if __name__ == "__main__":
    main()
