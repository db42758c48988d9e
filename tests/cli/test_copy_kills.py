"""The copying process killed, three times at moments that chance chooses: each turn is there once, in order.

MEMOS_COPIED_TURNS=10000 (`make test-copy`) for a long one.
"""

import os
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from memos_integrations import connect
from tests.cli.moved import messages_in, said_in, turns
from tests.faults.ledger import read_ledger
from tests.outbox.processes import child, serving
from tests.outbox.turns import said_in as applied_in

TURNS = int(os.environ.get("MEMOS_COPIED_TURNS", "1000"))
CONVERSATIONS = 4
COMMAND = ("-c", "from memos_integrations.cli import main; main()", "copy")
SEEDS = 1 if TURNS <= 1000 else 3
LATEST = 0.5  # share of the messages after which nobody is killed any more: the rest takes a second or more


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many turns as asked for, in one long conversation and three others."""
    path = tmp_path_factory.mktemp("source") / "a.db"
    with connect(path) as client:
        for number in range(CONVERSATIONS):
            length = TURNS // 2 if number == 0 else TURNS // 6
            client.add_history(turns(f"c{number}", length), user_id=f"u{number % 2}", conversation_id=f"c{number}")
        client.flush(600)
    return path


def killed_while_copying(command: tuple[str, ...], arrived: Callable[[], int], total: int, seed: int) -> list[int]:
    """How much had arrived at each of three kills; fewer where a busy machine let the process come to its end."""
    chance, kills = random.Random(seed), list[int]()
    for share in sorted(chance.uniform(0.02, LATEST) for _ in range(3)):
        with child(*command) as process:
            while process.poll() is None and arrived() < share * total:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.02)
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                break
        kills.append(arrived())
    return kills


def ended(command: tuple[str, ...]) -> str:
    with child(*command) as process:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("seed", range(SEEDS))
def test_from_file_to_file(source: Path, tmp_path: Path, seed: int) -> None:
    target, want = tmp_path / "b.db", said_in(source)
    total = sum(map(len, want.values()))
    command = (*COMMAND, str(source), str(target))
    kills = killed_while_copying(command, lambda: messages_in(target) if target.exists() else 0, total, seed)
    assert 0 < kills[0] < total
    assert len(kills) == 3 or TURNS <= 1000  # a short copy may come to its end before it is killed
    assert "Copied: " in ended(command)
    assert said_in(target) == want


@pytest.mark.parametrize("seed", range(SEEDS))
def test_to_a_service(source: Path, tmp_path: Path, seed: int) -> None:
    ledger, want = tmp_path / "ledger", said_in(source)
    total = sum(map(len, want.values()))
    with serving(ledger, share=0.0) as url:
        command = (*COMMAND, str(source), url, "--journal", str(tmp_path / "copy.journal"))

        def arrived() -> int:
            return sum(map(len, applied_in(read_ledger(ledger)).values()))

        kills = killed_while_copying(command, arrived, total, seed)
        assert 0 < kills[0] < total
        assert len(kills) == 3 or TURNS <= 1000
        ended(command)
    assert applied_in(read_ledger(ledger)) == want
