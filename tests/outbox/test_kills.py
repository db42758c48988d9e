"""The outbox under kill -9: what was acknowledged arrives, nothing arrives twice, each conversation in its order."""

import random
import signal
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from memos_integrations.memory.outbox import Outbox
from tests.faults.ledger import read_ledger
from tests.outbox.processes import child, serving
from tests.outbox.turns import LONG, client_of, explained, is_part, said_in

LANES, KILLS = 4, 25
Said = list[tuple[str, str]]  # conversation and text of what was acknowledged, in order


def kill(url: str, file: Path, name: str, conversations: Iterable[str], chance: random.Random) -> Said:
    """What was acknowledged by a process that is killed: while it starts, or some turns and moments later."""
    turns, moments = chance.choice((0, 1, 2, 5, 12)), chance.random() * chance.choice((0.005, 0.05, 0.5))
    with child("-m", "tests.outbox.recording", url, str(file), name, *conversations, input=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(turns)]
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    conversation_and_text = (line.split() for line in lines if line.endswith("\n"))
    return [(conversation, text) for conversation, text in conversation_and_text]


def lane(url: str, file: Path, number: int) -> Said:
    """Kills one process after another. Each goes on with a conversation of its lane, and shares one with the others."""
    chance = random.Random(number)
    said: Said = []
    for n in range(KILLS):
        said += kill(url, file, f"{number}.{n}", (f"lane-{number}-{n % 5}", f"all-{n}"), chance)
    return said


def place(text: str) -> list[int]:
    """Lane, process and turn; before a user's words, the answer's."""
    return [int(part) for part in text.removeprefix("Re: ").split(".")] + [text.startswith("Re: ")]


def test_what_was_acknowledged_before_a_hundred_kills_arrives_once(tmp_path: Path) -> None:
    file, ledger = tmp_path / "outbox.db", tmp_path / "ledger"
    with serving(ledger, share=0.25) as url:
        with ThreadPoolExecutor(LANES) as pool:
            lanes = list(pool.map(lambda number: lane(url, file, number), range(LANES)))
        with client_of(url, file) as client:
            assert client.flush(LONG) == 0, explained(client)
            # a turn may meet four failures inside the server, which is rare
            assert {entry.error for entry in Outbox.of(client).entries("parked")} <= {"ServerFault"}, explained(client)
            Outbox.of(client).retry()
            assert client.flush(LONG) == 0, explained(client)
            assert Outbox.of(client).status().messages == 0, explained(client)
    told = said_in(read_ledger(ledger))
    texts = [text for conversation in told.values() for text in conversation]
    assert len(texts) == len(set(texts))
    for number, said in enumerate(lanes):
        for conversation in told:
            due = [words for name, text in said if name == conversation for words in (text, f"Re: {text}")]
            assert is_part(due, told[conversation])
        for part in range(5):
            own = told[f"lane-{number}-{part}"]
            assert own == sorted(own, key=place)
    assert sum(map(len, lanes)) > 100
