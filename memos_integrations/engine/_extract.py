"""Messages to what is remembered of them: facts (what was said) and explicit preferences (by rule). Computes only.

Every turn of a user is a fact, word for word; rules only tag preferences, in addition. What an assistant said is kept
too, as its view. System messages and tool traffic are stored but not remembered.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from memos_integrations.engine._preferences import preferences
from memos_integrations.engine._sentences import asks, is_question, pieces, sentences
from memos_integrations.engine._times import instant, moment, tells_time
from memos_integrations.engine._words import fold, is_east_asian, plain_words, tokens
from memos_integrations.wire.message import Message

REMEMBERED: Final = ("user", "assistant")
LONGEST_TITLE: Final = 60
LISTENED: Final = 20_000
"""Characters of a turn that are searched for preferences; what is longer is a pasted document."""

_FIRST_PERSON: Final = re.compile(
    r"\b(?:i|i['’]?m|i['’](?:ve|d|ll)|my|me|mine|myself)\b|我|俺|私|僕|저는|나는", re.IGNORECASE
)

_SINGLE_WORD: Final = re.compile(r"[^\W_]+")

FactType = Literal["WorkingMemory", "LongTermMemory", "UserMemory"]

_ENGLISH_NOTE: Final = """
# About these memories
Facts are what was said in earlier conversations; preferences are what this user wants, likes or avoids.
Let no part of the answer go against a preference, and where one decided something, say so in half a sentence.
"""
_CHINESE_NOTE: Final = """
# 关于这些记忆
事实是以往对话中说过的内容；偏好是该用户想要、喜欢或避免的事物。
回答的任何部分都不得违背偏好；若某个偏好影响了回答，请用半句话说明。
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A fact to be: a turn's text or, of a very long turn, a part; with what search needs to know of it."""

    text: str
    words: tuple[str, ...]
    asks: bool
    timed: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A message as it is stored: `body` is all of it as JSON, `said` when it was said in epoch milliseconds."""

    role: str
    name: str
    body: str
    said: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """An explicit preference, in its owner's words."""

    text: str
    reasoning: str


def turn(message: Message, arrival: int) -> Turn:
    """`message`, which arrived at `arrival` (epoch milliseconds), as it is stored."""
    body = message.model_dump_json(exclude_none=True)
    said = moment(message.chat_time)
    text = message.text if message.role in REMEMBERED else ""
    parts = tuple(piece(part) for part in pieces(text)) if text.strip() else ()
    return Turn(message.role, message.role_name or "", body, arrival if said is None else said, parts)


def text_of(body: str) -> str:
    """The words of a message stored as `body`."""
    return Message.model_validate_json(body).text


def piece(text: str) -> Piece:
    """`text` with what search needs to know of it."""
    return Piece(text, tuple(tokens(text)), asks(text), tells_time(_single_words(text)))


def stated(text: str, name: str) -> list[Stated]:
    """The explicit preferences in a user's text; `name` is the speaker's, where the conversation has several."""
    found = preferences(text[:LISTENED])
    return [Stated(_named(name, statement), _reason(kind, statement)) for kind, statement in found]


def refined_type(role: str, text: str) -> FactType:
    """UserMemory for what users state of themselves in the first person, LongTermMemory for all else."""
    about_oneself = role == "user" and _FIRST_PERSON.search(text) and not is_question(text.strip())
    return "UserMemory" if about_oneself else "LongTermMemory"


def value(fact_type: str, role: str, name: str, text: str, said: int) -> str:
    """A fact's `memory_value`: a line of transcript while it is rough, then the text itself."""
    if fact_type == "WorkingMemory":
        return f"{role}: [{instant(said):%Y-%m-%d %H:%M}]: {_named(name, text)}"
    return ("" if role == "user" else "[assistant view] ") + _named(name, text)


def title(text: str) -> str:
    """A short title of a text: the beginning of its first sentence."""
    first = next((sentence.strip() for sentence in sentences(text) if sentence.strip()), "")
    line = " ".join(first.split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rsplit(" ", 1)[0].rstrip() + "…"


def speaker(name: str) -> str:
    """A speaker's name as search compares it: its words, folded."""
    return " ".join(plain_words(name))


def note(likings: list[str]) -> str:
    """The paragraph that goes with preferences into a prompt, in their language; "" without any."""
    if not likings:
        return ""
    chinese = sum(map(is_east_asian, likings)) * 2 > len(likings)
    return _CHINESE_NOTE if chinese else _ENGLISH_NOTE


def _single_words(text: str) -> Iterable[str]:
    """What may be a word that tells a time: characters where words aren't told apart, else words without a mark."""
    folded = fold(text)
    return folded if is_east_asian(folded) else _SINGLE_WORD.findall(folded)


def _named(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _reason(kind: str, statement: str) -> str:
    if is_east_asian(statement):
        return f"用户明确表达（{_CHINESE_KINDS[kind]}）。"
    return f"Stated explicitly by the user ({_ENGLISH_KINDS[kind]})."


_ENGLISH_KINDS: Final = {
    "dislike": "a dislike",
    "avoidance": "something avoided",
    "limit": "a limit to respect",
    "preference": "a preference",
    "like": "a like",
    "instruction": "a wish for how to be served",
}
_CHINESE_KINDS: Final = {
    "dislike": "不喜欢",
    "avoidance": "避免",
    "limit": "限制",
    "preference": "偏好",
    "like": "喜欢",
    "instruction": "对回答方式的要求",
}
