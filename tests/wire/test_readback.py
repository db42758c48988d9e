"""The law of `verdict`: THERE only if it was applied, ABSENT only if it was not, on any server's any conversation."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from memos_integrations.wire.answers import StoredMessage, Time
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.readback import digests, heard, marked, said
from memos_integrations.wire.verdict import Delivered, Sought, Verdict, verdict

START = 1_780_000_000.0
NEAR = 5.0  # seconds in which an unknown writer's equal message can't be told from ours by anybody
HOUR = 3600


def mark(role: str, text: str) -> bytes:
    return f"{role}:{text}".encode()


@dataclass(frozen=True)
class Said:
    """One call: `gap` seconds after the one before was over, it takes `took`, and is applied at that `share` of it."""

    texts: tuple[str, ...]
    gap: float
    took: float = 0.0
    share: float = 0.0
    ours: bool = True
    fate: str = "known"  # of ours: known, or in doubt and "applied" or "lost"
    delay: int = 0  # seconds between chat_time and the call


@dataclass(frozen=True)
class World:
    """A server: how it tells times, and by how much our idea of its clock is wrong."""

    told: str = "milliseconds"  # or text
    zone: float = 0.0  # hours between the server's zone and the one we think
    error: float = 0.0
    chat: str = "none"  # chat_time is sent: "sent"; and told as create_time: "told"; always the same one: "same"


@dataclass
class Story:
    """What happened up to a write that met a fault."""

    world: World
    clock: float = START
    stored: list[tuple[float, StoredMessage]] = field(default_factory=list)
    known: list[Delivered] = field(default_factory=list)
    others: list[tuple[float, str]] = field(default_factory=list)
    ours: list[tuple[float, float]] = field(default_factory=list)

    def chat_time(self, one: Said) -> float | None:
        if self.world.chat == "none":
            return None
        return START - 1000.0 if self.world.chat == "same" else float(int(self.clock) - one.delay)

    def call(self, one: Said) -> AddMessage:
        at = self.chat_time(one)
        when = {} if at is None else {"chat_time": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"}
        return AddMessage(messages=[{"role": "user", "content": t, **when} for t in one.texts], user_id="u")

    def tell(self, moment: float) -> Time:
        if self.world.told == "milliseconds":
            return round(moment * 1000)
        zone = timezone(timedelta(hours=self.world.zone))
        return f"{datetime.fromtimestamp(moment, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"

    def store(self, one: Said, moment: float, chat: float | None) -> None:
        told: Time = self.tell(moment)
        if chat is not None and self.world.chat in {"told", "same"}:  # as it came, in the zone that we think
            told = f"{datetime.fromtimestamp(chat, UTC):%Y-%m-%d %H:%M:%S}"
        shown = moment if chat is None or self.world.chat == "sent" else chat
        self.stored += [(shown, StoredMessage(role="user", content=text, create_time=told)) for text in one.texts]

    def happen(self, one: Said) -> None:
        self.clock += one.gap
        begun = self.clock
        applied = begun + one.share * one.took
        if not one.ours:
            self.others += [(begun, text) for text in one.texts]
            self.store(one, begun, None)
            return
        if one.fate != "lost":
            self.store(one, applied, self.chat_time(one))
        self.clock += one.took
        over = self.clock + self.world.error
        self.ours.append((begun, self.clock))
        sure = one.fate == "known"
        self.known += [
            Delivered(each, over, over - one.took, sure, said_at) for each, said_at in marked(self.call(one), mark, UTC)
        ]

    def newest(self) -> list[StoredMessage]:
        return [message for _, message in sorted(self.stored, key=lambda pair: pair[0])[-50:]]

    def read(self, one: Said, *, applied: bool, waited: float) -> Verdict:
        """Sends `one`, which is applied or not, and reads back `waited` seconds later."""
        self.clock += one.gap
        begun, call = self.clock, self.call(one)
        if applied:
            self.store(one, begun + one.share * min(one.took, waited), self.chat_time(one))
        self._must_be_fair(one, begun, begun + waited, call)
        since = begun + self.world.error
        sought = Sought(digests(call.turns, mark), said(call, UTC), since, since + waited)
        told = self.newest()
        return verdict(sought, heard(told, mark, UTC), self.known, full=len(told) >= 50)

    def _must_be_fair(self, one: Said, begun: float, now: float, call: AddMessage) -> None:
        """Leaves out what the docstring of `verdict` says that nobody could know."""
        spans = [(begun, now), *self.ours, *((at, at) for at in said(call, UTC))]
        offset = self.world.zone * HOUR if self.world.told == "text" else 0.0
        for at, text in self.others:
            for first, last in spans:
                fair = text not in one.texts or not any(
                    first - NEAR <= moment <= last + NEAR for moment in (at, at + offset)
                )
                if not fair:
                    reject()


def alone(*past: Said, world: World | None = None) -> Story:
    story = Story(world or World())
    for one in past:
        story.happen(one)
    return story


gaps = st.sampled_from([0.0, 0.3, 1.0, 2.0, 3.0, 4.0, 30.0, 900.0, 3600.0, 7200.0, 28_800.0, 259_200.0]) | st.floats(
    0, 9
)
batches = st.lists(st.sampled_from(["ok", "fine"]), min_size=1, max_size=3).map(tuple)
shares = st.sampled_from([0.0, 0.5, 1.0])
# No whole quarters of an hour, by which time zones differ: such a coincidence leaves the alone unsure, too.
uneven = st.sampled_from([0.0, 0.3, 1.0, 2.0, 3.0, 4.0, 30.0, 1_234.0, 5_000.0, 260_123.0]) | st.floats(0, 9)
ours = st.builds(Said, batches, uneven, st.sampled_from([0.0, 0.1, 2.0, 8.0]), shares)
anyone = st.builds(
    Said,
    batches,
    gaps,
    st.sampled_from([0.0, 0.1, 2.0, 8.0]),
    shares,
    st.booleans(),
    st.sampled_from(["known", "known", "applied", "lost"]),
    st.sampled_from([0, 1, 60, 3600]),
)
worlds = st.builds(
    World,
    st.sampled_from(["milliseconds", "text"]),
    st.sampled_from([0.0, 0.0, 1.0, -1.0, 2.0, 5.5, 8.0, -8.0, -10.0]),
    st.floats(-1.0, 0.5),
    st.sampled_from(["none", "none", "sent", "told", "same"]),
)
waits = st.sampled_from([0.05, 1.0, 5.0, 30.0, 3000.0])


@settings(max_examples=400, deadline=None)
@given(worlds, st.lists(anyone, max_size=12), st.integers(0, 60), anyone, waits, st.booleans())
def test_a_verdict_is_never_wrong(
    world: World, past: list[Said], crowd: int, one: Said, waited: float, applied: bool
) -> None:
    story = Story(world)
    for each in [*past[:4], *[Said(("hm",), 0.2, ours=crowd % 2 == 0)] * crowd, *past[4:]]:
        story.happen(each)
    found = story.read(one, applied=applied, waited=waited)
    assert found in ({Verdict.THERE, Verdict.UNCLEAR} if applied else {Verdict.ABSENT, Verdict.UNCLEAR})


@settings(max_examples=300, deadline=None)
@given(
    st.builds(World, st.sampled_from(["milliseconds", "text"]), st.just(0.0), st.floats(-1.0, 0.5)),
    st.lists(ours, max_size=12),
    ours,
    waits,
    st.booleans(),
)
def test_who_writes_alone_always_learns_it(
    world: World, past: list[Said], one: Said, waited: float, applied: bool
) -> None:
    found = alone(*past, world=world).read(one, applied=applied, waited=waited)
    assert found is (Verdict.THERE if applied else Verdict.ABSENT)


def test_a_late_word_is_not_missed_where_others_are_told_in_another_zone() -> None:
    """The server tells ours by their chat_time, in our zone, and another's by its own clock, an hour behind."""
    past = [Said(("ok", "ok"), 0.0, ours=False)] * 2 + [Said(("hm",), 0.2)] * 46
    story = alone(*past, world=World("text", zone=-1.0, chat="told"))
    assert story.read(Said(("fine",), 0.0, delay=60), applied=True, waited=0.05) is not Verdict.ABSENT


