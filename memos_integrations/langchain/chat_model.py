"""MemOS's own chat as a chat model of LangChain's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, NoReturn

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig

from memos_integrations.errors import Unsupported
from memos_integrations.langchain._chat_answer import Saying, whole
from memos_integrations.langchain._chat_asking import Asking, known
from memos_integrations.memory.answering import acut_events, cut_events, cut_text
from memos_integrations.memory.asking import stops_of
from memos_integrations.wire.calls import Chat, StreamChat

__all__ = ["ChatMemOS"]

_NO_TOOLS: Final = (
    "ChatMemOS: MemOS's chat takes no tools, and so gives no structured output: take another model for it"
)


class ChatMemOS(Asking):
    """MemOS's chat: it recalls, asks a model and writes the turn down, in one call.

    Sent is the user's last text, with the system texts as MemOS's system prompt (`system_prompt` first, if any;
    `{memories}` in it stands for what is recalled). MemOS keeps a conversation by its id, so other messages of a
    request are not sent: `history_policy` "server" (the default) says so at debug level, "warn" logs one warning,
    "raise" raises `Invalid`. Tools, structured output and pictures raise `Unsupported`. `stop` cuts the answer here:
    MemOS takes no stop words, and stores the whole. Thoughts of a model come as reasoning blocks, in streams alone.

    `client`: a `MemOS` (see `connect`); None: `connect(base_url, api_key=...)` where one of the two is given, else
    `connect()`, which reads the environment and is shared. `model`: MemOS's `model_name` (None: its default).
    `user_id`, `conversation_id`: here, in a call (`invoke(..., user_id=...)`, `bind`), or found in the run as
    `MemOSMiddleware` does; without a user a run raises `Invalid`, without a conversation one is made for it.
    `temperature`, `max_tokens`, `top_p`, `filter`, `knowledgebase_ids`, `relativity`, `memory_limit_number`,
    `include_preference` and `preference_limit_number` are those of `MemOS.chat`, here or in a call; `agent_id`,
    `app_id`, `info` and `tags` (LangChain's trace has these too) mark what is written. `timeout` in seconds is for an
    answer with all its tries (None: 120), in a stream for its begin and between two pieces; `max_retries` bounds the
    tries. An answer depends on what is remembered, so it is never taken from a cache of LangChain's.

    `add_message_on_answer` (True) writes question and answer. `MemOSMiddleware` and `with_memory` switch it off in
    what they pass on, since they record. Beside a `MemOSChatMessageHistory` set it to False; where it was not, it is
    off for that request, with one warning. What they record is delivered beside the run, so that a question that
    follows at once may come before MemOS knows the turn. Errors of MemOS are raised as they are.

    >>> from memos_integrations import connect
    >>> class Parrot:  # where you'd give a ModelEndpoint; MemOS Cloud has models of its own
    ...     def answer(self, asked, waiting):
    ...         return f"You said: {asked.messages[-1]['content']}"
    ...
    ...     stream = answer
    >>> with connect(":memory:", model=Parrot()) as client:
    ...     chat = ChatMemOS(client, user_id="ada", conversation_id="monday")
    ...     print(chat.invoke("I moved to Lyon.").text)
    You said: I moved to Lyon.
    """

    if not TYPE_CHECKING:  # LangChain's overloads tell more

        def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
            """LangChain's, with whose turn it is."""
            return super().stream_events(input, config, **self._within(config, kwargs))

        def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
            """LangChain's, with whose turn it is."""
            return super().astream_events(input, config, **self._within(config, kwargs))

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """The answer."""
        return super().invoke(input, config, stop=stop, **self._within(config, known(kwargs)))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """The same without blocking the loop."""
        return await super().ainvoke(input, config, stop=stop, **self._within(config, known(kwargs)))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """The answer as it is made; closing the iterator gives it up."""
        return super().stream(input, config, stop=stop, **self._within(config, known(kwargs)))

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """The same without blocking the loop."""
        return super().astream(input, config, stop=stop, **self._within(config, known(kwargs)))

    def bind_tools(self, *_: Any, **__: Any) -> NoReturn:
        """Raises `Unsupported`."""
        raise Unsupported(_NO_TOOLS)

    @property
    def _llm_type(self) -> str:
        return "memos"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        call, stops = self._call(Chat, messages, kwargs), self._stops(stop)
        return whole(cut_text(self._memos.send(call).response, stops), call.model_name)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del run_manager
        call, stops = self._call(Chat, messages, kwargs), self._stops(stop)
        return whole(cut_text((await self._memos.aio.send(call)).response, stops), call.model_name)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(StreamChat, messages, kwargs)
        saying = Saying(call.model_name)
        with closing(cut_events(self._memos, call, self._stops(stop))) as pieces:
            for piece in pieces:
                chunk = saying.chunk(piece)
                if run_manager:
                    run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
                yield chunk
        yield saying.last()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(StreamChat, messages, kwargs)
        saying = Saying(call.model_name)
        async with aclosing(acut_events(self._memos, call, self._stops(stop))) as pieces:
            async for piece in pieces:
                chunk = saying.chunk(piece)
                if run_manager:
                    await run_manager.on_llm_new_token(str(chunk.text), chunk=chunk)
                yield chunk
        yield saying.last()

    def _stops(self, given: list[str] | None) -> tuple[str, ...]:
        return stops_of("ChatMemOS", given or self.stop)
