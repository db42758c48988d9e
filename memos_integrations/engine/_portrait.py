"""Questions about oneself as a whole ("What are my key traits?"), which share no words with their answers."""

from typing import Final

from memos_integrations.engine._pattern import pattern

_PARTS: Final = {
    "GENERAL": "{key main most important personal general overall top core own individual typical}",
    "TRAITS": "{traits? personality character characteristics? profile interests preferences habits hobbies tastes}",
    "CHINESE_GENERAL": "{主要 个人 关键 核心 重要 典型 用户 基本}",
    "CHINESE_TRAITS": "{特点 特征 特质 性格 个性 画像 爱好 兴趣 习惯 偏好}",
}
_ASKED: Final = (
    pattern(r"\bmy (?:<GENERAL>,? (?:and )?){0,3}<TRAITS>\b(?! {in about for of on}\b)", _PARTS),
    pattern(r"\b(?:{who what} am i|{person user one} am i|{know knows learned remember remembers} about me)\b", _PARTS),
    pattern(r"\b{describe profile characteri[sz]e summari[sz]e portray} me\b", _PARTS),
    pattern(r"我{有 的 是}*{哪些 什么}?(?:<CHINESE_GENERAL>|的){0,3}<CHINESE_TRAITS>", _PARTS),
    pattern(r"{了解 认识 描述 概括 介绍 总结}(?:一下)?我(?!们|的)|我是(?:一?个)?{什么样 怎样 怎么样 哪种 谁}", _PARTS),
    pattern(r"{了解 知道 记得 记住}[^，。]{0,6}关于我", _PARTS),
)


def asks_for_portrait(query: str) -> bool:
    """Whether `query` asks what is known of oneself altogether; English and Chinese."""
    return any(rule.search(query) for rule in _ASKED)
