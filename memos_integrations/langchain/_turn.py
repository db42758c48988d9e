"""One user turn of an agent, as a checkpoint may hold it: ids, a time and a digest, no text."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from langchain_core.messages import BaseMessage, HumanMessage

from memos_integrations.langchain._messages import asked_in, index_of, said_in
from memos_integrations.memory.record import Said, is_unique
from memos_integrations.memory.scope import new_conversation

__all__ = ["Turn", "begin", "key_of", "name_of", "stands", "text_of", "unwritten"]


class Turn(TypedDict):
    """Whose it is, `asked`: their message, `since`: the same while it is to be written, else None; by id. `key` is
    what tells it from others where it is written.
    """

    user: str
    asked: str
    at: str
    conversation: str
    since: str | None
    key: str


def begin(
    messages: Sequence[BaseMessage], before: Turn | None, user: str, conversation: str | None, *, owing: bool
) -> Turn | None:
    """The turn that the latest message of `user` opens; None when there is none.

    A turn `before` that was never answered (its run failed) is the outbox's, which writes its words alone. A message
    that was written already and is only answered anew owes nothing; neither does a turn that is not to be recorded,
    so that it isn't later either.
    """
    asked = asked_in(messages)
    if asked is None or not asked.id:
        return None
    again = before is not None and before["since"] is None and before["asked"] == asked.id
    since = asked.id if owing and not again else None
    at = datetime.now(UTC).isoformat()
    where = conversation or new_conversation()
    return Turn(user=user, asked=asked.id, at=at, conversation=where, since=since, key=_key(asked.id, str(asked.text)))


def name_of(turn: Turn) -> str:
    """What tells it from other turns: a caller may use a message's id again, and at another time."""
    return f"{turn['asked']} {turn['at']}"


def key_of(turn: Turn) -> str:
    """The same for what is written: a message is one, whoever else sees it begin, and however often."""
    return turn.get("key") or name_of(turn)


def _key(asked: str, text: str) -> str:
    """An id that is not one for good tells little without the words."""
    if is_unique(asked):
        return asked
    return f"{asked} {hashlib.blake2b(text.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def stands(messages: Sequence[BaseMessage], turn: Turn) -> bool:
    """Whether the user's message is still among `messages`."""
    return index_of(messages, turn["asked"]) is not None


def text_of(messages: Sequence[BaseMessage], turn: Turn) -> str | None:
    """The user's own text, None when their message is gone."""
    place = index_of(messages, turn["asked"])
    return None if place is None else str(messages[place].text)


def unwritten(messages: Sequence[BaseMessage], turn: Turn, kept: str | None, *, tools: bool) -> list[Said]:
    """What is to be written at the end of a turn: nothing of one in which the user said nothing.

    `kept` is the user's text, in case it was summarised away: "" where it is written already, None where nobody knows
    it. `tools`: with tool calls and their results.
    """
    asked_at = datetime.fromisoformat(turn["at"])
    start = index_of(messages, turn["asked"])
    if start is None:
        return [] if kept is None else _after_summary(messages, turn, kept)
    said = said_in(messages[start:], asked_at, tools=tools)
    return said if any(each.role == "user" and each.text.strip() for each in said) else []


def _after_summary(messages: Sequence[BaseMessage], turn: Turn, kept: str) -> list[Said]:
    asked_at = datetime.fromisoformat(turn["at"])
    latest = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
    answers = [said for said in said_in(messages[latest + 1 :], asked_at, tools=False) if said.role == "assistant"]
    return [*([Said("user", kept, asked_at, turn["asked"])] if kept else []), *answers[-1:]]
