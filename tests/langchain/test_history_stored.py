"""Whatever a message holds, its stored form gives it back; the words alone are its content."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from memos_integrations.langchain._stored import batches, restored, to_store
from memos_integrations.memory.stored import in_order
from memos_integrations.wire.answers import StoredMessage
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage

AT = "2026-08-01 10:00:00"
TEXT = st.text(max_size=20)
ODD = st.one_of(TEXT, st.text(alphabet=st.characters(), max_size=5))  # half surrogate pairs too
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BLOCK = st.fixed_dictionaries({"type": st.just("text"), "text": ODD}) | st.fixed_dictionaries(
    {"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": ODD})}
)
COMMON = {
    "content": ODD | st.lists(ODD | BLOCK, max_size=3),
    "id": st.none() | TEXT,
    "name": st.none() | ODD,
    "response_metadata": st.dictionaries(st.just("model_name") | ODD, JSON, max_size=2),
}
CALL = st.fixed_dictionaries(
    {
        "name": ODD,
        "args": st.dictionaries(TEXT, JSON, max_size=2),
        "id": st.none() | ODD,
        "type": st.just("tool_call"),
    }
)
EXTRA = st.dictionaries(TEXT.filter(lambda key: key != "tool_calls"), JSON, max_size=2)
MESSAGE: Any = st.one_of(
    st.builds(HumanMessage, **COMMON, additional_kwargs=EXTRA),
    st.builds(SystemMessage, **COMMON, additional_kwargs=EXTRA),
    st.builds(AIMessage, **COMMON, additional_kwargs=EXTRA, tool_calls=st.lists(CALL, max_size=2)),
    st.builds(ToolMessage, **COMMON, tool_call_id=ODD, artifact=JSON, status=st.sampled_from(["success", "error"])),
)


def through_the_wire(message: BaseMessage) -> BaseMessage:
    call = checked(AddMessage, {"messages": [to_store(message, AT)], "user_id": "u"})
    body = AddMessage.model_validate_json(call.body()).turns[0].model_dump_json(exclude_none=True)
    return restored(StoredMessage.model_validate_json(body))


@given(MESSAGE)
def test_every_message_comes_back_equal(message: BaseMessage) -> None:
    assert through_the_wire(message) == message


@given(MESSAGE)
def test_the_content_is_the_words(message: BaseMessage) -> None:
    stored = to_store(message, AT)
    words = str(message.text).encode("utf-8", "replace").decode()
    assert stored.get("content") in (words, None, "(nothing)")
    assert stored["chat_time"] == AT


@given(st.lists(MESSAGE, max_size=8))
def test_batches_hold_all_in_order(messages: list[BaseMessage]) -> None:
    parts = list(batches(messages))
    assert [message for part in parts for message in part] == messages
    assert all(parts)


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=3)), max_size=8))
def test_the_order_is_by_time_and_stable(told: list[tuple[int, str]]) -> None:
    stored = [StoredMessage(role="user", content=text, create_time=time) for time, text in told]
    ordered = [(m.create_time, m.content) for m in in_order(stored)]
    assert ordered == sorted(told, key=lambda pair: pair[0])
