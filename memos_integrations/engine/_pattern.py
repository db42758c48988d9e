"""A notation in which lists of words stay readable, and its way into regular expressions.

`{not never can't do_not}` is any one of these words, `_` standing for the space within one; `<NAME>` puts a named part
there; a space is any white space; an apostrophe stands for all that is typed as one. The rest is `re`'s own syntax.
"""

import re
from collections.abc import Mapping

_LIST = re.compile(r"\{(?!\d)([^{}]*)\}")  # {0,4} stays the quantifier it is
_NAME = re.compile(r"<([A-Z_]+)>")


def pattern(rule: str, parts: Mapping[str, str]) -> re.Pattern[str]:
    """`rule` compiled, upper and lower case alike; `parts` are written in the same notation."""
    listed = _LIST.sub(_alternatives, named(rule, parts))
    return re.compile(re.sub(r"\s+", r"\\s+", listed).replace("'", "['’‘ʼ´`]"), re.IGNORECASE)


def named(rule: str, parts: Mapping[str, str]) -> str:
    return _NAME.sub(lambda name: named(parts[name[1]], parts), rule)


def _alternatives(words: re.Match[str]) -> str:
    return "(?:" + "|".join(word.replace("_", " ") for word in words[1].split()) + ")"
