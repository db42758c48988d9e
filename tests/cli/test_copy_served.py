"""Copying to our served engine and back, and what a service can't tell."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos_integrations import connect, moving
from memos_integrations.client import MemOS, Retry
from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._server import make_app
from memos_integrations.errors import Invalid
from tests.cli.moved import TOOLS, exported, messages_in, turns
from tests.serving import served

ADA, BOB = "ada-0123456789abcdef", "bob-0123456789abcdef"
PAIRS = [("ada", "trains"), ("ada", "long"), ("bob", "trains")]


@contextmanager
def serving(path: Path, keys: Keys | None = None) -> Iterator[str]:
    engine = Engine(path)
    try:
        with served(make_app(engine, keys=keys)) as address:
            yield address
    finally:
        engine.close()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "copy.journal"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with connect(path) as client:
        client.add_message(messages=TOOLS, user_id="ada", conversation_id="trains")
        client.add_history(turns("long", 24), user_id="ada", conversation_id="long")
        client.add_message(messages=turns("bob", 1), user_id="bob", conversation_id="trains")
    return path


def opened(address: str, key: str | None = None, zone: str | None = None) -> MemOS:
    return connect(address, api_key=key, timezone=zone, retry=Retry(first=0.01, look=0.01))


def test_to_a_server_and_back_everything_is_the_same(source: Path, tmp_path: Path, journal: Path) -> None:
    middle, back = tmp_path / "b.db", tmp_path / "c.db"
    with serving(middle) as address, opened(address) as service:
        there = moving.copy(source, service, journal=journal)
        again = moving.copy(source, service, journal=journal)
        with connect(back) as client:
            here = moving.copy(service, client, which=moving.Which(pairs=PAIRS))
    assert (there.copied, again.copied, again.there) == (56, 0, 56)
    assert exported(middle) == exported(source) == exported(back)
    assert (here.users, here.conversations, here.messages, here.aside) == (2, 3, 56, {})


def test_an_export_from_a_server_is_that_of_its_file(source: Path) -> None:
    lines = io.BytesIO()
    with serving(source) as address, opened(address) as service:
        moving.export_lines(service, lines, which=moving.Which(pairs=PAIRS[1:]))
    told = [json.loads(line) for line in lines.getvalue().split(b"\n") if line]
    assert told == [line for line in exported(source) if "chat_time" in line][-len(told) :]
    assert len(told) == 50


def test_what_is_there_is_seen_without_a_journal(source: Path, tmp_path: Path) -> None:
    middle = tmp_path / "b.db"
    with serving(middle) as address, opened(address) as service:
        service.add_history(turns("long", 10), user_id="ada", conversation_id="long")
        service.add_message(messages=turns("other", 1), user_id="bob", conversation_id="trains")
        report = moving.copy(source, service, journal=tmp_path / "1.journal")
        again = moving.copy(source, service, journal=tmp_path / "2.journal")
    assert (report.there, report.copied) == (20, 34)
    assert [trouble.failure for trouble in report.troubles] == ["different"]
    assert [line["content"] for line in exported(middle, conversations=["long"])] == [
        message["content"] for message in turns("long", 24)
    ]
    assert again.copied == 0


def test_of_a_long_conversation_the_newest_fifty_tell_how_far_it_came(tmp_path: Path) -> None:
    source, middle = tmp_path / "a.db", tmp_path / "b.db"
    with connect(source) as client:
        client.add_history(turns("long", 60), user_id="ada", conversation_id="long")
    with serving(middle) as address, opened(address) as service:
        service.add_history(turns("long", 40), user_id="ada", conversation_id="long")
        report = moving.copy(source, service, journal=tmp_path / "1.journal")
        cut = moving.copy(service, (other := connect(tmp_path / "c.db")), which=moving.Which(pairs=[("ada", "long")]))
        other.close()
    assert (report.there, report.copied) == (80, 40)
    assert (cut.copied, cut.aside) == (50, {"cut": 1})
    assert [line["content"] for line in exported(tmp_path / "c.db")] == [
        message["content"] for message in turns("long", 60)[-50:]
    ]


def test_a_conversation_of_one_sentence_is_not_guessed_at(tmp_path: Path, journal: Path) -> None:
    source, middle = tmp_path / "a.db", tmp_path / "b.db"
    said = [{"role": "user", "content": "ok", "chat_time": "2026-08-01 10:00:00"}]
    with connect(source) as client:
        client.add_history(said * 100, user_id="ada", conversation_id="c")
    with serving(middle) as address, opened(address) as service:
        service.add_history(said * 60, user_id="ada", conversation_id="c")
        report = moving.copy(source, service, journal=journal)
    assert [trouble.failure for trouble in report.troubles] == ["unknown"]
    assert messages_in(middle) == 60


def test_what_was_deleted_at_the_service_is_not_brought_back(source: Path, tmp_path: Path, journal: Path) -> None:
    middle = tmp_path / "b.db"
    with serving(middle) as address, opened(address) as service:
        moving.copy(source, service, journal=journal)
        service.delete_memory(user_id="ada")
        with connect(source) as client:
            client.add_message(messages=turns("new", 1), user_id="ada", conversation_id="long")
        report = moving.copy(source, service, journal=journal)
    assert [trouble.failure for trouble in report.troubles] == ["gone"]
    assert messages_in(middle) == 2


def test_times_are_told_in_the_zone_of_each(source: Path, tmp_path: Path, journal: Path) -> None:
    """A server that reads times as those of its zone gets them so, and gives the same moments back."""
    middle, back = tmp_path / "b.db", tmp_path / "c.db"
    with serving(middle) as address, opened(address, zone="Asia/Shanghai") as service:
        moving.copy(source, service, journal=journal)
        with connect(back) as client:
            moving.copy(service, client, which=moving.Which(pairs=PAIRS))
    assert exported(middle)[1]["chat_time"] == "2026-08-01 18:00:00"
    assert exported(back) == exported(source)


def test_two_keys_of_one_server_are_two_places(source: Path, tmp_path: Path, journal: Path) -> None:
    keys, which = Keys.read(f"{ADA}\ndefault={BOB}", "keys"), moving.Which(pairs=PAIRS)
    with serving(tmp_path / "b.db", keys) as address, opened(address, ADA) as ada, opened(address, BOB) as bob:
        moving.copy(source, ada, journal=journal)
        assert moving.copy(ada, bob, which=which, journal=journal).copied == 56
        with pytest.raises(Invalid, match="one place"):
            moving.copy(ada, ada, which=which, journal=journal)
    assert exported(tmp_path / "b.db") == exported(source)


def test_a_service_has_to_be_told_which(tmp_path: Path) -> None:
    with serving(tmp_path / "b.db") as address, opened(address) as service, connect(tmp_path / "c.db") as client:
        for which in (None, moving.Which(users=["ada"]), moving.Which(users=["a", "b"], conversations=["c"])):
            with pytest.raises(Invalid, match="can't list"):
                moving.copy(service, client, which=which)
        report = moving.copy(service, client, which=moving.Which(users=["ada"], conversations=["none", "none"]))
    assert (report.conversations, report.messages, report.aside) == (1, 0, {"empty": 1})
