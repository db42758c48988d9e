"""LangChain's own suite for retrievers, on the embedded engine and on that engine over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from memos_integrations.client import MemOS
from memos_integrations.engine._server import make_app
from memos_integrations.langchain import MemOSRetriever
from tests.fakes import CountingEngine, client_over
from tests.serving import served

SAID = ["I drink green tea every morning.", "I avoid tea with milk.", "I bought tea in Lyon.", "I prefer loose tea."]


def taught(client: MemOS) -> MemOS:
    """Three facts and preferences at least bear on the query, so that `k` alone decides how many come."""
    messages = [{"role": "user", "content": text} for text in SAID]
    client.add_message(messages=messages, user_id="ada", conversation_id="earlier", async_mode=False)
    return client


class TestMemOSRetriever(RetrieversIntegrationTests):
    """On the embedded engine."""

    @pytest.fixture(autouse=True)
    def _remembering(self) -> Iterator[None]:
        with client_over(CountingEngine()) as client:
            self.client = taught(client)
            yield

    @property
    def retriever_constructor(self) -> type[MemOSRetriever]:
        return MemOSRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"client": self.client, "user_id": "ada", "on_error": "raise"}

    @property
    def retriever_query_example(self) -> str:
        return "What tea do I like?"


class TestMemOSRetrieverOverHTTP(RetrieversIntegrationTests):
    """On a server of its own."""

    @pytest.fixture(autouse=True)
    def _remembering(self) -> Iterator[None]:
        engine = CountingEngine()
        with served(make_app(engine)) as address, MemOS(base_url=f"{address}/api/openmem/v1") as client:
            self.client = taught(client)
            yield
        engine.close()

    @property
    def retriever_constructor(self) -> type[MemOSRetriever]:
        return MemOSRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"client": self.client, "user_id": "ada", "on_error": "raise", "include": ("preference", "fact")}

    @property
    def retriever_query_example(self) -> str:
        return "What tea do I like?"
