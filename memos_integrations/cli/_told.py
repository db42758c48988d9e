"""Our own errors as a command tells them."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from memos_integrations.errors import MemOSError

__all__ = ["told"]


@contextmanager
def told(console: Console) -> Iterator[None]:
    """Our own errors in a line, instead of a traceback."""
    try:
        yield
    except MemOSError as error:
        console.print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
