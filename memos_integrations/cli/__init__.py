"""The command line: `memos-integrations demo`. Needs the extra: `pip install 'memos-integrations[cli]'`."""

import sys

__all__ = ["main"]


def main() -> None:
    """The entry point: says which extra is missing instead of a traceback."""
    try:
        from memos_integrations.cli._app import app
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("memos_integrations"):
            raise
        sys.exit(f"{missing.name} is not installed: the command line needs pip install 'memos-integrations[all]'")
    app()
