"""The database: units, snapshots, the turnstile, rehearsals and the small tools, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import text

from hub import db
from hub.db import Database, rehearsal, statements
from hub.db import database as database_file
from hub.db.turns import Turnstile
from hub.errors import ConfigError, RetryLater
from hub.landing.store import AbsenceRow, CursorRow
from hub.migrations import upgrade

# --- the turnstile --------------------------------------------------------------------------------------


def test_urgent_ones_pass_before_others_and_each_kind_in_its_order() -> None:
    turnstile, passed = Turnstile(), []

    def go(name: str, urgent: bool) -> None:
        with turnstile.turn(urgent):
            passed.append(name)

    threads = []
    with turnstile.turn(False):
        for waiting, (name, urgent) in enumerate(
            [("pull 1", False), ("pull 2", False), ("request 1", True), ("pull 3", False), ("request 2", True)], 1
        ):
            threads.append(threading.Thread(target=go, args=(name, urgent)))
            threads[-1].start()
            while len(turnstile._waiting) < waiting:  # each has its ticket before the next comes
                time.sleep(0.001)
    for t in threads:
        t.join(10)
    assert passed == ["request 1", "request 2", "pull 1", "pull 2", "pull 3"]


def test_a_turn_that_ends_in_an_error_lets_the_next_one_in() -> None:
    turnstile = Turnstile()
    with pytest.raises(RuntimeError), turnstile.turn(True):
        raise RuntimeError
    with turnstile.turn(False):
        pass


# --- units and snapshots --------------------------------------------------------------------------------


def put(c: db.Connection, *rids: int) -> None:
    db.upsert_many(c, db.table(AbsenceRow), ("rid", "times"), [(r, 1) for r in rids])


def rids(database: Database) -> list[int]:
    with database.read() as c:
        return [r.rid for r in c.execute(text("SELECT rid FROM absence ORDER BY rid"))]


def test_a_unit_is_all_or_nothing(database: Database) -> None:
    with database.unit() as c:
        put(c, 1)
    with pytest.raises(RuntimeError), database.unit() as c:
        put(c, 2)
        db.do(c, "DELETE FROM absence WHERE rid = :rid", rid=1)
        raise RuntimeError
    assert rids(database) == [1]
    with database.unit() as c:
        put(c, 3)
    assert rids(database) == [1, 3]


def test_a_snapshot_does_not_move_while_it_is_read(database: Database) -> None:
    with database.unit() as c:
        put(c, 1)
    with database.read() as c:
        assert c.execute(text("SELECT count(*) FROM absence")).scalar() == 1
        with database.unit() as writer:
            put(writer, 2)
        assert c.execute(text("SELECT count(*) FROM absence")).scalar() == 1
    assert rids(database) == [1, 2]


def test_one_unit_at_a_time_sees_what_the_last_one_left(database: Database) -> None:
    """Read, then write: without the writer's lock two of these would read the same number."""

    def add() -> None:
        for _ in range(10):
            with database.unit() as c:
                number = db.next_number(c, db.table(AbsenceRow), "rid")
                time.sleep(0.001)
                put(c, number)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert rids(database) == list(range(1, 41))


def test_two_processes_worth_of_databases_exclude_each_other(database: Database) -> None:
    """Each has a turnstile of its own, so only the database's lock keeps them apart."""
    other = Database(database.url.render_as_string(hide_password=False), database.clock)

    def add(one: Database) -> None:
        for _ in range(10):
            with one.unit() as c:
                number = db.next_number(c, db.table(AbsenceRow), "rid")
                time.sleep(0.001)
                put(c, number)

    threads = [threading.Thread(target=add, args=(d,)) for d in (database, other)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    other.close()
    assert rids(database) == list(range(1, 21))


def test_a_rehearsal_is_real_while_it_lasts_and_leaves_nothing(database: Database) -> None:
    with database.unit() as c:
        put(c, 1)
    with rehearsal(database) as stage:
        with stage.unit() as c:
            put(c, 2)
            db.do(c, "DELETE FROM absence WHERE rid = :rid", rid=1)
        assert rids(stage) == [2]
    assert rids(database) == [1]


def test_a_rehearsal_that_fails_tells_and_leaves_nothing(database: Database) -> None:
    with pytest.raises(ValueError, match="out of tune"), rehearsal(database) as stage:
        with stage.unit() as c:
            put(c, 2)
        raise ValueError("out of tune")
    assert rids(database) == []
    with database.unit() as c:  # the lock is free again
        put(c, 3)


def test_the_log_goes_into_the_file_even_if_the_file_was_locked_when_that_began(tmp_path: Path) -> None:
    path, closed = tmp_path / "hub.sqlite", threading.Event()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for pragma in ("journal_mode=WAL", "wal_autocheckpoint=0", "user_version=1", "locking_mode=EXCLUSIVE"):
            writer.execute(f"PRAGMA {pragma}")
        writer.execute("CREATE TABLE note (text TEXT)")  # from here on nobody else gets in
        thread = threading.Thread(target=database_file._checkpoints, args=(str(path), closed, 0.01), daemon=True)
        thread.start()
        time.sleep(0.1)
        assert thread.is_alive()
        writer.execute("PRAGMA locking_mode=NORMAL")
        writer.execute("INSERT INTO note VALUES ('a line of the log')")
        until = time.monotonic() + 10
        while b"a line of the log" not in path.read_bytes() and time.monotonic() < until:
            time.sleep(0.01)
        found = path.read_bytes()
        closed.set()
        thread.join()
    assert b"a line of the log" in found


def test_another_kind_of_database_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="sqlite:///path or postgresql://"):
        Database("mysql://hub@127.0.0.1/hub")


