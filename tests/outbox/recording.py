"""A process that records, for tests that end it: `python -m tests.outbox.recording URL FILE NAME CONVERSATION...`.

Records `--turns`, in each conversation in turn, and prints each one's words once they are recorded; then it delivers,
and ends when its input does. With `--open` it opens one turn instead, which nobody answers.
"""

import argparse
import sys

from memos_integrations import Scope
from memos_integrations.memory.record import Said, begin
from tests.outbox.turns import LONG, client_of, say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.outbox.recording")
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("name")
    parser.add_argument("conversations", nargs="+")
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--open", action="store_true")
    said = parser.parse_args()
    client = client_of(said.url, said.file, deadline=said.deadline)
    for number in range(1 if said.open else said.turns):
        conversation = said.conversations[number % len(said.conversations)]
        text = f"{said.name}.{number}"
        if said.open:
            begin(client, Scope(user_id="ada", conversation_id=conversation), text, Said("user", text))
        else:
            say(client, conversation, text)
        sys.stdout.write(f"{conversation} {text}\n")
        sys.stdout.flush()
    client.flush(LONG)
    sys.stdin.read()
    client.close()


if __name__ == "__main__":
    main()
