"""What went wrong, grouped by what to do next.

HubError
├── ConfigError      fix the configuration (names file, key, remedy)
├── RetryLater       a system is away or busy: the same call may succeed later
│   └── DiskFull         somebody has to make room first
├── BadRecord        set this record aside (quarantine), go on with the rest
└── Refused          tell the person who asked
    ├── BadRequest       400  the request cannot be read
    ├── NotAuthenticated 401
    ├── Forbidden        403
    ├── NotFound         404
    ├── Conflict         409  it contradicts what stands
    ├── Gone             410  it was there once
    ├── Stale            412  it changed since you read it
    ├── TooLarge         413
    ├── Unprocessable    422  readable, but a value is wrong
    ├── PreconditionRequired 428
    └── TooMany          429  the same later; it says when
"""

from __future__ import annotations

from dataclasses import dataclass


class HubError(Exception):
    """Base of all the hub's errors. `status` is its HTTP answer, `code` its stable name."""

    status = 500
    code = "error"


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a configuration or a request."""

    where: str  # file: key, or a JSON pointer
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.remedy})" if self.remedy else "")


class ConfigError(HubError):
    """All faults at once."""

    code = "config"

    def __init__(self, faults: list[Fault]):
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class RetryLater(HubError):
    """`wait`: seconds that the system asked for, if it did."""

    status = 503
    code = "retry-later"

    def __init__(self, message: str = "", wait: float | None = None):
        super().__init__(message)
        self.wait = wait


class DiskFull(RetryLater):
    """Nothing was written, and nothing will be until somebody makes room."""

    code = "disk-full"


class BadRecord(HubError):
    """This record cannot be taken; `reason` goes to quarantine, never with a customer's value in a log."""

    status = 422
    code = "bad-record"


class Refused(HubError):
    """An answer to the person who asked, with pointers to the places."""

    def __init__(self, message: str, faults: list[Fault] | None = None):
        super().__init__(message)
        self.faults = faults or []


class BadRequest(Refused):
    status = 400
    code = "bad-request"


class NotAuthenticated(Refused):
    status = 401
    code = "not-authenticated"


class Forbidden(Refused):
    status = 403
    code = "forbidden"


class NotFound(Refused):
    status = 404
    code = "not-found"


class Conflict(Refused):
    status = 409
    code = "conflict"


class Gone(Refused):
    status = 410
    code = "gone"


class Stale(Refused):
    status = 412
    code = "stale"


class TooLarge(Refused):
    status = 413
    code = "too-large"


class Unprocessable(Refused):
    status = 422
    code = "unprocessable"


class Locked(Refused):
    status = 423
    code = "locked"


class PreconditionRequired(Refused):
    status = 428
    code = "precondition-required"


class TooMany(Refused):
    """Too often; `seconds` until it makes sense to ask again."""

    status = 429
    code = "too-many"

    def __init__(self, message: str, faults: list[Fault] | None = None, *, seconds: int):
        super().__init__(message, faults)
        self.seconds = seconds
