"""How English corrects what is remembered: replacing a word, saying what holds instead, or that it holds no more.

Each rule gives the revision, what is remembered when it found something to revise, and what otherwise.
"""

import re
from typing import Final

from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._revision import Correction, Denial, Frame, Replacement, Restatement, Revision
from memos_integrations.engine._senses import denies, names, names_a_thing, people, senses
from memos_integrations.engine._stopwords import STOP_WORDS
from memos_integrations.engine._words import plain_words

Read = tuple[Revision, str, str]

_PARTS: Final = {
    "LEAD": r"^\W*(?:(?:<OPENER>|no(?=\s*[,.;:!-])|<YOU_ERR>)\b[\s,:;.!-]+)*",
    "OPENER": r"""{actually nope sorry well oh hey hi hello please correction wrong feedback in_fact in_truth
        to_be_clear to_correct_you note_that remember_that remember also and but so by_the_way just i_meant i_said
        yes}""",
    "YOU_ERR": r"(?:you(?:'re| are| were| got it)|that(?:'s| is)) {wrong mistaken incorrect not_right not_true}",
    "ASK": r"{please kindly just can_you could_you would_you will_you i_want_you_to i'd_like_you_to you_should}",
    "ALL": r"{every all each} (?:{mentions? occurrences? instances?} (?:of )?)?",
    "WHAT": r"(?:the )?{word name term keyword city place}",
    "TAIL": r"""(?:[\s,]+{everywhere throughout always please from_now_on thanks thank_you wherever_it_appears
        (?:in|across|throughout)_(?:all_)?(?:of_)?(?:my|your|the)_memor(?:y|ies) in_all_memories})*""",
    "OPEN": r"""["“\x27‘«]""",
    "CLOSE": r"""["”\x27’»]""",
    "PLACE": r"{in at on to from of by with for as into near the a an my our your called named about}",
    "STILL": r"(?:[\s,]+{any_more anymore any_longer these_days nowadays now at_all})*",
}
_REPLACE: Final = (
    r"^(?:<ASK>\W+)*{replace swap substitute exchange} (?:<ALL>)?(?:<WHAT> )?(?P<old>.+?) {with by for} (?:<WHAT> )?"
    r"(?P<new>.+?)<TAIL>$",
    r"^(?:<ASK>\W+)*{change rename correct update fix edit switch turn} (?:<ALL>)?(?:<WHAT> )?(?P<old>.+?) "
    r"{to into with} (?:<WHAT> )?(?P<new>.+?)<TAIL>$",
    r"^(?:<ASK>\W+)*{use write say} (?P<new><OPEN>.+?<CLOSE>) instead of (?P<old><OPEN>.+?<CLOSE>)<TAIL>$",
)
_SHOULD_BE: Final = (
    r"^(?:<WHAT> )?(?P<old>.+?) {should must ought_to} {be read say have_been be_spelled be_called} "
    r"(?P<new>.+?)<TAIL>$",
)
_NOT_THIS: Final = (  # "I live in Nantes, not Lyon", "Nantes rather than Lyon"
    r"^(?P<before>.+?)(?P<sure>\s*[,;–—-]+\s*(?:{and but} )?not| {instead_of rather_than}|,? and not| not) "
    r"(?:<PLACE> )*(?P<old>[^,;]{1,60}?)<STILL>$"
)
_BUT_THAT: Final = (  # "not Lyon but Nantes", "I don't live in Lyon but in Nantes"
    r"^(?P<head>.*?)(?P<no>\bnot|n't) (?!only\b|just\b)(?P<mid>[^,;]{1,60}?),? but (?:rather )?(?P<new>[^,;]{1,60})$"
)
_THAT_THEN: Final = (  # "It's not Lyon, it's Nantes"
    r"^(?P<head>.*?)(?:\bnot|n't) (?P<mid>[^,;]{1,60})[,;–—-]+\s*(?:but )?(?P<new>(?:i|it|that|this|my|we)\b.{1,80})$"
)
_NO_MORE: Final = (
    r"^(?P<who>.{1,60}?)(?: {am is are was were have has})? no longer (?P<what>.+)$",
    r"^(?P<who>(?:i|we|my\b.{1,40}?))\s*(?:{do does}\s*(?:not|n't)|{am is are} not|'m not|(?:is|are)n't) (?:really )?"
    r"(?P<what>.+?)<STILL>$",
    r"^(?P<who>(?:i|we|my\b.{1,40}?))\s*(?:{can will have has would}\s*(?:not|n't)|can't|won't|cannot) (?P<what>.+?)"
    r"[\s,]+{any_more anymore any_longer}$",
    r"^(?P<who>i|we)(?: have|'ve)? never (?P<what>.+)$",
    r"^(?P<who>i|we)(?: have|'ve)? {stopped quit gave_up given_up} (?P<what>.+)$",
)
_RESTATE: Final = (  # of what one has one only: "Actually I live in Nantes"
    r"^\W*(?P<before>i (?:{now currently} )?{live reside work} {in at near for}|{i'm i_am} {based_in from called named}"
    r"|i was born {in on}|my (?:[\w-]+ ){1,5}?{is are}(?: {on in at called named})?) "
    r"(?P<new>(?-i:[A-Z0-9])[\w-]*(?: (?-i:[A-Z0-9])[\w-]*){0,3})"
)
_FORGET: Final = (
    r"^(?:<ASK>\W+)*{forget stop_remembering don't_remember do_not_remember} (?:that |the fact that |"
    r"(?:everything |anything |all |what i (?:said|told you) )?about )?(?!what {i you we}\b)(?P<what>.+)$",
    r"^(?:<ASK>\W+)*{delete remove erase drop disregard} (?:the |my |any |all )?(?:memor(?:y|ies)|facts?) "
    r"{that about of} (?P<what>.+)$",
)


