"""What a memory looks back for, and what it found."""

from collections.abc import Iterator

from llama_index.core.base.llms.types import ChatMessage
from pydantic import Field, PrivateAttr

from memos_integrations.client import MemOS
from memos_integrations.llama_index._history import Question
from memos_integrations.llama_index._messages import text_of
from memos_integrations.llama_index._placement import Placement, form_of, placed
from memos_integrations.llama_index._runs import new_turn
from memos_integrations.llama_index._short_term import find_question
from memos_integrations.llama_index._writing import Writing
from memos_integrations.memory.handed import reader_zone
from memos_integrations.memory.prompt import render
from memos_integrations.memory.recall import NOTHING, Recall
from memos_integrations.wire.answers import Found

__all__ = ["Recalling"]


class Recalling(Writing):
    """The half of a memory that has to do with what is recalled."""

    recall_options: Recall = Field(default_factory=Recall, description="How memories are recalled")
    placement: Placement = Field(default="user", description="Where recalled text goes")
    token_limit: int = Field(default=30_000, ge=1, description="Most tokens of history that get returns (estimated)")

    _last_recall: Found | None = PrivateAttr(default=None)

    @property
    def last_recall(self) -> Found | None:
        """What this memory's latest recall found, empty where it failed; None before the first. Not in dumps: of a
        memory that a context keeps, ask `await ctx.store.get("memory")`.
        """
        return self._last_recall

    def recall(self, query: str | None = None) -> Found:
        """What MemOS knows that bears on `query`: facts, preferences and, where they are asked for, tools.

        Every query is a search. None is the present question, which is searched for once a turn, for `get` too.
        Nothing is found without a client; for errors see `on_error`.
        """
        question, client = self._wanted(query), self._bound()
        return self._noted(self._found(client, question))

    async def arecall(self, query: str | None = None) -> Found:
        """The same without blocking the loop."""
        question, client = self._wanted(query), await self._abound()
        return self._noted(await self._afound(client, question))

    def _wanted(self, query: str | None) -> Question | None:
        return self._question(None) if query is None else Question(new_turn(), query, query, put=False)

    def _question(self, given: str | ChatMessage | None) -> Question | None:
        with self._lock:
            return self.history.question(text_of(given) if isinstance(given, ChatMessage) else given)

    def _found(self, client: MemOS | None, question: Question | None) -> Found:
        if client is None or question is None:
            return NOTHING
        return self.recall_options.found(client, self.scope, turn=question.turn, text=question.text)

    async def _afound(self, client: MemOS | None, question: Question | None) -> Found:
        if client is None or question is None:
            return NOTHING
        return await self.recall_options.afound(client, self.scope, turn=question.turn, text=question.text)

    def _noted(self, found: Found) -> Found:
        self._last_recall = found
        return found

    def _view(self, question: Question | None) -> tuple[list[ChatMessage], int | None]:
        """The history's own messages, and where the question is among them."""
        with self._lock:
            return self.history.view(self.token_limit, None if question is None else question.turn)

    def _told(
        self, question: Question | None, found: Found, client: MemOS | None, theirs: list[ChatMessage] | None
    ) -> list[ChatMessage]:
        """What the present run sees, `theirs` where another memory keeps it, with what was found for its question."""
        messages, place = self._view(question) if theirs is None else (theirs, None)
        if question is None or client is None:
            return messages
        if question.text is not None or found is not NOTHING:
            self._noted(found)
        if theirs is not None and question.put:
            place = find_question(theirs, question.words)
        reader = reader_zone(self.timezone, client)
        later = place is None  # its engine asks after the history, which it takes for a template before
        form = form_of(self.placement, later=later)
        text = render(found, form=form, reader=reader, server=client.timezone, unfilled=later)
        return placed(messages, text, self.placement, place) if text else messages

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        yield from (("scope", self.scope), ("messages", len(self.history.entries)), ("address", self.address))
