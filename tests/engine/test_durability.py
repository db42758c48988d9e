"""What one process left undone the next one does, and two processes may write one file."""

import signal
import subprocess
import sys
from pathlib import Path

from memos_integrations.engine import Engine
from memos_integrations.wire.calls import GetMessage, GetStatus
from tests.engine.conftest import Talk

WRITER = """
import sys
from memos_integrations.engine import Engine
from memos_integrations.wire.calls import AddMessage
path, name, refines = sys.argv[1:]
engine = Engine(path)
if refines == "no":
    engine._refiner._stopping = True
for n in range(int(sys.stdin.readline())):
    text = f"I like parrot {name}{n}."
    call = AddMessage(messages=[{"role": "user", "content": text}], user_id="u", conversation_id="c")
    print(engine.add_message(call).task_id, text, flush=True)
if refines == "yes":
    engine.close()
"""


def writer(path: Path, name: str, count: int, *, refines: str = "yes") -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), name, refines]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    process.stdin.write(f"{count}\n")
    process.stdin.close()
    return process


def acknowledged(process: subprocess.Popen[str], count: int) -> dict[str, str]:
    """What was said by the task that took it, of the first `count` answers."""
    assert process.stdout
    lines = [process.stdout.readline().split(" ", 1) for _ in range(count)]
    return {task: text.strip() for task, text in lines}


def all_facts(talk: Talk) -> list[str]:
    pages = talk.page(size=50).pages or 0
    return [fact.memory_value for n in range(pages) for fact in talk.page(size=50, page=n + 1).memory_detail_list]


def test_what_a_killed_process_left_unrefined_is_refined_by_the_next(path: Path) -> None:
    with writer(path, "n", 10_000, refines="no") as process:
        said = acknowledged(process, 40)
        process.send_signal(signal.SIGKILL)
    engine = Engine(path)
    talk = Talk(engine)
    assert engine.settle(60) == 0
    assert {engine.get_status(GetStatus(task_id=task)).status for task in said} == {"completed"}
    facts = all_facts(talk)
    assert set(said.values()) <= set(facts)
    assert len(facts) == len(set(facts)) == talk.page(include_memory_view=["preference"]).total
    engine.close()


def test_two_processes_write_one_file(path: Path) -> None:
    Engine(path).close()
    with writer(path, "a", 60) as one, writer(path, "b", 60) as two:
        said = [*acknowledged(one, 60).values(), *acknowledged(two, 60).values()]
    engine = Engine(path)
    talk = Talk(engine)
    assert engine.settle(60) == 0
    assert sorted(all_facts(talk)) == sorted(said)
    assert talk.page(include_memory_view=["preference"]).total == 120
    call = GetMessage(user_id="u", conversation_id="c", message_limit_number=50)
    times = [int(item.create_time or 0) for item in engine.get_message(call).message_detail_list]
    assert times == sorted(set(times))
    engine.close()
