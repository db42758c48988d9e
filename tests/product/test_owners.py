"""Cubes and names: no two owners ever share one, whatever is in their ids; and filters as the embedded engine's."""

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_integrations import connect
from memos_integrations.wire._product_filter import Marked, passes
from memos_integrations.wire.calls import AddMessage, GetStatus
from memos_integrations.wire.filters import Filter
from memos_integrations.wire.owners import Cubes, Owner, owner_of_task, server_id, task_id
from memos_integrations.wire.tasks import named

IDS = st.one_of(
    st.text(min_size=1, max_size=100),
    st.from_regex(r"(memos-agent\.|memos-user\.|user-|agent-|user\.)?[a-z0-9:/. -]{1,8}", fullmatch=True),
).filter(lambda text: bool(text.strip()) and text.isprintable())
OWNERS = st.builds(Owner, st.sampled_from(["user", "agent"]), IDS)


@settings(max_examples=60)
@given(OWNERS, OWNERS)
def test_no_two_owners_share_a_cube_or_a_name(one: Owner, other: Owner) -> None:
    cubes = Cubes()
    assert (cubes.of(one) == cubes.of(other)) == (one == other)
    assert (server_id(one) == server_id(other)) == (one == other)


@settings(max_examples=60)
@given(OWNERS)
def test_a_cubes_name_is_plain_and_a_task_leads_to_its_owner(owner: Owner) -> None:
    name = Cubes().of(owner)
    assert name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert name.isascii()
    assert owner_of_task(task_id("a1", owner)) == server_id(owner)


def test_known_names_stay_as_they_are() -> None:
    """Cubes are found again by them: another rule would lose what was kept."""
    assert Cubes().of(Owner("user", "ada")) == "user-ada"
    assert Cubes().of(Owner("agent", "ada")) == "agent-ada"
    digest = "d3d5a6ba37fbbfd19bbfc20efdb6ae2ba7a2d8de7ff3a95ec5aef5a4ba0ca3a0"
    made = Cubes().of(Owner("user", "ada@example.org"))
    assert (made[:5], len(made)) == ("user.", 5 + len(digest))
    assert server_id(Owner("user", "ada@example.org")) == "ada@example.org"
    assert server_id(Owner("agent", "ada")) == "memos-agent.ada"
    assert server_id(Owner("user", "memos-agent.ada")) == "memos-user.memos-agent.ada"


def test_a_write_is_named_alike_by_the_same_token() -> None:
    call = AddMessage(messages=[{"role": "user", "content": "Hi."}], user_id="ada")
    assert named(call, "t").task_id == named(call, "t").task_id != named(call, "u").task_id
    assert named(call, "t").asked == GetStatus(task_id=named(call, "t").task_id)
    assert b"task_id" in named(call, "t").body()


INFOS: list[dict[str, object]] = [
    {},
    {"scene": "home", "n": 1, "yes": True},
    {"scene": "trip", "n": 1.0, "yes": False, "app_id": "shop"},
    {"scene": ["home", "trip"], "n": "1", "agent_id": "bot"},
]
SAID = ["I bought kettle", "I painted door", "I visited gate", "I met neighbour"]
CONDITIONS: list[dict[str, object]] = [
    {"scene": "home"},
    {"scene": "trip"},
    {"n": 1},
    {"n": "1"},
    {"n": True},
    {"yes": True},
    {"yes": 1},
    {"app_id": "shop"},
    {"agent_id": "bot"},
    {"related_id": ["bot", "x"]},
    {"related_id": ["ada"]},
    {"create_time": {"gte": "2026-11-21"}},
    {"create_time": {"gt": "2026-11-21"}},
    {"create_time": {"lte": "2026-11-21"}},
    {"create_time": {"lt": "2026-11-21 10:00:00"}},
    {"create_time": {"lte": "2026-11-21 10:00:00", "gte": "2026-11-21 10:00:00"}},
]


@pytest.mark.parametrize("join", ["and", "or"])
@pytest.mark.parametrize("second", [None, {"yes": True}])
def test_a_filter_means_what_it_means_to_the_embedded_engine(join: str, second: dict[str, object] | None) -> None:
    with connect(":memory:") as client:
        for number, info in enumerate(INFOS):
            marks = {name: info[name] for name in ("app_id", "agent_id") if name in info}
            own = {name: value for name, value in info.items() if name not in marks}
            message = {"role": "user", "content": f"{SAID[number]} {number}.", "chat_time": "2026-11-21 10:00:00"}
            client.send(AddMessage.model_validate({"messages": [message], "user_id": "ada", "info": own, **marks}))
        client.flush(30)
        for condition in CONDITIONS:
            given_filter = {join: [condition, *([second] if second else [])]}
            told = client.get_memory(user_id="ada", filter=given_filter, size=50).memory_detail_list
            theirs = {int(fact.memory_value.rstrip(".")[-1]) for fact in told}
            read = Filter.model_validate(given_filter)
            at = 1_795_255_200_000
            marked = [Marked(Owner("user", "ada"), at, at, info) for info in INFOS]
            ours = {number for number, each in enumerate(marked) if passes(read, each, UTC)}
            assert ours == theirs, condition
