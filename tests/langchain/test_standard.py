"""LangChain's own suite for retrievers, on the embedded engine."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSRetriever
from tests.fakes import CountingEngine, client_over

SAID = ["I drink green tea every morning.", "I avoid tea with milk.", "I bought tea in Lyon.", "I prefer loose tea."]


class TestMemOSRetriever(RetrieversIntegrationTests):
    """Three facts and preferences at least bear on its query, so that `k` alone decides how many come."""

    @pytest.fixture(autouse=True)
    def _remembering(self) -> Iterator[None]:
        with client_over(CountingEngine()) as client:
            messages = [{"role": "user", "content": text} for text in SAID]
            client.add_message(messages=messages, user_id="ada", conversation_id="earlier", async_mode=False)
            self.client: MemOS = client
            yield

    @property
    def retriever_constructor(self) -> type[MemOSRetriever]:
        return MemOSRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"client": self.client, "user_id": "ada"}

    @property
    def retriever_query_example(self) -> str:
        return "What tea do I like?"
