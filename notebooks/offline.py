"""What the notebooks need to run offline: a stand-in for a model, and a table.

The stand-in holds no answers. To a question it repeats the recalled line that shares most words with it, or says that
it doesn't know; to anything else it nods. So whatever it knows of a user came out of the memory, into its prompt.

Put a model of your own in its place: with LangChain, MEMOS_NOTEBOOK_MODEL names it ("openai:…", or whatever else
`init_chat_model` takes; it needs its package and its key); with LlamaIndex, write your LLM where it says `llm()`.
"""

import os
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from memos_integrations.engine import tokens
from memos_integrations.memory.prompt import strip

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from llama_index.core.llms.function_calling import FunctionCallingLLM

__all__ = ["Table", "chat_model", "llm", "masked", "reply"]

# "- I moved to Lyon.", behind what marks a date and a preference; not what an assistant said.
_RECALLED = re.compile(r"^- (?:\[(?!assistant)[^]]*] )*([^\[\n].*)$", re.MULTILINE)
_CHANGING = re.compile(r'(?<=<memories id=")\w+|(?<=^- \[)\d{4}-\d\d-\d\d \d\d:\d\d', re.MULTILINE)
_LEFT = ' style="text-align: left"'


def chat_model() -> "BaseChatModel":
    """A chat model for LangChain: the one that MEMOS_NOTEBOOK_MODEL names, else the stand-in."""
    from langchain.chat_models import init_chat_model
    from langchain_core.language_models import SimpleChatModel

    class StandIn(SimpleChatModel):
        @property
        def _llm_type(self) -> str:
            return "stand-in"

        def _call(self, messages: "list[BaseMessage]", *_: Any, **__: Any) -> str:
            return reply([str(message.text) for message in messages])

    name = os.environ.get("MEMOS_NOTEBOOK_MODEL")
    return init_chat_model(name) if name else StandIn()


def llm() -> "FunctionCallingLLM":
    """The stand-in as an LLM of LlamaIndex."""
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.llms.mock import MockFunctionCallingLLM

    def answer(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
        return ChatMessage(role="assistant", content=reply([message.content or "" for message in messages]))

    return MockFunctionCallingLLM(response_generator=answer)


def reply(prompt: Sequence[str]) -> str:
    """The stand-in's answer to the last of the messages; of lines that share as many words, the shortest."""
    question = strip(prompt[-1])
    if "?" not in question:
        return "Noted."
    asked = set(tokens(question))
    lines = [line for message in prompt for line in _RECALLED.findall(message) if "?" not in line]
    shared, _, best = max(((len(asked & set(tokens(line))), -len(line), line) for line in lines), default=(0, 0, ""))
    return best if shared else "I don't know that."


def masked(text: str) -> str:
    """What a model was handed, without what changes from run to run: the times, and the digest of the block."""
    return _CHANGING.sub("…", text)


class Table:
    """Rows under headings, in a notebook and in plain text."""

    def __init__(self, headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
        self._rows = [tuple(headings), *(tuple(cell or "" for cell in row) for row in rows)]

    def _repr_html_(self) -> str:
        head, *body = (
            "".join(f"<{tag}{_LEFT}>{escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th", *["td"] * len(self._rows)], self._rows, strict=False)
        )
        return "\n".join(["<table>", f"<tr>{head}</tr>", *(f"<tr>{row}</tr>" for row in body), "</table>"])

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in self._rows)
        return "\n".join(lines)
