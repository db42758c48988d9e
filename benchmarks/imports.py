"""What an import costs, beside bare Python and other services' own clients, and a call that never leaves the process.

python benchmarks/imports.py [--quick] [--write]   (--write puts the table into docs/imports.md)
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from _measure import Block, Row, Work, blocks, machine, options, paired, publish, spent
from _peers import OFFICIAL, PEERS, quiet

from memos_integrations import MemOS
from memos_integrations.engine import AsyncEngineTransport, Engine, EngineTransport
from memos_integrations.wire.calls import AddMessage, SearchMemory

BARE, ROOT, CLIENT = "pass", "import memos_integrations", "from memos_integrations import MemOS"
NEEDED = "import httpx, pydantic"
HEAVY = ("httpx", "httpcore", "pydantic", "langchain", "langchain_core", "langgraph", "llama_index", "sqlite3")
QUERY = "Which tea did I like?"
ABOUT = (
    "Imports: user and system time of fresh processes with compiled files in place, over that of bare Python, medians "
    "of pairs; the statements take turns. Calls: CPU time of all threads, the embedded engine in a file with 200 "
    "messages, {found} memories found; the overhead is the client's call less the engine's own search, medians of "
    "blocks that take turns."
)


def roots(rounds: int) -> Iterator[Row]:
    taken = blocks({code: _process(code) for code in (BARE, ROOT, CLIENT, NEEDED)}, rounds)
    root, client, needed = (_over_bare(taken, code) for code in (ROOT, CLIENT, NEEDED))
    bare = f"bare Python: {median(taken[BARE]):.0f} ms in all"
    yield Row(f"`{ROOT}`, CPU over bare Python", f"{root:.1f} ms", bare, None, "≤ 40 ms", root <= 40)
    heavy = _heavy()
    which = f"of {', '.join(HEAVY)}"
    yield Row(f"`{ROOT}` loads", heavy or "none", which, None, "none", not heavy)
    other = f"`{NEEDED}`: {needed:.0f} ms"
    yield Row(
        f"`{CLIENT}`, CPU over bare Python", f"{client:.0f} ms", other, client / needed, "≤ 300 ms", client <= 300
    )


def peers(rounds: int) -> Iterator[Row]:
    there = {peer.statement: str(peer.there) for peer in (*PEERS, OFFICIAL) if peer.there}
    taken = blocks({code: _process(code) for code in (BARE, CLIENT, *there)}, rounds)
    client = _over_bare(taken, CLIENT)
    for code, name in there.items():
        theirs = _over_bare(taken, code)
        other = f"{name}, `{code}`: {theirs:,.0f} ms"
        yield Row(f"`{CLIENT}`, CPU over bare Python", f"{client:.0f} ms", other, client / theirs)
    for peer in (*PEERS, OFFICIAL):
        if not peer.there:
            yield Row(f"`{CLIENT}`", "", f"{peer.package}: not installed")


def calls(rounds: int, several: int, engine: Engine, client: MemOS) -> Iterator[Row]:
    wanted = SearchMemory(query=QUERY, user_id="u")
    with asyncio.Runner() as runner:

        def itself(times: int) -> None:
            for _ in range(times):
                engine.search_memory(wanted)

        def called(times: int) -> None:
            for _ in range(times):
                client.search_memory(query=QUERY, user_id="u")

        async def awaited(times: int) -> None:
            for _ in range(times):
                await client.aio.search_memory(query=QUERY, user_id="u")

        works: dict[str, Work] = {"itself": itself, "sync": called, "async": lambda times: runner.run(awaited(times))}
        taken = blocks({name: _block(work, several) for name, work in works.items()}, rounds)
    search = median(taken["itself"])
    for colour in ("sync", "async"):
        over = median(a - b for a, b in zip(taken[colour], taken["itself"], strict=True)) / 1_000
        goal, met = ("≤ 0.3 ms", over <= 0.3) if colour == "sync" else ("", None)
        other = f"the engine's search itself: {search / 1_000:.3f} ms"
        ratio = paired(taken[colour], taken["itself"]) - 1
        yield Row(f"an in-process {colour} search's overhead, CPU", f"{over:.3f} ms", other, ratio, goal, met)


def _block(work: Work, several: int) -> Block:
    return lambda: spent(work, several, several // 4)


def _process(code: str) -> Block:
    """CPU milliseconds of a fresh process that runs `code`."""
    command = [sys.executable, "-c", code]
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]

    def run() -> float:
        process = os.posix_spawn(sys.executable, command, os.environ, file_actions=nowhere)
        _, status, used = os.wait4(process, 0)
        assert status == 0, f"{code} failed"
        return 1_000 * (used.ru_utime + used.ru_stime)

    run()  # compiles what is not compiled yet
    return run


def _over_bare(taken: dict[str, list[float]], code: str) -> float:
    return median(a - b for a, b in zip(taken[code], taken[BARE], strict=True))


def _heavy() -> str:
    """Which of `HEAVY` the root loads that bare Python doesn't."""
    code = (
        f"import sys; before = set(sys.modules); {ROOT}; print(*sorted(({set(HEAVY)!r} & set(sys.modules)) - before))"
    )
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _filled(path: Path) -> tuple[Engine, MemOS]:
    engine = Engine(str(path))
    client = MemOS.over(EngineTransport(engine), AsyncEngineTransport(engine), address=str(path))
    client.on_close(engine.close)
    messages = [{"role": "user", "content": f"Number {i}: I like the tea number {i} from Lyon."} for i in range(200)]
    engine.add_message(AddMessage(messages=messages, user_id="u", conversation_id="before", async_mode=False))
    return engine, client


def main() -> None:
    given = options(__doc__ or "")
    with quiet(), tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")  # one place for all, ours in a tree included
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        engine, client = _filled(Path(folder) / "memos.db")
        with client:
            answer = client.search_memory(query=QUERY, user_id="u")
            found = len(answer.memory_detail_list) + len(answer.preference_detail_list)
            rows = [
                *roots(5 if given.quick else 40),
                *peers(1 if given.quick else 7),
                *calls(*((20, 30) if given.quick else (150, 30)), engine, client),
            ]
    about = f"{ABOUT.format(found=found)}\n\n{machine('memos-integrations', 'httpx', 'pydantic')}"
    publish("imports", "What an import costs, and a call in the process", rows, about, write=given.write)


if __name__ == "__main__":
    main()
