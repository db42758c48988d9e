from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine import _words
from memos_integrations.engine._words import fold, is_east_asian, plain_words, stem, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cats were running", ["cat", "run"]),
        ("Caroline's cat isn't here", ["carolin", "cat"]),
        ("l'amour, O\u2019Brien", ["l", "amour", "o", "brien"]),
        ("ＦＵＬＬ ﬁne", ["full", "fine"]),
        ("snake_case and 3.5", ["snake", "case", "3", "5"]),
        ("我喜欢绿茶", ["喜", "欢", "绿", "茶", "喜欢", "欢绿", "绿茶"]),
        ("喝coffee吧", ["喝", "coffe"]),
        ("寿司を食べ", ["寿", "司", "食", "べ", "寿司", "食べ"]),
        ("매운 음식", ["매", "운", "매운", "음", "식", "음식"]),
        ("🙂 !!", []),
        ("", []),
    ],
)
def test_words_are_found(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_a_word_without_end_is_cut() -> None:
    assert [len(word) for word in tokens("x" * 100_000)] == [_words.LONGEST]


def test_plain_words_keep_stop_words_and_forms() -> None:
    assert plain_words("The Cats of Ann-Marie") == ["the", "cats", "of", "ann", "marie"]


@given(st.text())
def test_tokens_do_not_depend_on_case_or_compatibility_forms(text: str) -> None:
    assert tokens(fold(text)) == tokens(text)


@given(st.text(), st.text())
def test_words_apart_are_found_apart(left: str, right: str) -> None:
    assert tokens(f"{left}\n{right}") == tokens(left) + tokens(right)


@given(st.text())
def test_no_token_is_empty_or_has_a_space(text: str) -> None:
    assert all(token and token == token.strip() and len(token) <= _words.LONGEST for token in tokens(text))


def vocabulary() -> set[str]:
    root = Path(__file__).resolve().parents[2]
    files = [*root.glob("memos_integrations/**/*.py"), *root.glob("tests/**/*.txt")]
    words = {word for file in files for word in plain_words(file.read_text("utf-8")) if not is_east_asian(word)}
    endings = ("", "s", "ed", "ing", "ly", "ness", "ation", "ational", "fulness", "ies", "ying", "er", "ement")
    return {word + ending for word in words for ending in endings}


def test_both_stemmers_agree() -> None:
    compiled, plain = _words._Compiled(), _words._Snowball()
    words = sorted(vocabulary())[::7]
    assert len(words) > 2_000
    assert [compiled.stem(word) for word in words] == [plain.stem(word) for word in words]


def test_the_plain_stemmer_steps_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(_words, "_Compiled", missing)
    assert _words._fastest().stem("running") == "run"


def test_stems_are_remembered() -> None:
    stem("remembering")
    before = stem.cache_info().hits
    assert stem("remembering") == "rememb"
    assert stem.cache_info().hits == before + 1


@given(st.text(st.sampled_from("ab1 -_'\u2019é\u0301ßſİͅ.我の") | st.characters()))
def test_words_are_the_same_beside_chinese(text: str) -> None:
    assert tokens(f"{text} 的") == tokens(text)  # a stop character, for which the whole is read with care
    assert plain_words(f"{text} 的") == [*plain_words(text), "的"]
