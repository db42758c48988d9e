"""One word for every address: the one module that knows both the client and the engine."""

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from memos_integrations.client import Cube, MemOS, OnEvent, OutboxOptions, Retry, outbox_options
from memos_integrations.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from pydantic import SecretStr

    from memos_integrations.engine import Embed, Engine, Extractor, Fetch, Model, ModelEndpoint

__all__ = ["borrow", "borrow_again", "connect", "give_back"]

_MEMORY = ":memory:"
_HOST = re.compile(r"[A-Za-z0-9.-]+:\d{1,5}(/|$)")
_WAYS = (
    'connect("memos.db") keeps memories in that file, connect(":memory:") in this process; '
    "MEMOS_BASE_URL may name either, or an address that begins with https:// or http://, for an open-source MemOS "
    "server with memos+http:// or memos+https://; "
    "MEMOS_API_KEY or api_key= is a key of MemOS Cloud"
)

_SETTINGS = (
    "MEMOS_BASE_URL",
    "MEMOS_API_KEY",
    "MEMOS_IS_GLOBAL",
    "MEMOS_MODEL_BASE_URL",
    "MEMOS_MODEL_NAME",
    "MEMOS_MODEL_API_KEY",
    "MEMOS_EXTRACTOR_BASE_URL",
    "MEMOS_EXTRACTOR_NAME",
    "MEMOS_EXTRACTOR_API_KEY",
    "MEMOS_EMBEDDER_BASE_URL",
    "MEMOS_EMBEDDER_NAME",
    "MEMOS_EMBEDDER_API_KEY",
    "MEMOS_OUTBOX",
)

_Key = tuple[str | None, ...]
_lock = threading.RLock()  # never held while a client is opened or closed, since event loops take it too
_opening: WeakValueDictionary[_Key, threading.Lock] = WeakValueDictionary()
_opened: dict[_Key, MemOS] = {}
_borrowers: Counter[MemOS] = Counter()


