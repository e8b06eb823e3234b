"""What is too much to send to a stream at once: then nothing goes until somebody confirms it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Connection

from hub.db import Units
from hub.delivery import store
from hub.delivery.store import HeldWrites
from hub.delivery.write_back import Plan
from hub.landing import store as landing
from hub.settings import Stream
from hub.settings.sources import MassGuard


def held_back(
    database: Units,
    source: str,
    stream: str,
    given: Stream,
    plans: Callable[[int], Iterable[Plan]],
    new: Callable[[int], Iterable[object]],
    check: Callable[[Connection], None],
) -> str:
    """Why nothing is written to a stream now: it would be more at once than its guards let through, and nobody confirmed
    it. Else nothing. What somebody confirmed is not counted: that is what waited then, and nothing that came after.

    plans, new: what would be written and made of what waits from later than a time (microseconds), looked at no further
    than it takes to tell; check: raises when the lease is lost.
    """
    assert given.write_back is not None
    back, now = given.write_back, database.clock.now()
    with database.read() as connection:
        held = _held(connection, source, stream)
        since = held.at if held is not None and held.confirmed_by else 0
        due = _due(connection, source, stream, now, since)
        fewest = min(back.guard.number, back.guard_deletes.number) if back.removes else back.guard.number
        living = landing.living_count(connection, source, stream) if due > fewest else 0
    writes, deletes = _most(back.guard, living), _most(back.guard_deletes, living)
    if held is not None and not held.confirmed_by and due == held.due:
        return _refused("more than its guards let through", source, stream)
    if due > fewest and (much := _too_much(plans(since), new(since), writes, deletes)):
        with database.unit(urgent=False) as connection:
            check(connection)
            store.hold(connection, source, stream, _due(connection, source, stream, now), now)
        return _refused(much, source, stream)
    if held is not None and not held.confirmed_by:
        with database.unit(urgent=False) as connection:
            store.release(connection, source, stream)
    return ""


def written_through(database: Units, source: str, stream: str, check: Callable[[Connection], None]) -> None:
    """After a push: a confirmation ends with the last of what waited when it was given."""
    with database.read() as connection:
        held = _held(connection, source, stream)
        if held is None or not held.confirmed_by or _waits_since(connection, held):
            return
    with database.unit(urgent=False) as connection:
        check(connection)
        store.release(connection, source, stream)


def _held(connection: Connection, source: str, stream: str) -> HeldWrites | None:
    return next((h for h in store.held(connection) if (h.source, h.stream) == (source, stream)), None)


def _due(connection: Connection, source: str, stream: str, now: int, since: int = 0) -> int:
    written = store.due_count(connection, source, stream, now, since)
    return written + landing.due_creations(connection, source, stream, now, since)


def _waits_since(connection: Connection, held: HeldWrites) -> bool:
    of = held.source, held.stream, held.at
    return store.waits_since(connection, *of) or landing.creation_waits_since(connection, *of)


def _most(guard: MassGuard, living: int) -> int:
    return max(guard.number, int(guard.share * living))


def _too_much(plans: Iterable[Plan], new: Iterable[object], writes: int, deletes: int) -> str:
    """What would be too much; empty when nothing is. Most of what waits may have nothing to write."""
    written = removed = 0
    for made, removes in _each(plans, new):
        written, removed = written + made, removed + removes
        if removed > deletes:
            return f"more than {deletes:,} records (write_back.guard_deletes)"
        if written > writes:
            return f"more than {writes:,} records"
    return ""


def _each(plans: Iterable[Plan], new: Iterable[object]) -> Iterator[tuple[bool, bool]]:
    """Of each record: is it written to, is it removed?"""
    yield from ((plan.writes, plan.writes and bool(plan.removal)) for plan in plans)
    yield from ((True, False) for _ in new)


def _refused(much: str, source: str, stream: str) -> str:
    return (
        f"{much} would be written to or removed at once: nothing is, until somebody confirms it;"
        f" see hub push --dry-run, then hub write-back confirm {source} {stream}"
    )
