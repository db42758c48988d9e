"""Memory as tools: the model itself decides when to search, to remember, to correct and to forget."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import PrivateAttr
from typing_extensions import Unpack

from memos_integrations.client import MemOS
from memos_integrations.langchain._identity import Resolver, check_owner
from memos_integrations.langchain._tool_bound import Bound
from memos_integrations.langchain._tool_forgetting import MemOSForgetTool
from memos_integrations.langchain._tool_search import MemOSSearchTool
from memos_integrations.langchain._tool_writing import MemOSAddTool, MemOSFeedbackTool
from memos_integrations.memory.recall import RecallOptions
from memos_integrations.memory.tools import policy_and_reader

__all__ = ["MemOSAddTool", "MemOSFeedbackTool", "MemOSForgetTool", "MemOSSearchTool", "MemOSToolkit"]


class MemOSToolkit(Bound, BaseToolkit):
    """Memory as tools on one client: search_memory, add_memory, add_feedback, and with `forget` forget_memory.

    `client`: a `MemOS` (see `connect`); None: `connect()`, which reads the environment; `close` closes what was opened
    so. `user_id` and `conversation_id` are as for `MemOSSearchTool`: no model chooses them. `agent_id`, `app_id`,
    `tags` and `info` mark what is written. `forget` (default: no) lets the model delete the user's own memories, for
    good, and shows it their ids. `timezone` and the further keywords, `Recall`'s, are for the search. Raises
    `Invalid` at once for arguments out of bounds.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     [tool.name for tool in MemOSToolkit(client, user_id="ada").get_tools()]
    ['search_memory', 'add_memory', 'add_feedback']
    """

    _tools: tuple[BaseTool, ...] = PrivateAttr(default=())

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
        forget: bool = False,
        timezone: str | None = None,
        **options: Unpack[RecallOptions],
    ) -> None:
        whose: dict[str, Any] = {"user_id": user_id, "conversation_id": conversation_id}
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "info": info or {}}
        check_owner("MemOSToolkit", **whose, **marks, tags=tags)
        policy_and_reader("MemOSToolkit", MemOSToolkit.__init__, timezone, options)
        super().__init__(client)
        search = MemOSSearchTool(self.client, **whose, timezone=timezone, show_ids=forget, **options)
        adding = MemOSAddTool(self.client, **whose, **marks, tags=tags)
        feedback = MemOSFeedbackTool(self.client, **whose, **marks)
        forgetting = [MemOSForgetTool(self.client, user_id=user_id)] if forget else []
        self._tools = (search, adding, feedback, *forgetting)

    def get_tools(self) -> list[BaseTool]:
        """The tools, on the toolkit's client; a list of the caller's own."""
        return list(self._tools)
