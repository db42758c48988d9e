"""Who is ready first: several engines, callers who wait, ends, and changes while an extractor is asked."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos_integrations import LLMExtractor, ModelEndpoint
from memos_integrations.engine import Engine, _core
from memos_integrations.engine._extraction import Extraction, NewEvent, NewFact, NewPreference, ToExtract
from memos_integrations.engine._pieces import Waiting
from memos_integrations.wire.calls import AddFeedback, AddMessage, DeleteMemory, UpdateMemory
from tests.client import server as scripts
from tests.client.server import Server
from tests.engine.conftest import Talk
from tests.engine.extractors import Held, Telling, learning, told
from tests.engine.test_extracting import status

PARROT = Extraction(
    (NewFact(0, "Ada has a parrot.", "Parrot"),), (NewPreference(0, "Ada likes parrots."),), (NewEvent(0, "A parrot."),)
)
SAID = "I like parrots."


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held(PARROT)
    yield held
    held.go.set()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for less long."""
    monkeypatch.setattr(_core, "CLOSING_SECONDS", 0.5)


def facts(talk: Talk, **subject: str) -> list[str]:
    return [fact.memory_value for fact in talk.page(**subject).memory_detail_list]


def likings(talk: Talk) -> list[str]:
    return [item.preference for item in talk.page().preference_detail_list]


def test_an_add_is_answered_before_the_extractor(held: Held) -> None:
    talk = learning(held)
    added = talk.add(SAID, async_mode=True)
    assert held.begun.acquire(timeout=10)
    assert (added.status, status(talk, added.task_id).status) == ("running", "running")
    assert talk.facts("parrots")[0].startswith("user: [")  # it is found, and the file can be written to
    talk.add("I also like cats.", user_id="v", async_mode=True)
    held.go.set()
    assert talk.engine.settle(30) == 0
    assert (facts(talk), likings(talk)) == (["Ada has a parrot."], ["Ada likes parrots."])
    talk.engine.close()


def test_two_engines_do_a_task_once(path: Path) -> None:
    both = threading.Barrier(2, timeout=30)

    def together(asked: ToExtract) -> Extraction:
        both.wait()
        return PARROT

    talks = [learning(Telling(together), path) for _ in range(2)]
    added = talks[0].add(SAID, async_mode=True)
    talks[1].engine.settle(30)
    talks[0].engine.settle(30)
    assert (facts(talks[0]), likings(talks[1])) == (["Ada has a parrot."], ["Ada likes parrots."])
    assert status(talks[1], added.task_id).status == "completed"
    for talk in talks:
        talk.engine.close()


def test_a_caller_who_waits_and_another_engine(path: Path, held: Held) -> None:
    slow, fast = learning(held, path), learning(Telling(Extraction((NewFact(0, "The first."),))), path)
    answers = list[str | None]()
    adding = threading.Thread(target=lambda: answers.append(slow.add(SAID).status))
    adding.start()
    assert held.begun.acquire(timeout=10)
    assert fast.engine.settle(30) == 0
    held.go.set()
    adding.join(30)
    assert answers == ["completed"]
    assert (facts(slow), likings(slow)) == (["The first."], [SAID])
    slow.engine.close()
    fast.engine.close()


def test_in_one_engine_nobody_is_asked_twice(held: Held) -> None:
    talk = learning(held)
    adding = threading.Thread(target=talk.add, args=(SAID,))
    adding.start()
    assert held.begun.acquire(timeout=10)
    assert talk.engine.settle(10) == 1  # the background leaves it alone
    held.go.set()
    adding.join(30)
    assert not held.begun.acquire(blocking=False)
    assert facts(talk) == ["Ada has a parrot."]
    talk.engine.close()


def test_closing_gives_up_and_the_next_engine_goes_on(path: Path, held: Held, caplog: pytest.LogCaptureFixture) -> None:
    talk = learning(held, path)
    task = talk.add(SAID, async_mode=True).task_id
    assert held.begun.acquire(timeout=10)
    talk.engine.close()  # nobody lets it go: only giving up lets this end
    assert held.given_up
    assert caplog.records == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("memos-")]
    again = learning(Telling(PARROT), path)
    assert again.engine.settle(30) == 0
    assert status(again, task).status == "completed"
    assert (facts(again), likings(again)) == (["Ada has a parrot."], ["Ada likes parrots."])
    again.engine.close()


def test_closing_gives_up_an_endpoint_that_never_answers(path: Path) -> None:
    with Server(usual=scripts.stall) as server:
        talk = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m")), path)
        talk.add(SAID, async_mode=True)
        assert server.arrived.acquire(timeout=10)
        talk.engine.close()
        assert server.ended.acquire(timeout=10)
        server.usual = told(facts=[{"line": 1, "text": "Ada has a parrot."}])
        again = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m")), path)
        assert again.engine.settle(30) == 0
        assert facts(again) == ["Ada has a parrot."]
        again.engine.close()


