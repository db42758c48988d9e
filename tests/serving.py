"""The HTTP server as tests run it: on a thread, on a free port of loopback, gone without a trace afterwards."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn
from starlette.applications import Starlette

from memos_integrations.cli._serve import listening

__all__ = ["served"]


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address of `app`. Requests wait in the socket's queue until the server is up."""
    config = uvicorn.Config(
        app, loop="asyncio", http="h11", ws="none", lifespan="on", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with closing(listening("127.0.0.1", 0)) as at:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, name="served")
        thread.start()
        try:
            yield f"http://127.0.0.1:{at.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