def _all(*rules: str) -> tuple[re.Pattern[str], ...]:
    return tuple(pattern(rule, _PARTS) for rule in rules)


_LEAD: Final = pattern("<LEAD>", _PARTS)
_REPLACING, _SHOULD = _all(*_REPLACE), _all(*_SHOULD_BE)
_FORGETTING, _ENDED = _all(*_FORGET), _all(*_NO_MORE)
_NOT, _BUT, _THEN, _RESTATING = _all(_NOT_THIS, _BUT_THAT, _THAT_THEN, _RESTATE)
_ACTUALLY: Final = pattern(r"[\s,]+{actually in_fact now}(?=[\s,]|$),?", {})
_CONTRADICTING: Final = pattern(
    r"\b{actually in_fact no nope wrong mistaken incorrect correct\w* not_right not_true}\b", {}
)
_PLACES, _STILL = pattern(r"^(?:<PLACE> )+", _PARTS), pattern("<STILL>$", _PARTS)
_DO: Final = re.compile(r"\bdo$", re.IGNORECASE)
_HELPING: Final = re.compile(r"\b(?:does|did|ca|wo|sha)$", re.IGNORECASE)  # without "not", the verb would be another
_QUOTED: Final = re.compile(r"""["“'‘«](.+)["”'’»]""")
_DETERMINED_WORDS: Final = "my your our his her their the a an this that these those it i me you"
_NUMBER_WORDS: Final = "one two three four five six seven eight nine ten eleven twelve twenty thirty"
_DETERMINED, _NUMBERS = frozenset(_DETERMINED_WORDS.split()), frozenset(_NUMBER_WORDS.split())
_SUBJECT: Final = re.compile(
    r"^(?:my|our|the|his|her|their)\s+(.+?)(?:\s+(?:is|are|was|were)\b|['’]s\s*$|['’]s\s)", re.IGNORECASE
)
_AFTER_ME: Final = re.compile(r"\b(?:I|we)\b(?:['’]\w+)?\s+(.*)", re.IGNORECASE)
_SINCE: Final = re.compile(r"\s*(?:[,;]|\b(?:since|because|as of|after|but|so)\b).*$", re.IGNORECASE)
_NOW: Final = pattern(  # "I don't like this", "I'm not happy with the answer": of what was just said, no memory
    r"\b{this that these those it you your so the_(?:\w+\s)?(?:answer|reply|response|result|summary|tone|way)}\b", {}
)
_LONGEST_OLD, _LONGEST_NEW = 4, 6  # words of what is replaced, and of what is put in its place


