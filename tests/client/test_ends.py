"""What a process leaves behind: loops closed bare, forks, exits. Each in a process of its own, warnings as errors."""

import re
import subprocess
import sys
import textwrap

import pytest

from tests.client.server import Handler, Server, ok, stall

PRELUDE = """
import asyncio, atexit, os, sys, threading
from memos_integrations.client import AsyncMemOS, MemOS
from memos_integrations.errors import Unreachable
url = sys.argv[1]
client = MemOS(base_url=url)
def ask(): return client.search_memory(query="tea", user_id="u").memory_detail_list[0].memory_value
async def aask(): return (await client.aio.search_memory(query="tea", user_id="u")).memory_detail_list[0].memory_value
"""


def run(server: Server, script: str) -> tuple[list[str], str]:
    """The lines that `script` prints, and what it says on stderr; it must end well."""
    # Python 3.12 warns of any fork beside threads, which is what is tried here.
    flags = ["-X", "dev", "-W", "error", "-W", "ignore::DeprecationWarning"]
    command = [sys.executable, *flags, "-c", PRELUDE + textwrap.dedent(script), server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    # How long a step took is the machine's business: development mode tells of any above a tenth of a second.
    complaints = [line for line in done.stderr.splitlines(keepends=True) if not re.match("Executing <.* took ", line)]
    return done.stdout.split("\n")[:-1], "".join(complaints)


def test_loops_in_threads_and_loops_closed_bare(server: Server) -> None:
    said, complaints = run(
        server,
        """
        def three():
            for _ in range(3):
                asyncio.run(aask())
        threads = [threading.Thread(target=three) for _ in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        for _ in range(5):
            loop = asyncio.new_event_loop()
            print(loop.run_until_complete(aask()))
            loop.close()
        """,
    )
    assert (said, complaints) == (["likes tea"] * 5, "")
    assert len(server.requests) == 20
    assert server.connections <= 5


@pytest.mark.parametrize("ending", ["sys.exit()", "os._exit(0)"])
def test_a_forks_child_starts_anew(server: Server, ending: str) -> None:
    said, complaints = run(
        server,
        f"""
        class Kept: pass
        def flush(timeout):
            print("flush", os.getpid() == parent, flush=True)
            return 0
        parent = os.getpid()
        kept = client.share(Kept, Kept)
        client.on_flush(flush)
        ask(); asyncio.run(aask())
        child = os.fork()
        if not child:
            print(ask(), asyncio.run(aask()), client.share(Kept, Kept) is kept, flush=True)
            {ending}
        os.waitpid(child, 0)
        print(ask(), asyncio.run(aask()), client.share(Kept, Kept) is kept, flush=True)
        """,
    )
    assert said == ["likes tea likes tea False", "likes tea likes tea True", "flush True"]
    assert complaints == ""
    assert (len(server.requests), server.connections) == (6, 4)  # two of the parent, two of the child


def test_a_forks_child_that_never_asks_leaves_nothing_either(server: Server) -> None:
    said, complaints = run(
        server,
        """
        ask(); asyncio.run(aask())
        child = os.fork()
        if not child:
            sys.exit()
        os.waitpid(child, 0)
        print(ask(), asyncio.run(aask()))
        """,
    )
    assert (said, complaints) == (["likes tea likes tea"], "")
    assert server.connections == 2


def test_a_fork_while_another_thread_is_in_a_call(server: Server) -> None:
    """The child must not wait for a lock that the parent's other thread held."""

    def how_far(handler: Handler) -> None:
        busy = any(path.endswith("add/message") for path, _, _ in server.requests)
        ok({"task_id": "t", "status": "running" if busy else "waiting"})(handler)

    server.answers = {"add/message": stall, "get/status": how_far}
    said, complaints = run(
        server,
        """
        def busy():
            try: client.add_message(messages=[{"role": "user", "content": "x"}], user_id="u")
            except Unreachable: print("busy", flush=True)
        ask(); asyncio.run(aask())
        client = client.with_options(deadline=1)
        thread = threading.Thread(target=busy)
        thread.start()
        while client.get_status(task_id="t").status != "running": pass
        child = os.fork()
        if not child:
            print(ask(), asyncio.run(aask()), flush=True)
            sys.exit()
        os.waitpid(child, 0)
        thread.join()
        """,
    )
    assert (sorted(said), complaints) == (["busy", "likes tea likes tea"], "")


def test_at_exit_an_open_client_is_flushed_then_closed(server: Server) -> None:
    said, complaints = run(
        server,
        """
        def flush(timeout):
            print("flush", ask(), 0 < timeout <= 10, threading.current_thread() is threading.main_thread())
            return 2
        def close():
            print("close")
        def no_more(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        @atexit.register  # runs first; Python 3.12 and later start no thread from here on
        def _ends():
            print("exit")
            threading.Thread.start = no_more
        client.on_flush(flush)
        client.on_close(close)
        asyncio.run(aask())
        """,
    )
    assert said == ["exit", "flush likes tea True True", "close"]
    assert "closed with 2 writes undelivered" in complaints
    assert complaints.count("\n") == 1


def test_at_exit_one_failing_client_keeps_no_other_from_its_end(server: Server) -> None:
    said, complaints = run(
        server,
        """
        def broken(timeout):
            raise ZeroDivisionError
        def flush(timeout):
            print("flush")
            return 0
        other = AsyncMemOS(base_url=url)
        third = MemOS(base_url=url)
        for one, callback in ((client, broken), (other, flush), (third, flush)):
            one.on_flush(callback)
        asyncio.run(other.search_memory(query="tea", user_id="u"))
        """,
    )
    assert said == ["flush", "flush"]
    assert "ZeroDivisionError" in complaints
    assert "Warning" not in complaints


def test_a_closed_client_is_left_alone_at_exit(server: Server) -> None:
    said, complaints = run(
        server,
        """
        client.on_flush(lambda timeout: print("flush") or 0)
        ask(); asyncio.run(aask())
        client.close()
        print(len(threading.enumerate()))
        """,
    )
    assert (said, complaints) == (["flush", "1"], "")


def test_asking_over_no_http_loads_no_http(server: Server) -> None:
    said, _ = run(
        server,
        """
        class Nobody:
            def send(self, request, seconds): raise Unreachable("nobody", sent=False)
            def close(self): pass
        del client
        print("httpx" in sys.modules)
        """,
    )
    assert said == ["True"]
    command = [sys.executable, "-c", "import sys, memos_integrations.client as c; print('httpx' in sys.modules)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
