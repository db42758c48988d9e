"""Conversations as JSON Lines: a message a line, as OpenAI writes them, with whose it is and when it was said (UTC)."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import IO, Any, Final, NoReturn

from memos_integrations.errors import Invalid
from memos_integrations.moving._said import MARKS, Conversation, Kept, Name, kept, owner_of
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage

__all__ = ["LineSource", "line"]

_MORE: Final = "more"
_OURS: Final = frozenset({"user_id", "conversation_id", *MARKS, _MORE})
"""Members of a line that are none of the message; a message's own of these names go into `more`."""

_BOM: Final = b"\xef\xbb\xbf"


def line(name: Name, one: Kept) -> bytes:
    """A message as its line; the same for the same message."""
    own = {key: value for key, value in one.message.items() if key not in _OURS}
    more = {key: value for key, value in one.message.items() if key in _OURS}
    marks = {key: one.marks[key] for key in MARKS if key in one.marks}
    members = {**owner_of(name), **own, **marks, **({_MORE: more} if more else {})}
    return json.dumps(members, ensure_ascii=False, allow_nan=False).encode() + b"\n"


class LineSource:
    """Lines in a file or a pipe. A conversation is read whole before it is given out, and all of it is valid then."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.total: int | None = None

    def check(self) -> None:
        """Reads all of a file that can be read twice, and counts it. Raises `Invalid`."""
        start = self._file.tell()
        self.total = sum(one.size[0] for one in self.conversations() if one.size)
        self._file.seek(start)

    def conversations(self) -> Iterator[Conversation]:
        """Them, in the order of the file. Raises `Invalid`, which names the line and never shows what is in it."""
        seen, said, last = set[Name](), list[Kept](), None
        for number, name, one in _read(self._file):
            if name != last:
                if last is not None:
                    yield _whole(last, said)
                if name in seen:
                    _refuse(number, "its conversation has other conversations' lines before it: sort the lines")
                seen.add(name)
                said, last = [], name
            said.append(one)
        if last is not None:
            yield _whole(last, said)

    def aside(self) -> Mapping[str, int]:
        """Nothing: all that the lines hold is moved."""
        return {}

    def close(self) -> None:
        """The file stays its owner's."""


def _whole(name: Name, said: list[Kept]) -> Conversation:
    turns = sum(one.message["role"] == "user" for one in said)
    return Conversation(name, lambda: said, (len(said), turns))


def _read(lines: Iterable[bytes]) -> Iterator[tuple[int, Name, Kept]]:
    for number, raw in enumerate(lines, 1):
        text = raw.removeprefix(_BOM) if number == 1 else raw
        if not text.strip():
            continue
        try:
            yield number, *_message(_members(text))
        except Invalid as error:
            words = (
                str(error).removeprefix(f"{AddMessage.path}: ").replace("messages.0.", "").replace("a message: ", "")
            )
            raise Invalid(f"line {number}: {words}", field=error.field, rule=error.rule) from None


def _members(text: bytes) -> dict[str, Any]:
    try:
        members = json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
        json.dumps(members, ensure_ascii=False).encode()
    except Invalid:
        raise
    except UnicodeDecodeError:
        raise Invalid("is not UTF-8", rule="utf-8") from None
    except UnicodeEncodeError:
        raise Invalid("holds half a surrogate pair", rule="string_unicode") from None
    except (ValueError, RecursionError):
        raise Invalid("is not JSON", rule="json") from None
    if not isinstance(members, dict):
        raise Invalid("is no JSON object", rule="json")
    return members


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Invalid("names a member twice", rule="json")
    return members


def _no_number(_: str) -> NoReturn:
    raise Invalid("holds NaN or Infinity, which is no JSON", rule="json")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Invalid("holds a number that is too large", rule="json")
    return number


def _message(members: dict[str, Any]) -> tuple[Name, Kept]:
    """Whose message it is, and the message. Raises `Invalid`."""
    own = {key: value for key, value in members.items() if key not in _OURS}
    more = members.get(_MORE, {})
    if not isinstance(more, dict) or not more.keys() <= _OURS or (_MORE in members and not more):
        raise Invalid(f"{_MORE} holds members of the message that a line has a use of its own for", field=_MORE)
    name = _name(members)
    told = MARKS if name.kind == "user" else MARKS[1:]
    marks: dict[str, Any] = {key: members[key] for key in told if key in members}
    one = kept({**own, **more}, UTC, marks=marks)
    _check(name, one)
    return name, one


def _name(members: Mapping[str, Any]) -> Name:
    kind = "user" if members.get("user_id") is not None else "agent"
    owner, conversation = members.get(f"{kind}_id"), members.get("conversation_id")
    if not isinstance(owner, str) or not owner:
        raise Invalid("user_id, the id of a user, is required (or agent_id, that of an agent)", field="user_id")
    if not isinstance(conversation, str) or not conversation:
        raise Invalid("conversation_id, text, is required", field="conversation_id")
    return Name("user" if kind == "user" else "agent", owner, conversation)


def _check(name: Name, one: Kept) -> None:
    """What an add of it would be refused for here."""
    call = checked(AddMessage, {"messages": [one.message], **owner_of(name), **one.marks})
    if error := call.overlong():
        raise error


def _refuse(number: int, words: str) -> NoReturn:
    raise Invalid(f"line {number}: {words}", rule="order")
