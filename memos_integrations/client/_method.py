"""A call class worn as a client's method: plain on MemOS, awaitable on AsyncMemOS, exactly typed on both."""

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, get_type_hints, overload

from pydantic import ValidationError

from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import StreamChat
from memos_integrations.wire.checks import invalid
from memos_integrations.wire.events import ChatEvent

if TYPE_CHECKING:
    from memos_integrations.client._client import AsyncMemOS, MemOS

__all__ = ["method", "stream"]

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

        def plain(self: Any, /, *args: object, **arguments: object) -> Any:
            return self.send(_made(call, name, args, arguments))

        async def waiting(self: Any, /, *args: object, **arguments: object) -> Any:
            return await self.send(_made(call, name, args, arguments))

        self._plain = _presentable(plain, call, f"MemOS.{name}", call.answer)
        self._waiting = _presentable(waiting, call, f"AsyncMemOS.{name}", call.answer)

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


class stream(Generic[P]):  # noqa: N801 - worn like staticmethod
    """`stream_chat = stream(StreamChat)`: an iterator of events on MemOS, an async one on AsyncMemOS."""

    def __init__(self, call: Callable[P, StreamChat]) -> None:
        self._call = call

    def __set_name__(self, owner: type, name: str) -> None:
        call: Any = self._call

        def streaming(self: Any, /, *args: object, **arguments: object) -> Any:
            return self.stream(_made(call, name, args, arguments))

        def waiting(self: Any, /, *args: object, **arguments: object) -> Any:
            return self.stream(_made(call, name, args, arguments))

        self._plain = _presentable(streaming, call, f"MemOS.{name}", Generator[ChatEvent, None, None])
        self._waiting = _presentable(waiting, call, f"AsyncMemOS.{name}", AsyncGenerator[ChatEvent, None])

    @overload
    def __get__(self, client: None, owner: object) -> Callable[P, StreamChat]: ...
    @overload
    def __get__(self, client: "MemOS", owner: object) -> Callable[P, Generator[ChatEvent, None, None]]: ...
    @overload
    def __get__(self, client: "AsyncMemOS", owner: object) -> Callable[P, AsyncGenerator[ChatEvent, None]]: ...
    def __get__(self, client: "MemOS | AsyncMemOS | None", owner: object) -> Callable[P, Any]:
        if client is None:
            return self._call
        return MethodType(self._waiting if client.waits else self._plain, client)


def _made(call: Any, name: str, args: tuple[object, ...], arguments: dict[str, Any]) -> Any:
    """The call, its arguments checked."""
    if args:
        raise TypeError(f"{name}() takes its arguments by keyword only")
    try:
        return call(**arguments)
    except ValidationError as error:
        raise invalid(error, name) from None


def _presentable(function: Any, call: type[Call[Any]], qualname: str, answer: Any) -> Any:
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
    signature = inspect.Signature([itself, *parameters], return_annotation=answer)
    function.__name__, function.__qualname__ = qualname.partition(".")[2], qualname
    function.__module__, function.__doc__ = "memos_integrations.client", call.__doc__
    function.__annotations__ = {name: hints[name] for name in call.model_fields} | {"return": answer}
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function
