"""LangChain's own suites for tools, on the embedded engine served over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from memos_integrations import _connect
from memos_integrations.client import MemOS
from memos_integrations.engine import Engine
from memos_integrations.engine._server import make_app
from memos_integrations.langchain import MemOSAddTool, MemOSFeedbackTool, MemOSForgetTool, MemOSSearchTool
from tests.serving import served

SAID = "I bought green tea in Lyon."
ENVIRONMENT = {"MEMOS_BASE_URL": "http://127.0.0.1:9/api/openmem/v1", "MEMOS_API_KEY": "mpg-key"}


@pytest.fixture(autouse=True)
def _nothing_stays_borrowed() -> Iterator[None]:
    """The suite drops a tool that it made from the environment without closing it."""
    yield
    for client in {*_connect._opened.values()}:
        client.close()


EXAMPLES: dict[type[BaseTool], dict[str, Any]] = {
    MemOSSearchTool: {"query": "What tea did I buy?"},
    MemOSAddTool: {"text": "I prefer oat milk."},
    MemOSFeedbackTool: {"correction": "I bought black tea, not green tea."},
}


class _OverHTTP:
    """One user who has said something before."""

    kind: type[BaseTool]

    @pytest.fixture(autouse=True)
    def _remembering(self) -> Iterator[None]:
        engine = Engine(":memory:")
        with served(make_app(engine)) as address, MemOS(base_url=f"{address}/api/openmem/v1") as client:
            message = {"role": "user", "content": SAID}
            client.add_message(messages=[message], user_id="ada", conversation_id="earlier", async_mode=False)
            (fact,) = client.get_memory(user_id="ada").memory_detail_list
            self.client, self.memory_id = client, fact.id
            yield
            assert client.flush() == 0
        engine.close()

    @property
    def tool_constructor(self) -> type[BaseTool]:
        return self.kind

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"client": self.client, "user_id": "ada"}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLES.get(self.kind) or {"memory_ids": [self.memory_id]}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return ENVIRONMENT, {"user_id": "ada"}, {"name": self.kind.model_fields["name"].default}


class TestSearchUnit(_OverHTTP, ToolsUnitTests):
    kind = MemOSSearchTool


class TestSearch(_OverHTTP, ToolsIntegrationTests):
    kind = MemOSSearchTool

    async def test_it_finds(self, tool: BaseTool) -> None:
        """The suite takes any content."""
        assert SAID in tool.invoke(self.tool_invoke_params_example)
        assert SAID in await tool.ainvoke(self.tool_invoke_params_example)


class TestAddUnit(_OverHTTP, ToolsUnitTests):
    kind = MemOSAddTool


class TestAdd(_OverHTTP, ToolsIntegrationTests):
    kind = MemOSAddTool


class TestFeedbackUnit(_OverHTTP, ToolsUnitTests):
    kind = MemOSFeedbackTool


class TestFeedback(_OverHTTP, ToolsIntegrationTests):
    kind = MemOSFeedbackTool


class TestForgetUnit(_OverHTTP, ToolsUnitTests):
    kind = MemOSForgetTool


class TestForget(_OverHTTP, ToolsIntegrationTests):
    """Each of its tests has a memory of its own to delete."""

    kind = MemOSForgetTool

    async def test_it_forgets(self, tool: BaseTool) -> None:
        """The suite takes any content."""
        assert await tool.ainvoke(self.tool_invoke_params_example) == "Forgotten."
        assert self.client.get_memory(user_id="ada").memory_detail_list == ()
