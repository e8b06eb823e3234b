"""Subscriptions and what is sent for them: who is told of which changes, and how each delivery went. The only SQL on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table

MOST = 200  # subscriptions of one hub
WAITS = "status IN ('pending', 'sending')"  # the second by a version before, which marked what it had in its hands
LOGGED = f"(NOT {WAITS} OR attempts > 0 OR code > 0 OR detail <> '')"  # tried, as of `Delivery.tried`


class SubscriptionRow(SQLModel, table=True):
    """Who is told of changes, where, in whose view. How far: the position of that consumer of the outbox."""

    __tablename__: ClassVar[str] = "subscription"
    id: str = Field(primary_key=True)
    name: str
    principal: str  # the key that made it; only its holder and admins see it
    role: str
    purpose: str
    types: str  # JSON; empty: all that the view shows
    attributes: str  # JSON; empty: all that the view shows
    url: str
    owner: str
    state: str  # active | paused | disabled
    reason: str = ""
    generation: int = 1  # of its secret
    rotated_at: int | None = big(nullable=True, default=None)
    failing_since: int | None = big(nullable=True, default=None)
    next_at: int = big()  # nothing is tried before: the whole endpoint was away
    at: int = big()


class DeliveryRow(SQLModel, table=True):
    """One event for one subscription: what waits, and the log of what went."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (
        Index("delivery_event", "subscription", "seq", unique=True),
        Index("delivery_next", "subscription", "status", "next_at"),
        Index("delivery_customer", "subscription", "customer", "seq"),
    )
    id: int = big(primary_key=True)
    subscription: str
    seq: int = big()
    event: str
    customer: str
    changed_at: int = big()
    status: str  # pending | done | dead | dropped
    attempts: int = 0
    next_at: int = big()
    code: int = 0  # the last answer's HTTP status; 0: none came
    detail: str = ""
    at: int = big()


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    name: str
    principal: str
    role: str
    purpose: str
    types: tuple[str, ...]
    attributes: tuple[str, ...]
    url: str
    owner: str
    state: str
    reason: str
    generation: int
    rotated_at: int | None
    failing_since: int | None
    next_at: int
    at: int


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    subscription: str
    seq: int
    event: str
    customer: str
    changed_at: int
    status: str
    attempts: int
    next_at: int
    code: int
    detail: str
    at: int

    @property
    def tried(self) -> bool:
        """May its receiver have it? Also where it waits to be sent again."""
        return self.attempts > 0 or self.code > 0 or self.detail != ""


SUBSCRIPTION = tuple(Subscription.__dataclass_fields__)
DELIVERY = tuple(Delivery.__dataclass_fields__)
_SUBSCRIPTION, _DELIVERY = ", ".join(SUBSCRIPTION), ", ".join(DELIVERY)


def consumer_name(id: str) -> str:
    """The name under which a subscription reads the outbox."""
    return f"webhook {id}"


def _subscription(row: db.Row) -> Subscription:
    named = dict(zip(SUBSCRIPTION, row, strict=True))
    return Subscription(
        **{**named, "types": tuple(db.load(named["types"])), "attributes": tuple(db.load(named["attributes"]))}
    )


def save(connection: Connection, s: Subscription) -> None:
    named = {c: getattr(s, c) for c in SUBSCRIPTION}
    named |= {"types": db.dump(s.types), "attributes": db.dump(s.attributes)}
    db.upsert_many(connection, table(SubscriptionRow), SUBSCRIPTION, [tuple(named.values())])


def subscription(connection: Connection, id: str) -> Subscription | None:
    found = db.ask(connection, f"SELECT {_SUBSCRIPTION} FROM subscription WHERE id = :id", id=id)
    return _subscription(found[0]) if found else None


def subscriptions(connection: Connection) -> list[Subscription]:
    """All, the oldest first."""
    return [_subscription(r) for r in db.ask(connection, f"SELECT {_SUBSCRIPTION} FROM subscription ORDER BY at, id")]


def remove(connection: Connection, id: str) -> None:
    db.delete_numbered(connection, table(DeliveryRow), "id", "subscription = :id", id=id)
    db.do(connection, "DELETE FROM subscription WHERE id = :id", id=id)


def set_state(connection: Connection, id: str, state: str, reason: str) -> None:
    db.do(
        connection,
        "UPDATE subscription SET state = :state, reason = :reason, failing_since = NULL, next_at = 0 WHERE id = :id",
        id=id,
        state=state,
        reason=reason[:500],
    )


def set_health(connection: Connection, id: str, failing_since: int | None, next_at: int) -> None:
    db.do(
        connection,
        "UPDATE subscription SET failing_since = :since, next_at = :next_at WHERE id = :id",
        id=id,
        since=failing_since,
        next_at=next_at,
    )


def take_up(connection: Connection, subscription: str, events: Iterable[tuple[int, str, str, int]], now: int) -> None:
    """Events to be sent: (position, id, customer, time of the change)."""
    first = db.next_number(connection, table(DeliveryRow), "id")
    rows = [
        (first + n, subscription, seq, event, customer, changed, "pending", 0, now, 0, "", now)
        for n, (seq, event, customer, changed) in enumerate(events)
    ]
    db.insert_many(connection, table(DeliveryRow), DELIVERY, rows)


def with_some(connection: Connection, now: int) -> set[str]:
    """Subscriptions of which something waits whose time has come. An earlier event of its customer may hold it still."""
    query = f"SELECT DISTINCT subscription FROM delivery WHERE {WAITS} AND next_at <= :now"
    return {str(r[0]) for r in db.ask(connection, query, now=now)}


