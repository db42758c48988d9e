"""Knowledge bases, whichever way they are asked for (contract §2.13)."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.errors import BadRequest, Invalid, NotFound
from memos_integrations.wire.envelope import Request
from tests.contract.conftest import Caller
from tests.contract.test_calls import add, facts

SHIPPING = b"# Shipping\n\nParcels leave the warehouse on Monday."
RETURNS = b"A refund takes fourteen days."
SKILL = b"---\nname: deploy-shop\ndescription: How to deploy the shop\n---\n# Steps\n\nRun the pipeline."


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def made(memos: Caller, **files: bytes) -> str:
    """A knowledge base with these files, read."""
    base: str = memos.create_knowledgebase(knowledgebase_name="shop").id
    if files:
        given = [{"name": name.replace("_", "."), "content": packed(data)} for name, data in files.items()]
        memos.add_knowledgebase_file(knowledgebase_id=base, file=given)
        assert memos.engine.settle(10) == 0
    return base


def states(memos: Caller, base: str) -> dict[str, str]:
    listed = memos.get_knowledgebase_file(knowledgebase_id=base).file_detail_list
    return {file.name: file.status for file in listed}


def test_a_file_is_taken_read_and_found(memos: Caller) -> None:
    base = made(memos)
    content = "data:text/markdown;base64," + packed(SHIPPING)
    (file,) = memos.add_knowledgebase_file(
        knowledgebase_id=base, file=[{"name": "a.md", "content": content, "type": "document"}]
    ).files
    assert (file.name, file.type, file.sizeMB, file.status) == ("a.md", "document", 0.01, "running")
    assert memos.engine.settle(10) == 0
    told = memos.get_knowledgebase_file(file_ids=[file.id])
    assert (told.total, told.page, told.page_size) == (1, 1, 20)
    (known,) = told.file_detail_list
    assert (known.id, known.name, known.size, known.status) == (file.id, "a.md", "0.01MB", "completed")
    found = memos.search_memory(query="When do parcels leave?", user_id="nobody", knowledgebase_ids=[base])
    (fact,) = found.memory_detail_list
    assert fact.memory_value == "# Shipping\nParcels leave the warehouse on Monday."
    assert (fact.memory_type, fact.conversation_id) == ("LongTermMemory", "default_session")
    assert {"multimodal:file", "mode:fine"} <= set(fact.tags)


def test_bases_are_searched_where_they_are_named(memos: Caller) -> None:
    first, second = made(memos, a_md=SHIPPING), made(memos, b_txt=RETURNS)
    query = "When do parcels leave, and how long does a refund take?"
    assert facts(memos, query) == []
    assert len(facts(memos, query, knowledgebase_ids=[first])) == 1
    assert len(facts(memos, query, knowledgebase_ids=[first, second])) == 2
    assert len(facts(memos, query, knowledgebase_ids=["all"])) == 2
    assert len(facts(memos, query, knowledgebase_ids=["all"], memory_limit_number=1)) == 1


def test_what_a_base_says_ranks_among_what_the_user_said(memos: Caller) -> None:
    base = made(memos, b_txt=RETURNS)
    add(memos, "My refund for the lamp came quickly.", "I moved to Lyon.")
    both = facts(memos, "How many days does a refund take?", knowledgebase_ids=[base], relativity=0)
    assert both[0] == RETURNS.decode()
    assert set(both) == {RETURNS.decode(), "My refund for the lamp came quickly.", "I moved to Lyon."}
    assert facts(memos, "Where did I move to? Lyon?", knowledgebase_ids=[base])[0] == "I moved to Lyon."


def test_get_memory_never_tells_what_is_in_a_base(memos: Caller) -> None:
    made(memos, a_md=SHIPPING)
    add(memos, "I moved to Lyon.")
    assert [fact.memory_value for fact in memos.get_memory(user_id="ada").memory_detail_list] == ["I moved to Lyon."]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({"user": {"and": [{"app_id": "shop"}]}}, {"parcels"}),
        ({"knowledgebase": {"and": [{"tags": {"contains": "none"}}]}}, {"lamp"}),
        ({"knowledgebase": {"and": [{"tags": {"contains": "multimodal:file"}}]}}, {"lamp", "parcels"}),
        ({"and": [{"create_time": {"lt": "2020-01-01"}}]}, set()),
    ],
)
def test_filters_bind_the_source_they_name(memos: Caller, filter_: dict[str, Any], expected: set[str]) -> None:
    base = made(memos, a_txt=b"The parcels leave on Monday.")
    add(memos, "The lamp leaves on Monday.")
    found = facts(memos, "What leaves on Monday?", knowledgebase_ids=[base], filter=filter_)
    assert {fact.split()[1] for fact in found} == expected


def test_a_base_that_is_unlinked_is_found_no_more(memos: Caller) -> None:
    base = made(memos, a_md=SHIPPING)
    (file,) = memos.get_knowledgebase_file(knowledgebase_id=base).file_detail_list
    (fact,) = memos.search_memory(query="parcels", user_id="ada", knowledgebase_ids=[base]).memory_detail_list
    assert memos.delete_knowledgebase(knowledgebase_id=base).success
    assert facts(memos, "parcels", knowledgebase_ids=["all"]) == []
    assert memos.get_knowledgebase_file(file_ids=[file.id]).file_detail_list == ()
    for call, given in (
        (memos.search_memory, {"query": "parcels", "user_id": "ada", "knowledgebase_ids": [base]}),
        (memos.get_knowledgebase_file, {"knowledgebase_id": base}),
        (memos.add_knowledgebase_file, {"knowledgebase_id": base, "file": [{"name": "a.md", "content": "SGk="}]}),
        (memos.delete_knowledgebase, {"knowledgebase_id": base}),
    ):
        with pytest.raises(BadRequest) as caught:
            call(**given)
        assert caught.value.code == 50123
    with pytest.raises(NotFound):
        memos.get_memory_by_id(memory_id=fact.id)
    assert memos.delete_knowledgebase(knowledgebase_id=base, delete_all=True).success


def test_a_base_that_is_deleted_is_gone(memos: Caller) -> None:
    base, other = made(memos, a_md=SHIPPING), made(memos, b_txt=RETURNS)
    assert memos.delete_knowledgebase(knowledgebase_id=base, delete_all=True).success
    for call, given in (
        (memos.delete_knowledgebase, {"knowledgebase_id": base, "delete_all": True}),
        (memos.get_knowledgebase_file, {"knowledgebase_id": base}),
        (memos.add_knowledgebase_file, {"knowledgebase_id": base, "file": [{"name": "a.md", "content": "SGk="}]}),
    ):
        with pytest.raises(NotFound) as caught:
            call(**given)
        assert caught.value.code == 50120
    assert facts(memos, "How long does a refund take?", knowledgebase_ids=["all"]) == [RETURNS.decode()]
    assert states(memos, other) == {"b.txt": "completed"}


def test_files_are_deleted_with_what_was_made_of_them(memos: Caller) -> None:
    base = made(memos, a_md=SHIPPING, b_txt=RETURNS)
    first = memos.get_knowledgebase_file(knowledgebase_id=base).file_detail_list[0]
    with pytest.raises(NotFound) as caught:
        memos.delete_knowledgebase_file(file_ids=[first.id, "nobody's"])
    assert caught.value.code == 40001
    assert len(states(memos, base)) == 2
    assert memos.delete_knowledgebase_file(file_ids=[first.id]).success
    assert states(memos, base) == {"b.txt": "completed"}
    assert facts(memos, "When do parcels leave the warehouse?", knowledgebase_ids=[base], relativity=0) == [
        RETURNS.decode()
    ]


def test_files_are_paged_and_told_by_type(memos: Caller) -> None:
    base = made(memos)
    files: list[dict[str, Any]] = [{"name": f"{n}.txt", "content": packed(b"Text %d." % n)} for n in range(4)]
    memos.add_knowledgebase_file(
        knowledgebase_id=base, file=[*files, {"name": "s.md", "content": packed(SKILL), "type": "skill"}]
    )
    assert memos.engine.settle(10) == 0
    pages = [memos.get_knowledgebase_file(knowledgebase_id=base, page=n, page_size=2) for n in (1, 2, 3, 4)]
    assert [[file.name for file in page.file_detail_list] for page in pages] == [
        ["0.txt", "1.txt"],
        ["2.txt", "3.txt"],
        ["s.md"],
        [],
    ]
    assert {(page.total, page.page_size) for page in pages} == {(5, 2)}
    skills = memos.get_knowledgebase_file(knowledgebase_id=base, type="skill")
    assert [file.name for file in skills.file_detail_list] == ["s.md"]
    with pytest.raises(Invalid):
        memos.get_knowledgebase_file(knowledgebase_id=base, file_ids=["x"])


def test_a_turn_is_written_into_linked_bases_too(memos: Caller) -> None:
    base = made(memos)
    add(memos, "Our office moved to Lyon.", allow_knowledgebase_ids=[base])
    memos.add_feedback(user_id="ada", feedback_content="The canteen opens at noon.", allow_knowledgebase_ids=[base])
    for query, said in (
        ("Where is the office?", "Our office moved to Lyon."),
        ("canteen?", "The canteen opens at noon."),
    ):
        found = memos.search_memory(query=query, user_id="bob", knowledgebase_ids=[base]).memory_detail_list
        assert [(fact.memory_value, fact.conversation_id, fact.memory_type) for fact in found] == [
            (said, "default_session", "LongTermMemory")
        ]
    assert facts(memos, "Where is the office?") == ["Our office moved to Lyon."]


def test_a_skill_is_found_by_its_view(memos: Caller) -> None:
    base = made(memos)
    memos.add_knowledgebase_file(
        knowledgebase_id=base, file=[{"name": "s.md", "content": packed(SKILL), "type": "skill"}]
    )
    assert memos.engine.settle(10) == 0
    asked = {"query": "How do I deploy the shop?", "user_id": "ada"}
    found = memos.search_memory(**asked, knowledgebase_ids=[base], include_memory_view=["skill"])
    (skill,) = found.skill_detail_list
    assert found.memory_detail_list == ()
    assert skill.skill_value["name"] == "deploy-shop"
    assert skill.skill_value["description"] == "How to deploy the shop"
    assert "Run the pipeline." in skill.skill_value["procedure"]
    assert skill.skill_url is None
    assert memos.search_memory(**asked, knowledgebase_ids=[base], include_skill=True).skill_detail_list == (skill,)
    assert memos.search_memory(**asked, knowledgebase_ids=[base]).skill_detail_list == ()
    assert memos.search_memory(**asked, include_memory_view=["skill"]).skill_detail_list == ()
    assert memos.get_memory_by_id(memory_id=skill.id).content == skill.skill_value
    (file,) = memos.get_knowledgebase_file(knowledgebase_id=base).file_detail_list
    memos.delete_knowledgebase_file(file_ids=[file.id])
    gone = memos.search_memory(**asked, knowledgebase_ids=[base], include_memory_view=["skill"])
    assert gone.skill_detail_list == ()


def test_files_are_uploaded_from_paths_pairs_and_streams(memos: Caller, tmp_path: Path) -> None:
    base = made(memos)
    path = tmp_path / "été.md"
    path.write_bytes(SHIPPING)
    stream = io.BytesIO(b"The lamp is green.")
    stream.name = "/some/where/lamp.txt"
    told: list[tuple[int, int]] = []
    files = memos.upload_knowledgebase_file(
        knowledgebase_id=base,
        files=[path, ("returns.txt", RETURNS), stream],
        on_progress=lambda sent, whole: told.append((sent, whole)),
    ).files
    assert [(file.name, file.type) for file in files] == [
        ("été.md", "document"),
        ("returns.txt", "document"),
        ("lamp.txt", "document"),
    ]
    assert told[-1][0] == told[-1][1] > len(SHIPPING) + len(RETURNS)
    assert memos.engine.settle(10) == 0
    assert set(states(memos, base).values()) == {"completed"}
    assert facts(memos, "Which lamp is green?", knowledgebase_ids=[base]) == ["The lamp is green."]


def test_a_skill_is_uploaded_as_one(memos: Caller) -> None:
    base = made(memos)
    (file,) = memos.upload_knowledgebase_file(knowledgebase_id=base, files=[("s.md", SKILL)], type="skill").files
    assert (file.type, file.status) == ("skill", "running")


def test_what_an_upload_is_refused_for(memos: Caller) -> None:
    base = made(memos)
    for name, code in (("old.doc", 40007), ("a.exe", 40007), ("a.pdf", 50107)):
        with pytest.raises(BadRequest) as caught:
            memos.upload_knowledgebase_file(knowledgebase_id=base, files=[("fine.txt", b"x"), (name, b"none")])
        assert caught.value.code == code
    with pytest.raises(NotFound) as missing:
        memos.upload_knowledgebase_file(knowledgebase_id="nobody's", files=[("a.txt", b"x")])
    assert missing.value.code == 50120
    assert states(memos, base) == {}


BASE = '"knowledgebase_id":"%s"'
ONE = '{"content":"SGk=","name":"a.md"}'


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ('"file":[{"content":"SGk=","name":"a.md","type":null}]', 0),
        ('"file":[{"content":"SGk=","name":"a.exe"}]', 40007),
        ('"file":[{"content":"SGk="}]', 40007),
        ('"file":[{"content":"no base64!","name":"a.md"}]', 40008),
        ('"file":[{"content":"data:text/plain,hello","name":"a.txt"}]', 40009),
        ('"file":[{"content":"https://127.0.0.1:1/a.md","name":"a.md"}]', 40006),
        ('"file":[{"content":"","name":"a.md"}]', 40002),
        ('"file":[]', 40003),
        (f'"file":[{",".join([ONE] * 21)}]', 50103),
        ('"name":"x"', 40002),
    ],
)
def test_what_other_clients_send(memos: Caller, members: str, code: int) -> None:
    base = made(memos)
    body = "{" + BASE % base + "," + members + "}"
    reply = memos.transported(Request("POST", "add/knowledgebase-file", body.encode()))
    assert reply.status == 200
    assert f'"code":{code},'.encode() in reply.body.replace(b" ", b"")
    assert memos.engine.settle(10) == 0
    assert len(states(memos, base)) == (1 if code == 0 else 0)
