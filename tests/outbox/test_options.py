"""Where turns wait: what may be said of it, and what holds when nothing is said."""

import os
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import Invalid, MemOS, OutboxOptions, connect
from memos_integrations.client import outbox_options


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "3600", None, True])
def test_what_is_no_time_is_refused_with_what_is_allowed(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        OutboxOptions(orphan_after=wrong)
    assert (caught.value.field, caught.value.rule) == ("orphan_after", "range")
    assert "a number of seconds above 0" in str(caught.value)
    assert "given: " in str(caught.value)
    assert "leave it out" in str(caught.value)


@pytest.mark.parametrize("wrong", [0, -3, 1.5, "8", None, True])
def test_what_is_no_size_is_refused_with_what_is_allowed(wrong: Any) -> None:
    with pytest.raises(Invalid) as caught:
        OutboxOptions(max_megabytes=wrong)
    assert (caught.value.field, caught.value.rule) == ("max_megabytes", "range")
    assert "a whole number, at least 1" in str(caught.value)
    assert "given: " in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "given: int"),
        (b"outbox.db", "given: bytes"),
        (" ", "given: blank text"),
        ("a\0b", "not blank"),
        ("missing/outbox.db", "make it first"),
        ("", "given: blank text"),
        ("n" * 5_000, "outbox: "),
    ],
)
def test_what_is_no_path_is_refused_at_once(wrong: Any, told: str, tmp_path: Path) -> None:
    given = str(tmp_path / wrong) if "missing" in str(wrong) else wrong
    with pytest.raises(Invalid, match=told) as caught:
        OutboxOptions(path=given)
    assert caught.value.field == "outbox"


@pytest.mark.parametrize("make", [OutboxOptions, lambda path: connect(":memory:", outbox=path)])
def test_a_folder_is_no_file(make: Any, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="name a file in it"):
        make(path=tmp_path) if make is OutboxOptions else make(tmp_path)


def test_a_path_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert OutboxOptions(path="o.db").path == str(tmp_path / "o.db")
    assert OutboxOptions(path=Path("~/o.db")).path == str(tmp_path / "o.db")
    assert OutboxOptions(path=":memory:").path == ":memory:"


def test_the_environment_names_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_OUTBOX", str(tmp_path / "o.db"))
    assert outbox_options(None).path == str(tmp_path / "o.db")
    assert outbox_options(OutboxOptions(orphan_after=5)).orphan_after == 5
    assert outbox_options(":memory:").path == ":memory:", "an argument comes first"
    assert outbox_options(None, "beside").path == "beside", "and so does the embedded engine's own file"
    with MemOS(base_url="http://127.0.0.1:1/x") as client:
        assert client.outbox_options.path == str(tmp_path / "o.db")
    assert not (tmp_path / "o.db").exists(), "nothing is made before it is needed"
    monkeypatch.setenv("MEMOS_OUTBOX", str(tmp_path))
    with pytest.raises(Invalid, match="name a file in it"):
        MemOS(base_url="http://127.0.0.1:1/x")


@pytest.mark.skipif(os.name == "nt", reason="another system's paths")
@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/ada/.local/state/memos-integrations/outbox.db"),
        ("linux", {"XDG_STATE_HOME": "/var/s"}, "/var/s/memos-integrations/outbox.db"),
        ("linux", {"XDG_STATE_HOME": "part"}, "/home/ada/.local/state/memos-integrations/outbox.db"),
        ("freebsd14", {}, "/home/ada/.local/state/memos-integrations/outbox.db"),
        ("darwin", {}, "/home/ada/Library/Application Support/memos-integrations/outbox.db"),
        ("win32", {}, "/home/ada/AppData/Local/memos-integrations/outbox.db"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/memos-integrations/outbox.db"),
    ],
)
def test_each_system_has_a_place_for_it(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MEMOS_OUTBOX", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/ada"} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert outbox_options(None).path == expected


def test_without_a_home_it_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("MEMOS_OUTBOX", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("sys.platform", "linux")
    assert outbox_options(None).path == ":memory:"


def test_the_embedded_engine_keeps_it_beside_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_OUTBOX", str(tmp_path / "other.db"))
    with connect(tmp_path / "memos.db") as client:
        assert client.outbox_options.path == str(tmp_path / "memos.db.outbox")
    with connect(":memory:") as client:
        assert client.outbox_options.path == ":memory:"
    with connect(":memory:", outbox=OutboxOptions(max_megabytes=3)) as client:
        assert client.outbox_options == outbox_options(OutboxOptions(path=":memory:", max_megabytes=3))
    with connect(tmp_path / "memos.db", outbox=tmp_path / "mine.db") as client:
        assert client.outbox_options.path == str(tmp_path / "mine.db")


def test_the_defaults_are_an_hour_and_a_quarter_of_a_gibibyte() -> None:
    assert (OutboxOptions().path, OutboxOptions().orphan_after, OutboxOptions().max_megabytes) == (None, 3_600.0, 256)
