"""Checks of what is found, listed, changed and deleted."""

from tests.addresses.of_adds import CAT, SEAT, TEA, WHERE
from tests.addresses.registry import Asked, check, not_found


@check("search/memory", "facts and preferences, with a note on them")
def found(at: Asked) -> None:
    at.add(CAT, TEA)
    told = at.search_memory(query="Oskar sleeps near the green tea that I prefer", user_id=at.ada, relativity=0)
    assert CAT in [fact.memory_value for fact in told.memory_detail_list]
    assert [liking.preference for liking in told.preference_detail_list] == [TEA]
    assert told.preference_note


@check("search/memory", "no user's memories for another")
def apart(at: Asked) -> None:
    at.add(CAT)
    assert at.facts(WHERE, user_id=at.bob) == []


@check("search/memory", "limits")
def limited(at: Asked) -> None:
    at.add(CAT, "My cat Mimi sleeps on the sofa.", TEA)
    told = at.search_memory(query=WHERE, user_id=at.ada, memory_limit_number=1, include_preference=False, relativity=0)
    assert (len(told.memory_detail_list), told.preference_detail_list) == (1, ())
    assert at.facts(WHERE, memory_limit_number=0) == []


@check("search/memory", "relativity")
def related(at: Asked) -> None:
    at.add(CAT)
    assert at.facts(WHERE, relativity=0.05) == [CAT]
    assert at.facts("Which train leaves for Nantes?", relativity=0.9) == []


@check("search/memory", "filters by info and time")
def filtered(at: Asked) -> None:
    at.add(CAT, info={"scene": "home"})
    at.add(SEAT, info={"scene": "trip"})
    told = at.facts("My cat Oskar and the window seat", filter={"and": [{"scene": "trip"}]})
    assert told == [SEAT]
    assert at.facts(WHERE, filter={"and": [{"create_time": {"lt": "2020-01-01"}}]}) == []


@check("search/memory", "views by name")
def searched_views(at: Asked) -> None:
    at.add(CAT, TEA)
    told = at.search_memory(query="green tea, Oskar", user_id=at.ada, include_memory_view=["preference"], relativity=0)
    assert (told.memory_detail_list, len(told.preference_detail_list)) == ((), 1)


@check("search/memory", "events")
def events(at: Asked) -> None:
    at.add("I met Anna in Lyon yesterday.")
    told = at.search_memory(query="When did I meet Anna?", user_id=at.ada, include_memory_view=["event"], relativity=0)
    assert len(told.event_detail_list) == 1


@check("search/memory", "the conversation asked from comes first")
def weighed(at: Asked) -> None:
    for number, town in enumerate(("Lyon", "Nantes")):
        at.add(f"My plan for the weekend is hiking near {town}.", conversation_id=f"c{number}")
    for number, town in enumerate(("Lyon", "Nantes")):
        told = at.facts("What is my plan for the weekend?", conversation_id=f"c{number}")
        assert town in told[0]


@check("search/memory", "knowledge bases")
def bases(at: Asked) -> None:
    base = at.create_knowledgebase(knowledgebase_name="shop").id
    assert at.facts("tea", knowledgebase_ids=[base]) == []


@check("get/memory", "pages")
def paged(at: Asked) -> None:
    at.add(CAT, SEAT, "My dog Rex eats chicken.")
    pages = [at.get_memory(user_id=at.ada, page=page, size=2) for page in (1, 2)]
    assert [(page.total, page.pages, page.current, page.size) for page in pages] == [(3, 2, 1, 2), (3, 2, 2, 2)]
    assert [len(page.memory_detail_list) for page in pages] == [2, 1]


@check("get/memory", "filters")
def listed_by_filter(at: Asked) -> None:
    at.add(CAT, info={"scene": "home"})
    at.add(SEAT, info={"scene": "trip"})
    assert list(at.kept(filter={"or": [{"scene": "home"}]})) == [CAT]


@check("get/memory", "views by name")
def listed_views(at: Asked) -> None:
    at.add(CAT, TEA)
    told = at.get_memory(user_id=at.ada, include_memory_view=["preference"])
    assert (told.memory_detail_list, len(told.preference_detail_list)) == ((), 1)


