"""One user turn of an agent, as a checkpoint may hold it: ids and a time, no text."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from langchain_core.messages import BaseMessage, HumanMessage

from memos_integrations.langchain._messages import asked_in, index_of, said_in
from memos_integrations.memory.record import Said
from memos_integrations.memory.scope import new_conversation

__all__ = ["Turn", "begin", "name_of", "text_of", "unwritten"]


class Turn(TypedDict):
    """Whose it is, `asked`: their message, `since`: the first message still to be written (None: none), both by id."""

    user: str
    asked: str
    at: str
    conversation: str
    since: str | None


def begin(
    messages: Sequence[BaseMessage], before: Turn | None, user: str, conversation: str | None, *, owing: bool
) -> Turn | None:
    """The turn that the latest message of `user` opens; None when there is none.

    A turn `before` that was never written (its run failed) is still owed: `since` stays at its beginning. A message
    that was written already and is only answered anew owes nothing; neither does a turn that is not to be recorded,
    so that it isn't later either.
    """
    asked = asked_in(messages)
    if asked is None or not asked.id:
        return None
    since = _owed(messages, before, asked.id) if owing else None
    at = datetime.now(UTC).isoformat()
    return Turn(user=user, asked=asked.id, at=at, conversation=conversation or new_conversation(), since=since)


def _owed(messages: Sequence[BaseMessage], before: Turn | None, asked: str) -> str | None:
    if before is None:
        return asked
    if before["since"] is None and before["asked"] == asked:
        return None
    return before["since"] if index_of(messages, before["since"]) is not None else asked


def name_of(turn: Turn) -> str:
    """What tells it from other turns: a caller may use a message's id again, and at another time."""
    return f"{turn['asked']} {turn['at']}"


def text_of(messages: Sequence[BaseMessage], turn: Turn) -> str | None:
    """The user's own text, None when their message is gone."""
    place = index_of(messages, turn["asked"])
    return None if place is None else str(messages[place].text)


def unwritten(messages: Sequence[BaseMessage], turn: Turn, kept: Said | None, *, tools: bool) -> list[Said]:
    """What is to be written at the end of a turn: nothing of one in which the user said nothing.

    `kept` is the user's text, in case it was summarised away; `tools`: with tool calls and their results.
    """
    asked_at = datetime.fromisoformat(turn["at"])
    places = [index_of(messages, turn["since"]), index_of(messages, turn["asked"])]
    start = next((place for place in places if place is not None), None)
    if start is None:
        said = _after_summary(messages, asked_at, kept)
    else:
        said = said_in(messages[start:], asked_at, tools=tools)
    return said if any(each.role == "user" and each.text.strip() for each in said) else []


def _after_summary(messages: Sequence[BaseMessage], asked_at: datetime, kept: Said | None) -> list[Said]:
    latest = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)
    answers = [said for said in said_in(messages[latest + 1 :], asked_at, tools=False) if said.role == "assistant"]
    return [*([kept] if kept else []), *answers[-1:]]
