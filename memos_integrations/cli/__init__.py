"""The command line, `memos-integrations COMMAND`. Needs `pip install 'memos-integrations[cli]'`."""

import sys

__all__ = ["main"]


def main() -> None:
    """The entry point: says which extra is missing instead of a traceback."""
    try:
        from memos_integrations.cli._app import app

        app()
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("memos_integrations"):
            raise
        extra = "server" if missing.name in {"starlette", "uvicorn"} else "all"
        sys.exit(f"{missing.name} is not installed: this command needs pip install 'memos-integrations[{extra}]'")
