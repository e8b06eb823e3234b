"""Dead letters of write-back: what a source refused for good, or keeps changing back."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.db import Units
from hub.delivery import store
from hub.delivery.store import DeadWrite
from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.model import RecordId


class DeadWrites:
    """Listed, tried again, given up."""

    def __init__(self, database: Units):
        self.database = database

    def all(self, limit: int = 50) -> list[tuple[RecordId, DeadWrite]]:
        """With their records, the newest first."""
        with self.database.read() as connection:
            found = store.dead(connection, limit)
            infos = landing.records(connection, [d.rid for d in found])
        return [(infos[d.rid].id, d) for d in found]

    def retry(self, record: RecordId | None = None) -> int:
        """Refused ones wait again, one or all. How many. NotFound when the one that is named was not refused."""
        with self.database.unit() as connection:
            rid = None if record is None else self._rid(connection, record)
            count = store.retry(connection, rid, self.database.clock.now())
        if record is not None and not count:
            raise _none(record)
        return count

    def drop(self, record: RecordId, reason: str) -> None:
        """Give one up, until its golden record changes again."""
        with self.database.unit() as connection:
            if not store.drop(connection, self._rid(connection, record), reason, self.database.clock.now()):
                raise _none(record)

    def _rid(self, connection: Connection, record: RecordId) -> int:
        info = landing.record_named(connection, record)
        if info is None:
            raise _none(record)
        return info.rid


def _none(record: RecordId) -> NotFound:
    return NotFound("no such dead letter", [Fault(str(record), "unknown, or not dead", "see: hub write-back list")])