def test_upgrading_twice_is_upgrading_once(tmp_path: Path) -> None:
    made = Database(f"sqlite:///{tmp_path}/deep/down/hub.sqlite")
    upgrade(made)
    with made.unit() as c:
        put(c, 1)
    upgrade(made)
    assert rids(made) == [1]
    made.close()


# --- the small tools ------------------------------------------------------------------------------------


def test_names_may_hold_digits(database: Database) -> None:
    with database.read() as c:
        assert db.ask(c, "SELECT :a1_0, CAST(:b AS TEXT) WHERE 7 IN {e2}", a1_0=5, b="x", e2=[7, 8]) == [(5, "x")]


def test_collections_of_any_size_and_awkward_texts_are_bound_not_spelled(database: Database) -> None:
    keys = ["a", "b'c", "d,e", "{f}", "%s", ":g", "h\u00fc", "1"] + [str(n) for n in range(1_000)]
    with database.unit() as c:
        db.insert_many(
            c,
            db.table(CursorRow),
            ("source", "stream", "cursor", "at"),
            [("s", k, "{}", 1) for k in dict.fromkeys(keys)],
        )
        found = db.ask(
            c, "SELECT stream FROM cursor WHERE source = :source AND stream IN {keys:text}", source="s", keys=keys[:7]
        )
        assert sorted(r[0] for r in found) == sorted(keys[:7])
        assert db.ask(c, "SELECT stream FROM cursor WHERE stream IN {keys:text}", keys=[]) == []
        db.do(c, "DELETE FROM cursor WHERE stream IN {keys:text}", keys=[])
        assert c.execute(text("SELECT count(*) FROM cursor")).scalar() == len(set(keys))


def test_many_rows_and_few_rows_are_stored_alike(database: Database) -> None:
    with database.unit() as c:
        db.insert_many(c, db.table(AbsenceRow), ("rid", "times"), [(n, n) for n in range(statements.COPY_FROM + 5)])
        db.insert_many(c, db.table(AbsenceRow), ("rid", "times"), [(1000, 7)])
        db.insert_many(c, db.table(AbsenceRow), ("rid", "times"), [])
        db.upsert_many(c, db.table(AbsenceRow), ("rid", "times"), [(1000, 8), (1001, 9)])
    assert len(rids(database)) == statements.COPY_FROM + 7
    with database.read() as c:
        assert dict(db.ask(c, "SELECT rid, times FROM absence WHERE rid IN {ids}", ids=range(1000, 1002))) == {
            1000: 8,
            1001: 9,
        }


def test_rows_as_arrow_are_typed_even_when_there_are_none(database: Database) -> None:
    columns = {"rid": "int64", "times": "int64"}
    typed = pa.schema([("rid", pa.int64()), ("times", pa.int64())])
    with database.read() as c:
        assert db.arrow(c, "SELECT rid, times FROM absence", columns).schema == typed
    with database.unit() as c:
        put(c, 2**40, 1)
    with database.read() as c:
        found = db.arrow(c, "SELECT rid, times FROM absence ORDER BY rid", columns)
    assert found.to_pylist() == [{"rid": 1, "times": 1}, {"rid": 2**40, "times": 1}]


@pytest.mark.parametrize("how", ["unit", "read"])
def test_a_database_that_goes_away_in_the_middle_is_away_and_no_traceback(postgres_url: str, how: str) -> None:
    """It ends the connection: then nothing can be rolled back either."""
    database = Database(postgres_url)
    try:
        with pytest.raises(RetryLater), getattr(database, how)() as connection:
            (server,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
            with database.engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({server})")
            for _ in range(100):
                connection.exec_driver_sql("SELECT 1")
                time.sleep(0.01)
    finally:
        database.close()
