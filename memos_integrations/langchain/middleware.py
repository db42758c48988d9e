"""Long-term memory for `create_agent`."""

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import PrivateStateAttr
from langgraph.config import get_config
from langgraph.runtime import Runtime
from typing_extensions import Unpack

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS, surely
from memos_integrations.errors import Invalid
from memos_integrations.langchain._closing import Closing
from memos_integrations.langchain._events import tell_stream
from memos_integrations.langchain._identity import Resolver, conversation_of, user_of
from memos_integrations.langchain._messages import with_protocol, with_text_before
from memos_integrations.langchain._turn import Turn, begin, key_of, name_of, stands, text_of, unwritten
from memos_integrations.memory.handed import client_of, one_of, reader_zone
from memos_integrations.memory.prompt import PROTOCOL, Form, render
from memos_integrations.memory.recall import NOTHING, Recall, RecallOptions
from memos_integrations.memory.record import Said, begun, record
from memos_integrations.memory.record import abegin as abegin_turn
from memos_integrations.memory.record import begin as begin_turn
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found

__all__ = ["MemOSMiddleware"]


class _State(AgentState[Any]):
    memos_turns: NotRequired[Annotated[Mapping[str, Turn], PrivateStateAttr]]


class MemOSMiddleware(Closing, AgentMiddleware[_State, Any, Any]):
    """Recalls what MemOS knows of the user before the model is asked, and records the turn after it answered.

    One search and one write a user turn, whatever the number of model calls. Recalled text goes into the request
    copy only: never into state, checkpoints or streams. One instance serves any number of users at once.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; adapters made so share one
    client, which the last to be closed closes. `user_id`: fixed, or a
    callable `(runtime, config) -> str`; None: the server's authenticated user, the run's context, or its
    configurable. `conversation_id`: fixed; None: the context's or the configurable's, else the thread_id, else
    one made for the run. `placement`: "user" (default) sets memories beside the user's text and a static
    protocol into the system message, which keeps a provider's prompt cache; "system" sets both into the system
    message. `recall`, `record`: False leaves that half out. `record_subagents`: also record runs inside another
    agent's tools, whose "user" is a model (default: no). `record_tools`: also write tool calls with their results,
    of which MemOS makes tool memories (default: no). `timezone`: the reader's IANA zone for times in the
    prompt (default: the server's). `name` tells several instances in one agent apart. Further keywords are
    `Recall`'s: limits, relativity, filter, knowledgebase_ids, recall_seconds (3 s), on_error ("warn").

    Raises `Invalid` at once for arguments out of bounds, and in the run when no user is given. A service that
    fails never fails the run: recall goes on without memories and recording tries again. `stream_mode="custom"` shows
    what came of a recall: `{"type": "memos.recalled" | "memos.degraded", ...}`, with the members of `Recalled` and
    `Degraded`. A turn is delivered beside the run: `connect(..., on_event=...)` hears of that too.

    >>> from memos_integrations import connect
    >>> memory = MemOSMiddleware(connect(":memory:"), user_id="ada")
    """

    state_schema = _State

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
        placement: Literal["user", "system"] = "user",
        recall: bool = True,
        record: bool = True,
        record_subagents: bool = False,
        record_tools: bool = False,
        timezone: str | None = None,
        name: str | None = None,
        **options: Unpack[RecallOptions],
    ) -> None:
        super().__init__()
        one_of("placement", placement, ("user", "system"))
        self._marks = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        self._scope("anybody" if user_id is None or callable(user_id) else user_id, conversation_id)
        self._policy = Recall(**options)
        self._lock, self._borrowed = threading.Lock(), client is None
        self._client = borrow() if client is None else client_of(client, "MemOSMiddleware")
        try:
            self._reader = reader_zone(timezone, self._client)
        except Invalid:
            self.close()
            raise
        self._client.listen(tell_stream)
        self._user, self._conversation = user_id, conversation_id
        self._placement: Form = placement
        self._recalls, self._records, self._records_subagents = recall, record, record_subagents
        self._records_tools = record_tools
        self._name = name or type(self).__name__

    @property
    def name(self) -> str:
        """What tells this instance from others of one agent."""
        return self._name

    def before_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Notes where the turn begins, keeps what the user said, and recalls."""
        turn, scope, text = self._begun(state, runtime)
        if (said := self._to_keep(turn, text)) is not None and turn is not None:
            begin_turn(self._client, scope, key_of(turn), said)
        self._found(turn, scope, text)
        return self._noted(state, turn)

    async def abefore_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """The same without blocking the loop."""
        turn, scope, text = self._begun(state, runtime)
        if (said := self._to_keep(turn, text)) is not None and turn is not None:
            await abegin_turn(self._client, scope, key_of(turn), said)
        await self._afound(turn, scope, text)
        return self._noted(state, turn)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Sets what was recalled into a copy of the request; the same at every model call of the turn."""
        turn, scope, text = self._present(request)
        return handler(self._informed(request, turn, self._found(turn, scope, text)))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The same without blocking the loop."""
        turn, scope, text = self._present(request)
        return await handler(self._informed(request, turn, await self._afound(turn, scope, text)))

    def after_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's
        """Puts the turn into the outbox, which delivers it off the run's path."""
        turn = self._turn_to_record(state)
        if turn is None:
            return None
        self._record(state, turn)
        return self._noted(state, {**turn, "since": None})

    async def aafter_agent(self, state: _State, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's
        """The same without blocking the loop."""
        turn = self._turn_to_record(state)
        if turn is None:
            return None
        await surely(self._record, state, turn)
        return self._noted(state, {**turn, "since": None})

    def _record(self, state: _State, turn: Turn) -> None:
        scope, name = self._scope(turn["user"], turn["conversation"]), key_of(turn)
        kept = None if stands(state["messages"], turn) else begun(self._client, scope, name)
        record(self._client, scope, unwritten(state["messages"], turn, kept, tools=self._records_tools), name)

    def _begun(self, state: _State, runtime: Runtime[Any]) -> tuple[Turn | None, Scope, str | None]:
        config = get_config()
        user = user_of(runtime, config, self._user, who="MemOSMiddleware")
        conversation = conversation_of(runtime, config, self._conversation)
        before, owing = self._turn_in(state, user), self._to_record()
        turn = begin(state["messages"], before, user, conversation, owing=owing)
        scope = self._scope(user, turn["conversation"] if turn else conversation)
        return turn, scope, text_of(state["messages"], turn) if turn else None

    def _to_keep(self, turn: Turn | None, text: str | None) -> Said | None:
        """What the user said, if it is to be written and is not yet."""
        if turn is None or turn["since"] is None or not text:
            return None
        return Said("user", text, datetime.fromisoformat(turn["at"]), turn["asked"])

    def _present(self, request: ModelRequest[Any]) -> tuple[Turn | None, Scope, str | None]:
        user = user_of(request.runtime, get_config(), self._user, who="MemOSMiddleware")
        turn = self._turn_in(request.state, user)
        scope = self._scope(user, turn["conversation"] if turn else None)
        return turn, scope, text_of(request.messages, turn) if turn else None

    def _found(self, turn: Turn | None, scope: Scope, text: str | None) -> Found:
        if turn is None or not self._recalls:
            return NOTHING
        return self._policy.found(self._client, scope, turn=name_of(turn), text=text)

    async def _afound(self, turn: Turn | None, scope: Scope, text: str | None) -> Found:
        if turn is None or not self._recalls:
            return NOTHING
        return await self._policy.afound(self._client, scope, turn=name_of(turn), text=text)

    def _informed(self, request: ModelRequest[Any], turn: Turn | None, found: Found) -> ModelRequest[Any]:
        if not self._recalls:
            return request
        block = render(found, form=self._placement, reader=self._reader, server=self._client.timezone)
        if self._placement == "system":
            return request.override(system_message=with_protocol(request.system_message, PROTOCOL, block))
        messages = with_text_before(request.messages, turn["asked"] if turn else None, block)
        return request.override(system_message=with_protocol(request.system_message, PROTOCOL), messages=messages)

    def _given_back(self) -> MemOS | None:
        """The client to be closed, if any."""
        with self._lock:
            borrowed, self._borrowed = self._borrowed, False
        return self._client if borrowed and give_back(self._client) else None

    def _scope(self, user_id: str, conversation_id: str | None) -> Scope:
        return Scope(user_id=user_id, conversation_id=conversation_id, **self._marks)  # type: ignore[arg-type]

    def _to_record(self) -> bool:
        """Not inside another agent's tools, where the "user" is a model; an agent that is a node of a graph is not."""
        around = get_config().get("configurable", {}).get("checkpoint_ns", "").split("|")[:-1]
        in_tool = any(node.startswith("tools:") for node in around)
        return self._records and (self._records_subagents or not in_tool)

    def _turn_in(self, state: Any, user: str) -> Turn | None:
        """The turn under way, if it is this user's: someone else may continue the same thread, or approve a step."""
        turn: Turn | None = (state.get("memos_turns") or {}).get(self._name)
        return turn if turn and turn["user"] == user else None

    def _turn_to_record(self, state: _State) -> Turn | None:
        """The turn under way, whoever took it up: it is theirs who asked."""
        turn: Turn | None = (state.get("memos_turns") or {}).get(self._name)
        return turn if turn and turn["since"] is not None and self._to_record() else None

    def _noted(self, state: _State, turn: Turn | None) -> dict[str, Any] | None:
        return None if turn is None else {"memos_turns": {**(state.get("memos_turns") or {}), self._name: turn}}
