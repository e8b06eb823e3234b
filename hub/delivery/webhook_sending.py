"""Webhooks: changes taken up for each subscription, rendered in today's view when sent, signed, tried again, logged.

Order is kept per customer. Each endpoint has a thread and a connection of its own while it is served, so a slow one
delays no other; what became of their events shares commits.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial

import httpx2
import structlog

from hub.access.authentication.keys import revoked
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.secret import derive
from hub.db import Clock, Connection, Lease, fail_point
from hub.db.turns import Convoy
from hub.delivery import store as positions
from hub.delivery import subscription_store as store
from hub.delivery import webhook_message
from hub.delivery.addresses import Network
from hub.delivery.endpoint import Endpoint
from hub.delivery.outbox import step
from hub.delivery.retention import forget_old
from hub.delivery.subscription_store import MOST, Delivery, Subscription
from hub.delivery.webhook_message import Answered, Judged
from hub.errors import Conflict, Refused
from hub.golden_record.store import StoredChange, last_seq

log = structlog.get_logger()

BATCH = 50  # events of one endpoint between two commits
ROUNDS = 20  # batches of one endpoint in one go: then it is looked at again whether it is still to be served
FORGET_SECONDS = 21_600  # between two looks for what is too old to be kept
REST_SECONDS = 10.0  # after a fault of the hub's own, until an endpoint is served again
STEPS = 10  # takings of changes in one unit, while none of them is wanted
HIDDEN = "was tried before; the view does not show it any more"
TOGETHER = 2000  # events whose outcomes share a commit


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of what was in a thread's hands: (delivery, state, microseconds to wait, answer)."""

    one: Subscription
    settled: Sequence[tuple[Delivery, str, int, Answered]]
    away: bool = False
    gone: bool = False


class SubscriptionConsumer:
    """A subscription as a consumer of the outbox: of each change that it asked for a delivery waits."""

    def __init__(self, subscription: Subscription, clock: Clock):
        self.name, self.view = store.consumer_name(subscription.id), subscription.role
        self.subscription, self.clock = subscription, clock

    def ready(self, connection: Connection) -> bool:
        """While it is active; it ends with the key that made it."""
        current = store.subscription(connection, self.subscription.id)
        if current is None or current.state != "active":
            return False
        if revoked(connection, current.principal):
            store.set_state(connection, current.id, "disabled", "the key that made it was revoked")
            return False
        self.subscription = current
        return True

    def take(self, connection: Connection, changes: Sequence[StoredChange]) -> None:
        mine = self.subscription
        events = [
            (c.seq, c.id, c.customer, c.at)
            for c in changes
            if webhook_message.wants(mine.types, mine.attributes, c.type, c.kind, c.attributes)
        ]
        store.take_up(connection, mine.id, events, self.clock.now())


