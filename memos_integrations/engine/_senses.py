"""What two sentences have in common when one of them corrects the other: content words, people, and who denies what.

Light on purpose: a table of a few everyday verbs whose forms mean the same, and no grammar.
"""

import re
from collections.abc import Iterator
from typing import Final

from memos_integrations.engine._stopwords import STOP_WORDS
from memos_integrations.engine._words import EAST_ASIAN, fold, is_east_asian, plain_words, stem, tokens

_SAME: Final = {
    "living": """live reside dwell inhabit move relocate settle base home
        住在 居住 定居 住 搬到 搬去 搬家到 搬来 生活在 家在 落户""",
    "liking": """like love enjoy adore prefer fond keen fan favourite favorite into
        喜欢 喜爱 热爱 钟爱 酷爱 偏爱 爱吃 爱喝 爱看 爱听 爱玩 爱""",
    "disliking": "hate dislike detest despise loathe 讨厌 厌恶 反感 痛恨",
    "working": "work job employ employer 工作 上班 就职 任职",
    "naming": "name call 名字 叫做 叫 姓名",
    "birth": "birthday born birth 生日 出生",
    "study": "study student 学习 读书 就读 上学",
}
_ENGLISH: Final = {stem(word): name for name, words in _SAME.items() for word in words.split() if word.isascii()}
_CHINESE: Final = sorted(
    ((word, name) for name, words in _SAME.items() for word in words.split() if not word.isascii()),
    key=lambda pair: -len(pair[0]),
)

_ATTITUDE_WORDS: Final = """
    know think understand remember recall mean believe see hear say tell want need use care agree mind get feel ask work
    知道 明白 觉得 认为 理解 记得 需要 同意 想要 满意
"""
_ATTITUDES: Final = frozenset({"liking", "disliking", *map(stem, _ATTITUDE_WORDS.split())})
_KIN_WORDS: Final = """
    friend son daughter kid child children sister brother wife husband mother father mom mum dad parent partner
    boyfriend girlfriend colleague coworker boss neighbour neighbor cousin uncle aunt grandmother grandfather grandma
    grandpa niece nephew roommate flatmate dog cat he she they his her him their them
"""
_KIN: Final = frozenset(map(stem, _KIN_WORDS.split()))
_CHINESE_KIN: Final = re.compile(
    "妈|爸|爷爷|奶奶|外公|外婆|哥|弟弟|妹妹|姐|叔|舅|姑姑|阿姨|老公|老婆|丈夫|妻子|女儿|儿子|孩子|女友|男友|女朋友|男朋友|"
    "朋友|同事|同学|老板|邻居|他|她"
)
_WITH_ME: Final = re.compile(
    r"\bmy\s+\w+\s+and\s+(?=(?:i|me)\b)|(?<=我)[和跟与](?:我的?)?\w{1,3}?(?=都?[住在喜爱一])", re.IGNORECASE
)
_OWN_WORDS: Final = "i me my mine myself we us our you your user"
_OWN: Final = frozenset(_OWN_WORDS.split())
_NAME: Final = re.compile(r"(?<![^\W_])[A-Z]\w+")

_CLAUSE_END: Final = re.compile(r"[,;:，；、。！？!?.]|\b(?:but|although|though)\b|但是?|而是", re.IGNORECASE)
_DENIAL: Final = re.compile(
    r"\b(?:not|never|no longer|no|cannot|neither|hardly|instead of|rather than)\b|n['’]t\b"
    r"|不(?![过错同仅但管])|没|别(?!人)|无法|并非|而非|从未",
    re.IGNORECASE,
)


def senses(text: str) -> frozenset[str]:
    """The content words of `text`, those of one meaning under one name; of Chinese, known words, else pairs."""
    folded, found = fold(text), set()
    for word, name in _CHINESE:
        if word in folded:
            found.add(name)
            folded = folded.replace(word, " ")
    return frozenset(found | {_ENGLISH.get(word, word) for word in tokens(folded) if not _is_a_single(word)})


def names_a_thing(found: frozenset[str]) -> bool:
    """Whether the senses of a statement say what it is about: "I don't like it" and "I don't know" do not."""
    return not found <= _ATTITUDES


def people(text: str) -> frozenset[str]:
    """The persons whom `text` speaks of by what they are to somebody, or as he, she and they; not "my wife and I"."""
    text = _WITH_ME.sub(" ", text)
    known = {word for word in map(stem, plain_words(text)) if word in _KIN}
    return frozenset(known | set(_CHINESE_KIN.findall(text)))


def names(text: str) -> frozenset[str]:
    """The content words of `text` that are written with a capital."""
    written = (word for word in _NAME.findall(text) if fold(word) not in STOP_WORDS)
    return frozenset(sense for word in written for sense in senses(word))


def is_own(text: str) -> bool:
    """Whether `text` speaks of oneself, or to whom one speaks with."""
    return not _OWN.isdisjoint(plain_words(text)) or any(mark in text for mark in "我你您")


def denies(clause: str) -> bool:
    """Whether a clause is in the negative."""
    return _DENIAL.search(clause) is not None


def clauses(text: str) -> Iterator[str]:
    """The clauses of one sentence, roughly."""
    start = 0
    for end in _CLAUSE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def last_clause(text: str) -> str:
    """The clause that `text` ends in the midst of."""
    start = max((end.end() for end in _CLAUSE_END.finditer(text)), default=0)
    return text[start:]


def mentions(word: str) -> re.Pattern[str]:
    """What finds `word` as a whole word, in whichever case; of Chinese, wherever it stands.

    What would be a stop word in small letters ("May", "US") is found in its own case only.
    """
    exact = fold(word) in STOP_WORDS
    before = rf"(?:(?<![^\W_])|(?<=[{EAST_ASIAN}]))" if _is_of_a_word(word[0]) else ""
    after = rf"(?:(?![^\W_])|(?=[{EAST_ASIAN}]))" if _is_of_a_word(word[-1]) else ""
    spaced = r"\s+".join(map(re.escape, word.split()))
    return re.compile(before + spaced + after, 0 if exact else re.IGNORECASE)


def in_case_of(found: str, old: str, new: str) -> str:
    """`new` in the case in which `found` stands for `old`: capital letters throughout, or a sentence's first."""
    if found != old and found.isupper() and not old.isupper() and len(found) > 1:
        return new.upper()
    if found[:1].isupper() and old[:1].islower():
        return new[:1].upper() + new[1:]
    return new


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() and not is_east_asian(character)


def _is_a_single(word: str) -> bool:
    return len(word) == 1 and is_east_asian(word)
