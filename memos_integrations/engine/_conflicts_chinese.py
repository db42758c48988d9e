"""What Chinese statements claim of the one who makes them, in the notation of `_pattern`. Computes only."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from memos_integrations.engine._conflicts_claims import STANCE, Claim, Search
from memos_integrations.engine._conflicts_places import level
from memos_integrations.engine._conflicts_topics import FOUND_BY, USED
from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._words import fold, tokens

__all__ = ["claims"]

_PARTS: Final = {
    "LEAD": r"^\W*(?:{你好 您好 嗨 对了 其实 更新一下 更正一下 更正 记住 请记住 请记得 顺便说一下 顺便一提 "
    r"好消息 最近 现在 目前 如今 今天 "
    r"实际上 告诉你}[\s，,。！!：:]*)*",
    "NOW": "{现在 目前 如今 最近 刚 已经 终于 正式 就 一直 是 其实 都 今年 上个月 上周 这个月 这周 昨天}*",
    "VERY": "{现在 目前 如今 最近 真的 其实 已经 早就 非常 特别 很 最 超 一直 从来 从 都 平时 每天 经常 再也}*",
    "OF": "的?",
    "VALUE": r"(?P<value>(?:(?!{或 还是 附近 一带})[^\s，,。；;：:！!？?、和跟与的了是在]){1,12}?)",
    "THING": r"(?P<thing>(?:(?!{或 还是})[^\s，,。；;：:！!？?、你您他她它这那]){1,12}?)",
    "WHO": "我(?P<who>{老婆 妻子 太太 老公 丈夫 女朋友 男朋友 女友 男友 未婚妻 未婚夫 "
    "妈妈 母亲 爸爸 父亲 老板 妹妹 姐姐 弟弟 哥哥 儿子 女儿})",
    "IS": "{是 叫 叫做 改叫}",
    # 我在北京工作 names a town: only what is known for a firm, or written in Latin letters, employs
    "FIRM": "(?P<value>{谷歌 微软 苹果 腾讯 阿里巴巴 阿里 百度 字节跳动 字节 华为 京东 美团 小米 网易 "
    "亚马逊 特斯拉 脸书 滴滴 拼多多 "
    "英特尔 三星 索尼}|[A-Za-z][A-Za-z0-9 &.-]{1,20}?|"
    "[^\\s，,。；;！!？?、和的了一]{2,12}?{公司 银行 医院 集团 大学 研究所 事务所})",
    "TRADE": "(?P<value>{医生 护士 老师 教师 工程师 软件工程师 程序员 律师 会计 会计师 司机 厨师 设计师 学生 "
    "大学生 研究生 记者 警察 经理 "
    "产品经理 飞行员 公务员 销售 翻译 编辑 作家 画家 建筑师 药剂师 电工 农民 消防员 教授})",
    "END": r"(?:(?P<whole>{了 啦 哦 呢 吧 啊}*(?:[\s，,]*{现在 谢谢})?\W*$)|(?={了 啦}?[，,；;]))",
    "LANGUAGE": "(?P<value>{中文 汉语 英文 英语 法语 德语 日语 日文 韩语 西班牙语 俄语 意大利语 葡萄牙语 粤语})",
    "ASK": r"^\W*(?:{请 麻烦 以后 今后 从现在起 从现在开始 都 总是 一律 始终 你 要 改}[，,\s]*)*",
}
_END: Final = "<END>"
_SAID: Final = (
    ("home", "<LEAD>我们?<NOW>{住在 定居在 居住在}<VALUE>", ""),
    ("home", "<LEAD>我们?<NOW>(?:从[^，,。到]{1,10})?{搬到了 搬到 搬去了 搬去 搬家到了 搬家到}<VALUE>", "anew"),
    ("home", "<LEAD>我们?家<NOW>在<VALUE>", ""),
    ("home", "<LEAD><WHO><NOW>{住在 定居在}<VALUE>", ""),
    ("home", "<LEAD><WHO><NOW>{搬到了 搬到 搬去了 搬去}<VALUE>", "anew"),
    ("home", "<LEAD>我们?<NOW>{不住在 不再住在}<VALUE>", "ended"),
    ("name", "<LEAD>我<NOW>(?:的名字{叫 是}|名叫|叫)<VALUE>", ""),
    ("name", "<LEAD><WHO>(?:的名字)?<NOW>{叫 改名叫}<VALUE>", ""),
    ("employer", "<LEAD>我<NOW>在<FIRM>{工作 上班 任职 就职}", ""),
    ("employer", "<LEAD>我<NOW>{任职于 就职于 供职于}<VALUE>", ""),
    ("employer", "<LEAD>我<NOW>{跳槽到了 跳槽到 换工作到了 换工作到 加入了 入职了 入职}<VALUE>", "anew"),
    ("employer", "<LEAD>我<NOW>{不在 不再在}<FIRM>{工作 上班}", "ended"),
    ("job", "<LEAD>我<OF>(?:职业|工作|职位)<NOW>是<VALUE>", ""),
    ("job", "<LEAD>我<NOW>是一?{名 位 个}<TRADE>", ""),
    ("age", "<LEAD>我<NOW>(?:满)?(?P<value>\\d{1,3}|[一二三四五六七八九十]{1,3})周?岁", ""),
    (
        "birthday",
        "<LEAD>我<OF>生日<NOW>是?(?P<value>[\\d一二三四五六七八九十]{1,2}月[\\d一二三四五六七八九十]{1,3}[日号]?)",
        "",
    ),
    (
        "favourite",
        "<LEAD>我<NOW>最{喜欢 爱 喜爱}的(?P<what>(?:(?!{现在 目前})[^\\s，,。是的]){1,6})<NOW>是"
        "(?P<value>[^\\s，,。；;！!？?是]{1,15}?)",
        "",
    ),
    (
        "phone",
        "<LEAD>我<OF>(?:新的?)?{电话号码 手机号码 电话 手机号 手机}<NOW>{是 换成了 改成了 换成}\\s*"
        "(?P<value>[\\d+-]{5,20})",
        "",
    ),
    (
        "email",
        "<LEAD>我<OF>(?:新的?)?{邮箱地址 电子邮箱 电子邮件 邮箱}<NOW>{是 换成了 改成了 换成}\\s*"
        "(?P<value>[\\w.+-]+@[\\w.-]*\\w)",
        "",
    ),
    ("wechat", "<LEAD>我<OF>(?:新的?)?{微信号 微信}<NOW>{是 换成了 改成了}\\s*(?P<value>[\\w-]{3,30}?)", ""),
    (
        "address",
        "<LEAD>我<OF>(?:新的?)?{家庭住址 住址 地址}<NOW>{是 在 换成了 改成了}(?P<value>[^\\s，,。；;！!？?]{2,40}?)",
        "",
    ),
    ("height", "<LEAD>我?<OF>身高<NOW>是?(?P<value>[\\d.]{2,5}){厘米 公分 cm 米}?", ""),
    ("weight", "<LEAD>我?<OF>体重<NOW>是?(?P<value>[\\d.]{2,5}){公斤 千克 kg 斤}?", ""),
    ("marriage", "<LEAD>我<NOW>(?P<value>{单身 结婚 离婚 订婚 已婚 未婚 离异})", ""),
    ("diet", "<LEAD>我<NOW>(?:是(?:一个|一名)?)(?P<value>{素食者 素食主义者 纯素食者})", ""),
    ("diet", "<LEAD>我<NOW>{不是 不再是}(?P<value>{素食者 素食主义者 纯素食者})", "ended"),
    ("language", "<ASK>用<LANGUAGE>(?:来|跟我|和我|给我)?(?:回答|回复|交流|说话)我?{的问题 问题}?", ""),
    ("length", "<ASK>(?:回答|回复)(?:要|得|请|尽量)?(?P<value>{简短 简洁 简单 详细 具体})(?:一些|一点|点|些)?", ""),
    ("length", "<ASK>(?P<value>{简短 简洁 简单 详细 具体})(?:一些|一点|点|些)?地?(?:回答|回复)", ""),
    ("address", "<ASK>{叫我 称呼我 称呼我为}<VALUE>", ""),
)
_STANCES: Final = (
    ("like", True, "<LEAD>我<VERY>{喜欢吃 喜欢喝 喜欢 爱吃 爱喝 热爱 喜爱 爱}<THING>"),
    ("like", False, "<LEAD>我<VERY>{讨厌 厌恶 反感 痛恨 恨 受不了}<THING>"),
    ("like", False, "<LEAD>我<VERY>{不 不再 不太 不怎么}{喜欢吃 喜欢喝 喜欢 爱吃 爱喝 爱}<THING>"),
    ("take", True, "<LEAD>我<VERY>{喝 吃}<THING>"),
    ("take", False, "<LEAD>我<VERY>{不 不再 也不 从不 不会再}{喝 吃}<THING>"),
    ("take", False, "<LEAD>我<VERY>(?P<ended>{戒了 戒掉了 戒掉})<THING>"),
    ("allergy", False, "<LEAD>我<VERY>对<THING>{不过敏 不再过敏}"),
    ("allergy", True, "<LEAD>我<VERY>对<THING>过敏"),
    ("", True, "<LEAD>我<VERY>(?P<verb>{用 养 开 玩 学 打 练})<THING>"),
    ("", False, "<LEAD>我<VERY>{不 不再}(?P<verb>{用 养 开 玩 学 打 练})<THING>"),
)
_SWITCHED: Final = (
    "<LEAD>我<NOW>(?:从(?P<old>[^\\s，,。]{1,12}?){换成了 换成 换到了 换到 改用了 改用}"
    "|把(?P<gone>[^\\s，,。]{1,12}?){换成了 换成})(?P<new>[^\\s，,。]{1,12}?)"
)


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Compiled when first needed, which takes a moment."""
    return tuple((topic, pattern(rule + _END, _PARTS), meaning) for topic, rule, meaning in _SAID)


