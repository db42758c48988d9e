"""A file's layout, version by version. Migrations are only ever appended; a shipped one is never changed."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from memos_integrations.errors import Unsupported

__all__ = ["Executing", "migrate", "pragma"]


class Executing(Protocol):
    """What runs a statement inside the caller's transaction."""

    def execute(self, statement: str, values: Iterable[Any] = ()) -> Any:
        """The cursor."""


def migrate(file: Executing, migrations: Sequence[Sequence[str]], application: int) -> None:
    """Brings the file to this version's layout, inside the caller's transaction.

    Raises `Unsupported` for a file that a newer version wrote.
    """
    version = pragma(file, "user_version")
    if version > len(migrations):
        raise Unsupported(
            f"the file has layout {version}, this version knows up to {len(migrations)}: "
            "open it with a newer memos_integrations"
        )
    if version == 0:
        file.execute(f"pragma application_id = {application}")
    for statement in (statement for migration in migrations[version:] for statement in migration):
        file.execute(statement)
    file.execute(f"pragma user_version = {len(migrations)}")


def pragma(file: Executing, name: str) -> int:
    """A number among the file's settings."""
    return int(file.execute(f"pragma {name}").fetchone()[0])
