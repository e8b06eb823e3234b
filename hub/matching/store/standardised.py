"""Standardised records: what a source itself says of a record, cleaned, and its comparison forms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import orjson
from sqlalchemy import Column, Connection, LargeBinary, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.kinds.levels_base import Forms, texts_of
from hub.landing.fold import Folded, Held, Taken
from hub.model import Cell, from_plain, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from hub.matching.compare.model import Known


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


@dataclass(frozen=True, slots=True)
class Standardised:
    """A record as it was folded, and the forms that a recipe gave it."""

    folded: Folded
    forms: Forms
    recipe: str


_ONLY_VALUES = Cell()[1:]  # the rest of a cell of which only its values are to be told


def held_json(held: Mapping[str, Held]) -> str:
    """Held cells, compactly: values, time, version, then what is rarely there, and at the end what is rarer still."""
    packed: dict[str, list[object]] = {}
    for attribute, h in held.items():
        cell = h.cell
        row: list[object] = [[v if type(v) is str else plain(v) for v in cell.values], h.time, h.landed]
        past = bool(h.since or h.taken)
        if past or cell[1:] != _ONLY_VALUES:
            row.extend([int(cell.cleared), int(cell.valid), cell.date, cell.start, cell.end])
        if past:
            row.extend([h.since, [[plain(t.value), t.at, *([1] if t.hashed else [])] for t in h.taken]])
        packed[attribute] = row
    return db.dump(packed)


def held_from(packed: str) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for attribute, row in orjson.loads(packed).items():
        values = tuple([v if type(v) is str else from_plain(v) for v in row[0]])
        if len(row) == 3:
            found[attribute] = Held(Cell(values), row[1], row[2])
            continue
        cell = Cell(values, bool(row[3]), bool(row[4]), row[5], row[6], row[7])
        since, taken = row[8:10] if len(row) > 8 else ((), ())
        found[attribute] = Held(
            cell, row[1], row[2], tuple(since), tuple([Taken(from_plain(t[0]), t[1], len(t) > 2) for t in taken])
        )
    return found


STANDARDISED = ("rid", "type", "recipe", "landed", "born", "died", "sketch", "cells", "forms", "problems")


def standardised(connection: Connection, rids: Iterable[int]) -> dict[int, Standardised]:
    statement = "SELECT rid, cells, forms, born, died, landed, recipe FROM standardised WHERE rid IN {ids}"
    return {
        rid: Standardised(Folded(held_from(cells), born, died, landed), db.load(forms_), recipe)
        for rid, cells, forms_, born, died, landed, recipe in db.ask(connection, statement, ids=rids)
    }


def held(connection: Connection, rids: Iterable[int], recipe: str | None = None) -> dict[int, dict[str, Held]]:
    """What records hold, by attribute; of a recipe's alone, when one is named."""
    found = db.ask(connection, "SELECT rid, recipe, cells FROM standardised WHERE rid IN {ids}", ids=rids)
    return {rid: held_from(cells) for rid, made_by, cells in found if recipe in (None, made_by)}


def forms(connection: Connection, rids: Iterable[int]) -> dict[int, Forms]:
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


def count_living(connection: Connection, type_name: str) -> int:
    """How many living records a type has."""
    query = "SELECT count(*) FROM standardised WHERE type = :type AND died IS NULL"
    return db.number(connection, query, type=type_name)


def with_values(connection: Connection, type_name: str, attribute: str) -> list[int]:
    """Records of a type that hold a value of an attribute."""
    query = "SELECT rid FROM standardised WHERE type = :type AND cells LIKE :holds"
    holds = f'%"{attribute}":[["%'  # cells are JSON: an attribute that has values is '"name":[["'
    return [rid for (rid,) in db.ask(connection, query, type=type_name, holds=holds)]


def said(connection: Connection, type_name: str, wanted: Collection[Known]) -> set[Known]:
    """Which of these a record of a type says, alive or dead. Looked for in the rows themselves, until each was found: what
    is rare or gone costs a look at all of them."""
    found: set[Known] = set()
    place = "instr" if connection.dialect.name == "sqlite" else "strpos"
    after: int | None = 0
    while after is not None and (left := [k for k in wanted if k not in found]):
        marks = {f"v{n}_{m}": db.dump(text) for n, k in enumerate(left) for m, (_, text) in enumerate(k)}
        each = (" AND ".join(f"{place}(forms, :v{n}_{m}) > 0" for m in range(len(k))) for n, k in enumerate(left))
        query = (
            "SELECT rid, forms FROM standardised WHERE type = :type AND rid > :after"
            f" AND ({' OR '.join(f'({e})' for e in each)}) ORDER BY rid LIMIT 1"
        )
        row = db.first(connection, query, type=type_name, after=after, **marks)
        after = None if row is None else row[0]
        forms: Forms = {} if row is None else db.load(row[1])
        found |= {k for k in left if all(text in texts_of(forms.get(column)) for column, text in k)}
    return found


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


def save_standardised(connection: Connection, rows: Sequence[db.Row]) -> None:
    """Rows in the order of STANDARDISED."""
    db.upsert_many(connection, table(StandardisedRow), STANDARDISED, rows)
    db.fail_point("normalised")


def of_type(type_name: str) -> str:
    """A condition on standardised rows `s`. Arrow's way in takes no parameters: the name is looked at instead."""
    if not type_name.replace("_", "").isalnum():
        raise ValueError("a customer type's name holds letters, digits and _ only")
    return f"s.type = '{type_name}'"


def all_forms(connection: Connection, type_name: str, *, alive: bool = True) -> pa.Table:
    """rid, forms (JSON) of a type's living, or dead, records, by rid."""
    query = f"SELECT s.rid, s.forms FROM standardised s WHERE {of_type(type_name)} AND s.died IS {'' if alive else 'NOT '}NULL ORDER BY s.rid"
    return db.arrow(connection, query, {"rid": "int64", "forms": "string"})


def all_members(connection: Connection, type_name: str) -> pa.Table:
    """rid, source, stream, key, cells, forms (JSON) of a type's living records: what clusters depend on beside pairs."""
    query = (
        "SELECT s.rid, r.source, r.stream, r.key, s.cells, s.forms FROM standardised s JOIN record r ON r.rid = s.rid"
        f" WHERE {of_type(type_name)} AND s.died IS NULL ORDER BY s.rid"
    )
    columns = ("source", "stream", "key", "cells", "forms")
    return db.arrow(connection, query, {"rid": "int64", **dict.fromkeys(columns, "string")})
