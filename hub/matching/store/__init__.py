"""Matching's tables, a file for each: standardised values, keys, pairs, decisions, membership, heirs, models.

The only SQL on these tables. Ids here are record numbers (`rid`); names are put back by callers where order matters.
"""

<<<<<<< HEAD
from hub.matching.store.decisions import (
    DECISION,
    DecisionRow,
    StoredDecision,
    add_decision,
    decided_since,
    decision,
    decisions_connected,
    decisions_touching,
    last_decision,
    named,
    standing_decisions,
    withdraw_decision,
)
from hub.matching.store.heirs import (
    HeirNearRow,
    HeirRow,
    any_dead,
    dead_near,
    drop_heirs,
    followers,
    heirs,
    led_to,
    returned,
    save_heirs,
    save_near,
    settled_dead,
)
from hub.matching.store.keys import DeadKeyRow, KeyRow, all_keys, change_keys, fill_keys, holders, keys_of
from hub.matching.store.membership import (
    MembershipRow,
    all_homes,
    clusters_of,
    companions,
    homes,
    members_of,
    save_membership,
)
from hub.matching.store.models import (
    MODEL,
    ModelRow,
    StoredModel,
    add_model,
    models,
    promote,
    promoted,
    promoted_hashes,
)
from hub.matching.store.pairs import (
    PairRow,
    StoredPair,
    all_pairs,
    all_weights,
    insert_pairs,
    pairs_touching,
    save_pairs,
    weights_touching,
)
from hub.matching.store.standardised import (
    STANDARDISED,
    Standardised,
    StandardisedRow,
    all_forms,
    deaths,
    drop_standardised,
    forms,
    held,
    held_from,
    held_json,
    living,
    living_at,
    living_of,
    save_standardised,
    sketches,
    standardised,
    standardised_types,
    to_standardise,
    with_values,
=======
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import orjson
from sqlalchemy import Column, Connection, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.landing.fold import Held, Taken
from hub.model import Cell, Decision, Pair, RecordId, Verdict, from_plain, plain

if TYPE_CHECKING:
    import pyarrow as pa


class StandardisedRow(SQLModel, table=True):
    """What a source itself says of a record, cleaned, and its comparison forms."""

    __tablename__: ClassVar[str] = "standardised"
    rid: int = big(primary_key=True)
    type: str
    recipe: str = Field(index=True)
    landed: int = big()  # the newest version folded in
    born: int = big()  # landing of its first live version, as settled
    died: int | None = big(nullable=True, default=None)  # landing of the tombstone that held, as settled
    sketch: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # see hub.matching.sketch
    cells: str = Field(sa_column=Column(Text, nullable=False))
    forms: str = Field(sa_column=Column(Text, nullable=False))
    problems: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


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


class PairRow(SQLModel, table=True):
    """Candidate pairs worth keeping, by rid (left < right), with the parts of their weight."""

    __tablename__: ClassVar[str] = "pair"
    __table_args__ = (Index("pair_right", "right"), {"sqlite_with_rowid": False})
    left: int = big(primary_key=True)
    right: int = big(primary_key=True)
    weight: int = big()
    parts: str = Field(sa_column=Column(Text, nullable=False))


class DecisionRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "decision"
    __table_args__ = (
        Index("decision_left", "left"),
        Index("decision_right", "right"),
        Index("decision_origin", "origin"),
    )
    id: int = big(primary_key=True)
    left: int = big()
    right: int = big()
    verdict: str
    reason: str
    by: str
    at: int = big()
    left_content: str = ""  # what it was made on
    right_content: str = ""
    weight: int | None = big(nullable=True, default=None)  # of the pair then, where it was a stored one
    withdrawn_at: int | None = big(nullable=True, default=None)
    withdrawn_by: str = ""
    withdrawn_why: str = ""
    origin: str = ""  # the act that made it: merge, split ... so that one undo takes all back


class MembershipRow(SQLModel, table=True):
    """The cluster of each living record, named by its earliest-born member."""

    __tablename__: ClassVar[str] = "membership"
    __table_args__ = (Index("membership_cluster", "cluster"),)
    rid: int = big(primary_key=True)
    cluster: int = big()


class HeirRow(SQLModel, table=True):
    """Where the id of a dead record goes: its heir, and the living record that this ends at."""

    __tablename__: ClassVar[str] = "heir"
    __table_args__ = (Index("heir_of", "heir"), Index("heir_leads", "leads"))
    rid: int = big(primary_key=True)
    heir: int | None = big(nullable=True, default=None)
    leads: int | None = big(nullable=True, default=None)


class HeirNearRow(SQLModel, table=True):
    """The records that a dead record's heir was found among: when one changes, it is found anew."""

    __tablename__: ClassVar[str] = "heir_near"
    __table_args__ = (Index("heir_near_member", "member"), {"sqlite_with_rowid": False})
    rid: int = big(primary_key=True)
    member: int = big(primary_key=True)


class ModelRow(SQLModel, table=True):
    __tablename__: ClassVar[str] = "model"
    id: int = big(primary_key=True)
    type: str
    hash: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    trained_at: int = big()
    promoted_at: int | None = big(nullable=True, default=None)
    status: str = "candidate"  # candidate | promoted | retired


@dataclass(frozen=True, slots=True)
class Standardised:
    rid: int
    held: Mapping[str, Held]
    forms: Mapping[str, Any]
    born: int
    died: int | None
    landed: int
    recipe: str


def held_json(held: Mapping[str, Held]) -> str:
    """Held cells, compactly: values, time, version, then what is rarely there, and at the end what is rarer still."""
    packed: dict[str, list[Any]] = {}
    for attribute, h in held.items():
        cell = h.cell
        row: list[Any] = [[plain(v) for v in cell.values], h.time, h.landed]
        past = bool(h.since or h.taken)
        if past or cell != Cell(cell.values):
            row.extend([int(cell.cleared), int(cell.valid), cell.date, cell.start, cell.end])
        if past:
            row.extend([h.since, [[plain(t.value), t.at, *([1] if t.hashed else [])] for t in h.taken]])
        packed[attribute] = row
    return db.dump(packed)


def held_from(packed: str) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for attribute, row in orjson.loads(packed).items():
        values = tuple([v if type(v) is str else from_plain(v) for v in row[0]])
        cell = Cell(values) if len(row) == 3 else Cell(values, bool(row[3]), bool(row[4]), row[5], row[6], row[7])
        since, taken = row[8:10] if len(row) > 8 else ((), ())
        found[attribute] = Held(
            cell, row[1], row[2], tuple(since), tuple([Taken(from_plain(t[0]), t[1], len(t) > 2) for t in taken])
        )
    return found


# --- standardised -----------------------------------------------------------------------------

STANDARDISED = ("rid", "type", "recipe", "landed", "born", "died", "sketch", "cells", "forms", "problems")


def standardised(connection: Connection, rids: Iterable[int]) -> dict[int, Standardised]:
    statement = "SELECT rid, cells, forms, born, died, landed, recipe FROM standardised WHERE rid IN {ids}"
    return {
        rid: Standardised(rid, held_from(cells), db.load(forms_), born, died, landed, recipe)
        for rid, cells, forms_, born, died, landed, recipe in db.ask(connection, statement, ids=rids)
    }


def held(connection: Connection, rids: Iterable[int], recipe: str | None = None) -> dict[int, dict[str, Held]]:
    """What records hold, by attribute; of a recipe's alone, when one is named."""
    found = db.ask(connection, "SELECT rid, recipe, cells FROM standardised WHERE rid IN {ids}", ids=rids)
    return {rid: held_from(cells) for rid, made_by, cells in found if recipe in (None, made_by)}


def forms(connection: Connection, rids: Iterable[int]) -> dict[int, dict[str, Any]]:
    loads = orjson.loads
    return {
        rid: loads(found)
        for rid, found in db.ask(connection, "SELECT rid, forms FROM standardised WHERE rid IN {ids}", ids=rids)
    }


def sketches(connection: Connection, rids: Iterable[int], recipe: str) -> dict[int, bytes]:
    """Of those that were standardised by a recipe: another's are laid out in another way."""
    return dict(
        db.ask(
            connection,
            "SELECT rid, sketch FROM standardised WHERE recipe = :recipe AND rid IN {ids}",
            recipe=recipe,
            ids=rids,
        )
    )


def living(connection: Connection, rids: Iterable[int]) -> dict[int, str]:
    """Living standardised records and their types."""
    return dict(db.ask(connection, "SELECT rid, type FROM standardised WHERE died IS NULL AND rid IN {ids}", ids=rids))


def deaths(connection: Connection, rids: Iterable[int]) -> dict[int, int]:
    """Of those that are settled as dead: the landing of their tombstone."""
    return dict(
        db.ask(connection, "SELECT rid, died FROM standardised WHERE died IS NOT NULL AND rid IN {ids}", ids=rids)
    )


def living_at(connection: Connection, rids: Iterable[int], since: int) -> set[int]:
    """Of these, the living and those that died then or later, as they are settled."""
    return {
        r
        for (r,) in db.ask(
            connection,
            "SELECT rid FROM standardised WHERE (died IS NULL OR died >= :since) AND rid IN {ids}",
            ids=rids,
            since=since,
        )
    }


def standardised_types(connection: Connection, rids: Iterable[int]) -> dict[int, str]:
    """The customer types of those that are standardised."""
    return dict(db.ask(connection, "SELECT rid, type FROM standardised WHERE rid IN {ids}", ids=rids))


def living_of(connection: Connection, type_name: str) -> list[int]:
    """The living records of a type."""
    query = "SELECT rid FROM standardised WHERE type = :type AND died IS NULL ORDER BY rid"
    return [rid for (rid,) in db.ask(connection, query, type=type_name)]


def with_values(connection: Connection, type_name: str, attribute: str) -> list[int]:
    """Records of a type that hold a value of an attribute."""
    query = "SELECT rid FROM standardised WHERE type = :type AND cells LIKE :holds"
    holds = f'%"{attribute}":[["%'  # cells are JSON: an attribute that has values is '"name":[["'
    return [rid for (rid,) in db.ask(connection, query, type=type_name, holds=holds)]


def to_standardise(connection: Connection, recipe: str, *, full: bool) -> list[int]:
    """Customers' records that wait; `full`: those too whose row is of another recipe, or that have none."""
    which = "(s.rid IS NULL OR s.recipe <> :recipe OR r.pending = 1)" if full else "r.pending = 1"
    query = (
        "SELECT r.rid FROM record r LEFT JOIN standardised s ON s.rid = r.rid"
        f" WHERE r.born IS NOT NULL AND r.sort = 'customer' AND {which} ORDER BY r.rid"
    )
    return [rid for (rid,) in db.ask(connection, query, recipe=recipe)]


def drop_standardised(connection: Connection, rids: Iterable[int]) -> None:
    db.do(connection, "DELETE FROM standardised WHERE rid IN {ids}", ids=rids)


def save_standardised(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows in the order of STANDARDISED."""
    db.upsert_many(connection, table(StandardisedRow), STANDARDISED, rows)
    db.fail_point("normalised")


# --- keys -------------------------------------------------------------------------------------


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


# --- of a whole type, as Arrow ----------------------------------------------------------------


def _of(type_name: str) -> str:
    """A condition on standardised rows `s`. Arrow's way in takes no parameters: the name is looked at instead."""
    if not type_name.replace("_", "").isalnum():
        raise ValueError("a customer type's name holds letters, digits and _ only")
    return f"s.type = '{type_name}'"


def all_forms(connection: Connection, type_name: str, *, alive: bool = True) -> pa.Table:
    """rid, forms (JSON) of a type's living, or dead, records, by rid."""
    query = f"SELECT s.rid, s.forms FROM standardised s WHERE {_of(type_name)} AND s.died IS {'' if alive else 'NOT '}NULL ORDER BY s.rid"
    return db.arrow(connection, query, {"rid": "int64", "forms": "string"})


def all_keys(connection: Connection, *, dead: bool = False) -> pa.Table:
    """key, rid of every type."""
    return db.arrow(
        connection,
        f"SELECT key, rid FROM {'dead_key' if dead else 'match_key'}",
        {"key": "int64", "rid": "int64"},
    )


def all_pairs(connection: Connection, type_name: str) -> pa.Table:
    """left, right, weight, parts (JSON) of what is kept."""
    query = f'SELECT p."left", p."right", p.weight, p.parts FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {_of(type_name)}'
    return db.arrow(connection, query, {"left": "int64", "right": "int64", "weight": "int64", "parts": "string"})


def all_weights(connection: Connection, type_name: str, floor: int | None = None) -> pa.Table:
    """left, right, weight of what is kept of living records, at or above a weight."""
    query = f'SELECT p."left", p."right", p.weight FROM pair p JOIN standardised s ON s.rid = p."left" WHERE {_of(type_name)} AND s.died IS NULL'
    query += "" if floor is None else f" AND p.weight >= {int(floor)}"
    return db.arrow(connection, query, {"left": "int64", "right": "int64", "weight": "int64"})


def all_homes(connection: Connection, type_name: str, *, living: bool = False) -> pa.Table:
    """rid, cluster; `living`: not of those that died and are not settled yet."""
    query = f"SELECT m.rid, m.cluster FROM membership m JOIN standardised s ON s.rid = m.rid WHERE {_of(type_name)}" + (
        " AND s.died IS NULL" if living else ""
    )
    return db.arrow(connection, query, {"rid": "int64", "cluster": "int64"})


# --- pairs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredPair:
    left: int
    right: int
    weight: int
    parts: str


def pairs_touching(
    connection: Connection, rids: Iterable[int], *, at_least: int | None = None
) -> dict[tuple[int, int], StoredPair]:
    floor = "" if at_least is None else " AND weight >= :floor"
    query = (
        f'SELECT "left", "right", weight, parts FROM pair WHERE "left" IN {{ids}}{floor} UNION ALL'
        f' SELECT "left", "right", weight, parts FROM pair WHERE "right" IN {{ids}}{floor}'
    )
    return {(r[0], r[1]): StoredPair(*r) for r in db.ask(connection, query, ids=rids, floor=at_least)}


def weights_touching(connection: Connection, rids: Iterable[int], floor: int) -> dict[tuple[int, int], int]:
    """Pairs of these records at or above a weight."""
    query = (
        'SELECT "left", "right", weight FROM pair WHERE "left" IN {ids} AND weight >= :floor UNION ALL'
        ' SELECT "left", "right", weight FROM pair WHERE "right" IN {ids} AND weight >= :floor'
    )
    return {(left, right): weight for left, right, weight in db.ask(connection, query, ids=rids, floor=floor)}


def save_pairs(connection: Connection, gone: Iterable[tuple[int, int]], new: Sequence[StoredPair]) -> None:
    db.do_many(
        connection, 'DELETE FROM pair WHERE "left"=:l AND "right"=:r', [{"l": left, "r": right} for left, right in gone]
    )
    db.upsert_many(
        connection,
        table(PairRow),
        ("left", "right", "weight", "parts"),
        [(p.left, p.right, p.weight, p.parts) for p in new],
    )
    db.fail_point("links")


def insert_pairs(connection: Connection, new: Sequence[StoredPair]) -> None:
    """Into an empty table, in order: the fast way."""
    db.insert_many(
        connection,
        table(PairRow),
        ("left", "right", "weight", "parts"),
        [(p.left, p.right, p.weight, p.parts) for p in new],
    )


# --- decisions --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredDecision:
    id: int
    left: int
    right: int
    verdict: Verdict
    reason: str
    by: str
    at: int
    left_content: str
    right_content: str
    withdrawn_at: int | None
    withdrawn_by: str
    origin: str
    weight: int | None = None


DECISION = (
    'id, "left", "right", verdict, reason, "by", at, left_content, right_content,'
    " withdrawn_at, withdrawn_by, origin, weight"
>>>>>>> f529cf6 (Every input of a steward is an act, listed and undone; the order of undos tells nothing)
)

__all__ = [
    "DECISION",
    "MODEL",
    "STANDARDISED",
    "DeadKeyRow",
    "DecisionRow",
    "HeirNearRow",
    "HeirRow",
    "KeyRow",
    "MembershipRow",
    "ModelRow",
    "PairRow",
    "Standardised",
    "StandardisedRow",
    "StoredDecision",
    "StoredModel",
    "StoredPair",
    "add_decision",
    "add_model",
    "all_forms",
    "all_homes",
    "all_keys",
    "all_pairs",
    "all_weights",
    "any_dead",
    "change_keys",
    "clusters_of",
    "companions",
    "dead_near",
    "deaths",
    "decided_since",
    "decision",
    "decisions_connected",
    "decisions_touching",
    "drop_heirs",
    "drop_standardised",
    "fill_keys",
    "followers",
    "forms",
    "heirs",
    "held",
    "held_from",
    "held_json",
    "holders",
    "homes",
    "insert_pairs",
    "keys_of",
    "last_decision",
    "led_to",
    "living",
    "living_at",
    "living_of",
    "members_of",
    "models",
    "named",
    "pairs_touching",
    "promote",
    "promoted",
    "promoted_hashes",
    "returned",
    "save_heirs",
    "save_membership",
    "save_near",
    "save_pairs",
    "save_standardised",
    "settled_dead",
    "sketches",
    "standardised",
    "standardised_types",
    "standing_decisions",
    "to_standardise",
    "weights_touching",
    "with_values",
    "withdraw_decision",
]