@cache
def _stances() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    return tuple((field, holds, pattern(rule + _END, _PARTS)) for field, holds, rule in _STANCES)


@cache
def _switch() -> re.Pattern[str]:
    return pattern(_SWITCHED + _END, _PARTS)


_OPENS: Final = re.compile("我|用|回答|回复|叫|称呼|身高|体重|详细|简")
_UNSURE: Final = re.compile(
    "以前|从前|曾经|曾|过去|小时候|原来|本来|打算|计划|准备|考虑|希望|可能|也许|"
    "大概|或许|好像|差点|如果|要是|假如|万一|周末|平日|工作日|暂时|"
    "有时|偶尔|通常|一半|也(?!不)|还(?!是)|另|第二|又|的时候|时候|直到|说|告诉我|"
    "以为|觉得|认为|梦|游戏|想(?:要|去|住|搬|换)|要(?:搬|去|换|是)|会(?!再)|"
    "除了|不仅|不只|同时|之一|(?:19|20)\\d\\d年|年前|更|吗|呢$"
)
_ANEW: Final = re.compile("现在|如今|再|了\\W*$|换|改|新|已经|以后|今后|从现在")
_NO_THING: Final = re.compile("一起|自己|别人|[不没]|时|因为|和|跟|与|多|少|太|一个人|过|着|什么|怎么")
_STAY: Final = re.compile(r"^[了着]?(?:一?[只条个杯台辆部]|我的)?")
_KINDS: Final = {
    "wife": "老婆 妻子 太太",
    "husband": "老公 丈夫",
    "girlfriend": "女朋友 女友",
    "boyfriend": "男朋友 男友",
    "mother": "妈妈 母亲",
    "father": "爸爸 父亲",
    "狗": "狗狗 小狗",
    "猫": "猫咪 小猫",
}
_WHO: Final = {each: name for name, listed in _KINDS.items() for each in listed.split()}
_SEVERAL: Final = frozenset(("妹妹", "姐姐", "弟弟", "哥哥", "儿子", "女儿"))
_VALUES: Final = {
    "married": "结婚 已婚",
    "single": "单身 未婚",
    "divorced": "离婚 离异",
    "engaged": "订婚",
    "short": "简短 简洁 简单",
    "long": "详细 具体",
    "english": "英文 英语",
    "chinese": "中文 汉语",
    "japanese": "日文 日语",
    "french": "法语",
    "german": "德语",
    "korean": "韩语",
    "spanish": "西班牙语",
    "russian": "俄语",
    "italian": "意大利语",
    "portuguese": "葡萄牙语",
}
_SAME: Final = {each: value for value, listed in _VALUES.items() for each in listed.split()}
_FIELDS: Final = {"用": "use", "养": "have", "开": "drive", "玩": "play", "学": "learn", "打": "play", "练": "练"}


