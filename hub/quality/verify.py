"""Proves the stored state: derives it from what landed and was decided, and counts what differs.

Nothing derived is trusted: rows are folded and cleaned again, pairs weighed by the batch engine
(the live engine stored them), clusters made over the whole hub (the live path made them one
component at a time), heirs found and golden records built from nothing. What is stored it reads by
SQL of its own: a store that reads wrongly would not notice that it wrote wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from sqlalchemy import Connection, text

from hub import db
from hub.golden_record import run as golden_run
from hub.golden_record import search_store
from hub.golden_record import store as golden_store
from hub.golden_record.lineage import Lineage, Values
from hub.golden_record.survivorship import Member
from hub.interactions import store as interaction_store
from hub.interactions import tally_store
from hub.interactions.run import derived, kept, unread
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.clusters.heirs import find_heir
from hub.matching.clusters.whole_type import Clusters
from hub.matching.pairs import type_salt
from hub.matching.prepare import standardised_rows
from hub.matching.recipe import Recipe
from hub.matching.training import batch
from hub.model import RecordId
from hub.resolve.bulk import difference
from hub.resolve.resolver import Resolver

CHUNK = 5_000
SAMPLES = 5
PAIR = {"left": "int64", "right": "int64", "weight": "int64", "parts": "string"}
KEY = {"key": "int64", "rid": "int64"}


@dataclass
class Verified:
    """What was checked and what differed, by kind. `notes` are counts that are no faults."""

    checked: Counter[str] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(self.differences.values())

    def differs(self, kind: str, what: object, count: int = 1) -> None:
        self.differences[kind] += count
        listed = self.samples.setdefault(kind, [])
        if len(listed) < SAMPLES:
            listed.append(str(what))


Progress = Callable[[str, int, int], None]


class Verify:
    """One verification, of one snapshot."""

    def __init__(self, resolver: Resolver, *, progress: Progress | None = None):
        self.resolver, self.database = resolver, resolver.database
        self.progress = progress or (lambda _step, _done, _of: None)
        self.found = Verified()
        self.pending: set[int] = set()
        self.alive: dict[str, list[int]] = {}  # by type
        self.dead: list[int] = []

    def run(self) -> Verified:
        with self.database.read() as connection:
            recipe = self.resolver.recipe(connection)
            self._what_is_there(connection, recipe)
            self._belongings(connection)
            if self.found.notes["stale"]:  # of another recipe: only what no recipe can change is compared
                self._history(connection)
                return self.found
            forms = self._standardised(connection, recipe)
            if self.found.notes["not looked at, for want of standardised rows"]:
                return self.found
            keys = self._keys(connection, recipe, forms)
            clusters: list[frozenset[int]] = []
            for type_name in recipe.models:
                clusters += self._clusters(connection, recipe, type_name, forms[type_name, True], keys[type_name])
            home = self._membership(connection, clusters)
            self._heirs(connection, recipe)
            self._golden(connection, recipe, clusters)
            self._history(connection)
            self._ids(connection, home)
        return self.found

    def _what_is_there(self, connection: Connection, recipe: Recipe) -> None:
        self.pending = {r.rid for r in connection.exec_driver_sql("SELECT rid FROM record WHERE pending = 1")}
        for r in connection.exec_driver_sql(
            "SELECT rid, type, died FROM record WHERE born IS NOT NULL AND sort = 'customer' ORDER BY rid"
        ):
            if r.rid in self.pending:
                continue
            if r.died is None:
                self.alive.setdefault(r.type, []).append(r.rid)
            else:
                self.dead.append(r.rid)
        unborn = "SELECT DISTINCT r.rid FROM record r JOIN version v ON v.rid = r.rid WHERE r.born IS NULL AND v.raw IS NOT NULL AND v.suspended IS NULL"
        for r in connection.exec_driver_sql(unborn):
            if r.rid not in self.pending:
                self.found.differs("records", f"record {r.rid}: said never to have lived")
        orphans = "SELECT s.rid FROM standardised s LEFT JOIN record r ON r.rid = s.rid WHERE r.born IS NULL"
        for r in connection.exec_driver_sql(orphans):
            if r.rid not in self.pending:
                self.found.differs("standardised", f"record {r.rid}: is not there")
        self.found.notes["pending"] = len(self.pending)
        stale = connection.execute(
            text("SELECT count(*) FROM standardised WHERE recipe <> :hash"), {"hash": recipe.base}
        ).scalar()
        self.found.notes["stale"] = int(stale or 0)

    def _belongings(self, connection: Connection) -> None:
        """What happened, what was agreed and how customers belong together, read again from what landed; tallies, counted again."""
        waiting = set(unread(connection, self.resolver.readings))
        self.found.notes["streams of interactions to be read again"] = len(waiting)
        query = "SELECT rid FROM record WHERE sort IN ('interaction', 'relation', 'consent') ORDER BY rid"
        for part in db.chunks([r.rid for r in connection.exec_driver_sql(query)], CHUNK):
            stored, again = kept(connection, part), derived(connection, self.resolver.readings, part)
            self.found.checked["belongings"] += len(part)
            for rid, info in landing.records(connection, stored.keys() | again.keys()).items():
                if stored.get(rid) != again.get(rid) and (info.id.source, info.id.stream) not in waiting:
                    self.found.differs(f"{info.sort}s", f"record {rid}")
        last = RecordId("", "", "")
        while owners := tally_store.owners_after(connection, last, CHUNK):
            tallies = set(tally_store.recounted(connection, owners))
            self.found.checked["tallies"] += len(tallies)
            for tally in sorted(tallies ^ set(tally_store.of(connection, owners))):
                self.found.differs("tallies", f"{tally.owner}, {tally.month}, {tally.type}")
            last = owners[-1]
        self.found.notes["interactions of records that are not there"] = interaction_store.count_waiting(
            connection, "unowned"
        )

    # --- standardised rows and keys ---

    def _standardised(self, connection: Connection, recipe: Recipe) -> dict[tuple[str, bool], pa.Table]:
        """Fold and clean all again; the forms by type and life."""
        made: dict[tuple[str, bool], list[tuple[int, str]]] = {
            (t, life): [] for t in recipe.models for life in (True, False)
        }
        rids = sorted([*(r for rs in self.alive.values() for r in rs), *self.dead])
        for done, part in enumerate(db.chunks(rids, CHUNK)):
            infos = landing.records(connection, part)
            rows = standardised_rows(connection, recipe, part)
            stored, sketches = (
                matching_store.standardised(connection, part),
                matching_store.sketches(connection, part, recipe.base),
            )
            for rid, type_name, _, landed, born, died, sketch, cells, forms, _ in rows:
                self.found.checked["standardised"] += 1
                was, info = stored.get(rid), infos[rid]
                if (info.born, info.died, info.latest) != (born, died, landed):
                    self.found.differs("records", f"{info.id}: its row and its versions tell another life")
                if was is None:
                    self.found.notes["not looked at, for want of standardised rows"] += 1
                if (
                    was is None
                    or was.folded.held != matching_store.held_from(cells)
                    or (was.folded.born, was.folded.died, was.folded.latest) != (born, died, landed)
                ):
                    self.found.differs("standardised", info.id)
                elif dict(was.forms) != db.load(forms) or sketches.get(rid) != sketch:
                    self.found.differs("forms", info.id)
                made[type_name, died is None].append((rid, forms))
            self.progress("standardised", min((done + 1) * CHUNK, len(rids)), len(rids))
        return {k: _table(rows, {"rid": "int64", "forms": "string"}) for k, rows in made.items()}

    def _keys(
        self, connection: Connection, recipe: Recipe, forms: Mapping[tuple[str, bool], pa.Table]
    ) -> dict[str, pa.Table]:
        keys = {(t, life): batch.keys(table, recipe.models[t], salt=type_salt(t)) for (t, life), table in forms.items()}
        for name, life in (("match_key", True), ("dead_key", False)):
            stored = db.arrow(
                connection,
                f"SELECT key, rid FROM {name} WHERE rid NOT IN (SELECT rid FROM record WHERE pending = 1)",
                KEY,
            )
            new = pa.concat_tables([k.select(["key", "rid"]) for (_, alive), k in keys.items() if alive is life])
            self.found.checked["keys"] += new.num_rows
            self._compare("keys", stored, new)
        return {t: k for (t, life), k in keys.items() if life}

    def _compare(self, kind: str, stored: pa.Table, derived: pa.Table) -> None:
        gone, added = difference(stored, derived.select(stored.column_names).cast(stored.schema))
        if stored.num_rows == 0:
            gone, added = stored, derived
        for table, word in ((gone, "only stored"), (added, "only derived")):
            if table.num_rows:
                self.found.differs(kind, f"{word}: {table.slice(0, 3).to_pylist()}", table.num_rows)

    # --- pairs and clusters ---

    def _clusters(
        self, connection: Connection, recipe: Recipe, type_name: str, forms: pa.Table, keys: pa.Table
    ) -> list[frozenset[int]]:
        model, bounds = recipe.models[type_name], recipe.customer(type_name).matching
        found = batch.pairs(forms, keys, model, floor=min(model.review, model.join), cap=bounds.block_cap)
        left_out = (found.schema.metadata or {}).get(b"blocks_over_cap", b"0")
        self.found.notes[f"blocks over their cap ({type_name})"] = int(left_out)
        stored = db.arrow(
            connection,
            'SELECT p."left", p."right", p.weight, p.parts FROM pair p JOIN record r ON r.rid = p."left" JOIN record o ON o.rid = p."right"'
            f" WHERE r.type = '{type_name}' AND r.pending = 0 AND o.pending = 0",
            PAIR,
        )
        self.found.checked["pairs"] += found.num_rows
        self._compare("pairs", stored, found.replace_schema_metadata(None))
        self.progress(f"pairs of {type_name}", found.num_rows, found.num_rows)
        rids = self.alive.get(type_name, [])
        return Clusters(connection, recipe, type_name, found, rids).find()

    def _membership(self, connection: Connection, clusters: Iterable[frozenset[int]]) -> dict[int, int]:
        rows = connection.exec_driver_sql(
            "SELECT m.rid, m.cluster FROM membership m JOIN record r ON r.rid = m.rid WHERE r.pending = 0"
        )
        stored = {r.rid: r.cluster for r in rows}
        born = {
            r.rid: (r.born, r.source, r.stream, r.key)
            for r in connection.exec_driver_sql(
                "SELECT rid, born, source, stream, key FROM record WHERE born IS NOT NULL AND sort = 'customer'"
            )
        }
        derived: dict[int, int] = {}
        for c in clusters:
            name = min(c, key=lambda r: born[r])
            derived.update(dict.fromkeys(c, name))
        self.found.checked["membership"] += len(derived)
        for rid in stored.keys() | derived.keys():
            if stored.get(rid) != derived.get(rid):
                self.found.differs("membership", f"record {rid}: stored {stored.get(rid)}, derived {derived.get(rid)}")
        return derived

    def _heirs(self, connection: Connection, recipe: Recipe) -> None:
        stored = matching_store.heirs(connection, self.dead)
        derived = {
            rid: find_heir(connection, recipe, rid)[0] for rid in matching_store.deaths(connection, self.dead)
        }  # the others were told above
        for rid in derived:
            self.found.checked["heirs"] += 1
            step: int | None = rid
            while step in derived:
                step = derived[step]
            if stored.get(rid) != (derived[rid], step):
                self.found.differs("heirs", f"record {rid}: stored {stored.get(rid)}, derived {(derived[rid], step)}")
        extra = {r.rid for r in connection.exec_driver_sql("SELECT rid FROM heir")} - set(self.dead) - self.pending
        if extra:
            self.found.differs("heirs", f"of the living: {sorted(extra)[:3]}", len(extra))

    # --- golden records ---

    def _golden(self, connection: Connection, recipe: Recipe, clusters: list[frozenset[int]]) -> None:
        names = {r.cluster for r in connection.exec_driver_sql("SELECT cluster FROM customer")}
        now = self.database.clock.now()
        for done, part in enumerate(_chunks(clusters, CHUNK)):
            rids = {r for c in part for r in c}
            infos = landing.records(connection, rids)
            held = matching_store.standardised(connection, rids)
            overrides = golden_store.overrides_on(connection, {r: infos[r].id for r in rids})
            by_name = {landing.earliest(infos, c): c for c in part}
            dead = golden_run.dead_leading(connection, rids)
            said = golden_run.said_of(connection, infos, rids, dead)
            stored = golden_store.customers_of(connection, by_name)
            names -= by_name.keys()
            for name, c in by_name.items():
                self.found.checked["golden records"] += 1
                mints = [(infos[r].birth, infos[r].mint) for r in c] + [
                    (d.birth, d.mint) for r in c for d in dead.get(r, ())
                ]
                listed = sorted((r for r in c if r in held), key=lambda r: infos[r].id)
                members = [
                    Member(
                        infos[r].id,
                        r,
                        held[r].folded.held,
                        golden_run.standings(recipe.config, infos[r].id.source, infos[r].id.stream),
                    )
                    for r in listed
                ]
                own = [o for r in listed for o in overrides.get(r, ())]
                led = [d.id for r in listed for d in dead.get(r, ())]
                values, lineage, again = golden_run.build(
                    members, own, recipe.customer(infos[name].type), now, said, led
                )
                self._compare_golden(stored.get(name), min(mints)[1], values, lineage, again, len(c))
            self._compare_terms(connection, recipe, stored)
            self.progress("golden records", min((done + 1) * CHUNK, len(clusters)), len(clusters))
        for name in names - self.pending:
            self.found.differs("golden records", f"cluster {name}: only stored")
        for r in connection.exec_driver_sql(
            "SELECT DISTINCT t.customer FROM search_term t LEFT JOIN customer c ON c.id = t.customer WHERE c.id IS NULL"
        ):
            self.found.differs("search terms", f"of nobody: {r.customer}")
        self._search_words(connection, recipe)

    def _search_words(self, connection: Connection, recipe: Recipe) -> None:
        for _word in search_store.differing_words(connection, golden_run.counted_attributes(recipe.config)):
            self.found.differs("search words", "counted otherwise")
        if wrong := search_store.differing_near(connection):
            self.found.differs("search words", "what misspellings lead to", wrong)

    def _compare_golden(
        self,
        stored: golden_store.StoredCustomer | None,
        id: str,
        values: Values,
        lineage: Lineage,
        again: int | None,
        size: int,
    ) -> None:
        if stored is None:
            self.found.differs("golden records", f"{id}: missing")
            return
        if stored.id != id:
            self.found.differs("ids", f"stored {stored.id}, derived {id}")
        if stored.revisit_at is not None and stored.revisit_at <= self.database.clock.now():
            self.found.notes["due"] += 1
        elif stored.values != values or stored.lineage != lineage or stored.size != size or stored.revisit_at != again:
            self.found.differs("golden records", id)

    def _compare_terms(
        self, connection: Connection, recipe: Recipe, stored: Mapping[int, golden_store.StoredCustomer]
    ) -> None:
        terms = golden_store.terms_of(connection, [c.id for c in stored.values()])
        for c in stored.values():
            if terms.get(c.id, set()) != {
                row[1:3] for row in golden_run.search_rows(recipe.customer(c.type), c.type, c.id, c.values)
            }:
                self.found.differs("search terms", c.id)

    # --- history, changes, ids ---

    def _history(self, connection: Connection) -> None:
        """Each version is one history row and one change; the newest is what is served."""
        checks = {
            "a customer's newest version is not in history": "SELECT c.id FROM customer c LEFT JOIN history h ON h.customer = c.id AND h.version = c.version"
            " WHERE h.customer IS NULL OR h.lineage <> c.lineage OR h.change IN ('merged', 'retired') AND h.lineage IS NULL",
            "history goes on after what is served": "SELECT h.customer FROM history h JOIN customer c ON c.id = h.customer WHERE h.version > c.version",
            "a version without its change": "SELECT h.customer FROM history h LEFT JOIN change c ON c.customer = h.customer AND c.version = h.version WHERE c.id IS NULL",
            "a change without its version": "SELECT c.customer FROM change c LEFT JOIN history h ON c.customer = h.customer AND c.version = h.version WHERE h.customer IS NULL",
            "an id that is shown no more has a newer history": "SELECT h.customer FROM history h LEFT JOIN customer c ON c.id = h.customer"
            " WHERE c.id IS NULL GROUP BY h.customer HAVING max(CASE WHEN h.lineage IS NULL THEN h.version ELSE 0 END) < max(h.version)",
        }
        for what, query in checks.items():
            rows = connection.exec_driver_sql(query).fetchall()
            if rows:
                self.found.differs("history", f"{what}: {rows[0][0]}", len(rows))
        self.found.checked["history"] = int(connection.exec_driver_sql("SELECT count(*) FROM history").scalar() or 0)

    def _ids(self, connection: Connection, home: Mapping[int, int]) -> None:
        """Each minted id leads where the newest recorded move says."""
        shown = {r.cluster: r.id for r in connection.exec_driver_sql("SELECT cluster, id FROM customer")}
        moves = {r.id: r.leads_to for r in connection.exec_driver_sql("SELECT id, leads_to FROM id_move ORDER BY seq")}
        leads = {r.rid: r.leads for r in connection.exec_driver_sql("SELECT rid, leads FROM heir")}
        for r in connection.exec_driver_sql(
            "SELECT rid, mint FROM record WHERE born IS NOT NULL AND pending = 0 AND sort = 'customer'"
        ):
            self.found.checked["ids"] += 1
            at = r.rid if r.rid in home else leads.get(r.rid)
            now = shown.get(home.get(at, -1)) if at is not None else None
            if moves.get(r.mint, r.mint) != now and not (now is None and r.mint not in moves and r.rid not in home):
                self.found.differs("id moves", f"{r.mint}: recorded {moves.get(r.mint, r.mint)}, leads to {now}")


def _table(rows: list[db.Row], columns: Mapping[str, str]) -> pa.Table:
    arrays = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.table(
        {name: pa.array(values, kind) for (name, kind), values in zip(columns.items(), arrays, strict=True)}
    )


def _chunks(items: list[frozenset[int]], size: int) -> Iterable[list[frozenset[int]]]:
    return (items[start : start + size] for start in range(0, len(items), size))
