"""One user turn of an agent, as a checkpoint may hold it: ids, a time and a digest, no text."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from langchain_core.messages import BaseMessage, HumanMessage

from memos_integrations.langchain._messages import asked_in, index_of, said_in, spoken_before, words_of
from memos_integrations.memory.record import Said
from memos_integrations.memory.scope import new_conversation

__all__ = ["Turn", "begin", "ended", "key_of", "name_of", "text_of", "unwritten", "written_as"]


class Turn(TypedDict):
    """Whose it is, `asked`: their message, `since`: the same while it is to be written, else None; by id. `key` is
    what tells it from others where it is written. `first`: where they sent several messages at once.
    """

    user: str
    asked: str
    at: str
    conversation: str
    since: str | None
    key: str
    first: NotRequired[str]


def begin(
    messages: Sequence[BaseMessage],
    latest: Turn | None,
    user: str,
    conversation: str | None,
    *,
    owing: bool,
    known: Callable[[str], bool] | None,
) -> Turn | None:
    """The turn that the latest message of `user` opens; None when there is none.

    The `latest` turn, if it was never answered (its run failed), is the outbox's, which writes its words alone. A
    message that was written already and is only answered anew owes nothing; neither does a turn that is not to be
    recorded, so that it isn't later either. Where a checkpointer keeps the `messages`, several of the user's may be
    new: those after the `latest` turn that are not `known` by their key. A history that a caller replays (`known` is
    None) tells of the last one alone.
    """
    asked = asked_in(messages)
    if asked is None or not asked.id:
        return None
    turn = Turn(
        user=user,
        asked=asked.id,
        at=datetime.now(UTC).isoformat(),
        conversation=conversation or new_conversation(),
        since=None,
        key="",
        first=asked.id if known is None else _first(messages, asked.id, latest, known),
    )
    turn["key"] = written_as(asked.id, text_of(messages, turn) or "")
    turn["since"] = asked.id if owing and not _is_again(turn, latest) else None
    return turn


def _first(messages: Sequence[BaseMessage], asked: str, latest: Turn | None, known: Callable[[str], bool]) -> str:
    if latest is not None and latest["asked"] == asked:
        return latest.get("first", asked)
    first = asked
    for message in spoken_before(messages, asked):
        mine = message.id or ""
        if (latest is not None and mine == latest["asked"]) or known(written_as(mine, words_of(message))):
            break
        first = mine
    return first


def _is_again(turn: Turn, latest: Turn | None) -> bool:
    """Whether it was written, or is somebody else's to be. A message that was edited under its id is another one."""
    if latest is None or latest["asked"] != turn["asked"] or latest.get("key", turn["key"]) != turn["key"]:
        return False
    return latest["since"] is None or latest["user"] != turn["user"]


def ended(messages: Sequence[BaseMessage], turn: Turn) -> Turn:
    """The turn when it is written, with what its words came to be on their way (redacted, edited)."""
    text = text_of(messages, turn)
    return {**turn, "since": None, "key": key_of(turn) if text is None else written_as(turn["asked"], text)}


def name_of(turn: Turn) -> str:
    """What tells it from other turns: a caller may use a message's id again, and at another time."""
    return f"{turn['asked']} {turn['at']}"


def key_of(turn: Turn) -> str:
    """The same for what is written: a message is one, whoever else sees it begin, and however often."""
    return turn.get("key") or name_of(turn)


def written_as(asked: str, text: str) -> str:
    """What names a message of that id in the outbox. An id tells little without the words: callers number from 1, and
    users edit what they said.
    """
    return f"{asked} {hashlib.blake2b(text.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def text_of(messages: Sequence[BaseMessage], turn: Turn) -> str | None:
    """The user's own text, None when their message is gone, or one of several."""
    start, place = index_of(messages, turn.get("first", turn["asked"])), index_of(messages, turn["asked"])
    if start is None or place is None:
        return None
    texts = (words_of(m) for m in messages[start : place + 1] if isinstance(m, HumanMessage))
    return "\n\n".join(text for text in texts if text.strip())


def unwritten(
    messages: Sequence[BaseMessage], turn: Turn, kept: str | None, *, tools: bool, but: Collection[str] = ()
) -> list[Said]:
    """What is to be written at the end of a turn: nothing of one in which the user said nothing.

    `kept` is the user's text, in case it was summarised away: "" where it is written already, None where nobody knows
    it. `tools`: with tool calls and their results, `but` for those of our own.
    """
    asked_at = datetime.fromisoformat(turn["at"])
    place, text = index_of(messages, turn["asked"]), text_of(messages, turn)
    if text is None:
        text = kept
    if text is None and place is not None:
        text = words_of(messages[place])  # the last of several
    if text is None or (place is not None and not text.strip() and kept is None):
        return []
    asked = [Said("user", text, asked_at, turn["asked"])] if text else []
    if place is None:
        return [*asked, *_after_summary(messages)]
    return [*asked, *said_in(messages[place + 1 :], tools=tools, but=but)]


def _after_summary(messages: Sequence[BaseMessage]) -> list[Said]:
    latest = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
    answers = [said for said in said_in(messages[latest + 1 :], tools=False) if said.role == "assistant"]
    return answers[-1:]
