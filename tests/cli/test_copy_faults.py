"""Copying to a service that goes wrong: each message once, in order, and said where nobody can know."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import connect, moving
from memos_integrations.client import MemOS, Retry
from memos_integrations.errors import MemOSError, RateLimited, Unauthorized, Unsupported
from memos_integrations.wire.answers import StoredMessage
from memos_integrations.wire.calls import AddMessage
from tests.cli.moved import turns
from tests.faults.kinds import RESET, Fault, Mixed, after, before, coded, limited
from tests.faulty import Faulty

NAMES = ("one", "two", "three")
LENGTH = 50  # turns of a conversation, in three adds
DOWN = before(coded(50004))
Copied = Callable[..., moving.Report]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with connect(path) as client:
        for name in NAMES:
            client.add_history(turns(name, LENGTH), user_id="ada", conversation_id=name, tags=["zoo"])
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "copy.journal"


def whole(name: str, length: int = LENGTH) -> list[str]:
    return [message["content"] for message in turns(name, length)]


def opened(server: Faulty, **more: Any) -> MemOS:
    return connect(server.base_url, api_key="k", retry=Retry(first=0.01, longest=0.05, look=0.01, tries=8), **more)


@pytest.fixture
def copied(source: Path, journal: Path) -> Copied:
    def copied(server: Faulty, **more: Any) -> moving.Report:
        with opened(server) as client:
            return moving.copy(source, client, journal=journal, **more)

    return copied


def is_whole(server: Faulty, *names: str) -> bool:
    return all(server.ledger.texts(name) == whole(name) for name in names or NAMES)


@pytest.mark.parametrize("seed", range(3))
def test_under_faults_of_every_kind_each_message_arrives_once(copied: Copied, seed: int) -> None:
    with Faulty(Mixed(share=0.3, seed=seed)) as server:
        for _ in range(20):
            try:
                if not copied(server).troubles:
                    break
            except MemOSError:
                continue
        assert is_whole(server)
        assert len(server.struck) > 3


def test_a_lost_reply_is_looked_for(copied: Copied) -> None:
    with Faulty(
        {"add/message": [after(RESET), None, before(RESET), before(coded(50143)), after(coded(50143))]}
    ) as server:
        assert copied(server).copied == 300
        assert is_whole(server)


def test_a_refusal_in_the_middle_stops_that_conversation_alone(copied: Copied) -> None:
    with Faulty({"add/message": [None, None, None, None, before(coded(40013))]}) as server:
        report = copied(server)
        (trouble,) = report.troubles
        assert (trouble.failure, trouble.error, trouble.code, trouble.left) == ("refused", "BadRequest", 40013, 60)
        assert server.ledger.texts("two") == whole("two")[:40]
        assert is_whole(server, "one", "three")
        assert copied(server).copied == 60
        assert is_whole(server)


def test_a_failure_inside_that_stays_is_a_refusal(copied: Copied) -> None:
    with Faulty({"add/message": [before(coded(50143))] * 4}) as server:
        (trouble,) = copied(server).troubles
        assert (trouble.failure, trouble.code, trouble.left) == ("refused", 50143, 100)
        assert copied(server).copied == 100
        assert is_whole(server)


@pytest.mark.parametrize(
    ("faults", "error"),
    [([before(coded(40132, 401))], Unauthorized), ([before(limited())] * 8, RateLimited)],
    ids=["key", "limit"],
)
def test_what_all_would_meet_ends_it_and_the_same_command_goes_on(
    copied: Copied, faults: list[Fault], error: type[Exception]
) -> None:
    seen = list[moving.Report]()
    with Faulty({"add/message": [None, None, *faults]}) as server:
        with pytest.raises(error):
            copied(server, on_progress=seen.append)
        assert seen[-1].copied == 80
        assert copied(server).copied == 220
        assert is_whole(server)


class Killed(BaseException):
    """What no code catches."""


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """The second add ends the process, so to speak: before it is sent, or when it has arrived."""

    def killing(arrived: bool) -> None:
        from memos_integrations.moving import _targets

        sending, sent = _targets.ServiceTarget.send, list[AddMessage]()

        def send(target: _targets.ServiceTarget, call: AddMessage, token: str) -> None:
            sent.append(call)
            if len(sent) != 2 or arrived:
                sending(target, call, token)
            if len(sent) == 2:
                raise Killed

        monkeypatch.setattr(_targets.ServiceTarget, "send", send)

    return killing


@pytest.mark.parametrize("arrived", [False, True])
def test_what_was_on_its_way_is_looked_for_by_the_next(
    copied: Copied, killing: Callable[[bool], None], arrived: bool
) -> None:
    killing(arrived)
    with Faulty() as server:
        with pytest.raises(Killed):
            copied(server)
        assert len(server.ledger.applied) == 1 + arrived
        report = copied(server)
        assert (report.there, report.copied) == (40 + 40 * arrived, 260 - 40 * arrived)
        assert is_whole(server)


def test_one_reading_that_does_not_show_it_is_no_proof(
    copied: Copied, killing: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was slow: what was on its way shows in the second reading."""
    from memos_integrations.moving import _service, _targets

    killing(True)
    with Faulty() as server:
        with pytest.raises(Killed):
            copied(server)
        reading, readings = _service.newest, list[int]()

        def early(client: MemOS) -> Sequence[StoredMessage]:
            return client.get_message(user_id="x", conversation_id="x", message_limit_number=50).message_detail_list

        def newest(client: MemOS, user: str, conversation: str) -> Sequence[StoredMessage]:
            told = reading(client, user, conversation)
            readings.append(len(told))
            return told if len(readings) > 2 else early(client)

        monkeypatch.setattr(_targets, "newest", newest)
        server.ledger.add("Token k", {"user_id": "x", "conversation_id": "x", "messages": turns("one", 20)})
        assert copied(server).there == 80
        assert is_whole(server)


