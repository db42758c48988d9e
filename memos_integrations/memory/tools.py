"""What a model's tools do and say, whatever framework offers them.

What asks MemOS is a generator of calls that ends in what the model is told; `carried_out` and `acarried_out` send them.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from memos_integrations.client import MemOS, surely, zone
from memos_integrations.errors import Invalid, MemOSError, NotFound, Refused, Unauthorized, Unsupported
from memos_integrations.memory.once import Once
from memos_integrations.memory.prompt import render, strip
from memos_integrations.memory.recall import Recall, recall_of
from memos_integrations.memory.record import put
from memos_integrations.memory.scope import Scope, new_conversation
from memos_integrations.memory.times import said_at
from memos_integrations.wire.answers import Found, Memories, Memory
from memos_integrations.wire.call import MAX_PAGE, Call, checked
from memos_integrations.wire.calls import AddFeedback, AddMessage, DeleteMemory, GetMemory, GetMemoryById
from memos_integrations.wire.codes import Fate, fate

__all__ = [
    "Steps",
    "Told",
    "acarried_out",
    "aremember",
    "carried_out",
    "correcting",
    "forgetting",
    "once_searched",
    "policy_and_reader",
    "remember",
    "shown",
    "telling",
]

Steps = Generator[Call[Any], Any, str]

_MAX_WORDS = 200  # characters of a server's own words about its failure
_FOREIGN = 40306  # "not authorised to delete this memory" (contract §1.4)
_NOTHING = "Nothing that bears on this is remembered of the user."
_NOTED = "Noted. Later searches find it, as soon as it is processed."
_KNOWN = "Nothing was noted: this is what a search has found, and remembered already."
_CORRECTED = "The correction was passed on."
_FORGOTTEN = "Forgotten."
_LISTED = ("memory_detail_list", "preference_detail_list", "tool_memory_detail_list", "skill_detail_list")
_NOT_THEIRS = "Nothing was forgotten: an id is none of this user's memories. Search, and give ids as they are shown."


class Told(Exception):
    """What a model is told where a tool could not do its work."""


@contextmanager
def telling(tool: str) -> Iterator[None]:
    """What MemOS can't do is told to the model, as `Told`; what the application does wrong (`Invalid`) is not."""
    try:
        yield
    except Invalid:
        raise
    except MemOSError as error:
        raise Told(f"{tool} failed: {_outcome(error)}") from error


def _outcome(error: MemOSError) -> str:
    """The class; of a refusal also MemOS's code and words, on one line. Other errors' words may name a host."""
    name = type(error).__name__
    if not isinstance(error, Refused):
        return name
    words = " ".join(error.message.split())[:_MAX_WORDS]
    return f"{name}, code {error.code}{f': {words}' if words else ''}"


def carried_out(client: MemOS, steps: Steps) -> str:
    """Sends what `steps` asks, one call after another; what the model is told in the end."""
    with closing(steps):
        try:
            call = next(steps)
            while True:
                try:
                    answer = client.send(call)
                except MemOSError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as done:
            return str(done.value)


async def acarried_out(client: MemOS, steps: Steps) -> str:
    """The same without blocking the loop."""
    with closing(steps):
        try:
            call = next(steps)
            while True:
                try:
                    answer = await client.aio.send(call)
                except MemOSError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as done:
            return str(done.value)


def policy_and_reader(
    who: str,
    taker: Callable[..., object],
    timezone: str | None,
    options: Mapping[str, Any],
    beside: Collection[str] = (),
) -> tuple[Recall, tzinfo | None]:
    """How to search, and for whom, as `recall_of`. An error is raised, so that the model can be told."""
    policy = recall_of(who, taker, {"on_error": "raise", **options}, beside)
    return policy, None if timezone is None else zone(timezone)


def once_searched() -> str:
    """A turn of its own: two calls with the same query are two searches."""
    return f"search {uuid4()}"


def shown(found: Found, client: MemOS, reader: tzinfo | None, *, ids: bool) -> str:
    """What a search tells the model; with `ids`, each text begins with its memory's in brackets."""
    server = client.timezone
    told = _with_ids(found) if ids else found
    return render(told, form="system", reader=reader or server, server=server) or _NOTHING


