"""Blocking keys, of the living and of the dead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Connection, Index
from sqlmodel import SQLModel

from hub import db
from hub.db import big, table

if TYPE_CHECKING:
    import pyarrow as pa


class KeyRow(SQLModel, table=True):
    """Blocking keys of living records."""

    __tablename__: ClassVar[str] = "match_key"
    __table_args__ = (Index("match_key_of", "rid"), {"sqlite_with_rowid": False})
    key: int = big(primary_key=True)
    rid: int = big(primary_key=True)


class DeadKeyRow(SQLModel, table=True):
    """Blocking keys of dead records: only heirs are found through them."""

    __tablename__: ClassVar[str] = "dead_key"
    __table_args__ = (Index("dead_key_of", "rid"), {"sqlite_with_rowid": False})
    key: int = big(primary_key=True)
    rid: int = big(primary_key=True)


def keys_of(connection: Connection, rids: Iterable[int], *, dead: bool = False) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    name = "dead_key" if dead else "match_key"
    for key, rid in db.ask(connection, f"SELECT key, rid FROM {name} WHERE rid IN {{ids}}", ids=rids):
        found.setdefault(rid, set()).add(key)
    return found


def holders(
    connection: Connection, keys: Iterable[int], cap: int, *, dead: bool = False, more: int = 0
) -> dict[int, set[int]]:
    """Who holds each key; blocks far over the cap come truncated at cap + 2 + more, which says that they are over."""
    name = "dead_key" if dead else "match_key"
    limit = int(cap) + 2 + more
    if connection.dialect.name == "sqlite":  # a prepared look-up a key: json_each with LIMIT would need a lateral join
        one = f"SELECT rid FROM {name} WHERE key = :key LIMIT :limit"
        each = ((k, {r for (r,) in db.ask(connection, one, key=k, limit=limit)}) for k in keys)
        return {k: members for k, members in each if members}
    found: dict[int, set[int]] = {}
    query = (
        f"SELECT k.key, m.rid FROM unnest(:keys::bigint[]) AS k(key)"
        f" CROSS JOIN LATERAL (SELECT rid FROM {name} WHERE key = k.key LIMIT :limit) AS m"
    )
    for key, rid in db.ask(connection, query, keys=list(keys), limit=limit):
        found.setdefault(key, set()).add(rid)
    return found


def change_keys(
    connection: Connection, gone: Sequence[tuple[int, int]], new: Sequence[tuple[int, int]], *, dead: bool = False
) -> None:
    """Drop and add (key, rid)."""
    name = "dead_key" if dead else "match_key"
    db.do_many(connection, f"DELETE FROM {name} WHERE key=:key AND rid=:rid", [{"key": k, "rid": r} for k, r in gone])
    db.insert_many(connection, table(DeadKeyRow if dead else KeyRow), ("key", "rid"), new)
    db.fail_point("candidates")


def fill_keys(connection: Connection, parts: Iterable[Sequence[tuple[int, int]]], *, dead: bool = False) -> None:
    """(key, rid) into an empty table, in order: the fast way."""
    row = table(DeadKeyRow if dead else KeyRow)
    with db.indexed_afterwards(connection, row):
        for part in parts:
            db.insert_many(connection, row, ("key", "rid"), part)
    db.fail_point("candidates")


def all_keys(connection: Connection, *, dead: bool = False) -> pa.Table:
    """key, rid of every type."""
    return db.arrow(
        connection,
        f"SELECT key, rid FROM {'dead_key' if dead else 'match_key'}",
        {"key": "int64", "rid": "int64"},
    )
