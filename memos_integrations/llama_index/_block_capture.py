"""Writes the turns that a block is shown, each once, whoever shows them again: another read, a flush, a restart.

What is written is known by names in the client's outbox, of digests: the question's and how often it was asked. So a
history that a later process shows again is known from its latest turn on that the outbox knows; one of which the outbox
knows nothing is another's, and is adopted as known.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from memos_integrations.client import MemOS
from memos_integrations.llama_index._block_session import Noted, Session, fingerprint, matched
from memos_integrations.llama_index._block_turns import Turn, digest
from memos_integrations.memory.latest import keep
from memos_integrations.memory.record import Said, begin, begun, record
from memos_integrations.memory.scope import Scope

__all__ = ["Sessions", "settle", "settle_flushed", "write_whole"]

_MAX_SESSIONS = 256  # histories that a block follows at once; an older one is taken up again from the outbox


class Sessions:
    """The histories of one block, apart from each other, by name; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Session] = OrderedDict()

    def of(self, name: str, scope: Callable[[], Scope]) -> Session:
        """The history of that name."""
        with self._lock:
            session = self._known.get(name) or Session(name, scope())
            keep(self._known, name, session, _MAX_SESSIONS)
            return session


def settle(client: MemOS, session: Session, turns: Sequence[Turn], *, new: int = 1) -> int:
    """Writes what is new in a history, begins what has no answer yet; how many messages were put into the outbox.

    `new`: how many of the last turns are, where nobody knows anything of the history; 0: nothing is asked, since all of
    it leaves. Writes a file.
    """
    with session.writing:
        return _settled(client, session, turns, new)


def settle_flushed(client: MemOS, session: Session, turns: Sequence[Turn]) -> int:
    """The same for what leaves the history."""
    gone = [turn.key for turn in turns]
    with session.writing:
        followed = session.noted is not None and matched(session.keys, gone) is not None
        put = _settled(client, session, turns, 0)
        shift = matched(session.keys, gone) or 0
        session.note(session.noted[shift + len(gone) :] if followed and session.noted else None)
    return put


def write_whole(client: MemOS, session: Session, turns: Sequence[Turn]) -> int:
    """Writes turns that are shown out of their history: each content once. Writes a file."""
    put = 0
    with session.writing:
        for turn in turns:
            if not _known(client, session, _whole(session, turn)):
                first = _name(session, turn.key, 1)
                name = first if _known(client, session, first) else _whole(session, turn)
                put += record(client, session.scope, [Said("user", turn.text), *turn.followed], name)
    return put


def _settled(client: MemOS, session: Session, turns: Sequence[Turn], new: int) -> int:
    noted = _noted(client, session, turns, new)
    put = sum(_write(client, session, *each, last=each[0] is turns[-1]) for each in zip(turns, noted, strict=True))
    session.seen = fingerprint(turns)
    return put


def _noted(client: MemOS, session: Session, turns: Sequence[Turn], new: int) -> list[Noted]:
    """What is known of each of `turns`; what is new among them gets its number."""
    old, shift = session.noted, matched(session.keys, [turn.key for turn in turns])
    if old is None or shift is None:
        known = _taken_up(client, session, turns, new)
    else:
        known = old[shift:]
        if len(known) >= len(turns):  # an earlier view of it, or one with its end cut off
            known = known[: len(turns)]
            if not (new and _is_asked_anew(turns[-1], known[-1])):
                return known
            known[-1] = _anew(client, session, turns[-1], old)
    for turn in turns[len(known) :]:
        known.append(_numbered(client, session, turn, known, present=turn is turns[-1] and not turn.answered))
    session.note(known)
    return known


def _taken_up(client: MemOS, session: Session, turns: Sequence[Turn], new: int) -> list[Noted]:
    """What of a history that was not followed so far is known already; a last question without an answer never is."""
    end = len(turns) - (not turns[-1].answered) if turns else 0
    for i in range(end - 1, -1, -1):
        turn, number = turns[i], _latest(client, session, turns[i].key)
        if number or _known(client, session, _whole(session, turn)):
            return [*(Noted(each.key) for each in turns[:i]), Noted(turn.key, number or None)]
    return [Noted(turn.key) for turn in turns[: max(len(turns) - new, 0)]]


def _numbered(client: MemOS, session: Session, turn: Turn, before: Sequence[Noted], *, present: bool) -> Noted:
    """A new turn. One that an earlier process began, and that has no answer yet, is the same."""
    if not present and _known(client, session, _whole(session, turn)):
        return Noted(turn.key)
    mine = _highest(before, turn.key)
    latest = _latest(client, session, turn.key, mine)
    waits = present and latest > mine and begun(client, session.scope, _name(session, turn.key, latest))
    return Noted(turn.key, latest if waits else latest + 1)


def _is_asked_anew(turn: Turn, noted: Noted) -> bool:
    """Whether a question that had an answer is without one: after a reset, or for another answer."""
    waits = noted.number is not None and noted.heard in {None, turn.heard}
    return not (turn.followed or waits)


def _anew(client: MemOS, session: Session, turn: Turn, before: Sequence[Noted]) -> Noted:
    """The same words once more, which go by a number that they had not yet."""
    return Noted(turn.key, _latest(client, session, turn.key, _highest(before, turn.key)) + 1)


def _highest(noted: Sequence[Noted], key: str) -> int:
    """The highest number of that question's."""
    return max((each.number or 0 for each in noted if each.key == key), default=0)


def _write(client: MemOS, session: Session, turn: Turn, noted: Noted, *, last: bool) -> int:
    heard = turn.heard
    if noted.number is None or noted.heard == heard:
        return 0
    noted.heard, said = heard, Said("user", turn.text, noted.at)
    name = _name(session, turn.key, noted.number)
    if last and not turn.answered:
        begin(client, session.scope, name, said)
        return 0
    return record(client, session.scope, [said, *turn.followed], name)


def _latest(client: MemOS, session: Session, key: str, at_least: int = 0) -> int:
    """How often the outbox knows the question of that key."""
    number = at_least
    while _known(client, session, _name(session, key, number + 1)):
        number += 1
    return number


def _known(client: MemOS, session: Session, name: str) -> bool:
    return begun(client, session.scope, name) is not None


def _name(session: Session, key: str, number: int) -> str:
    return f"{session.name} {key} {number}"


def _whole(session: Session, turn: Turn) -> str:
    return f"{session.name} {digest(turn.key, turn.heard)} whole"
