"""The attributes that one has one of at a time, and the search words by which memories of them are found."""

from typing import Final

from memos_integrations.engine._words import stem

ATTRIBUTES: Final = {
    "phone number": "phone",
    "mobile number": "phone",
    "cell number": "phone",
    "telephone number": "phone",
    "cell phone number": "phone",
    "mobile phone number": "phone",
    "number": "phone",
    "email": "email",
    "e-mail": "email",
    "email address": "email",
    "e-mail address": "email",
    "address": "address",
    "home address": "address",
    "postal address": "address",
    "zip code": "post code",
    "postcode": "post code",
    "postal code": "post code",
    "username": "username",
    "nickname": "nickname",
    "shoe size": "shoe size",
    "height": "height",
    "weight": "weight",
    "blood type": "blood type",
    "time zone": "time zone",
    "timezone": "time zone",
    "native language": "native language",
    "mother tongue": "native language",
    "nationality": "nationality",
    "major": "major",
}
"""What follows "my" and is one, by the name it has here."""

FOUND_BY: Final = {
    "home": ("live", "reside", "base", "living", "lived", "moved", "relocated", "住", "搬", "家"),
    "name": ("name", "called", "go", "叫", "名", "姓"),
    "employer": (
        "work",
        "job",
        "employer",
        "company",
        "workplace",
        "employed",
        "started",
        "switched",
        "changed",
        "quit",
        "left",
        "班",
        "工作",
        "职",
        "跳槽",
        "加入",
    ),
    "job": ("work", "job", "occupation", "profession", "become", "employed", "工作", "职", "一名"),
    "age": ("years", "old", "turned", "age", "岁"),
    "birthday": ("birthday", "born", "生日"),
    "marriage": ("single", "married", "engaged", "divorced", "widowed", "单身", "婚"),
    "diet": ("vegan", "vegetarian", "pescatarian", "flexitarian", "素"),
    "language": (
        "answer",
        "reply",
        "respond",
        "write",
        "speak",
        "talk",
        "communicate",
        "use",
        "switch",
        "回答",
        "回复",
    ),
    "length": ("answer", "reply", "respond", "replies", "responses", "回答", "回复"),
    "address": ("call", "address", "叫", "称呼", "地址", "住址"),
    "phone": ("number", "phone", "电话", "手机", "号码"),
    "email": ("email", "mail", "邮箱", "邮件"),
    "post code": ("code", "postcode", "邮编"),
    "height": ("height", "身高"),
    "weight": ("weight", "体重"),
    "shoe size": ("shoe size", "鞋码"),
    "nickname": ("nickname", "昵称"),
    "native language": ("native language", "mother tongue", "母语"),
    "time zone": ("time zone", "timezone", "时区"),
    "wechat": ("微信",),
}
"""What memories of a topic have: any one of these."""

_USED: Final = "take use drive own have play wear watch read ride"
USED: Final = tuple(map(stem, _USED.split()))
"""The fields of stances that "I switched from this to that" ends."""
