"""Who is compared: this package, bare httpx, and other memory services' own clients where they are installed.

None of the latter is needed: pip install mem0ai zep-cloud honcho-ai letta-client supermemory MemoryOS
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from _measure import installed

__all__ = ["BARE", "KEY", "OFFICIAL", "OURS", "PEERS", "QUERY", "Peer", "Search", "makers", "quiet"]

OURS, BARE = "ours", "bare pooled httpx"

QUERY = "What does she like in the morning?"
KEY = "a-key-for-benchmarks"


WANTED: dict[str, Any] = {"query": QUERY, "user_id": "u", "memory_limit_number": 6, "preference_limit_number": 6}
HEADERS = {"authorization": f"Token {KEY}"}
_POSTING = "requests" if installed("requests") else "httpx"
_PATTERN = f"{_POSTING}.post per call (the official client's pattern)"


@dataclass(frozen=True)
class Search:
    """One search, done by a client that is kept; `aio` is None where the client has no async half."""

    sync: Callable[[], object]
    aio: Callable[[], Awaitable[object]] | None = None
    close: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Peer:
    """`package` as pip names it; `statement` imports its client."""

    package: str
    statement: str
    make: Callable[[str], Search]

    @property
    def there(self) -> str | None:
        """Name and version, or None."""
        return installed(self.package)

    def search(self, url: str) -> Search:
        with quiet():
            made = self.make(url)
            logging.getLogger().setLevel(logging.ERROR)
            return made


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Where they are imported, some write a settings file or a log, tell their makers, or print."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.environ.update(MEM0_TELEMETRY="false", MEM0_DIR=folder, MEMOS_BASE_PATH=folder)
        yield


def _mem0(url: str) -> Search:
    module = import_module("mem0")
    client, aio = (make(api_key=KEY, host=url) for make in (module.MemoryClient, module.AsyncMemoryClient))
    wanted: dict[str, Any] = {"filters": {"user_id": "u"}, "top_k": 12}
    return Search(lambda: client.search(QUERY, **wanted), lambda: aio.search(QUERY, **wanted))


def _zep(url: str) -> Search:
    module = import_module("zep_cloud.client")
    client, aio = (make(api_key=KEY, base_url=url) for make in (module.Zep, module.AsyncZep))
    wanted: dict[str, Any] = {"query": QUERY, "page_size": 12}
    return Search(lambda: client.graph.search_edges("u", **wanted), lambda: aio.graph.search_edges("u", **wanted))


def _honcho(url: str) -> Search:
    client = import_module("honcho").Honcho(api_key=KEY, base_url=url, workspace_id="w")
    return Search(lambda: client.search(QUERY, limit=12), lambda: client.aio.search(QUERY, limit=12))


def _letta(url: str) -> Search:
    module = import_module("letta_client")
    client, aio = (make(api_key=KEY, base_url=url) for make in (module.Letta, module.AsyncLetta))
    return Search(
        lambda: client.passages.search(query=QUERY, limit=12), lambda: aio.passages.search(query=QUERY, limit=12)
    )


def _supermemory(url: str) -> Search:
    module = import_module("supermemory")
    client, aio = (make(api_key=KEY, base_url=url) for make in (module.Supermemory, module.AsyncSupermemory))
    return Search(lambda: client.search("u", query=QUERY, limit=12), lambda: aio.search("u", query=QUERY, limit=12))


def _memos(url: str) -> Search:
    client = import_module("memos.api.client").MemOSClient(api_key=KEY, base_url=url)
    return Search(lambda: client.search_memory(QUERY, user_id="u"))


OFFICIAL = Peer("MemoryOS", "from memos.api.client import MemOSClient", _memos)
PEERS = (
    Peer("mem0ai", "from mem0 import MemoryClient", _mem0),
    Peer("zep-cloud", "from zep_cloud.client import Zep", _zep),
    Peer("honcho-ai", "from honcho import Honcho", _honcho),
    Peer("letta-client", "from letta_client import Letta", _letta),
    Peer("supermemory", "from supermemory import Supermemory", _supermemory),
)


def makers() -> dict[str, Callable[[str], Search]]:
    """What makes each client, by the names that the tables show, without importing it; the third is the official one,
    or stands in for it.
    """
    official = {OFFICIAL.there: OFFICIAL.search} if OFFICIAL.there else {_PATTERN: _pattern}
    return {OURS: _ours, BARE: _bare, **official, **{peer.there: peer.search for peer in PEERS if peer.there}}


def _ours(url: str) -> Search:
    client = import_module("memos_integrations").MemOS(base_url=url, api_key=KEY)
    return Search(lambda: client.search_memory(**WANTED), lambda: client.aio.search_memory(**WANTED), client.close)


def _bare(url: str) -> Search:
    module, address = import_module("httpx"), f"{url}/search/memory"
    client, aio = module.Client(headers=HEADERS), module.AsyncClient(headers=HEADERS)
    return Search(lambda: client.post(address, json=WANTED), lambda: aio.post(address, json=WANTED), client.close)


def _pattern(url: str) -> Search:
    """A connection of its own for each call, as the official client's source has it."""
    post, text = import_module(_POSTING).post, "data" if _POSTING == "requests" else "content"
    given = {text: json.dumps(WANTED), "headers": {"content-type": "application/json", **HEADERS}, "timeout": 30}
    return Search(lambda: post(f"{url}/search/memory", **given).json())
