"""One word for every address."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import MemOS, Scope, connect
from memos_integrations.client import Event, Recorded
from memos_integrations.errors import BadRequest, Invalid, Unreachable, Unsupported
from memos_integrations.memory.record import Said, record

HELLO = [{"role": "user", "content": "I moved to Lyon."}]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOS_BASE_URL", "MEMOS_API_KEY", "MEMOS_IS_GLOBAL"):
        monkeypatch.delenv(name, raising=False)


def remembers(client: MemOS) -> bool:
    return bool(client.search_memory(query="Where did I move to?", user_id="u").memory_detail_list)


def test_a_file_keeps_memories(tmp_path: Path) -> None:
    for address in (tmp_path / "memos.db", str(tmp_path / "memos.db")):
        with connect(address) as client:
            assert client.address == str(tmp_path / "memos.db")
            assert client.timezone.utcoffset(None) == timedelta(0)
            client.add_message(messages=HELLO, user_id="u", async_mode=False)
    with connect(tmp_path / "memos.db") as client:
        assert remembers(client)


def test_memory_is_this_clients_own() -> None:
    with connect(":memory:") as one, connect(":memory:") as other:
        one.add_message(messages=HELLO, user_id="u", async_mode=False)
        assert remembers(one)
        assert not remembers(other)


async def test_the_async_half_is_over_the_same_memories() -> None:
    with connect(":memory:") as client:
        await client.aio.add_message(messages=HELLO, user_id="u", async_mode=False)
        assert remembers(client)


def test_the_environment_may_name_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_API_KEY", "mpg-environment")
    for where, address in (
        (":memory:", ":memory:"),
        (str(tmp_path / "m.db"), str(tmp_path / "m.db")),
        ("http://127.0.0.1:1/api/openmem/v1/", "http://127.0.0.1:1/api/openmem/v1"),
        ("", "https://memos.memtensor.cn/api/openmem/v1"),
    ):
        monkeypatch.setenv("MEMOS_BASE_URL", where)
        with connect() as client:
            assert client.address == address
    monkeypatch.setenv("MEMOS_IS_GLOBAL", "true")
    with connect() as client:
        assert client.address == "https://api.memt.ai/platform/api/openmem/v1"


def test_an_http_address_is_a_service() -> None:
    with connect("HTTP://127.0.0.1:1/x", api_key="mpg-1", timezone="Europe/Paris", deadline=1) as client:
        assert (client.address.lower(), client.deadline) == ("http://127.0.0.1:1/x", 1)
        assert str(client.timezone) == "Europe/Paris"


def test_nothing_set_names_the_ways_to_go_on() -> None:
    with pytest.raises(Invalid, match=r'connect\("memos.db"\).*":memory:".*MEMOS_BASE_URL.*MEMOS_API_KEY'):
        connect()


@pytest.mark.parametrize("address", ["", "   "])
def test_an_empty_address_is_no_address(address: str) -> None:
    with pytest.raises(Invalid):
        connect(address)


@pytest.mark.parametrize("address", ["postgres://host/db", "memos+ftp://host:8000", "file://x.db"])
def test_other_forms_are_not_known(address: str) -> None:
    with pytest.raises(Unsupported, match="no address of this form"):
        connect(address)


def test_a_file_needs_a_folder_and_no_key(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="folder that is there"):
        connect(tmp_path / "nowhere" / "memos.db")
    with pytest.raises(Invalid, match="folder"):
        connect(tmp_path)
    for_services: list[dict[str, Any]] = [{"api_key": "mpg-1"}, {"is_global": True}, {"timezone": "Europe/Paris"}]
    for wrong in for_services:
        with pytest.raises(Invalid, match=f"no {next(iter(wrong))}"):
            connect(":memory:", **wrong)
    for address in ("localhost:8000", "10.0.0.1:80/api", "memos.example:443"):
        with pytest.raises(Invalid, match="http://"):
            connect(address)


def test_flushing_delivers_what_was_recorded_and_refines_it() -> None:
    events: list[Event] = []
    with connect(":memory:", on_event=events.append) as client:
        record(client, Scope(user_id="u", conversation_id="c"), [Said("user", "I prefer green tea over coffee.")])
        assert client.flush() == 0
        (told,) = (event for event in events if isinstance(event, Recorded))
        assert client.get_status(task_id=str(told.task_id)).status == "completed"
        assert client.get_memory(user_id="u").preference_detail_list


def test_a_closed_client_says_so() -> None:
    client = connect(":memory:")
    client.close()
    client.close()
    with pytest.raises(Unreachable, match="closed") as caught:
        remembers(client)
    assert not caught.value.sent


@pytest.mark.parametrize(
    "wrong", [{"deadline": 0}, {"deadline": "x"}, {"on_event": 5}, {"model": 5}, {"embedder": 5}, {"fetch": "curl"}]
)
def test_bad_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        connect(":memory:", **wrong)


@pytest.mark.parametrize("plug", ["model", "extractor", "embedder", "fetch"])
def test_a_service_takes_no_plug_ins(plug: str) -> None:
    given: Any = {plug: print}
    with pytest.raises(Invalid, match=f"leave out {plug}") as caught:
        connect("http://localhost:9", **given)
    assert caught.value.field == plug


def test_a_web_address_given_as_a_file_is_opened_by_the_fetcher_alone() -> None:
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return b"Parcels leave the shop at noon."

    page = [{"name": "hours.txt", "content": "https://example.test/hours.txt"}]
    with connect(":memory:") as client:
        base = client.create_knowledgebase(knowledgebase_name="shop").id
        with pytest.raises(BadRequest) as caught:
            client.add_knowledgebase_file(knowledgebase_id=base, file=page)
        assert caught.value.code == 40006
    with connect(":memory:", fetch=fetch) as client:
        base = client.create_knowledgebase(knowledgebase_name="shop").id
        client.add_knowledgebase_file(knowledgebase_id=base, file=page)
        assert client.flush(30) == 0
        found = client.search_memory(query="When do parcels leave?", user_id="u", knowledgebase_ids=[base])
    assert asked == ["https://example.test/hours.txt"]
    assert [fact.memory_value for fact in found.memory_detail_list] == ["Parcels leave the shop at noon."]


def test_a_turn_recorded_right_before_the_end_of_the_process_is_kept(tmp_path: Path) -> None:
    """The client, not closed, delivers at exit, before the engine under it is closed."""
    script = (
        "import sys\n"
        "from memos_integrations import Scope, connect\n"
        "from memos_integrations.memory.record import Said, record\n"
        "client = connect(sys.argv[1])\n"
        "record(client, Scope(user_id='u', conversation_id='c'), [Said('user', 'I moved to Lyon.')])\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "memos.db")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with connect(tmp_path / "memos.db") as client:
        assert remembers(client)
        assert [m.content for m in client.get_message(user_id="u", conversation_id="c").message_detail_list] == [
            "I moved to Lyon."
        ]


@pytest.mark.parametrize("address", ["~nosuchuser/x.db", "a\0b", "x" * 300, b"memos.db", 5, ["memos.db"]])
def test_what_can_be_no_file_is_refused_in_our_words(address: Any) -> None:
    with pytest.raises(Invalid, match=r"^connect: "):
        connect(address)
