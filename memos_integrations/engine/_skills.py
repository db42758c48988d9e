"""Skills as values (contract §3.4): what fits into one, and what changes it. Computes only."""

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["fitting", "rewritten", "same_name", "shaped", "words"]

TEXTS: Final = ("name", "description", "procedure")
LISTS: Final = ("experience", "preference", "examples")
OBJECTS: Final = ("script", "others")
_KINDS: Final = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(LISTS, list), **dict.fromkeys(OBJECTS, dict)}


def shaped(given: Mapping[str, Any]) -> dict[str, Any]:
    """A skill's value of what fits into one."""
    fit = {name: value for name, told in given.items() if (value := fitting(name, told)) is not None}
    return {**{name: kind() for name, kind in _KINDS.items()}, **fit}


def fitting(name: str, told: Any) -> Any:
    """`told` as a skill's member of that name has it; None where it is none.

    A text may come as a list of its lines, a list of one as a text; `script` and `others` hold texts by name.
    """
    if name in TEXTS:
        text = "\n".join(told) if _is_texts(told) else told
        return text.strip() if isinstance(text, str) and _is_plain(text) else None
    if name in LISTS:
        texts = [told] if isinstance(told, str) else told
        return list(texts) if _is_texts(texts) and all(map(_is_plain, texts)) else None
    if name in OBJECTS and isinstance(told, Mapping):
        texts = {str(key): _text(value) for key, value in told.items()}
        return texts if all(map(_is_plain, (*texts, *texts.values()))) else None
    return None


def words(body: Mapping[str, Any]) -> str:
    """What a skill is found by."""
    return "\n".join(str(body[name]) for name in TEXTS)


def rewritten(body: Mapping[str, Any], title: str | None, content: str | None) -> dict[str, Any] | None:
    """A skill's value with a title for its name, and content for its procedure or, where that is a JSON object's text,
    for the members named there. None where these are no members of a skill, or its name is taken away.
    """
    given = _members(content) if content is not None else {}
    fit = {name: fitting(name, told) for name, told in given.items()}
    new = {**body, **fit, **({"name": title} if title is not None else {})}
    return None if None in fit.values() or not new["name"] else new


def same_name(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two skills have one name, in any case."""
    return " ".join(one["name"].casefold().split()) == " ".join(other["name"].casefold().split())


def _members(content: str) -> dict[str, Any]:
    if content.lstrip().startswith("{"):
        try:
            given = json.loads(content)
        except (ValueError, RecursionError):
            given = None
        if isinstance(given, dict):
            return given
    return {"procedure": content}


def _text(value: Any) -> str:
    """A value that is no text as JSON has it, so that no depth of it is a burden to an answer."""
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""


def _is_texts(told: Any) -> bool:
    return isinstance(told, list | tuple) and all(isinstance(each, str) for each in told)


def _is_plain(text: str) -> bool:
    """Whether an answer can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
