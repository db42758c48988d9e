"""What is said twice is kept once, the newest; and neither order nor repetition of the work decides what stays."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_integrations.engine import (
    Engine,
    _conflicts,
    _conflicts_chinese,
    _conflicts_english,
    _conflicts_store,
    _refine,
)
from memos_integrations.wire.calls import GetMessage
from tests.engine.conftest import Clock, Talk
from tests.engine.feedback import by_id, facts, status, verbs
from tests.engine.test_conflicts import likings, pairs, say


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("I adopted two grey parrots.", "i adopted two GREY parrots"),
        ("The parrots sing all night long!", "The parrots sing all night long."),
        ("我养了两只鹦鹉。", "我养了两只鹦鹉"),
    ],
)
def test_a_fact_is_kept_once(talk: Talk, first: str, again: str) -> None:
    say(talk, first)
    task = say(talk, again, "2026-08-02 12:00:00")
    assert facts(talk) == {again}
    assert verbs(talk, task)["deleted"] == {"detail_factual": 1}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("Thank you so much!", "Thank you so much!"),
        ("It was grey and sang all night.", "It was grey and sang all night."),
        ("Which parrots sing all night?", "Which parrots sing all night?"),
        ("My parrots can sing at night.", "My parrots can't sing at night."),
        ("My parrots sing at night.", "Your parrots sing at night."),
    ],
)
def test_what_is_not_the_same_or_says_little_stays(talk: Talk, first: str, again: str) -> None:
    say(talk, first)
    say(talk, again, "2026-08-02 12:00:00")
    assert talk.page().total == 2


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("I love coffee.", "I really love coffee!"),
        ("I avoid trains.", "I avoid trains"),
        ("我讨厌早起。", "我讨厌早起！"),
    ],
)
def test_a_preference_is_kept_once_with_the_newer_time(talk: Talk, first: str, again: str) -> None:
    say(talk, again, "2026-08-02 12:00:00")
    say(talk, first, "2026-08-01 12:00:00")
    (liking,) = talk.page().preference_detail_list
    assert (liking.preference, liking.create_time) == (again, 1785672000000)


def test_nothing_vanishes_from_the_conversation(talk: Talk) -> None:
    told = ["I live in Lyon.", "I love tea.", "I moved to Rome.", "I hate tea.", "I have a parrot."]
    for day, text in enumerate(told, 1):
        talk.add(
            messages=[{"role": "user", "content": text, "chat_time": f"2026-08-0{day} 12:00:00"}], conversation_id="c"
        )
    call = GetMessage(user_id="u", conversation_id="c", message_limit_number=20)
    assert [message.content for message in talk.engine.get_message(call).message_detail_list] == told
    assert facts(talk) == {"I moved to Rome.", "I hate tea.", "I have a parrot."}


SAID = [text for pair in pairs("conflicts.tsv")[::4] + pairs("no-conflicts.tsv")[::6] for text in pair]


def refined(said: list[tuple[str, int]], order: list[int], again: int = 0) -> tuple[set[str], list[str], set[str]]:
    """What is left, and which texts are archived, when what was `said` on such days is refined in this order.

    The first `again` tasks are settled a second time.
    """
    engine = Engine(":memory:", clock=Clock())
    engine._refiner._stopping = True
    talk = Talk(engine)
    tasks = [talk.add(messages=[message(*each)], async_mode=True).task_id or "" for each in said]
    with engine._store.writing():
        for place in order:
            _refine.refine(engine._store, engine._store.tasks_of("", tasks[place])[0])
        for place in order[:again]:
            _conflicts.settle(engine._store, engine._store.tasks_of("", tasks[place])[0])
    left = {fact.memory_value for fact in talk.page(size=50).memory_detail_list}
    kept = left, sorted(likings(talk)), archived(talk, tasks)
    engine.close()
    return kept


def message(text: str, day: int) -> dict[str, str]:
    return {"role": "user", "content": text, "chat_time": f"2026-07-{day:02} 12:00:00"}


def archived(talk: Talk, tasks: list[str]) -> set[str]:
    """What the tasks tell to have been archived."""
    told = [status(talk, task).memory_views.get("deleted", {}) for task in tasks]
    found = [by_id(talk, each) for views in told for view in views.values() for each in view["memory_ids"]]
    assert {memory.status for memory in found} <= {"archived"}
    return {str(memory.content) for memory in found}


@given(st.lists(st.tuples(st.sampled_from(SAID), st.integers(1, 9)), min_size=2, max_size=5), st.data())
@settings(max_examples=40, deadline=None)
def test_the_order_of_refinement_decides_nothing(said: list[tuple[str, int]], data: st.DataObject) -> None:
    order = list(range(len(said)))
    expected = refined(said, order)
    order = data.draw(st.permutations(order))
    assert refined(said, order) == expected
    assert refined(said, order, again=2) == expected


def test_a_statement_in_between_counts_whenever_it_comes() -> None:
    """Lyon was left for Paris, and Paris then; that Paris is known to be left must not bring Lyon back."""
    said = [("I live in Lyon.", 1), ("I live in Paris.", 2), ("I no longer live in Paris.", 3)]
    for order in permutations(range(3)):
        assert refined(said, list(order))[0] == {"I no longer live in Paris."}


PIECES = ("I ", "now ", "moved ", "to ", "Lyon ", "my ", "name ", "is ", ",", ".", "and ", "我", "现在", "刚", "住在")
pieces = st.sampled_from(PIECES)


@given(st.lists(pieces, max_size=60).map("".join))
@settings(deadline=None)
def test_no_text_takes_long_or_fails(text: str) -> None:
    for language in (_conflicts_english, _conflicts_chinese):
        list(language.claims(text))
        list(language.claims(text * 20))


def test_long_texts_of_common_words_are_compared(talk: Talk) -> None:
    """Of more words than SQLite joins lists at once, each in many memories."""
    words = "".join(chr(0x4E00 + place) for place in range(900))
    for number in range(18):
        talk.add(f"{words}{number}")
    talk.add(f"{words}3")
    assert talk.page().total == 18


def test_what_is_read_of_an_add_does_not_grow_with_what_its_owner_likes(talk: Talk) -> None:
    store, task = talk.engine._store, say(talk, "I like parrots.")

    def steps() -> int:
        """Of SQLite, in reading what is remembered of the add and of its messages."""
        taken = list[None]()
        with store.writing():
            (own,) = store.tasks_of("", task)
            store._connection().set_progress_handler(lambda: taken.append(None), 1)
            read = [*_conflicts_store.of_task(store, own), *_conflicts_store.of_messages(store, own.owner, [own.first])]
            store._connection().set_progress_handler(None, 1)
        assert [memory.table for memory in read] == ["fact", "preference"] * 2
        return len(taken)

    before = steps()
    for n in range(50):
        say(talk, f"I like number {n}.")
    assert steps() < before * 1.5
