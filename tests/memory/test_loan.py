"""How one of ours comes by its client, and gives it back."""

import asyncio
import copy
import threading
from collections.abc import Iterator

import pytest

from memos_integrations import connect
from memos_integrations.client import Event, MemOS
from memos_integrations.errors import Invalid
from memos_integrations.memory.loan import Held, Loan
from memos_integrations.memory.recall import Recall
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.calls import SearchMemory


class Lender:
    """Lends one client; who closes it is whoever gives back the last."""

    def __init__(self) -> None:
        self.client = connect(":memory:")
        self.lent, self.returned, self.threads = 0, 0, list[threading.Thread]()

    def borrow(self) -> MemOS:
        self.lent += 1
        self.threads.append(threading.current_thread())
        return self.client

    def give_back(self, client: MemOS) -> bool:
        assert client is self.client
        self.returned += 1
        return self.returned == self.lent


@pytest.fixture
def lender() -> Iterator[Lender]:
    lender = Lender()
    yield lender
    lender.client.close()


def held_of(lender: Lender, client: MemOS | None = None, *, waits: bool = False) -> Held:
    return Held(client, "Somebody", lender.borrow, lender.give_back, waits=waits)


def is_closed(client: MemOS) -> bool:
    return client._shared.closed


def test_what_was_handed_over_is_neither_borrowed_nor_closed(lender: Lender) -> None:
    with connect(":memory:") as mine:
        held = held_of(lender, mine)
        assert held.now() is mine
        held.close()
        assert not is_closed(mine)
    assert (lender.lent, lender.returned) == (0, 0)


def test_it_is_given_back_once_and_closed_by_the_last(lender: Lender) -> None:
    one, two = held_of(lender), held_of(lender)
    one.close()
    one.close()
    assert lender.returned == 1
    assert not is_closed(lender.client)
    two.close()
    assert is_closed(lender.client)


def test_a_copy_gives_nothing_back_a_second_time(lender: Lender) -> None:
    _, held = held_of(lender), held_of(lender)
    twin = copy.deepcopy(held)
    held.close()
    twin.close()
    assert lender.returned == 1


@pytest.mark.parametrize(("waits", "lent"), [(True, 0), (False, 1)])
async def test_on_a_loop_it_borrows_at_once_unless_it_waits(lender: Lender, waits: bool, lent: int) -> None:
    held = held_of(lender, waits=waits)
    assert lender.lent == lent
    assert await held.anow() is lender.client
    assert await held.anow() is lender.client
    assert lender.lent == 1
    assert (threading.current_thread() in lender.threads) is not waits
    await held.aclose()
    assert is_closed(lender.client)


async def test_many_first_uses_at_once_borrow_one(lender: Lender) -> None:
    held = held_of(lender, waits=True)
    assert set(await asyncio.gather(*(held.anow() for _ in range(8)))) == {lender.client}
    assert lender.lent == 1
    await held.aclose()


async def test_closing_what_was_never_used_opens_nothing(lender: Lender) -> None:
    held = held_of(lender, waits=True)
    await held.aclose()
    held.close()
    assert (lender.lent, lender.returned) == (0, 0)


def test_a_listener_is_told_what_the_client_tells(lender: Lender) -> None:
    heard = list[Event]()
    held = Held(None, "Somebody", lender.borrow, lender.give_back, listener=heard.append)
    Recall().found(held.now(), Scope(user_id="ada"), turn="one", text="tea")
    assert [type(event).__name__ for event in heard] == ["Recalled"]
    held.close()


def test_a_loan_may_be_of_a_client_that_comes_later(lender: Lender) -> None:
    loan = Loan(lender.give_back)
    out = [loan.lent]
    loan.close()
    assert loan.take(lender.borrow()) is lender.client
    out.append(loan.lent)
    loan.close()
    assert [*out, loan.lent] == [None, lender.client, None]
    assert is_closed(lender.client)


@pytest.mark.parametrize("client", ["https://memos.example", SearchMemory])
def test_what_is_no_client_is_refused_in_the_name_of_who_was_given_it(lender: Lender, client: object) -> None:
    with pytest.raises(Invalid, match=r"^Somebody: client must be a MemOS"):
        Held(client, "Somebody", lender.borrow, lender.give_back)
    assert lender.lent == 0
