"""A number is given once: what speaks of a row by its number never speaks of another one."""

from __future__ import annotations

import re
from pathlib import Path

import hub
from hub import db
from hub.db import Database, table
from hub.tasks.hold_store import WorkNoteRow

FOLDER = Path(hub.__file__).parent
NUMBERED = re.compile(r"next_number\(\s*connection,\s*(?:db\.)?table\((\w+)\)")
NAMED = re.compile(r"class (\w+)\(SQLModel, table=True\):.*?__tablename__[^=]*= \"(\w+)\"", re.S)


def note(connection: db.Connection, text: str) -> int:
    number = db.next_number(connection, table(WorkNoteRow), "id")
    columns = ("id", "topic", "left", "right", "by", "at", "text")
    db.insert_many(connection, table(WorkNoteRow), columns, [(number, "pairs", 1, 1, "s", 1, text)])
    return number


def test_the_number_of_a_row_that_was_deleted_is_not_given_again(database: Database) -> None:
    with database.unit() as connection:
        assert [note(connection, "a"), note(connection, "b")] == [1, 2]
        assert db.delete_numbered(connection, table(WorkNoteRow), "id", "id = :id", id=2) == 1
        assert note(connection, "c") == 3
        assert db.delete_numbered(connection, table(WorkNoteRow), "id", "id IN {ids}", ids=[1, 3]) == 2
    with database.unit() as connection:
        assert db.delete_numbered(connection, table(WorkNoteRow), "id", "id = :id", id=7) == 0
        assert note(connection, "d") == 4


def test_rows_of_numbered_tables_are_deleted_in_no_other_way() -> None:
    texts = [p.read_text(encoding="utf-8") for p in FOLDER.rglob("*.py") if "versions" not in p.parts]
    names = dict(found for t in texts for found in NAMED.findall(t))
    numbered = {names[row] for t in texts for row in NUMBERED.findall(t)}
    assert {"record", "version", "override", "decision", "creation", "write_log", "delivery", "work_note"} <= numbered
    deleted = {n.strip('"') for t in texts for n in re.findall(r"DELETE FROM (\S+)", t)}
    assert not deleted & numbered