def _with_ids(found: Found) -> Found:
    """`found` with ids in its texts, so that `render` makes them as harmless as the texts are."""

    def marked(id: str, text: str) -> str:  # noqa: A002 - MemOS's own name
        return f"[{id}] {text}" if text.strip() else ""

    facts = tuple(
        fact.model_copy(update={"memory_value": marked(fact.id, fact.memory_value or fact.memory_key)})
        for fact in found.memory_detail_list
    )
    preferences = tuple(
        liking.model_copy(update={"preference": marked(liking.id, liking.preference)})
        for liking in found.preference_detail_list
    )
    tools = tuple(
        tool.model_copy(update={"experience": marked(tool.id, tool.experience or str(tool.tool_value or ""))})
        for tool in found.tool_memory_detail_list
    )
    members = {"memory_detail_list": facts, "preference_detail_list": preferences, "tool_memory_detail_list": tools}
    return found.model_copy(update=members)


def remember(client: MemOS, scope: Scope, text: str, *, tool: str, call: str | None) -> str:
    """Puts a note into the outbox, once for each `call` and text (None: always). Waits for a file. Raises `Told`."""
    note = _note(client, scope, text, call)
    # The outbox knows by this name, and the text, what it had before: another text is another note.
    if put(client, note, None if call is None else f"{tool} {call}") is None:  # it has warned, and told why
        raise Told(f"{tool} failed: nothing can be written down now.")
    return _NOTED


async def aremember(client: MemOS, scope: Scope, text: str, *, tool: str, call: str | None) -> str:
    """The same in a thread, awaited."""
    return await surely(lambda: remember(client, scope, text, tool=tool, call=call))


def _note(client: MemOS, scope: Scope, text: str, call: str | None) -> AddMessage:
    """As a user's words, though a model wrote them: profile statements may be sent so (contract §4). Of an
    assistant's MemOS makes no preferences, and its view only, which our own protocol tells the model to drop.
    """
    own = strip(text).strip()
    if not own:
        raise Told(_KNOWN)
    if scope.conversation_id is None:  # the same one for the same call, so that it is known there
        made = new_conversation() if call is None else f"run-{uuid5(NAMESPACE_OID, f'{call} {own}')}"
        scope = scope.within(made)
    when = said_at(datetime.now(UTC), client.timezone)
    return checked(AddMessage, {"messages": [{"role": "user", "content": own, "chat_time": when}], **scope.marks()})


def correcting(client: MemOS, scope: Scope, correction: str, *, tool: str, call: str | None) -> Steps:
    """Passes a correction on, once for each `call` and text, and never again where it may have arrived."""
    feedback = checked(AddFeedback, {"feedback_content": correction, **scope.marks()})
    work = Once(client, scope, tool, call, correction)
    with telling(tool):
        if work.first():
            try:
                yield feedback
            except MemOSError as error:
                if fate(error) is not Fate.UNKNOWN:
                    work.undone()
                raise
    return _CORRECTED


def forgetting(client: MemOS, scope: Scope, memory_ids: Sequence[str], *, tool: str, call: str | None) -> Steps:
    """Deletes memories of the user for good, once for each `call`: all of them, if all are theirs. What was not done
    may be tried again. Raises `Told`.
    """
    work = Once(client, scope, tool, call, *memory_ids)
    with telling(tool):
        if work.first():
            try:
                yield from _theirs(scope, memory_ids)
                yield DeleteMemory(memory_ids=tuple(memory_ids))
            except BaseException as error:
                work.undone()
                if isinstance(error, NotFound) or (isinstance(error, Unauthorized) and error.code == _FOREIGN):
                    raise Told(_NOT_THEIRS) from None
                raise
    return _FORGOTTEN


def _theirs(scope: Scope, memory_ids: Sequence[str]) -> Generator[Call[Any], Any, None]:
    """Ends where all are the user's. Raises `Told`."""
    try:
        for reading in _readings(memory_ids):
            _check((yield reading), scope)
    except Unsupported:  # a server that finds none by its id alone
        yield from _listed(scope, memory_ids)


def _listed(scope: Scope, memory_ids: Sequence[str]) -> Generator[Call[Any], Any, None]:
    """The same, by all that the server has of the user."""
    missing, page, pages = set(memory_ids), 0, 1
    while missing and page < pages:
        page += 1
        told: Memories = yield GetMemory(user_id=scope.user_id, page=page, size=MAX_PAGE)
        pages = told.pages or 0
        missing -= {item.id for kind in _LISTED for item in getattr(told, kind)}
    if missing:
        raise Told(_NOT_THEIRS) from None


def _readings(memory_ids: Sequence[str]) -> list[GetMemoryById]:
    """What tells whose they are; what can be no id is nobody's."""
    try:
        return [checked(GetMemoryById, {"memory_id": each}) for each in memory_ids]
    except Invalid:
        raise Told(_NOT_THEIRS) from None


def _check(memory: Memory, scope: Scope) -> None:
    """Where the server does not tell whose it is, it is not theirs."""
    if memory.user_id != scope.user_id:
        raise Told(_NOT_THEIRS)
