"""An embedder behind an endpoint: texts to vectors over OpenAI's embeddings call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic_core import from_json, to_json

from memos_integrations.engine._completions import FAILED
from memos_integrations.engine._endpoint import Endpoint
from memos_integrations.engine._pieces import Waiting
from memos_integrations.errors import ServerFault

__all__ = ["EmbeddingEndpoint"]

_MOST_AT_ONCE: Final = 2048  # OpenAI's own limit
_LARGEST: Final = 256 << 10  # bytes of a reply for each text


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingEndpoint(Endpoint):
    """An embedder behind any endpoint that speaks OpenAI's embeddings: OpenAI, Ollama, vLLM, llama.cpp and others.

    `base_url` is what stands before /embeddings ("http://localhost:11434/v1"); `model` its name there, by which its
    vectors are known: with another one they are made anew. Without `api_key` no Authorization is sent. `timeout` in
    seconds (30, a day at most) bounds each question, of `batch` texts (64, 2,048 at most). A proxy and certificates are
    taken from the environment. The key shows in no repr and no error. Raises `Invalid`.

    >>> EmbeddingEndpoint(base_url="http://localhost:11434/v1/", model="bge-m3", api_key="sk-secret")
    EmbeddingEndpoint(base_url='http://localhost:11434/v1', model='bge-m3', timeout=30.0, batch=64)
    """

    path: ClassVar[str] = "/embeddings"
    prefix: ClassVar[str] = "MEMOS_EMBEDDER"

    timeout: float = 30.0
    batch: int = 64

    def __post_init__(self) -> None:
        Endpoint.__post_init__(self)
        if isinstance(self.batch, bool) or not isinstance(self.batch, int) or not 0 < self.batch <= _MOST_AT_ONCE:
            raise self._invalid("batch", f"is a number of texts, from 1 to {_MOST_AT_ONCE:,}")

    @property
    def name(self) -> str:
        """What its vectors are known by."""
        return self.model

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """The texts' vectors, in their order. Raises `Refused`."""
        return self.vectors(texts, Waiting())

    def vectors(self, texts: Sequence[str], waiting: Waiting) -> list[list[float]]:
        """The same, as long as somebody waits for it."""
        parts = [texts[start : start + self.batch] for start in range(0, len(texts), self.batch)]
        return [vector for part in parts for vector in self._asked(part, waiting)]

    def _asked(self, texts: Sequence[str], waiting: Waiting) -> list[list[float]]:
        from memos_integrations.engine._models import Question, whole  # loads httpx: not before needed

        body = to_json({"model": self.model, "input": list(texts)})
        seconds = self.timeout if waiting.seconds is None else min(self.timeout, waiting.seconds)
        question = Question(self.base_url + self.path, self._headers("application/json"), body)
        return _read(whole(question, seconds, waiting, most=len(texts) * _LARGEST), len(texts))


def _read(body: bytes, count: int) -> list[list[float]]:
    """The vectors in a reply, by their indices. Raises `ServerFault`."""
    try:
        said: Any = from_json(body, allow_inf_nan=False)
        found = {item["index"]: [_number(number) for number in item["embedding"]] for item in said["data"]}
        vectors = [found[place] for place in range(count)]
    except (ValueError, TypeError, LookupError):
        raise _garbled() from None
    if len(said["data"]) != count or len({len(vector) for vector in vectors}) > 1 or not all(vectors):
        raise _garbled()
    return vectors


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError
    return float(given)


def _garbled() -> ServerFault:
    return ServerFault("the endpoint's reply has no embeddings, one a text: is base_url right?", code=FAILED)
