"""A conversation's messages, alone: what comes back, once, in order, and what never goes."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, RemoveMessage, ToolMessage

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.memory.prompt import render
from memos_integrations.wire.answers import Found, Preference, StoredMessages
from memos_integrations.wire.calls import GetMessage
from tests.fakes import CountingEngine, client_over
from tests.langchain.histories import CONVERSATION, Bare, Outage, history
from tests.langchain.models import MARK, spoken


def test_all_comes_back_equal_in_another_instance(client: MemOS) -> None:
    history(client).add_messages(CONVERSATION)
    client.flush()
    assert history(client).messages == CONVERSATION


def test_all_comes_back_equal_from_the_file(tmp_path: Any) -> None:
    path = str(tmp_path / "memos.db")
    with client_over(CountingEngine(path), address=path) as client:
        history(client).add_messages(CONVERSATION)
    with client_over(CountingEngine(path), address=path) as client:
        assert history(client).messages == CONVERSATION


async def test_awaited_all_comes_back_equal(client: MemOS) -> None:
    await history(client).aadd_messages(CONVERSATION)
    await client.aio.flush()
    assert await history(client).aget_messages() == CONVERSATION


def test_the_words_stay_clean_and_become_memories(client: MemOS, engine: CountingEngine) -> None:
    history(client).add_messages(CONVERSATION)
    client.flush()
    texts = [text for _, text in spoken(engine)]
    assert texts[:5] == ["Be brief.", "What is tea?", "", "a leaf", "A drink."]
    assert not any("langchain" in text or "lang" in text for text in texts)
    call = engine.added[0].turns[2].tool_calls
    assert call is not None
    assert "look_up" in str(call[0].model_dump() if not isinstance(call[0], dict) else call[0])  # type: ignore[union-attr]


def test_what_values_json_lacks_are_text(client: MemOS) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    told = [
        ToolMessage("a", tool_call_id="1", artifact={"at": object}, id="m1"),
        HumanMessage("b", additional_kwargs={"circle": circle}, id="m2"),
    ]
    history(client).add_messages(told)
    client.flush()
    first, second = history(client).messages
    assert (first.id, first.text, second.text, second.id) == ("m1", "a", "b", "m2")


def test_a_message_is_written_once(client: MemOS, engine: CountingEngine) -> None:
    ours, plain = HumanMessage("hi", id="1"), AIMessage("hello")
    told = history(client)
    for _ in range(2):
        told.add_messages([ours, plain])
        told.add_messages([HumanMessage("hi", id="1"), plain])
    other = history(client)
    other.add_messages([HumanMessage("hi", id="1")])
    client.flush()
    history(client).add_message(HumanMessage("hi", id="1"))
    client.flush()
    assert spoken(engine) == [("user", "hi"), ("assistant", "hello")]
    assert told.messages == [ours, plain]


def test_the_same_number_with_other_words_is_another_message(client: MemOS, engine: CountingEngine) -> None:
    told = history(client)
    told.add_messages([HumanMessage("hi", id="1"), HumanMessage("bye", id="1")])
    told.add_messages([HumanMessage("yes"), HumanMessage("yes")])
    client.flush()
    assert spoken(engine) == [("user", text) for text in ("hi", "bye", "yes", "yes")]


def test_the_snapshot_is_this_instances_own(client: MemOS) -> None:
    told = history(client)
    assert type(told.messages) is list
    told.messages.append(HumanMessage("not mine"))
    assert told.messages == []
    history(client).add_user_message("from elsewhere")
    client.flush()
    assert told.messages == []
    told.add_ai_message("mine")
    assert [m.text for m in told.messages] == ["mine"]
    client.flush()
    assert [m.text for m in history(client).messages] == ["from elsewhere", "mine"]


def test_conversations_and_users_are_apart(client: MemOS) -> None:
    for user in ("ada", "bob"):
        for conversation in ("c1", "c2"):
            history(client, user_id=user, conversation_id=conversation).add_user_message(f"{user} {conversation}")
    client.flush()
    for user in ("ada", "bob"):
        for conversation in ("c1", "c2"):
            told = history(client, user_id=user, conversation_id=conversation).messages
            assert [m.text for m in told] == [f"{user} {conversation}"]


def test_the_newest_are_held(client: MemOS) -> None:
    told = history(client)
    told.add_messages([HumanMessage(f"m{i}") for i in range(60)])
    client.flush()
    newest = [f"m{i}" for i in range(10, 60)]
    assert [m.text for m in told.messages] == newest
    assert [m.text for m in history(client).messages] == newest
    assert [m.text for m in history(client, limit=3).messages] == newest[-3:]


def test_a_cut_begins_with_no_result_of_a_call_that_was_cut_off(client: MemOS) -> None:
    history(client).add_messages(CONVERSATION[:5])
    client.flush()
    assert history(client, limit=2).messages == CONVERSATION[4:5]
    assert history(client, limit=3).messages == CONVERSATION[2:5]


def test_the_order_is_by_time_and_stable() -> None:
    class Shuffled(CountingEngine):
        times: tuple[Any, ...] = (3000, 1000, 1000, "1970-01-01 00:00:02")

        def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
            told = [{"role": "user", "content": f"m{i}", "create_time": t} for i, t in enumerate(self.times)]
            return StoredMessages.model_validate({"message_detail_list": told})

    engine = Shuffled()
    with client_over(engine) as client:
        assert [m.text for m in history(client).messages] == ["m1", "m2", "m3", "m0"]
        engine.times = (2, None, 1)
        assert [m.text for m in history(client).messages] == ["m0", "m1", "m2"]


def test_where_a_server_keeps_text_alone_it_is_text() -> None:
    with client_over(Bare()) as client:
        told = history(client)
        told.add_messages(CONVERSATION[:5])
        client.flush()
        assert told.messages == CONVERSATION[:5]
        texts = ["Be brief.", "What is tea?", "", "a leaf", "A drink."]
        again = history(client).messages
        assert [m.text for m in again] == texts
        assert [m.type for m in again] == ["system", "human", "ai", "tool", "ai"]
        assert {m.id for m in again} == {None}


def test_what_others_wrote_can_be_read(client: MemOS) -> None:
    broken = {"type": "function", "function": {"name": "f", "arguments": "{"}}
    fine = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages: list[dict[str, object]] = [
        {"role": "user", "content": [{"type": "text", "text": "see"}]},
        {"role": "assistant", "tool_calls": [broken, fine]},
        {"role": "tool", "content": "done"},
        {"role": "user", "content": "a", "langchain": "not ours"},
        {"role": "user", "content": "b", "langchain": "[]"},
        {"role": "user", "content": "c", "langchain": '{"type": "odd"}'},
        {"role": "user", "content": "d", "langchain": 5, "name": "bo"},
    ]
    client.add_message(messages=messages, user_id="ada", conversation_id="c1", async_mode=False)
    told = history(client).messages
    assert [str(m.text) for m in told] == ["see", "", "done", "a", "b", "c", "d"]
    assert [m.type for m in told] == ["human", "ai", "tool", *["human"] * 4]
    assert [call["args"] for call in getattr(told[1], "tool_calls", ())] == [{"x": 1}]
    assert told[-1].name == "bo"


def test_chunks_are_kept_as_messages(client: MemOS, engine: CountingEngine) -> None:
    chunk = AIMessageChunk(content="hel", id="r1") + AIMessageChunk(content="lo", id="r1", chunk_position="last")
    told = history(client)
    told.add_messages([chunk, chunk])
    assert [type(m) for m in told.messages] == [AIMessage]
    client.flush()
    assert history(client).messages == told.messages == [AIMessage("hello", id="r1")]


def test_the_pieces_of_a_stream_are_one_message(client: MemOS) -> None:
    told = history(client)
    pieces = [AIMessageChunk(content=text, id="r1") for text in ("h", "el", "lo")]
    told.add_messages(
        [HumanMessage("hi"), *pieces, AIMessageChunk(content="and", id="r2"), AIMessageChunk(content="?")]
    )
    assert [m.text for m in told.messages] == ["hi", "hello", "and", "?"]


def test_what_we_set_before_a_text_is_not_written(client: MemOS, engine: CountingEngine) -> None:
    block = render(Found(preference_detail_list=(Preference(id="p", preference=MARK),)), form="user")
    blocks: list[Any] = [{"type": "text", "text": block + "and you?"}, block + "?"]
    told = history(client)
    told.add_messages([HumanMessage(block + "hi", id="1"), HumanMessage(blocks)])
    client.flush()
    assert MARK in block
    assert MARK not in str(spoken(engine)) + str(told.messages)
    assert [m.text for m in history(client).messages] == ["hi", "and you??"]


async def test_clearing_begins_a_new_view_and_deletes_nothing() -> None:
    engine = Outage()
    with client_over(engine) as client:
        told = history(client)
        told.add_messages(CONVERSATION[:2])
        told.clear()
        assert told.messages == []
        told.add_messages([CONVERSATION[1], HumanMessage("new")])
        assert [m.text for m in told.messages] == ["What is tea?", "new"]
        await told.aclear()
        assert await told.aget_messages() == []
        await client.aio.flush()
        assert [text for _, text in spoken(engine)] == ["Be brief.", "What is tea?", "new"]
        assert [m.text for m in history(client).messages] == ["Be brief.", "What is tea?", "new"]
        assert engine.deleted == 0
        await client.aio.close()


def test_what_is_no_message_is_refused(client: MemOS) -> None:
    for wrong in ("hi", RemoveMessage(id="x"), None):
        given: Any = [wrong]
        with pytest.raises(Invalid) as caught:
            history(client).add_messages(given)
        assert caught.value.field == "messages"


def test_a_great_lot_goes_in_several_calls(client: MemOS, engine: CountingEngine) -> None:
    told = [HumanMessage(f"{i}" * 8_000, id=str(i)) for i in range(12)]
    history(client).add_messages(told)
    client.flush()
    assert all(len(call.body()) < 60_000 for call in engine.added)
    assert [text for _, text in spoken(engine)] == [message.text for message in told]
    assert len(engine.added) > 1
    assert history(client).messages == told
