"""Checks of what is written."""

from tests.addresses.registry import Asked, check

CAT = "My cat Oskar sleeps on the piano."
SEAT = "I booked a window seat to Lyon."
TEA = "I prefer green tea."
WHERE = "Where does my cat Oskar sleep?"
RUN = [
    {"role": "user", "content": "Look up the tea, please."},
    {
        "role": "assistant",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"word": "tea"}'}}],
    },
    {"role": "tool", "tool_call_id": "t1", "content": "Tea is a leaf."},
    {"role": "assistant", "content": "It is a leaf."},
]


@check("add/message", "memories as soon as a synchronous add is answered")
def written(at: Asked) -> None:
    assert at.add(CAT).status == "completed"
    assert at.facts(WHERE) == [CAT]


@check("add/message", "an asynchronous add")
def written_behind(at: Asked) -> None:
    added = at.add(CAT, async_mode=True)
    assert added.status == "running"
    assert at.wait_for(added).status == "completed"
    assert at.facts(WHERE) == [CAT]


@check("add/message", "preferences")
def preferred(at: Asked) -> None:
    at.add(TEA)
    assert [liking.preference for liking in at.get_memory(user_id=at.ada).preference_detail_list] == [TEA]


@check("add/message", "an agent's own memory")
def agents(at: Asked) -> None:
    at.add(CAT, agent_id=at.ada)
    assert at.facts(WHERE, agent_id=at.ada) == [CAT]
    assert at.facts(WHERE) == []


@check("add/message", "info")
def informed(at: Asked) -> None:
    at.add(CAT, info={"scene": "home", "floor": 2})
    (fact,) = at.get_memory(user_id=at.ada).memory_detail_list
    assert dict(fact.info) == {"scene": "home", "floor": 2}


@check("add/message", "an agent and an app beside the user")
def marked(at: Asked) -> None:
    at.add_message(
        messages=[{"role": "user", "content": CAT}], user_id=at.ada, agent_id="bot", app_id="shop", async_mode=False
    )
    assert at.facts(WHERE, filter={"and": [{"agent_id": "bot"}, {"app_id": "shop"}]}) == [CAT]
    assert at.facts(WHERE, filter={"and": [{"agent_id": "other"}]}) == []


@check("add/message", "the conversation of a memory")
def in_a_conversation(at: Asked) -> None:
    at.add(CAT, conversation_id="monday")
    assert at.get_memory(user_id=at.ada).memory_detail_list[0].conversation_id == "monday"


@check("add/message", "the time of a memory, by its chat_time")
def dated(at: Asked) -> None:
    message = {"role": "user", "content": CAT, "chat_time": "2020-02-01 10:00:00"}
    at.add_message(messages=[message], user_id=at.ada, conversation_id="c", async_mode=False)
    assert at.facts(WHERE, filter={"and": [{"create_time": {"lt": "2020-03-01"}}]}) == [CAT]
    (fact,) = at.get_memory(user_id=at.ada).memory_detail_list
    assert fact.create_time == 1_580_551_200_000


@check("add/message", "a run of tools")
def tools(at: Asked) -> None:
    assert at.add_message(messages=RUN, user_id=at.ada, conversation_id="c", async_mode=False).success


@check("add/message", "tool memory")
def of_tools(at: Asked) -> None:
    at.add_message(messages=RUN, user_id=at.ada, conversation_id="c", async_mode=False)
    found = at.search_memory(query="look called, tea is a leaf", user_id=at.ada, include_tool_memory=True, relativity=0)
    assert len(found.tool_memory_detail_list) == 1


@check("add/message", "tags")
def tagged(at: Asked) -> None:
    at.add(CAT, tags=["pets"])
    assert at.facts(WHERE, filter={"and": [{"tags": {"contains": "pets"}}]}) == [CAT]


@check("add/message", "several users at once")
def for_several(at: Asked) -> None:
    at.add(CAT, user_id=[at.ada, at.bob])
    assert at.facts(WHERE) == at.facts(WHERE, user_id=at.bob) == [CAT]


@check("add/message", "speakers' names")
def spoken(at: Asked) -> None:
    message = {"role": "user", "content": CAT, "role_id": "1", "role_name": "Zoe"}
    assert at.add_message(messages=[message], user_id=at.ada, conversation_id="c", async_mode=False).success


@check("add/message", "views of memory that are allowed")
def viewed(at: Asked) -> None:
    at.add(TEA, allow_memory_view=["preference"])
    assert len(at.get_memory(user_id=at.ada).preference_detail_list) == 1
    assert at.kept() == {}


@check("add/message", "an extraction prompt of one's own")
def extracted_so(at: Asked) -> None:
    assert at.add(CAT, custom_extract_prompt={"detail_factual": "Keep what is said of animals."}).success


@check("add/message", "public memory")
def public(at: Asked) -> None:
    at.add("The office in Lyon closes at noon.", allow_public=True)
    assert at.facts("When does the office close?", user_id=at.bob) == ["The office in Lyon closes at noon."]
