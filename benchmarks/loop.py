"""Two systems that are read and written, in a loop: what people change in one comes to the other, once, and comes back as an echo.

Each system logs every write of the hub's in a table of its own, by record and field; one of them keeps what it is given in capitals.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from hub.db import Database
from hub.delivery.run import Push
from hub.migrations import upgrade
from hub.open import Hub
from hub.settings import Access, Config, CustomerType, Source
from hub.work import cycle

SYSTEMS = {"bill": "new.job", "crm": "upper(new.job)"}  # how each keeps an occupation
FIELDS = ("phone", "job")
PERSON = {
    "name": "person",
    "attributes": {
        "given_name": {"kind": "given_name"},
        "family_name": {"kind": "family_name"},
        "birth_date": {"kind": "birth_date"},
        "email": {"kind": "email", "many": True, "survivorship": "union"},
        "phone": {"kind": "phone", "matching": False},  # what is measured is writing: nobody comes apart by a change
        "occupation": {"kind": "text", "matching": False},
    },
    "matching": {"rules": [["email"]]},
}
MAP = {
    "given_name": "first", "family_name": "last", "birth_date": "born", "email": "mail", "phone": "phone", "occupation": "job",
}  # fmt: skip
TRUST = {"bill": {"default": 90}, "crm": {"default": 80, "occupation": 95}}  # who is believed where both say something
GIVEN = ("Anna", "Berta", "Carla")
REST = 6  # rounds within which everything must have come to rest


@dataclass(frozen=True, slots=True)
class Looped:
    """writes: of the hub's into either system; echoes: back into the system where the change was made; most: to one
    field of one record; rounds: until a round wrote nothing; missing: changes that the other system does not have."""

    writes: int
    echoes: int
    most: int
    rounds: int
    missing: int
    seconds: float


def loop(folder: Path, changes: int) -> Looped:
    """So many changes, half in each system, one field of one record each: read, resolved and written until it rests."""
    folder.mkdir(parents=True)
    tables = folder / "systems.sqlite"
    _make(tables, changes)
    with _hub(folder, tables) as made:
        _rounds(made, tables)
        with closing(sqlite3.connect(tables)) as c, c:
            c.execute("UPDATE bill SET phone = printf('+4917%09d', id) WHERE id % 2 = 0")
            c.execute("UPDATE crm SET job = printf('job %d of %d', 2, id) WHERE id % 2 = 1")
            c.execute("DELETE FROM written")
        started = time.perf_counter()
        rounds = _rounds(made, tables)
        seconds = time.perf_counter() - started
    with closing(sqlite3.connect(tables)) as c:
        return Looped(
            *c.execute(
                "SELECT count(*), coalesce(sum(system = CASE field WHEN 'phone' THEN 'bill' ELSE 'crm' END), 0),"
                " coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM written GROUP BY system, id, field)), 0)"
                " FROM written"
            ).fetchone(),
            rounds,
            *c.execute(
                "SELECT count(*) FROM bill JOIN crm USING (id)"
                " WHERE bill.phone <> crm.phone OR upper(bill.job) <> upper(crm.job)"
            ).fetchone(),
            seconds,
        )


def born(number: int) -> str:
    return str(date(1940, 1, 1) + timedelta(days=number * 7 % 25_000))


def _make(tables: Path, customers: int) -> None:
    """Both systems, with the same people in them; each logs what is written into it."""
    with closing(sqlite3.connect(tables)) as c, c:
        c.execute("CREATE TABLE clock AS SELECT 1 AS n")
        c.execute("CREATE TABLE written (system TEXT, id INTEGER, field TEXT)")
        for system, kept in SYSTEMS.items():
            c.execute(
                f"CREATE TABLE {system} (id INTEGER PRIMARY KEY, v INTEGER, first TEXT, last TEXT, born TEXT, mail TEXT,"
                " phone TEXT, job TEXT)"
            )
            c.executemany(
                f"INSERT INTO {system} VALUES (?, 1, ?, ?, ?, ?, ?, {kept.replace('new.job', '?')})",
                (
                    (n, GIVEN[n % 3], f"Maier{n}", born(n), f"p{n}@example.com", f"+4915{n:09}", "baker")
                    for n in range(customers)
                ),
            )
            logged = " ".join(
                f"INSERT INTO written SELECT '{system}', new.id, '{f}' WHERE new.{f} IS NOT old.{f};" for f in FIELDS
            )
            c.execute(
                f"CREATE TRIGGER {system}_kept AFTER UPDATE ON {system} BEGIN {logged} UPDATE clock SET n = n + 1;"
                f" UPDATE {system} SET v = (SELECT n FROM clock), job = {kept} WHERE id = new.id; END"
            )
            c.execute(f"CREATE INDEX {system}_v ON {system} (v)")


@contextmanager
def _hub(folder: Path, tables: Path) -> Iterator[Hub]:
    def source(name: str) -> Source:
        stream = {
            "table": name, "customer": "person", "key": "id", "version": "v", "verified": "all", "map": MAP,
            "trust": TRUST[name], "write_back": {"attributes": ["phone", "occupation"], "guard": {"share": 1}},
        }  # fmt: skip
        given = {"name": name, "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": stream}}
        return Source.model_validate(given)

    config = Config(
        folder=folder,
        customers={"person": CustomerType.model_validate(PERSON)},
        access=Access.model_validate({"roles": {name: {"views": {"person": {"*": "show"}}} for name in SYSTEMS}}),
        sources={name: source(name) for name in SYSTEMS},
    )
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}")
    upgrade(database)
    made = Hub.open(database, config, folder / "var")
    try:
        yield made
    finally:
        made.close()


def _rounds(made: Hub, tables: Path) -> int:
    """Pull, resolve and push until a round writes nothing; how many did."""
    env = {"URL": f"sqlite:///{tables}"}
    for count in range(REST + 1):
        for pulled in cycle.pull(made.resolver, env=env):
            if pulled.error or pulled.quarantined:
                raise RuntimeError(pulled.error or str(pulled.reasons))
        cycle.match(made.resolver)
        pushed = Push(made.resolver, made.reader, env=env).run()
        if pushed.unreached:
            raise RuntimeError(str(pushed.unreached))
        if not pushed.written:
            return count
    raise RuntimeError(f"it does not come to rest in {REST} rounds")
