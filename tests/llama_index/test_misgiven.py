"""A mistake is told in the words of whoever made it; and what is told in events can be imported."""

from collections.abc import Callable
from typing import Any

import pytest

from memos_integrations import llama_index
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import (
    MemOSLLM,
    MemOSMemory,
    MemOSMemoryBlock,
    MemOSRetriever,
    MemOSToolSpec,
    events,
)

LONG = "MARKER" * 20
TAKE_OPTIONS: list[tuple[Any, str]] = [
    (MemOSMemory.from_defaults, "MemOSMemory"),
    (MemOSMemoryBlock, "MemOSMemoryBlock"),
    (MemOSToolSpec, "MemOSToolSpec"),
]


@pytest.mark.parametrize(("make", "who"), [*TAKE_OPTIONS, (MemOSLLM, "MemOSLLM")])
def test_a_misspelt_keyword_is_told_with_those_that_there_are(
    client: MemOS, make: Callable[..., Any], who: str
) -> None:
    with pytest.raises(Invalid, match=rf"^{who}: user is no parameter of it: there are ") as caught:
        make(client=client, user_id="ada", user=LONG)
    assert caught.value.field == "user"
    assert {"conversation_id", "user_id"} <= set(str(caught.value).partition("there are ")[2].split(", "))
    assert LONG not in str(caught.value)


@pytest.mark.parametrize(("make", "who"), [*TAKE_OPTIONS, (MemOSRetriever, "MemOSRetriever"), (MemOSLLM, "MemOSLLM")])
def test_an_id_that_is_no_text_is_told_with_what_to_do(client: MemOS, make: Callable[..., Any], who: str) -> None:
    with pytest.raises(Invalid, match=rf"^{who}: user_id must be text \(given: int\): give an id as text"):
        make(client=client, user_id=123)


def test_every_event_can_be_imported_where_the_adapters_are() -> None:
    assert {name for name in events.__all__ if name.endswith("Event")} <= set(llama_index.__all__)
    assert llama_index.__all__ == sorted(llama_index.__all__)
    assert llama_index.MemOSParkedEvent is events.MemOSParkedEvent
