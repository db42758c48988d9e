"""The server that goes wrong does so as it says, and its ledger is exact."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults import kinds
from tests.faults.kinds import ACCEPT, ALL, HANG, RESET, UNREAD, USUAL, Fault, after, before, coded, limited, status
from tests.faulty import Faulty, Mixed, read_ledger

ADD, READ = "add/message", "get/message"
NOON = 1_785_585_600.0  # 2026-08-01 12:00:00 UTC, in seconds
CUT = {"reset", "reset inside", "unread"}


class Raw:
    """A client that keeps its connection and says what it sees."""

    def __init__(self, server: Faulty, timeout: float = 20) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, path: str, call: Any) -> tuple[int, str, dict[str, str]]:
        headers = {"authorization": "Token k", "content-type": "application/json"}
        self._connection.request("POST", f"/any/base/{path}", json.dumps(call), headers)
        reply = self._connection.getresponse()
        return reply.status, reply.read().decode(), {name.lower(): value for name, value in reply.getheaders()}

    def add(self, *texts: str, user: Any = "u", conversation: str = "c") -> tuple[int, str, dict[str, str]]:
        messages = [{"role": "user", "content": text} for text in texts]
        return self.ask(ADD, {"user_id": user, "conversation_id": conversation, "messages": messages})

    def told(self, **more: Any) -> list[dict[str, Any]]:
        _, body, _ = self.ask(READ, {"user_id": "u", "conversation_id": "c", **more})
        found: list[dict[str, Any]] = json.loads(body)["data"]["message_detail_list"]
        return found


def at(server: Faulty) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def fails(raw: Raw, text: str) -> None:
    with suppress(OSError, http.client.HTTPException):
        raw.add(text)


def code_of(body: str) -> int:
    code: int = json.loads(body)["code"]
    return code


def test_the_ledger_has_what_was_applied_in_order() -> None:
    with Faulty() as server, Raw(server) as raw:
        for text in ("one", "two"):
            _, body, _ = raw.add(text, f"{text}.")
            assert json.loads(body)["data"]["success"]
        raw.add("three", conversation="d")
        ledger = server.ledger
        assert ledger.texts("c") == ledger.texts("c", "u") == ["one", "one.", "two", "two."]
        assert ledger.all_texts() == [*ledger.texts("c"), "three"]
        assert ledger.conversations() == {
            ("Token k", "u", "c"): ledger.texts("c"),
            ("Token k", "u", "d"): ["three"],
        }
        assert (ledger.calls[ADD], ledger.connections) == (3, 1)


def test_the_newest_are_told_oldest_first() -> None:
    with Faulty(clock=lambda: NOON) as server, Raw(server) as raw:
        raw.add(*map(str, range(30)))
        raw.add(*map(str, range(30, 60)))
        raw.add("other", user="v")
        assert [one["content"] for one in raw.told()] == list(map(str, range(54, 60)))
        assert [one["content"] for one in raw.told(message_limit_number=50)] == list(map(str, range(10, 60)))
        assert raw.told()[0] == {
            "role": "user",
            "content": "54",
            "create_time": "2026-08-01 12:00:00",
            "update_time": "2026-08-01 12:00:00",
        }
        assert json.loads(raw.ask("search/memory", {})[1])["data"]["memory_detail_list"] == []


def test_times_and_dates_are_the_servers_clock() -> None:
    with Faulty(times="milliseconds", clock=lambda: NOON) as server, Raw(server) as raw:
        _, _, headers = raw.add("one")
        assert parsedate_to_datetime(headers["date"]).timestamp() == NOON
        assert raw.told()[0]["create_time"] == NOON * 1000


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.seen.end == "whole"], ids=str)
def test_replies_that_are_whole(fault: Fault) -> None:
    with Faulty({ADD: [fault]}) as server, Raw(server) as raw:
        told, body, headers = raw.add("one")
        assert (told, body) == (fault.seen.status, fault.seen.body)
        assert "date" in headers
        assert server.ledger.all_texts() == (["one"] if fault.applied else [])
        assert server.struck == [(ADD, 1, fault)]
        raw.add("two")  # the script is used up
        assert server.ledger.all_texts()[-1] == "two"
        assert server.ledger.connections == 1


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.seen.end in CUT], ids=str)
def test_connections_that_are_cut(fault: Fault) -> None:
    path = ACCEPT if fault.seen is UNREAD else ADD
    with Faulty({path: [fault]}) as server, Raw(server) as raw:
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)) as failed:
            raw.add("one")
        assert fault.seen is UNREAD or isinstance(failed.value, ConnectionResetError)
        assert server.ledger.all_texts() == (["one"] if fault.applied else [])
        assert server.ledger.calls[ADD] == (0 if fault.seen is UNREAD else 1)


def test_a_reset_inside_the_body_shows_the_head() -> None:
    asked = b'{"messages":[{}],"user_id":"u"}'
    with Faulty({ADD: [after(kinds.RESET_INSIDE)]}) as server, at(server) as client:
        client.sendall(b"POST /add/message HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(asked), asked))
        with closing(client.makefile("rb")) as reply:
            assert reply.readline() == b"HTTP/1.1 200 OK\r\n"
            with pytest.raises(ConnectionResetError):
                reply.read()


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.seen.end == "truncated"], ids=str)
def test_a_body_that_is_shorter_than_announced(fault: Fault) -> None:
    with Faulty({ADD: [fault]}) as server, Raw(server) as raw:
        with pytest.raises(http.client.IncompleteRead):
            raw.add("one")
        assert server.ledger.all_texts() == (["one"] if fault.applied else [])


@pytest.mark.parametrize("make", [before, after])
def test_a_hang_ends_with_the_client_or_the_server(make: Any) -> None:
    with Faulty({ADD: [make(HANG), make(HANG)]}) as server:
        with Raw(server, timeout=0.05) as raw, pytest.raises(TimeoutError):
            raw.add("one")
        with Raw(server) as raw:
            asked = threading.Thread(target=fails, args=(raw, "two"))
            asked.start()
            assert server.ledger.until(lambda: server.ledger.calls[ADD] == 2)
            server.__exit__(None, None, None)
            asked.join()
        assert server.ledger.all_texts() == (["one", "two"] if make is after else [])


def test_a_drip_is_the_true_reply_slowly() -> None:
    with Faulty({ADD: [after(kinds.drip(0.0001))]}) as server, Raw(server) as raw:
        assert code_of(raw.add("one")[1]) == 0
        assert server.ledger.all_texts() == ["one"]


def test_reads_are_struck_too() -> None:
    with Faulty({READ: [before(status(500)), after(RESET)]}) as server:
        with Raw(server) as raw:
            assert raw.ask(READ, {})[0] == 500
            with pytest.raises(ConnectionError):
                raw.told()
        with Raw(server) as raw:
            assert raw.told() == []


def test_a_script_may_be_asked_by_number() -> None:
    with Faulty({ADD: lambda n: before(limited("0.5")) if n == 2 else None}) as server, Raw(server) as raw:
        assert [raw.add("one")[0] for _ in range(3)] == [200, 429, 200]
        assert server.ledger.all_texts() == ["one", "one"]


def test_faults_are_surely_one_or_the_other() -> None:
    for seen in (status(503), limited(), *map(coded, (40309, 50004, 50005)), UNREAD):
        with pytest.raises(ValueError, match="before applying only"):
            after(seen)
    with pytest.raises(ValueError, match="after applying only"):
        before(kinds.EMPTY)
    with pytest.raises(ValueError, match="cannot strike"):
        kinds.chosen_by({ADD: [before(UNREAD)]})(ADD, 1)


def test_a_mix_is_the_same_in_each_run() -> None:
    mix = [Mixed(0.25, 7)(READ, n) for n in range(1, 2001)]
    assert mix == [Mixed(0.25, 7)(READ, n) for n in range(1, 2001)] != [Mixed(0.25, 8)(READ, n) for n in range(1, 2001)]
    assert 400 < sum(fault is not None for fault in mix) < 600
    assert set(mix) == {None, *USUAL} - {before(UNREAD)}
    assert {Mixed(0.25, 7)(ACCEPT, n) for n in range(100)} == {None, before(UNREAD)}
    assert Mixed(1.0, of=[before(HANG)])(ADD, 1) == before(HANG)
    assert Mixed(1.0, of=[before(HANG)])(ACCEPT, 1) is None


def test_a_mix_strikes_whoever_calls_and_the_ledger_stays_exact() -> None:
    with Faulty(Mixed(0.5, 7)) as server:

        def one(n: int) -> None:
            with Raw(server) as raw, suppress(OSError, http.client.HTTPException):
                raw.add(str(n))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(200)))
        count, calls = server.ledger.calls[ADD], {n: fault for path, n, fault in server.struck if path == ADD}
        assert calls == {n: fault for n in range(1, count + 1) if (fault := Mixed(0.5, 7)(ADD, n))}
        assert len(server.ledger.applied) == count - sum(not fault.applied for fault in calls.values())
        assert server.ledger.connections == 200


def test_outages_refuse_connections_and_being_down_refuses_calls() -> None:
    with Faulty() as server:
        with Raw(server) as raw:
            raw.add("one")
            with server.outage():
                with Raw(server) as other, pytest.raises(ConnectionRefusedError):
                    other.add("lost")
                with pytest.raises((OSError, http.client.HTTPException)):
                    raw.add("lost")
        with Raw(server) as raw:
            raw.add("two")
            with server.down():
                assert raw.add("lost")[0] == 503
            raw.add("three")
        assert server.ledger.texts("c") == ["one", "two", "three"]


def test_a_process_of_its_own_writes_its_ledger(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faulty", "--share", "0", "--ledger", str(tmp_path / "ledger")]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout
        port = int(process.stdout.readline().split(":")[2].split("/")[0])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            call = {"user_id": ["u", "v"], "conversation_id": "c", "messages": [{"role": "user", "content": "one"}]}
            connection.request("POST", "/add/message", json.dumps(call))
            assert connection.getresponse().status == 200
            (applied,) = read_ledger(tmp_path / "ledger")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert (applied.user_id, applied.conversation_id, applied.texts) == (["u", "v"], "c", ["one"])