LONGEST_SENTENCE: Final = 80
"""Characters of a sentence that is read; a longer one says much more than a claim."""


def claims(sentence: str) -> Iterator[Claim]:
    """What `sentence` claims."""
    if len(sentence) > LONGEST_SENTENCE or not _OPENS.search(sentence) or _UNSURE.search(sentence):
        return
    for topic, rule, meaning in _rules():
        if found := rule.match(sentence):
            yield _attribute(topic, found, meaning, sentence)
            return
    if found := _switch().match(sentence):
        yield from _switched(found["old"] or found["gone"])
        return
    for field, holds, rule in _stances():
        if found := rule.match(sentence):
            yield from _stance(field, found, holds, sentence)
            return


def _attribute(topic: str, found: re.Match[str], meaning: str, sentence: str) -> Claim:
    said = found.groupdict()
    value = fold(said["value"]).removesuffix("市")
    who = _WHO.get(said.get("who") or "", said.get("who") or "")
    about, searches = _about(topic, said)
    holds, anew = meaning != "ended", meaning == "anew" or _ANEW.search(sentence) is not None
    topics = (*about, who) if who else about
    sole = who not in _SEVERAL
    return Claim(topics, (_SAME.get(value, value),), holds, anew, sole, said["whole"] is not None, searches)


