from pathlib import Path

import pytest

from memos_integrations.engine import _search
from memos_integrations.errors import BadRequest
from tests.engine.conftest import Clock, Talk

DATA = Path(__file__).parent / "data"


def test_what_bears_on_the_question_comes_first(talk: Talk) -> None:
    talk.add("I live in Lyon.", "The bakery sells bread.", "Lyon has two rivers and I live near both rivers.")
    assert talk.facts("which rivers are there")[0] == "Lyon has two rivers and I live near both rivers."


def test_the_only_fact_is_found(talk: Talk) -> None:
    talk.add("I moved to Lyon.")
    assert talk.facts("Where have I moved to, and when?") == ["I moved to Lyon."]


def test_what_has_no_bearing_is_not_told(talk: Talk) -> None:
    talk.add("The bakery sells bread.", "It rains.")
    assert talk.facts("quantum chromodynamics lectures") == []
    assert talk.facts("what is it") == []


def test_relativity_cuts_and_none_of_it_fills_up_with_the_newest(talk: Talk, clock: Clock) -> None:
    for text in ("old bread", "newer butter", "newest jam"):
        talk.add(text)
        clock.now += 60
    assert talk.facts("bread and circuses", relativity=1) == []
    assert talk.facts("bread", relativity=0.9) == ["old bread"]
    assert talk.facts("bread", relativity=0) == ["old bread", "newest jam", "newer butter"]
    assert talk.facts("bread", relativity=0, memory_limit_number=2) == ["old bread", "newest jam"]
    assert talk.facts("the", relativity=0) == ["newest jam", "newer butter", "old bread"]


def test_every_item_tells_its_relativity(talk: Talk) -> None:
    talk.add("I avoid trains.", "trains are loud")
    found = talk.search("trains")
    assert all(0 < (item.relativity or 0) <= 1 for item in found.memory_detail_list)
    assert all(0 < (item.relativity or 0) <= 1 for item in found.preference_detail_list)


def test_limits(talk: Talk) -> None:
    talk.add(*(f"I like parrot number {n}." for n in range(30)))
    found = talk.search("parrot")
    assert (len(found.memory_detail_list), len(found.preference_detail_list)) == (9, 9)
    found = talk.search("parrot", memory_limit_number=25, preference_limit_number=2)
    assert (len(found.memory_detail_list), len(found.preference_detail_list)) == (25, 2)
    found = talk.search("parrot", memory_limit_number=0)
    assert (len(found.memory_detail_list), len(found.preference_detail_list)) == (0, 9)


def test_views(talk: Talk) -> None:
    talk.add("I like parrots.")
    both = talk.search("parrots")
    assert (len(both.memory_detail_list), len(both.preference_detail_list)) == (1, 1)
    facts = talk.search("parrots", include_preference=False)
    assert (len(facts.memory_detail_list), len(facts.preference_detail_list), facts.preference_note) == (1, 0, "")
    only = talk.search("parrots", include_memory_view=["preference"], include_preference=False)
    assert (len(only.memory_detail_list), len(only.preference_detail_list)) == (0, 1)
    none = talk.search("parrots", include_memory_view=["skill", "event", "profile", "tool_memory"])
    assert not none.memory_detail_list + none.preference_detail_list + none.skill_detail_list + none.event_detail_list


def test_preferences_come_without_a_cut_until_one_is_asked_for(talk: Talk, clock: Clock) -> None:
    for text in ("I keep kosher.", "I hate jazz.", "I avoid trains."):
        talk.add(text)
        clock.now += 60
    assert talk.preferences("Where should we have dinner?") == ["I keep kosher.", "I avoid trains.", "I hate jazz."]
    assert talk.preferences("Where should we have dinner?", relativity=0.1) == ["I keep kosher."]
    assert len(talk.preferences("zzz", relativity=0)) == 3


def test_the_note_has_the_preferences_language(talk: Talk) -> None:
    talk.add("I avoid trains.", user_id="u")
    talk.add("我不喜欢坐火车。", user_id="v")
    assert "preference" in talk.search("trains").preference_note
    assert "偏好" in talk.search("火车", user_id="v").preference_note
    assert talk.search("trains", user_id="nobody").preference_note == ""


