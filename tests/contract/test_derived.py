"""Events and tool memory, on all four ways (contract §3.3, §3.6)."""

from tests.contract.conftest import Caller

TRIP = "I moved to Lyon in August 2026."
RUN = [
    {"role": "user", "content": TRIP},
    {
        "role": "assistant",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "note", "arguments": '{"town": "Lyon"}'}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": '{"ok": true}'},
    {"role": "assistant", "content": "Noted."},
]


def test_events_and_tool_memory_are_made_found_and_taken_away(memos: Caller) -> None:
    task = memos.add_message(messages=RUN, user_id="ada", conversation_id="c", async_mode=False).task_id
    found = memos.search_memory(query="Lyon", user_id="ada", include_memory_view=["event", "tool_memory"])
    (event,), (tool,) = found.event_detail_list, found.tool_memory_detail_list
    assert found.memory_detail_list == found.preference_detail_list == ()
    assert (event.event_value, event.event_time, event.event_location) == (TRIP, ("in August 2026",), ("Lyon",))
    assert (event.event_type, event.event_roles, event.conversation_id) == ("EventMemory", ("user",), "c")
    assert tool.tool_type == "ToolTrajectoryMemory"
    assert tool.tool_value == f'{TRIP}\nnote({{"town": "Lyon"}}) -> {{"ok": true}}'
    assert tool.tool_used_status[0]["success_rate"] == 1.0
    made = memos.get_status(task_id=task).memory_views["added"]
    assert made["event"] == {"memory_ids": [event.id]}
    assert made["tool_memory"] == {"memory_ids": [tool.id]}
    page = memos.get_memory(user_id="ada")
    assert [one.id for one in (*page.event_detail_list, *page.tool_memory_detail_list)] == [event.id, tool.id]
    assert memos.get_memory_by_id(memory_id=event.id).memory_view == "event"
    assert memos.get_memory_by_id(memory_id=tool.id).content["tool_value"] == tool.tool_value
    assert memos.delete_memory(memory_ids=[event.id, tool.id]).success
    page = memos.get_memory(user_id="ada")
    assert page.event_detail_list == page.tool_memory_detail_list == ()
    assert len(page.memory_detail_list) == 2