def test_an_extractor_that_can_not_be_given_up_leaves_no_trace(path: Path) -> None:
    go, begun = threading.Event(), threading.Event()

    class Deaf:
        def extract(self, asked: ToExtract, waiting: Waiting) -> Extraction:
            begun.set()
            go.wait()
            return PARROT

    talk = learning(Deaf(), path)
    talk.add(SAID, async_mode=True)
    assert begun.wait(10)
    talk.engine.close()
    go.set()
    for thread in threading.enumerate():
        if thread.name == "memos-refiner":
            thread.join(30)
    plain = Engine(path)
    assert plain.settle(30) == 0
    assert facts(Talk(plain)) == [SAID]
    plain.close()


def test_a_caller_who_leaves_leaves_it_to_the_background(held: Held) -> None:
    talk, waiting = learning(held), Waiting()
    call = AddMessage(messages=[{"role": "user", "content": SAID}], user_id="u", async_mode=False)
    answers = list[str | None]()
    adding = threading.Thread(target=lambda: answers.append(talk.engine.add_message(call, "", None, waiting).status))
    adding.start()
    assert held.begun.acquire(timeout=10)
    waiting.give_up()
    adding.join(30)
    assert answers == ["running"]
    assert talk.engine.settle(30) == 0
    assert facts(talk) == ["Ada has a parrot."]
    talk.engine.close()


def test_a_caller_with_little_time_is_answered_by_the_rules() -> None:
    with Server(usual=scripts.stall) as server:
        talk = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m")))
        call = AddMessage(messages=[{"role": "user", "content": SAID}], user_id=["u", "v"], async_mode=False)
        assert talk.engine.add_message(call, seconds=0.5).status == "completed"
        assert (facts(talk), facts(talk, user_id="v"), likings(talk)) == ([SAID], [SAID], [SAID])
        assert len(server.requests) == 1  # for the second there was no time left
        talk.engine.close()


def test_what_is_deleted_meanwhile_does_not_come_back(held: Held) -> None:
    talk = learning(held)
    talk.add(SAID, async_mode=True)
    assert held.begun.acquire(timeout=10)
    talk.delete(user_id="u")
    taken = talk.add("Somebody else's.", user_id="v", async_mode=True)  # may get the numbers of what is gone
    held.go.set()
    assert talk.engine.settle(30) == 0
    assert (facts(talk), likings(talk)) == ([], [])
    assert status(talk, taken.task_id).status == "completed"
    assert facts(talk, user_id="v") == ["Ada has a parrot."]  # it was not taken for the other
    talk.engine.close()


def test_lines_deleted_or_changed_meanwhile_are_left_to_the_rules(held: Held) -> None:
    talk = learning(held)
    held.found = Extraction(
        tuple(NewFact(n, f"fact {n}") for n in range(3)), tuple(NewPreference(n, f"liking {n}") for n in range(3))
    )
    talk.add("I like cats.", "I like dogs.", "I like hens.", async_mode=True)
    assert held.begun.acquire(timeout=10)
    rough = {fact.memory_value[-9:]: fact.id for fact in talk.page().memory_detail_list}
    talk.engine.delete_memory(DeleteMemory(memory_ids=[rough["ike cats."]]))
    talk.engine.update_memory(UpdateMemory(memory_id=rough["ike dogs."], content="I like owls."))
    held.go.set()
    assert talk.engine.settle(30) == 0
    assert sorted(facts(talk)) == ["I like owls.", "fact 2"]
    assert sorted(likings(talk)) == ["I like dogs.", "liking 2"]
    talk.engine.close()


def test_a_known_memory_that_changed_meanwhile_stays(held: Held) -> None:
    talk = learning(held)
    held.found = Extraction()
    held.go.set()
    talk.add("I live in a house in Nice.", conversation_id="a")
    held.go.clear()
    held.found = Extraction((NewFact(0, "Ada has a flat.", replaces=(0,)),))
    talk.add("I live in no house.", conversation_id="b", async_mode=True)
    assert held.begun.acquire(timeout=10)
    assert held.begun.acquire(timeout=10)
    (known,) = [fact for fact in talk.page().memory_detail_list if fact.conversation_id == "a"]
    talk.engine.update_memory(UpdateMemory(memory_id=known.id, content="My aunt has a house in Nice."))
    held.go.set()
    assert talk.engine.settle(30) == 0
    assert sorted(facts(talk)) == ["Ada has a flat.", "My aunt has a house in Nice."]
    talk.engine.close()


def test_feedback_meanwhile_counts(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    talk = learning(held)
    talk.add("I moved to Lyon.", async_mode=True)
    assert held.begun.acquire(timeout=10)
    talk.engine.add_feedback(AddFeedback(user_id="u", feedback_content='Replace "Lyon" with "Metz"'))
    held.go.set()
    assert talk.engine.settle(30) == 0
    assert facts(talk) == ["I moved to Metz."]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    talk.engine.close()
