"""What write-back does not do by itself: dead letters, refused or changed back; and streams where it would be too much."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.db import Units
from hub.delivery import store
from hub.delivery.store import HeldWrites
from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.model import RecordId

__all__ = ["DeadLetter", "DeadWrites", "HeldWrites"]

_NEW = re.compile(r"new:(\d{1,18})")  # in place of the key of a record that was to be made


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was not written, or not made: then its key is `new:` and a number, and it says for which record."""

    record: RecordId
    status: str
    attempts: int
    detail: str
    at: int
    made_for: RecordId | None = None


class DeadWrites:
    """Listed, tried again, given up."""

    def __init__(self, database: Units):
        self.database = database

    def all(self, limit: int = 50) -> list[DeadLetter]:
        """The newest first."""
        with self.database.read() as connection:
            found = store.dead(connection, limit)
            new = landing.refused_creations(connection, limit)
            infos = landing.records(connection, [*(d.rid for d in found), *(c.rid for c in new)])
        letters = [DeadLetter(infos[d.rid].id, d.status, d.attempts, d.detail, d.at) for d in found]
        letters += [
            DeadLetter(
                RecordId(c.source, c.stream, f"new:{c.id}"), c.status, c.attempts, c.detail, c.at, infos[c.rid].id
            )
            for c in new
        ]
        return sorted(letters, key=lambda d: (-d.at, d.record))[:limit]

    def retry(self, record: RecordId | None = None) -> int:
        """Refused ones wait again, one or all. How many. NotFound when the one that is named was not refused."""
        now = self.database.clock.now()
        with self.database.unit() as connection:
            if record is None:
                return store.retry(connection, None, now) + landing.retry_creations(connection, now)
            rid, new = self._named(connection, record)
            count = store.retry(connection, rid, now) if new is None else landing.retry_creations(connection, now, new)
        if not count:
            raise _none(record)
        return count

    def drop(self, record: RecordId, reason: str) -> None:
        """Give one up, until its golden record changes again."""
        now = self.database.clock.now()
        with self.database.unit() as connection:
            rid, new = self._named(connection, record)
            if not (
                store.drop(connection, rid, reason, now)
                if new is None
                else landing.drop_creation(connection, new, reason, now)
            ):
                raise _none(record)

    def held(self) -> list[HeldWrites]:
        """Streams that wait until somebody confirms what would be written to them."""
        with self.database.read() as connection:
            return [h for h in store.held(connection) if not h.confirmed_by]

    def confirm(self, source: str, stream: str, *, by: str) -> None:
        """What waits for a stream now may be written, all of it. NotFound when it is not held."""
        with self.database.unit() as connection:
            if not store.confirm(connection, source, stream, by, self.database.clock.now()):
                fault = Fault(f"{source}.{stream}", "nothing is held", "see: hub status")
                raise NotFound("nothing waits for a confirmation there", [fault])

    def _named(self, connection: Connection, record: RecordId) -> tuple[int, int | None]:
        """(the record's number, None), or (0, the number of what was to be made)."""
        info = landing.record_named(connection, record)
        if info is not None:
            return info.rid, None
        found = _NEW.fullmatch(record.key)
        creation = landing.creation(connection, int(found[1])) if found else None
        if creation is None or (creation.source, creation.stream) != (record.source, record.stream):
            raise _none(record)
        return 0, creation.id


def _none(record: RecordId) -> NotFound:
    return NotFound("no such dead letter", [Fault(str(record), "unknown, or not dead", "see: hub write-back list")])
