"""A process that records and simply ends: `python -m tests.outbox.ending URL FILE WAY`; prints the last thing it does.

Ways: "plainly"; "asyncio", from tasks of a loop; "late", when the interpreter ends already and starts no thread.
"""

import asyncio
import atexit
import sys

from memos_integrations import MemOS, Scope
from memos_integrations.memory.record import arecord
from tests.outbox.turns import client_of, say, turn

__all__ = ["DUE"]

DUE = [(f"c{n % 4}", f"turn {n}") for n in range(20)]


def main() -> None:
    url, file, way = sys.argv[1:]
    client = client_of(url, file)
    if way == "asyncio":
        asyncio.run(_tasks(client))
        _ended()
    elif way == "late":
        atexit.register(_plainly, client)
    else:
        _plainly(client)


def _plainly(client: MemOS) -> None:
    for conversation, words in DUE:
        say(client, conversation, words)
    _ended()


async def _tasks(client: MemOS) -> None:
    async def task(conversation: str) -> None:
        scope = Scope(user_id="ada", conversation_id=conversation)
        for name, words in DUE:
            if name == conversation:
                await arecord(client, scope, turn(words))

    await asyncio.gather(*map(task, sorted({conversation for conversation, _ in DUE})))


def _ended() -> None:
    sys.stdout.write("ended\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
