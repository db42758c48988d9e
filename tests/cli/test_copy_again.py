"""Going on after a kill where it is less plain what is there: lines without times, a target that went on, one gone."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations import connect, moving
from memos_integrations.client import MemOS, Retry
from memos_integrations.errors import Unreachable
from memos_integrations.moving import _service, _targets
from memos_integrations.moving._place import Held, which
from memos_integrations.wire.answers import StoredMessage
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.verdict import Verdict
from tests.cli.moved import conversation, turns
from tests.faults.kinds import RESET, after
from tests.faulty import Faulty

Killing = Callable[[bool], None]
LETTERS = st.lists(st.sampled_from("abcd"), max_size=8)


class Killed(BaseException):
    """What no code catches."""


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Killing:
    """The next add ends the process, so to speak: before it is sent, or when it has arrived; once."""

    def killing(arrived: bool) -> None:
        sending = _targets.FileTarget.send

        def send(target: _targets.FileTarget, call: AddMessage, token: str) -> None:
            monkeypatch.setattr(_targets.FileTarget, "send", sending)
            if arrived:
                sending(target, call, token)
            raise Killed

        monkeypatch.setattr(_targets.FileTarget, "send", send)

    return killing


def untimed(number: int) -> bytes:
    """Lines of a conversation that do not say when."""
    said = [{**message, "user_id": "ada", "conversation_id": "c", "chat_time": None} for message in turns("t", number)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in said)


def brought(lines: bytes, target: Path, **more: object) -> moving.Report:
    with connect(target) as client:
        return moving.import_lines(io.BytesIO(lines), client, **more)  # type: ignore[arg-type]


def whole(number: int, name: str = "t") -> list[str]:
    return [message["content"] for message in turns(name, number)]


@pytest.mark.parametrize("arrived", [False, True])
def test_lines_without_times_go_on_after_a_kill(tmp_path: Path, killing: Killing, arrived: bool) -> None:
    target = tmp_path / "b.db"
    killing(arrived)
    with pytest.raises(Killed):
        brought(untimed(50), target)
    report = brought(untimed(50), target)
    assert (report.there, report.copied, report.troubles) == (40 * arrived, 100 - 40 * arrived, ())
    assert conversation(target, "c") == whole(50)


def test_lines_without_times_need_no_journal(tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    brought(untimed(3), target)
    report = brought(untimed(5), target, journal=tmp_path / "other.journal")
    assert (report.there, report.copied, report.troubles) == (6, 4, ())
    lines = io.BytesIO()
    moving.export_lines(target, lines)  # with the times at which they came
    assert brought(lines.getvalue(), target, journal=tmp_path / "third.journal").there == 10


def test_lines_without_times_are_not_those_that_were_said_at_another(tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    with connect(target) as client:
        client.add_message(messages=turns("t", 1), user_id="ada", conversation_id="c")
    assert [trouble.failure for trouble in brought(untimed(2), target).troubles] == ["different"]


@pytest.mark.parametrize("arrived", [False, True])
def test_a_file_tells_also_where_others_wrote_to_the_conversation(
    tmp_path: Path, killing: Killing, arrived: bool
) -> None:
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    with connect(source) as here, connect(target) as there:
        here.add_history(turns("one", 2), user_id="ada", conversation_id="c")
        moving.copy(source, there)
        there.add_message(messages=turns("theirs", 1), user_id="ada", conversation_id="c")
        here.add_history(turns("two", 50), user_id="ada", conversation_id="c")
        killing(arrived)
        with pytest.raises(Killed):
            moving.copy(source, there)
        there.add_message(messages=turns("late", 1), user_id="ada", conversation_id="c")
        assert moving.copy(source, there).troubles == ()
    at = 44 if arrived else 4
    assert conversation(target, "c") == [
        *whole(2, "one"),
        *whole(1, "theirs"),
        *whole(20 * arrived, "two"),
        *whole(1, "late"),
        *whole(50, "two")[at - 4 :],
    ]


@given(LETTERS, LETTERS, LETTERS, LETTERS, st.booleans())
def test_what_others_wrote_in_between_never_makes_it_wrong(
    before: list[str], add: list[str], theirs: list[str], late: list[str], arrived: bool
) -> None:
    """Others write other words than ours; ours may repeat themselves."""
    others, last = ([letter.upper() for letter in letters] for letters in (theirs, late))
    shown = [*before, *others, *(add if arrived else []), *last]
    told = which([*before, *add], Held(shown, str, whole=True, exact=True), len(before), len(before) + len(add))
    assert told in {Verdict.THERE if arrived else Verdict.ABSENT, Verdict.UNCLEAR}
    if add and not set(add) & set(before):
        assert told is not Verdict.UNCLEAR


def test_a_service_that_is_gone_after_an_add_ends_it_and_the_same_copy_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, journal, reading = tmp_path / "a.db", tmp_path / "j", _service.newest
    with connect(source) as client:
        client.add_history(turns("t", 30), user_id="ada", conversation_id="c")

    def gone(*_: object) -> list[StoredMessage]:
        raise Unreachable("no connection", sent=False)

    def newest(client: MemOS, user: str, name: str) -> object:
        told = reading(client, user, name)
        monkeypatch.setattr(_targets, "newest", gone)
        return told

    with Faulty({"add/message": [after(RESET)]}) as server:
        with connect(server.base_url, api_key="k", retry=Retry(first=0.01, look=0.01)) as client:
            monkeypatch.setattr(_targets, "newest", newest)
            with pytest.raises(Unreachable):
                moving.copy(source, client, journal=journal)
            monkeypatch.setattr(_targets, "newest", reading)
            report = moving.copy(source, client, journal=journal)
        assert (report.there, report.copied, report.troubles) == (40, 20, ())
        assert server.ledger.texts("c") == whole(30)
