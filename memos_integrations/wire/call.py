"""A call as such: what all endpoints' classes have in common, and the types of their parameters, limits included."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticSerializationError

from memos_integrations.errors import Invalid
from memos_integrations.wire.answers import Answer
from memos_integrations.wire.checks import STRICT_ENOUGH, Discreet, Text, invalid, not_blank
from memos_integrations.wire.filters import Filter, Filters, Scalar
from memos_integrations.wire.tokens import exceeds

__all__ = [
    "MAX_PAGE",
    "Call",
    "Filtering",
    "Id",
    "Ids",
    "Info",
    "Limit",
    "Prompts",
    "Relativity",
    "Texts",
    "View",
    "Views",
    "checked",
]

T = TypeVar("T")

View = Literal["detail_factual", "preference", "skill", "profile", "event", "tool_memory"]
MAX_ID = 100  # §1.5: user_id and conversation_id; agent_id and app_id are held to the same
MAX_OWNERS = 20  # §1.5: ids of a group conversation
MAX_LIST = 25  # §1.5: results per kind
MAX_PAGE = 50  # §1.5: get/memory size, get/message messages

if TYPE_CHECKING:
    Id = str
    Ids = str | Sequence[str]
    Texts = Sequence[str]
    Views = Sequence[View]
    Info = Mapping[str, Scalar | Sequence[str]]
    Prompts = Mapping[str, str]
else:
    Id = Annotated[str, Field(min_length=1, max_length=MAX_ID), AfterValidator(not_blank)]
    Ids = Id | Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_OWNERS)]
    Texts = tuple[Text, ...]
    Views = tuple[View, ...]
    Info = Mapping[Text, Text | bool | int | Annotated[float, Field(allow_inf_nan=False)] | tuple[Text, ...]]
    Prompts = Mapping[View | Literal["image", "document"], Text]

Limit = Annotated[int, Field(ge=0, le=MAX_LIST)]
Relativity = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Call(Discreet, Generic[T]):
    """What may be asked of MemOS, and what it answers with (`T`)."""

    model_config = STRICT_ENOUGH
    path: ClassVar[str]
    answer: ClassVar[type[Answer]]
    repeatable: ClassVar[bool] = False
    """Whether asking twice does the same as asking once, so that a lost reply may be asked for again."""
    method: ClassVar[Literal["GET", "POST"]] = "POST"
    enveloped: ClassVar[bool] = True
    """Whether the documented answer comes in the envelope; both are read."""
    asks_model: ClassVar[bool] = False
    """Whether the server asks a model before it answers, which takes its time."""
    too_long: ClassVar[int] = 40305
    """The code for more tokens than `bounded` allows (contract §1.4)."""

    def target(self) -> str:
        """The path to ask, below the base URL; `path` is what it looks like for any arguments."""
        return self.path

    def parameters(self) -> Mapping[str, str]:
        """What stands behind the path."""
        return {}

    @property
    def content_type(self) -> str:
        """The body's."""
        return "application/json"

    def body(self) -> bytes:
        """The call as JSON, without what was left None. Raises `Invalid` for text that no JSON can carry."""
        try:
            return self.model_dump_json(exclude_none=True, by_alias=True).encode()
        except PydanticSerializationError:
            raise Invalid(f"{type(self).__name__}: holds a value that no JSON can carry", rule="not_json") from None

    def bounded(self) -> tuple[str, int, Iterable[str]] | None:
        """What may hold so many tokens only (contract §1.5): the field, how many, its texts; None where nothing is."""
        return None

    def overlong(self) -> Invalid | None:
        """The error for a call that has more tokens than the API takes, even by a low estimate."""
        bounded = self.bounded()
        if bounded is None:
            return None
        field, most, texts = bounded
        given = exceeds(texts, most)
        return _overlong(self.path, field, given, most) if given else None

    def fitted(self, data: Any) -> Any:
        """`data` of a reply in the newest form; where older servers answer in another form, a call overrides it."""
        return data

    def empty(self) -> Any:
        """What an empty 2xx stands for; None where it is no answer."""
        return None


def _overlong(path: str, field: str, given: int, most: int) -> Invalid:
    what = f"{path}: {field} takes at most {most:,} tokens, and has {given:,} by a low estimate"
    return Invalid(f"{what}: send less, or in several calls (contract §1.5)", field=field, rule="too_many_tokens")


class Filtering(Call[T], Generic[T]):
    """A call that may be narrowed by a filter (contract §5)."""

    filter: Filters | None = None

    @property
    def condition(self) -> Filter | None:
        """The filter as what it is at run time."""
        return cast("Filter | None", self.filter)


C = TypeVar("C", bound=Call[Any])


def checked(call: type[C], arguments: Mapping[str, object]) -> C:
    """`call` with `arguments`, or `Invalid` that names place and rule and shows no value."""
    try:
        return call.model_validate(arguments)
    except ValidationError as error:
        raise invalid(error, call.path) from None
