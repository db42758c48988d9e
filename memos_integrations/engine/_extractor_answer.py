"""What a model answered about lines, read with patience: what is usable counts, the rest is dropped. Computes only."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard, TypeVar

from pydantic_core import from_json

from memos_integrations.engine._completions import FAILED
from memos_integrations.engine._defaults import EVENTS, FACTS, PREFERENCES, PROFILES, SKILLS, TOOLS
from memos_integrations.engine._extract import REMEMBERED
from memos_integrations.engine._extraction import (
    Experience,
    Extraction,
    FieldValue,
    NewEvent,
    NewFact,
    NewPreference,
    NewSkill,
    ToExtract,
)
from memos_integrations.engine._extractor_prompt import MEMBERS
from memos_integrations.errors import ServerFault

__all__ = ["read"]

LONGEST: Final = 2_000  # characters of a memory's text; a model that writes more has not extracted
MOST: Final = 200  # memories of a kind
_MOST_TEXT: Final = 400_000
_STARTS: Final = 50  # places where the answer's object may begin: models talk before it
_SPARE_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_DIGITS: Final = re.compile(r"\D{0,3}(\d{1,6})\D{0,3}")
_WORDS: Final = ("description", "procedure")
_LISTS: Final = ("experience", "preference", "examples")

T = TypeVar("T")
Item = Mapping[str, Any]


def read(text: str, asked: ToExtract) -> Extraction:
    """What `text` says was found, as far as it was asked for and names lines that are there.

    Raises `ServerFault` (50002) where nothing of it can be used; a list that is empty is an answer.
    """
    said = _object_in(text[:_MOST_TEXT])
    given = {view: said[name] for view, name in MEMBERS.items() if view in asked.views and name in said}
    reading = _Reading(asked, given)
    found = Extraction(
        facts=reading.every(FACTS, reading.fact),
        preferences=reading.every(PREFERENCES, reading.preference),
        events=reading.every(EVENTS, reading.event),
        skills=reading.every(SKILLS, reading.skill),
        filled=reading.every(PROFILES, reading.filled),
        experiences=reading.every(TOOLS, reading.experience),
    )
    if found == Extraction() and [] not in given.values():
        raise _unusable()
    return found


class _Reading:
    def __init__(self, asked: ToExtract, given: Mapping[str, Any]) -> None:
        self._asked, self._given = asked, given

    def every(self, view: str, read_one: Callable[[Item], T | None]) -> tuple[T, ...]:
        given = self._given.get(view)
        items = given if isinstance(given, list) else [given]
        found = list[T]()
        for item in items[:MOST]:
            one = read_one(item) if isinstance(item, dict) else None
            if one is not None and one not in found:
                found.append(one)
        return tuple(found)

    def fact(self, item: Item) -> NewFact | None:
        line, text = self._line(item, REMEMBERED), _text(item.get("text"))
        if line is None or not text:
            return None
        is_users = self._asked.lines[line].role == "user"
        own = is_users and _truth(item.get("own"), otherwise=True)
        return NewFact(line, text, _text(item.get("title")), own, self._replaced(item))

    def preference(self, item: Item) -> NewPreference | None:
        line, text = self._line(item, REMEMBERED[:1]), _text(item.get("text"))
        if line is None or not text:
            return None
        implicit = _truth(item.get("implicit"), otherwise=False)
        return NewPreference(line, text, _text(item.get("reasoning")), implicit, self._replaced(item))

    def event(self, item: Item) -> NewEvent | None:
        line, text = self._line(item, REMEMBERED), _text(item.get("text"))
        if line is None or not text:
            return None
        told = (_texts(item.get(name)) for name in ("times", "places", "people"))
        return NewEvent(line, text, _text(item.get("title")), *told)

    def skill(self, item: Item) -> NewSkill | None:
        line, name = self._line(item, (*REMEMBERED, "tool")), _text(item.get("name"))
        words = {member: _text(item.get(member)) for member in _WORDS}
        if line is None or not name or not words["procedure"]:
            return None
        lists = {member: list(_texts(item.get(member))) for member in _LISTS}
        return NewSkill(line, {"name": name, **words, **lists})

    def filled(self, item: Item) -> FieldValue | None:
        place, value = _place(item.get("field"), len(self._asked.fields)), _text(item.get("value"))
        return FieldValue(place, value) if place is not None and value else None

    def experience(self, item: Item) -> Experience | None:
        line, text = self._line(item, (*REMEMBERED, "tool")), _text(item.get("text"))
        return Experience(line, text) if line is not None and text else None

    def _line(self, item: Item, roles: Sequence[str]) -> int | None:
        """The line meant, if it is one of these `roles`; the only one where none is named."""
        lines = self._asked.lines
        place = 0 if len(lines) == 1 and "line" not in item else _place(item.get("line"), len(lines))
        return place if place is not None and lines[place].role in roles else None

    def _replaced(self, item: Item) -> tuple[int, ...]:
        given = item.get("replaces")
        places = (_place(one, len(self._asked.known)) for one in (given if isinstance(given, list) else [given]))
        return tuple(dict.fromkeys(place for place in places if place is not None))


def _object_in(text: str) -> Mapping[str, Any]:
    """The JSON object in what a model wrote: in a fence, among words, with commas to spare, or broken off."""
    for written in (text, _SPARE_COMMA.sub("", text)):
        for said in _objects(written):
            if _is_answer(said):
                return said
    start = text.find("{")
    try:
        said = from_json(text[start:] if start >= 0 else "", allow_partial=True)
    except ValueError:
        raise _unusable() from None
    if not _is_answer(said):
        raise _unusable()
    return said


def _objects(text: str) -> Iterator[Any]:
    decoder, start = json.JSONDecoder(), text.find("{")
    for _ in range(_STARTS):
        if start < 0:
            return
        try:
            said, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield said
        start = text.find("{", end)


def _is_answer(said: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(said, dict) and any(name in said for name in MEMBERS.values())


def _place(given: object, count: int) -> int | None:
    """A number from 1 to `count`, also as text ("[3]"), as a place counted from 0."""
    if isinstance(given, str) and (digits := _DIGITS.fullmatch(given.strip())):
        given = int(digits[1])
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= count:
        return None
    return given - 1


def _text(given: object) -> str:
    """Text as a file can hold it, "" for anything else."""
    if not isinstance(given, str):
        return ""
    return given.encode("utf-8", "ignore").decode().strip()[:LONGEST]


def _texts(given: object) -> tuple[str, ...]:
    several = given[:MOST] if isinstance(given, list) else [given]
    return tuple(dict.fromkeys(text for text in map(_text, several) if text))


def _truth(given: object, *, otherwise: bool) -> bool:
    if isinstance(given, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(given.strip().lower(), otherwise)
    return given if isinstance(given, bool) else otherwise


def _unusable() -> ServerFault:
    return ServerFault("the model's answer holds nothing that can be used", code=FAILED)
