"""How Chinese corrects what is remembered; the rules' parts are those of `_corrections_english`."""

import re
from itertools import takewhile
from typing import Final

from memos_integrations.engine._revision import Correction, Denial, Frame, Replacement, Restatement, Revision
from memos_integrations.engine._senses import denies, names_a_thing, people, senses
from memos_integrations.engine._words import plain_words

Read = tuple[Revision, str, str]

_LEAD: Final = re.compile(
    r"^[\s，,。:：]*(?:(?:不对|错了|你记错了|记错了|其实|实际上|更正一下?|纠正一下?|抱歉|不好意思|反馈|事实上|准确地?说|请记住|记住)[\s，,。:：！!]*)*"
)
_ASK: Final = r"(?:请|麻烦|帮我|你|可以|能不能|直接)*"
_OPEN, _CLOSE = r"[\"“”'‘「『《]", r"[\"”“'’」』》]"
_WORD: Final = (
    rf"(?:{_OPEN}(?P<%s_quoted>[^\"“”'‘’「」『』《》]{{1,60}}){_CLOSE}|(?P<%s_bare>[^\s，。,\"“”「」]{{1,20}}?))"
)
_OLD, _NEW = _WORD % ("old", "old"), _WORD % ("new", "new")
_END: Final = r"(?:吧|了|好吗|谢谢|，谢谢)?$"
_SWAP: Final = r"(?:替换|更换|更改|修改|更正|纠正|改|换|变)(?:成|为|作|到|写成|写为)?"
_REPLACING: Final = (
    re.compile(
        rf"^{_ASK}(?:把|将)(?:我的?)?(?:所有|全部)?(?:的)?(?:记忆(?:里|中)?的?)?(?:所有的?)?{_OLD}(?:都|全部|全都|统一)*{_SWAP}{_NEW}{_END}"
    ),
    re.compile(rf"^{_ASK}用{_NEW}(?:来)?(?:替换|代替|取代|替代)(?:所有的?|掉)?{_OLD}{_END}"),
    re.compile(rf"^(?:所有的?)?{_OLD}(?:应该|应当|应|要)(?:改成|改为|换成)(?:是)?{_NEW}{_END}"),
)
_SHOULD_BE: Final = re.compile(rf"^{_OLD}(?:应该|应当|应)(?:是|为|写作|写成){_NEW}{_END}")
_NOT_THIS: Final = re.compile(
    r"^(?P<before>.+?)[，,、；;\s]*(?:而|并)?(?:不是|并非|而非|不在|不叫)(?P<old>[^，,。；;]{1,30}?)了?$"
)
_BUT_THAT: Final = re.compile(
    r"^(?P<head>[^，,]*?)(?:不是|并非|不)(?P<mid>[^，,。；;]{1,30}?)(?:[，,；;]\s*(?:而)?(?:应该)?是?|而是)(?P<new>[^，,。；;]{1,30})$"
)
_CONTRADICTING: Final = re.compile(r"^\W*(?:不对|错了|你记错了|记错了|其实|实际上|更正|纠正|事实上|准确)")
_RESTATING: Final = re.compile(  # of what one has one only: 其实我住在南特
    r"^(?P<before>我(?:现在)?(?:住在|定居在|来自|叫|姓)|我的[^，。,是叫]{1,8}(?:是|叫))"
    r"(?P<new>[^\s，。,；;！!？?是]{1,8})(?=[\s，。,；;！!]|$)"
)
_NO_MORE: Final = (
    re.compile(r"^(?P<who>我)(?P<of>对[^，,不没]{1,12})(?:也|并)?不(?P<what>[^，,]+?)了?$"),
    re.compile(r"^(?P<who>[^，,不没]{0,8}?)(?:现在|已经|早就|也)*(?:不再|再也不|不会再)(?P<what>.+?)了?$"),
    re.compile(r"^(?P<who>[^，,不没]{0,8}?)(?:现在|已经|早就|也)*不(?P<what>[^，,]+?)了$"),
    re.compile(r"^(?P<who>我)(?:现在|其实|已经|也|并)*不(?:太|怎么)?(?P<what>[^，,]+)$"),
    re.compile(r"^(?P<who>我)(?:现在|其实|已经|也|并)*(?:没有?|从未|从没|从来没有?)(?P<what>[^，,]+?)过?了?$"),
)
_FORGETTING: Final = re.compile(
    rf"^{_ASK}(?:(?:把)?(?:忘掉|忘记|忘了|删掉|删除|别再记得?|不要再记得?|清除)(?:关于|有关|所有关于|一切关于)?"
    r"(?P<what>.+?)(?:的?(?:事情?|记忆|内容|信息))?|把(?:关于)?(?P<this>.+?)(?:的?(?:事情?|记忆|内容|信息))?(?:忘掉|忘了|忘记|删掉|删除))(?:吧|了)?$"
)
_SUBJECT: Final = re.compile(r"^(?:我|他|她|我们)的(.+?)(?:是|在|叫|为)")
_HEADS: Final = re.compile(
    "更喜欢|最喜欢|喜欢|热爱|偏爱|爱吃|爱喝|爱看|住在|来自|搬到|搬去|定居在|工作在|就职于|毕业于|出生于|过敏的?是|是|在|叫做|叫|到|去|姓|于|为|对|爱|吃|喝|"
    "用|买|要|选|学|养|有|属"
)
_DOING: Final = re.compile(r"(?<=.)(?:工作|上班|居住|生活|读书|上学|学习|出生|长大|过敏)$")  # 我在上海工作，不在北京
_NOW: Final = re.compile("[这那它你您]|回答|回复")  # of what was just said, no memory
_LONGER: Final = 3