def connect(
    address: str | os.PathLike[str] | None = None,
    *,
    api_key: "str | SecretStr | None" = None,
    is_global: bool | None = None,
    timezone: str | None = None,
    deadline: float | None = None,
    retry: Retry | None = None,
    on_event: OnEvent | Iterable[OnEvent] = (),
    model: "Model | None" = None,
    extractor: "Extractor | ModelEndpoint | None" = None,
    embedder: "Embed | None" = None,
    fetch: "Fetch | None" = None,
    outbox: OutboxOptions | str | os.PathLike[str] | None = None,
    cube: Cube | None = None,
) -> MemOS:
    """A client for `address`: a file's path or ":memory:" (the embedded engine), "https://…" (a MemOS service), or
    "memos+http://host:8000" (the root of an open-source MemOS server; "memos+https://…" over TLS).

    None reads the environment: MEMOS_BASE_URL (any of these forms), MEMOS_API_KEY and MEMOS_IS_GLOBAL; with only
    a key set it is MemOS Cloud. `deadline` is the most seconds a call may take, with its retries (None: 30, and 120 for
    chat); `timezone` is the server's IANA zone; `on_event` gets `Recalled`, `Recorded`, `Degraded` and `Parked`.
    `model`, a `ModelEndpoint`, answers the embedded engine's chats (None: the one that MEMOS_MODEL_BASE_URL,
    MEMOS_MODEL_NAME and MEMOS_MODEL_API_KEY name; else chat is refused); `extractor`, a `ModelEndpoint` or
    `LLMExtractor`, finds what is to be remembered (None: the one that MEMOS_EXTRACTOR_BASE_URL, MEMOS_EXTRACTOR_NAME
    and MEMOS_EXTRACTOR_API_KEY name; else rules do); `embedder`, an `EmbeddingEndpoint` or any
    function from texts to vectors, lets it find by meaning too (None: the one that MEMOS_EMBEDDER_BASE_URL,
    MEMOS_EMBEDDER_NAME and MEMOS_EMBEDDER_API_KEY name; else by words); `fetch` tells it, as bytes, what a web address
    given as a file holds (None: such files are refused); a service has models of its own. `outbox` is
    where turns wait for delivery: a file's path, ":memory:" or `OutboxOptions` (None: beside the embedded engine's
    file, with ":memory:" in memory, and for a service MEMOS_OUTBOX, else a file of the user's). Close what you
    opened, or use `with`. On an open-source server each user and each agent has a cube of its own; `cube` names one for
    all, or is a function from an `Owner` to its cube's name. Raises `Invalid` when nothing is set, or for a file that
    can't be; `Unsupported` for other forms.

    >>> with connect(":memory:") as client:
    ...     client.address
    ':memory:'
    """
    where = os.environ.get("MEMOS_BASE_URL", "").strip() if address is None else _text_of(address)
    keyed = api_key or os.environ.get("MEMOS_API_KEY", "").strip()
    if not where and (address is not None or not keyed):
        raise Invalid(f"connect: no address: {_WAYS}", field="address", rule="missing")
    retry = Retry() if retry is None else retry
    if where.lower().startswith(("memos+http://", "memos+https://")):
        from memos_integrations.client._product import product_client  # loads the dialect: not before needed

        _refuse_plugs(model=model, extractor=extractor, embedder=embedder, fetch=fetch)
        if is_global is not None:
            raise Invalid("connect: is_global is MemOS Cloud's: leave it out here", field="is_global")
        return product_client(
            where,
            cube=cube,
            api_key=api_key,
            timezone=timezone,
            deadline=deadline,
            retry=retry,
            on_event=on_event,
            outbox=outbox,
        )
    if cube is not None:
        raise Invalid("connect: cube is for memos+http:// addresses: leave it out here", field="cube")
    if not where or where.lower().startswith(("http://", "https://")):
        _refuse_plugs(model=model, extractor=extractor, embedder=embedder, fetch=fetch)
        return MemOS(
            base_url=where or None,
            api_key=api_key,
            is_global=is_global,
            timezone=timezone,
            deadline=deadline,
            retry=retry,
            on_event=on_event,
            outbox=outbox,
        )
    _refuse_options(api_key=api_key, is_global=is_global, timezone=timezone)
    path = _path(where)
    kept = outbox_options(outbox, _MEMORY if path == _MEMORY else f"{path}.outbox")
    engine = _engine(path, model=model, extractor=extractor, embedder=embedder, fetch=fetch)
    return _embedded(engine, path, kept, deadline=deadline, retry=retry, on_event=on_event)


def borrow(address: str | None = None) -> MemOS:
    """What `connect(address)` opens, once for all adapters of this process; it stays open until all gave it back.

    Raises `Unsupported` for ":memory:", which is another engine each time: adapters wait for `attach(client)` there.
    """
    if address == _MEMORY:
        raise Unsupported("an engine in memory can't be found again by its address: call attach(client)")
    key = (address, *(os.environ.get(setting) for setting in _SETTINGS))
    with _one_opens(key):
        with _lock:
            if (known := _opened.get(key)) is not None:
                return borrow_again(known)
        client = connect(address)
        client.on_close(partial(_let_go, client))
        with _lock:
            _opened[key] = client
            return borrow_again(client)


def borrow_again(client: MemOS) -> MemOS:
    """One more borrower of `client`, which somebody borrowed; no address need lead to it any more.

    Where its last borrower gives it back meanwhile, it is closed, or about to be.
    """
    with _lock:
        _borrowers[client] += 1
        return client


def give_back(client: MemOS) -> bool:
    """Ends one `borrow`; True for the last, who closes the client. That takes its time, and nobody borrows it then."""
    with _lock:
        _borrowers[client] -= 1
        last = _borrowers[client] <= 0
        if last:
            _let_go(client)
        return last


