"""Webhooks: changes taken up for each subscription, rendered in today's view when sent, signed, tried again, logged.

Order is kept per customer. Each endpoint has a thread of its own while it is served, so a slow one delays no other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx2

from hub.access.keys import revoked
from hub.access.principals import Principal
from hub.access.read import Reader
from hub.access.secret import derive
from hub.access.seen import SeenChange
from hub.db import Clock, Connection, Lease, fail_point
from hub.delivery import subscription_store as store
from hub.delivery import webhook
from hub.delivery.addresses import Network, place_of
from hub.delivery.outbox import read_on
from hub.delivery.subscription_store import Delivery, Subscription
from hub.delivery.webhook import Answered, Judged
from hub.errors import Refused
from hub.golden_record.store import StoredChange

BATCH = 20  # events of one endpoint between two commits
ROUNDS = 50  # batches of one endpoint in one go: then whoever waits for its thread has a turn
THREADS = 16
TIMEOUT = httpx2.Timeout(15.0, connect=5.0)


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
        events = [(c.seq, c.id, c.customer, c.at) for c in changes if webhook.wants(mine.types, mine.attributes, c)]
        store.take_up(connection, mine.id, events, self.clock.now())


class Webhooks:
    """Sends what waits. One process at a time: its holder has the lease 'webhooks'."""

    def __init__(self, reader: Reader, networks: Sequence[Network] = (), lease: Lease | None = None):
        self.reader, self.database, self.networks, self.lease = reader, reader.database, tuple(networks), lease
        self.outcomes: Counter[str] = Counter()
        self._client = httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
        self._busy: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._fresh = True

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def run(self) -> Counter[str]:
        """Everything that is due now, to its end."""
        before = Counter(self.outcomes)
        self.start()
        for future in list(self._busy.values()):
            future.result()
        return self.outcomes - before

    def start(self) -> None:
        """Take up what changed, and serve each endpoint that has something due and is not being served. Does not wait.
        Writes nothing when there is nothing to do."""
        if self._fresh:
            with self.database.read() as connection:
                left = store.unfinished(connection)
            if left:
                with self.database.unit(urgent=False) as connection:
                    self._check(connection)
                    store.recover(connection)
            self._fresh = False
        with self.database.read() as connection:
            everyone = [s for s in store.subscriptions(connection) if s.state == "active"]
        for one in everyone:
            if self._take_up(one) or self._due(one):
                running = self._busy.get(one.id)
                if running is None or running.done():
                    self._busy[one.id] = self._threads.submit(self._serve, one.id)

    def _check(self, connection: Connection) -> None:
        if self.lease is not None:
            self.lease.check(connection)

    def _due(self, one: Subscription) -> bool:
        now = self.database.clock.now()
        with self.database.read() as connection:
            return one.next_at <= now and bool(store.due(connection, one.id, now, 1))

    def _take_up(self, one: Subscription) -> bool:
        """Changes since the last time -> deliveries. Was there any change?"""
        return read_on(self.database, SubscriptionConsumer(one, self.database.clock), check=self._check)

    def _serve(self, id: str) -> None:
        for _ in range(ROUNDS):
            if not self._batch(id):
                return

    def _batch(self, id: str) -> bool:
        """Claim some, send them, settle them. False when nothing is due or the endpoint is away."""
        with self.database.unit(urgent=False) as connection:
            self._check(connection)
            now, current = self.database.clock.now(), store.subscription(connection, id)
            if current is None or current.state != "active" or current.next_at > now:
                return False
            taken = store.due(connection, id, now, BATCH)
            store.claim(connection, [d.id for d in taken])
        if not taken:
            return False
        fail_point("claimed")
        with self.reader.stated(current.role, current.purpose):
            seen = self.reader.told(self.asking(current), [d.seq for d in taken])
        settled: list[tuple[Delivery, str, int, Answered]] = []
        away, gone = False, False
        for delivery in taken:
            change = seen.get(delivery.seq)
            if away or gone:
                settled.append((delivery, "pending", 0, Answered(delivery.code, delivery.detail)))
            elif change is None or not _left(change, current.attributes):
                settled.append((delivery, "hidden", 0, Answered(0)))
            else:
                answer = self.send(current, change.id, webhook.encoded(webhook.event(change, current.attributes)))
                verdict: Judged = webhook.judge(answer, delivery.attempts, delivery.event)
                away, gone = verdict.away, verdict.gone
                settled.append((delivery, verdict.status, verdict.wait, answer))
        self._settle(current, settled, away=away, gone=gone)
        return not away and not gone

    def _settle(
        self, one: Subscription, settled: Sequence[tuple[Delivery, str, int, Answered]], *, away: bool, gone: bool
    ) -> None:
        now = self.database.clock.now()
        good = any(status == "done" for _, status, _, _ in settled)
        failed = any(status == "dead" or wait for _, status, wait, _ in settled)
        since = None if good or not failed else one.failing_since or now
        with self.database.unit(urgent=False) as connection:
            self._check(connection)
            store.settle(
                connection,
                [
                    {
                        "id": d.id,
                        "attempts": d.attempts,
                        "status": status,
                        "tried": int(status in ("done", "dead") or wait > 0),
                        "next_at": now + wait,
                        "code": a.code,
                        "detail": a.detail[:500],
                        "at": now,
                    }
                    for d, status, wait, a in settled
                ],
            )
            store.forget(connection, [d.id for d, status, _, _ in settled if status == "hidden"])
            if gone:
                store.set_state(connection, one.id, "disabled", "the endpoint answered 410: it wants no more")
            elif since is not None and now - since >= webhook.GIVE_UP:
                store.set_state(connection, one.id, "disabled", "the endpoint took nothing for five days")
            elif good or failed:
                store.set_health(connection, one.id, since, now + webhook.AWAY if away else 0)
        with self._lock:
            self.outcomes.update("waiting" if status == "pending" else status for _, status, _, _ in settled)
        fail_point("attempt saved")

    def asking(self, one: Subscription) -> Principal:
        """In whose name a subscription's events are seen."""
        return Principal(one.principal, one.owner, "staff", one.role)

    def secret(self, one: Subscription, generation: int) -> bytes:
        """Made of the hub's secret: nothing in the database signs."""
        return secret_of(self.reader, one.id, generation)

    def send(self, one: Subscription, event: str, body: bytes) -> Answered:
        """One try. Never raises for what an endpoint does."""
        now = self.database.clock.now()
        secrets = [self.secret(one, g) for g in webhook.live(one.generation, one.rotated_at, now)]
        try:
            place = place_of(one.url, self.networks)
            url = httpx2.URL(one.url)
            headers = {**webhook.headers(event, now, body, secrets), "host": url.netloc.decode()}
            request = self._client.build_request(
                "POST",
                url.copy_with(host=place.address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": place.host},
            )
            fail_point("pre-send")
            answer = self._client.send(request, stream=True)
            answer.close()  # of its body nothing is wanted
        except Refused as error:
            return Answered(0, f"{error}: {error.faults[0].what}" if error.faults else str(error))
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Answered(0, f"no answer ({type(error).__name__})")
        fail_point("post-send")
        detail = "" if answer.is_success else f"answered {answer.status_code}"
        return Answered(answer.status_code, detail, _wait(answer.headers.get("retry-after"), now))


def secret_of(reader: Reader, id: str, generation: int) -> bytes:
    return derive(reader.delivery_key, f"{id}/{generation}")


def _left(change: SeenChange, attributes: Sequence[str]) -> bool:
    """Is anything to tell after the subscription's own filter? The view took what it does not show before."""
    return not attributes or change.type != "updated" or not set(attributes).isdisjoint(change.attributes)


def _wait(text: str | None, now: int) -> float | None:
    """Seconds of a Retry-After: a number or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now / webhook.SECOND)
    except (ValueError, TypeError):
        return None
