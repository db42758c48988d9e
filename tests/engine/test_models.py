"""The model's endpoint, played by a real server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import ModelEndpoint
from memos_integrations.engine import _models
from memos_integrations.engine._completions import Asked
from memos_integrations.engine._pieces import Answering, Waiting
from memos_integrations.errors import RateLimited, Refused, ServerFault
from tests.client import server as scripts
from tests.client.server import Answer, Server, says, stall, streams
from tests.engine.endpoints import DONE, HELD, KEY, LYON, chunk, whole

MARKER = "Xq7MARKERq7X"
ASKED = Asked(({"role": "user", "content": MARKER},), None, 0.7, 0.95, 8192)


def endpoint(server: Server, **more: Any) -> ModelEndpoint:
    return ModelEndpoint(**{"base_url": server.url, "model": "small", **more})


def answer(server: Server, seconds: float | None = None, **more: Any) -> str:
    return endpoint(server, **more).answer(ASKED, Waiting(seconds))


def stream(server: Server, seconds: float | None = None, **more: Any) -> Answering:
    return endpoint(server, **more).stream(ASKED, Waiting(seconds))


def streamed(server: Server, seconds: float | None = None, **more: Any) -> str:
    answering = stream(server, seconds, **more)
    try:
        return "".join(event.data for event in answering if event.type == "text")
    finally:
        answering.close()


@pytest.fixture(params=[answer, streamed])
def ask(request: pytest.FixtureRequest) -> Callable[..., str]:
    asking: Callable[..., str] = request.param
    return asking


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("memos-model")]


def test_a_whole_answer() -> None:
    with Server(whole(content="In Lyon.", reasoning_content="Hm.")) as server:
        assert answer(server, api_key=KEY) == "In Lyon."
        ((path, headers, body),) = server.requests
    told = {name.lower(): value for name, value in headers.items()}
    assert path == "/api/chat/completions"
    assert (told["authorization"], told["content-type"]) == (f"Bearer {KEY}", "application/json")
    assert json.loads(body) == {
        "model": "small",
        "messages": [{"role": "user", "content": MARKER}],
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 8192,
        "stream": False,
    }


def test_a_streamed_answer_from_another_model_without_a_key() -> None:
    with Server(LYON) as server:
        asked = Asked(ASKED.messages, "large", 0, 1, 5)
        answering = endpoint(server).stream(asked, Waiting())
        assert not server.requests
        events = [(event.type, event.data) for event in answering]
        assert list(answering) == []
        answering.close()
        ((_, headers, body),) = server.requests
    assert events == [("reasoning", "Hm."), ("text", "In "), ("text", "Lyon.")]
    assert "authorization" not in {name.lower() for name in headers}
    said = json.loads(body)
    assert (said["model"], said["stream"], said["max_tokens"]) == ("large", True, 5)


def test_an_endpoint_that_does_not_stream_answers_all_at_once() -> None:
    with Server(whole(content="In Lyon.")) as server:
        assert streamed(server) == "In Lyon."


def test_each_piece_is_there_as_it_comes() -> None:
    """The second waits until the first has been read."""
    read = threading.Event()

    def second(handler: scripts.Handler) -> None:
        read.wait()
        for text in (chunk(content="Lyon."), DONE):
            handler.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        handler.wfile.write(b"0\r\n\r\n")

    with Server(streams(chunk(content="In "), then=second)) as server:
        answering = stream(server)
        assert next(answering).data == "In "
        read.set()
        assert [event.data for event in answering] == ["Lyon."]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
def test_refusals_say_nothing_of_key_and_question(ask: Callable[..., str], status: int) -> None:
    told = json.dumps({"error": {"message": f"{KEY} may not ask {MARKER}", "code": MARKER}})
    with Server(says(status, told, {"retry-after": "7"})) as server, pytest.raises(Refused) as caught:
        ask(server, api_key=KEY)
    assert not {KEY, MARKER} & set(f"{caught.value} {caught.value!r}".split())
    assert caught.value.code == {429: 40309, 503: 50004, 401: 50002, 403: 50002, 500: 50002}.get(status, 40000)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7
    if status in (401, 403):
        assert "refuses its key" in str(caught.value)


def test_an_endpoint_that_is_not_there(ask: Callable[..., str]) -> None:
    with Server() as server:
        pass
    with pytest.raises(ServerFault, match="can't be reached") as caught:
        ask(server)
    assert caught.value.code == 50002  # not 50004: a client would ask in vain until its deadline


def test_one_that_hangs_up_before_a_word(ask: Callable[..., str]) -> None:
    with Server(scripts.reset) as server, pytest.raises(ServerFault, match="can't be reached") as caught:
        ask(server)
    assert caught.value.code == 50002  # not 50004: a client would ask in vain until its deadline


@pytest.mark.parametrize(
    "broken",
    [
        streams(chunk(content="In "), then=scripts.cut),
        streams(chunk(content="In ")),
        streams(chunk(content="In "), 'data: {"error": {"message": "' + MARKER + '"}}\n\n'),
        streams(chunk(content="In "), "data: {\n\n"),
        streams(MARKER, kind="text/html"),
        streams(then=scripts.cut),
    ],
)
def test_an_answer_that_breaks_off(broken: Answer) -> None:
    with Server(broken) as server, pytest.raises(ServerFault) as caught:
        streamed(server)
    assert caught.value.code == 50002
    assert MARKER not in f"{caught.value!r}"


def test_one_without_a_last_mark_is_whole_once_the_model_said_so() -> None:
    finish = 'data: {"choices": [{"delta": {"content": "Lyon."}, "finish_reason": "stop"}]}\n\n'
    for then in (None, scripts.cut):
        with Server(streams(chunk(content="In "), finish, then=then)) as server:
            assert streamed(server) == "In Lyon."
    with Server(streams(chunk(content="In "), finish, then=stall)) as server:
        assert streamed(server, 1) == "In Lyon."
        assert server.ended.acquire(timeout=10)


@pytest.mark.parametrize(
    "slow", [stall, scripts.drip_head, scripts.drip_body, scripts.stall_in_body, HELD, streams(then=stall)]
)
@pytest.mark.parametrize("bounds", [{"seconds": 0.1}, {"timeout": 0.1}, {"timeout": 0.1, "seconds": 60}])
def test_one_that_is_too_slow(ask: Callable[..., str], slow: Answer, bounds: dict[str, float]) -> None:
    with Server(slow) as server:
        with pytest.raises(ServerFault, match=r"within 0\.1 s.*timeout") as caught:
            ask(server, **bounds)
        assert caught.value.code == 50002
        assert server.ended.acquire(timeout=10)


def test_only_waiting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads slowly is no reason to cut the model off; each wait has its own seconds."""
    now = 0.0
    monkeypatch.setattr(_models, "_now", lambda: now)
    line = _models._Line(5, "host")
    for start in (0.0, 100.0):
        now = start
        assert line._left() == 5
        with line.timed():
            now = start + 4
            assert line._left() == 1


