"""Files on their way into a knowledge base: read in the background, one after another, durable by the file.

What was given is kept until it is read. Pieces are stored some at a time, so that no one waits for a long document,
and a process that takes over goes on behind the last one stored.
"""

import logging
from collections.abc import Callable
from typing import Final

from memos_integrations.engine import _knowledge_skills
from memos_integrations.engine import _knowledge_store as sql
from memos_integrations.engine._extract import piece
from memos_integrations.engine._files import sized
from memos_integrations.engine._files_chunks import chunks
from memos_integrations.engine._files_skill import skill
from memos_integrations.engine._files_text import UnreadableError, blocks
from memos_integrations.engine._knowledge_store import Unread
from memos_integrations.engine._refine import Refiner
from memos_integrations.engine._store import Store
from memos_integrations.errors import BadRequest, MemOSError
from memos_integrations.wire.form import suffix

__all__ = ["Fetch", "Reader"]

Fetch = Callable[[str], bytes]
"""What a web address holds. Called on the reader's thread, with an address that came in a request."""

_logger = logging.getLogger(__name__)

TOGETHER: Final = 64  # pieces stored in one transaction


class Reader(Refiner):
    """Reads the files that are running, on a thread of its own that lives only while there is work."""

    def __init__(self, store: Store, clock: Callable[[], int], fetch: Fetch | None) -> None:
        super().__init__(store)
        self._clock, self._fetch = clock, fetch

    @property
    def fetches(self) -> bool:
        """Whether there is something to fetch web addresses by."""
        return self._fetch is not None

    def _step(self) -> bool:
        """Reads one file; False when none is left, or none can be read now."""
        try:
            with self._store.reading():
                file = sql.unread(self._store)
            return file is not None and self._read(file)
        except MemOSError as error:
            _logger.warning("reading files waits for a later call: %s", error)
            return False

    def _read(self, file: Unread) -> bool:
        """Whether it is done with; else it is another's, or the end has come."""
        try:
            return self._take(file, self._held(file))
        except UnreadableError as error:
            self._fail(file, str(error))
        except BadRequest as error:
            self._fail(file, error.message)
        except MemOSError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a file makes a parser do; its words may hold what it says
            _logger.error("a file could not be read: %s", type(error).__name__)  # noqa: TRY400
            self._fail(file, "it could not be read")
        return True

    def _held(self, file: Unread) -> bytes:
        if file.data is not None:
            return file.data
        if file.address is None or self._fetch is None:
            raise UnreadableError("its content is at a web address, and this engine has no fetcher")
        data = sized(bytes(_fetched(self._fetch, file.address)))
        with self._store.writing():
            sql.keep_fetched(self._store, file.number, data)
        return data

    def _take(self, file: Unread, data: bytes) -> bool:
        if file.type == "skill":
            body = skill(suffix(file.name), data)
            with self._store.writing():
                _knowledge_skills.add(self._store, file, body, self._clock())
                sql.finish(self._store, file.number, "completed")
            return True
        texts = list(chunks(blocks(file.name, data)))  # what can't be read to its end leaves no piece
        for done in range(file.done, len(texts), TOGETHER):
            pieces = [piece(text) for text in texts[done : done + TOGETHER]]
            with self._store.writing():
                if self._stopping:
                    return False
                if not sql.add_pieces(self._store, file, done, pieces, self._clock()):
                    return not sql.is_running(self._store, file.number)
        with self._store.writing():
            sql.finish(self._store, file.number, "completed")
        return True

    def _fail(self, file: Unread, reason: str) -> None:
        """A file that can't be read leaves no piece; unless another process is done with it already."""
        with self._store.writing():
            if sql.is_running(self._store, file.number):
                sql.drop_pieces(self._store, file.number)
                sql.finish(self._store, file.number, "failed", reason)


def _fetched(fetch: Fetch, address: str) -> bytes:
    """What `address` holds. Whatever the fetcher raises, its words may hold the address, and a token in that."""
    try:
        return fetch(address)
    except Exception as error:  # noqa: BLE001 -- it is the application's, and no file waits for another
        _logger.warning("a file could not be fetched: %s", type(error).__name__)
        raise UnreadableError("it could not be fetched") from None
