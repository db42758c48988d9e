"""What a test has of the server: its address, and what can be done to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.self_hosted.cassette import Cassette, recorded
from tests.self_hosted.surroundings import Surroundings

__all__ = ["Stand"]


@dataclass(frozen=True, slots=True)
class Stand:
    """Without a real server nothing is done to it: its replies were recorded while it was."""

    cassette: Cassette
    real: Surroundings | None

    @property
    def address(self) -> str:
        return self.cassette.address

    @property
    def now(self) -> float:
        """The server's time, in seconds, to a day."""
        return time.time() if self.real else recorded().when.timestamp()

    @contextmanager
    def models_down(self) -> Iterator[None]:
        if self.real is None:
            yield
            return
        with self.real.models.down():
            yield

    def restart_server(self) -> None:
        if self.real:
            self.real.restart_server()

    def restart_redis(self) -> None:
        if self.real:
            self.real.restart_redis()
