"""What happened, by its type, state and time, whoever owns it: for lists and counts. Reads the rows of `store` alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from typing import NamedTuple

from sqlalchemy import Connection

from hub import db
from hub.interactions.store import SELECT, StoredInteraction, stored
from hub.interactions.tally_store import held_sum
from hub.model import RecordId

TOGETHER = 500  # rows that are loaded at once


class Happened(NamedTuple):
    """That something happened, and how it stands: no more of it."""

    rid: int
    type: str
    state: str
    at: int
    owner: RecordId


HAPPENED = "SELECT rid, type, state, at, owner_source, owner_stream, owner_key FROM interaction"


class Counts(NamedTuple):
    """How many in a stretch of time, with their sums in minor units."""

    stretch: int
    channel: str
    state: str
    currency: str
    cost_currency: str
    n: int
    seconds: int
    amount: int
    cost: int


def counts(
    connection: Connection, type_name: str, states: Iterable[str], *, since: int, until: int, step: int
) -> list[Counts]:
    """Of a type in [since, until), by stretches of so many microseconds."""
    query = (
        "SELECT (at - :since) / :step AS stretch, channel, state, currency, cost_currency, count(*), sum(seconds),"
        f" {held_sum('amount')}, {held_sum('cost')} FROM interaction WHERE type = :type AND state IN {{states:text}} AND at >= :since"
        " AND at < :until GROUP BY stretch, channel, state, currency, cost_currency"
    )
    found = db.ask(connection, query, type=type_name, states=list(states), since=since, until=until, step=step)
    return [Counts(*r[:5], *map(int, r[5:])) for r in found]


def happened(
    connection: Connection, type_name: str, states: Iterable[str], *, since: int, until: int
) -> list[Happened]:
    """All of a type in [since, until)."""
    query = f"{HAPPENED} WHERE type = :type AND state IN {{states:text}} AND at >= :since AND at < :until ORDER BY rid"
    found = db.ask(connection, query, type=type_name, states=list(states), since=since, until=until)
    return [_happened(r) for r in found]


def channels_of(connection: Connection, rids: Iterable[int]) -> dict[int, str]:
    return dict(db.ask(connection, "SELECT rid, channel FROM interaction WHERE rid IN {ids}", ids=list(rids)))


def oldest_first(
    connection: Connection, type_name: str, states: Iterable[str], *, since: int, until: int = 2**62
) -> Iterator[StoredInteraction]:
    """All of a type in these states in [since, until), in the order in which they happened; loaded as far as is asked."""
    each = [_in_state(connection, type_name, state, since, until) for state in sorted(set(states))]
    return merge(*each, key=lambda r: (r.at, r.rid))


def _in_state(
    connection: Connection, type_name: str, state: str, since: int, until: int
) -> Iterator[StoredInteraction]:
    query = (
        f"{SELECT} WHERE type = :type AND state = :state AND (at, rid) > (:at, :rid) AND at < :until"
        " ORDER BY at, rid LIMIT :limit"
    )
    at, rid = since, -1
    while rows := db.ask(connection, query, type=type_name, state=state, at=at, rid=rid, until=until, limit=TOGETHER):
        yield from (last := [stored(r) for r in rows])
        if len(rows) < TOGETHER:
            return
        at, rid = last[-1].at, last[-1].rid


def later(connection: Connection, owners: Iterable[RecordId], types: Iterable[str], *, since: int) -> list[Happened]:
    """What of these types happened with any of these owners after a time."""
    by_stream: dict[tuple[str, str], list[str]] = {}
    for owner in sorted(set(owners)):
        by_stream.setdefault(owner[:2], []).append(owner.key)
    wanted, found = sorted(set(types)), list[Happened]()
    query = (
        f"{HAPPENED} WHERE owner_source = :source AND owner_stream = :stream AND owner_key IN {{keys:text}}"
        " AND at > :since AND type IN {types:text}"
    )
    for (source, stream), keys in by_stream.items():
        for row in db.ask(connection, query, source=source, stream=stream, keys=keys, since=since, types=wanted):
            found.append(_happened(row))
    return found


def states_of(connection: Connection, rids: Iterable[int]) -> dict[int, str]:
    return dict(db.ask(connection, "SELECT rid, state FROM interaction WHERE rid IN {ids}", ids=list(rids)))


def _happened(row: db.Row) -> Happened:
    rid, name, state, at, *of = row
    return Happened(rid, name, state, at, RecordId(*of))


class OfferResponse(NamedTuple):
    """An interaction with a reference to an offer."""

    rid: int
    reference: str
    at: int
    cost: int
    cost_currency: str
    owner: RecordId


def responses(connection: Connection, references: Iterable[str], *, since: int, limit: int) -> list[OfferResponse]:
    """With one of these references, from a time on, in the order in which they happened."""
    query = (
        "SELECT rid, reference, at, cost, cost_currency, owner_source, owner_stream, owner_key FROM interaction"
        " WHERE reference <> '' AND reference IN {references:text} AND at >= :since ORDER BY at, rid LIMIT :limit"
    )
    found = db.ask(connection, query, references=sorted(references), since=since, limit=limit)
    return [OfferResponse(rid, r, at, cost, in_, RecordId(*of)) for rid, r, at, cost, in_, *of in found]


def references(connection: Connection) -> list[tuple[str, int, int, int]]:
    """(reference, how many, first, last), the most frequent first."""
    query = (
        "SELECT reference, count(*), min(at), max(at) FROM interaction WHERE reference <> ''"
        " GROUP BY reference ORDER BY count(*) DESC, reference"
    )
    return [(r, n, first, last) for r, n, first, last in db.ask(connection, query)]


def amounts_of(connection: Connection, rids: Iterable[int]) -> dict[int, tuple[int, str]]:
    """What rows are worth, in minor units of a currency; those that say none are left out."""
    query = "SELECT rid, amount, currency FROM interaction WHERE rid IN {ids} AND currency <> ''"
    return {rid: (amount, currency) for rid, amount, currency in db.ask(connection, query, ids=list(rids))}
