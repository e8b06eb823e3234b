"""How we are doing: each day counted from what is stored, never added to; what stands only now is kept once a day.

A day is counted again while it may still change: the last eight, each hour. `hub report --since` counts older ones again,
as after a history was loaded. All days and hours are those of UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from hub import db
from hub.figures.owners import homes_of, owners_of
from hub.golden_record import lookups
from hub.golden_record.store import StoredCustomer
from hub.interactions import listed_store as happened
from hub.interactions.store import of_records
from hub.landing import store as landing
from hub.landing.store import StoredVersion
from hub.matching import store as matching_store
from hub.matching.store import decisions
from hub.model import from_micros, plain, to_micros
from hub.settings import Config, InteractionType, WorkList
from hub.tasks import lists
from hub.tasks.task import Task
from hub.work import performance_store as store
from hub.work.performance_store import Measured
from hub.work.status import status

By = Literal["hour", "day", "month"]

MEASURES: Mapping[str, str] = {
    "contacts": "what happened, by type and channel: n, the seconds it took, what it cost",
    "sales": "by type with an amount: n, the amount. States that do not count are left out",
    "first_contact": "contacts by channel: n; part: those after which the same customer had no other within seven days",
    "opened": "what came onto a list: n",
    "answered": "of what came onto a list on that day, what is done: n; part: in time; the seconds that it took, together",
    "decisions": "verdicts by steward: n",
    "backlog": "at the end of the day, or now: n on a list, part: overdue, the seconds since they happened, together",
    "lag": "at the end of the day, or now: n changes that a consumer was not told yet; seconds since the oldest",
    "filled": "by source and attribute: n records; part: with a value",
    "valid": "by source and attribute: n with a value; part: valid",
    "conflicting": "by source and attribute: n with a value; part: none of which is golden",
    "stale": "by source and attribute: n with a value; part: not said for two years",
}
OF_DAYS = ("contacts", "sales", "first_contact", "opened", "answered", "decisions")
OF_NOW = ("backlog", "lag")
OF_QUALITY = ("filled", "valid", "conflicting", "stale")
HOURLY = ("contacts", "sales")  # told by the hour too
DAY, HOUR = 86_400_000_000, 3_600_000_000
SETTLES = 8  # days that are counted again: a contact is the last one if none follows in seven
AGAIN = 7 * DAY
STALE = 2 * 365 * DAY
AT_ONCE = 1_000
LONGEST = 400  # days that are told at once


# --- reading ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToldMeasure:
    """A number of an hour, a day or a month that begins at a time."""

    at: datetime
    measured: Measured


def told(
    database: db.Units, config: Config, measures: Sequence[str], since: date, until: date, by: By = "day"
) -> list[ToldMeasure]:
    """Numbers from a day on, before another. By the hour: of measures that are told so. By the month: added up, but of
    what stands, of which the last day is told."""
    with database.read() as connection:
        if by == "hour":
            asked = [m for m in measures if m in HOURLY]
            return [
                ToldMeasure(from_micros(at), m) for at, m in _counted(connection, config, _micros(since), _micros(until), HOUR) if m.measure in asked
            ]  # fmt: skip
        rows = store.between(connection, measures, since.isoformat(), until.isoformat())
    if by == "day":
        return [ToldMeasure(_begin(date.fromisoformat(r.day)), r) for r in rows]
    return [ToldMeasure(_begin(date.fromisoformat(f"{r.day[:7]}-01")), r) for r in _by_month(rows)]


def _by_month(rows: Iterable[Measured]) -> Iterator[Measured]:
    found: dict[tuple[str, ...], Measured] = {}
    last: dict[tuple[str, str], str] = {}
    for r in rows:
        month, standing = r.day[:7], r.measure not in OF_DAYS
        name = (month, r.measure, r.what, r.by, r.currency)
        was = found.get(name)
        if standing:
            last[month, r.measure] = r.day
        if was is None or standing:
            found[name] = r
        else:
            found[name] = was._replace(
                n=was.n + r.n, part=was.part + r.part, seconds=was.seconds + r.seconds, amount=was.amount + r.amount
            )
    for r in found.values():
        if r.measure in OF_DAYS or last[r.day[:7], r.measure] == r.day:
            yield r


# --- keeping ------------------------------------------------------------------------------------------


def keep(database: db.Units, config: Config, since: date | None = None) -> int:
    """Count the last days again, or all from one on, and what stands now; how many days."""
    now = database.clock.now()
    today = from_micros(now).date()
    first = min(since or today, today - timedelta(days=SETTLES - 1))
    days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    for day in days:
        with database.read() as connection:
            rows = list(measured(connection, config, day, now))
        _replace(database, day, OF_DAYS, rows)
    _replace(database, today, OF_NOW, list(_standing(database, config, today, now)))
    with database.read() as connection:
        known = store.has(connection, today.isoformat(), "filled")
    if not known:
        _replace(database, today, OF_QUALITY, list(_quality(database, config, today, now)))
    return len(days)


def _replace(database: db.Units, day: date, measures: Sequence[str], rows: Sequence[Measured]) -> None:
    with database.unit(urgent=False) as connection:
        store.replace(connection, day.isoformat(), measures, rows)


def measured(connection: Connection, config: Config, day: date, now: int) -> Iterator[Measured]:
    """What a day brought."""
    since, name = _micros(day), day.isoformat()
    for _, row in _counted(connection, config, since, since + DAY, DAY):
        yield row
    yield from _first_contact(connection, config, name, since)
    for of in config.lists.values():
        yield from _answered(connection, config, of, name, since, now)
    for steward, verdict, n in decisions.made_between(connection, since, since + DAY):
        yield Measured(name, "decisions", verdict, steward, n=n)


def _counted(
    connection: Connection, config: Config, since: int, until: int, step: int
) -> Iterator[tuple[int, Measured]]:
    """Contacts and sales in [since, until), by stretches of `step` from its begin on; of each when it began."""
    found: dict[tuple[int, str, str, str, str], Measured] = {}

    def add(at: int, row: Measured) -> None:
        name = (at, row.measure, row.what, row.by, row.currency)
        was = found.get(name)
        if was is not None:
            row = row._replace(n=was.n + row.n, seconds=was.seconds + row.seconds, amount=was.amount + row.amount)
        found[name] = row

    for type_name, kind in config.interactions.items():
        for c in happened.counts(connection, type_name, _states(kind), since=since, until=until, step=step):
            at = since + c.stretch * step
            day = from_micros(at).date().isoformat()
            add(at, Measured(day, "contacts", type_name, c.channel, c.cost_currency, c.n, 0, c.seconds, c.cost))
            if c.currency and c.state not in kind.void:
                add(at, Measured(day, "sales", type_name, "", c.currency, c.n, amount=c.amount))
    for (at, *_), row in sorted(found.items()):
        yield at, row


def _states(kind: InteractionType) -> tuple[str, ...]:
    return ("", *(kind.attributes[kind.state].options if kind.state else ()))


def _first_contact(connection: Connection, config: Config, day: str, since: int) -> Iterator[Measured]:
    types = [n for n, kind in config.interactions.items() if kind.contact]
    n, alone = Counter[str](), Counter[str]()
    for type_name in types:
        states = _states(config.interactions[type_name])
        for part in db.chunks(happened.happened(connection, type_name, states, since=since, until=since + DAY)):
            homes = homes_of(connection, config, {h.owner for h in part})
            named = owners_of(connection, config, set(homes.values()))
            cluster_of = {id: cluster for cluster, ids in named.items() for id in ids}
            times: dict[int, list[int]] = {}
            for later in happened.later(connection, cluster_of, types, since=since):
                times.setdefault(cluster_of[later.owner], []).append(later.at)
            channels = happened.channels_of(connection, [h.rid for h in part])
            for h in part:
                channel, cluster = channels[h.rid], homes.get(h.owner)
                n[channel] += 1
                alone[channel] += not any(h.at < t <= h.at + AGAIN for t in times.get(cluster or -1, ()))
    for channel in sorted(n):
        yield Measured(day, "first_contact", channel, n=n[channel], part=alone[channel])


def _answered(
    connection: Connection, config: Config, of: WorkList, day: str, since: int, now: int
) -> Iterator[Measured]:
    """What came onto a list on a day; what of it is done, and how long that took."""
    kind = config.interactions[of.of]
    states = of.when or _states(kind)
    rows = list(happened.oldest_first(connection, of.of, states, since=since, until=since + DAY))
    done: list[tuple[Task, int]] = []
    for part in db.chunks(rows):
        done += _done_at(connection, [t for t in lists.tasks_of(connection, config, of, part, now) if t.done])
    if rows:
        yield Measured(day, "opened", of.name, n=len(rows))
    if done:
        in_time = sum(t.due is None or at <= t.due for t, at in done)
        seconds = sum(max(0, at - t.row.at) for t, at in done) // 1_000_000
        yield Measured(day, "answered", of.name, n=len(done), part=in_time, seconds=seconds)


def _done_at(connection: Connection, done: Sequence[Task]) -> Iterator[tuple[Task, int]]:
    """When each was done: as somebody said so, as what ended it happened, or as its source said so."""
    enders = of_records(connection, [t.ended_by for t in done if t.ended_by is not None])
    said = landing.latest_versions(connection, [t.row.rid for t in done])
    for t in done:
        if t.ended_by is not None:
            yield t, enders[t.ended_by].at
        elif t.state == t.hold.state and t.hold.stood_at is not None:
            yield t, t.hold.stood_at
        elif t.row.rid in said:
            yield t, _since(said[t.row.rid])


def _since(version: StoredVersion) -> int:
    return version.at if version.observed is None else version.observed


def _standing(database: db.Units, config: Config, today: date, now: int) -> Iterator[Measured]:
    """What is to be done now, and how far the hub is behind."""
    day = today.isoformat()
    with database.read() as connection:
        for name in config.lists:
            todo = list(lists.on_list(connection, config, name, now))
            age = sum(max(0, now - t.row.at) for t in todo) // 1_000_000
            yield Measured(day, "backlog", name, n=len(todo), part=sum(t.overdue for t in todo), seconds=age)
    found = status(database, config)
    yield Measured(day, "backlog", "reviews", n=found.reviews)
    yield Measured(day, "backlog", "records to resolve", n=found.pending)
    yield Measured(day, "lag", "changes", n=found.behind, seconds=found.lag)
    for (source, stream), pull in found.pulls.items():
        if pull is not None and pull.ended:
            yield Measured(day, "lag", f"{source}.{stream}", seconds=max(0, now - pull.ended) // 1_000_000)


def _quality(database: db.Units, config: Config, today: date, now: int) -> Iterator[Measured]:
    """Of each source and attribute how much is filled, valid, golden and fresh."""
    records: Counter[tuple[str, str]] = Counter()
    counts = {m: Counter[tuple[str, str, str]]() for m in OF_QUALITY}
    after = ""
    while True:
        with database.read() as connection:
            page = lookups.every_customer_after(connection, after, AT_ONCE)
            _look(connection, page, records, counts, now)
        if len(page) < AT_ONCE:
            break
        after = page[-1].id
    day = today.isoformat()
    for (source, stream), n in sorted(records.items()):
        given = config.stream(source, stream)
        for attribute in sorted(given.map) if given else ():
            name = (source, stream, attribute)
            filled = counts["filled"][name]
            for measure in OF_QUALITY:
                of = n if measure == "filled" else filled
                yield Measured(day, measure, f"{source}.{stream}", attribute, n=of, part=counts[measure][name])


def _look(
    connection: Connection,
    page: Sequence[StoredCustomer],
    records: Counter[tuple[str, str]],
    counts: Mapping[str, Counter[tuple[str, str, str]]],
    now: int,
) -> None:
    members = matching_store.members_of(connection, [c.cluster for c in page])
    every = [r for rids in members.values() for r in rids]
    infos, held = landing.records(connection, every), matching_store.held(connection, every)
    for customer in page:
        for rid in members.get(customer.cluster, ()):
            id = infos[rid].id
            records[id.source, id.stream] += 1
            for attribute, h in held.get(rid, {}).items():
                if not h.cell.values:
                    continue
                name = (id.source, id.stream, attribute)
                golden = customer.values.get(attribute, [])
                counts["filled"][name] += 1
                counts["valid"][name] += h.cell.valid
                counts["conflicting"][name] += not any(plain(v) in golden for v in h.cell.values)
                counts["stale"][name] += now - (h.time or now) > STALE


def _micros(day: date) -> int:
    return to_micros(_begin(day))


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
