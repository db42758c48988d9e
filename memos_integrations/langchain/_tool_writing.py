"""Remembering and correcting as tools."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools.base import ArgsSchema
from typing_extensions import Unpack

from memos_integrations.client import MemOS
from memos_integrations.langchain._identity import Resolver
from memos_integrations.langchain._tool_bound import OnceTool, ToolOptions
from memos_integrations.memory.offers import ADD, FEEDBACK
from memos_integrations.memory.tools import acarried_out, aremember, carried_out, correcting, remember

__all__ = ["MemOSAddTool", "MemOSFeedbackTool"]


class MemOSAddTool(OnceTool):
    """Lets a model remember something of the user: `add_memory`, with one argument, `text`.

    It is put into the client's outbox, which delivers it once, also when the process ends meanwhile: see
    `client.flush`. The same call again (by its id and text: a run is resumed, a node tried anew) writes nothing more.
    It is written into the conversation (fixed, or found as `user_id` is, else the thread_id), else into one made for
    it. `agent_id`, `app_id`, `tags` and `info` mark what is written; the rest is as for `MemOSSearchTool`.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     MemOSAddTool(client, user_id="ada").invoke({"text": "I am allergic to peanuts."})
    'Noted. Later searches find it, as soon as it is processed.'
    """

    name: str = ADD.name
    description: str = ADD.description
    args_schema: ArgsSchema | None = ADD.takes

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
        **given: Unpack[ToolOptions],
    ) -> None:
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        super().__init__(client, user_id=user_id, conversation_id=conversation_id, given=given, **marks)

    def _run(self, text: str, config: RunnableConfig, call: str | None = None) -> str:
        with self._telling():
            return remember(self.client, self._scope(config), text, tool=self.name, call=call)

    async def _arun(self, text: str, config: RunnableConfig, call: str | None = None) -> str:
        with self._telling():
            return await aremember(self.client, self._scope(config), text, tool=self.name, call=call)


class MemOSFeedbackTool(OnceTool):
    """Lets a model correct what is remembered of the user: `add_feedback`, with one argument, `correction`.

    Sent at once, in the conversation where one is known, and never again where it may have arrived. `agent_id`,
    `app_id` and `info` mark it; the rest is as for `MemOSAddTool`.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     MemOSFeedbackTool(client, user_id="ada").invoke({"correction": "I live in Nantes, not in Lyon."})
    'The correction was passed on.'
    """

    name: str = FEEDBACK.name
    description: str = FEEDBACK.description
    args_schema: ArgsSchema | None = FEEDBACK.takes

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str | Resolver | None = None,
        conversation_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        info: Mapping[str, Any] | None = None,
        **given: Unpack[ToolOptions],
    ) -> None:
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "info": info or {}}
        super().__init__(client, user_id=user_id, conversation_id=conversation_id, given=given, **marks)

    def _run(self, correction: str, config: RunnableConfig, call: str | None = None) -> str:
        steps = correcting(self.client, self._scope(config), correction, tool=self.name, call=call)
        with self._telling():
            return carried_out(self.client, steps)

    async def _arun(self, correction: str, config: RunnableConfig, call: str | None = None) -> str:
        steps = correcting(self.client, self._scope(config), correction, tool=self.name, call=call)
        with self._telling():
            return await acarried_out(self.client, steps)
