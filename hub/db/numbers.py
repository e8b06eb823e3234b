"""Numbers of rows: each is given once. A row that is deleted takes its number along.

What names a row by its number may outlive it (a comment on what happened, an act that set a value, how far somebody has
read): given to another row, it would speak of that one.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Connection, Table
from sqlmodel import Field, SQLModel

from hub.db.columns import big, table
from hub.db.statements import do, driver, upsert_many


class HighestNumberRow(SQLModel, table=True):
    """How far the numbers of a table went before rows of it were deleted."""

    __tablename__: ClassVar[str] = "highest_number"
    name: str = Field(primary_key=True)
    number: int = big()


def next_number(connection: Connection, numbered: Table, column: str) -> int:
    """The next number of a column; safe because writers are alone."""
    name = numbered.name
    query = (
        f'SELECT max(n) FROM (SELECT max("{column}") AS n FROM "{name}"'
        f" UNION ALL SELECT number FROM highest_number WHERE name = '{name}') AS every"
    )
    found = driver(connection).execute(query).fetchone()[0]
    return int(found or 0) + 1


def delete_numbered(connection: Connection, numbered: Table, column: str, where: str, **values: object) -> int:
    """Delete rows of a table whose `column` is numbered by `next_number`; how many. `where` and `values` as for `do`."""
    highest = next_number(connection, numbered, column) - 1
    deleted = do(connection, f'DELETE FROM "{numbered.name}" WHERE {where}', **values)
    if deleted:
        upsert_many(connection, table(HighestNumberRow), ("name", "number"), [(numbered.name, highest)])
    return deleted
