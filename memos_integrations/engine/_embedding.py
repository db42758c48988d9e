"""What a plugged-in embedder is. `_embedder` asks an endpoint for vectors."""

from collections.abc import Callable, Sequence

__all__ = ["Embed"]

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to their vectors, one each, all of one length. Called on any thread, never on an event loop."""
