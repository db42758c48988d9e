"""The open-source server as it is, real or recorded: what is its own. What every address answers: tests/addresses."""

import asyncio
import json
import socket
import struct
import time
from dataclasses import replace
from typing import Any

import pytest

from memos_integrations import MemOS, connect
from memos_integrations.client._product import ProductTransport
from memos_integrations.errors import BadRequest, NotFound, ServerFault, Unreachable
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.envelope import Request, request
from memos_integrations.wire.product import Conversation, Product
from memos_integrations.wire.tasks import named
from tests.self_hosted.stand import Stand

CAT = {"role": "user", "content": "My cat Oskar sleeps on the piano.", "chat_time": "2026-11-01 10:00:00"}
TEA = {"role": "user", "content": "I prefer green tea."}
SEAT = {"role": "user", "content": "I booked a window seat to Lyon."}
ZOE = "zoé: x/y"  # nothing that a name of a cube could hold


def texts(client: MemOS, query: str, user_id: str | None = None, agent_id: str | None = None) -> list[str]:
    found = client.search_memory(query=query, user_id=user_id, agent_id=agent_id)
    return [fact.memory_value for fact in found.memory_detail_list]


def test_a_turn_is_written_and_found_in_both_colours(stand: Stand, memos: MemOS) -> None:
    added = memos.add_message(messages=[CAT, TEA], user_id="ada", conversation_id="monday", info={"scene": "home"})
    assert memos.wait_for(added).status == "completed"
    assert memos.get_status(task_id=added.task_id or "").status == "completed"
    found = memos.search_memory(query="Where does the cat Oskar sleep?", user_id="ada", relativity=0)
    (fact,) = found.memory_detail_list
    assert (fact.memory_value, fact.conversation_id, fact.info) == (CAT["content"], "monday", {"scene": "home"})
    assert fact.create_time == 1_793_527_200_000  # when it was said
    assert isinstance(fact.update_time, int)
    assert abs(fact.update_time / 1000 - stand.now) < 2 * 86_400  # when it was written
    (liking,) = found.preference_detail_list
    assert liking.preference == TEA["content"]
    assert found.preference_note
    assert asyncio.run(_asearched(memos)) == found


async def _asearched(client: MemOS) -> object:
    return await client.aio.search_memory(query="Where does the cat Oskar sleep?", user_id="ada", relativity=0)


def test_a_synchronous_add_has_its_memories_at_once(memos: MemOS) -> None:
    added = memos.add_message(messages=[SEAT], user_id="sync", conversation_id="c", async_mode=False)
    assert added.status == "completed"
    assert texts(memos, "window seat to Lyon", user_id="sync") == [SEAT["content"]]
    assert memos.wait_for(added).status == "completed"  # of which its scheduler may hear a little later


def test_filters_hold_though_the_server_ignores_them(memos: MemOS) -> None:
    for scene, message in (("home", CAT), ("trip", SEAT)):
        memos.add_message(
            messages=[message], user_id="fay", conversation_id="c", async_mode=False, info={"scene": scene}
        )
    found = memos.search_memory(query="cat", user_id="fay", relativity=0, filter={"and": [{"scene": "trip"}]})
    assert [fact.memory_value for fact in found.memory_detail_list] == [SEAT["content"]]
    listed = memos.get_memory(user_id="fay", filter={"or": [{"scene": "home"}, {"create_time": {"lt": "2020-01-01"}}]})
    assert [fact.memory_value for fact in listed.memory_detail_list] == [CAT["content"]]


def test_listings_have_pages_and_kinds(memos: MemOS) -> None:
    memos.add_message(messages=[CAT, TEA, SEAT], user_id="pam", conversation_id="c", async_mode=False)
    page = memos.get_memory(user_id="pam", page=2, size=1)
    assert (page.total, page.pages, page.current) == (2, 2, 2)
    assert (len(page.memory_detail_list), len(page.preference_detail_list)) == (1, 0)
    assert len({item.id for item in memos.iter_memory(user_id="pam", size=1)}) == 3


def test_users_and_agents_are_apart(memos: MemOS) -> None:
    memos.add_message(messages=[CAT], agent_id=ZOE, async_mode=False)
    added = memos.add_message(messages=[SEAT], user_id=ZOE, agent_id="bot", conversation_id="c")
    assert memos.wait_for(added).status == "completed"
    assert texts(memos, "cat Oskar sleeps", agent_id=ZOE) == [CAT["content"]]
    assert texts(memos, "window seat to Lyon", user_id=ZOE) == [SEAT["content"]]
    assert texts(memos, "cat Oskar window seat", user_id="zoe") == []


def test_one_cube_for_all_keeps_users_apart(stand: Stand) -> None:
    with connect(f"{stand.address}?cube=team") as team, connect(stand.address, cube=lambda _: "team") as same:
        for user, message in (("ann", CAT), ("ben", SEAT)):
            team.add_message(messages=[message], user_id=user, conversation_id="c", async_mode=False)
        for client in (team, same):
            assert texts(client, "cat Oskar window seat", user_id="ann") == [CAT["content"]]
            assert [item.id for item in client.iter_memory(user_id="nobody")] == []
        team.delete_memory(user_id="ann")
        assert len(list(team.iter_memory(user_id="ben"))) == 1
        assert list(team.iter_memory(user_id="ann")) == []


def test_what_is_deleted_is_gone(memos: MemOS) -> None:
    memos.add_message(messages=[CAT, TEA, SEAT], user_id="del", conversation_id="c", async_mode=False)
    first = next(memos.iter_memory(user_id="del"))
    assert memos.delete_memory(memory_ids=[first.id]).success
    assert first.id not in {item.id for item in memos.iter_memory(user_id="del")}
    assert memos.delete_memory(user_id="del").success
    assert memos.get_memory(user_id="del").total == 0


