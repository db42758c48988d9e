"""What the notebooks need to run offline: a stand-in for a model, one for an embedding, and a table.

The stand-in holds no answers. To a question it repeats the recalled line that shares most words with it, or says that
it doesn't know; to anything else it nods. So whatever it knows of a user came out of the memory, into its prompt.
It calls a tool when it is told to in the tool's words: "book" for book_trip, "remember" for add_memory, "correct" for
add_feedback, "forget" for forget_memory; search_memory for any question, and before it forgets. Then it says what the
tool said.

Put a model of your own in its place: with LangChain, MEMOS_NOTEBOOK_MODEL names it ("openai:…", or whatever else
`init_chat_model` takes; it needs its package and its key); with LlamaIndex, write your LLM where it says `llm()`, and
your embedding where it says `embedding()`: the one here counts words.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from json import dumps
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zlib import crc32

from memos_integrations.engine import tokens
from memos_integrations.memory.prompt import strip

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.llms.function_calling import FunctionCallingLLM

__all__ = ["Table", "chat_model", "embedding", "llm", "masked", "reply"]

# "- I moved to Lyon.", behind what marks a date and a preference; not what an assistant said.
_RECALLED = re.compile(r"^- (?:\[(?!assistant)[^]]*] )*([^\[\n].*)$", re.MULTILINE)
_WITH_ID = re.compile(r"\[(\w{8}-[\w-]{27})] (.*)$", re.MULTILINE)
_CHANGING = re.compile(
    r'(?<=<memories id=")\w+|(?<=^- \[)\d{4}-\d\d-\d\d \d\d:\d\d|(?<=\[)\w{8}-[\w-]{27}(?=] )', re.MULTILINE
)
_LEFT = ' style="text-align: left"'


def chat_model() -> "BaseChatModel":
    """A chat model for LangChain: the one that MEMOS_NOTEBOOK_MODEL names, else the stand-in."""
    from langchain.chat_models import init_chat_model
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.messages.tool import tool_call_chunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from langchain_core.utils.function_calling import convert_to_openai_tool

    class StandIn(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "stand-in"

        def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
            return self.bind(tools=[convert_to_openai_tool(tool)["function"] for tool in tools])

        def _generate(self, messages: "list[BaseMessage]", *_: Any, tools: Sequence[Any] = (), **__: Any) -> ChatResult:
            text, calls = self._said(messages, tools)
            return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=calls))])

        def _stream(
            self, messages: "list[BaseMessage]", *_: Any, run_manager: Any = None, tools: Sequence[Any] = (), **__: Any
        ) -> Iterator[ChatGenerationChunk]:
            text, calls = self._said(messages, tools)
            wanted = [tool_call_chunk(name=c["name"], args=dumps(c["args"]), id=c["id"], index=0) for c in calls]
            words = re.findall(r"\S+\s*", text) or [""]
            pieces = [AIMessageChunk(content=word) for word in words[:-1]]
            pieces.append(AIMessageChunk(content=words[-1], tool_call_chunks=wanted, chunk_position="last"))
            for chunk in (ChatGenerationChunk(message=piece) for piece in pieces):
                if run_manager is not None:
                    run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
                yield chunk

        def _said(self, messages: "list[BaseMessage]", tools: Sequence[Any]) -> tuple[str, list[Any]]:
            texts = [str(message.text) for message in messages]
            place = _latest(message.type == "human" for message in messages)
            called = {call["name"] for message in messages[place:] for call in getattr(message, "tool_calls", ())}
            text, wanted = _answer(texts, place, called, {tool["name"]: tool["parameters"] for tool in tools})
            return text, [{"type": "tool_call", "id": str(uuid4()), "name": n, "args": args} for n, args in wanted]

    name = os.environ.get("MEMOS_NOTEBOOK_MODEL")
    return init_chat_model(name) if name else StandIn()


def _latest(is_user: Iterable[bool]) -> int:
    """Where the latest message of the user's is."""
    return max(place for place, users in enumerate(is_user) if users)


def _answer(
    texts: Sequence[str], place: int, called: set[str], tools: Mapping[str, Any]
) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """What the stand-in says to the message at `place`, or the tool that it calls; `tools` are schemas by name."""
    asked, told = strip(texts[place]).strip(), texts[place + 1 :]
    for name, schema in tools.items():
        arguments = _arguments(name, schema, asked, told)
        if name not in called and arguments:
            return "", [(name, arguments)]
    if told and "?" not in asked:
        return told[-1], []
    return reply([*texts[:place], *told, texts[place]]), []


def _arguments(name: str, schema: Mapping[str, Any], asked: str, told: Sequence[str]) -> dict[str, Any]:
    """What the tool is given; nothing where it is not wanted."""
    words = set(re.findall(r"\w+", asked.lower()))
    if name == "search_memory":
        return {"query": asked} if "?" in asked or "forget" in words else {}
    if name == "forget_memory":
        ids = _nearest(asked, "\n".join(told)) if "forget" in words else []
        return {"memory_ids": ids} if ids else {}
    verb = {"add_memory": "remember", "add_feedback": "correct"}.get(name, name.partition("_")[0])
    if verb not in words:
        return {}
    return {next(iter(schema["properties"])): re.sub(rf"(?i)^.*?\b{verb}\s+(that\s+)?", "", asked)}


def _nearest(asked: str, found: str) -> list[str]:
    """The ids of those lines that share most words."""
    wanted = set(tokens(asked))
    shared = [(len(wanted & set(tokens(text))), found_id) for found_id, text in _WITH_ID.findall(found)]
    return [found_id for many, found_id in shared if many and many == max(shared)[0]]


def llm() -> "FunctionCallingLLM":
    """The stand-in as an LLM of LlamaIndex."""
    from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
    from llama_index.core.llms.mock import MockFunctionCallingLLM

    def answer(messages: Sequence[ChatMessage], tools: Sequence[Any] = (), **_: Any) -> ChatMessage:
        texts = [message.content or "" for message in messages]
        place = _latest(message.role == "user" for message in messages)
        blocks = [block for message in messages[place:] for block in message.blocks]
        called = {block.tool_name for block in blocks if isinstance(block, ToolCallBlock)}
        offered = {tool.metadata.name: tool.metadata.get_parameters_dict() for tool in tools}
        text, wanted = _answer(texts, place, called, offered)
        calls = [ToolCallBlock(tool_call_id=str(uuid4()), tool_name=name, tool_kwargs=args) for name, args in wanted]
        return ChatMessage(role="assistant", blocks=calls or [TextBlock(text=text)])

    return MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)


def embedding() -> "BaseEmbedding":
    """An embedding for LlamaIndex that counts words: texts are near that share some."""
    from llama_index.core.embeddings import BaseEmbedding

    class Words(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            numbers = [0.0] * 1024
            for word in tokens(text):
                numbers[crc32(word.encode()) % len(numbers)] += 1.0
            return numbers

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    return Words()


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
    """What a model was handed, without what changes from run to run: times, ids, and the digest of the block."""
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
