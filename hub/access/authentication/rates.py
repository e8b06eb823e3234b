"""How often one may ask: fixed windows of a minute per principal, counted in this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from hub.db import Database
from hub.errors import Fault, TooMany

WINDOW = 60  # seconds
KNOWN = 10_000  # principals that are remembered


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of a window is left: requests, and seconds until it starts anew."""

    limit: int
    left: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers spells it."""
        policy = f'"principal";q={self.limit};w={WINDOW}'
        return {"ratelimit-policy": policy, "ratelimit": f'"principal";r={self.left};t={self.seconds}'}


class Rates:
    """Windows by who asks. Thread-safe. Each process counts for itself."""

    def __init__(self, database: Database):
        self._clock, self._lock = database.clock, threading.Lock()
        self._windows: dict[str, tuple[int, int]] = {}  # who -> (when the window began, requests in it)

    def take(self, who: str, limit: int) -> Rate:
        """One request more. `left` is -1 when it is one too many; that one does not count."""
        now = self._clock.now()
        with self._lock:
            began, count = self._windows.get(who, (now, 0))
            if not 0 <= now - began < WINDOW * 1_000_000:
                began, count = now, 0
            if len(self._windows) >= KNOWN and who not in self._windows:
                self._forget(now)
            self._windows[who] = (began, min(count + 1, limit))
        seconds = WINDOW - (now - began) // 1_000_000
        return Rate(limit, limit - count - 1, seconds)

    def _forget(self, now: int) -> None:
        """Windows that are over; when none is, all: better to count anew than to grow for ever."""
        standing = {w: at for w, at in self._windows.items() if 0 <= now - at[0] < WINDOW * 1_000_000}
        self._windows = standing if len(standing) < KNOWN else {}


def too_often(rate: Rate) -> TooMany:
    fault = Fault(
        "RateLimit", "is used up", "ask less often, or in pages and batches; roles may have requests: in access.yaml"
    )
    return TooMany(f"more than {rate.limit} requests in a minute", [fault], seconds=rate.seconds)
