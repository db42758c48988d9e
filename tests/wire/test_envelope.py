"""From bytes to answers and back: every form the contract records is read, and every refusal gets its class."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations import errors
from memos_integrations.errors import Garbled, Invalid, MemOSError, Refused, Unreachable
from memos_integrations.wire.answers import Added, Answer, Deleted, Fact, Found, Memories, StoredMessages, TaskStatus
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import (
    CALLS,
    AddMessage,
    DeleteMemory,
    GetMemory,
    GetMessage,
    GetStatus,
    SearchMemory,
)
from memos_integrations.wire.codes import code_of, error_class, not_applied
from memos_integrations.wire.envelope import Reply, read, refuse, request, write

ADD = AddMessage(messages=[{"role": "user", "content": "x"}], user_id="u")
SEARCH = SearchMemory(query="q", user_id="u")
STATUS = GetStatus(task_id="t")


def reply(data: Any = None, *, code: int | None = 0, status: int = 200, message: str = "ok", **headers: str) -> Reply:
    body: dict[str, Any] = {"data": data, "message": message}
    if code is not None:
        body["code"] = code
    return Reply(status, json.dumps(body).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_request_is_the_call_as_json() -> None:
    asked = request(SEARCH)
    assert (asked.method, asked.path, json.loads(asked.body)) == (
        "POST",
        "search/memory",
        {"query": "q", "user_id": "u"},
    )


@pytest.mark.parametrize("code", [0, 200, None, "0"])
def test_success_has_several_codes(code: Any) -> None:
    assert (
        read(SEARCH, reply({"memory_detail_list": [{"id": "m", "memory_value": "v"}]}, code=code))
        .memory_detail_list[0]
        .memory_value
        == "v"
    )


def test_missing_and_null_lists_read_as_empty() -> None:
    names = [name for name in Found.model_fields if name.endswith("_list")]
    forms: list[dict[str, Any]] = [{}, dict.fromkeys(names), {name: [] for name in names}]
    for data in forms:
        found = read(SEARCH, reply({**data, "preference_note": None}))
        assert [getattr(found, name) for name in names] == [()] * len(names)
        assert found.preference_note == ""


def test_times_are_read_as_text_or_milliseconds() -> None:
    for time in (1785578400000, "2026-08-01 10:00:00", None):
        data = {"message_detail_list": [{"role": "user", "content": "x", "create_time": time}]}
        stored = read(GetMessage(user_id="u", conversation_id="c"), reply(data))
        assert stored.message_detail_list[0].create_time == time


def test_odd_forms_of_an_items_members_cost_no_turn_its_memories() -> None:
    skill = {"id": "s", "relativity": "high", "skill_value": {"procedure": ["a"]}}
    profile = {"id": "p", "created_at": 1785578400000, "updated_at": "2026-08-01T10:00:00"}
    found = read(SEARCH, reply({"skill_detail_list": [skill], "profile_detail_list": [profile]}))
    assert found.skill_detail_list[0].relativity == "high"
    assert found.profile_detail_list[0].created_at == 1785578400000


def test_unknown_members_are_kept() -> None:
    found = read(SEARCH, reply({"memory_detail_list": [{"id": "m", "new_member": 1}], "other": 2}))
    assert found.model_dump()["other"] == 2
    assert found.memory_detail_list[0].model_dump()["new_member"] == 1


@pytest.mark.parametrize(
    "data",
    [{"task_id": "t", "status": "completed"}, [{"status": "completed"}], [{"status": "completed", "task_id": None}]],
)
def test_a_status_is_an_object_or_a_list_of_one(data: Any) -> None:
    assert read(STATUS, reply(data)) == TaskStatus(task_id="t", status="completed")


def test_an_empty_2xx_means_accepted_for_an_add_and_nothing_for_others() -> None:
    for body in (b"", b" \n"):
        assert read(ADD, Reply(202, body)) == Added(success=True, task_id=None, status="running")
        with pytest.raises(Garbled):
            read(SEARCH, Reply(200, body))


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b'{"code":0}', b'{"code":0,"data":null}']
)
def test_what_is_not_the_protocol_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled) as caught:
        read(SEARCH, Reply(200, body))
    assert (caught.value.status, caught.value.path) == (200, "search/memory")


def test_data_of_another_form_is_garbled_by_its_place() -> None:
    with pytest.raises(Garbled, match=r"memory_detail_list\.0\.id"):
        read(SEARCH, reply({"memory_detail_list": [{"memory_value": "SECRET"}]}))


def test_a_redirection_points_at_the_address() -> None:
    with pytest.raises(Garbled, match="base_url"):
        read(SEARCH, Reply(302, b""))


def test_success_false_is_a_fault() -> None:
    with pytest.raises(errors.ServerFault):
        read(ADD, reply({"success": False, "task_id": "t", "status": "failed"}))
    for status in ("failed", "fail", "error"):
        with pytest.raises(errors.ServerFault):
            read(ADD, reply({"success": True, "task_id": "t", "status": status}))
    assert read(STATUS, reply({"task_id": "t", "status": "failed"})).status == "failed"
    with pytest.raises(errors.ServerFault):
        read(DeleteMemory(user_id="u"), reply({"success": False}))


CODES = {
    "BadRequest": [40000, 40002, 40003, *range(40006, 40014), 40303, 40305, 50103, 50104, 50105, 50107, 50123],
    "NotFound": [40001, 40307, 40308, 50120, 50131],
    "Unauthorized": [40020, 40100, 40101, 40103, 40130, 40132, 40306],
    "QuotaExceeded": [40300, 40301, 40302, 40304],
    "RateLimited": [40309],
    "ServerFault": [50000, 50002, 50004, 50005, 50143, 50144, 50145, 60001],
}


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, codes in CODES.items() for code in codes])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_code_speaks_before_the_status(name: str, code: int, status: int) -> None:
    with pytest.raises(Refused) as caught:
        read(SEARCH, reply(None, code=code, status=status, message="words"))
    error = caught.value
    assert type(error) is getattr(errors, name)
    assert (error.code, error.message, error.status, error.path) == (code, "words", status, "search/memory")
    assert str(error) == f"code {code} (search/memory): words"


def test_a_code_nobody_knows_is_a_refusal() -> None:
    assert error_class(70000, 200) is Refused
    assert error_class(41000, 200) is errors.BadRequest
    assert error_class(40150, 200) is errors.Unauthorized


@pytest.mark.parametrize(
    ("status", "name"),
    [
        *((status, "BadRequest") for status in (400, 405, 422)),
        *((status, "Unauthorized") for status in (401, 403)),
        *((status, "NotFound") for status in (404, 410)),
        *((status, "ServerFault") for status in (500, 502, 503, 504)),
        (402, "QuotaExceeded"),
        (429, "RateLimited"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"code":200,"data":null}', b'{"data":{}}'])
def test_without_a_code_the_status_speaks(status: int, name: str, body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(ADD, Reply(status, body))
    assert type(caught.value) is getattr(errors, name)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        read(SEARCH, reply(None, code=40309, retry_after=text, date="Sat, 21 Nov 2026 10:00:00 GMT"))
    assert caught.value.retry_after == seconds


def test_a_date_alone_tells_no_pause() -> None:
    with pytest.raises(errors.RateLimited) as caught:
        read(SEARCH, reply(None, code=40309, retry_after="Sat, 21 Nov 2026 10:00:30 GMT"))
    assert caught.value.retry_after is None


def test_a_servers_words_are_cut() -> None:
    with pytest.raises(errors.BadRequest) as caught:
        read(SEARCH, reply(None, code=40000, message="x" * 10_000))
    assert len(str(caught.value)) < 600


def test_what_surely_was_not_applied() -> None:
    assert not_applied(Unreachable("x", sent=False))
    assert not not_applied(Unreachable("x", sent=True))
    assert not not_applied(Garbled("x"))
    for code, status in ((40309, 500), (50004, 200), (50005, 200), (0, 429), (0, 503)):
        assert not_applied(Refused("x", code=code, status=status))
    for code, status in ((50000, 200), (50143, 200), (0, 500), (0, 502), (40000, 200)):
        assert not not_applied(Refused("x", code=code, status=status))


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (ADD, Added(task_id="t", status="completed")),
        (SEARCH, Found(memory_detail_list=(Fact(id="m", memory_value="v", tags=("a",), create_time=1),))),
        (GetMessage(user_id="u", conversation_id="c"), StoredMessages()),
        (GetMemory(user_id="u"), Memories(total=0, size=10, current=1, pages=0)),
        (DeleteMemory(user_id="u"), Deleted()),
        (STATUS, TaskStatus(task_id="t", status="running")),
    ],
)
def test_what_a_server_writes_a_client_reads(call: Call[Answer], answer: Answer) -> None:
    assert read(call, write(answer)) == answer


def test_what_a_server_refuses_a_client_raises() -> None:
    for error in (errors.NotFound("gone", code=50131), errors.RateLimited("slow", code=40309, retry_after=2.5)):
        with pytest.raises(type(error)) as caught:
            read(SEARCH, refuse(error))
        assert (caught.value.code, caught.value.message) == (error.code, error.message)
        assert caught.value.retry_after == error.retry_after


@pytest.mark.parametrize(
    ("field", "rule", "code"),
    [
        ("user_id", "string_too_long", 40010),
        ("conversation_id", "string_too_long", 40011),
        ("relativity", "less_than_equal", 40012),
        ("query", "missing", 40002),
        ("query", "blank", 40002),
        ("user_id", "string_too_short", 40002),
        ("messages", "too_short", 40003),
        ("filter.and.0", "filter", 40000),
    ],
)
def test_a_broken_argument_has_its_code(field: str, rule: str, code: int) -> None:
    assert code_of(field, rule) == code
    with pytest.raises(errors.BadRequest) as caught:
        read(SEARCH, refuse(Invalid("words", field=field, rule=rule)))
    assert caught.value.code == code


@given(st.binary(max_size=200), st.integers(100, 599), st.sampled_from(sorted(CALLS)))
def test_no_bytes_raise_anything_but_our_errors(body: bytes, status: int, path: str) -> None:
    members: dict[str, Any] = dict.fromkeys(CALLS[path].model_fields, "x")
    call = CALLS[path].model_construct(**members)
    with suppress(MemOSError):
        read(call, Reply(status, body))


def test_no_content_of_an_answer_shows_in_a_repr_or_an_error() -> None:
    mark = "MARKER7f3a"
    for path, call in CALLS.items():
        for item in _items(call.answer, mark):
            assert mark not in repr(item) + str(item), path
    bad = {"memory_detail_list": [{"id": 3, "memory_value": mark}], "preference_note": [mark]}
    with pytest.raises(Garbled) as caught:
        read(SEARCH, reply(bad))
    assert mark not in f"{caught.value!s}{caught.value!r}"
    assert mark not in repr(reply(bad))
    assert mark not in repr(request(SearchMemory(query=mark, user_id=mark)))


def _items(answer: type[Answer], mark: str) -> list[Answer]:
    """An answer with `mark` wherever text may stand, and the items in its lists."""
    everything: dict[str, Any] = dict.fromkeys(
        ("id", "role", "task_id", "status", "content", "response", "extra"), mark
    )
    words = ("memory_key", "memory_value", "preference", "reasoning", "experience", "tool_value", "memory", "event_key")
    everything |= dict.fromkeys(words, mark) | {"tags": [mark], "sources": [{"x": mark}], "info": {"x": mark}}
    template = {"profile_template_id": mark, "name": mark, "metadata": {mark: {"value": mark}}}
    everything |= {**template, "profile_template": template, "profile_templates": [template]}
    everything |= {"choices": [{"message": {"role": mark, "content": mark}}]}
    lists = {name: [everything] for name in answer.model_fields if name.endswith("_list")}
    whole = answer.model_validate({**everything, **lists})
    return [whole, *(getattr(whole, name)[0] for name in lists if isinstance(getattr(whole, name)[0], Answer))]
