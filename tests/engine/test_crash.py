"""The engine under kill -9: what was acknowledged is there, nothing is there twice, and the index fits the memories."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from memos_integrations.engine import Engine, tokens
from memos_integrations.engine._ids import owner_of
from memos_integrations.wire.calls import GetMessage, GetStatus
from tests.engine.conftest import Talk

ROUNDS = 50
THREADS = 3
WRITER = f"""
import sys, threading
from memos_integrations.engine import Engine
from memos_integrations.wire.calls import AddMessage
path, round_ = sys.argv[1:]
engine, lock = Engine(path), threading.Lock()

def write(thread):
    for n in range(100_000):
        text = f"I like parrot {{round_}}x{{thread}}x{{n}}."
        call = AddMessage(
            messages=[{{"role": "user", "content": text}}, {{"role": "assistant", "content": "Noted: " + text}}],
            user_id=f"u{{thread}}", conversation_id=f"c{{round_}}", async_mode=n % 3 > 0,
        )
        task = engine.add_message(call).task_id
        with lock:
            print(thread, task, text, flush=True)

for thread in range({THREADS}):
    threading.Thread(target=write, args=(thread,)).start()
"""

ORPHANS = {
    "a posting has its fact": """select count(*) from posting left join fact on fact.id = posting.id
        where fact.id is null or fact.archived""",
    "a posting is its fact's owner's": "select count(*) from posting where owner != id >> 40",
    "a fact that is found has postings": """select count(*) from fact
        where not archived and not exists (select 1 from posting where owner = fact.id >> 40 and id = fact.id)""",
    "a fact has its message": """select count(*) from fact left join message on message.number = fact.message
        where message.owner is not fact.id >> 40""",
    "a fact has its task": """select count(*) from fact left join task on task.number = fact.task
        where task.owner is not fact.id >> 40""",
    "a message has its facts": """select count(*) from message
        where not exists (select 1 from fact where fact.message = message.number)""",
    "a message has one task": """select count(*) from message where 1 !=
        (select count(*) from task where owner = message.owner and message.number >= first and message.number < end)""",
    "a message has its conversation": """select count(*) from message left join conversation
        on conversation.owner = message.owner and conversation.number = message.conversation
        where conversation.number is null""",
    "a preference has its message": """select count(*) from preference
        left join message on message.number = preference.message where message.owner is not preference.owner""",
    "a preference is told once": "select count(*) - count(distinct message || text) from preference",
    "an owner's counts are those of its facts": """select count(*) from owner where
        (facts, words) is not (select count(*), coalesce(sum(length), 0) from fact
            where id >> 40 = owner.number and not archived)""",
}


def kill(path: Path, round_: int, count: int) -> list[tuple[str, str, str]]:
    """Thread, task and text of what was acknowledged by a writer that is killed after about `count` of these."""
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), str(round_)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(count)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    whole = (line.rstrip("\n").split(" ", 2) for line in lines if line.endswith(".\n"))
    return [(thread, task, text) for thread, task, text in whole]


@contextmanager
def opened(path: Path) -> Iterator[Talk]:
    engine = Engine(path)
    try:
        yield Talk(engine)
    finally:
        engine.close()


def page_all(talk: Talk, user: str) -> Counter[str]:
    pages = talk.page(user_id=user, size=50).pages or 0
    facts = (talk.page(user_id=user, size=50, page=n + 1).memory_detail_list for n in range(pages))
    return Counter(fact.memory_value for page in facts for fact in page)


def said_in(talk: Talk, user: str, conversation: str) -> list[str]:
    call = GetMessage(user_id=user, conversation_id=conversation, message_limit_number=50)
    return [str(message.content) for message in talk.engine.get_message(call).message_detail_list]


def assert_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)
        wrong = {rule: count for rule, query in ORPHANS.items() if (count := file.execute(query).fetchone()[0])}
        assert not wrong


def assert_indexed_by_words(path: Path) -> None:
    """Each fact stands under each of its words, and under nothing else."""
    with closing(sqlite3.connect(path)) as file:
        facts = file.execute("select id, text from fact where not archived").fetchall()
        due = {(owner_of(fact), word, fact) for fact, text in facts for word in tokens(text)}
        assert due == set(file.execute("select owner, word, id from posting"))


def assert_told(talk: Talk, round_: int, acknowledged: list[tuple[str, str, str]]) -> None:
    for thread in range(THREADS):
        mine = [text for number, _, text in acknowledged if number == str(thread)]
        told = said_in(talk, f"u{thread}", f"c{round_}")
        assert len(told) == len(set(told)) == 2 * len(told[::2])
        assert told[1::2] == [f"Noted: {text}" for text in told[::2]]
        missing = [text for text in mine[-20:] if text not in told]  # the newest 50 messages are told
        assert not missing
        if mine:
            found = talk.facts(mine[-1], user_id=f"u{thread}", relativity=0)
            assert any(fact == mine[-1] or fact.endswith(f"]: {mine[-1]}") for fact in found)  # not refined yet
    for _, task, _ in acknowledged[-3:]:
        assert talk.engine.get_status(GetStatus(task_id=task)).status in {"completed", "running"}


def assert_complete(talk: Talk, acknowledged: list[tuple[str, str, str]]) -> None:
    for thread in range(THREADS):
        facts = page_all(talk, f"u{thread}")
        assert set(facts.values()) == {1}
        assert {text for number, _, text in acknowledged if number == str(thread)} <= set(facts)
    assert {talk.engine.get_status(GetStatus(task_id=task)).status for _, task, _ in acknowledged} == {"completed"}


def test_fifty_kills_lose_nothing_acknowledged(path: Path) -> None:
    chance, acknowledged = random.Random(7), list[tuple[str, str, str]]()
    for round_ in range(ROUNDS):
        new = kill(path, round_, chance.randint(1, 30))
        acknowledged += new
        assert_sound(path)  # as the kill left it
        with opened(path) as talk:
            assert_told(talk, round_, new)
    with opened(path) as talk:
        assert talk.engine.settle(60) == 0
        assert_complete(talk, acknowledged)
    assert_indexed_by_words(path)
    assert_sound(path)
