import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._sentences import LONG, PIECE, asks, is_question, pieces, sentences

prose = st.text(alphabet=st.sampled_from("ab .!?\n。？，\"'…中"), max_size=400)


@given(prose | st.text())
def test_sentences_put_together_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@given(prose, st.integers(1, 60))
def test_pieces_put_together_are_the_text(text: str, times: int) -> None:
    whole = text * times
    parts = pieces(whole)
    assert "".join(parts) == whole
    assert len(parts) == 1 if len(whole) <= LONG else all(0 < len(part) <= PIECE for part in parts)


def test_sentences_end_where_they_should() -> None:
    assert sentences('I paid 3.50 for it. "Really?" Yes!\nGood。好') == [
        "I paid 3.50 for it. ",
        '"Really?" ',
        "Yes!\n",
        "Good。",
        "好",
    ]


@pytest.mark.parametrize("run", ["." * 200_000, "?!" * 100_000, "…" * 200_000, "." + "”" * 200_000, ".)" * 100_000])
def test_a_long_run_of_marks_is_one_sentence_and_takes_no_time(run: str) -> None:
    assert sentences(run + "x") == [run + "x"]
    assert sentences(run + " x") == [run + " ", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "Do you like tea?",
        "what do I prefer",
        "And can you recommend a hotel",
        "Is there any milk",
        "你喜欢喝茶吗",
        "我该怎么办呢。",
        "「本当?」",
    ],
)
def test_questions(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["Do not use emojis.", "When I travel I take trains.", "What I like is tea.", "我喜欢茶。", "Have a seat."]
)
def test_no_questions(text: str) -> None:
    assert not is_question(text)


def test_only_the_end_asks() -> None:
    assert asks('Why? Because. Or not?" ')
    assert not asks("Why? Because.")


@pytest.mark.parametrize("mark", [".", "!", "?", "…", ".!", '."'])
def test_a_long_run_of_marks_is_looked_at_once(mark: str) -> None:
    """Looking from each mark to the end of the run would take minutes, and keep every thread waiting."""
    text = "well" + mark * 200_000 + "x"
    assert "".join(sentences(text)).replace(" ", "") == text


PLAINLY = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+\s+|[。！？]+[\"'”’)\]」』]*\s*|\n\s*")


@given(prose | st.text(st.sampled_from(".!?…。！？\n \u3000\"'”’)]」』a")))
def test_sentences_end_where_the_rule_says_plainly(text: str) -> None:
    ends = [0, *(found.end() for found in PLAINLY.finditer(text)), len(text)]
    assert sentences(text) == [text[start:end] for start, end in pairwise(ends) if start < end]
