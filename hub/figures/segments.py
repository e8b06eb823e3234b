"""Who is in which segment: found out anew, some customers at a time, and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub import db
from hub.figures import store
from hub.figures.customers import customers
from hub.golden_record import lookups
from hub.model import from_micros
from hub.settings import Config

AT_ONCE = 1_000  # customers looked at together


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