@pytest.mark.parametrize("slow", [stall, HELD, scripts.stall_in_body])
def test_stop_cuts_a_read_in_another_thread(slow: Answer, aside: ThreadPoolExecutor) -> None:
    with Server(slow) as server:
        answering = stream(server)
        reading = aside.submit(lambda: [*answering])
        assert server.arrived.acquire(timeout=10)
        answering.stop()
        assert server.ended.acquire(timeout=10)
        with pytest.raises(ServerFault, match="given up"):
            reading.result()
        answering.close()


def test_giving_up_cuts_a_plain_question(aside: ThreadPoolExecutor) -> None:
    with Server(stall) as server:
        waiting = Waiting()
        asking = aside.submit(lambda: endpoint(server).answer(ASKED, waiting))
        assert server.arrived.acquire(timeout=10)
        waiting.give_up()
        assert server.ended.acquire(timeout=10)
        with pytest.raises(ServerFault, match="given up"):
            asking.result()


def test_stop_before_the_first_read_asks_nothing() -> None:
    with Server(LYON) as server:
        answering = stream(server)
        answering.stop()
        with pytest.raises(ServerFault, match="given up"):
            next(answering)
        assert not server.requests


def test_close_and_oblivion_close_the_connection() -> None:
    for end in (lambda answering: answering.close(), lambda answering: None):
        with Server(HELD) as server:
            answering = stream(server)
            assert next(answering).data == "In "
            end(answering)
            del answering
            assert server.ended.acquire(timeout=10)


def test_over_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aside: ThreadPoolExecutor) -> None:
    scripts.authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Server(LYON, LYON, HELD, tls=True) as server:
        with pytest.raises(ServerFault, match="can't be reached"):
            streamed(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert streamed(server) == streamed(server) == "In Lyon."
        answering = stream(server)
        assert next(answering).data == "In "
        reading = aside.submit(lambda: [*answering])
        answering.stop()
        assert server.ended.acquire(timeout=10)
        with pytest.raises(ServerFault, match="given up"):
            reading.result()
        answering.close()


def test_a_key_is_in_no_log(caplog: pytest.LogCaptureFixture, ask: Callable[..., str]) -> None:
    caplog.set_level("DEBUG")
    with Server(whole(content=MARKER), whole(content=MARKER)) as server:
        ask(server, api_key=KEY)
    assert KEY not in caplog.text
    assert MARKER not in caplog.text
