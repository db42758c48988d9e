"""Copying to an open-source server, which tells no messages: an add is found again by the id of its task."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from memos_integrations import connect, moving
from memos_integrations.client import MemOS, Retry
from memos_integrations.moving import _targets
from memos_integrations.wire.calls import AddMessage
from tests.cli.moved import turns
from tests.client.server import Handler, Server, reset

SPEAKER = {"role": "user", "content": "I am here too.", "role_id": "r", "role_name": "Eve"}


class Tasks:
    """What such a server takes, and knows by the id of its task."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, object]] = {}
        self.order: list[str] = []
        self.lost, self.forgets = 0, False

    def answer(self, handler: Handler) -> None:
        path, _, body = handler.at.requests[-1]
        if "/product/add" in path:
            self._add(handler, json.loads(body))
        elif "/scheduler/status" in path:
            task = parse_qs(urlsplit(path).query)["task_id"][0]
            known = task in self.taken and not self.forgets
            data = [{"task_id": task, "status": "completed"}] if known else None
            code = 200 if known else 404
            handler.say(code, json.dumps({"code": code, "message": "", "data": data}).encode(), {})
        else:
            handler.say(404, b'{"detail": "Not Found"}', {})

    def _add(self, handler: Handler, call: dict[str, object]) -> None:
        self.taken[str(call["task_id"])] = call
        self.order.append(str(call["task_id"]))
        if self.lost:
            self.lost -= 1
            reset(handler)
        else:
            handler.say(200, json.dumps({"code": 200, "message": "", "data": []}).encode(), {})

    def texts(self) -> list[str]:
        """What was said, as often as it came."""
        calls = [self.taken[task] for task in self.order]
        return [message["content"] for call in calls for message in call["messages"]]  # type: ignore[attr-defined]


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def service(tasks: Tasks) -> Iterator[MemOS]:
    with Server(usual=tasks.answer) as server:
        address = f"memos+{server.url.removesuffix('/api')}"
        with connect(address, retry=Retry(first=0.01, longest=0.02, look=0.01), deadline=1.0) as client:
            yield client


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with connect(path) as client:
        client.add_history(turns("c", 50), user_id="ada", conversation_id="c", tags=["zoo"], info={"scene": "trip"})
    return path


def copied(source: Path, service: MemOS, **more: object) -> moving.Report:
    return moving.copy(source, service, journal=source.with_name("j"), **more)  # type: ignore[arg-type]


def test_each_message_goes_there_once_without_what_the_server_does_not_keep(
    source: Path, service: MemOS, tasks: Tasks
) -> None:
    report = copied(source, service)
    assert (report.copied, report.unmarked, report.unchecked, report.troubles) == (100, 100, 1, ())
    assert tasks.texts() == [message["content"] for message in turns("c", 50)]
    assert {json.dumps(call["info"]) for call in tasks.taken.values()} == {'{"scene": "trip"}'}
    assert copied(source, service).there == 100
    assert len(tasks.order) == 3


def test_a_lost_reply_is_made_good_by_the_task(source: Path, service: MemOS, tasks: Tasks) -> None:
    tasks.lost = 2
    assert copied(source, service).copied == 100
    assert len(tasks.order) == 3


def killed(monkeypatch: pytest.MonkeyPatch, source: Path, service: MemOS, *, arrived: bool) -> None:
    """A copy whose second add is its last deed: before it is sent, or when it has arrived."""
    sending, sent = _targets.TaskTarget.send, list[AddMessage]()

    def send(target: _targets.TaskTarget, call: AddMessage, token: str) -> None:
        sent.extend([] if call.tags else [call])  # with tags it is not even sent
        if len(sent) == 2 and not arrived:
            raise KeyboardInterrupt
        sending(target, call, token)
        if len(sent) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_targets.TaskTarget, "send", send)
        with pytest.raises(KeyboardInterrupt):
            copied(source, service)


def test_what_was_on_its_way_at_a_kill_is_known_by_its_task(
    source: Path, service: MemOS, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(monkeypatch, source, service, arrived=True)
    report = copied(source, service)
    assert (report.there, report.copied) == (80, 20)
    assert tasks.texts() == [message["content"] for message in turns("c", 50)]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_task_that_nobody_knows_says_nothing(
    source: Path, service: MemOS, tasks: Tasks, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    killed(monkeypatch, source, service, arrived=arrived)
    tasks.forgets = True
    (trouble,) = copied(source, service).troubles
    assert (trouble.failure, trouble.left) == ("unknown", 60)
    assert len(tasks.order) == 1 + arrived
    report = copied(source, service, unknown="skip" if arrived else "again")
    assert (report.there, report.copied) == ((80, 20) if arrived else (40, 60))
    assert tasks.texts() == [message["content"] for message in turns("c", 50)]


def test_speakers_are_refused_in_our_own_words(source: Path, service: MemOS, tasks: Tasks) -> None:
    with connect(source) as client:
        client.add_message(messages=[SPEAKER], user_id="bob", conversation_id="d")
    (trouble,) = copied(source, service).troubles
    assert trouble.failure == "refused"
    assert "keeps no speakers" in trouble.words
    assert len(tasks.order) == 3


def test_from_there_nothing_can_be_copied(service: MemOS, tmp_path: Path) -> None:
    with connect(tmp_path / "b.db") as client:
        report = moving.copy(service, client, which=moving.Which(pairs=[("ada", "c")]))
    (trouble,) = report.troubles
    assert (trouble.failure, trouble.error) == ("unreadable", "Unsupported")
    assert "it tells no messages" in trouble.words
