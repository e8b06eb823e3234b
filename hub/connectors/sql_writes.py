"""Writing fields of a table's row, on condition of what it holds: one statement for the database to decide."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
)

from hub.connectors.base import (
    FieldWrite,
    Foreign,
    Outcome,
    WriteResult,
    jsonable,
    known_columns,
)
from hub.connectors.mapping.identity import record_key
from hub.settings import Stream

RAW = sa.types.NullType()
NO_RIGHT = "42501"  # what PostgreSQL calls it


def error_kind(error: BaseException) -> str:
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    return f"{type(original or error).__name__}{f' {state}' if state else ''}"


REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")


def refusal(error: BaseException) -> str:
    """What PostgreSQL says to who may not sign in, or to a database that is not there; '' for what may pass. Such words name
    user and database, and no password."""
    said = str(getattr(error, "orig", "")).partition("FATAL:")[2].strip().partition("\n")[0]
    return said if any(words in said for words in REFUSALS) else ""


def bound(value: Foreign) -> sa.BindParameter[Foreign]:
    """Untyped: with a type, SQLAlchemy has PostgreSQL cast a time with a zone to one without."""
    return sa.bindparam(None, value, type_=RAW)


@dataclass(frozen=True)
class Target:
    """A table to write to: its key, and the types of its columns."""

    table: sa.TableClause
    key: str
    columns: tuple[str, ...]
    types: Mapping[str, sa.types.TypeEngine[Foreign]]

    def is_key(self, key: str) -> sa.ColumnElement[bool]:
        return self._same(self.key, key)

    def holds(self, column: str, value: Foreign) -> sa.ColumnElement[bool]:
        """The column still holds this raw value (null equals null)."""
        return self._bare(column).is_(None) if value is None else self._same(column, value)

    def _bare(self, column: str) -> sa.ColumnElement[Foreign]:
        return sa.type_coerce(self.table.c[column], RAW)

    def _same(self, column: str, value: Foreign) -> sa.ColumnElement[bool]:
        same: sa.ColumnElement[bool] = self._bare(column) == bound(self.stored(column, value))
        return same

    def stored(self, column: str, value: Foreign) -> Foreign:
        """A JSON value as the driver takes it. Text is left to the database, which knows its columns' types."""
        type_ = self.types[column]
        if isinstance(value, str) and isinstance(type_, sa.types.LargeBinary):
            return base64.b64decode(value)
        if isinstance(value, str) and isinstance(type_, sa.types.Integer) and value.strip().lstrip("-").isdigit():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and isinstance(type_, sa.types.String):
            return str(value)
        return value


def write_row(connection: sa.Connection, target: Target, write: FieldWrite, config: Stream) -> WriteResult:
    """One write, one transaction."""
    key = write.key or ""
    unknown = [f for f in {**write.fields, **(write.expected or {})} if f not in target.columns]
    if unknown:
        return WriteResult(key, "rejected", f"no column {', '.join(sorted(unknown))}; {known_columns(target.columns)}")
    if any(isinstance(v, dict | list) for v in write.fields.values()):
        return WriteResult(key, "rejected", "a column takes one plain value")
    try:
        if write.key is None:
            result = _create(connection, target, write, config)
        else:
            result = (_delete if write.delete else _update)(connection, target, key, write)
        connection.commit()
        return result
    except (OperationalError, InvalidRequestError, sa.exc.InterfaceError) as error:
        connection.rollback()
        return WriteResult(key, "retry", f"the database does not answer ({error_kind(error)})")
    except IntegrityError as error:
        connection.rollback()
        return WriteResult(key, "rejected", f"a constraint of the table forbids it ({error_kind(error)})")
    except (DBAPIError, ValueError) as error:
        connection.rollback()
        if getattr(getattr(error, "orig", None), "sqlstate", None) == NO_RIGHT:
            what = f"the database's user may not write to {target.table.name} ({error_kind(error)}): grant it the right"
            return WriteResult(key, "retry", what, untouched=True)
        return WriteResult(key, "rejected", f"the database does not take the value ({error_kind(error)})")


