"""Every error this package raises, by what the caller can do about it.

```
MemOSError
├── Invalid            (also a ValueError) arguments refused here, before any I/O: mend the call
├── Unsupported        this address cannot do it; nothing was sent: use another address
├── Unreachable        no reply; `.sent` says whether the server may have acted all the same
│   └── Interrupted    a stream broke off; `.arrived` is what had come of the answer
├── OutboxFull         the outbox holds as much as it may: let it deliver, or drop what is parked
├── Garbled            a reply that is not the protocol: look at the address, a proxy, the server's version
└── Refused            MemOS said no: `.code .message .status .path`
    ├── BadRequest     mend the request
    ├── Unauthorized   mend the key, or its rights
    ├── NotFound       it is not there
    ├── QuotaExceeded  the account's quota is used up
    ├── RateLimited    wait `.retry_after` seconds, then again
    └── ServerFault    not your fault: later again, or report it
```

No error carries a key or message text: `Invalid` names a field and a rule, never the value.
"""

__all__ = [
    "BadRequest",
    "Garbled",
    "Interrupted",
    "Invalid",
    "MemOSError",
    "NotFound",
    "OutboxFull",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "ServerFault",
    "Unauthorized",
    "Unreachable",
    "Unsupported",
]


class MemOSError(Exception):
    """The root: `except MemOSError` catches everything this package raises on purpose."""

    delivered: int = 0
    """Of an error that ended an `add_history`: how many of its messages had gone through; else 0."""


class Invalid(MemOSError, ValueError):
    """An argument was refused here, before any I/O.

    `.field` is the dotted place of the argument (`"messages.0.role"`), "" when a rule spans several.
    `.rule` is the machine-readable name of the broken rule (pydantic's error type).
    """

    def __init__(self, message: str, *, field: str = "", rule: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule


class Unsupported(MemOSError):
    """What this address cannot do. Nothing was sent."""


class Unreachable(MemOSError):
    """No reply came.

    `.sent` is False when the request surely never reached the server (no connection), True when the server
    may have acted all the same (a time-out or a reset after sending).
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Interrupted(Unreachable):
    """A stream that had begun broke off before its end, and is not asked for again: the turn may have been stored.

    `.arrived` is the answer's text up to there (not in the error's own words), `.path` the call's path.
    """

    def __init__(self, message: str, *, arrived: str = "", path: str = "") -> None:
        super().__init__(message, sent=True)
        self.arrived = arrived
        self.path = path


class OutboxFull(MemOSError):
    """The outbox holds as much as it may, and takes nothing more until it has delivered, or something is dropped."""


class Garbled(MemOSError):
    """A reply that is not the protocol. `.status` is its HTTP status, `.path` the call's path."""

    def __init__(self, message: str, *, status: int = 0, path: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.path = path


class Refused(MemOSError):
    """MemOS refused the call.

    `.code` is MemOS's own five-digit code (0 when only the HTTP status spoke), `.message` its words,
    `.status` the HTTP status (200 is usual for refusals), `.path` the call's path. `.retry_after` is the
    server's Retry-After in seconds, None when it sent none. Branch on `.code`: the words are not contractual.
    """

    def __init__(
        self, message: str, *, code: int = 0, status: int = 200, path: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.path = path
        self.retry_after = retry_after

    def __str__(self) -> str:
        number = f"code {self.code}" if self.code else f"HTTP {self.status}"
        where = f" ({self.path})" if self.path else ""
        return f"{number}{where}: {self.message or 'no message given'}"


class BadRequest(Refused):
    """The request itself is wrong: mend it."""


class Unauthorized(Refused):
    """The key is missing, wrong, expired, or has no right to this."""


class NotFound(Refused):
    """What the call names does not exist."""


class QuotaExceeded(Refused):
    """The account's or the request's quota is used up; repeating will not help."""


class RateLimited(Refused):
    """Too much in too short a time; `.retry_after` (seconds) is what the server asked for, if it did."""


class ServerFault(Refused):
    """The server failed."""
