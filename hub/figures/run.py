"""Loads what figures are made of, works them out, and keeps who is in which segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub import db
from hub.figures import store
from hub.figures.counted import FiguresOf
from hub.figures.owners import owners_of
from hub.golden_record import lookups
from hub.golden_record.store import StoredCustomer
from hub.interactions import tally_store
from hub.interactions.tally import Tally
from hub.model import RecordId, from_micros
from hub.settings import Config

AT_ONCE = 1_000  # customers looked at together


def customers(
    connection: Connection, config: Config, found: Iterable[StoredCustomer], now: int
) -> dict[str, FiguresOf]:
    """What figures are worked out from, by customer id."""
    by_cluster = {c.cluster: c for c in found}
    named = owners_of(connection, config, by_cluster)
    owners: dict[RecordId, int] = {id: cluster for cluster, ids in named.items() for id in ids}
    made = {c.id: FiguresOf(config, c.type, c.values, [], now) for c in by_cluster.values()}
    tallies: dict[str, list[Tally]] = {id: [] for id in made}
    for tally in tally_store.of(connection, owners):
        tallies[by_cluster[owners[tally.owner]].id].append(tally)
    for id, customer in made.items():
        customer.tallies = tallies[id]
    return made


@dataclass(frozen=True, slots=True)
class SegmentsCounted:
    """How many customers were looked at, and how many each segment has."""

    customers: int
    segments: Mapping[str, int]


def count_segments(database: db.Units, config: Config) -> SegmentsCounted:
    """Find out anew who is in which segment, some customers at a time."""
    names, looked_at, after = sorted(config.figures.segments), 0, ""
    found = dict.fromkeys(names, 0)
    while names:
        with database.read() as connection:
            now = database.clock.now()
            page = lookups.every_customer_after(connection, after, AT_ONCE)
            made = customers(connection, config, page, now)
            within = {s: [id for id in sorted(made) if made[id].within(s)] for s in names}
        last = page[-1].id if len(page) == AT_ONCE else None
        with database.unit(urgent=False) as connection:
            for segment, ids in within.items():
                store.replace(connection, segment, after, last, ids)
                found[segment] += len(ids)
        looked_at += len(page)
        if last is None:
            break
        after = last
    with database.unit(urgent=False) as connection:
        now = database.clock.now()
        for gone in set(store.segments(connection)) - set(names):
            store.forget(connection, gone)
        for segment, n in found.items():
            day = from_micros(now).date().isoformat()
            store.save_count(connection, segment, store.DayCount(day, n, now))
    return SegmentsCounted(looked_at, found)