def _update(connection: sa.Connection, target: Target, key: str, write: FieldWrite) -> WriteResult:
    """One statement changes the fields, if the row still holds what is expected; its row count tells."""
    expected = write.expected or {}
    changed = {f: v for f, v in write.fields.items() if f not in expected or expected[f] != v}
    if changed:
        statement = sa.update(target.table).where(
            target.is_key(key), *[target.holds(f, v) for f, v in expected.items()]
        )
        values = {target.table.c[f]: bound(target.stored(f, v)) for f, v in changed.items()}
        count = connection.execute(statement.values(values)).rowcount
        if count == 1:
            return WriteResult(key, "written", current=_current(connection, target, key, write))
        if count > 1:
            connection.rollback()
            return WriteResult(key, "rejected", f"{count} rows have this key")
    current = _current(connection, target, key, write)
    if current is None:
        return WriteResult(key, "gone")
    same = all(_alike(current[f], v) for f, v in write.fields.items())
    outcome: Outcome = "unchanged" if same else "conflict"
    return WriteResult(key, outcome, "" if same else "the row no longer holds what was expected", current)


def _delete(connection: sa.Connection, target: Target, key: str, write: FieldWrite) -> WriteResult:
    """One statement deletes the row, if it still holds what is expected; its row count tells."""
    holds = [target.holds(f, v) for f, v in (write.expected or {}).items()]
    count = connection.execute(sa.delete(target.table).where(target.is_key(key), *holds)).rowcount
    if count == 1:
        return WriteResult(key, "written")
    if count > 1:
        connection.rollback()
        return WriteResult(key, "rejected", f"{count} rows have this key")
    current = _current(connection, target, key, write)
    if current is None:
        return WriteResult(key, "gone")
    return WriteResult(key, "conflict", "the row no longer holds what was expected", current)


def _current(connection: sa.Connection, target: Target, key: str, write: FieldWrite) -> dict[str, Foreign] | None:
    """What the row's written and expected fields hold; None when there is no row."""
    fields = list({**write.fields, **(write.expected or {})}) or [target.key]
    row = connection.execute(sa.select(*[target._bare(f) for f in fields]).where(target.is_key(key))).first()
    return None if row is None else {f: jsonable(v) for f, v in zip(fields, row, strict=True)}


def _alike(a: Foreign, b: Foreign) -> bool:
    return a == b or (a is not None and b is not None and str(a) == str(b))


def _create(connection: sa.Connection, target: Target, write: FieldWrite, config: Stream) -> WriteResult:
    if config.write_back is None or not config.write_back.makes:
        return WriteResult("", "rejected", "write_back.mode is update: nothing new is created")
    if write.known is not None and (found := _made_before(connection, target, write, write.known)):
        return WriteResult(found, "unchanged", current=dict(write.fields))
    values = {target.table.c[f]: bound(target.stored(f, v)) for f, v in write.fields.items()}
    statement = sa.insert(target.table).values(values)
    if connection.dialect.insert_returning:
        made = connection.execute(statement.returning(target._bare(target.key))).scalar_one()
    else:
        made = write.fields.get(target.key, connection.execute(statement).lastrowid)
    return WriteResult(str(made), "written", current=dict(write.fields))


def _made_before(
    connection: sa.Connection, target: Target, write: FieldWrite, known: Callable[[str], bool]
) -> str | None:
    """The key of a row that holds just these values and is nobody's yet."""
    query = sa.select(target._bare(target.key)).where(*[target.holds(f, v) for f, v in write.fields.items()])
    found = sorted(record_key(jsonable(row[0])) for row in connection.execute(query) if row[0] is not None)
    return next((key for key in found if not known(key)), None)
