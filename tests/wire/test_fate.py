"""What became of a write that failed, by its error alone."""

import pytest

from memos_integrations.errors import Garbled, Invalid, MemOSError, Unreachable, Unsupported
from memos_integrations.wire.codes import Fate, error_class, fate, not_applied

INSIDE = [50000, 50002, 50143, 50144]
STATUSES = [200, 400, 408, 429, 500, 502, 503, 504]


def refused(code: int = 0, status: int = 200) -> MemOSError:
    return error_class(code, status)("no", code=code, status=status)


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", [40309, 50004, 50005])
def test_the_limiter_and_the_unavailable_did_nothing_at_any_status(code: int, status: int, patient: bool) -> None:
    assert fate(refused(code, status), patient=patient) is Fate.NOT_APPLIED


@pytest.mark.parametrize("error", [refused(0, 429), refused(0, 503), refused(50000, 503), refused(50000, 429)], ids=str)
def test_a_429_and_a_503_did_nothing(error: MemOSError) -> None:
    assert fate(error) is Fate.NOT_APPLIED


def test_no_connection_did_nothing_and_a_lost_reply_tells_nothing() -> None:
    assert fate(Unreachable("no", sent=False)) is Fate.NOT_APPLIED
    assert fate(Unreachable("no", sent=True)) is Fate.UNKNOWN


@pytest.mark.parametrize("status", [408, 500, 502, 504, 520, 599])
def test_a_status_without_a_code_tells_nothing(status: int) -> None:
    assert fate(refused(0, status)) is Fate.UNKNOWN


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_unreadable_2xx_tells_nothing(status: int) -> None:
    assert fate(Garbled("what", status=status)) is Fate.UNKNOWN


@pytest.mark.parametrize("status", [0, 302, 304])
def test_what_is_no_answer_of_memos_is_final(status: int) -> None:
    assert fate(Garbled("what", status=status), patient=True) is Fate.FINAL


@pytest.mark.parametrize("status", [200, 500, 502])
@pytest.mark.parametrize("code", INSIDE)
def test_a_failure_inside_is_final_unless_one_is_patient(code: int, status: int) -> None:
    assert fate(refused(code, status)) is Fate.FINAL
    assert fate(refused(code, status), patient=True) is Fate.UNKNOWN


@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
@pytest.mark.parametrize("code", [40000, 40001, 40103, 40132, 40300, 40304, 40305])
def test_what_is_refused_for_good_stays_so(code: int, status: int) -> None:
    assert fate(refused(code, status), patient=True) is Fate.FINAL


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 422])
def test_a_4xx_without_a_code_is_final(status: int) -> None:
    assert fate(refused(0, status), patient=True) is Fate.FINAL


@pytest.mark.parametrize("error", [Invalid("no"), Unsupported("no")], ids=["invalid", "unsupported"])
def test_what_was_never_sent_is_final(error: MemOSError) -> None:
    assert fate(error, patient=True) is Fate.FINAL


@pytest.mark.parametrize("code", [0, 40000, 40103, 40300, 40309, 50000, 50004, 50145, 60001])
@pytest.mark.parametrize("status", STATUSES)
def test_not_applied_is_told_of_nothing_else(code: int, status: int) -> None:
    error = refused(code, status)
    assert fate(error) is not Fate.NOT_APPLIED or not_applied(error)