class Webhooks:
    """Sends what waits. One process at a time: its holder has the lease 'webhooks'."""

    def __init__(self, reader: Reader, networks: Sequence[Network] = (), lease: Lease | None = None):
        self.reader, self.database, self.networks, self.lease = reader, reader.database, tuple(networks), lease
        self.outcomes: Counter[str] = Counter()
        self._convoy = Convoy(lambda: self.database.unit(urgent=False), TOGETHER)  # a commit waits for the disk
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="webhooks")
        self._busy: dict[str, Future[None]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._resting: dict[str, float] = {}
        self._forget_at = 0.0
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def close(self) -> None:
        """What is in the threads' hands is kept; nothing more is sent."""
        self._closing.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for endpoint in self._endpoints.values():
            endpoint.close()

    def run(self) -> Counter[str]:
        """Everything that is due now, to its end."""
        before = Counter(self.outcomes)
        while self.start():
            for future in list(self._busy.values()):
                future.result()
        return self.outcomes - before

    def start(self) -> int:
        """Serve each endpoint that has something to send and is not being served. How many are. Does not wait, and
        writes nothing when there is nothing to do."""
        for id in [i for i, f in self._busy.items() if f.done()]:
            self._ended(id, self._busy.pop(id))
        self._forget()
        for id in self._waiting():
            self._busy[id] = self._threads.submit(self._serve, id)
        return len(self._busy)

    def _forget(self) -> None:
        """From time to time: deliveries that came to an end long ago leave the log."""
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_SECONDS
            forget_old(self.database)

    def _waiting(self) -> list[str]:
        """Subscriptions that nobody serves, and for which there is something to do now."""
        now, rested = self.database.clock.now(), time.monotonic()
        with self.database.read() as connection:
            end, some, came = last_seq(connection), store.with_some(connection, now), positions.positions(connection)
            return [
                s.id
                for s in store.subscriptions(connection)
                if s.state == "active"
                and s.next_at <= now
                and s.id not in self._busy
                and self._resting.get(s.id, 0.0) <= rested
                and (
                    came.get(store.consumer_name(s.id), 0) < end
                    or (s.id in some and store.due(connection, s.id, now, 1))
                )
            ]

    def _ended(self, id: str, future: Future[None]) -> None:
        """A fault of the hub's own at one endpoint is told and harms no other; a lost lease ends them all."""
        error = future.exception()
        if isinstance(error, Conflict):
            raise error
        if error is not None:
            log.error("webhooks failed", subscription=id, error=type(error).__name__)
            self._resting[id] = time.monotonic() + REST_SECONDS

    def _serve(self, id: str) -> None:
        """Some batches of one endpoint: what became of one is kept in the transaction that takes the next."""
        outcome: _Outcome | None = None
        for left in reversed(range(ROUNDS)):
            turn = partial(self._turn, id, outcome, left > 0 and not self._closing.is_set())
            taken = self._convoy.run(turn, len(outcome.settled) if outcome else 1)
            fail_point("attempt saved" if outcome else "claimed")
            if taken is None:
                return
            outcome = self._deliver(*taken)

    def _turn(
        self, id: str, before: _Outcome | None, more: bool, connection: Connection
    ) -> tuple[Subscription, list[Delivery]] | None:
        """Keep what became of a batch, and take the next. None: nothing is due, or the endpoint is left alone."""
        if self.lease is not None:
            self.lease.check(connection)  # whoever lost it sends no more
        now = self.database.clock.now()
        if before is not None:
            self._settle(connection, before, now)
        one = store.subscription(connection, id)
        if not more or one is None or one.next_at > now:
            return None
        consumer = SubscriptionConsumer(one, self.database.clock)
        if not consumer.ready(connection):  # of what waits already nothing goes either
            return None
        taken = store.due(connection, id, now, BATCH)
        for _ in range(STEPS):
            if taken:
                break
            if not step(connection, consumer, positions.position(connection, consumer.name)):
                return None
            taken = store.due(connection, id, now, BATCH)
        return one, taken

    def _deliver(self, one: Subscription, taken: Sequence[Delivery]) -> _Outcome:
        """Send each, in today's view, until the endpoint is found away."""
        with self.reader.stated(one.role, one.purpose):
            seen = self.reader.told(self.asking(one), [d.seq for d in taken])
        settled: list[tuple[Delivery, str, int, Answered]] = []
        for delivery in taken:
            change = seen.get(delivery.seq)
            if change is None or not webhook_message.wants(
                one.types, one.attributes, change.customer_type, change.type, change.attributes
            ):
                settled.append((delivery, "hidden", 0, Answered(0, HIDDEN)))
                continue
            answer = self.send(one, change.id, webhook_message.encoded(webhook_message.event(change, one.attributes)))
            verdict: Judged = webhook_message.judge(answer, delivery.attempts, delivery.event)
            settled.append((delivery, verdict.status, verdict.wait, answer))
            if verdict.away or verdict.gone or self._closing.is_set():  # the rest stays as it is
                return _Outcome(one, settled, verdict.away, verdict.gone)
        return _Outcome(one, settled)

    def _settle(self, connection: Connection, outcome: _Outcome, now: int) -> None:
        one, settled = outcome.one, outcome.settled
        good = any(status == "done" for _, status, _, _ in settled)
        failed = any(status == "dead" or wait for _, status, wait, _ in settled)
        since = None if good or not failed else one.failing_since or now
        forgotten = [d.id for d, status, _, _ in settled if status == "hidden" and not d.tried]
        store.settle(
            connection,
            [
                {
                    "id": d.id,
                    "attempts": d.attempts,
                    "status": "dropped" if status == "hidden" else status,
                    "next_at": now + wait,
                    "code": d.code if status == "hidden" else a.code,
                    "detail": a.detail[:500],
                    "at": d.at if status == "hidden" else now,
                }
                for d, status, wait, a in settled
                if d.id not in forgotten
            ],
        )
        store.forget(connection, forgotten)
        if outcome.gone:
            store.set_state(connection, one.id, "disabled", "the endpoint answered 410: it wants no more")
        elif since is not None and now - since >= webhook_message.GIVE_UP:
            store.set_state(connection, one.id, "disabled", "the endpoint took nothing for five days")
        elif (good or failed) and (since, outcome.away) != (one.failing_since, False):
            store.set_health(connection, one.id, since, now + webhook_message.AWAY if outcome.away else 0)
        with self._lock:
            self.outcomes.update("waiting" if status == "pending" else status for _, status, _, _ in settled)

    def asking(self, one: Subscription) -> Principal:
        """In whose name a subscription's events are seen."""
        return Principal(one.principal, one.owner, "staff", one.role)

    def secret(self, one: Subscription, generation: int) -> bytes:
        """Made of the hub's secret: nothing in the database signs."""
        return secret_of(self.reader, one.id, generation)

    def send(self, one: Subscription, event: str, body: bytes) -> Answered:
        """One try. Never raises for what an endpoint does."""
        now = self.database.clock.now()
        secrets = [self.secret(one, g) for g in webhook_message.live(one.generation, one.rotated_at, now)]
        endpoint = self._endpoints.setdefault(one.id, Endpoint(self.networks))
        try:
            headers = webhook_message.headers(event, now, body, secrets)
            answer = endpoint.post(one.url, headers, body, before=lambda: fail_point("pre-send"))
        except Refused as error:
            return Answered(0, f"{error}: {error.faults[0].what}" if error.faults else str(error))
        except (OSError, httpx2.InvalidURL) as error:
            return Answered(0, f"no answer ({type(error).__name__})")
        fail_point("post-send")
        detail = "" if 200 <= answer.status < 300 else f"answered {answer.status}"
        return Answered(answer.status, detail, _wait(answer.headers.get("retry-after"), now))


def secret_of(reader: Reader, id: str, generation: int) -> bytes:
    return derive(reader.delivery_key, f"{id}/{generation}")


def _wait(text: str | None, now: int) -> float | None:
    """Seconds of a Retry-After: a number or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now / webhook_message.SECOND)
    except (ValueError, TypeError):
        return None
