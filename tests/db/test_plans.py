"""Every statement of the live path finds its rows by an index, so that its cost does not grow with the hub."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event

from hub.db import Database
from hub.migrations import upgrade
from hub.model import Verdict
from tests import tiny
from tests.conftest import empty, new_sqlite
from tests.steward import Steward

SMALL = {"model", "recipe"}  # tables of a few rows, whatever the number of customers


def test_sqlite_reads_by_index_alone(tmp_path: Any) -> None:
    database = new_sqlite(tmp_path / "hub.sqlite")
    seen: set[str] = set()

    @event.listens_for(database.engine, "checkout")
    def _trace(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(seen.add)

    _live(database)
    scans: dict[str, str] = {}
    with database.read() as c:
        c.connection.driver_connection.set_trace_callback(None)  # type: ignore[union-attr]
        for statement in seen:
            if re.match(r"(SELECT|UPDATE|DELETE|INSERT)", statement) and "LIMIT 1" not in statement:
                for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"):
                    table = re.match(r"SCAN (\w+)\b(?! VIRTUAL)", row[3])
                    if table and table[1] not in SMALL | {"json_each", "CONSTANT"}:
                        scans[statement] = row[3]
    assert len(seen) > 40
    assert not scans, scans
    database.close()


def test_postgresql_can_read_by_index_alone(postgres_url: str) -> None:
    """Tables are too small here for the planner to choose indexes by itself: it must find one when told to avoid scans."""
    import psycopg
    from psycopg import Connection

    database = Database(postgres_url)
    upgrade(database)
    empty(database)
    seen: dict[str, Any] = {}
    original = Connection.execute

    def execute(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        if isinstance(query, str):
            seen.setdefault(query, params)
        return original(self, query, params, **more)

    Connection.execute = execute  # type: ignore[method-assign]
    try:
        _live(database)
    finally:
        Connection.execute = original  # type: ignore[method-assign]
    scans: dict[str, str] = {}
    with psycopg.connect(database.url.set(drivername="postgresql").render_as_string(hide_password=False)) as c:
        c.execute("SET enable_seqscan = off")
        for statement, params in seen.items():
            if (
                re.match(r"(SELECT|UPDATE|DELETE)", statement)
                and "LIMIT 1" not in statement
                and "advisory" not in statement
            ):
                plan = "\n".join(r[0] for r in c.execute("EXPLAIN " + statement, params))
                found = re.search(r"Seq Scan on \"?(\w+)", plan)
                if found and found[1] not in SMALL:
                    scans[statement] = plan
    assert len(seen) > 20
    assert not scans, scans
    database.close()


def _live(database: Database) -> None:
    """A little of everything: new, changed and deleted records, decisions, an override, a probe."""
    resolver = tiny.resolver(database)
    a, b, c = tiny.IDS[0], tiny.IDS[3], tiny.IDS[1]
    anna = {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"}
    for version in (1, 2):
        for id in (a, b, c):
            resolver.upsert(
                id.source, id.stream, [{"id": id.key, "v": version, **anna, "phone": f"+491511234567{version}"}]
            )
    number = Steward(resolver).decide(a, b, Verdict.NO_MATCH, by="ann", reason="")
    Steward(resolver).withdraw(number, by="ann", why="")
    (outcome,) = resolver.upsert(a.source, a.stream, [{"id": a.key, "v": 3, **anna}])
    assert outcome.customer is not None
    Steward(resolver).override(outcome.customer, "given_name", ("Zoe",), by="ann", reason="")
    resolver.probe(a.source, a.stream, {"id": "9", **anna})
    resolver.delete(a.source, a.stream, a.key)
    resolver.upsert(b.source, b.stream, [{"id": b.key, "v": 3, "given_name": "Otto"}])
