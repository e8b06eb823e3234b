"""Tables whose rows belong to a stream's rows: addresses, telephones, e-mails of a customer. Joined by key, before mapping.

A row gets a list of its child rows under the child's name. That a child row changed changes its parent, whatever the parent's
own version says: by the child's `version` the parents are found that are to be read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from pydantic import Field

from hub.connectors.base import KEPT, ROW_BYTES, BadRow, Cursor, Foreign, SourceRow, known_columns
from hub.connectors.mapping.times import instant, shift_back
from hub.connectors.sql_versions import from_version
from hub.connectors.sql_writes import RAW, bound
from hub.errors import ConfigError, Fault
from hub.settings import Strict

CHANGED = "_changed"  # the time of a row with children: the latest of its own and theirs
AT_ONCE = 500  # parents that are asked for in one statement
LOOKED_AT = 1000  # newest rows of a child, for one that is not dated in the future

TableOf = Callable[
    [str, str], tuple[sa.TableClause, tuple[str, ...]]
]  # (place in the file, name) -> table, its columns


class Child(Strict):
    """A table whose rows belong to the stream's rows."""

    table: str  # name of the table or view
    key: str  # its column that holds the parent's key
    of: str | None = None  # the parent's column that it holds; default: the stream's key
    version: str | None = (
        None  # its column that tells what changed, as `version` of a stream; without one each pull reads everything
    )
    order: tuple[str, ...] = Field(
        default=()
    )  # columns that a parent's rows are listed by, with a minus newest first: [-valid_from]; default: all its columns


@dataclass(frozen=True)
class ChildTable:
    """A child, and its table as it is there."""

    name: str
    table: sa.TableClause
    columns: tuple[str, ...]
    child: Child
    of: str

    def column(self, name: str) -> sa.ColumnElement[Foreign]:
        return sa.type_coerce(self.table.c[name], RAW)

    def ordered(self) -> list[sa.ColumnElement[Foreign]]:
        order = [self._by(name) for name in self.child.order]
        return [*order, *(self.table.c[c] for c in self.columns if c not in {n.lstrip("-") for n in self.child.order})]

    def _by(self, name: str) -> sa.ColumnElement[Foreign]:
        return self.table.c[name[1:]].desc() if name.startswith("-") else self.table.c[name].asc()


def tables(
    where: str, children: Mapping[str, Child], key: str, parent: Sequence[str], table_of: TableOf
) -> list[ChildTable]:
    """The children of a stream, `where` in its file; `key`: its key column. ConfigError names what is not there."""
    found, faults = [], []
    for name, child in children.items():
        place = f"{where}.children.{name}"
        table, columns = table_of(f"{place}.table", child.table)
        of = child.of or key
        if of not in parent:
            faults.append(Fault(f"{place}.of", f"the stream has no column '{of}'", known_columns(parent)))
        named = {"key": child.key, **({"version": child.version} if child.version else {})}
        named |= {f"order.{n}": name.lstrip("-") for n, name in enumerate(child.order)}
        faults += [
            Fault(f"{place}.{setting}", f"table '{child.table}' has no column '{column}'", known_columns(columns))
            for setting, column in named.items()
            if column not in columns
        ]
        found.append(ChildTable(name, table, columns, child, of))
    if faults:
        raise ConfigError(faults)
    return found


class Children:
    """The child rows of one read."""

    def __init__(
        self,
        connection: sa.Connection,
        found: Sequence[ChildTable],
        plain: Callable[[Foreign], Foreign],
        in_future: Callable[[Foreign], bool],
        in_order: Callable[[Foreign], bool],
        lookback: int,
    ) -> None:
        """plain: a value as JSON knows it; in_future: is a version dated after today? in_order: does the database find those
        after it? lookback: of versions, microseconds."""
        self._connection, self._tables = connection, found
        self._plain, self._in_future, self._in_order, self._lookback = plain, in_future, in_order, lookback

    @property
    def tell(self) -> bool:
        """Do all of them tell what changed?"""
        return all(t.child.version is not None for t in self._tables)

    @property
    def columns(self) -> list[str]:
        """Their columns, as notes about the stream's columns name them."""
        return [f"{t.name}.{c}" for t in self._tables for c in t.columns]

    def joined(
        self, rows: Sequence[SourceRow | BadRow], at: Callable[[SourceRow], Foreign]
    ) -> Iterator[SourceRow | BadRow]:
        """The rows with their child rows, and `_changed`. `at`: a row's own version."""
        given = [
            (t, self._of(t, [row.raw.get(t.of) for row in rows if isinstance(row, SourceRow)])) for t in self._tables
        ]
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            lists = {t.name: found.get(_name(row.raw.get(t.of)), []) for t, found in given}
            times = [at(row), *(r.get(t.child.version) for t, _ in given if t.child.version for r in lists[t.name])]
            raw = {**row.raw, **lists, CHANGED: max(times, key=lambda v: instant(v) or 0)}
            long = len(str(lists)) > ROW_BYTES
            yield BadRow("longer than 1 MiB", row.line, str(raw)[:KEPT]) if long else replace(row, raw=raw)

    def _of(self, table: ChildTable, keys: Sequence[Foreign]) -> dict[str, list[dict[str, Foreign]]]:
        """Child rows by the parent's key."""
        found: dict[str, list[dict[str, Foreign]]] = {}
        wanted = list({_name(k): k for k in keys if k is not None}.values())
        for start in range(0, len(wanted), AT_ONCE):
            among = table.column(table.child.key).in_([bound(k) for k in wanted[start : start + AT_ONCE]])
            query = sa.select(*[table.column(c).label(c) for c in table.columns]).where(among)
            for values in self._connection.execute(query.order_by(*table.ordered())):
                row = {c: self._plain(v) for c, v in zip(table.columns, values, strict=True)}
                found.setdefault(_name(row[table.child.key]), []).append(row)
        self._connection.rollback()  # nothing of the source stays locked
        return found

    def marks(self, before: Cursor) -> Cursor:
        """The newest version of each child now, as a cursor keeps it; one from the future must not hide the changes of today."""
        found: Cursor = {}
        for t in self._tables:
            if t.child.version is None:
                continue
            column = t.column(t.child.version)
            newest = sa.select(column).where(column.is_not(None)).order_by(t.table.c[t.child.version].desc())
            versions = [row[0] for row in self._connection.execute(newest.limit(LOOKED_AT))]
            known = next((self._plain(v) for v in versions if not self._in_future(v)), before.get(t.name))
            if known is not None:
                found[t.name] = known
        self._connection.rollback()
        return found

    def changed(self, since: Cursor) -> Iterator[tuple[str, list[Foreign]]]:
        """(the parent's column, its values) of the parents of which a child row changed since; one without a mark: all."""
        for t in self._tables:
            if t.child.version is None:
                continue
            query = sa.select(t.column(t.child.key)).distinct().where(t.column(t.child.key).is_not(None))
            if (mark := since.get(t.name)) is not None and self._in_order(mark):
                query = query.where(from_version(t.column(t.child.version), shift_back(mark, self._lookback)))
            keys = [row[0] for row in self._connection.execute(query)]
            self._connection.rollback()
            yield from ((t.of, keys[start : start + AT_ONCE]) for start in range(0, len(keys), AT_ONCE))


def _name(key: Foreign) -> str:
    return str(key).strip()