def revision(sentence: str) -> Read | None:
    """What `sentence` asks for; None when it fits no rule."""
    said = _LEAD.sub("", sentence, count=1).strip().rstrip(".!。 ")
    for rule in (_replacement, _forgetting, _but_that, _not_this, _that_then, _ended, _restated):
        found = rule(said, sentence)
        if found is not None:
            return found
    return None


def _replacement(said: str, sentence: str) -> Read | None:
    for rules, both in ((_REPLACING, False), (_SHOULD, True)):
        for rule in rules:
            found = rule.match(said)
            if found and (pair := _pair(found["old"], found["new"], named=both)):
                return Replacement(*pair), "", sentence
    return None


def _pair(old: str, new: str, *, named: bool) -> tuple[str, str] | None:
    """The two words, if they are words to replace: in marks, or else alike in kind and no turn of phrase."""
    quoted = _QUOTED.fullmatch(old), _QUOTED.fullmatch(new)
    if not plain_words(old) or not plain_words(new):
        return None
    if not quoted[0]:
        if len(old.split()) > _LONGEST_OLD or len(new.split()) > _LONGEST_NEW:
            return None
        if plain_words(old)[0] in _DETERMINED or (not quoted[1] and _kind(old) != _kind(new)):
            return None
        if named and _kind(new) == "word" and not quoted[1]:
            return None
    return _bare(old), _bare(new)


def _forgetting(said: str, _sentence: str) -> Read | None:
    found = next((match for rule in _FORGETTING if (match := rule.match(said))), None)
    if found is None or not senses(found["what"]):
        return None
    what = found["what"]
    return Denial(Frame(what, senses(what), people(what), denies(what))), "", ""


def _not_this(said: str, sentence: str) -> Read | None:
    found = _NOT.match(said)
    if found is None or "not only" in said:
        return None
    before, old = _STILL.sub("", found["before"].rstrip(" ,")), _bare(found["old"])
    new = _counterpart(before, old)
    if new is None or not old or (found["sure"].strip() == "not" and _kind(old) == "word"):
        return None
    return _correction(old, new, before, _whole(before), sentence)


def _but_that(said: str, sentence: str) -> Read | None:
    found = _BUT.match(said)
    if found is None:
        return None
    new = _bare(_PLACES.sub("", found["new"]))
    old = _counterpart(found["mid"], new)
    if old is None or not _alike(old, new):
        return None
    head, mid = found["head"].rstrip(), found["mid"].replace(old, new)
    told = sentence if _HELPING.search(head) else _whole(f"{_DO.sub('', head)} {mid}")
    return _correction(old, new, f"{head} {mid}", told, sentence)


def _that_then(said: str, sentence: str) -> Read | None:
    found = _THEN.match(said)
    if found is None:
        return None
    denied, holds = found["mid"].split(), found["new"].split()
    old = _rest(denied, holds)
    new = _rest(holds, denied)
    shared = senses(found["mid"]) & senses(found["new"])
    if not (old and new and _alike(old, new)) or not (shared or holds[0].casefold().startswith(("it", "that"))):
        return None
    return _correction(old, new, found["new"], _whole(found["new"]), sentence)


def _ended(said: str, sentence: str) -> Read | None:
    found = next((match for rule in _ENDED if (match := rule.match(said))), None)
    if found is None or _NOW.search(found["what"]):
        return None
    text = f"{found['who']} {_SINCE.sub('', found['what'])}"
    needed = senses(text)
    if not names_a_thing(needed) or needed <= names(text):  # a name alone is no statement
        return None
    return Denial(Frame(text, needed, people(text))), sentence, sentence


