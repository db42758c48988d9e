"""A sieve leaves out only patterns that can't fit: what the rules find with it is what they find without."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine import _chinese, _english
from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._sieve import Sieve, english_words, needs
from tests.engine.test_preferences import lines

RULES = [rule for rules in _english.ENGLISH.values() for rule in rules] + list(_english.UNMEANT)
PATTERNS = {rule: pattern(rule, _english.PARTS) for rule in RULES}
SIEVE = Sieve([(rule, rule) for rule in RULES], _english.PARTS)

fitting = st.sampled_from(RULES).flatmap(lambda rule: st.from_regex(PATTERNS[rule]))
vocabulary = sorted(set(re.findall(r"[a-z]{2,}|'", " ".join([*RULES, *_english.PARTS.values()]))))
glue = st.sampled_from(["i", "I", "my", "me", "not", "’", "ʼ", ",", ".", "!", "x", "ſ", "K", "İ", "ı", "é", "_", "7"])
sentences = st.lists(st.tuples(glue | st.sampled_from(vocabulary), st.sampled_from([" ", "", "\n", "\u00a0"])))


def found(text: str) -> list[str]:
    return [rule for rule in RULES if PATTERNS[rule].search(text)]


def found_with_sieve(text: str) -> list[str]:
    return [rule for rule, compiled in SIEVE.may_fit(english_words(text)) if compiled.search(text)]


@given(fitting)
def test_a_rule_is_tried_on_whatever_it_fits(text: str) -> None:
    assert found(text) == found_with_sieve(text) != []


@given(sentences.map(lambda words: "".join(map("".join, words))))
def test_any_words_are_found_the_same_with_a_sieve(text: str) -> None:
    assert found(text) == found_with_sieve(text)


@pytest.mark.parametrize("name", ["preferences", "no-preferences", "not-meant"])
def test_examples_are_found_the_same_with_a_sieve(name: str) -> None:
    told = [form for line in lines(f"{name}-english.txt") for form in (line, line.upper(), line.replace("'", "’"))]
    assert len(told) >= 40
    assert [text for text in told if found(text) != found_with_sieve(text)] == []


def test_most_rules_are_not_tried_on_a_text_of_other_words() -> None:
    assert len(SIEVE.may_fit(english_words("The train to Lyon was late again."))) < len(RULES) / 10


def test_letters_are_those_that_a_pattern_takes_for_one() -> None:
    every = "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, sys.maxunicode + 1)))
    taken = re.findall("[a-z]", every, re.IGNORECASE)
    assert len(taken) > 2 * 26
    for letter in taken:
        (small,) = english_words(letter)
        assert re.fullmatch(small, letter, re.IGNORECASE)


def test_what_is_covered_adds_no_word_that_a_rule_needs() -> None:
    assert [word for rule in RULES for word in needs(rule, _english.PARTS) if word.endswith("x")] == []


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        (r"\b{tea coffee}\b", "tea coffee"),
        (r"\bi {drink like} tea\b", "drink like"),
        (r"\bi <VERY>{drink like}\b", "drink like"),
        (r"\b{colou?rs? paint}\b", "color colors colour colours paint"),
        (r"\b{fond_of can't_bear}\b", "fond bear"),
        (r"\bteapot\b|\b{mug cup}\b", "teapot mug cup"),
        (r"\b(?:green |black )*{tea coffee}\b", "tea coffee"),
        (r"(?<!no )\btea(?! cup)", ""),  # "teapot" too
        (r"{tea coffee}\b", ""),  # "instead" ends so
        (r"\b{tea coffee}", ""),
        (r"\b{tea coffee}? now", ""),
        (r"\b(?:tea|coffee)\b", ""),
        (r"\b(?:not )?(?:tea )", ""),
        (r"\b{tea \w+ing}\b", ""),
        (r"\b{tea minimi[sz]e}\b", ""),
        (r"\b{tea c(?:o)?ld}\b", ""),
        (r"\b{tea a?}\b", ""),
        (r"\bteapot\b|coffee", ""),
        (r"\bx(?:y )?{tea coffee}\b", ""),  # "xtea"
        (r"\b(?:more|less ){tea coffee}\b", ""),  # "moretea"
        (r"喜欢", ""),
    ],
)
def test_what_a_rule_needs(rule: str, needed: str) -> None:
    assert needs(rule, {"VERY": r"(?:{very so \w+ly} ){0,5}"}) == set(needed.split())


def test_chinese_rules_are_always_tried() -> None:
    rules = [*(rule for rules in _chinese.CHINESE.values() for rule in rules), *_chinese.UNMEANT]
    assert [rule for rule in rules if needs(rule, _chinese.PARTS)] == []
