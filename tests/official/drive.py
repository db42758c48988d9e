"""Drives each method of MemOS's own client against a server. `python -m tests.official.drive URL OUTPUT KEY OTHER`.

URL ends in /api/openmem/v1, KEY and OTHER open two projects without memories. What was sent is written to OUTPUT as
JSON lines; surprises are told, and make the exit code 1.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from tests.official.chats import chat
from tests.official.documents import documents
from tests.official.memories import forget, memories
from tests.official.profiles import profiles
from tests.official.talk import Talk

UNKNOWN = "mpg-nobody-has-this-key"


def main(url: str, output: str, key: str, other: str) -> int:
    talk = Talk(url, {"key": key, "other": other, "unknown": UNKNOWN})
    for topic in (memories, chat, documents, profiles, forget):
        topic(talk)
    called = {line["call"] for line in talk.lines}
    talk.faults += [f"{name} was never called" for name in talk.methods if name not in called]
    head = {"client": f"MemoryOS {version('MemoryOS')}", "methods": talk.methods}
    lines = [json.dumps(line, sort_keys=line is not head) for line in (head, *talk.lines)]
    Path(output).write_text("\n".join(lines) + "\n", encoding="ascii")
    for fault in talk.faults:
        print(fault)  # noqa: T201
    print(f"{len(talk.methods)} methods, {len(talk.lines)} requests, {len(talk.faults)} faults")  # noqa: T201
    return 1 if talk.faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
