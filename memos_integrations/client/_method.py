"""A call class worn as a client's method: plain on MemOS, awaitable on AsyncMemOS, exactly typed on both."""

import inspect
from collections.abc import Callable, Coroutine
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, get_type_hints, overload

from pydantic import ValidationError

from memos_integrations.wire.call import Call
from memos_integrations.wire.checks import invalid

if TYPE_CHECKING:
    from memos_integrations.client._client import AsyncMemOS, MemOS

__all__ = ["method"]

P = ParamSpec("P")
T = TypeVar("T")


class method(Generic[P, T]):  # noqa: N801 - worn like staticmethod
    """`search_memory = method(SearchMemory)`; on the class it is the call class itself.

    Arguments are checked before any I/O: a bad one raises `Invalid`, whose cause is left out, since pydantic's error
    could show what the user said.
    """

    def __init__(self, call: Callable[P, Call[T]]) -> None:
        self._call = call

    def __set_name__(self, owner: type, name: str) -> None:
        call: Any = self._call

        def made(args: tuple[object, ...], arguments: dict[str, Any]) -> Call[Any]:
            if args:
                raise TypeError(f"{name}() takes its arguments by keyword only")
            try:
                made: Call[Any] = call(**arguments)
            except ValidationError as error:
                raise invalid(error, name) from None
            return made

        def plain(self: Any, /, *args: object, **arguments: object) -> Any:
            return self.send(made(args, arguments))

        async def waiting(self: Any, /, *args: object, **arguments: object) -> Any:
            return await self.send(made(args, arguments))

        self._plain = _presentable(plain, call, f"MemOS.{name}")
        self._waiting = _presentable(waiting, call, f"AsyncMemOS.{name}")

    @overload
    def __get__(self, client: None, owner: object) -> Callable[P, Call[T]]: ...
    @overload
    def __get__(self, client: "MemOS", owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "AsyncMemOS", owner: object) -> Callable[P, Coroutine[object, None, T]]: ...
    def __get__(self, client: "MemOS | AsyncMemOS | None", owner: object) -> Callable[P, Any]:
        if client is None:
            return self._call
        return MethodType(self._waiting if client.waits else self._plain, client)


def _presentable(function: Any, call: type[Call[Any]], qualname: str) -> Any:
    """`function` as help() and editors should show it: the call's parameters and words, without pydantic's marks."""
    assert isinstance(function, FunctionType)
    hints = get_type_hints(call)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.is_required() else field.default,
            annotation=hints[name],
        )
        for name, field in call.model_fields.items()
    ]
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.Signature([itself, *parameters], return_annotation=call.answer)
    function.__name__, function.__qualname__ = qualname.partition(".")[2], qualname
    function.__module__, function.__doc__ = "memos_integrations.client", call.__doc__
    function.__annotations__ = {name: hints[name] for name in call.model_fields} | {"return": call.answer}
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function
