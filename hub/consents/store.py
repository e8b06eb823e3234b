"""What people agreed or objected to, by the name of a record. The only SQL on this table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import Field, SQLModel

from hub import db
from hub.consents.statement import LIFTED, RESTRICTED, ConsentSaid, Statement
from hub.db import big, table
from hub.model import RecordId


class ConsentRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "consent"
    __table_args__ = (
        Index("consent_owner", "owner_source", "owner_stream", "owner_key"),
        Index("consent_state", "state"),
    )
    rid: int = big(primary_key=True)
    owner_source: str
    owner_stream: str
    owner_key: str
    purpose: str
    channel: str
    state: str
    at: int = big()
    text: str
    how: str
    place: str = Field()


COLUMNS = (
    *("rid", "owner_source", "owner_stream", "owner_key"),
    *("purpose", "channel", "state", "at", "text", "how", "place"),
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM consent"


def save(connection: Connection, found: Iterable[tuple[int, Statement]]) -> None:
    rows = [
        (rid, *s.owner, v.purpose, v.channel, v.state, v.at, v.text, v.how, v.where)
        for rid, s in found
        for v in (s.said,)
    ]
    db.upsert_many(connection, table(ConsentRow), COLUMNS, rows)


def remove(connection: Connection, rids: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM consent WHERE rid IN {ids}", ids=list(rids))


def whole(connection: Connection, rids: Iterable[int]) -> dict[int, Statement]:
    """Rows as they were read."""
    return {r[0]: _statement(r) for r in db.ask(connection, f"{SELECT} WHERE rid IN {{ids}}", ids=list(rids))}


def of_owners(connection: Connection, owners: Iterable[RecordId]) -> dict[RecordId, dict[int, Statement]]:
    """Statements by owner and row, of these owners. Empty at once where nobody ever said anything."""
    found: dict[RecordId, dict[int, Statement]] = {}
    if not db.exists(connection, "consent"):
        return found
    by_stream: dict[tuple[str, str], list[str]] = {}
    for owner in sorted(set(owners)):
        by_stream.setdefault(owner[:2], []).append(owner.key)
    query = f"{SELECT} WHERE owner_source = :source AND owner_stream = :stream AND owner_key IN {{keys:text}}"
    for (source, stream), keys in by_stream.items():
        for row in db.ask(connection, query, source=source, stream=stream, keys=keys):
            statement = _statement(row)
            found.setdefault(statement.owner, {})[row[0]] = statement
    return found


def any_restriction(connection: Connection) -> bool:
    """Was anybody ever restricted?"""
    query = "SELECT 1 FROM consent WHERE state IN {states:text} LIMIT 1"
    return bool(db.ask(connection, query, states=[RESTRICTED, LIFTED]))


def _statement(row: db.Row) -> Statement:
    _, source, stream, key, *said = row
    return Statement(RecordId(source, stream, key), ConsentSaid(*said))


def owned_by(connection: Connection, owners: Iterable[RecordId]) -> list[int]:
    """The rows that name one of these records."""
    return db.naming(connection, "consent", ("owner",), owners)
