"""MemOS's own chat as a model of LlamaIndex's."""

import logging
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.custom import CustomLLM
from pydantic import PrivateAttr, ValidationError

from memos_integrations.client import MemOS
from memos_integrations.llama_index._asking import question_in
from memos_integrations.llama_index._holding import held_by
from memos_integrations.llama_index._prompting import Prompting
from memos_integrations.llama_index._saying import Saying, completed, whole
from memos_integrations.llama_index._writers import is_written_by_a_memory
from memos_integrations.memory.answering import acut_events, cut_events, cut_text
from memos_integrations.memory.asking import CALL, ChatFields, Warned, check_fields, stops_of
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import known_names
from memos_integrations.memory.loan import Held
from memos_integrations.memory.scope import new_conversation
from memos_integrations.wire.calls import Chat, StreamChat
from memos_integrations.wire.checks import invalid

__all__ = ["MemOSLLM"]

C = TypeVar("C", Chat, StreamChat)
_log = logging.getLogger(__name__)
_CALL: Final = {*CALL, "stop"}
_QUERY_TOKENS: Final = 8_000  # of a query, at most (contract §2.8)


class MemOSLLM(Closing, Prompting, ChatFields, CustomLLM):
    """MemOS's chat: it recalls, asks a model and writes the turn down, in one call.

    Sent is the user's last text, with the system texts as MemOS's system prompt (`system_prompt` first, if any;
    `{memories}` in it stands for what is recalled). An agent's steps since then go with the text. MemOS keeps a
    conversation by its id, so other messages of a request are not sent: `history_policy` "server" (the default) says
    so at debug level, "warn" logs one warning, "raise" raises `Invalid`. Pictures raise `Unsupported`; MemOS's chat
    takes no tools, so ReActAgent works with it and FunctionAgent does not. `stop` cuts the answer here: MemOS takes no
    stop words, and stores the whole. Thoughts of a model come as a ThinkingBlock, in streams alone.

    `user_id` (required: there is no default user) and `conversation_id` (None: one is made up for this instance);
    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment, on a running loop at the first
    use; adapters made so share one client, and `close` closes it. `model`: MemOS's `model_name` (None: its default).
    `temperature`, `max_tokens`, `top_p`, `filter`, `knowledgebase_ids`, `relativity`, `memory_limit_number`,
    `include_preference` and `preference_limit_number` are those of `MemOS.chat`; `agent_id`, `app_id`, `info` and
    `tags` mark what is written. All may also be given to a call, for it alone. `timeout` in seconds is for an answer
    with all its tries (None: 120), in a stream for its begin and between two pieces; `max_retries` bounds the tries. A
    dump holds neither client nor key: restored, it calls `connect()`.

    `add_message_on_answer` (True) writes question and answer of a `chat`. What a `MemOSMemory` is in is left to the
    memory, and a request with an agent's steps is not written. A prompt is nobody's words: `complete` writes only where
    a call says so, `structured_predict` and `as_structured_llm` only where `llm_kwargs` do, `predict` and `stream` only
    where the template ends with `{query_str}` alone, as ContextChatEngine's does and query engines' don't. Agents
    without a `MemOSMemory` or beside a `MemOSMemoryBlock` ask `chat`: set it to False there. Errors of MemOS are raised
    as they are.

    >>> from memos_integrations import connect
    >>> from llama_index.core.llms import ChatMessage
    >>> class Parrot:  # where you'd give a ModelEndpoint; MemOS Cloud has models of its own
    ...     def answer(self, asked, waiting):
    ...         return f"You said: {asked.messages[-1]['content']}"
    ...
    ...     stream = answer
    >>> with connect(":memory:", model=Parrot()) as client:
    ...     llm = MemOSLLM(client=client, user_id="ada", conversation_id="monday")
    ...     print(llm.chat([ChatMessage("I moved to Lyon.")]).message.content)
    You said: I moved to Lyon.
    """

    if TYPE_CHECKING:
        client: MemOS | None = None
    user_id: str
    tags: list[str] | None = None

    _held: Held = PrivateAttr()
    _warned: Warned = PrivateAttr(default_factory=lambda: Warned("MemOSLLM", _log))

    if not TYPE_CHECKING:

        def __init__(self, *, client: MemOS | None = None, **members: Any) -> None:
            check_fields("MemOSLLM", members, type(self).model_fields.keys())
            if members.get("conversation_id") is None:
                members["conversation_id"] = new_conversation()
            try:
                super().__init__(**members)
            except ValidationError as error:
                raise invalid(error, "MemOSLLM") from None
            self._held = held_by("MemOSLLM", client)

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex knows it."""
        return "MemOSLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """The window is that of a query; the answer takes no room in it. Where MemOS chooses the model, it has no name
        of its own.
        """
        return LLMMetadata(
            context_window=_QUERY_TOKENS,
            is_chat_model=True,
            is_function_calling_model=False,
            model_name=self.model or "memos",
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The answer."""
        return self._answer(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The same without blocking the loop."""
        return await self._aanswer(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer as it is made; closing the generator gives it up."""
        return self._stream(messages, kwargs)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The same without blocking the loop."""
        return self._astream(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002
        """The answer to a prompt, which is not written."""
        return completed(self._answer([ChatMessage(prompt)], _unwritten(kwargs)))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002
        """The same without blocking the loop."""
        return completed(await self._aanswer([ChatMessage(prompt)], _unwritten(kwargs)))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: ARG002
        """The answer to a prompt as it is made."""
        responses = self._stream([ChatMessage(prompt)], _unwritten(kwargs))

        def told() -> Generator[CompletionResponse, None, None]:
            with closing(responses):
                yield from map(completed, responses)

        return told()

    @llm_completion_callback()
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """The same without blocking the loop."""
        responses = self._astream([ChatMessage(prompt)], _unwritten(kwargs))

        async def told() -> AsyncGenerator[CompletionResponse, None]:
            async with aclosing(responses):
                async for response in responses:
                    yield completed(response)

        return told()

    def _answer(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> ChatResponse:
        call, stops = self._call(Chat, messages, given), self._stops(given)
        return whole(cut_text(self._patient(self._held.now()).send(call).response, stops))

    async def _aanswer(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> ChatResponse:
        call, stops = self._call(Chat, messages, given), self._stops(given)
        client = self._patient(await self._held.anow())
        return whole(cut_text((await client.aio.send(call)).response, stops))

    def _stream(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> Generator[ChatResponse, None, None]:
        """Who writes is settled now: the answer may be heard in another thread."""
        call, stops = self._call(StreamChat, messages, given), self._stops(given)

        def told() -> Generator[ChatResponse, None, None]:
            saying = Saying()
            with closing(cut_events(self._patient(self._held.now()), call, stops)) as pieces:
                yield from map(saying.response, pieces)

        return told()

    def _astream(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> AsyncGenerator[ChatResponse, None]:
        call, stops = self._call(StreamChat, messages, given), self._stops(given)

        async def told() -> AsyncGenerator[ChatResponse, None]:
            saying, client = Saying(), self._patient(await self._held.anow())
            async with aclosing(acut_events(client, call, stops)) as pieces:
                async for piece in pieces:
                    yield saying.response(piece)

        return told()

    def _call(self, kind: type[C], messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> C:
        """The call, checked. Raises `Invalid`, and `Unsupported` for what is no text."""
        known_names("MemOSLLM", given, _CALL, of="a call")
        told = {name: value for name, value in given.items() if value is not None}
        asked, steps = question_in(messages, told.get("system_prompt", self.system_prompt))
        self._warned.tell_of(asked.left_out, self.history_policy)
        writes = told.get("add_message_on_answer", self.add_message_on_answer)
        if steps or is_written_by_a_memory(messages, asked.query):
            writes = False
        conversation = told.get("conversation_id") or self.conversation_id or new_conversation()
        return self._call_of(kind, asked, told, writes=writes, conversation_id=conversation)

    def _unwriting(self) -> CustomLLM:
        return self.model_copy(update={"add_message_on_answer": False})  # which has the same client

    def _stops(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        return stops_of("MemOSLLM", given.get("stop") or self.stop)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Nothing that is anybody's."""
        yield from self._shown().items()


def _unwritten(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"add_message_on_answer": False, **given}