def revision(sentence: str) -> Read | None:
    """What `sentence` asks for; None when it fits no rule."""
    said = _LEAD.sub("", sentence, count=1).strip().rstrip("。.!！ ")
    for rule in (_replacement, _forgetting, _but_that, _not_this, _ended, _restated):
        found = rule(said, sentence)
        if found is not None:
            return found
    return None


def _replacement(said: str, sentence: str) -> Read | None:
    found = next((match for rule in _REPLACING if (match := rule.match(said))), None)
    if found is None:
        found = _SHOULD_BE.match(said)
        if found is None or not (found["old_quoted"] or found["new_quoted"]):
            return None  # "晚饭应该是清淡的" says how something should be
    old, new = found["old_quoted"] or found["old_bare"], found["new_quoted"] or found["new_bare"]
    if not plain_words(old) or not plain_words(new):
        return None
    if not found["old_quoted"] and old.startswith(("我", "你", "这", "那", "它", "他", "她")):
        return None
    return Replacement(old.strip(), new.strip()), "", sentence


def _forgetting(said: str, _sentence: str) -> Read | None:
    found = _FORGETTING.match(said)
    what = found and (found["what"] or found["this"])
    if not what or not senses(what):
        return None
    return Denial(Frame(what, senses(what) - people(what) or senses(what), people(what), denies(what))), "", ""


def _not_this(said: str, sentence: str) -> Read | None:
    found = _NOT_THIS.match(said)
    if found is None:
        return None
    before, old = found["before"], _without(found["old"], found["before"])
    new = _counterpart(before, old)
    return _correction(old, new, before, sentence) if new else None


def _but_that(said: str, sentence: str) -> Read | None:
    found = _BUT_THAT.match(said)
    if found is None:
        return None
    mid, new = found["mid"], found["new"]
    head = found["head"]
    if head and new.startswith(head):
        new = new.removeprefix(head)
    shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(mid, new, strict=False)))
    if not (shared or "是" in said):
        return None
    mid, new = mid.removeprefix(shared), new.removeprefix(shared)
    old, new = _object(mid), _object(new)
    return _correction(old, new, f"{head}{shared or '是'}{new}", sentence) if old and new else None


def _ended(said: str, sentence: str) -> Read | None:
    found = next((match for rule in _NO_MORE if (match := rule.match(said))), None)
    what = found and found.groupdict().get("of", "") + found["what"]
    if not found or not what or not names_a_thing(senses(what)) or _NOW.search(what):
        return None
    text = found["who"] + what
    return Denial(Frame(text, senses(what), people(text))), sentence, sentence


def _restated(said: str, sentence: str) -> Read | None:
    found = _RESTATING.match(said)
    if found is None or found.end() < len(said) or not _CONTRADICTING.match(sentence):
        return None
    return Restatement(_RESTATING, senses(found["before"]), found["new"]), f"{said}。", sentence


def _correction(old: str, new: str, statement: str, sentence: str) -> Read | None:
    if not old or old == new:
        return None
    before, _, after = statement.rpartition(new)
    text = _light(before) + " " + after
    origin = before.endswith(("从", "来自"))
    subject = _SUBJECT.match(before)
    frame = Frame(text, senses(subject[1]) if subject else frozenset(), people(before), denies(before), origin)
    read = Correction(old, new, frame)
    return read, "" if read.bare else f"{statement}。", sentence


def _light(before: str) -> str:
    """What stands before the new word without the bare "is" and "in", which say nothing of their own."""
    return re.sub(r"(?<!住)在$|是$|^(?:这|那|它)", "", before)


def _counterpart(before: str, old: str) -> str:
    """What at the end of `before` stands where `old` would stand: after its last verb, or as many characters."""
    heads = list(_HEADS.finditer(before))
    tail = _DOING.sub("", before[heads[-1].end() :] if heads else before)
    if heads and 0 < len(tail) <= 2 * len(old) + _LONGER:
        return tail
    return tail if not heads and len(tail) <= len(old) + _LONGER else before[-len(old) :]


def _without(old: str, before: str) -> str:
    """`old` without a verb that it repeats: 我住在南特，不是住在里昂."""
    heads = [head for head in _HEADS.finditer(old) if head.start() == 0 and head.end() < len(old)]
    return old[heads[0].end() :] if heads and heads[0][0] in before else old


def _object(text: str) -> str:
    head = _HEADS.match(text)
    return text[head.end() :] if head and head.end() < len(text) else text