def test_the_conversation_given_comes_first(talk: Talk) -> None:
    talk.add("The parrot is green.", conversation_id="here")
    talk.add("The parrot is grey.", conversation_id="there")
    assert talk.facts("parrot", conversation_id="here") == ["The parrot is green.", "The parrot is grey."]
    assert talk.facts("parrot", conversation_id="there") == ["The parrot is grey.", "The parrot is green."]
    assert talk.facts("parrot", conversation_id="never seen") == ["The parrot is grey.", "The parrot is green."]


def test_speakers_and_days_named_count(talk: Talk) -> None:
    turns = [("Ann", "I adopted a dog.", "2026-05-08 10:00"), ("Bob", "I adopted a dog.", "2026-06-09 10:00")]
    for name, text, when in turns:
        message = {"role": "user", "role_name": name, "content": text, "chat_time": when}
        talk.add(messages=[message], conversation_id=name)
    assert talk.facts("Who adopted a dog, Ann?")[0] == "Ann: I adopted a dog."
    assert talk.facts("Did Bob adopt a dog?")[0] == "Bob: I adopted a dog."
    assert talk.facts("Who adopted a dog on May 8, 2026?")[0] == "Ann: I adopted a dog."
    assert talk.facts("Ann?", relativity=0)


def test_the_answer_after_a_question_is_found(talk: Talk) -> None:
    talk.add("Which dessert was on the menu?", "Tiramisu, of course.", "Bye.", conversation_id="c")
    assert "Tiramisu, of course." in talk.facts("dessert menu")


def test_originals_come_with_sources(talk: Talk) -> None:
    message = {
        "role": "user",
        "role_name": "Ann",
        "content": "I avoid trains.",
        "chat_time": "2026-05-08 10:00",
        "message_id": "m7",
    }
    talk.add(messages=[message])
    expected = ({"type": "chat", **message},)
    for form in ("sources", "mixed"):
        found = talk.search("trains", context_format=form)
        assert found.memory_detail_list[0].sources == found.preference_detail_list[0].sources == expected
    assert talk.search("trains").memory_detail_list[0].sources == ()


def test_knowledge_bases_that_are_not_linked(talk: Talk) -> None:
    for named in (["nobody's"], ["all", "nobody's"]):
        with pytest.raises(BadRequest) as caught:
            talk.search("x", knowledgebase_ids=named)
        assert caught.value.code == 50123
    for none in ([], ["all"]):
        assert talk.search("x", knowledgebase_ids=none).memory_detail_list == ()


def test_common_words_only_add_to_what_rare_ones_found(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search, "KNOWN_ENOUGH", 1)
    talk.add(*(f"common number{n}" for n in range(20)), "common rare")
    assert talk.facts("rare common", relativity=0.01, memory_limit_number=25)[0] == "common rare"
    assert len(talk.facts("rare common", filter={"and": [{"tags": {"contains": "mode:fine"}}]})) == 9


def test_a_selective_filter_finds_what_is_far_down(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search, "CANDIDATES", 3)
    talk.add("the parrot that is wanted, far down in a long and winding sentence of many words", tags=["x"])
    talk.add(*(f"parrot {n}" for n in range(200)))
    assert len(talk.facts("parrot", filter={"and": [{"tags": {"contains": "x"}}]})) == 1


def chinese_places(talk: Talk) -> list[int]:
    pairs = [line.split("\t") for line in (DATA / "chinese-pairs.tsv").read_text("utf-8").splitlines()]
    others = (DATA / "chinese-distractors.txt").read_text("utf-8").splitlines()
    talk.add(*(told for told, _ in pairs), *others)
    found = [(talk.facts(asked, relativity=0, memory_limit_number=25), told) for told, asked in pairs]
    return [facts.index(told) + 1 if told in facts else 26 for facts, told in found]


def test_chinese_questions_find_their_answers(talk: Talk) -> None:
    places = chinese_places(talk)
    assert len(places) >= 40
    assert sum(place <= 3 for place in places) / len(places) >= 0.95
    assert sum(place == 1 for place in places) / len(places) >= 0.80
