"""What is refused, cancelled or slow costs nobody else: neither the same turn later, nor another's."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import OutboxOptions, Scope
from memos_integrations.errors import OutboxFull, ServerFault
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, arecord, record
from memos_integrations.wire.answers import Added
from memos_integrations.wire.calls import AddMessage
from tests.fakes import CountingEngine, client_over
from tests.outbox.scripted import turn

SCOPE = Scope(user_id="ada", conversation_id="c")
UNIQUE = "0b6f0c5e-6f7e-4d6f-9a53-0f3a5f0c9d11"


def test_what_the_outbox_refused_may_be_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CountingEngine()
    with client_over(engine) as client:
        said = [Said("user", "hi", id=UNIQUE), Said("assistant", "hello")]
        with monkeypatch.context() as full:

            def refuse(*_: Any, **__: Any) -> int:
                raise OutboxFull("full")

            full.setattr(Outbox, "put", refuse)
            assert record(client, SCOPE, said) == 0
        assert record(client, SCOPE, said) == 2
        assert record(client, SCOPE, said[:1]) == 0, "once is enough"
        client.flush()
    assert [message.text for call in engine.added for message in call.turns] == ["hi", "hello"]


async def test_a_record_that_nobody_waits_for_any_more_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, begun, go_on = CountingEngine(), threading.Event(), threading.Event()
    with client_over(engine) as client:
        put = Outbox.put

        def slowly(*arguments: Any, **named: Any) -> int:
            begun.set()
            assert go_on.wait(30)
            return put(*arguments, **named)

        monkeypatch.setattr(Outbox, "put", slowly)
        task = asyncio.create_task(arecord(client, SCOPE, [Said("user", "hi")]))
        await asyncio.to_thread(begun.wait, 30)
        (thread,) = [one for one in threading.enumerate() if one.name == "memos-aside"]
        assert not thread.daemon, "the interpreter's end waits for it"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await asyncio.to_thread(thread.join, 30)
        await asyncio.to_thread(client.flush)
    assert len(engine.added) == 1


def test_what_is_slow_to_be_made_keeps_nobody_else_waiting() -> None:
    begun, go_on, made = threading.Event(), threading.Event(), list[object]()

    class Slow:
        def __init__(self) -> None:
            begun.set()
            assert go_on.wait(30)

    class Quick:
        pass

    with client_over(CountingEngine()) as client:
        makers = [threading.Thread(target=lambda: made.append(client.share(Slow, Slow))) for _ in range(3)]
        for maker in makers:
            maker.start()
        assert begun.wait(30)
        assert isinstance(client.share(Quick, Quick), Quick)
        client.listen(lambda _: None)
        go_on.set()
        for maker in makers:
            maker.join()
    assert len(set(map(id, made))) == 1


class Waiting(CountingEngine):
    """Takes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        assert self.go_on.wait(30)
        return super().add_message(call, project, *more, **named)


def test_a_flush_counts_what_waits_in_memory_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Waiting()
    with client_over(engine) as client:
        outbox = Outbox(client, OutboxOptions(path=tmp_path / "o.db"))

        def broken(*_: Any) -> None:
            raise ServerFault("the disk is full", code=50004)

        monkeypatch.setattr(outbox._line, "put", broken)
        assert outbox.put(turn("a", "b")) == 2
        assert outbox.flush(0) == 1
        engine.go_on.set()
        assert outbox.flush(30) == 0
