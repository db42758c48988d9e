"""The part of a conversation that fits into a model's input. Pure."""

from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

__all__ = ["window"]

_INSTRUCTING = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER})
_FRAME = 4  # tokens that a message costs whatever it says
_MEDIUM = 500  # tokens of a picture or a document, whose bytes tell nothing of its cost


def window(messages: Sequence[ChatMessage], starts: Sequence[int], token_limit: int) -> tuple[int, int]:
    """(first, begin): what fits into `token_limit` tokens (estimated) is `messages[:first]` and `messages[begin:]`.

    `messages[:first]` is a leading system message. The rest is the newest whole turns, one at least, which begin
    at `starts`, where the user speaks; so no tool call is parted from its result, and what is cut begins with the user.
    """
    first = 1 if messages and messages[0].role in _INSTRUCTING else 0
    turns = [start for start in starts if start >= first] or [first]
    begin, end, left = turns[-1], len(messages), token_limit
    for start in [*reversed(turns), first]:
        left -= sum(_tokens(message) for message in messages[start:end])
        if left < 0:
            break
        begin = end = start
    return first, begin


def _tokens(message: ChatMessage) -> int:
    """An estimate, on the high side. No tokenizer is downloaded."""
    calls = message.additional_kwargs.get("tool_calls")
    return _FRAME + (_worth(str(calls)) if calls else 0) + sum(_block_tokens(block) for block in message.blocks)


def _block_tokens(block: object) -> int:
    if isinstance(block, TextBlock):
        return _worth(block.text)
    kind = getattr(block, "block_type", "")  # not every llama-index-core that we work with has these classes
    if kind == "thinking":
        return _worth(getattr(block, "content", None) or "")
    return _worth(str(block)) if kind == "tool_call" else _MEDIUM


def _worth(text: str) -> int:
    """A token for three bytes: three letters of English, one Chinese character."""
    return len(text.encode("utf-8", "surrogatepass")) // 3 + 1
