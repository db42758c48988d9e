"""An embedder behind an endpoint: what is sent, what is read, and what is told of it."""

import copy
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations import EmbeddingEndpoint, connect
from memos_integrations.engine._embedding import Asker, EmbedderError
from memos_integrations.engine._pieces import Waiting
from memos_integrations.errors import BadRequest, Invalid, RateLimited, Refused, ServerFault
from tests.client.server import Answer, Handler, Server, cut, says, stall, streams
from tests.engine.embedders import LONG, Topics
from tests.engine.endpoints import KEY

URL = "http://localhost:11434/v1"
SAID = [{"role": "user", "content": "I bought a puppy."}, {"role": "user", "content": "The auto broke down."}]
VARIABLES = ("MEMOS_EMBEDDER_BASE_URL", "MEMOS_EMBEDDER_NAME", "MEMOS_EMBEDDER_API_KEY")


class Embedding:
    """Answers as an endpoint does, by topics, the last text first."""

    def __init__(self) -> None:
        self.topics = Topics()

    def __call__(self, handler: Handler) -> None:
        texts = json.loads(handler.at.requests[-1][2])["input"]
        found = [{"index": n, "embedding": vector} for n, vector in enumerate(self.topics(texts))]
        handler.say(200, json.dumps({"data": found[::-1]}).encode(), {"content-type": "application/json"})


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(usual=Embedding()) as server:
        yield server


def at(server: Server, **more: Any) -> EmbeddingEndpoint:
    return EmbeddingEndpoint(base_url=server.url, model="small", api_key=KEY, **more)


def data(*items: Any) -> Answer:
    return says(200, json.dumps({"data": list(items)}), {"content-type": "application/json"})


def test_a_value() -> None:
    endpoint = EmbeddingEndpoint(base_url=URL + "/", model="small", api_key=KEY)
    assert endpoint == copy.deepcopy(endpoint) != EmbeddingEndpoint(base_url=URL, model="small")
    assert (endpoint.timeout, endpoint.batch, endpoint.name, endpoint.base_url) == (30, 64, "small", URL)
    assert KEY not in f"{endpoint!r} {endpoint}"
    assert callable(endpoint)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", f"http://me:{KEY}@localhost/v1"),
        ("base_url", "http://localhost/v1/embeddings"),
        ("base_url", "localhost:11434"),
        ("model", " "),
        ("api_key", KEY + "\n"),
        ("timeout", 0),
        ("batch", 0),
        ("batch", 2049),
        ("batch", True),
        ("batch", 1.5),
    ],
)
def test_what_can_not_be(field: str, value: Any) -> None:
    with pytest.raises(Invalid, match=f"EmbeddingEndpoint: {field}") as caught:
        EmbeddingEndpoint(**{"base_url": URL, "model": "m", field: value})
    assert caught.value.field == field
    assert KEY not in str(caught.value)


def test_what_is_sent(server: Server) -> None:
    at(server)(["a puppy", "tea"])
    path, headers, body = server.requests[0]
    assert path == "/api/embeddings"
    assert json.loads(body) == {"model": "small", "input": ["a puppy", "tea"]}
    assert headers["authorization"] == f"Bearer {KEY}"
    EmbeddingEndpoint(base_url=server.url, model="small")(["a"])
    assert "authorization" not in {name.lower() for name in server.requests[1][1]}


def test_vectors_come_in_the_order_of_the_texts_and_in_batches(server: Server) -> None:
    texts = ["a puppy", "my auto", "tea"]
    assert at(server, batch=2)(texts) == Topics()(texts)
    assert [len(json.loads(body)["input"]) for _, _, body in server.requests] == [2, 1]
    assert at(server)([]) == []


