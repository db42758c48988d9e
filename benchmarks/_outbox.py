"""What recording a turn costs its caller, and how many turns a second an outbox delivers."""

import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from _measure import Block, Row, blocks, paired

from memos_integrations import MemOS, Outbox, Scope
from memos_integrations.memory.record import Said, record

__all__ = ["appends", "deliveries"]

_NOWHERE = "http://127.0.0.1:9/api/openmem/v1"
_TURN = (Said("user", "I like green tea, most of all in the morning."), Said("assistant", "Noted: green tea it is."))
_BARE = "a bare sqlite3 insert of the same bytes (WAL, synchronous=normal)"


def appends(rounds: int, turns: int) -> Iterator[Row]:
    """CPU of the calling thread; the outbox's own threads find nobody to deliver to."""
    with tempfile.TemporaryDirectory() as folder:
        client = MemOS(base_url=_NOWHERE, outbox=f"{folder}/outbox.db", deadline=1.0)
        scope, plain = Scope(user_id="u", conversation_id="c"), _plain(folder)
        own = {"record": lambda: record(client, scope, _TURN), _BARE: lambda: _insert(plain)}
        gc.collect()
        gc.freeze()
        taken = blocks({name: _thread(work, turns) for name, work in own.items()}, rounds)
        Outbox.of(client).drop()
        client.close(timeout=0)
        plain.close()
    cost = median(taken["record"])
    ratio, theirs = paired(taken["record"], taken[_BARE]), f"{_BARE}: {median(taken[_BARE]):.0f} µs"
    yield Row("record of a turn into the outbox's file, CPU", f"{cost:.0f} µs", theirs, ratio, "≤ 50 µs", cost <= 50)


def deliveries(url: str, turns: int) -> Iterator[Row]:
    """Wall time, from the first record to the end of the flush, on a server that answers at once."""
    for conversations in (turns, turns // 20):
        with tempfile.TemporaryDirectory() as folder:
            client = MemOS(base_url=url, api_key="none", outbox=f"{folder}/outbox.db")
            started = time.perf_counter()
            for number in range(turns):
                record(client, Scope(user_id="u", conversation_id=f"c{number % conversations}"), _TURN)
            assert client.flush(120.0) == 0
            spent = time.perf_counter() - started
            client.close()
        words = f"recording and delivering {turns:,} turns of {conversations:,} conversations"
        yield Row(words, f"{turns / spent:,.0f} turns/s")


def _thread(work: Callable[[], object], calls: int) -> Block:
    def block() -> float:
        started = time.thread_time_ns()
        for _ in range(calls):
            work()
        return (time.thread_time_ns() - started) / calls / 1_000

    return block


def _plain(folder: str) -> sqlite3.Connection:
    plain = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
    for statement in ("pragma journal_mode = wal", "pragma synchronous = normal", "create table entry (body blob)"):
        plain.execute(statement)
    return plain


def _insert(plain: sqlite3.Connection) -> None:
    plain.execute("begin immediate")
    plain.execute("insert into entry values (?)", (b"x" * 300,))
    plain.execute("commit")
