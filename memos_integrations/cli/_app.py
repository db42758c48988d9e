"""The commands and their options."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from memos_integrations.cli._ask import ask_about
from memos_integrations.cli._demo import tell
from memos_integrations.errors import MemOSError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def memos_integrations() -> None:
    """Long-term memory for LangChain and LlamaIndex agents."""


@app.command()
def demo(
    conversation: Annotated[
        Path | None,
        typer.Option(help="Import this chat first (OpenAI-style JSON or JSONL), then answer questions about it."),
    ] = None,
    db: Annotated[
        Path | None, typer.Option(help="Keep the memories in this file (default: a fresh, temporary one).")
    ] = None,
    recall: Annotated[
        bool, typer.Option(help="Whether the agents recall; --no-recall shows what they are without.")
    ] = True,
) -> None:
    """Watch two agents of different frameworks remember one user, on the embedded engine, without a key or a model."""
    console = Console()
    with TemporaryDirectory() as folder:
        path = db or Path(folder) / "memos.db"
        try:
            if conversation is None:
                tell(console, path, recall=recall)
            else:
                ask_about(console, path, conversation, recall=recall)
        except MemOSError as error:
            console.print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