@check("get/memory", "an agent's")
def listed_of_agents(at: Asked) -> None:
    at.add(CAT, agent_id=at.ada)
    assert list(at.kept(agent_id=at.ada)) == [CAT]
    assert at.kept() == {}


@check("get/message", "what was said, in order")
def told_back(at: Asked) -> None:
    at.add("one", "two")
    told = at.get_message(user_id=at.ada, conversation_id="c").message_detail_list
    assert [(message.role, message.content) for message in told] == [("user", "one"), ("user", "two")]


@check("get/memory/{memory_id}", "a memory by its id")
def by_id(at: Asked) -> None:
    at.add(CAT)
    assert at.get_memory_by_id(memory_id=at.kept()[CAT]).content == CAT


@check("get/status", "what becomes of a task")
def status(at: Asked) -> None:
    added = at.add(CAT, async_mode=True)
    assert at.wait_for(added).status == "completed"


@check("get/status", "a task that nobody knows is not found")
def unknown(at: Asked) -> None:
    assert not_found(at.get_status, task_id="0" * 32)


@check("get/status", "which memories a task made")
def made(at: Asked) -> None:
    told = at.wait_for(at.add(CAT, async_mode=True))
    assert "added" in (told.memory_views or {})
    assert told.memory_views["added"]["detail_factual"]["memory_ids"] == list(at.kept().values())


@check("add/feedback", "what is told is remembered")
def fed(at: Asked) -> None:
    added = at.add_feedback(user_id=at.ada, conversation_id="c", feedback_content="Oskar sleeps on the sofa.")
    assert at.wait_for(added).status == "completed"
    assert any("sofa" in text for text in at.facts("Oskar sleeps on the sofa"))


@check("add/feedback", "a correction takes the place of what it corrects")
def corrected(at: Asked) -> None:
    at.add("I live in Lyon.")
    at.wait_for(at.add_feedback(user_id=at.ada, conversation_id="c", feedback_content="I live in Nantes, not Lyon."))
    assert list(at.kept()) == ["I live in Nantes."]


@check("delete/memory", "by ids")
def deleted(at: Asked) -> None:
    at.add(CAT, SEAT)
    assert at.delete_memory(memory_ids=[at.kept()[CAT]]).success
    assert list(at.kept()) == [SEAT]


@check("delete/memory", "all of a user's, and nobody else's")
def emptied(at: Asked) -> None:
    at.add(CAT)
    at.add(SEAT, user_id=at.bob)
    assert at.delete_memory(user_id=at.ada).success
    assert (at.kept(), list(at.kept(user_id=at.bob))) == ({}, [SEAT])


@check("delete/memory", "all of an agent's")
def emptied_of_agents(at: Asked) -> None:
    at.add(CAT, agent_id=at.ada)
    at.add(SEAT)
    assert at.delete_memory(agent_id=at.ada).success
    assert (at.kept(agent_id=at.ada), list(at.kept())) == ({}, [SEAT])


@check("delete/memory", "by a filter alone")
def deleted_by_filter(at: Asked) -> None:
    at.add(CAT, info={"scene": at.ada})
    at.add(SEAT, info={"scene": "trip"})
    assert at.delete_memory(filter={"and": [{"scene": at.ada}]}).success
    assert list(at.kept()) == [SEAT]


@check("delete/memory", "an id that is not there is not found")
def deleted_unknown(at: Asked) -> None:
    assert not_found(at.delete_memory, memory_ids=["00000000-0000-0000-0000-000000000000"])


@check("delete/memory", "a user with nothing is not found")
def deleted_nobody(at: Asked) -> None:
    assert not_found(at.delete_memory, user_id=at.ada)


@check("update/memory", "new words for a memory")
def updated(at: Asked) -> None:
    at.add(CAT)
    assert at.update_memory(memory_id=at.kept()[CAT], content=SEAT).success
    assert list(at.kept()) == [SEAT]


@check("extract/memory", "what an add would make of it")
def extracted(at: Asked) -> None:
    told = at.extract_memory(messages=[{"role": "user", "content": CAT}])
    assert [fact.memory_value for fact in told.memory_detail_list] == [CAT]


@check("rerank", "the document that bears on a query comes first")
def reranked(at: Asked) -> None:
    told = at.rerank(query="green tea", documents=["Coffee comes from Ethiopia.", "I drink green tea."])
    assert told.results[0].index == 1
