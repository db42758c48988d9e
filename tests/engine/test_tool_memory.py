"""Tool memory: what was called for a question, what came of it, and what tools there are."""

import json
from typing import Any

import pytest

from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import ToolMemory
from tests.engine.conftest import Talk
from tests.engine.feedback import by_id, status

ASKED = {"role": "user", "content": "What does a ticket to Lyon cost?"}
SCHEMA = {"type": "function", "function": {"name": "fares", "description": "Looks up train fares."}}


def called(call: str, arguments: str, tool: str = "fares") -> dict[str, Any]:
    function = {"name": tool, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": call, "type": "function", "function": function}]}


def came(call: str, result: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": result}


RUN = [ASKED, called("1", '{"to": "Lyon"}'), came("1", '{"price": 40}'), {"role": "assistant", "content": "40 euros."}]


def tools(talk: Talk, query: str = "ticket fares", **more: Any) -> tuple[ToolMemory, ...]:
    return talk.search(query, include_memory_view=["tool_memory"], **more).tool_memory_detail_list


def test_a_call_and_its_result_become_a_trajectory(talk: Talk) -> None:
    task = talk.add(messages=RUN).task_id
    (one,) = tools(talk)
    assert one.tool_type == "ToolTrajectoryMemory"
    assert one.tool_value == 'What does a ticket to Lyon cost?\nfares({"to": "Lyon"}) -> {"price": 40}'
    assert one.tool_used_status == (
        {"used_tool": "fares", "error_type": "", "success_rate": 1.0, "tool_experience": "fares worked."},
    )
    assert one.experience == "fares worked."
    assert status(talk, task or "").memory_views["added"]["tool_memory"] == {"memory_ids": [one.id]}


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ('{"error": "TimeoutError: no answer"}', "TimeoutError"),
        ('{"success": false}', "error"),
        ('{"ok": false, "why": "closed"}', "error"),
        ("ValueError: no such town", "ValueError"),
        ("Traceback (most recent call last): …", "error"),
        ("Error: closed", "error"),
        ('{"error": null, "price": 40}', ""),
        ("No errors were found.", ""),
        ("[1, 2]", ""),
    ],
)
def test_a_result_tells_whether_it_worked(talk: Talk, result: str, error: str) -> None:
    talk.add(messages=[ASKED, called("1", "{}"), came("1", result)])
    (one,) = tools(talk)
    assert (one.tool_used_status[0]["error_type"], one.tool_used_status[0]["success_rate"]) == (error, float(not error))


def test_tries_again_count_together(talk: Talk) -> None:
    tries = [
        called("1", "{}"),
        came("1", "Error"),
        called("2", "{}"),
        came("2", "40"),
        called("3", "{}", "book"),
        came("3", "done"),
    ]
    talk.add(messages=[ASKED, *tries])
    (one,) = tools(talk)
    assert {each["used_tool"]: each["success_rate"] for each in one.tool_used_status} == {"fares": 0.5, "book": 1.0}
    assert one.experience == "fares worked 1 of 2 times; it failed with error. book worked."


def test_each_question_has_its_own(talk: Talk) -> None:
    again = [{"role": "user", "content": "And to Rome?"}, called("2", '{"to": "Rome"}'), came("2", "80")]
    talk.add(messages=[*RUN, *again])
    assert [one.tool_value.splitlines()[0] for one in tools(talk, "Rome")] == ["And to Rome?", ASKED["content"]]


def test_a_result_that_comes_in_a_later_add_finds_its_call(talk: Talk) -> None:
    talk.add(messages=[ASKED, called("1", '{"to": "Lyon"}')], conversation_id="c")
    assert tools(talk) == ()
    talk.add(messages=[came("1", "40")], conversation_id="c")
    (one,) = tools(talk)
    assert one.tool_value == 'What does a ticket to Lyon cost?\nfares({"to": "Lyon"}) -> 40'
    talk.add(messages=[{"role": "assistant", "content": "40 euros."}], conversation_id="c")
    assert len(tools(talk)) == 1


def test_a_call_of_another_conversation_is_not_found(talk: Talk) -> None:
    talk.add(messages=[called("1", "{}")], conversation_id="c")
    talk.add(messages=[came("1", "40")], conversation_id="d")
    assert tools(talk) == ()


def test_parts_of_a_result_are_told_by_kind(talk: Talk) -> None:
    parts = [{"type": "text", "text": "a map"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    talk.add(messages=[ASKED, called("1", "{}"), came("1", parts)])
    assert tools(talk)[0].tool_value.endswith("-> a map\n[image_url]")


@pytest.mark.parametrize("written", [SCHEMA, [SCHEMA]])
def test_a_definition_is_kept_once(talk: Talk, written: Any) -> None:
    system = {"role": "system", "content": f"You have tools. <tool_schema>{json.dumps(written)}</tool_schema>"}
    talk.add(messages=[system, ASKED])
    talk.add(messages=[system, ASKED])
    (one,) = tools(talk)
    assert (one.tool_type, one.tool_value) == ("ToolSchema", SCHEMA)


@pytest.mark.parametrize(
    "written",
    [
        "no JSON",
        "[1]",
        "{}",
        "[" * 100_000,
        f'{{"name": "f", "deep": {"[" * 60}{"]" * 60}}}',
        '{"name": "f", "half": "\\ud800"}',
        '{"name": "f", "number": NaN}',
        '{"name": "f", "number": 1e999}',
        "<tool_schema>" * 50_000,
    ],
    ids=["no JSON", "a number", "no name", "brackets", "deep", "half a pair", "NaN", "infinity", "marks"],
)
def test_what_is_no_definition_is_none(talk: Talk, written: str) -> None:
    task = talk.add(messages=[{"role": "system", "content": f"<tool_schema>{written}</tool_schema>"}, ASKED]).task_id
    assert status(talk, task or "").status == "completed"
    assert tools(talk) == ()
    assert talk.page().model_dump_json()


def test_they_are_told_where_they_are_asked_for(talk: Talk) -> None:
    talk.add(messages=RUN)
    assert talk.search("fares").tool_memory_detail_list == ()
    assert len(talk.search("fares", include_tool_memory=True).tool_memory_detail_list) == 1
    assert len(talk.page().tool_memory_detail_list) == 1
    assert talk.page(include_tool_memory=False).tool_memory_detail_list == ()


def test_their_own_limit_holds(talk: Talk) -> None:
    for number in range(8):
        talk.add(messages=[ASKED, called("1", f'{{"n": {number}}}'), came("1", "40")])
    assert len(tools(talk)) == 6
    assert len(tools(talk, tool_memory_limit_number=8)) == 8
    assert tools(talk, tool_memory_limit_number=0) == ()


def test_an_add_may_leave_them_out(talk: Talk) -> None:
    talk.add(messages=RUN, allow_memory_view=["detail_factual"])
    assert tools(talk) == ()


def test_nobody_sees_another_s(talk: Talk) -> None:
    talk.add(messages=RUN, user_id="v")
    assert tools(talk) == ()
    (theirs,) = tools(talk, user_id="v")
    with pytest.raises(NotFound):
        by_id(talk, theirs.id, "another")


def test_one_is_read_and_deleted_by_its_id(talk: Talk) -> None:
    talk.add(messages=RUN)
    (one,) = tools(talk)
    told = by_id(talk, one.id)
    assert (told.memory_view, told.content["tool_type"]) == ("tool_memory", "ToolTrajectoryMemory")
    talk.delete(memory_ids=[one.id])
    assert tools(talk) == ()
