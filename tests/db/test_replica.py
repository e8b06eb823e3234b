"""Reads from a replica: a real standby of a real PostgreSQL, as a request meets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from hub.db import Database, Freshness, primary, reading_as
from hub.db.replica import Replica
from hub.errors import ConfigError
from tests.standby import Pair, followed


@pytest.fixture
def database(pair: Pair) -> Iterator[Database]:
    found = Database(pair.primary, replica=pair.standby)
    with found.unit() as c:
        c.execute(text("DROP TABLE IF EXISTS kept"))
        c.execute(text("CREATE TABLE kept (n integer)"))
    pair.psql("SELECT pg_wal_replay_resume()")
    followed(found)
    yield found
    pair.psql("SELECT pg_wal_replay_resume()")
    found.close()


def replica(database: Database) -> Replica:
    assert database.replica is not None
    return database.replica


def test_one_that_has_not_what_was_there_at_the_start_answers_nobody(pair: Pair, database: Database) -> None:
    pair.psql("SELECT pg_wal_replay_pause()")
    add(database)
    new = Database(pair.primary, replica=pair.standby)
    with reading_as(Freshness()), new.read() as c:
        assert not at_replica(c)
    pair.psql("SELECT pg_wal_replay_resume()")
    followed(new)
    new.close()


def at_replica(c: Connection) -> bool:
    return bool(c.execute(text("SELECT pg_is_in_recovery()")).scalar())


def count(c: Connection) -> int:
    return int(c.execute(text("SELECT count(*) FROM kept")).scalar() or 0)


def add(database: Database) -> int:
    """A row more; how far the log is then."""
    with database.unit() as c:
        c.execute(text("INSERT INTO kept VALUES (1)"))
    return database.written()


def test_requests_that_only_read_are_answered_by_it_and_nobody_else(database: Database) -> None:
    with database.read() as c:
        assert not at_replica(c)
    with reading_as(Freshness(database.written())), database.read() as c:
        assert at_replica(c)
        with primary(), database.read() as other:
            assert not at_replica(other)


def test_who_shows_a_position_reads_what_was_written(database: Database) -> None:
    replica(database)._patience = 60.0  # of a machine that does other things beside, too
    for n in range(1, 30):
        position = add(database)
        with reading_as(Freshness(position)), database.read() as c:
            assert at_replica(c) and count(c) == n


def test_a_replica_that_does_not_come_leaves_it_to_the_primary(database: Database, pair: Pair) -> None:
    with reading_as(Freshness(database.written())), database.read():
        pass
    pair.psql("SELECT pg_wal_replay_pause()")
    position = add(database)
    replica(database)._patience = 0.05
    with reading_as(Freshness(position)):
        with database.read() as c:
            assert not at_replica(c) and count(c) == 1
        with database.read() as c:  # nor does the same request go back in time
            assert not at_replica(c)
    replica(database)._out_until = 0.0
    with reading_as(Freshness()), database.read() as c:  # who shows none is content with what was
        assert at_replica(c) and count(c) == 0


def test_what_is_far_behind_answers_nobody(database: Database, pair: Pair) -> None:
    follower = replica(database)
    with reading_as(Freshness(database.written())), database.read() as c:
        assert at_replica(c)
    pair.psql("SELECT pg_wal_replay_pause()")
    add(database)
    long_ago = time.monotonic() - 3_600  # nobody has read for an hour: that it has what was there then is not enough
    follower._looked, follower._marked, follower._as_of = 0.0, long_ago, long_ago
    with reading_as(Freshness()), database.read() as c:
        assert not at_replica(c)
    pair.psql("SELECT pg_wal_replay_resume()")
    follower._looked = 0.0
    with reading_as(Freshness(database.written())), database.read() as c:
        assert at_replica(c) and count(c) == 1


def test_who_writes_reads_its_own_writes_from_then_on(database: Database) -> None:
    with reading_as(Freshness()):
        with database.unit() as c:
            c.execute(text("INSERT INTO kept VALUES (1)"))
        with database.read() as c:
            assert not at_replica(c) and count(c) == 1
    with reading_as(Freshness()):
        assert database.together(lambda c: c.execute(text("INSERT INTO kept VALUES (1)")).rowcount) == 1
        with database.read() as c:
            assert count(c) == 2


def test_one_that_is_away_leaves_it_to_the_primary(pair: Pair) -> None:
    lonely = Database(pair.primary, replica="postgresql://nobody@127.0.0.1:1/none")
    with reading_as(Freshness()), lonely.read() as c:
        assert not at_replica(c)
    replica(lonely).check()  # it may come
    lonely.close()


def test_what_is_no_standby_is_told(pair: Pair, tmp_path: Path) -> None:
    same = Database(pair.primary, replica=pair.primary)
    with pytest.raises(ConfigError, match="HUB_READ_URL: is no standby"):
        replica(same).check()
    same.close()
    for url, other, words in (
        (f"sqlite:///{tmp_path}/hub.sqlite", "postgresql://u@h/n", "only a database in PostgreSQL has replicas"),
        ("postgresql://u@h/n", "sqlite:///x", "only a database in PostgreSQL has replicas"),
        ("postgresql://u@h/n", "mysql://u@h/n", "'mysql' is not supported"),
        ("postgresql://u@h/n", "x", "is no address of a database"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            Database(url, replica=other)
        (fault,) = caught.value.faults
        assert fault.where == "HUB_READ_URL"
