"""A seeded world with its own clock: four systems that are read and written, five that listen, people who edit, merge and undo,
writes that fail, processes that die. When the people stop it comes to rest, and everybody has what they may have."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from hub.access.audit.log import AuditLog
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.db import Database, load
from hub.delivery import creating, run
from hub.delivery.run import Push, targets
from hub.delivery.store import Waiting
from hub.errors import Gone, HubError, NotFound
from hub.landing import store as landing
from hub.matching import store as matching
from hub.model import RecordId, Verdict
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, Source
from hub.work import cycle
from tests.conftest import empty, new_sqlite
from tests.delivery.world import NAMES, PERSON
from tests.steward import Steward

SEEDS = 300 if os.environ.get("HUB_PROVE") else 30
EVENTS = 40
SYSTEMS = ("bill", "crm", "app", "shop")
MAKES = "shop"  # which gets records of customers, and loses them again
WHEN: tuple[dict[str, Any], ...] = ({"sources": ["bill"]}, {"where": {"family_name": ["Maier"]}})  # whom it is to have
DELETES: tuple[dict[str, Any], ...] = (
    {"deletes": "delete"},
    {"deletes": "clear"},
    {"deletes": "archive", "archive": {"note": "left"}},
    {"deletes": "archive", "archive": {"gone": 1}},  # which is deleted to whoever reads it
)
MODES = ({"mode": "upsert"}, *({"mode": mode, **deletes} for mode in ("upsert", "mirror") for deletes in DELETES))
VIEWS: dict[str, dict[str, str]] = {
    **dict.fromkeys(SYSTEMS, {"*": "show"}),
    "app": {"*": "show", "phone": "hide"},
    "all": {"*": "show"},
    "names": {"given_name": "show", "family_name": "show"},
    "masked": {"family_name": "show", "email": "mask", "phone": "mask"},
    "mailing": {"email": "show"},
    "maier": {"*": "show"},
}
LISTENERS = ("all", "names", "masked", "mailing", "maier")
VALUES: dict[str, list[Any]] = {
    "first": ["Anna", "Otto", None],
    "last": ["Maier", "Schulz"],
    "born": ["1980-02-03", "1991-05-06", None],
    "mail": ["a@x.example", "b@x.example", None],
    "phone": ["+4915112345678", "+4915187654321", None],
    "job": ["baker", "smith", None],
}
HABITS = ("new.job", "new.job", "upper(new.job)", "'~' || replace(new.job, '~', '')", "NULL")  # how a system keeps it
POINTS = ("pre-send", "post-send", "attempt saved", "pre-create", "post-create", "creation told")


class _Died(BaseException):
    """The process, at a fail point."""


class _Listener:
    """Keeps the highest version of each customer; reads some pages twice."""

    def __init__(self, role: str, dice: random.Random):
        self.me, self.dice = Principal(role, role, "staff", role), dice
        self.cursors: list[str | None] = [None]
        self.known: dict[str, tuple[int, Any]] = {}

    def listen(self, reader: Reader, *, to_the_end: bool = False) -> None:
        if not to_the_end and self.dice.random() < 0.2:
            self.cursors.append(self.dice.choice(self.cursors))  # from where it was once
        while True:
            page = reader.changes(self.me, cursor=self.cursors[-1], limit=7)
            for change in page.data:
                if change.version >= self.known.get(change.customer, (0, None))[0]:
                    self.known[change.customer] = (change.version, change.data and change.data.values)
            self.cursors.append(page.next_cursor)
            if not page.data or not (to_the_end or self.dice.random() < 0.7):
                return

    def has(self) -> dict[str, Any]:
        return {id: values for id, (_, values) in self.known.items() if values is not None}


def config(folder: Path, makes: dict[str, Any]) -> Config:
    def source(name: str, trust: int) -> Source:
        back: dict[str, Any] = {"attributes": ["phone", "email", "occupation"]}
        if name == MAKES:
            back |= {"creates": ["given_name", "family_name"], **makes}
        stream = {
            "customer": "person", "key": "id", "table": name, "version": "v", "deleted": "gone", "map": NAMES,
            "trust": {"default": trust}, "verified": "all", "write_back": back,
        }  # fmt: skip
        given = {"name": name, "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": stream}}
        return Source.model_validate(given)

    roles: dict[str, Any] = {name: {"views": {"person": view}} for name, view in VIEWS.items()}
    roles["maier"]["rows"] = {"person": {"where": {"family_name": ["Maier"]}}}
    return Config(
        folder=folder,
        customers={"person": PERSON},
        access=Access.model_validate({"roles": roles}),
        sources={name: source(name, 90 - 10 * n) for n, name in enumerate(SYSTEMS)},
    )


class Simulation:
    def __init__(self, seed: int, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.dice, self.database, self.folder = random.Random(seed), database, folder
        self.table = folder / "systems.sqlite"
        self.table.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.table)) as c, c:
            c.execute("CREATE TABLE changes AS SELECT 1 AS n")
            for name in SYSTEMS:
                fields = ", ".join(f"{f} TEXT" for f in VALUES)
                c.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, v INTEGER, gone INTEGER, note TEXT, {fields})")
                job = self.dice.choice(HABITS)
                for what in ("INSERT", "UPDATE"):
                    c.execute(
                        f"CREATE TRIGGER {name}_{what} AFTER {what} ON {name} BEGIN UPDATE changes SET n = n + 1;"
                        f" UPDATE {name} SET v = (SELECT n FROM changes), job = {job} WHERE id = new.id; END"
                    )
        self.makes = {**self.dice.choice(MODES), "when": self.dice.choice(WHEN)}
        self.config = config(folder, self.makes)
        self.listeners = [_Listener(role, self.dice) for role in LISTENERS]
        self.acts: list[str] = []
        self.decisions: list[int] = []
        self.dies_at = ""
        for room in (run, creating):
            monkeypatch.setattr(room, "fail_point", self._pass)
        self.open()

    def _pass(self, point: str) -> None:
        if point == self.dies_at:
            self.dies_at = ""
            raise _Died(point)

    def open(self) -> None:
        self.resolver = Resolver(self.database, self.config)
        self.reader = Reader(self.database, self.config, self.audit(), b"k" * 32)
        self.steward = Steward(self.resolver)

    def audit(self) -> AuditLog:
        return AuditLog(self.folder / "audit.jsonl", b"k" * 32)

    def play(self) -> None:
        does = (
            [self.edit] * 5
            + [self.pull] * 3
            + [self.push] * 3
            + [self.decide, self.override, self.undo, self.restart, self.remove]
        )
        for _ in range(EVENTS):
            self.dice.choice(does)()
            self.dice.choice(self.listeners).listen(self.reader)

    # --- what happens ---

    def edit(self) -> None:
        name, key = self.dice.choice(SYSTEMS), self.dice.randint(1, 3)
        fields = {f: self.dice.choice(VALUES[f]) for f in self.dice.sample(sorted(VALUES), self.dice.randint(1, 3))}
        if self.dice.random() < 0.2:
            fields["gone"] = self.dice.choice([1, None])
        with closing(sqlite3.connect(self.table)) as c, c:
            new = {f: self.dice.choice(VALUES[f]) for f in VALUES}
            marks = ", ".join(f":{f}" for f in new)
            c.execute(f"INSERT OR IGNORE INTO {name} (id, {', '.join(new)}) VALUES (:id, {marks})", {"id": key, **new})
            c.execute(
                f"UPDATE {name} SET {', '.join(f'{f} = :{f}' for f in fields)} WHERE id = :id", {"id": key, **fields}
            )

    def remove(self) -> None:
        """Somebody deletes a row, and no version tells of it: only a whole reading finds that it is missing."""
        name = self.dice.choice(SYSTEMS)
        with closing(sqlite3.connect(self.table)) as c, c:
            keys = [key for (key,) in c.execute(f"SELECT id FROM {name} ORDER BY id")]
            c.execute(f"DELETE FROM {name} WHERE id = ?", (self.dice.choice([*keys, 0]),))

    def env(self, away: bool = False) -> dict[str, str]:
        return {"URL": "postgresql://hub@127.0.0.1:1/away" if away else f"sqlite:///{self.table}"}

    def pull(self) -> None:
        cycle.pull(
            self.resolver, self.dice.sample(SYSTEMS, self.dice.randint(1, 4)), env=self.env(self.dice.random() < 0.1)
        )
        cycle.match(self.resolver)

    def push(self) -> None:
        self.dies_at = self.dice.choice(POINTS) if self.dice.random() < 0.3 else ""
        try:
            Push(self.resolver, self.reader, env=self.env(self.dice.random() < 0.2)).run()
        except _Died:
            self.open()
        self.dies_at = ""
        self.later(self.dice.choice([1, 60, 400]))

    def decide(self) -> None:
        records = self.records()
        if len(records) < 2:
            return
        left, right = self.dice.sample(records, 2)
        verdict = self.dice.choice([Verdict.MATCH, Verdict.NO_MATCH])
        with suppress(HubError):  # it contradicts what was decided
            self.decisions.append(self.steward.decide(left, right, verdict, by="ann", reason="said so"))

    def override(self) -> None:
        ids = self.customers()
        if ids:
            value = self.dice.choice([("baker",), ("smith",), ()])
            act = self.steward.override(self.dice.choice(ids), "occupation", value, by="ann", reason="by phone")
            self.acts.append(act)

    def undo(self) -> None:
        with suppress(HubError):  # it cannot be taken back any more
            if self.decisions and self.dice.random() < 0.5:
                self.steward.withdraw(self.decisions.pop(), by="ann", why="a mistake")
            elif self.acts:
                self.steward.undo(self.acts.pop(), by="ann")

    def restart(self) -> None:
        self.open()

    def later(self, seconds: int) -> None:
        self.database.clock.time += seconds * 1_000_000  # type: ignore[attr-defined]

    # --- how it is ---

    def records(self) -> list[RecordId]:
        with self.database.read() as c:
            return sorted(RecordId(s, "people", k) for s in SYSTEMS for k in landing.living_keys(c, s, "people"))

    def customers(self) -> list[str]:
        with self.database.read() as c:
            return sorted(row[0] for row in c.exec_driver_sql("SELECT id FROM customer"))

    def come_to_rest(self) -> list[int]:
        written = []
        for _ in range(6):
            cycle.pull(self.resolver, env=self.env(), reconcile=True, allow_deletes=True)
            cycle.match(self.resolver)
            written.append(Push(self.resolver, self.reader, env=self.env()).run().written)
            self.later(30_000)
        return written

    def owed(self) -> list[tuple[str, dict[str, Any]]]:
        """What a record lacks of what its source may have, in any system; what its source keeps changing back apart."""
        found = []
        push = Push(self.resolver, self.reader, env=self.env())
        for (source, stream), given in targets(self.config).items():
            with self.database.read() as c:
                rids = landing.living_keys(c, source, stream).values()
                removals = dict(map(tuple, c.exec_driver_sql("SELECT rid, removals FROM write_back")))
            waiting = [Waiting(rid, source, stream, 0, 0, removals.get(rid, 0)) for rid in rids]
            for _, key, plan in push._plan(waiting, source, stream, given):
                if plan is not None and plan.writes:
                    found.append((f"{source}/{key}", dict(plan.fields)))
        return found

    def misplaced(self) -> list[tuple[str, str]]:
        """Customers of whom the system that gets records has none though it should, or one though it should not."""
        found = []
        with self.database.read() as c:
            tripped = {r[0] for r in c.exec_driver_sql("SELECT rid FROM write_back WHERE status = 'tripped'")}
            creations = list(c.exec_driver_sql("SELECT rid, made FROM creation"))
            customers = list(c.exec_driver_sql("SELECT id, cluster, body FROM customer WHERE cluster IS NOT NULL"))
            members = matching.members_of(c, [cluster for _, cluster, _ in customers])
            infos = landing.records(c, {r for m in members.values() for r in m})
        made, made_for = {made for _, made in creations}, {rid for rid, _ in creations}
        for id, cluster, body in customers:
            mine = members[cluster]
            here = [r for r in mine if infos[r].id.source == MAKES]
            wanted = self._wanted(load(body), {infos[r].id.source for r in mine if r not in made})
            if wanted and not here and not made_for & set(mine):  # made before: somebody there deleted it
                found.append((id, "has none"))
            others = () if wanted else [r for r in here if self.makes["mode"] == "mirror" or r in made]
            found += [(id, infos[r].id.key) for r in others if r not in tripped and not self._left(infos[r].id.key)]
        return found

    def _wanted(self, values: dict[str, Any], sources: set[str]) -> bool:
        when = self.makes["when"]
        names = values.get("family_name") or []
        return bool(sources) and ("bill" in sources if "sources" in when else "Maier" in names)

    def _left(self, key: str) -> bool:
        """Is a record there as it is to be when its customer left?"""
        with closing(sqlite3.connect(self.table)) as c:
            c.row_factory = sqlite3.Row
            row = dict(c.execute(f"SELECT * FROM {MAKES} WHERE id = ?", (int(key),)).fetchone())
        match self.makes.get("deletes", "nothing"):
            case "clear":
                return all(row[name] is None for name in ("first", "last", "mail", "phone", "job"))
            case "archive":
                return all(row[name] == value for name, value in self.makes["archive"].items())
            case deletes:
                return bool(deletes == "nothing")

    def tied_to_what_went(self) -> list[int]:
        """Decisions that tie a record to the one that the hub had made for it, and has deleted since."""
        if self.makes.get("deletes") != "delete":
            return []
        with self.database.read() as c:
            made = {made for (made,) in c.exec_driver_sql("SELECT made FROM creation")}
            query = 'SELECT id, "left", "right" FROM decision WHERE origin = \'write-back\' AND withdrawn_at IS NULL'
            return [id for id, left, right in c.exec_driver_sql(query) if not {left, right} & made]

    def shown_to(self, listener: _Listener) -> dict[str, Any]:
        shown = {}
        for id in self.customers():
            try:
                shown[id] = self.reader.get_customer(listener.me, id).values
            except (NotFound, Gone):
                continue
        return shown


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = new_sqlite(tmp_path_factory.mktemp("simulated") / "hub.sqlite")
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_it_comes_to_rest_and_everybody_has_what_they_may_have(
    seed: int, one_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(one_database)
    world = Simulation(seed, one_database, tmp_path, monkeypatch)
    world.play()
    written = world.come_to_rest()
    assert written[-2:] == [0, 0], written
    assert world.owed() == []
    assert world.misplaced() == []
    assert world.tied_to_what_went() == []
    for listener in world.listeners:
        listener.listen(world.reader, to_the_end=True)
        assert listener.has() == world.shown_to(listener), listener.me.role
    with one_database.read() as c:
        refused = [made.detail for made in landing.refused_creations(c, 9)]
        assert refused == []
        assert set(landing.creation_counts(c)) <= {"made", "needless"}
    found = Verify(world.resolver).run()
    assert not found.total, (dict(found.differences), found.samples)