def _restated(said: str, sentence: str) -> Read | None:
    said = _ACTUALLY.sub(" ", said).strip()
    found = _RESTATING.match(said)
    if found is None or found.end() < len(said) or not _CONTRADICTING.search(sentence.removesuffix(said)):
        return None
    return Restatement(_RESTATING, senses(found["before"]), found["new"]), _whole(said), sentence


def _correction(old: str, new: str, statement: str, told: str, sentence: str) -> Read | None:
    at = statement.rfind(new)
    before = statement[:at] if at >= 0 else statement
    text = before + " " + (statement[at + len(new) :] if at >= 0 else "")
    origin = re.search(r"\bfrom\s*$", before, re.IGNORECASE) is not None
    frame = Frame(text, _needed(before.strip() or text), people(before), denies(before), origin)
    read = Correction(old, new, frame)
    if read.bare and "word" in {_kind(old), _kind(new)}:  # "short, not long" tells nobody what is
        return None
    return read, "" if read.bare else told, sentence


def _needed(text: str) -> frozenset[str]:
    subject = _SUBJECT.match(text + " ")
    if subject:
        return senses(subject[1])
    own = _AFTER_ME.search(text)
    for word in own[1].split() if own else ():
        if senses(word):
            return senses(word)
    return frozenset()


def _counterpart(before: str, old: str) -> str | None:
    """What at the end of `before` stands where `old` would stand."""
    words, kind = before.split(), _kind(old)
    if kind == "number":
        return _number_of(words, len(old.split()))
    if kind == "name" and _kind(words[-1]) != "word":
        start = len(words) - 1
        while start > 0 and _kind(words[start - 1]) == "name":
            start -= 1
        return _bare(" ".join(words[start:]))
    count = len(old.split())
    tail = _without_stops(words[-count:])
    if tail.casefold() == old.casefold():
        tail = _without_stops(words[-count - 1 :])
    return tail if tail and tail.casefold() != old.casefold() else None


def _number_of(words: list[str], count: int) -> str | None:
    if count > 1:
        tail = " ".join(words[-count:])
        return _bare(tail) if _kind(tail) == "number" else None
    return next((_bare(word) for word in reversed(words) if _kind(word) == "number"), None)


def _rest(words: list[str], others: list[str]) -> str:
    """The words that the others have not, if they are few and stand together."""
    known = {fold for other in others for fold in plain_words(other)}
    own = [n for n, word in enumerate(words) if not set(plain_words(word)) <= known | STOP_WORDS]
    together = own and own[-1] - own[0] + 1 <= _LONGEST_OLD
    return _bare(" ".join(words[own[0] : own[-1] + 1])) if together else ""


def _alike(old: str, new: str) -> bool:
    few = max(len(old.split()), len(new.split())) <= _LONGEST_OLD
    return few and _kind(old) == _kind(new) and STOP_WORDS.isdisjoint(plain_words(new)) and old != new


def _kind(text: str) -> str:
    """What a word looks like: a number, a name (a capital begins it) or any word."""
    first = next((word for word in text.split() if plain_words(word)), "").lstrip("\"“'‘(#$€£")
    if first[:1].isdigit() or first.casefold() in _NUMBERS:
        return "number"
    return "name" if first[:1].isupper() and not set(plain_words(first)) <= STOP_WORDS else "word"


def _without_stops(words: list[str]) -> str:
    while words and set(plain_words(words[0])) <= STOP_WORDS:
        words = words[1:]
    return _bare(" ".join(words))


def _bare(text: str) -> str:
    quoted = _QUOTED.fullmatch(text.strip())
    return quoted[1] if quoted else text.strip(' ,.;:!"“”‘«»')


def _whole(text: str) -> str:
    """`text` as a sentence of its own."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + "."
