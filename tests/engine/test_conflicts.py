"""What is said anew of the same thing takes the place of what was said before, and of nothing else."""

from pathlib import Path

import pytest

from tests.engine.conftest import Clock, Talk
from tests.engine.feedback import by_id, facts, feed, status, verbs

DATA = Path(__file__).parent / "data"
FACT, BOTH = {"detail_factual": 1}, {"detail_factual": 1, "preference": 1}


def pairs(name: str) -> list[tuple[str, str]]:
    told = (line.split("\t") for line in (DATA / name).read_text("utf-8").splitlines())
    return [(old.replace("\\n", "\n"), new.replace("\\n", "\n")) for old, new in told]


def likings(talk: Talk) -> list[str]:
    return [item.preference for item in talk.page(size=50).preference_detail_list]


def say(talk: Talk, text: str, when: str = "2026-08-01 12:00:00", **more: str) -> str:
    """One turn; the task it became."""
    message = {"role": "user", "content": text, "chat_time": when, **more}
    return talk.add(messages=[message]).task_id or ""


@pytest.mark.parametrize(("old", "new"), pairs("conflicts.tsv"))
def test_the_newer_replaces_the_older(talk: Talk, clock: Clock, old: str, new: str) -> None:
    talk.add(old)
    clock.now += 60
    talk.add(new)
    assert facts(talk) == {new}
    assert old not in likings(talk)


@pytest.mark.parametrize(("old", "new"), pairs("conflicts.tsv"))
def test_an_older_statement_imported_later_replaces_nothing(talk: Talk, old: str, new: str) -> None:
    say(talk, new, "2026-08-01 12:00:00")
    say(talk, old, "2026-07-01 12:00:00")
    assert facts(talk) == {new}
    assert old not in likings(talk)


@pytest.mark.parametrize(("old", "new"), pairs("no-conflicts.tsv"))
def test_in_doubt_both_are_kept(talk: Talk, clock: Clock, old: str, new: str) -> None:
    talk.add(old)
    before = likings(talk)
    clock.now += 60
    task = talk.add(new).task_id or ""
    assert facts(talk) == {old, new}
    assert set(before) <= set(likings(talk))
    assert set(status(talk, task).memory_views) == {"added"}


@pytest.mark.parametrize(("old", "new"), pairs("conflicts.tsv")[::5])
def test_what_others_are_told_stays(talk: Talk, clock: Clock, old: str, new: str) -> None:
    for whose in ({"user_id": "v"}, {"agent_id": "a"}, {"user_id": "u", "project": "p"}, {"agent_id": "u"}):
        talk.add(old, **whose)
    talk.add(messages=[{"role": "user", "content": old, "role_name": "Bob"}])
    talk.add(old, role="assistant")
    clock.now += 60
    talk.add(new)
    for whose in ({"user_id": "v"}, {"agent_id": "a"}, {"user_id": "u", "project": "p"}, {"agent_id": "u"}):
        assert facts(talk, **whose) == {old}
    assert facts(talk) == {f"Bob: {old}", f"[assistant view] {old}", new}


def test_several_users_words_are_nobodys_unless_they_are_named(talk: Talk) -> None:
    for text in ("I live in Lyon.", "I live in Nantes."):
        talk.add(text, user_id=["u", "v"])
    assert facts(talk) == facts(talk, user_id="v") == {"I live in Lyon.", "I live in Nantes."}
    for name, text in (("Ann", "I live in Lyon."), ("Bob", "I live in Rome."), ("Ann", "I live in Bonn.")):
        talk.add(messages=[{"role": "user", "content": text, "role_name": name}], user_id=["w", "x"])
    assert facts(talk, user_id="w") == {"Bob: I live in Rome.", "Ann: I live in Bonn."}


def test_agents_and_the_public_keep_all(talk: Talk) -> None:
    for text in ("I live in Lyon.", "I live in Nantes."):
        talk.add(text, agent_id="a")
    assert len(facts(talk, agent_id="a")) == 2
    talk.add("I live in Lyon.", user_id="v", allow_public=True)
    talk.add("I live in Nantes.", user_id="w", allow_public=True)
    assert set(talk.facts("live", user_id="x")) == {"I live in Lyon.", "I live in Nantes."}


def test_only_the_sentence_that_holds_no_more_goes(talk: Talk, clock: Clock) -> None:
    say(talk, "Hello! I live in Lyon. I have two parrots.")
    clock.now += 60
    task = say(talk, "I moved to Nantes.", "2026-08-02 12:00:00")
    assert facts(talk) == {"Hello! I have two parrots.", "I moved to Nantes."}
    assert verbs(talk, task)["updated"] == FACT
    assert talk.search("Lyon", relativity=0.45).memory_detail_list == ()
    assert talk.facts("parrots")[0] == "Hello! I have two parrots."


def test_a_greeting_alone_is_not_worth_keeping(talk: Talk, clock: Clock) -> None:
    say(talk, "Hello! I live in Lyon.")
    clock.now += 60
    task = say(talk, "I moved to Nantes.", "2026-08-02 12:00:00")
    assert facts(talk) == {"I moved to Nantes."}
    assert verbs(talk, task)["deleted"] == FACT


def test_a_sentence_that_the_next_leans_on_stays(talk: Talk) -> None:
    say(talk, "I live in Lyon. It's lovely.")
    say(talk, "I moved to Nantes.", "2026-08-02 12:00:00")
    assert facts(talk) == {"I live in Lyon. It's lovely.", "I moved to Nantes."}


def test_the_archived_can_be_read_changed_and_deleted(talk: Talk, clock: Clock) -> None:
    talk.add("I love coffee.")
    told = talk.page()
    fact, liking = told.memory_detail_list[0].id, told.preference_detail_list[0].id
    clock.now += 60
    task = talk.add("I can't stand coffee any more.").task_id or ""
    assert status(talk, task).memory_views["deleted"] == {
        "detail_factual": {"memory_ids": [fact]},
        "preference": {"memory_ids": [liking]},
    }
    for memory in (fact, liking):
        assert (by_id(talk, memory).status, by_id(talk, memory).content) == ("archived", "I love coffee.")
        assert by_id(talk, memory).updated_at == "2026-08-01T12:01:00"
    talk.delete(memory_ids=[liking])
    feed(talk, "I love cocoa, not coffee.")
    assert by_id(talk, fact).status == "archived"
    assert "I can't stand coffee any more." in likings(talk)
    assert "I love coffee." not in likings(talk)


def test_a_correction_is_as_young_as_itself(talk: Talk, clock: Clock) -> None:
    say(talk, "I live in Lyon.", "2026-06-01 12:00:00")
    feed(talk, "I live in Rome, not Lyon.")
    say(talk, "I live in Nantes.", "2026-07-01 12:00:00")
    assert facts(talk) == {"I live in Rome."}
    clock.now += 3600
    talk.add("I live in Bonn.")
    assert facts(talk) == {"I live in Bonn."}
