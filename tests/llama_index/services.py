"""Services that fail, and what is told of them."""

import logging
from typing import Any

import pytest

from memos_integrations.errors import QuotaExceeded
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine

__all__ = ["MARKER", "Refusing", "warnings_in"]

MARKER = "MARKER7f3a"


class Refusing(CountingEngine):
    """Refuses everything, in words that no log may show."""

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        super().add_message(call, project, *more, **named)
        raise QuotaExceeded(MARKER, code=40300)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call, project, *more, **named)
        raise QuotaExceeded(MARKER, code=40300)


def warnings_in(caplog: pytest.LogCaptureFixture, about: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if about in record.getMessage()]