@pytest.mark.parametrize(
    ("unknown", "copied_messages", "there"), [("leave", 200, 40), ("again", 260, 40), ("skip", 220, 80)]
)
def test_where_nothing_can_be_read_the_user_decides(
    copied: Copied,
    killing: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    unknown: str,
    copied_messages: int,
    there: int,
) -> None:
    from memos_integrations.moving import _targets

    def unreadable(*_: object) -> None:
        raise Unsupported("this address has no get/message")

    monkeypatch.setattr(_targets, "newest", unreadable)
    killing(False)
    with Faulty() as server:
        with pytest.raises(Killed):
            copied(server)
        report = copied(server, unknown=unknown)
        assert (report.copied, report.there, report.unchecked) == (copied_messages, there, 2)
        assert [trouble.failure for trouble in report.troubles] == (["unknown"] if unknown == "leave" else [])
        assert is_whole(server, "two", "three")
        assert is_whole(server, "one") == (unknown == "again")
        assert server.ledger.calls["get/message"] == 0


def test_an_agents_conversation_is_sent_once_and_said_to_be_unknown(tmp_path: Path, journal: Path) -> None:
    source = tmp_path / "a.db"
    with connect(source) as client:
        client.add_message(messages=turns("own", 1), agent_id="guide", conversation_id="own")
    with Faulty({"add/message": [after(RESET)]}) as server, opened(server) as client:
        report = moving.copy(source, client, journal=journal)
        (trouble,) = report.troubles
        assert (trouble.failure, trouble.left, trouble.is_agent) == ("unknown", 2, True)
        assert len(server.ledger.applied) == 1
        assert moving.copy(source, client, journal=journal, unknown="skip").there == 2
        assert len(server.ledger.applied) == 1


def test_marks_that_the_target_can_not_hold_are_left_out_and_counted(
    copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memos_integrations.moving import _targets

    sending = _targets.ServiceTarget.send

    def send(target: _targets.ServiceTarget, call: AddMessage, token: str) -> None:
        if call.tags:
            raise Unsupported("tags are not stored here")
        sending(target, call, token)

    monkeypatch.setattr(_targets.ServiceTarget, "send", send)
    with Faulty() as server:
        report = copied(server)
        assert (report.copied, report.unmarked) == (300, 300)
        assert is_whole(server)


def test_a_dry_run_asks_a_service_for_nothing(copied: Copied) -> None:
    with Faulty() as server:
        assert copied(server, dry_run=True).messages == 300
        assert server.ledger.calls.total() == server.ledger.connections == 0