def test_a_correction_becomes_a_memory(memos: MemOS) -> None:
    added = memos.add_feedback(user_id="fee", feedback_content="Oskar sleeps on the sofa.")
    assert memos.wait_for(added).status == "completed"
    assert any("sofa" in text for text in texts(memos, "Oskar sleeps on the sofa", user_id="fee"))


def test_chats_whole_and_streamed(memos: MemOS) -> None:
    memos.add_message(messages=[CAT], user_id="cha", conversation_id="c", async_mode=False)
    asked: dict[str, Any] = {"user_id": "cha", "conversation_id": "d", "query": "Where does Oskar sleep?"}
    asked["add_message_on_answer"] = False
    whole = memos.chat(**asked)
    assert "piano" in whole.response
    events = list(memos.stream_chat(**asked))
    assert events[-1].type == "end"
    assert "".join(event.data for event in events).split() == whole.response.split()
    assert asyncio.run(_streamed(memos, asked)) == events


async def _streamed(client: MemOS, asked: dict[str, Any]) -> object:
    return [event async for event in client.aio.stream_chat(**asked)]


def test_what_the_server_fails_with_stays_with_it(memos: MemOS) -> None:
    asked: dict[str, Any] = {"user_id": "err", "conversation_id": "d", "query": "SECRET", "model_name": "nope"}
    with pytest.raises(ServerFault) as whole:
        memos.chat(**asked)
    with pytest.raises(ServerFault) as streamed:
        list(memos.stream_chat(**asked))
    for error in (whole.value, streamed.value):
        assert "Traceback" not in str(error)
        assert "SECRET" not in str(error)
    with pytest.raises(NotFound) as caught:
        memos.get_status(task_id=named(AddMessage(messages=[CAT], user_id="err"), "0" * 32).task_id)
    assert "0000" not in str(caught.value)


def test_an_address_that_is_not_the_root_says_so(stand: Stand) -> None:
    with connect(f"{stand.address}/product") as client, pytest.raises(NotFound, match="root"):
        client.search_memory(query="cat", user_id="ada")


def test_without_models_nothing_is_found_and_chats_fail(stand: Stand, memos: MemOS) -> None:
    memos.add_message(messages=[CAT], user_id="mod", conversation_id="c", async_mode=False)
    with stand.models_down():
        assert texts(memos, "cat Oskar sleeps", user_id="mod") == []
        assert memos.add_message(messages=[SEAT], user_id="mod", conversation_id="c", async_mode=False).success
        with pytest.raises(ServerFault):
            memos.chat(user_id="mod", conversation_id="c", query="Where?")
    assert [item.memory_value for item in memos.get_memory(user_id="mod").memory_detail_list] == [CAT["content"]]


class Broken(Product):
    """Leaves out what a search is for."""

    def conversation(self, request: Request) -> Conversation:
        steps = super().conversation(request)
        asked = next(steps)
        body = {name: value for name, value in json.loads(asked.body).items() if name != "query"}
        reply = yield replace(asked, body=json.dumps(body).encode())
        try:
            steps.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        raise AssertionError("a search is one request")


def test_bad_input_is_told_without_what_was_sent(stand: Stand) -> None:
    with connect(stand.address) as client:
        transport = client._shared.transport
        assert isinstance(transport, ProductTransport)
        transport._dialect = Broken()
        with pytest.raises(BadRequest) as caught:
            client.search_memory(query="SECRET", user_id="ada-secret")
    assert "422" in str(caught.value)
    assert "secret" not in str(caught.value).lower()


def test_nobody_there_is_told_as_such(memos: MemOS) -> None:
    with connect("memos+http://127.0.0.1:9", deadline=1) as client, pytest.raises(Unreachable) as caught:
        client.search_memory(query="cat", user_id="ada")
    assert not caught.value.sent


@pytest.mark.parametrize("waits", [True, False])
def test_a_task_tells_that_a_write_is_there_whoever_hung_up(stand: Stand, memos: MemOS, waits: bool) -> None:
    call = AddMessage(messages=[SEAT], user_id="cut", conversation_id="c", async_mode=not waits)
    write = named(call, "cut" + str(int(waits)))
    if stand.real:
        _hang_up(stand.real.host, next(Product().conversation(request(write))))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert memos.send(write.asked).status in {"running", "completed"}
            return
        except NotFound:  # not yet: that it is not known tells nothing
            time.sleep(0.05)
    raise AssertionError("the task never showed")


def _hang_up(host: str, asked: Request) -> None:
    """Sends a request, and resets the connection before any reply."""
    head = (
        f"{asked.method} /{asked.path} HTTP/1.1\r\nhost: {host}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(asked.body)}\r\n\r\n"
    )
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port))) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(head.encode() + asked.body)
        time.sleep(0.02)  # a reset overtakes what lies unread: this much is read in that time


def test_a_task_outlives_the_server_and_not_its_redis(stand: Stand, memos: MemOS) -> None:
    """So that a task is not known proves nothing, and nothing is sent twice for it."""
    added = memos.add_message(messages=[SEAT], user_id="res", conversation_id="c", async_mode=False)
    stand.restart_server()
    assert memos.get_status(task_id=added.task_id or "").status in {"running", "completed"}
    stand.restart_redis()
    with pytest.raises(NotFound):
        memos.get_status(task_id=added.task_id or "")
    assert texts(memos, "window seat to Lyon", user_id="res") == [SEAT["content"]]
    stand.restart_server()  # else it may never again find its queues in there
