"""How an outbox comes by its file."""

import logging
from pathlib import Path

from memos_integrations._file import PRIVATE
from memos_integrations.client import IN_MEMORY, MemOS, OutboxOptions
from memos_integrations.errors import ServerFault, Unsupported
from memos_integrations.memory._line import Line

__all__ = ["opened"]

_log = logging.getLogger(__name__)


def opened(client: MemOS, options: OutboxOptions) -> tuple[Line, str, int]:
    """The file, its path, and the client's destination in it; where it can't be used, one in memory, since a broken
    disk shall not end a chat.
    """
    path = str(options.path or IN_MEMORY)
    try:
        if path not in PRIVATE:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _entered(client, path, options)
    except (OSError, ServerFault, Unsupported) as error:
        if path in PRIVATE:
            raise
        _log.warning("the outbox's file can't be used (%s): turns wait in this process alone", type(error).__name__)
        return _entered(client, IN_MEMORY, options)


def _entered(client: MemOS, path: str, options: OutboxOptions) -> tuple[Line, str, int]:
    line = Line(path, max_bytes=options.max_megabytes << 20)
    try:
        return line, path, line.destination(client.address, client.account(line.salt))
    except BaseException:
        line.close()
        raise