@pytest.mark.parametrize(
    "answer",
    [
        says(200, "no"),
        says(200, "[]"),
        says(200, "{}"),
        says(200, json.dumps({"error": {"message": KEY}})),
        data(),
        data({"index": 0, "embedding": [1.0]}),
        data({"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}),
        data({"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}),
        data(*({"index": n, "embedding": [1.0]} for n in range(3))),
        data({"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}),
        data({"index": 0, "embedding": []}, {"index": 1, "embedding": []}),
        data({"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": ["1"]}),
        data({"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [True]}),
        data({"index": 0, "embedding": "AACAPw=="}, {"index": 1, "embedding": "AACAPw=="}),
        says(200, '{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1]}]}'),
        streams("data: {}\n\n"),
    ],
)
def test_a_garbled_reply_is_refused(server: Server, answer: Answer) -> None:
    server.usual = answer
    with pytest.raises(ServerFault) as caught:
        at(server)(["a", "b"])
    assert caught.value.code == 50002
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(401, KEY), ServerFault),
        (says(404, KEY), BadRequest),
        (says(429, KEY, {"retry-after": "1"}), RateLimited),
        (says(400, json.dumps({"error": {"message": KEY}})), BadRequest),
        (says(302, KEY, {"location": "http://127.0.0.1:1/"}), BadRequest),
        (says(503, KEY), ServerFault),
        (streams("{", then=cut, kind="application/json"), ServerFault),
    ],
)
def test_its_refusals(server: Server, answer: Answer, error: type[Refused]) -> None:
    server.usual = answer
    with pytest.raises(error) as caught:
        at(server)(["a"])
    assert KEY not in str(caught.value)


def test_an_endpoint_that_is_away() -> None:
    with pytest.raises(ServerFault, match="can't be reached"):
        EmbeddingEndpoint(base_url="http://127.0.0.1:9", model="m")(["a"])


def test_it_keeps_to_its_time_and_to_the_waiting_ones(server: Server) -> None:
    server.usual = stall
    with pytest.raises(ServerFault, match="did not go on"):
        at(server, timeout=0.05)(["a"])
    waiting = Waiting(LONG)
    waiting.give_up()
    with pytest.raises(ServerFault, match="given up"):
        at(server).vectors(["a"], waiting)
    with pytest.raises(EmbedderError, match="ServerFault"):
        Asker(at(server)).vectors(["a"], Waiting(0.05))


def test_from_memory_to_memory(server: Server) -> None:
    with connect(":memory:", embedder=at(server)) as client:
        client.add_message(messages=SAID, user_id="u", async_mode=False)
        assert client.flush(LONG) == 0
        found = client.search_memory(query="Wo ist mein Hund?", user_id="u").memory_detail_list
    assert [fact.memory_value for fact in found] == ["I bought a puppy."]


def test_the_environment_names_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, (server.url, "small", KEY), strict=True):
        monkeypatch.setenv(name, value)
    assert EmbeddingEndpoint.from_environment() == at(server)
    with connect(":memory:") as client:
        client.add_message(messages=SAID, user_id="u", async_mode=False)
        client.flush(LONG)
    assert {json.loads(body)["model"] for _, _, body in server.requests} == {"small"}
    monkeypatch.delenv(VARIABLES[1])
    with pytest.raises(Invalid, match=VARIABLES[1]):
        connect(":memory:")


def test_one_that_is_away_is_told_by_its_class_alone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.usual = says(500, KEY)
    with caplog.at_level(logging.WARNING), connect(":memory:", embedder=at(server)) as client:
        client.add_message(messages=SAID, user_id="u", async_mode=False)
        client.flush(LONG)
        found = client.search_memory(query="puppy", user_id="u").memory_detail_list
    assert found[0].memory_value == "I bought a puppy."
    assert [record.message.partition("):")[0] for record in caplog.records] == ["the embedder failed (ServerFault"] * 2


def test_a_process_ends_though_its_embedder_hangs(server: Server) -> None:
    server.usual = stall
    script = (
        "import sys\n"
        "from memos_integrations import EmbeddingEndpoint, connect\n"
        "from memos_integrations.engine import _core\n"
        "_core.CLOSING_SECONDS = 0.2\n"
        "client = connect(':memory:', embedder=EmbeddingEndpoint(base_url=sys.argv[1], model='m'))\n"
        "client.add_message(messages=[{'role': 'user', 'content': 'Hi.'}], user_id='u', async_mode=False)\n"
        "client.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
