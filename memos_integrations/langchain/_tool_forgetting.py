"""Forgetting as a tool: for good, and of the user's own alone."""

from langchain_core.runnables import RunnableConfig
from langchain_core.tools.base import ArgsSchema
from typing_extensions import Unpack

from memos_integrations.client import MemOS
from memos_integrations.langchain._identity import Resolver
from memos_integrations.langchain._tool_bound import OnceTool, ToolOptions
from memos_integrations.memory.offers import FORGET
from memos_integrations.memory.tools import acarried_out, carried_out, forgetting

__all__ = ["MemOSForgetTool"]


class MemOSForgetTool(OnceTool):
    """Lets a model delete memories of the user for good: `forget_memory`, with one argument, `memory_ids`.

    Each id is looked up first. Unless all are this very user's, nothing is deleted, and the model is not told whether
    another has such a memory. It needs a `MemOSSearchTool(show_ids=True)` beside it, as `MemOSToolkit(forget=True)`
    sets it. Arguments are as for `MemOSSearchTool`.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     message = {"role": "user", "content": "I bought tea in Lyon."}
    ...     _ = client.add_message(messages=[message], user_id="ada", async_mode=False)
    ...     (fact,) = client.get_memory(user_id="ada").memory_detail_list
    ...     MemOSForgetTool(client, user_id="ada").invoke({"memory_ids": [fact.id]})
    'Forgotten.'
    """

    name: str = FORGET.name
    description: str = FORGET.description
    args_schema: ArgsSchema | None = FORGET.takes

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str | Resolver | None = None,
        **given: Unpack[ToolOptions],
    ) -> None:
        super().__init__(client, user_id=user_id, conversation_id=None, given=given)

    def _run(self, memory_ids: list[str], config: RunnableConfig, call: str | None = None) -> str:
        steps = forgetting(self.client, self._scope(config), memory_ids, tool=self.name, call=call)
        with self._telling():
            return carried_out(self.client, steps)

    async def _arun(self, memory_ids: list[str], config: RunnableConfig, call: str | None = None) -> str:
        steps = forgetting(self.client, self._scope(config), memory_ids, tool=self.name, call=call)
        with self._telling():
            return await acarried_out(self.client, steps)
