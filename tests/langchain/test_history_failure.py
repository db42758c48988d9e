"""What becomes of a conversation while MemOS can't be reached: no turn is lost, none is written twice."""

import logging
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from memos_integrations.client import Degraded, Event
from memos_integrations.errors import ServerFault
from memos_integrations.wire.answers import Added
from memos_integrations.wire.calls import AddMessage
from tests.fakes import CountingEngine, client_over
from tests.langchain.histories import Bare, Outage, history
from tests.langchain.models import MARK, spoken


@pytest.mark.parametrize("engine", [CountingEngine, Bare])
def test_what_is_on_its_way_is_shown_to_another_instance(engine: type[CountingEngine]) -> None:
    class Slow(engine):  # type: ignore[valid-type,misc]
        refusing = True

        def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
            if self.refusing and "two" in call.turns[0].text:
                raise ServerFault("later", code=50004)
            return super().add_message(call, project, *more, **named)  # type: ignore[no-any-return]

    slow = Slow()
    with client_over(slow) as client:
        first = history(client)
        first.add_messages([HumanMessage("one"), AIMessage("ok")])
        client.flush()
        first.add_messages([HumanMessage("two"), AIMessage("ok")])
        first.add_messages([HumanMessage("three"), AIMessage("ok")])
        told = ["one", "ok", "two", "ok", "three", "ok"]
        assert [m.text for m in history(client).messages] == told
        slow.refusing = False
        assert [m.text for m in history(client).messages] == told
        client.flush()
        assert [m.text for m in history(client).messages] == told


@pytest.mark.parametrize("awaited", [False, True])
async def test_an_outage_costs_no_turn(awaited: bool, caplog: pytest.LogCaptureFixture) -> None:
    engine, events = Outage(), list[Event]()
    with client_over(engine, on_event=events.append) as client:
        history(client).add_user_message("before")
        await client.aio.flush()
        engine.down = {"get", "add"}
        told, more = history(client), [HumanMessage(f"{MARK} one"), AIMessage("noted")]
        assert (await told.aget_messages() if awaited else told.messages) == []
        await told.aadd_messages(more)
        assert (await told.aget_messages() if awaited else told.messages) == more
        assert history(client).messages == more  # what this process has on its way
        engine.down = set()
        assert told.messages == more
        assert await client.aio.flush() == 0
        assert [m.text for m in await history(client).aget_messages()] == ["before", f"{MARK} one", "noted"]
        assert len(spoken(engine)) == 3
        degraded = [event for event in events if isinstance(event, Degraded) and event.what == "recall"]
        assert {(event.error, event.code) for event in degraded} == {("ServerFault", 50001)}
        assert len(degraded) == 2
        await client.aio.close()
    told_log = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert sum("could not be read (ServerFault, code 50001)" in line for line in told_log) == 2
    assert MARK not in " ".join(told_log)
    assert "c1" not in " ".join(told_log)


async def test_an_error_can_be_asked_for_and_writing_goes_on() -> None:
    engine = Outage()
    with client_over(engine) as client:
        told = history(client, on_error="raise")
        engine.down = {"get"}
        with pytest.raises(ServerFault):
            _ = told.messages
        with pytest.raises(ServerFault):
            await told.aget_messages()
        told.add_user_message("kept")
        await told.aadd_messages([AIMessage("too")])
        await client.aio.flush()
        engine.down = set()
        assert [m.text for m in told.messages] == ["kept", "too"]
        assert spoken(engine) == [("user", "kept"), ("assistant", "too")]
        await client.aio.close()


def test_a_lost_reply_is_not_written_twice(engine: CountingEngine) -> None:
    class Lossy(CountingEngine):
        lost = 0

        def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
            super().add_message(call, project, *more, **named)
            self.lost += 1
            raise ServerFault("the reply was lost", code=50000)

    lossy = Lossy()
    with client_over(lossy) as client:
        history(client).add_user_message("once")
        client.flush()
        assert lossy.lost == 1
        assert [m.text for m in history(client).messages] == ["once"]
