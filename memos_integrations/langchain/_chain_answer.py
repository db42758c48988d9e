"""What a chain gave: the assistant's messages in it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, HumanMessage, message_chunk_to_message

__all__ = ["answers_in", "is_asking_tools", "joined", "whole", "without"]

_USUAL = ("output", "answer")
_STRUCTURED = {"raw", "parsed", "parsing_error"}  # with_structured_output(include_raw=True)


def joined(chunks: Sequence[Any]) -> Any:
    """The chunks of a stream as one value; of those that can't be added the last, as LangChain does."""
    if all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    try:
        return reduce(add, chunks)
    except TypeError:
        return chunks[-1]


def whole(chunks: Sequence[Any]) -> Any:
    """What a stream gave; of a graph's, whose chunks are steps or tokens, as the mode has it, its messages."""
    if not chunks:
        return None
    if not all(map(_is_of_a_graph, chunks)):
        return joined(chunks)
    return {"messages": _by_id(message for chunk in chunks for message in _within(chunk))}


def _is_of_a_graph(chunk: object) -> bool:
    """A step tells what each node gave; a tuple tells a mode, a namespace or a token's origin."""
    if isinstance(chunk, tuple):
        return True
    return isinstance(chunk, Mapping) and all(given is None or isinstance(given, Mapping) for given in chunk.values())


def _within(chunk: object) -> Iterator[BaseMessage]:
    """The messages in a chunk, but for those of an agent inside a tool, whose namespace has a bar."""
    if isinstance(chunk, BaseMessage):
        yield chunk
    elif isinstance(chunk, Mapping):
        yield from (message for value in chunk.values() for message in _within(value))
    elif isinstance(chunk, tuple | list):
        origin = chunk[-1].get("langgraph_checkpoint_ns", "") if chunk and isinstance(chunk[-1], Mapping) else ""
        if "|" not in str(origin):
            yield from (message for value in chunk for message in _within(value))


def _by_id(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Each message once, in the order of their beginnings, tokens put together."""
    found = dict[str, Any]()
    for message in messages:
        key = message.id or str(id(message))
        known = found.get(key)
        if isinstance(known, BaseMessageChunk) and isinstance(message, BaseMessageChunk):
            found[key] = known + message
        else:
            found[key] = message
    return list(found.values())


def answers_in(output: object, known: Collection[str], key: str | None) -> list[BaseMessage]:
    """What the assistant said in `output`, none where that can't be told; `known`: members that were handed in."""
    if isinstance(output, Mapping):
        output = _in_dict(output, known, key)
    if isinstance(output, str):
        return [AIMessage(output)]
    if isinstance(output, BaseMessage):
        output = [output]
    if not isinstance(output, list):
        return []
    messages = [_whole(message) for message in output if isinstance(message, BaseMessage)]
    asked = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    return messages[asked + 1 :]


def without(output: Any, key: str, informed: object) -> Any:
    """`output`; where it passes on the text that `informed` has under `key`, a copy without that."""
    if not isinstance(informed, Mapping) or not isinstance(output, dict):
        return output
    passed = output.get(key)
    if not isinstance(passed, str) or passed != informed.get(key):
        return output
    own = copy(output)
    del own[key]
    return own


def is_asking_tools(answers: Sequence[BaseMessage]) -> bool:
    """Whether the last word is a wish for tools, so that the turn goes on."""
    return bool(answers) and isinstance(answers[-1], AIMessage) and bool(answers[-1].tool_calls)


def _whole(message: BaseMessage) -> BaseMessage:
    return message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message


def _in_dict(output: Mapping[Any, Any], known: Collection[str], key: str | None) -> object:
    if key is not None:
        return output.get(key)
    if output.keys() == _STRUCTURED:
        return None
    if isinstance(messages := output.get("messages"), list):
        return messages
    new = {name: value for name, value in output.items() if name not in known and isinstance(value, str | BaseMessage)}
    usual = next((new[name] for name in _USUAL if name in new), None)
    if usual is not None:
        return usual
    return next(iter(new.values())) if len(new) == 1 else None
