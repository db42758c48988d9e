"""pydantic's verdicts in our words: the place and the rule; of what was given only its type, its size, or a number."""

from collections.abc import Iterator, Mapping, Sized
from typing import Annotated, Any, LiteralString

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from memos_integrations.errors import Invalid

__all__ = ["STRICT_ENOUGH", "TOLERANT", "Discreet", "Spoken", "Text", "broken", "invalid", "not_blank"]

# Calls refuse what they don't know; messages and answers keep it (real servers and clients add members).
STRICT_ENOUGH = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
TOLERANT = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is no parameter of this call",
    "string_type": "must be text",
    "string_unicode": "holds half a surrogate pair, which no JSON can carry: decode the text anew",
    "string_too_short": "must not be empty",
    "string_too_long": "is at most {max_length} characters long",
    "too_short": "is a list of at least {min_length}",
    "too_long": "takes at most {max_length} of them",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "literal_error": "must be {expected}",
    "less_than_equal": "is at most {le}",
    "greater_than_equal": "is at least {ge}",
}


class Discreet(BaseModel):
    """A model whose repr and str tell the outline of what it holds, never the content: people's words and ids stay out
    of logs and tracebacks. `model_dump()` shows everything.
    """

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        held = {name: value for name, value in self if value is not None and value != ()}
        yield from ((name, _Outline(value)) for name, value in held.items())


class _Outline:
    def __init__(self, value: object) -> None:
        self._words = _outline(value)

    def __repr__(self) -> str:
        return f"<{self._words}>"


def broken(rule: LiteralString, message: str) -> PydanticCustomError:
    """A rule of ours, broken: `message` says what is allowed and what to do, without the value given."""
    return PydanticCustomError(rule, "{words}", {"words": message})


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise broken("string_unicode", _WORDS["string_unicode"]) from None
    return text


def not_blank(text: str) -> str:
    """A validator: text that says something."""
    if not text.strip():
        raise broken("blank", "holds nothing but blanks: give some text")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Spoken = Annotated[str, Field(min_length=1), AfterValidator(not_blank), AfterValidator(_encodable)]


def invalid(error: ValidationError, what: str) -> Invalid:
    """The first verdict of `error` as an `Invalid` about `what` (a call's or a class's name)."""
    verdicts = _meant(error.errors(include_url=False))
    field = _field(verdicts[0]["loc"])
    here = [v for v in verdicts if _field(v["loc"]) == field]
    # Of a union's verdicts one says "wrong type" and another the broken rule: the rule helps more.
    verdict = next((v for v in here if not v["type"].endswith("_type")), here[0])
    others = len({_field(v["loc"]) for v in verdicts}) - 1
    more = f" (and {others} more place{'s' if others > 1 else ''})" if others else ""
    text = f"{what}: {field + ' ' if field else ''}{_told(verdict)}{more}"
    return Invalid(text, field=field, rule=verdict["type"])


def _meant(verdicts: list[Any]) -> list[Any]:
    """Without the complaint that a list is too short where one of its items is broken: pydantic doesn't count that."""
    places = [_field(v["loc"]) for v in verdicts]

    def doubled(verdict: Any) -> bool:
        inside = f"{_field(verdict['loc'])}."
        return verdict["type"] == "too_short" and any(place.startswith(inside) for place in places)

    return [verdict for verdict in verdicts if not doubled(verdict)]


def _field(place: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in place if not _is_branch(step))


def _is_branch(step: object) -> bool:
    """Unions add the branch they tried to the place: "str", "constrained-str", "tuple[…]", "function-after[…]"."""
    return isinstance(step, str) and (step in {"str", "int", "float", "bool", "constrained-str"} or "[" in step)


def _told(verdict: Any) -> str:
    context = verdict.get("ctx", {})
    if verdict["type"] == "extra_forbidden" and verdict["loc"][0] == "filter":
        return 'is neither "and" nor "or" nor a source'
    ours = "words" in context or verdict["type"] not in _WORDS
    told = str(verdict["msg"]) if ours else _WORDS[verdict["type"]].format_map(context)
    if verdict["type"] == "missing":
        return told
    bound = verdict["type"] in {"less_than_equal", "greater_than_equal", "finite_number"}
    return f"{told} (given: {verdict['input'] if bound else _outline(verdict['input'])})"


def _outline(value: object) -> str:
    """What was given, without its content."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    size = f" of {len(value)}" if isinstance(value, Sized) else ""
    return f"{'an object' if isinstance(value, Mapping) else type(value).__name__}{size}"
