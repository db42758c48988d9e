"""Long-term memory for `create_agent`."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, Self

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import TracePolicy, omit_payload
from typing_extensions import Unpack

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS, surely
from memos_integrations.errors import Invalid
from memos_integrations.langchain._events import tell_stream
from memos_integrations.langchain._failed import Failed
from memos_integrations.langchain._identity import Resolver, check_owner, conversation_of, user_of
from memos_integrations.langchain._messages import with_protocol
from memos_integrations.langchain._own_tool import protocol_of, tool_name
from memos_integrations.langchain._placing import placed
from memos_integrations.langchain._remembered import aremembered, remembered
from memos_integrations.langchain._turn import Turn, begin, ended, key_of, name_of, text_of, unwritten
from memos_integrations.langchain._writers import is_recorded_around, recording
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import one_of, reader_zone
from memos_integrations.memory.loan import Held
from memos_integrations.memory.prompt import render
from memos_integrations.memory.recall import NOTHING, RecallOptions, recall_of
from memos_integrations.memory.record import Said, begun, record
from memos_integrations.memory.record import begin as begin_turn
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found

__all__ = ["MemOSMiddleware"]


class _State(AgentState[Any]):
    memos_turns: NotRequired[Annotated[Mapping[str, Turn], PrivateStateAttr]]


class MemOSMiddleware(Closing, AgentMiddleware[_State, Any, Any]):
    """Recalls what MemOS knows of the user before the model is asked, and records the turn after it answered.

    One search and one write a user turn, whatever the number of model calls. Recalled text goes into the request
    copy only: never into state, checkpoints or streams. One instance serves any number of users at once. What the user
    and the assistant said is written; a `ChatMemOS` under it then writes nothing itself. LangSmith's spans of these
    hooks carry no conversation; the model call's own does. An agent that is run again with the same words after its
    model failed (`with_retry`, `with_fallbacks`) goes on with the same turn.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; adapters made so share one
    client, which the last to be closed closes. `user_id`: fixed, or a callable `(runtime, config) -> str`; None: the
    server's authenticated user, the run's context, or its configurable. `conversation_id`: fixed; None: the context's
    or the configurable's, else the thread_id, else one made for the run. `placement`: "user" (default) sets memories
    beside the user's text and a static protocol into the system message, so that a provider's prompt cache holds within
    the turn; "system" sets both into the system message; "tool" recalls nothing by itself: it brings `MemOSSearchTool`
    for the model to search with, whose results are messages like any tool's, and a static protocol. `recall`, `record`:
    False leaves that half out. `record_subagents`: also record runs inside another agent's tools, whose "user" is a
    model (default: no); in a graph of your own they are known by the node's name, "tools". `record_tools`: also write
    tool calls with their results, of which MemOS makes tool memories (default: no). `timezone`: the reader's IANA zone
    for times in the prompt (default: the server's). `name` tells several instances in one agent apart; with "tool" the
    tool is `search_memory_<name>` then, so a name is of letters, digits, _ and -. Further keywords are `Recall`'s:
    limits, relativity, filter, knowledgebase_ids, recall_seconds (3 s), on_error ("warn"; with "tool" the tool's own,
    which tells the model).

    Raises `Invalid` at once for arguments out of bounds, and in the run when no user is given. A service that
    fails never fails the run: recall goes on without memories and recording tries again. `stream_mode="custom"` shows
    what came of a recall: `{"type": "memos.recalled" | "memos.degraded", ...}`, with the members of `Recalled` and
    `Degraded`. A turn is delivered beside the run: `connect(..., on_event=...)` hears of that too. A guard that
    redacts or blocks words keeps them from MemOS only in `before_agent`, and before this one: `PIIMiddleware` works
    later. Messages that a `Command(update=...)` adds when a run is resumed are not written. A callable `user_id` is
    asked at each model call, on the loop in awaited runs: it should not wait.

    >>> from memos_integrations import connect
    >>> memory = MemOSMiddleware(connect(":memory:"), user_id="ada")
    """

    _held: Held
    state_schema = _State
    trace_policy = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)  # the model call's span tells

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str | Resolver | None = None,
        conversation_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] = (),
        info: Mapping[str, Any] | None = None,
        placement: Literal["user", "system", "tool"] = "user",
        recall: bool = True,
        record: bool = True,
        record_subagents: bool = False,
        record_tools: bool = False,
        timezone: str | None = None,
        name: str | None = None,
        **options: Unpack[RecallOptions],
    ) -> None:
        super().__init__()
        one_of("placement", placement, ("user", "system", "tool"))
        self._marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        check_owner("MemOSMiddleware", user_id=user_id, conversation_id=conversation_id, **self._marks)
        self._policy = recall_of("MemOSMiddleware", MemOSMiddleware.__init__, options)
        self._name = name or type(self).__name__
        searching = tool_name(self._name) if recall and placement == "tool" else ""
        self._held = Held(client, "MemOSMiddleware", borrow, give_back)
        self._client = self._held.now()
        self._user, self._conversation = user_id, conversation_id
        self._recalls, self._records, self._records_subagents = recall, record, record_subagents
        self._records_tools, self._sets = record_tools, recall and placement != "tool"
        self._placement: Literal["user", "system", "tool"] = placement
        try:
            self._reader = reader_zone(timezone, self._client)
            self.tools = [self._search_tool(searching, timezone, options)] if searching else []
        except Invalid:
            self.close()
            raise
        self._client.listen(tell_stream)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy on the same client: connections can't be copied, and nothing of any run is kept here."""
        twin = copy(self)
        twin.tools = list(self.tools)
        return twin

    @property
    def name(self) -> str:
        """What tells this instance from others of one agent."""
        return self._name

    def before_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Notes where the turn begins, keeps what the user said, and recalls."""
        turn, scope, text = self._begun(state, runtime)
        if turn is not None and self._sets:
            self._policy.found(self._client, scope, turn=name_of(turn), text=text)
        return self._noted(state, turn)

    async def abefore_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """The same without blocking the loop."""
        turn, scope, text = await surely(self._begun, state, runtime)
        if turn is not None and self._sets:
            await self._policy.afound(self._client, scope, turn=name_of(turn), text=text)
        return self._noted(state, turn)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Sets what was recalled into a copy of the request; the same at every model call of the turn."""
        turn, scope, text = self._present(request)
        found = NOTHING
        if turn is not None and self._sets:
            found = remembered(self._policy, self._client, scope, turn, text)
        with self._passing_on(request, turn, text):
            return handler(self._informed(request, turn, found))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The same without blocking the loop."""
        turn, scope, text = self._present(request)
        found = NOTHING
        if turn is not None and self._sets:
            found = await aremembered(self._policy, self._client, scope, turn, text)
        with self._passing_on(request, turn, text):
            return await handler(self._informed(request, turn, found))

    def after_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's
        """Puts the turn into the outbox, which delivers it off the run's path."""
        turn = self._turn_to_record(state)
        if turn is None:
            return None
        self._record(state, turn)
        return self._noted(state, ended(state["messages"], turn))

    async def aafter_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's
        """The same without blocking the loop."""
        turn = self._turn_to_record(state)
        if turn is None:
            return None
        await surely(self._record, state, turn)
        return self._noted(state, ended(state["messages"], turn))

    def _record(self, state: _State, turn: Turn) -> None:
        self._failed.done(turn)
        messages, name = state["messages"], key_of(turn)
        scope = self._scope(turn["user"], turn["conversation"])
        kept = begun(self._client, scope, name) if text_of(messages, turn) is None else None
        own = {tool.name for tool in self.tools}
        record(self._client, scope, unwritten(messages, turn, kept, tools=self._records_tools, but=own), name)

    def _begun(self, state: _State, runtime: Runtime[Any]) -> tuple[Turn | None, Scope, str | None]:
        config = get_config()
        user = user_of(runtime, config, self._user, who="MemOSMiddleware")
        conversation = conversation_of(runtime, config, self._conversation)
        scope = self._scope(user, conversation)
        known = partial(self._knows, scope) if _is_checkpointed(config) else None
        turn = begin(state["messages"], self._latest(state), user, conversation, owing=self._to_record(), known=known)
        if turn is None:
            return None, scope, None
        text = text_of(state["messages"], turn) or ""
        turn = self._failed.taken_up((user, conversation or ""), turn, text)
        scope = self._scope(user, turn["conversation"])
        if turn["since"] is not None and text:
            said = Said("user", text, datetime.fromisoformat(turn["at"]), turn["asked"])
            begin_turn(self._client, scope, key_of(turn), said)
        return turn, scope, text

    def _knows(self, scope: Scope, name: str) -> bool:
        return begun(self._client, scope, name) is not None

    def _present(self, request: ModelRequest[Any]) -> tuple[Turn | None, Scope, str | None]:
        user = user_of(request.runtime, get_config(), self._user, who="MemOSMiddleware")
        latest = self._latest(request.state)
        turn = latest if latest and latest["user"] == user else None  # who approves a step is not who asked
        scope = self._scope(user, turn["conversation"] if turn else None)
        return turn, scope, text_of(request.messages, turn) if turn else None

    @contextmanager
    def _passing_on(self, request: ModelRequest[Any], turn: Turn | None, text: str | None) -> Iterator[None]:
        """Around the model's own work, which nobody else records. A turn whose model failed may be run anew."""
        try:
            with recording(by_us=self._records):
                yield
        except GraphBubbleUp:
            raise
        except Exception:
            if turn is not None and turn["since"] is not None and text:
                place = turn["user"], conversation_of(request.runtime, get_config(), self._conversation) or ""
                self._failed.add(place, turn, text)
            raise

    @property
    def _failed(self) -> Failed:
        return self._client.share(Failed, Failed)

    def _informed(self, request: ModelRequest[Any], turn: Turn | None, found: Found) -> ModelRequest[Any]:
        if not self._recalls:
            return request
        if self._placement == "tool":
            protocols = map(protocol_of, self.tools)
            return request.override(system_message=with_protocol(request.system_message, *protocols))
        block = render(found, form=self._placement, reader=self._reader, server=self._client.timezone)
        asked = turn["asked"] if turn else None
        system, messages = placed(request.system_message, request.messages, asked, block, self._placement)
        return request.override(system_message=system, messages=messages)

    def _search_tool(self, name: str, timezone: str | None, options: RecallOptions) -> BaseTool:
        """The search as the model's own choice, by the rules of this instance."""
        from memos_integrations.langchain.tools import MemOSSearchTool

        who: dict[str, Any] = {"user_id": self._user, "conversation_id": self._conversation, "timezone": timezone}
        return MemOSSearchTool(self._client, name=name, **who, **options)

    def _scope(self, user_id: str, conversation_id: str | None) -> Scope:
        return Scope(user_id=user_id, conversation_id=conversation_id, **self._marks)

    def _to_record(self) -> bool:
        """Not inside another agent's tools, where the "user" is a model; an agent that is a node of a graph is not.

        Not within a chain of ours either, which records its run.
        """
        around = get_config().get("configurable", {}).get("checkpoint_ns", "").split("|")[:-1]
        in_tool = any(node.startswith("tools:") for node in around)
        return self._records and (self._records_subagents if in_tool else not is_recorded_around())

    def _latest(self, state: Any) -> Turn | None:
        """The turn under way, or the one before, whoever's it is: someone else may go on with the same thread."""
        turn: Turn | None = (state.get("memos_turns") or {}).get(self._name)
        return turn

    def _turn_to_record(self, state: _State) -> Turn | None:
        """The turn under way, whoever took it up: it is theirs who asked."""
        turn = self._latest(state)
        return turn if turn and turn["since"] is not None and self._to_record() else None

    def _noted(self, state: _State, turn: Turn | None) -> dict[str, Any] | None:
        return None if turn is None else {"memos_turns": {**(state.get("memos_turns") or {}), self._name: turn}}


def _is_checkpointed(config: RunnableConfig) -> bool:
    """LangGraph tells a node of its checkpointer by no other name; `Runtime` knows a thread's id without one too."""
    return config.get("configurable", {}).get("__pregel_checkpointer") is not None
