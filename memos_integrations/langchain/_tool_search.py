"""Search as a tool: the model itself decides when to ask."""

from datetime import tzinfo

from langchain_core.runnables import RunnableConfig
from langchain_core.tools.base import ArgsSchema
from pydantic import PrivateAttr
from typing_extensions import Unpack

from memos_integrations.client import MemOS
from memos_integrations.langchain._identity import Resolver
from memos_integrations.langchain._tool_bound import BoundTool, ToolOptions
from memos_integrations.memory.offers import SEARCH
from memos_integrations.memory.recall import Recall, RecallOptions
from memos_integrations.memory.tools import once_searched, policy_and_reader, shown, telling

__all__ = ["MemOSSearchTool"]


class _Options(RecallOptions, ToolOptions, total=False):
    """`Recall`'s options, and LangChain's."""


class MemOSSearchTool(BoundTool):
    """Lets a model search what MemOS knows of the user: `search_memory`, with one argument, `query`.

    It gets a <memories> block as `MemOSMiddleware` sets it, in which no memory can close the block or begin a line,
    or a sentence that says that nothing is known. Set `TOOL_PROTOCOL` (`memory.prompt`) into the system message, as
    `MemOSMiddleware(placement="tool")` does, and the model knows when to search and what to make of it.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; adapters made so share one
    client. `user_id`: fixed, or a callable `(runtime, config) -> str`; None: the LangGraph server's authenticated
    user, the run's context, or its configurable. It is never an argument of the model's. `conversation_id` (fixed, or
    found likewise, else the thread_id) raises the weight of that conversation. `timezone`: the reader's IANA zone for
    times (default: the server's). `show_ids`: begin each text with its memory's id in brackets, for
    `MemOSForgetTool` (default: no). Further keywords are `Recall`'s: limits, relativity, filter, knowledgebase_ids,
    recall_seconds (3 s); and LangChain's: name, description, metadata, callbacks, extras, return_direct, verbose,
    handle_tool_error.

    `on_error` "raise" (the default here): the model is told the error's class, and MemOS's code and words, in a tool
    message of status "error"; "warn" logs one warning, and it is told that nothing was found. Raises `Invalid` at
    once for arguments out of bounds, and in the run when no user is given.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     message = {"role": "user", "content": "I avoid trains."}
    ...     _ = client.add_message(messages=[message], user_id="ada", async_mode=False)
    ...     found = MemOSSearchTool(client, user_id="ada").invoke({"query": "How do they travel?"})
    >>> "I avoid trains." in found
    True
    """

    name: str = SEARCH.name
    description: str = SEARCH.description
    args_schema: ArgsSchema | None = SEARCH.takes

    _policy: Recall = PrivateAttr()
    _reader: tzinfo | None = PrivateAttr(default=None)
    _shows_ids: bool = PrivateAttr(default=False)

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str | Resolver | None = None,
        conversation_id: str | None = None,
        timezone: str | None = None,
        show_ids: bool = False,
        **options: Unpack[_Options],
    ) -> None:
        given = {name: value for name, value in options.items() if name in ToolOptions.__optional_keys__}
        rest = {name: value for name, value in options.items() if name not in given}
        taken = ToolOptions.__optional_keys__
        policy, reader = policy_and_reader("MemOSSearchTool", MemOSSearchTool.__init__, timezone, rest, taken)
        super().__init__(client, user_id=user_id, conversation_id=conversation_id, given=given)
        self._policy, self._reader, self._shows_ids = policy, reader, show_ids

    def _run(self, query: str, config: RunnableConfig) -> str:
        scope = self._scope(config)
        with self._telling(), telling(self.name):
            found = self._policy.found(self.client, scope, turn=once_searched(), text=query)
            return shown(found, self.client, self._reader, ids=self._shows_ids)

    async def _arun(self, query: str, config: RunnableConfig) -> str:
        scope = self._scope(config)
        with self._telling(), telling(self.name):
            found = await self._policy.afound(self.client, scope, turn=once_searched(), text=query)
            return shown(found, self.client, self._reader, ids=self._shows_ids)
