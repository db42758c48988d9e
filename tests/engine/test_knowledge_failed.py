"""Files that can't be read, in a knowledge base: they leave nothing, tell nobody's words, and hold up no other."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, _extract, _knowledge_reading, _knowledge_store
from memos_integrations.errors import Invalid, Unreachable
from tests.engine.bases import TEXT, Bases, opened, packed

LONG = json.dumps([f"Parcel {number} " + "leaves " * 120 for number in range(70)])


@pytest.fixture
def bases(engine: Engine) -> Bases:
    return Bases(engine)


def _rows(bases: Bases) -> dict[str, int]:
    store = bases.engine._store
    with store.reading():
        counted = {
            table: store.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("fact", "posting", "message", "task", "upload")
        }
        counted["counted"] = store.execute("select sum(facts + words) from owner").fetchone()[0]
    return counted


def test_a_file_that_fails_late_leaves_no_piece(bases: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []

    def piece(text: str) -> Any:
        if "Parcel 69 " in text:
            stored.append(_rows(bases)["fact"])
            raise ValueError(text)
        return _extract.piece(text)

    monkeypatch.setattr(_knowledge_reading, "piece", piece)
    base = bases.make()
    (file,) = bases.add(base, {"name": "a.json", "content": packed(LONG.encode())})
    assert bases.engine.settle(10) == 0
    assert stored[0] > 0
    assert bases.states(file) == [("failed", "it could not be read")]
    assert bases.facts("parcel leaves", base, relativity=0) == []
    assert set(_rows(bases).values()) == {0}


def test_half_a_character_fails_no_file(bases: Bases) -> None:
    base = bases.make()
    (file,) = bases.add(base, {"name": "a.json", "content": packed(LONG[:-1].encode() + b', "\\ud800 Zanzibar"]')})
    assert bases.engine.settle(10) == 0
    assert bases.states(file) == [("completed", None)]
    assert "\ufffd Zanzibar" in bases.facts("Zanzibar", base, relativity=0)[0]


def test_what_another_process_completed_does_not_fail(bases: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    """This one fails at a file that the other was done with meanwhile."""
    store, real = bases.engine._store, _extract.piece

    def piece(text: str) -> Any:
        with store.writing():
            file = _knowledge_store.unread(store)
            assert file is not None
            assert _knowledge_store.add_pieces(store, file, 0, [real(text)], 0)
            _knowledge_store.finish(store, file.number, "completed")
        raise ValueError

    monkeypatch.setattr(_knowledge_reading, "piece", piece)
    base = bases.make()
    (file,) = bases.add(base, TEXT)
    assert bases.engine.settle(10) == 0
    assert bases.states(file) == [("completed", None)]
    assert bases.facts("parcels", base) == [TEXT.decode()]


@pytest.mark.parametrize("error", [Unreachable, Invalid, OSError])
def test_what_can_not_be_fetched_holds_up_no_other(
    path: Path, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def fetch(address: str) -> bytes:
        raise error(f"no answer from {address}")

    with opened(path, fetch=fetch) as bases, caplog.at_level(logging.DEBUG):
        base = bases.make()
        gone, behind = bases.add(base, {"content": "https://example.test/a.txt?token=secret"}, TEXT)
        assert bases.engine.settle(10) == 0
        assert bases.states(gone, behind) == [("failed", "it could not be fetched"), ("completed", None)]
    assert error.__name__ in caplog.text
    assert "secret" not in caplog.text
