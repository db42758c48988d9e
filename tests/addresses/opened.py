"""The addresses that can be had here, each opened for one check, and empty."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from memos_integrations import MemOS, connect
from memos_integrations.engine import Engine, ModelEndpoint
from memos_integrations.engine._server import make_app
from tests.self_hosted.cassette import Tape, playing
from tests.self_hosted.model import Models
from tests.serving import served

__all__ = ["FILE", "OPEN_SOURCE", "SERVED", "opened"]

FILE, SERVED, OPEN_SOURCE = "`memos.db`, `:memory:`", "served", "`memos+http://…`"


@contextmanager
def opened(address: str, scope: str, tape: Tape | None = None, real: str | None = None) -> Iterator[MemOS]:
    """A client of it. `scope` names what is recorded of the open-source server; `tape` and `real` are a real one's."""
    if address == OPEN_SOURCE:
        with playing(scope, tape, real) as cassette, connect(cassette.address) as client:
            yield client
        return
    with TemporaryDirectory() as folder, Models() as models:
        model = ModelEndpoint(base_url=models.url.removesuffix("/api") + "/v1", model="stub")
        if address == FILE:
            with connect(Path(folder) / "memos.db", model=model) as client:
                yield client
            return
        engine = Engine(os.fspath(Path(folder) / "memos.db"), model=model)
        with served(make_app(engine)) as root, MemOS(base_url=f"{root}/api/openmem/v1") as client:
            yield client
        engine.close()
