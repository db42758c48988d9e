"""What the server tells, read: whose it is, which of it, how much, and never in the server's own error words."""

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from memos_integrations.errors import (
    BadRequest,
    Garbled,
    MemOSError,
    NotFound,
    RateLimited,
    ServerFault,
    Unauthorized,
)
from memos_integrations.wire.calls import AddMessage, Chat, DeleteMemory, GetMemory, GetStatus, SearchMemory
from memos_integrations.wire.envelope import Reply
from memos_integrations.wire.owners import Owner, task_id
from memos_integrations.wire.product import Cubes, Product, Rewriting
from tests.product.talking import ask, fine, item, shelves, talk

SEARCH = SearchMemory(query="tea", user_id="ada")
LIST = GetMemory(user_id="ada")
SECRET = "Traceback SECRET"
BUSY = {"detail": "Too many requests. Please slow down.", "retry_after": 60}


def ids(found: Any) -> list[str]:
    return [fact.id for fact in found.memory_detail_list]


@pytest.mark.parametrize(
    ("stranger", "cube"),
    [(item(1, user_id="bob"), "user-ada"), (item(1), "user-bob"), (item(1, user_id=""), "user-ada")],
)
def test_what_is_anothers_is_not_told(stranger: dict[str, Any], cube: str) -> None:
    assert ids(ask(SEARCH, shelves(stranger, cube=cube))) == []
    assert ids(ask(LIST, shelves(stranger, cube=cube))) == []


def test_what_says_not_whose_it_is_counts_only_in_an_own_cube() -> None:
    unsaid = item(1, user_id=None)
    assert ids(ask(SEARCH, shelves(unsaid))) == ["m1"]
    for cubes in (Cubes("user-ada"), Cubes(lambda _: "user-ada")):
        assert ids(ask(SEARCH, shelves(unsaid), dialect=Product(cubes))) == []
        assert ids(ask(SEARCH, shelves(item(1)), dialect=Product(cubes))) == ["m1"]


def test_the_best_come_first_and_no_more_than_asked() -> None:
    told = shelves(item(1, relativity=0.5), item(2, relativity=None), item(3, relativity=0.8), item(3, relativity=0.8))
    assert ids(ask(SEARCH, told)) == ["m3", "m1", "m2"]
    assert ids(ask(SearchMemory(query="q", user_id="ada", memory_limit_number=1), told)) == ["m3"]
    assert ids(ask(SearchMemory(query="q", user_id="ada", memory_limit_number=0), told)) == []
    assert ids(ask(SearchMemory(query="q", user_id="ada", relativity=0.6), told)) == ["m3", "m2"]


def test_archived_and_deleted_memories_are_not_told() -> None:
    told = shelves(*(item(n, status=s) for n, s in enumerate(["archived", "deleted", "resolving", None, "activated"])))
    assert ids(ask(SEARCH, told)) == ["m2", "m3", "m4"]


def test_a_note_without_a_preference_is_left_out() -> None:
    liking = item(1, memory_type="PreferenceMemory", preference="green tea")
    assert ask(SEARCH, shelves(item(1), pref_note="Mind them.")).preference_note == ""
    found = ask(SEARCH, shelves(liking, bucket="pref_mem", pref_note="Mind them."))
    assert (found.preference_note, found.preference_detail_list[0].preference) == ("Mind them.", "green tea")


def test_each_kind_is_read_once_and_in_its_place() -> None:
    kinds = ["UserMemory", "PreferenceMemory", "ToolTrajectoryMemory", "SkillMemory"]
    everything = [
        item(n, memory_type=kind, preference=["a"] if kind == "SkillMemory" else None) for n, kind in enumerate(kinds)
    ]
    shelf = [{"cube_id": "user-ada", "memories": everything}]
    told = ask(LIST, fine(dict.fromkeys(("text_mem", "pref_mem", "tool_mem", "skill_mem"), shelf)))
    lists = (told.memory_detail_list, told.preference_detail_list, told.tool_memory_detail_list, told.skill_detail_list)
    assert [[each.id for each in kind] for kind in lists] == [["m0"], ["m1"], ["m2"], ["m3"]]
    assert told.total == 1


def test_pages_are_cut_on_our_side_newest_first() -> None:
    told = shelves(*(item(n, created_at=f"2026-11-{n + 1:02}T10:00:00+00:00") for n in range(5)))
    page = ask(GetMemory(user_id="ada", page=2, size=2), told)
    assert ids(page) == ["m2", "m1"]
    assert (page.total, page.size, page.current, page.pages) == (5, 2, 2, 3)


def test_times_are_milliseconds_in_the_servers_zone() -> None:
    dialect = Product(zone=timezone(timedelta(hours=8)))
    told = shelves(
        item(1, created_at="2026-11-21T00:00:00", updated_at="2026-11-20T16:00:01+00:00"), item(2, created_at="?")
    )
    first, second = ask(SEARCH, told, dialect=dialect).memory_detail_list
    assert (first.create_time, first.update_time) == (1795190400000, 1795190401000)
    assert second.create_time is None


def test_a_memory_is_of_when_its_newest_message_was_said() -> None:
    dialect = Product(zone=timezone(timedelta(hours=8)))
    said: list[Any] = [{"chat_time": "2020-02-01 08:00:00"}, json.dumps({"chat_time": "2020-02-02 08:00:00"})]
    other: list[Any] = [{"chat_time": "last Tuesday"}, {"chat_time": None}]
    written = "2026-11-20T16:00:00+00:00"
    told = shelves(item(1, created_at=written, sources=said), item(2, created_at=written, sources=other))
    first, second = ask(SEARCH, told, dialect=dialect).memory_detail_list
    assert (first.create_time, second.create_time) == (1580601600000, 1795190400000)
    early = SearchMemory(query="q", user_id="ada", filter={"and": [{"create_time": {"lt": "2020-02-03"}}]})
    assert ids(ask(early, told, dialect=dialect)) == ["m1"]


