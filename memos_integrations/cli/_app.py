"""The commands and their options."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from memos_integrations.cli import _moving
from memos_integrations.cli._outbox import outbox
from memos_integrations.cli._told import told

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(outbox, name="outbox")


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
    model: Annotated[
        str | None,
        typer.Option(
            help="A real model, as LangChain's init_chat_model names it (openai:…); it needs its own package."
        ),
    ] = None,
) -> None:
    """Watch two agents of different frameworks remember one user, on the embedded engine, without a key or a model."""
    from memos_integrations.cli._ask import ask_about
    from memos_integrations.cli._demo import tell

    console = Console()
    with TemporaryDirectory() as folder, told(console):
        path = db or Path(folder) / "memos.db"
        if conversation is None:
            tell(console, path, recall=recall, model=model)
        else:
            ask_about(console, path, conversation, recall=recall, model=model)


@app.command()
def serve(
    path: Annotated[str, typer.Argument(help='The file of the memories, or ":memory:" for trying.')],
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen at; 0 takes a free one.")] = 8000,
    keys: Annotated[
        Path | None,
        typer.Option(help="A file with a key a line, or project=key (default: MEMOS_SERVER_KEYS, else no keys)."),
    ] = None,
    anyone: Annotated[
        bool, typer.Option("--anyone", help="Without keys let everyone in who reaches --host, to read and to delete.")
    ] = False,
    max_body_mb: Annotated[int, typer.Option(min=1, max=1024, help="The largest request in MiB.")] = 16,
) -> None:
    """Serve the memories in a file over HTTP, for connect("http://127.0.0.1:8000")."""
    from memos_integrations.cli import _serve

    with told(Console(stderr=True)):
        _serve.serve(path, host=host, port=port, keys=keys, anyone=anyone, max_body=max_body_mb << 20)


app.command()(_moving.copy)
app.command()(_moving.export)
app.command("import")(_moving.import_)
