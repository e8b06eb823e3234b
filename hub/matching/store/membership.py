"""The cluster of each living record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table
from hub.model import RecordId

if TYPE_CHECKING:
    import pyarrow as pa
from hub.matching.store.standardised import of_type


class MembershipRow(SQLModel, table=True):
    """The cluster of each living record, named by its earliest-born member."""

    __tablename__: ClassVar[str] = "membership"
    __table_args__ = (Index("membership_cluster", "cluster"),)
    rid: int = big(primary_key=True)
    cluster: int = big()


def all_homes(connection: Connection, type_name: str, *, living: bool = False) -> pa.Table:
    """rid, cluster; `living`: not of those that died and are not settled yet."""
    query = (
        f"SELECT m.rid, m.cluster FROM membership m JOIN standardised s ON s.rid = m.rid WHERE {of_type(type_name)}"
        + (" AND s.died IS NULL" if living else "")
    )
    return db.arrow(connection, query, {"rid": "int64", "cluster": "int64"})


def clusters_of(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    return dict(db.ask(connection, "SELECT rid, cluster FROM membership WHERE rid IN {ids}", ids=rids))


def members_of(connection: Connection, clusters: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for rid, name in db.ask(connection, "SELECT rid, cluster FROM membership WHERE cluster IN {ids}", ids=clusters):
        found.setdefault(name, set()).add(rid)
    return found


def companions(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    """The clusters of these records and of all records in those clusters."""
    query = "SELECT rid, cluster FROM membership WHERE cluster IN (SELECT cluster FROM membership WHERE rid IN {ids})"
    return dict(db.ask(connection, query, ids=rids))


def homes(connection: Connection) -> dict[RecordId, int]:
    """Every record in a cluster, by name."""
    query = "SELECT r.source, r.stream, r.key, m.cluster FROM record r JOIN membership m ON m.rid = r.rid"
    return {RecordId(source, stream, key): name for source, stream, key, name in db.ask(connection, query)}


def save_membership(connection: Connection, gone: Iterable[int], new: Mapping[int, int]) -> None:
    db.do(connection, "DELETE FROM membership WHERE rid IN {ids}", ids=gone)
    db.upsert_many(connection, table(MembershipRow), ("rid", "cluster"), list(new.items()))


def by_source(connection: Connection) -> list[tuple[str, str, int, int]]:
    """Of all records that are part of a customer: source, customer type, how many records, how many customers."""
    query = (
        "SELECT r.source, r.type, count(*), count(DISTINCT m.cluster) FROM membership m JOIN record r ON r.rid = m.rid"
        " GROUP BY r.source, r.type ORDER BY r.source, r.type"
    )
    return [(source, type_, records, customers) for source, type_, records, customers in db.ask(connection, query)]
