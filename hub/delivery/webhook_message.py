"""One webhook: what it says, how it is signed, and what an answer to it means. Pure.

The body is a CloudEvent 1.0 (structured JSON), the signature Standard Webhooks'.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from hub.access.seen import SeenChange
from hub.consents.effective import AGREED
from hub.model import from_micros

SECOND = 1_000_000
# Waits before each further try: Standard Webhooks' own, some 76 hours in all
WAITS = tuple(s * SECOND for s in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
JITTER = 0.2  # at most this share longer, so that what failed together does not come back together
GIVE_UP = 5 * 86_400 * SECOND  # an endpoint that took nothing for so long is disabled
BOTH_LIVE = 86_400 * SECOND  # the old secret signs too for so long after a rotation
AWAY = 10 * SECOND  # an endpoint that did not answer is left alone for so long
LONGEST_WAIT = 86_400 * SECOND

Status = Literal["done", "pending", "dead"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: a status, or none and why. `wait`: what Retry-After asked for, in seconds."""

    code: int
    detail: str = ""
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of the delivery, and of its endpoint."""

    status: Status
    wait: int = 0  # microseconds
    away: bool = False  # the endpoint does not answer at all: leave it alone for a while
    gone: bool = False  # it never wants any more


def judge(answer: Answered, attempts: int, event: str) -> Judged:
    """`attempts`: tries before this one. Only 2xx is taken for received."""
    if 200 <= answer.code < 300:
        return Judged("done")
    if answer.code == 410:
        return Judged("dead", gone=True)
    away = answer.code == 0 or answer.code in (429, 503)
    if attempts >= len(WAITS):
        return Judged("dead", away=away)
    asked = min(int((answer.wait or 0) * SECOND), LONGEST_WAIT)
    return Judged("pending", max(jittered(WAITS[attempts], event, attempts), asked), away)


def jittered(wait: int, event: str, attempts: int) -> int:
    """A wait made longer by up to a fifth: the same for the same event and try."""
    share = int.from_bytes(hashlib.sha256(f"{event}:{attempts}".encode()).digest()[:4], "big") / 2**32
    return int(wait * (1 + JITTER * share))


def wants(
    types: Collection[str], attributes: Collection[str], customer_type: str, kind: str, changed: Collection[str]
) -> bool:
    """Does a subscription's filter let a change through? Asked of the stored change, so that nothing waits in vain, and
    of what the view makes of it when it is sent: a merge with nobody who is shown is told as an update."""
    if types and customer_type not in types:
        return False
    return not attributes or kind != "updated" or AGREED in changed or not set(attributes).isdisjoint(changed)


def event(change: SeenChange, attributes: Collection[str]) -> dict[str, object]:
    """A change as a CloudEvent. `attributes`: the only ones that are told; empty: all that the view shows."""
    at = from_micros(change.at).isoformat(timespec="microseconds").replace("+00:00", "Z")
    data = change.data
    return {
        "specversion": "1.0",
        "id": change.id,
        "source": "/v1/changes",
        "type": f"customer.{change.type}",
        "subject": change.customer,
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "customer": change.customer,
            "customer_type": change.customer_type,
            "version": change.version,
            "attributes": [a for a in change.attributes if not attributes or a in attributes],
            "other": list(change.other),
            "values": None
            if data is None
            else {a: v for a, v in data.values.items() if not attributes or a in attributes},
            "records": None
            if data is None or data.records is None
            else [{"source": r.source, "stream": r.stream, "key": r.key} for r in data.records],
        },
    }


def trial(id: str, at: int) -> dict[str, object]:
    """An event that tells of nobody, to try an endpoint."""
    time = from_micros(at).isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = {"specversion": "1.0", "id": id, "source": "/v1/changes", "type": "hub.test", "time": time}
    return {**told, "datacontenttype": "application/json", "data": {}}


def secret_text(secret: bytes) -> str:
    """A secret as its holder is told it."""
    return "whsec_" + base64.b64encode(secret).decode()


def headers(id: str, at: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Standard Webhooks' headers, signed with each secret that is alive."""
    seconds = at // SECOND
    signed = f"{id}.{seconds}.".encode() + body
    made = [base64.b64encode(hmac.new(s, signed, hashlib.sha256).digest()).decode() for s in secrets]
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{m}" for m in made),
        "user-agent": "customer-hub",
    }


def live(generation: int, rotated_at: int | None, now: int) -> tuple[int, ...]:
    """The generations of a secret that sign now, the newest first."""
    both = rotated_at is not None and now - rotated_at < BOTH_LIVE
    return (generation, generation - 1) if both else (generation,)


def encoded(told: dict[str, object]) -> bytes:
    return orjson.dumps(told)