def _about(topic: str, said: dict[str, str | None]) -> tuple[tuple[str, ...], tuple[Search, ...]]:
    what, who = said.get("what") or "", said.get("who")
    if topic == "favourite":
        return (topic, what), (tuple(tokens(what)),)
    searches = tuple(tuple(tokens(each)) for each in FOUND_BY[topic])
    if topic == "home":
        return (topic, level(said["value"] or "")), searches
    if topic == "name" and who:
        return (topic,), (tuple(tokens(who)),)
    named = {"phone", "email", "height", "weight"}
    return (("attribute", topic) if topic in named else (topic,)), searches


def _stance(field: str, found: re.Match[str], holds: bool, sentence: str) -> Iterator[Claim]:
    said = found.groupdict()
    thing = _STAY.sub("", fold(said["thing"]))
    if _NO_THING.search(thing) or not tokens(thing):
        return
    anew = bool(said.get("ended")) or _ANEW.search(sentence) is not None
    value = field or _FIELDS[said["verb"]]
    yield Claim((STANCE, thing), (value,), holds, anew, True, said["whole"] is not None, (tuple(tokens(thing)),))


def _switched(thing: str) -> Iterator[Claim]:
    """Whoever switched from one thing to another uses, drinks, plays … the first no more."""
    thing = _STAY.sub("", fold(thing))
    if searched := tuple(tokens(thing)):
        for field in USED:
            yield Claim((STANCE, thing), (field,), False, False, True, False, (searched,))
        yield Claim(("employer",), (thing,), False, True, True, False, (searched,))
