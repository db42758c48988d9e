"""MemOS's error codes: which error a code or an HTTP status means (contract §1.4). Words vary, codes don't."""

from enum import Enum

from memos_integrations.errors import (
    BadRequest,
    Garbled,
    MemOSError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
    Unreachable,
)

__all__ = [
    "FINE",
    "PASSING_STATUSES",
    "Fate",
    "code_of",
    "error_class",
    "fate",
    "not_applied",
]

# The documentation says 0; the official SDK's own stubs and the command line client also take 200 (§1.2).
FINE = frozenset({0, 200})

_CODES: dict[int, type[Refused]] = {
    **dict.fromkeys((40001, 40307, 40308, 50120, 50131), NotFound),
    **dict.fromkeys((40020, 40100, 40101, 40103, 40130, 40132, 40306), Unauthorized),
    **dict.fromkeys((40300, 40301, 40302, 40304), QuotaExceeded),
    **dict.fromkeys((40303, 40305, 50103, 50104, 50105, 50107, 50123), BadRequest),
    40309: RateLimited,
}
_STATUSES: dict[int, type[Refused]] = {
    401: Unauthorized,
    402: QuotaExceeded,
    403: Unauthorized,
    404: NotFound,
    410: NotFound,
    429: RateLimited,
}

# Surely not applied, so worth another try for any call: the limiter and the two "temporarily unavailable" (§1.4).
_NOT_APPLIED_CODES = frozenset({40309, 50004, 50005})
_NOT_APPLIED_STATUSES = frozenset({429, 503})
# Without a code these say nothing about what was applied: worth another try only where repeating is harmless.
PASSING_STATUSES = frozenset({408, 500, 502, 504})
# Say that something failed inside, not how far it had come. A wrong path or key shows as 50000 too (§1.3).
_INSIDE_CODES = frozenset({50000, 50002, 50143, 50144})

# What an endpoint answers when this argument breaks its own rule; everything else is 40000.
_LENGTHS = {"user_id": 40010, "conversation_id": 40011}
_EMPTY_RULES = {"missing": 40002, "string_too_short": 40002, "blank": 40002, "too_short": 40003}


def error_class(code: int, status: int) -> type[Refused]:
    """The class for MemOS's code, where there is one; else for the HTTP status."""
    if code and code not in FINE:
        return _CODES.get(code) or _by_range(code)
    return _STATUSES.get(status) or (ServerFault if status >= 500 else BadRequest)


def _by_range(code: int) -> type[Refused]:
    if 40100 <= code < 40200:
        return Unauthorized
    if 40000 <= code < 50000:
        return BadRequest
    return ServerFault if 50000 <= code < 70000 else Refused


def code_of(field: str, rule: str) -> int:
    """The code a server answers for a broken argument: `field` and `rule` as `Invalid` carries them."""
    if field in _LENGTHS and rule == "string_too_long":
        return _LENGTHS[field]
    if field == "relativity":
        return 40012
    if field.partition(".")[0] == "filter":
        return 40000  # contract §5, whatever is wrong with it
    if field == "file" and rule == "too_long":
        return 50103
    if field.startswith("file.") and rule == "string_too_long":
        return 50104
    return _EMPTY_RULES.get(rule, 40000)


def not_applied(error: MemOSError) -> bool:
    """Whether the server surely did not act, so that asking again can't do a thing twice."""
    if isinstance(error, Refused):
        return error.code in _NOT_APPLIED_CODES or error.status in _NOT_APPLIED_STATUSES
    return isinstance(error, Unreachable) and not error.sent


class Fate(Enum):
    """What became of a write that failed: surely nothing, nobody knows, or it was refused for good."""

    NOT_APPLIED = "not applied"
    UNKNOWN = "unknown"
    FINAL = "final"


def fate(error: MemOSError, *, patient: bool = False) -> Fate:
    """What became of the write that raised `error`. `patient`: a failure inside the server may be a passing one."""
    if isinstance(error, BadRequest | NotFound | QuotaExceeded | Unauthorized) and error.code:
        return Fate.FINAL  # the code says that it will be no better the next time, even with HTTP 429 or 503
    if not_applied(error):
        return Fate.NOT_APPLIED
    if isinstance(error, Unreachable):
        return Fate.UNKNOWN
    if isinstance(error, Garbled):
        return Fate.UNKNOWN if 200 <= error.status < 300 else Fate.FINAL
    if isinstance(error, Refused) and error.code in _INSIDE_CODES:
        return Fate.UNKNOWN if patient else Fate.FINAL
    passing = (
        isinstance(error, Refused) and not error.code and (error.status >= 500 or error.status in PASSING_STATUSES)
    )
    return Fate.UNKNOWN if passing else Fate.FINAL
