"""When the interpreter ends, what waits is delivered, or stays in the file. `make exits`: on each Python we support.

Needs pytest and this package alone.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest

from memos_integrations.memory.outbox import Outbox
from tests.faulty import Faulty
from tests.outbox.ending import DUE
from tests.outbox.processes import child
from tests.outbox.turns import LONG, client_of, explained, said_in

TOLD: dict[str, list[str]] = {}
for conversation, words in DUE:
    TOLD.setdefault(conversation, []).extend([words, f"Re: {words}"])


@pytest.mark.parametrize("file", ["outbox.db", ":memory:"])
@pytest.mark.parametrize("way", ["plainly", "asyncio", "late"])
def test_what_waits_when_the_interpreter_ends_is_delivered(way: str, file: str, tmp_path: Path) -> None:
    """The server takes nothing until the program's last line is done."""
    path = file if file == ":memory:" else str(tmp_path / file)
    with Faulty() as server, child("-m", "tests.outbox.ending", server.base_url, path, way) as process:
        assert process.stdout
        with server.down():
            assert process.stdout.readline() == "ended\n"
            assert server.ledger.until(lambda: server.ledger.calls["add/message"] > 0, LONG)
        assert process.wait(LONG) == 0
        assert said_in(server.ledger.applied) == TOLD


def test_a_dead_server_does_not_keep_the_interpreter_and_the_next_process_delivers(tmp_path: Path) -> None:
    files = {way: tmp_path / f"{way}.db" for way in ("plainly", "asyncio")}
    with Faulty() as server:
        with server.outage(), ExitStack() as held:
            command = "-m", "tests.outbox.ending", server.base_url
            ending = [held.enter_context(child(*command, str(file), way)) for way, file in files.items()]
            assert [process.wait(LONG) for process in ending] == [0, 0]
        assert server.ledger.applied == []
        for times, file in enumerate(files.values(), start=1):
            with client_of(server.base_url, file) as client:
                assert Outbox.of(client).flush(LONG) == 0, explained(client)
            assert said_in(server.ledger.applied) == {name: times * told for name, told in TOLD.items()}
