"""Long-term memory for a chain."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from copy import deepcopy
from typing import Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.runnables import Runnable, RunnableConfig, patch_config
from langchain_core.runnables.base import RunnableLike, coerce_to_runnable
from typing_extensions import Unpack

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain._chain_answer import joined, whole, without
from memos_integrations.langchain._chain_fit import check_fit, is_graph, leaves_out
from memos_integrations.langchain._chain_input import Keys, Manner
from memos_integrations.langchain._chain_memory import Memory, Run
from memos_integrations.langchain._chain_shape import Shaped
from memos_integrations.langchain._chain_steps import asteps, steps
from memos_integrations.langchain._events import tell_stream
from memos_integrations.langchain._identity import Resolver, check_owner
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import one_of, reader_zone
from memos_integrations.memory.loan import Held
from memos_integrations.memory.recall import RecallOptions, recall_of

__all__ = ["RunnableWithMemory", "with_memory"]


def with_memory(
    runnable: RunnableLike[Any, Any],
    client: MemOS | None = None,
    *,
    user_id: str | Resolver | None = None,
    conversation_id: str | None = None,
    agent_id: str | None = None,
    app_id: str | None = None,
    tags: Sequence[str] = (),
    info: Mapping[str, Any] | None = None,
    input_key: str | None = None,
    memory_key: str = "memories",
    output_key: str | None = None,
    placement: Literal["user", "system"] = "user",
    recall: bool = True,
    record: bool = True,
    record_tools: bool = False,
    timezone: str | None = None,
    **options: Unpack[RecallOptions],
) -> "RunnableWithMemory":
    r"""`runnable` with long-term memory: recalls what bears on the user's text, runs, and records the turn.

    What is handed in, which is never changed:

    - a dict: the user's text (text, a message or messages) is under `input_key`; None: the only member that is text,
      else the only one that is a user's message or messages. What is remembered, with the protocol, is added as text
      under `memory_key`, "" where nothing is: write `{memories}` into the prompt.
    - messages, or what a prompt gives: a static protocol goes into the system message; what is remembered before the
      user's text (`placement` "user", the default), or into the system message ("system").
    - text, or one message: both go before it, where something is remembered.

    Written is the user's text and the assistant's: what the chain gives as text, a message or messages, or in a dict
    under `output_key`; None: "messages", "output", "answer", else the only new member that is text or a message.
    Where there is none (a structured answer, also with `include_raw`) the user's text is written alone. A dict comes
    back without what was put under `memory_key`. `record_tools` writes tool calls with their results too. `recall`,
    `record`: False leaves that half out.

    A run is a turn. Among messages, an answer that asks for tools doesn't end it: the model is asked again with their
    results, and the turn is searched for once and written once, known by the message's id, else by the tool call's.
    So `with_memory(model).invoke(state["messages"])` is a node of a graph. A run that fails, is cancelled, or whose
    stream is left half-way keeps the user's text in the outbox, which writes it alone (docs/outbox.md). Where
    `with_retry`, `with_fallbacks` or a graph's node tries again what failed here, the text is written once. What
    succeeded and runs again (in a node that fails or is interrupted later, in a retry around a longer chain) is known
    again only among messages with ids; else it is another turn. In a run of ours around this one nothing is written,
    and beside `MemOSChatMessageHistory` neither: take `record=False` there (forgotten, one warning).

    A graph keeps what it is handed, so around one only `recall=False` is taken. What resumes it (a `Command`, None)
    says nothing: it is passed on, and the answer that follows isn't written. For agents with people in the loop take
    `MemOSMiddleware`. A `RunnableWithMessageHistory` goes around this one, not into it.

    `client`, `user_id`, `conversation_id`, `timezone` and the options of `Recall` are as for `MemOSMiddleware`. Raises
    `Invalid` at once for arguments out of bounds, and in the run, before any I/O, when no user is given, or the user's
    text can't be told. A service that fails never fails a run.

    >>> from langchain_core.prompts import PromptTemplate
    >>> from langchain_core.runnables import RunnableLambda
    >>> from memos_integrations import connect
    >>> model = RunnableLambda(lambda asked: "Lyon." if "I moved to Lyon" in asked.to_string() else "Who knows?")
    >>> with connect(":memory:") as client:
    ...     message = {"role": "user", "content": "I moved to Lyon."}
    ...     _ = client.add_message(messages=[message], user_id="ada", async_mode=False)
    ...     chain = with_memory(PromptTemplate.from_template("{memories}\n{question}") | model, client)
    ...     chain.invoke({"question": "Where did I move?"}, {"configurable": {"user_id": "ada"}})
    'Lyon.'
    """
    one_of("placement", placement, ("user", "system"))
    marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
    check_owner("with_memory", user_id=user_id, conversation_id=conversation_id, **marks)
    keys, policy = Keys(input_key, memory_key, output_key).checked(), recall_of("with_memory", with_memory, options)
    chain = _chain(runnable)
    check_fit(chain, memory_key, recall=recall)
    held = Held(client, "with_memory", borrow, give_back)
    try:
        manner = Manner(placement, reader_zone(timezone, held.now()), held.now().timezone)
    except Invalid:
        held.close()
        raise
    memory = Memory(
        client=held.now(),
        identity={"user_id": user_id, "conversation_id": conversation_id, **marks},
        keys=keys,
        manner=manner,
        policy=policy if recall else None,
        records=record,
        records_tools=record_tools,
        resumes=is_graph(chain),
    )
    return RunnableWithMemory(chain, memory, held)


class RunnableWithMemory(Closing, Shaped):
    """A chain with long-term memory, made by `with_memory`: runs, streams and joins others as any chain does.

    One serves any number of users at once. A stream's chunks pass through as they come, and it is recorded when it is
    exhausted. Traces show the chain's own run within this one's, which has the user's input as it was handed in.
    `close()`, `aclose()`: close the client that `with_memory` opened where it was given none.
    """

    _held: Held

    def __init__(self, runnable: Runnable[Any, Any], memory: Memory, held: Held) -> None:
        super().__init__(runnable, memory.keys.memory)
        self._memory, self._held = memory, held
        self._leaves_out = memory.policy is not None and leaves_out(runnable, memory.keys.memory)
        memory.client.listen(tell_stream)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy of the chain on the same client: connections can't be copied."""
        return type(self)(deepcopy(self._runnable, memo), self._memory, self._held)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's
        """What the chain gives."""
        return self._call_with_config(self._invoke, input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """The same without blocking the loop."""
        return await self._acall_with_config(self._ainvoke, input, config, **kwargs)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Generator[Any]:  # noqa: A002
        """What the chain gives, piece by piece."""
        yield from self.transform(iter([input]), config, **kwargs)

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[Any]:
        """The same without blocking the loop."""

        async def alone() -> AsyncIterator[Any]:
            yield input

        async with aclosing(self.atransform(alone(), config, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Generator[Any]:  # noqa: A002
        """The same for an input that comes in pieces; the chain gets all of it at once."""
        yield from self._transform_stream_with_config(input, self._transform, config, **kwargs)

    async def atransform(
        self,
        input: AsyncIterator[Any],  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[Any]:
        """The same without blocking the loop."""
        stream: Any = self._atransform_stream_with_config(input, self._atransform, config, **kwargs)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                yield chunk

    def _invoke(
        self, given: Any, run_manager: CallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Any:
        run = self._run(given, config, run_manager)
        with self._memory.trying(run):
            informed = self._memory.opened(run)
            with run.step():
                output = self._runnable.invoke(informed, _within(config, run_manager), **kwargs)
        output = self._own(output, informed)
        self._memory.ended(run, output)
        return output

    async def _ainvoke(
        self, given: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Any:
        run = self._run(given, config, run_manager)
        with self._memory.trying(run):
            informed = await self._memory.aopened(run)
            with run.step():
                output = await self._runnable.ainvoke(informed, _within(config, run_manager), **kwargs)
        output = self._own(output, informed)
        await self._memory.aended(run, output)
        return output

    def _transform(
        self, inputs: Iterator[Any], run_manager: CallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Iterator[Any]:
        pieces, chunks = list(inputs), list[Any]()
        if not pieces:
            return
        run = self._run(joined(pieces), config, run_manager)
        with self._memory.trying(run):
            informed = self._memory.opened(run)
            stream = self._runnable.stream(informed, config, **kwargs)
            with closing(steps(run, stream)) as given:
                for chunk in given:
                    own = self._own(chunk, informed)
                    if own is chunk or own:
                        chunks.append(own)
                        yield own
        self._memory.ended(run, whole(chunks))

    async def _atransform(
        self,
        inputs: AsyncIterator[Any],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        pieces, chunks = [piece async for piece in inputs], list[Any]()
        if not pieces:
            return
        run = self._run(joined(pieces), config, run_manager)
        with self._memory.trying(run):
            informed = await self._memory.aopened(run)
            stream = self._runnable.astream(informed, config, **kwargs)
            async with aclosing(asteps(run, stream)) as given:
                async for chunk in given:
                    own = self._own(chunk, informed)
                    if own is chunk or own:
                        chunks.append(own)
                        yield own
        await self._memory.aended(run, whole(chunks))

    def _own(self, output: Any, informed: object) -> Any:
        """What the chain gave, without the member that we put in."""
        return without(output, self._memory.keys.memory, informed)

    def _run(
        self, given: Any, config: RunnableConfig, manager: CallbackManagerForChainRun | AsyncCallbackManagerForChainRun
    ) -> Run:
        if self._leaves_out and isinstance(given, Mapping):
            raise Invalid(
                f"with_memory: the prompt has no variable {{{self._memory.keys.memory}}}: write it into the prompt, "
                "or give recall=False",
                field="memory_key",
            )
        return self._memory.run(given, config, manager.parent_run_id)


def _chain(runnable: RunnableLike[Any, Any]) -> Runnable[Any, Any]:
    try:
        return coerce_to_runnable(runnable)
    except TypeError:
        given = type(runnable).__name__
        raise Invalid(
            f"with_memory takes a runnable, a function or a dict (given: {given})", field="runnable"
        ) from None


def _within(config: RunnableConfig, manager: Any) -> RunnableConfig:
    return patch_config(config, callbacks=manager.get_child())