def due(connection: Connection, subscription: str, now: int, limit: int) -> list[Delivery]:
    """What can go now: of each customer the earliest that waits, and no other, so that a customer's events keep their order."""
    found = db.ask(
        connection,
        f"SELECT {_DELIVERY} FROM delivery WHERE subscription = :s AND {WAITS} AND next_at <= :now AND seq IN"
        f" (SELECT min(seq) FROM delivery WHERE subscription = :s AND {WAITS} GROUP BY customer) ORDER BY seq LIMIT :n",
        s=subscription,
        now=now,
        n=limit,
    )
    return [Delivery(*r) for r in found]


def settle(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """What became of what was sent, unless somebody else settled it: rows of id, attempts (before), status, next_at, code, detail, at."""
    db.do_many(
        connection,
        "UPDATE delivery SET status = :status, attempts = attempts + 1, next_at = :next_at, code = :code,"
        f" detail = :detail, at = :at WHERE id = :id AND attempts = :attempts AND {WAITS}",
        rows,
    )


def forget(connection: Connection, ids: Iterable[int]) -> None:
    """No trace of them stays."""
    db.delete_numbered(connection, table(DeliveryRow), "id", "id IN {ids}", ids=ids)


def log(
    connection: Connection, subscription: str, status: str | None, before: str | None, limit: int
) -> list[Delivery]:
    """Deliveries that were tried, the newest first; `before`: an event. What was not tried yet may be hidden from the subscriber."""
    found = db.ask(
        connection,
        f"SELECT {_DELIVERY} FROM delivery WHERE subscription = :s AND {LOGGED}"
        " AND (:newest = 1 OR seq < (SELECT max(seq) FROM delivery WHERE subscription = :s AND event = :before))"
        " AND (:any = 1 OR status = :status) ORDER BY seq DESC LIMIT :n",
        s=subscription,
        newest=int(before is None),
        before=before or "",
        any=int(status is None),
        status=status or "",
        n=limit,
    )
    return [Delivery(*r) for r in found]


def of_customers(connection: Connection, customers: Iterable[str], limit: int) -> list[Delivery]:
    """Deliveries of these customers that were tried, the newest first."""
    found = db.ask(
        connection,
        f"SELECT {_DELIVERY} FROM delivery WHERE customer IN {{ids:text}} AND {LOGGED} ORDER BY seq DESC LIMIT :n",
        ids=sorted(customers),
        n=limit,
    )
    return [Delivery(*r) for r in found]


def retry(connection: Connection, subscription: str, now: int, event: str | None = None) -> int:
    """Dead letters wait again, one or all. How many."""
    found = db.ask(
        connection,
        "SELECT id FROM delivery WHERE subscription = :s AND status = 'dead' AND (:all = 1 OR event = :event)",
        s=subscription,
        all=int(event is None),
        event=event or "",
    )
    _again(connection, [r[0] for r in found], now)
    return len(found)


def replay(connection: Connection, subscription: str, since: int, until: int, now: int) -> int:
    """Send again what was sent, dead or dropped of a range of time, the same ids. How many."""
    found = db.ask(
        connection,
        "SELECT id FROM delivery WHERE subscription = :s AND changed_at >= :since AND changed_at < :until"
        f" AND NOT {WAITS}",
        s=subscription,
        since=since,
        until=until,
    )
    _again(connection, [r[0] for r in found], now)
    return len(found)


def _again(connection: Connection, ids: Iterable[int], now: int) -> None:
    """What is known of the last try stays: it tells that there was one."""
    db.do(
        connection,
        "UPDATE delivery SET status = 'pending', attempts = 0, next_at = :now WHERE id IN {ids}",
        ids=ids,
        now=now,
    )


def drop(connection: Connection, subscription: str, event: str, reason: str, now: int) -> bool:
    """Give a dead letter up. Was there one?"""
    found = db.ask(
        connection,
        "SELECT id FROM delivery WHERE event = :event AND subscription = :s AND status = 'dead'",
        event=event,
        s=subscription,
    )
    if found:
        db.do(
            connection,
            "UPDATE delivery SET status = 'dropped', detail = :reason, at = :now WHERE id = :id",
            id=found[0][0],
            reason=reason[:500],
            now=now,
        )
    return bool(found)


def totals(connection: Connection) -> dict[str, dict[str, int]]:
    """Deliveries by subscription and state."""
    found: dict[str, dict[str, int]] = {}
    query = "SELECT subscription, status, count(*) FROM delivery GROUP BY subscription, status"
    for subscription, status, count in db.ask(connection, query):
        found.setdefault(str(subscription), {})[str(status)] = int(count)
    return found


def old(connection: Connection, before: int, limit: int) -> list[int]:
    """Some of the deliveries that came to an end before a time: numbers."""
    query = "SELECT id FROM delivery WHERE at < :before AND status IN ('done', 'dropped', 'dead') ORDER BY id LIMIT :n"
    return [int(r[0]) for r in db.ask(connection, query, before=before, n=limit)]


def told_of(connection: Connection, customers: Iterable[str]) -> list[str]:
    """Subscriptions that were, or are to be, told of one of these customers."""
    query = "SELECT DISTINCT subscription FROM delivery WHERE customer IN {ids:text} ORDER BY subscription"
    return [s for (s,) in db.ask(connection, query, ids=list(customers))]


def with_nothing_left(connection: Connection, customers: Iterable[str]) -> set[str]:
    """Subscriptions for which no event of these customers waits. Of those that were told of one."""
    query = (
        "SELECT subscription, max(CASE WHEN status = 'pending' THEN 1 ELSE 0 END) FROM delivery"
        " WHERE customer IN {ids:text} GROUP BY subscription"
    )
    return {s for s, waiting in db.ask(connection, query, ids=list(customers)) if not waiting}