def test_sources_are_read_in_either_form() -> None:
    told = shelves(item(1, sources=['{"role": "user"}', "no json", {"role": "tool"}]))
    (fact,) = ask(LIST, told).memory_detail_list
    assert fact.sources == ({"role": "user"}, {"role": "tool"})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("waiting", "running"),
        ("in_progress", "running"),
        ("completed", "completed"),
        ("failed", "failed"),
        ("cancelled", "failed"),
    ],
)
def test_the_words_of_a_task(told: str, said: str) -> None:
    task = task_id("t", Owner("user", "ada"))
    asked, reply = talk(GetStatus(task_id=task), fine([{"task_id": task, "status": told}]))
    assert asked[0].query == {"user_id": "ada", "task_id": task}
    assert json.loads(reply.body)["data"] == {"task_id": task, "status": said, "memory_views": {}}


@pytest.mark.parametrize("task", ["T-1", "a.b", "a.!!", "x" * 200])
def test_a_task_that_is_not_ours_is_not_asked_for(task: str) -> None:
    steps = Product().conversation(_request(GetStatus(task_id=task)))
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value.status == 404


def _request(call: GetStatus) -> Any:
    from memos_integrations.wire.envelope import request

    return request(call)


def test_a_user_is_deleted_by_the_ids_of_what_is_theirs() -> None:
    call = DeleteMemory(user_id="ada")
    told = shelves(item(1), item(2, user_id="bob"), item(3, status="archived"))
    asked, _ = talk(call, told, fine({"status": "success"}))
    assert [request.path for request in asked] == ["product/get_memory", "product/delete_memory"]
    assert json.loads(asked[1].body) == {"memory_ids": ["m1", "m3"]}
    assert ask(call, shelves()).success
    with pytest.raises(ServerFault):
        ask(call, told, fine({"status": "failure"}))
    with pytest.raises(NotFound):
        ask(call, Reply(404, b'{"detail":"Not Found"}'))


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


@pytest.mark.parametrize(
    ("got", "error"),
    [
        (reply(500, {"code": 500, "message": SECRET, "data": None}), ServerFault),
        (reply(200, {"code": 500, "message": SECRET, "data": None}), ServerFault),
        (reply(200, {"code": 401, "message": SECRET, "data": None}), Unauthorized),
        (reply(400, {"code": 400, "message": SECRET}), BadRequest),
        (reply(404, {"detail": "Not Found"}), NotFound),
        (reply(404, {"code": 404, "message": SECRET}), NotFound),
        (reply(405, {"detail": "Method Not Allowed"}), BadRequest),
        (reply(502, b"<h1>SECRET</h1>"), ServerFault),
        (reply(429, BUSY), RateLimited),
        (reply(200, b"<html>SECRET"), Garbled),
        (reply(200, b""), Garbled),
        (reply(200, {"code": 200, "data": None}), Garbled),
        (reply(307, b""), Garbled),
        (fine({"text_mem": [{"memories": [{"memory": SECRET}]}]}), Garbled),
        (fine([SECRET]), Garbled),
    ],
)
def test_errors_are_told_in_words_of_ours(got: Reply, error: type[MemOSError]) -> None:
    with pytest.raises(error) as caught:
        ask(SEARCH, got)
    assert "SECRET" not in str(caught.value)


def test_a_refused_field_is_named_by_place_and_rule() -> None:
    detail = [{"loc": ["body", "messages", 0, "role"], "type": "literal_error", "msg": SECRET, "input": SECRET}]
    with pytest.raises(BadRequest, match=r"messages\.0\.role \(literal_error\)") as caught:
        ask(SEARCH, reply(422, {"code": 422, "message": SECRET, "detail": detail, "data": None}))
    assert "SECRET" not in str(caught.value)


def test_a_limiter_says_how_long_in_either_place() -> None:
    for got in (reply(429, BUSY), reply(429, {**BUSY, "retry_after": 5}, **{"retry-after": "60"})):
        with pytest.raises(RateLimited) as caught:
            ask(SEARCH, got)
        assert caught.value.retry_after == 60


def test_an_add_without_a_body_is_no_success() -> None:
    call = AddMessage(messages=[{"role": "user", "content": "Hi."}], user_id="ada")
    for got in (reply(200, b""), reply(204, b"")):
        with pytest.raises(Garbled):
            ask(call, got)
    assert ask(call, fine([])).status == "running"


def test_a_chat_has_no_code() -> None:
    call = Chat(query="q", user_id="ada", conversation_id="c")
    assert ask(call, reply(200, {"message": "ok", "data": {"response": "Yes.", "reasoning": None}})).response == "Yes."
    with pytest.raises(Garbled):
        ask(call, reply(200, {"message": "ok", "data": {"response": None}}))


def test_a_stream_gets_an_end_and_loses_tracebacks() -> None:
    rewriting = Rewriting()
    told = rewriting.next(b': hello\n\ndata: {"type": "text", "data": "a"}\n\n') + rewriting.rest()
    assert told.count(b'"end"') == 1
    failing = Rewriting()
    told = failing.next(b'data: {"type": "error", "content": "Traceback SECRET"}\n\ndata: {"type": "text"}\n\n')
    told += failing.rest()
    assert b"SECRET" not in told
    assert b'"error"' in told
    assert b'"end"' not in told


def test_a_stream_with_an_end_of_its_own_gets_no_second() -> None:
    rewriting = Rewriting()
    told = rewriting.next(b'data: {"type": "end"}\n\n') + rewriting.rest()
    assert told.count(b'"end"') == 1
