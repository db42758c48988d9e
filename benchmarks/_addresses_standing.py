"""MemOS's own server with all it needs, in processes of their own, for as long as this one's input goes on.

It is told a Python that has MemoryOS. It says, as one line of JSON, where the server is and where its Postgres keeps
its files. What stands in for the models runs in this process, which nobody measures.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.self_hosted.surroundings import standing


def main(python: str) -> None:
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        standing(Path(python).absolute(), Path(folder)) as made,
    ):
        print(json.dumps({"address": made.address, "postgres": str(Path(folder) / "pg")}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
