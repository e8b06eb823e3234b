"""A mirror holds what it should from its first push on: every customer is looked at once, and again when its settings change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from hub.db import Units
from hub.delivery import creating, store
from hub.delivery.outbox import Check
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.model import digest
from hub.settings import Stream, WriteBack

LOOKED_AT = 1000  # records in one unit


def look_at_all(database: Units, streams: Mapping[tuple[str, str], Stream], check: Check, *, advance: bool) -> None:
    """Every record and every customer of mirrors that were not looked at whole yet, some in each unit."""
    for (source, stream), given in streams.items():
        back = given.write_back
        if back is None or back.mode != "mirror":
            continue
        name, stamp = f"mirror, {source}.{stream}", _stamp(back)
        with database.read() as connection:
            known = store.positions_in(connection, stamp).get(name)
            last = landing.last_record(connection)
        mark = known or 0
        while mark < last:
            with database.unit(urgent=False) as connection:
                check(connection)
                mark = max(mark, store.positions_in(connection, stamp).get(name, 0))  # another may have been at it
                found = landing.records_after(connection, mark, LOOKED_AT)
                mark = found[-1].rid if found else last
                _take(connection, (source, stream), given, found, database.clock.now())
                if advance:
                    store.move(connection, name, stamp, mark)


def _take(connection: Connection, name: tuple[str, str], given: Stream, found: Sequence[RecordInfo], now: int) -> None:
    here = [info for info in found if info.alive and (info.id.source, info.id.stream) == name]
    store.wake(connection, [(info.rid, *name, 0) for info in here], now)
    homes = matching_store.clusters_of(connection, [info.rid for info in found if info.alive])
    members = matching_store.members_of(connection, set(homes.values()))
    infos = landing.records(connection, {r for m in members.values() for r in m})
    creating.want(connection, {name: given}, members, infos, now)


def _stamp(back: WriteBack) -> str:
    """Of what says which customers have a record there."""
    return digest([back.mode, back.deletes, back.when.model_dump(mode="json")])
