"""Right uses of the client, checked with the tree: every `assert_type` must hold under mypy --strict and pyright."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator
from datetime import tzinfo
from typing import assert_type

import httpx
from pydantic import SecretStr

from memos_integrations.client import (
    AsyncMemOS,
    ChatEvent,
    Degraded,
    Event,
    MemOS,
    Parked,
    Recalled,
    Recorded,
    Retry,
    attributes,
)
from memos_integrations.errors import MemOSError
from memos_integrations.wire.answers import (
    Added,
    ChatAnswer,
    Deleted,
    Fact,
    Found,
    Memories,
    Memory,
    Preference,
    ProfileHit,
    Skill,
    StoredMessages,
    TaskStatus,
    ToolMemory,
    Updated,
)
from memos_integrations.wire.answers import Event as MemoryEvent
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import GetStatus, SearchMemory
from memos_integrations.wire.filters import Filter
from memos_integrations.wire.knowledge import FilesAdded, KnowledgebaseFiles
from memos_integrations.wire.message import Message
from memos_integrations.wire.stateless import Extracted, Ranked


def plain(client: MemOS, said: list[dict[str, str]], turns: list[Message]) -> None:
    assert_type(client.search_memory(query="q", user_id="u"), Found)
    assert_type(client.search_memory(query="q", user_id="u").memory_detail_list, tuple[Fact, ...])
    assert_type(client.search_memory(query="q", agent_id="a", relativity=0, filter={"and": [{"tags": {}}]}), Found)
    assert_type(client.search_memory(query="q", user_id=None, filter=Filter(), memory_limit_number=None), Found)
    assert_type(client.add_message(messages=[{"role": "user", "content": "c"}], user_id="u"), Added)
    assert_type(client.add_message(messages=said, user_id=["u", "v"], info={"a": 1, "b": ["c"]}), Added)
    assert_type(client.add_message(messages=turns, agent_id="a", async_mode=False), Added)
    assert_type(client.get_message(user_id="u", conversation_id="c"), StoredMessages)
    assert_type(client.get_memory(user_id="u", page=1, include_memory_view=["event"]), Memories)
    assert_type(client.delete_memory(memory_ids=["m"]), Deleted)
    assert_type(client.get_status(task_id="t"), TaskStatus)
    assert_type(client.get_memory_by_id(memory_id="m"), Memory)
    assert_type(client.add_feedback(user_id="u", feedback_content="f"), Added)
    assert_type(client.chat(user_id="u", conversation_id="c", query="q", temperature=0).response, str)
    assert_type(client.stream_chat(user_id="u", conversation_id="c", query="q"), Generator[ChatEvent, None, None])
    assert_type(next(client.stream_chat(user_id="u", conversation_id="c", query="q")), ChatEvent)
    assert_type(client.chat_completions(user_id="u", conversation_id="c", messages=turns).text, str)
    assert_type(client.update_memory(memory_id="m", content="c", status="archived"), Updated)
    assert_type(client.extract_memory(messages=said, extraction_types=["memory"]), Extracted)
    assert_type(client.rerank(query="q", documents=["d"], top_n=1).results, tuple[Ranked, ...])
    assert_type(client.create_knowledgebase(knowledgebase_name="n").id, str)
    assert_type(
        client.add_knowledgebase_file(knowledgebase_id="k", file=[{"name": "a.md", "content": "SGk="}]), FilesAdded
    )
    assert_type(client.upload_knowledgebase_file(knowledgebase_id="k", files=["a.md", ("b.md", b"")]), FilesAdded)
    assert_type(client.get_knowledgebase_file(file_ids=["f"]), KnowledgebaseFiles)
    assert_type(client.delete_knowledgebase_file(file_ids=["f"]), Deleted)
    assert_type(client.delete_knowledgebase(knowledgebase_id="k", delete_all=True), Deleted)
    assert_type(client.send(SearchMemory(query="q", user_id="u")), Found)
    assert_type(client.with_options(deadline=3), MemOS)
    assert_type(client.aio, AsyncMemOS)
    assert_type(client.aio.with_options(retry=Retry(tries=1)), AsyncMemOS)
    assert_type(client.flush(), int)
    assert_type(client.timezone, tzinfo)
    assert_type(client.share(Retry, Retry), Retry)
    with client as entered:
        assert_type(entered, MemOS)


Item = Fact | Preference | ToolMemory | Skill | ProfileHit | MemoryEvent


def several(client: MemOS, turns: list[Message], added: Added) -> None:
    assert_type(client.add_history(turns, user_id="u", conversation_id="c", info={"a": 1}), tuple[Added, ...])
    assert_type(client.add_history([{"role": "user", "content": "c"}], agent_id=["a"]), tuple[Added, ...])
    assert_type(client.iter_memory(user_id="u", filter={"and": []}, size=5), Generator[Item, None, None])
    for item in client.iter_memory(agent_id="a"):
        if isinstance(item, Fact):
            assert_type(item.memory_value, str)
    assert_type(client.wait_for("t"), TaskStatus)
    assert_type(client.wait_for(added, timeout=5), TaskStatus)
    assert_type(MemOSError("x").delivered, int)


async def several_awaited(client: AsyncMemOS, turns: list[Message], added: Added) -> None:
    assert_type(await client.add_history(turns, user_id="u"), tuple[Added, ...])
    assert_type(client.iter_memory(user_id="u"), AsyncGenerator[Item, None])
    async for item in client.iter_memory(user_id="u"):
        assert_type(item.id, str)
    assert_type(await client.wait_for(added), TaskStatus)


async def awaited(client: AsyncMemOS) -> None:
    asked = assert_type(client.search_memory(query="q", user_id="u"), Coroutine[object, None, Found])
    assert_type(await asked, Found)
    assert_type(await client.search_memory(query="q", user_id="u"), Found)
    assert_type(await client.send(GetStatus(task_id="t")), TaskStatus)
    assert_type(await client.upload_knowledgebase_file(knowledgebase_id="k", files=[("b.md", b"")]), FilesAdded)
    both = await asyncio.gather(
        client.search_memory(query="q", user_id="u"), client.add_message(messages=[], user_id="u")
    )
    assert_type(both, tuple[Found, Added])
    assert_type(await asyncio.create_task(client.get_status(task_id="t")), TaskStatus)
    assert_type(await asyncio.wait_for(client.get_status(task_id="t"), 1), TaskStatus)
    assert_type(await client.chat(user_id="u", conversation_id="c", query="q"), ChatAnswer)
    async for event in client.stream_chat(user_id="u", conversation_id="c", query="q", tags=["t"]):
        assert_type(event, ChatEvent)
    assert_type(await client.flush(), int)
    async with client as entered:
        assert_type(entered, AsyncMemOS)


def heard(event: Event) -> None:
    if isinstance(event, Recalled):
        assert_type(event.memory_ids, tuple[str, ...])
    elif isinstance(event, Recorded):
        assert_type(event.task_id, str | None)
    elif isinstance(event, Parked):
        assert_type(event.entries, tuple[int, ...])
    else:
        assert_type(event, Degraded)
    assert_type(attributes(event)["memos.event"], str | int | float | tuple[str, ...] | tuple[int, ...])


def made() -> None:
    MemOS()
    MemOS(base_url="http://h", api_key=SecretStr("k"), timezone="UTC", deadline=5, on_event=heard)
    MemOS(http_client=httpx.Client(), async_http_client=httpx.AsyncClient(), on_event=[heard, heard])
    AsyncMemOS(api_key="k", is_global=True, http_client=httpx.AsyncClient(), retry=Retry(first=0.1))


def on_the_class() -> None:
    assert_type(MemOS.search_memory(query="q", user_id="u"), Call[Found])