def test_a_slow_ok_is_not_taken_for_the_next_when_one_in_doubt_was_applied_before() -> None:
    story = alone(Said(("ok",), 0.0, fate="applied"), Said(("ok",), 0.0, took=8.0, share=1.0))
    assert story.read(Said(("ok",), 0.0), applied=False, waited=0.05) is not Verdict.THERE


def test_our_own_ok_of_a_whole_zone_before_is_not_taken_for_the_next() -> None:
    past = [Said(("hm",), 0.2, ours=False)] * 55 + [Said(("ok",), 0.0)]
    story = alone(*past, world=World("text", zone=8.0))
    assert story.read(Said(("ok",), 8.0 * HOUR), applied=False, waited=0.05) is not Verdict.THERE


@pytest.mark.parametrize(("zone", "chat"), [(0.0, "same"), (1.0, "told")])
def test_another_s_ok_a_quarter_of_an_hour_before_does_not_shift_the_zone(zone: float, chat: str) -> None:
    past = [Said(("ok", "ok"), 0.0, ours=False), Said(("ok",), 900.0)]
    story = alone(*past, world=World("text", zone=zone, chat=chat))
    assert story.read(Said(("ok",), 0.0), applied=False, waited=0.05) is not Verdict.THERE


@pytest.mark.parametrize("told", ["milliseconds", "text"])
def test_an_old_ok_of_another_process_is_not_taken_for_the_third(told: str) -> None:
    past = [Said(("ok",), 0.0, ours=False), Said(("ok",), 259_200.0)]
    assert alone(*past, world=World(told)).read(Said(("ok",), 0.5), applied=False, waited=1.0) is not Verdict.THERE


def test_the_same_chat_time_again_is_not_taken_for_a_repeat() -> None:
    story = alone(Said(("ok",), 0.0), world=World(chat="same"))
    assert story.read(Said(("ok",), 86_400.0), applied=False, waited=1.0) is not Verdict.THERE


def test_a_time_that_is_ahead_of_the_date_header_is_no_old_one() -> None:
    sought = Sought([mark("user", "ok")], frozenset(), START, START + 1)
    told = heard([StoredMessage(role="user", content="ok", create_time=round((START + 9) * 1000))], mark, UTC)
    assert verdict(sought, told, [], full=False) is Verdict.UNCLEAR


@pytest.mark.parametrize("content", [[], ["ok"]], ids=["nothing", "ok"])
def test_without_a_clock_only_a_no_can_be_known(content: list[str]) -> None:
    told = heard([StoredMessage(role="user", content=text, create_time=1) for text in content], mark, UTC)
    found = verdict(Sought([mark("user", "ok")], frozenset(), START, None), told, [], full=False)
    assert found is (Verdict.UNCLEAR if content else Verdict.ABSENT)


def test_the_zone_is_told_by_what_is_known_to_be_ours() -> None:
    world, past = World("text", zone=8.0), Said(("fine",), 0.0)
    for applied, found in ((True, Verdict.THERE), (False, Verdict.ABSENT)):
        assert alone(past, world=world).read(Said(("ok",), 60.0), applied=applied, waited=1.0) is found
