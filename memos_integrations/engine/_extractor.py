"""Asks a model for what is worth remembering; its answer is read with patience."""

import time
from dataclasses import replace
from typing import Final, Self

from memos_integrations.engine._chat import Model
from memos_integrations.engine._completions import Asked
from memos_integrations.engine._endpoint import ModelEndpoint
from memos_integrations.engine._extraction import Extraction, Extractor, ToExtract
from memos_integrations.engine._extractor_answer import read
from memos_integrations.engine._extractor_prompt import answer_format, messages_of
from memos_integrations.engine._pieces import Waiting
from memos_integrations.errors import BadRequest, Invalid

__all__ = ["PREFIX", "LLMExtractor", "chosen_extractor"]

PREFIX: Final = "MEMOS_EXTRACTOR"
"""What the names of its settings in the environment begin with."""

_REFUSED: Final = 40000  # what `_completions` makes of HTTP 400, 404 and 422


class LLMExtractor:
    """Finds facts, preferences, events and more in conversations by asking a model, once an add.

    `endpoint` is a `ModelEndpoint`, or anything that answers as one does. It is asked with temperature 0 for JSON of a
    given schema; one that refuses such a question (HTTP 400, 404, 422) is asked again without either, and from then on
    only so. Raises `Invalid`.

    >>> LLMExtractor(ModelEndpoint(base_url="http://localhost:11434/v1", model="qwen3:8b"))
    LLMExtractor(ModelEndpoint(base_url='http://localhost:11434/v1', model='qwen3:8b', timeout=120.0))
    """

    def __init__(self, endpoint: Model) -> None:
        if not isinstance(endpoint, Model):
            raise Invalid(f"LLMExtractor: endpoint is a ModelEndpoint (given: {type(endpoint).__name__})")
        self.endpoint = endpoint
        self._plain = False

    @classmethod
    def from_environment(cls) -> Self | None:
        """The one that MEMOS_EXTRACTOR_BASE_URL, MEMOS_EXTRACTOR_NAME and MEMOS_EXTRACTOR_API_KEY name, if any.

        Raises `Invalid` when some are missing.
        """
        endpoint = ModelEndpoint.from_environment(PREFIX)
        return None if endpoint is None else cls(endpoint)

    def __repr__(self) -> str:
        return f"LLMExtractor({self.endpoint!r})"

    def extract(self, asked: ToExtract, waiting: Waiting) -> Extraction:
        """What is in `asked.lines`, of the views asked for. Raises `Refused`: 50002 for an answer of no use."""
        return read(self._answer(asked, waiting), asked)

    def _answer(self, asked: ToExtract, waiting: Waiting) -> str:
        begun = time.monotonic()
        question = Asked(messages_of(asked), model=asked.model)
        if self._plain:
            return self.endpoint.answer(question, waiting)
        try:
            return self.endpoint.answer(
                replace(question, temperature=0.0, response_format=answer_format(asked)), waiting
            )
        except BadRequest as error:
            if error.code != _REFUSED or waiting.over:
                raise
        answer = self.endpoint.answer(question, _rest(waiting, time.monotonic() - begun))
        self._plain = asked.model is None  # a model that a caller named tells nothing of the others
        return answer


def chosen_extractor(given: object) -> Extractor | None:
    """What a caller of `connect` gave as its extractor, a model wrapped; the environment's where it is None.

    Raises `Invalid`.
    """
    if given is None:
        return LLMExtractor.from_environment()
    if isinstance(given, type):  # has the methods, but is nobody's
        raise _no_extractor("class")
    if isinstance(given, Extractor):
        return given
    if isinstance(given, Model):
        return LLMExtractor(given)
    raise _no_extractor(type(given).__name__)


def _no_extractor(given: str) -> Invalid:
    return Invalid(f"connect: extractor is an LLMExtractor or a ModelEndpoint (given: {given})", field="extractor")


def _rest(waiting: Waiting, passed: float) -> Waiting:
    """What is left of a wait; given up with it."""
    rest = Waiting(None if waiting.seconds is None else max(0.001, waiting.seconds - passed))
    waiting.on_give_up(rest.give_up)
    return rest
