"""What a history or a memory of ours returns is known again where it is asked about, and by nobody else."""

from collections.abc import Mapping
from typing import Any

__all__ = ["is_marked", "marked"]


class _Marked(dict[str, Any]):
    """A message's metadata, equal to what it was and with no member more: providers are sent what is in it.

    Copies, deep ones too, keep the class; a dump of any form does not.
    """


def marked(members: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `members`, a message's metadata, that `is_marked` knows."""
    return _Marked(members)


def is_marked(members: Mapping[str, Any]) -> bool:
    """Whether a history or a memory of ours returned that message, and so will write what is asked with it."""
    return isinstance(members, _Marked)
