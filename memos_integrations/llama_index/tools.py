"""Memory as tools: the model itself decides when to search, to remember, to correct and to forget."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.tools.types import ToolMetadata
from pydantic import ValidationError
from typing_extensions import Unpack

from memos_integrations.client import MemOS
from memos_integrations.llama_index._holding import held_by
from memos_integrations.llama_index._runs import present_run
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import scope_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.offers import ADD, FEEDBACK, FORGET, SEARCH, Offer, mended
from memos_integrations.memory.recall import RecallOptions
from memos_integrations.memory.scope import Scope
from memos_integrations.memory.tools import (
    Told,
    acarried_out,
    aremember,
    carried_out,
    correcting,
    forgetting,
    once_searched,
    policy_and_reader,
    remember,
    shown,
    telling,
)

__all__ = ["MemOSToolSpec"]

P = ParamSpec("P")
_OFFERS = {offer.name: offer for offer in (SEARCH, ADD, FEEDBACK, FORGET)}


def _telling(tool: Callable[P, str]) -> Callable[P, str]:
    """What a model is to be told is the tool's result."""

    @wraps(tool)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return tool(*args, **kwargs)
        except Told as told:
            return str(told)

    return wrapped


def _atelling(tool: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    """The same, awaited."""

    @wraps(tool)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await tool(*args, **kwargs)
        except Told as told:
            return str(told)

    return wrapped


class MemOSToolSpec(Closing, BaseToolSpec):
    """Memory as tools: search_memory, add_memory, add_feedback, and with `forget` forget_memory.

    `to_tool_list()` gives them to an agent. The user is the one of the spec, and no argument of a model's. A search
    gives a <memories> block, in which no memory can close the block or begin a line, or a sentence that says that
    nothing is known. A note goes into the client's outbox, which delivers it once, also when the process ends
    meanwhile (see `client.flush`); the same note, correction or forgetting again in one run does nothing more. What
    fails is told to the model as the tool's result: the error's class, and of a refusal MemOS's code and words.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment, on a running loop at the first
    use; adapters made so share one client, and `close` closes it. `conversation_id` raises the weight of that
    conversation, and is where notes are written (None: one made for each). `agent_id`, `app_id`, `tags` and `info` mark
    what is written. `forget` (default: no) lets the model delete the user's own memories, for good, and shows it their
    ids. `timezone` (the reader's IANA zone for times) and the further keywords, `Recall`'s, are for the search, where
    `on_error` "warn" logs one warning and tells the model that nothing was found. Raises `Invalid` at once for
    arguments out of bounds.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     [tool.metadata.name for tool in MemOSToolSpec(user_id="ada", client=client).to_tool_list()]
    ['search_memory', 'add_memory', 'add_feedback']
    """

    _held: Held

    def __init__(
        self,
        *,
        user_id: str,
        client: MemOS | None = None,
        conversation_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] = (),
        info: Mapping[str, Any] | None = None,
        forget: bool = False,
        timezone: str | None = None,
        **options: Unpack[RecallOptions],
    ) -> None:
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        self._scope = scope_of("MemOSToolSpec", user_id=user_id, conversation_id=conversation_id, **marks)
        self._unmarked = Scope(user_id=user_id, conversation_id=conversation_id)
        self._policy, self._reader = policy_and_reader("MemOSToolSpec", MemOSToolSpec.__init__, timezone, options)
        self._forgets = forget
        offered = [SEARCH, ADD, FEEDBACK, *([FORGET] if forget else [])]
        self.spec_functions = [(offer.name, f"a{offer.name}") for offer in offered]
        self._held = held_by("MemOSToolSpec", client)

    def get_metadata_from_fn_name(self, fn_name: str, spec_functions: Any = None) -> ToolMetadata | None:
        """What the model is told of a tool, whichever half of it was named."""
        offer = _OFFERS.get(fn_name) or _OFFERS.get(fn_name[1:] if fn_name.startswith("a") else "")
        if offer is None:
            return super().get_metadata_from_fn_name(fn_name, spec_functions)
        return ToolMetadata(name=offer.name, description=offer.description, fn_schema=offer.takes)

    @_telling
    def search_memory(self, query: str) -> str:
        """What is remembered of the user that bears on `query`."""
        text, client = _taken(SEARCH, query=query), self._held.now()
        with telling(SEARCH.name):
            found = self._policy.found(client, self._unmarked, turn=once_searched(), text=text)
            return shown(found, client, self._reader, ids=self._forgets)

    @_atelling
    async def asearch_memory(self, query: str) -> str:
        """The same without blocking the loop."""
        text, client = _taken(SEARCH, query=query), await self._held.anow()
        with telling(SEARCH.name):
            found = await self._policy.afound(client, self._unmarked, turn=once_searched(), text=text)
            return shown(found, client, self._reader, ids=self._forgets)

    @_telling
    def add_memory(self, text: str) -> str:
        """Remembers `text`, in the user's words."""
        note, client = _taken(ADD, text=text), self._held.now()
        return remember(client, self._scope, note, tool=ADD.name, call=present_run())

    @_atelling
    async def aadd_memory(self, text: str) -> str:
        """The same without blocking the loop."""
        note, client = _taken(ADD, text=text), await self._held.anow()
        return await aremember(client, self._scope, note, tool=ADD.name, call=present_run())

    @_telling
    def add_feedback(self, correction: str) -> str:
        """Corrects what is remembered of the user."""
        words, client = _taken(FEEDBACK, correction=correction), self._held.now()
        return carried_out(client, correcting(client, self._scope, words, tool=FEEDBACK.name, call=present_run()))

    @_atelling
    async def aadd_feedback(self, correction: str) -> str:
        """The same without blocking the loop."""
        words, client = _taken(FEEDBACK, correction=correction), await self._held.anow()
        return await acarried_out(
            client, correcting(client, self._scope, words, tool=FEEDBACK.name, call=present_run())
        )

    @_telling
    def forget_memory(self, memory_ids: list[str]) -> str:
        """Deletes memories of the user for good, by their ids, if all of them are theirs."""
        ids, client = _taken(FORGET, memory_ids=memory_ids), self._held.now()
        return carried_out(client, forgetting(client, self._unmarked, ids, tool=FORGET.name, call=present_run()))

    @_atelling
    async def aforget_memory(self, memory_ids: list[str]) -> str:
        """The same without blocking the loop."""
        ids, client = _taken(FORGET, memory_ids=memory_ids), await self._held.anow()
        return await acarried_out(client, forgetting(client, self._unmarked, ids, tool=FORGET.name, call=present_run()))


def _taken(offer: Offer, **given: Any) -> Any:
    """The one argument that a model gave, checked; what it did wrong is told to it."""
    try:
        arguments = offer.takes.model_validate(given)
    except ValidationError as error:
        raise Told(f"{offer.name} failed: {mended(error)}") from None
    return getattr(arguments, next(iter(given)))
