"""What MemOS works out and keeps nothing of: extraction and reranking (contract §2.10, §2.11)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from memos_integrations.wire.answers import Answer, Members, Several, Words
from memos_integrations.wire.call import Call, Texts
from memos_integrations.wire.checks import Spoken, broken
from memos_integrations.wire.message import Message, Messages
from memos_integrations.wire.tokens import ANSWER

__all__ = ["ExtractMemory", "Extracted", "ExtractedFact", "ExtractedPreference", "Ranked", "Rerank", "Reranked"]

ExtractionType = Literal["memory", "preference"]

if TYPE_CHECKING:
    ExtractionTypes = Sequence[ExtractionType]
else:
    ExtractionTypes = Annotated[tuple[ExtractionType, ...], Field(min_length=1)]


class ExtractedFact(Answer):
    """A fact found in the messages given; nothing was stored, so it has no id."""

    memory_key: Words = ""
    memory_value: Words = ""
    memory_type: str | None = None
    tags: Several[str] = ()


class ExtractedPreference(Answer):
    """A preference found in the messages given; `preference_type` explicit_preference or implicit_preference."""

    preference: Words = ""
    reasoning: Words = ""
    preference_type: str | None = None


class Extracted(Answer):
    """What was found in the messages given."""

    success: bool = True
    memory_detail_list: Several[ExtractedFact] = ()
    preference_detail_list: Several[ExtractedPreference] = ()


class ExtractMemory(Call[Extracted]):
    """Find facts and preferences in `messages` and store nothing (`POST extract/memory`, contract §2.10).

    Messages of user, assistant or system, in plain text, at most 8,000 tokens in all. `extraction_types` restricts what
    is looked for (server's default: both). `model` is sent by the official SDK only.
    """

    path: ClassVar[str] = "extract/memory"
    answer: ClassVar[type[Answer]] = Extracted
    repeatable: ClassVar[bool] = True
    asks_model: ClassVar[bool] = True

    messages: Messages
    extraction_types: ExtractionTypes | None = None
    model: Spoken | None = None

    @model_validator(mode="after")
    def _is_plain_text(self) -> "ExtractMemory":
        for number, message in enumerate(self.messages):
            if isinstance(message, Message) and (message.role == "tool" or not isinstance(message.content, str)):
                raise broken(
                    "plain_text", f"messages.{number}: give plain text of user, assistant or system (contract §2.10)"
                )
        return self

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages as what they are at run time."""
        return cast("tuple[Message, ...]", self.messages)

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The messages' words."""
        return "messages", ANSWER, (message.words for message in self.turns)


class Ranked(Answer):
    """A document and its bearing on the query, 0..1; `index` is its place among those given."""

    index: int
    document: Members = Field(default_factory=dict)
    relevance_score: float

    @property
    def text(self) -> str:
        """The document's words, where the server tells them again."""
        return str(self.document.get("text") or "")


class Reranked(Answer):
    """The documents, best first."""

    id: str | None = None
    model: str | None = None
    usage: Members = Field(default_factory=dict)
    results: Several[Ranked] = ()


class Rerank(Call[Reranked]):
    """Order `documents` by their bearing on `query` (`POST rerank`, contract §2.11).

    At most 8,000 tokens of documents in all, at least one document. `model` is memos-reranker-0.6b or
    memos-reranker-4b (server's default: its own choice), `top_n` how many to return (default: all).
    """

    path: ClassVar[str] = "rerank"
    answer: ClassVar[type[Answer]] = Reranked
    repeatable: ClassVar[bool] = True
    enveloped: ClassVar[bool] = False

    query: Spoken
    documents: Annotated[Texts, Field(min_length=1)]
    model: Spoken | None = None
    top_n: Annotated[int, Field(ge=1)] | None = None

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The documents."""
        return "documents", ANSWER, self.documents

    def fitted(self, data: Any) -> Any:
        """The results best first, whoever ordered them."""
        results = data.get("results") if isinstance(data, dict) else None
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            return data
        scored = all(isinstance(one.get("relevance_score"), int | float) for one in results)
        return {**data, "results": sorted(results, key=lambda one: -one["relevance_score"])} if scored else data