def _one_opens(key: _Key) -> threading.Lock:
    """Held by the one that opens what `key` names; others who want the same wait, and share it."""
    with _lock:
        opening = _opening.get(key)
        if opening is None:
            opening = _opening[key] = threading.Lock()
        return opening


def _let_go(client: MemOS) -> None:
    with _lock:
        _borrowers.pop(client, None)
        for key in [key for key, opened in _opened.items() if opened is client]:
            del _opened[key]


def _refuse_plugs(**plugs: object) -> None:
    for name, plug in plugs.items():
        if plug is not None:
            told = f"connect: a service has models of its own: leave out {name}, or give a file's path"
            raise Invalid(told, field=name)


def _refuse_options(**options: object) -> None:
    for name, given in options.items():
        if given is not None:
            raise Invalid(f"connect: the embedded engine takes no {name}: leave it out, or give an https:// address")


def _text_of(address: object) -> str:
    text = os.fspath(address) if isinstance(address, str | os.PathLike) else None
    if not isinstance(text, str):
        raise Invalid(f"connect: an address is text or a path (given: {type(address).__name__})", field="address")
    return text if text.strip() else ""


def _path(where: str) -> str:
    if "://" in where:
        raise Unsupported(f"connect: no address of this form is known: {_WAYS}")
    if where == _MEMORY:
        return where
    if _HOST.match(where):
        raise Invalid("connect: a host and port needs http:// or https:// before it", field="address")
    try:
        path = Path(where).expanduser().absolute()
        folder, parent = path.is_dir(), path.parent.is_dir()
        with suppress(FileNotFoundError):
            os.lstat(path)  # tells a name that is too long, or that no system takes
    except (OSError, RuntimeError, ValueError) as error:
        raise Invalid(f"connect: no file can have this path ({type(error).__name__})", field="address") from None
    if folder:
        raise Invalid("connect: the address is a folder: name a file in it", field="address")
    if not parent:
        raise Invalid("connect: a file needs a folder that is there: make it first", field="address")
    return str(path)


def _engine(
    path: str,
    *,
    model: "Model | None",
    extractor: "Extractor | ModelEndpoint | None",
    embedder: "Embed | None",
    fetch: "Fetch | None",
) -> "Engine":
    from memos_integrations.engine import EmbeddingEndpoint, Engine, Model, ModelEndpoint
    from memos_integrations.engine._extractor import chosen_extractor

    if model is not None and not isinstance(model, Model):
        raise Invalid(f"connect: model is a ModelEndpoint (given: {type(model).__name__})", field="model")
    for name, plug in (("embedder", embedder), ("fetch", fetch)):
        if plug is not None and not callable(plug):
            raise Invalid(f"connect: {name} is a function (given: {type(plug).__name__})", field=name)
    return Engine(
        path,
        model=model or ModelEndpoint.from_environment(),
        extractor=chosen_extractor(extractor),
        embedder=embedder or EmbeddingEndpoint.from_environment(),
        fetch=fetch,
    )


def _embedded(
    engine: "Engine",
    path: str,
    outbox: OutboxOptions,
    *,
    deadline: float | None,
    retry: Retry,
    on_event: OnEvent | Iterable[OnEvent],
) -> MemOS:
    from memos_integrations.engine import AsyncEngineTransport, EngineTransport

    client = MemOS.over(
        EngineTransport(engine),
        AsyncEngineTransport(engine),
        address=path,
        timezone="UTC",
        deadline=deadline,
        retry=retry,
        on_event=on_event,
        outbox=outbox,
    )
    client.on_flush(lambda timeout: _settled(engine, timeout))
    client.on_close(engine.close)
    return client


def _settled(engine: "Engine", timeout: float | None) -> int:
    """Waits for extraction too; what the engine accepted is written, so nothing of it counts as left."""
    engine.settle(timeout)
    return 0
