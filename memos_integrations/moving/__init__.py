"""Moving conversations from one address to another, or to JSON Lines and back."""

from memos_integrations.moving._delivery import Unknown
from memos_integrations.moving._moves import copy, export_lines, import_lines
from memos_integrations.moving._report import Report, Trouble
from memos_integrations.moving._sources import Which

__all__ = ["Report", "Trouble", "Unknown", "Which", "copy", "export_lines", "import_lines"]
