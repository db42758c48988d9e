"""LangChain's own suites for chat models, on the embedded engine over HTTP; one model thinks, one does not."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from memos_integrations.client import MemOS
from memos_integrations.langchain import ChatMemOS
from tests.engine.models import Scripted, thought
from tests.fakes import CountingEngine
from tests.langchain.chats import over_http

NAME = "qwen3-32b"
OTHER = "deepseek-r1"


class _Switches:
    """What MemOS's chat has and has not."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatMemOS

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def returns_usage_metadata(self) -> bool:
        return False

    @property
    def model_override_value(self) -> str:
        return OTHER


class TestUnit(_Switches, ChatModelUnitTests):
    """Made from a key and an address, as other chat models are."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": NAME, "base_url": "http://127.0.0.1:9/api/openmem/v1"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"MEMOS_API_KEY": "a-key-of-ours"}, self.chat_model_params, {"api_key": "a-key-of-ours"}


class _OverHttp(_Switches, ChatModelIntegrationTests):
    script: tuple[Any, ...]
    client: MemOS

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _answering(cls) -> Iterator[None]:
        with over_http(CountingEngine(model=Scripted(*cls.script))) as client:
            cls.client = client
            yield

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"client": self.client, "model": NAME, "user_id": "ada"}


class TestPlain(_OverHttp):
    """Its model says text alone."""

    script = ("Hello ", "to ", "you.")


class TestThinking(_OverHttp):
    """Its model thinks before it speaks."""

    script = (thought("A "), thought("greeting."), "Hello ", "to ", "you.")
