"""The bulk path: whatever is pending, or everything, computed offline and applied a chunk at a time.

Standardised rows, keys, pairs and clusters are derived from one watermark with vectorised engines,
compared with what is stored, and the differences applied in units of their own. What landed or was
decided after the watermark is left out and settled by the live path at the end, so the result is
the live path's result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from hub import db
from hub.db.processes import AHEAD, Processes, seldom_collected
from hub.errors import Conflict
from hub.golden_record import run as golden_run
from hub.golden_record.run import Created
from hub.golden_record.search_store import recount
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing import suspension
from hub.matching import store as matching_store
from hub.matching.clusters.recluster import Reclustered
from hub.matching.clusters.whole_type import Clusters
from hub.matching.compare.model import Model
from hub.matching.pairs import type_salt
from hub.matching.prepare import standardised_rows
from hub.matching.recipe import Recipe
from hub.matching.refresh import crowded_out, holding
from hub.matching.store import StoredPair
from hub.matching.training import batch
from hub.resolve import helping
from hub.resolve.backlog import LEAST_TO_TRAIN, Progress, Report, quiet
from hub.resolve.forgetting import lost, still_lost
from hub.resolve.helping import Work
from hub.resolve.resolver import Resolver
from hub.resolve.settle import Unsettled, settle

STANDARDISE_CHUNK = 2_500
KEYS_CHUNK = 200_000
SETTLE_CHUNK = 500  # records that the live path settles in one unit
APPLY_CHUNK = 4_000  # records in one unit
FIRST_CHUNK = (
    50_000  # the same while a type has no customers yet and nobody waits: search terms spread over all of their table
)
PARALLEL_FROM = 20_000  # records worth starting processes for
LEASE = "bulk run"

T = TypeVar("T")


@dataclass(frozen=True)
class Watermark:
    """What a bulk run takes into account."""

    landed: int
    decision: int
    at: int


@dataclass(frozen=True)
class Group:
    """Old clusters and the new ones that replace them."""

    old: Mapping[int, frozenset[int]]
    new: list[frozenset[int]]

    @property
    def records(self) -> set[int]:
        return {r for c in (*self.old.values(), *self.new) for r in c}

    def stands(self, now: Mapping[int, frozenset[int]], homes: Mapping[int, int]) -> bool:
        """Are the old clusters still as they were when this was planned?"""
        met = {homes[r] for r in self.records if r in homes}
        return met == set(self.old) and all(now.get(n) == c for n, c in self.old.items())


class Stored(NamedTuple):
    """What pairs of a type are made of, and the pairs that are stored."""

    records: pa.Table
    keys: pa.Table  # of every type
    pairs: pa.Table


class Engine(Protocol):
    """What works out keys, pairs and clusters of very many records: this machine (`OneMachine`), or Spark."""

    def keys(self, records: pa.Table, model: Model, *, salt: int = 0) -> pa.Table: ...

    def pairs(self, records: pa.Table, keys: pa.Table, model: Model, *, floor: int, cap: int = 100) -> pa.Table: ...

    def clusters(self, graph: Clusters) -> list[frozenset[int]]: ...


class OneMachine:
    """DuckDB for keys and pairs, this process for clusters."""

    keys = staticmethod(batch.keys)
    pairs = staticmethod(batch.pairs)

    @staticmethod
    def clusters(graph: Clusters) -> list[frozenset[int]]:
        return graph.find()


class Bulk:
    """One bulk run over one hub."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        progress: Progress = quiet,
        workers: int | None = None,
        engine: Engine | None = None,
    ):
        self.engine: Engine = engine or OneMachine()
        self.resolver, self.database, self.progress = resolver, resolver.database, progress
        self.workers = workers if workers is not None else min(2, os.cpu_count() or 1)
        self.processes: Processes | None = None
        self.report = Report()
        self.lease: db.Lease | None = None
        self.late: set[int] = set()  # moved meanwhile: the live path settles them at the end

    def run(self, *, full: bool = False, train: bool | None = None) -> Report:
        """Resolve what is pending; `full`: derive everything anew. Trains types that have no model yet, or as told."""
        with seldom_collected(), self._alone(), self._helped():
            self._run(full, train)
        self.database.shorten_log()
        return self.report

    def standardise_pending(self) -> None:
        """Only fold, clean and save: nothing is compared."""
        with seldom_collected(), self._alone(), self._helped():
            self._let_go()
            self.standardise(self._watermark(), full=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One bulk run of a hub at a time: a second one waits, and finds little left to do. A rehearsal is alone anyway."""
        if not self.database.shared:
            yield
            return
        self.progress("waiting for another run", 0, 1)
        with db.leased(self.database, LEASE, wait=True) as self.lease:
            yield

    @contextmanager
    def _helped(self) -> Iterator[None]:
        """By processes of its own, which read what is committed: none where nothing is yet."""
        url = self.database.url
        if self.workers < 2 or not self.database.shared:
            yield
            return
        self.processes = Processes(
            self.workers, helping.begin, url.render_as_string(hide_password=False), self.resolver.config
        )
        try:
            yield
        finally:
            self.processes.close()
            self.processes = None

    def _each(self, work: Work[T], jobs: Iterable[tuple[object, ...]], records: int, ahead: int = AHEAD) -> Iterator[T]:
        """What comes of each job, in order: from here, or from processes where the records are many."""
        if self.processes is not None and records >= PARALLEL_FROM:
            yield from self.processes.map(helping.do, ((work, *job) for job in jobs), ahead)
            return
        for job in jobs:
            yield helping.done(self.resolver, work, *job)

    def _run(self, full: bool, train: bool | None) -> None:
        self._let_go()
        mark = self._watermark()
        self.standardise(mark, full=full)
        self.database.shorten_log()
        for type_name in self.resolver.config.customers:
            self.train(type_name, wanted=train)
        recipe = self._recipe()
        self._apply_keys(recipe, mark)
        for name, stored in self._stored(recipe).items():
            self._apply_pairs(recipe, name, stored.pairs, self._pairs(recipe, name, stored), mark)
        for name in recipe.models:
            self._apply_clusters(recipe, name, mark, everything=full)
        self._heirs(recipe, mark)
        if full:
            with self._unit(recipe, mark) as (connection, _):
                recount(connection, golden_run.counted_attributes(recipe.config))
        self._catch_up(mark)

    # --- what is there ---

    def _watermark(self) -> Watermark:
        at = self.database.clock.now()
        with self.database.read() as connection:
            return Watermark(landing.last_landing(connection), matching_store.last_decision(connection), at)

    def _recipe(self) -> Recipe:
        with self.database.read() as connection:
            return self.resolver.recipe(connection)

    @contextmanager
    def _unit(self, recipe: Recipe, mark: Watermark) -> Iterator[tuple[Connection, set[int]]]:
        """A unit, and the records that landed or were suspended after the watermark: the live path's. Asked each time, as they go on."""
        with self.database.large_unit() as connection:
            if self.lease is not None:
                self.lease.check(connection)
            if self.resolver.recipe(connection).origin != recipe.origin:
                raise Conflict(
                    "another model or configuration took over while this ran: what is pending waits for the next run"
                )
            moved = landing.landed_since(connection, mark.landed) | suspension.touched_since(connection, mark.at)
            self.late |= moved
            yield connection, moved

    # --- standardise ---

    def _let_go(self) -> None:
        """Records that wait because all their versions were suspended leave by the live path: nothing of them can be cleaned."""
        with self.database.read() as connection:
            unborn = landing.pending_unborn(connection)
        for part in db.chunks(unborn, SETTLE_CHUNK):
            with self.database.unit(urgent=False) as connection:
                self._settle(connection, part)

    def standardise(self, mark: Watermark, *, full: bool) -> None:
        """Fold, clean and save the standardised rows of pending records, or of all whose row is of another recipe."""
        recipe = self._recipe()
        with self.database.read() as connection:
            rids = matching_store.to_standardise(connection, recipe.base, full=full)
        done = 0
        for rows in self._each(standardised_rows, ((part,) for part in db.chunks(rids, STANDARDISE_CHUNK)), len(rids)):
            with self.database.unit(urgent=False) as connection:
                latest = landing.latest_of(connection, [r[0] for r in rows])
                matching_store.save_standardised(connection, [r for r in rows if latest.get(r[0]) == r[3]])
            done += len(rows)
            self.progress("standardise", done, len(rids))
        if self.processes is not None:
            self.processes.close()  # what they remember of cleaned values is room that pairs need; golden records start them anew
        self.report.standardised += done

    # --- models ---

    def train(self, type_name: str, *, wanted: bool | None) -> None:
        """Train and promote a type's first model; later ones are promoted by hand."""
        with self.database.read() as connection:
            has = matching_store.promoted(connection, type_name) is not None
        if wanted is False or (wanted is None and has):
            return
        records, landed = self._snapshot(type_name)
        if records.num_rows < LEAST_TO_TRAIN and not wanted:
            return
        self.progress(f"train {type_name}", 0, 1)
        model = batch.train(records, self.resolver.config.customers[type_name], seed=0)
        self.report.trained[type_name] = model.info
        self._keep(model, records, landed, promote=True)
        self.progress(f"train {type_name}", 1, 1)

    def train_candidate(self, type_name: str, *, seed: int = 0) -> int:
        """Train a model on all records of a type; its number. It decides nothing before it is promoted."""
        records, landed = self._snapshot(type_name)
        self.progress(f"train {type_name}", 0, 1)
        model = batch.train(records, self.resolver.config.customers[type_name], seed=seed)
        return self._keep(model, records, landed)

    def _snapshot(self, type_name: str) -> tuple[pa.Table, int]:
        """A type's living records, and the newest version that landed before."""
        with self.database.read() as connection:
            return matching_store.all_forms(connection, type_name), landing.last_landing(connection)

    def _keep(self, model: Model, records: pa.Table, landed: int, *, promote: bool = False) -> int:
        """Keep a model that was trained on these records; its number. Of those that were erased meanwhile it keeps nothing
        that nobody else says."""
        type_name = model.customer_type
        while True:
            with self.database.read() as connection:
                mark = landing.last_landing(connection)
                gone = landing.landed_since(connection, landed)
                gone -= matching_store.standardised_types(connection, gone).keys()
                known = {k for forms in _forms_of(records, gone) for k in model.known(forms)}
                found = lost(connection, type_name, known)
            with self.database.unit(urgent=False) as connection:
                after = landing.landed_since(connection, mark)
                if after - matching_store.standardised_types(connection, after).keys():
                    continue  # another was erased while it was looked for the first
                kept, at = model.without(still_lost(connection, found)), self.database.clock.now()
                number = matching_store.add_model(connection, type_name, kept.hash, kept.to_json(), at)
                if promote:
                    matching_store.promote(connection, number, type_name, at)
                return number

    def _forms(self, type_name: str, *, alive: bool = True) -> pa.Table:
        with self.database.read() as connection:
            return matching_store.all_forms(connection, type_name, alive=alive)

    # --- keys and pairs ---

    def _apply_keys(self, recipe: Recipe, mark: Watermark) -> None:
        for dead in (False, True):
            made = [
                self.engine.keys(self._forms(t, alive=not dead), m, salt=type_salt(t)) for t, m in recipe.models.items()
            ]
            new = pa.concat_tables(made).combine_chunks() if made else None
            with self.database.read() as connection:
                old = matching_store.all_keys(connection, dead=dead)
            assert new is not None
            if old.num_rows == 0 and new.num_rows:
                self._first_keys(recipe, new, mark, dead)
                continue
            gone, added = difference(old, new)
            self._key_changes(recipe, gone, added, mark, dead)

    def _first_keys(self, recipe: Recipe, new: pa.Table, mark: Watermark, dead: bool) -> None:
        """All at once: nobody has keys yet whom this could keep waiting."""
        with self._unit(recipe, mark) as (connection, skip):
            parts = (_rows(new.slice(start, KEYS_CHUNK)) for start in range(0, new.num_rows, KEYS_CHUNK))
            matching_store.fill_keys(
                connection, ([kr for kr in part if kr[1] not in skip] if skip else part for part in parts), dead=dead
            )
        self.progress("keys", new.num_rows, new.num_rows)

    def _key_changes(self, recipe: Recipe, gone: pa.Table, added: pa.Table, mark: Watermark, dead: bool) -> None:
        total = added.num_rows + gone.num_rows
        for start in range(0, max(gone.num_rows, added.num_rows), KEYS_CHUNK):
            drop, add = _rows(gone.slice(start, KEYS_CHUNK)), _rows(added.slice(start, KEYS_CHUNK))
            with self._unit(recipe, mark) as (connection, skip):
                matching_store.change_keys(
                    connection,
                    [kr for kr in drop if kr[1] not in skip],
                    [kr for kr in add if kr[1] not in skip],
                    dead=dead,
                )
            self.progress("keys", min(start + KEYS_CHUNK, total), total)

    def _stored(self, recipe: Recipe) -> dict[str, Stored]:
        """What pairs are made of, and those that are stored, by type: of one snapshot, the keys of all types read once."""
        with self.database.read() as connection:
            keys = matching_store.all_keys(connection)
            return {
                name: Stored(
                    matching_store.all_forms(connection, name), keys, matching_store.all_pairs(connection, name)
                )
                for name in recipe.models
            }

    def _pairs(self, recipe: Recipe, type_name: str, stored: Stored) -> pa.Table:
        """The pairs that ought to be stored."""
        model, bounds = recipe.models[type_name], recipe.customer(type_name).matching
        found = self.engine.pairs(
            stored.records, stored.keys, model, floor=min(model.review, model.join), cap=bounds.block_cap
        )
        counts = found.schema.metadata or {}
        self.report.left_out[type_name] = {k.decode(): int(v) for k, v in counts.items()}
        self.report.pairs += found.num_rows
        return found

    def _apply_pairs(self, recipe: Recipe, type_name: str, old: pa.Table, found: pa.Table, mark: Watermark) -> None:
        gone, added = difference(old, found)
        kept = {(a, b) for a, b, *_ in _rows(added)} if gone.num_rows else set()
        for dropped in db.chunks([(a, b) for a, b, *_ in _rows(gone) if (a, b) not in kept], 5_000):
            with self._unit(recipe, mark) as (connection, skip):
                stay = self._unsure(holding(connection, recipe, type_name, dropped)) if skip else set()
                matching_store.save_pairs(connection, [p for p in dropped if skip.isdisjoint(p) and p not in stay], [])
        for start in range(0, max(added.num_rows, 1), 100_000):
            new = [StoredPair(*r) for r in _rows(added.slice(start, 100_000))]
            with self._unit(recipe, mark) as (connection, skip):
                if not skip and old.num_rows == 0:
                    matching_store.insert_pairs(connection, new)
                else:
                    unsure = self._unsure(
                        crowded_out(connection, recipe, type_name, skip, [(p.left, p.right) for p in new])
                    )
                    matching_store.save_pairs(
                        connection,
                        [],
                        [p for p in new if skip.isdisjoint((p.left, p.right)) and (p.left, p.right) not in unsure],
                    )
            self.progress("pairs", min(start + 100_000, added.num_rows), added.num_rows)

    def _unsure(self, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """Pairs that what moved meanwhile may have given or taken: the live path settles their records."""
        self.late.update(r for p in pairs for r in p)
        return pairs

    # --- clusters ---

    def _apply_clusters(self, recipe: Recipe, type_name: str, mark: Watermark, *, everything: bool) -> None:
        """Golden records of the clusters that differ from what is stored, or of all."""
        with self.database.read() as connection:
            graph = Clusters.stored(connection, recipe, type_name)
            clusters = self.engine.clusters(graph)
            groups = self._without_returned(connection, self._plan(connection, type_name, clusters, everything))
        self.report.clusters += len(clusters)
        step, first = f"golden records of {type_name}", [g for g in groups if not g.old]
        self._create(
            step, first, recipe, graph, mark, len(groups), FIRST_CHUNK if len(first) == len(clusters) else APPLY_CHUNK
        )
        done = len(first)
        for chunk in _in_chunks([g for g in groups if g.old], lambda g: len(g.records), lambda: APPLY_CHUNK):
            self._apply(chunk, recipe, graph, mark, everything)
            done += len(chunk)
            self.progress(step, done, len(groups))

    def _create(
        self, step: str, groups: list[Group], recipe: Recipe, graph: Clusters, mark: Watermark, of: int, unit: int
    ) -> None:
        """Golden records of clusters that replace none: made beside this process, and applied where nothing stands in their way."""
        clusters = sorted(
            (c for g in groups for c in g.new), key=min
        )  # in the order of their ids: rows go to the end of their tables
        jobs = ((part, self.database.clock.now()) for part in _in_chunks(clusters, len, lambda: APPLY_CHUNK))
        done = 0
        made = self._each(golden_run.create, jobs, sum(map(len, clusters)), unit // APPLY_CHUNK)
        for parts in _in_chunks(
            made, lambda m: len(m.homes), lambda: APPLY_CHUNK if self.database.requested_lately else unit
        ):
            if len(parts) == 1 or not self._apply_created(Created.together(parts), recipe, graph, mark):
                for part in parts:
                    if not self._apply_created(part, recipe, graph, mark):
                        self._apply([Group({}, [c]) for c in part.clusters], recipe, graph, mark, everything=False)
            done += sum(len(m.clusters) for m in parts)
            self.progress(step, done, of)

    def _apply_created(self, made: Created, recipe: Recipe, graph: Clusters, mark: Watermark) -> bool:
        """Save them, when their records are as they were: landed before the watermark, in no cluster, and nothing but their values matters."""
        rids = set(made.homes)
        with self._unit(recipe, mark) as (connection, moved):
            if moved and (rids & moved or graph.changed(connection, rids)):
                return False
            if matching_store.clusters_of(connection, rids) or not golden_run.unmarked(connection, made):
                return False
            matching_store.save_membership(connection, (), made.homes)
            golden_run.save_created(connection, recipe, made, self.database.clock.now())
            landing.settle_pending(connection, rids, mark.landed)
        self.report.changes += len(made.clusters)
        return True

    def _apply(self, chunk: list[Group], recipe: Recipe, graph: Clusters, mark: Watermark, everything: bool) -> None:
        with self._unit(recipe, mark) as (connection, moved):
            if moved:
                moved |= graph.changed(connection, {r for g in chunk for r in g.records})
            fit = [g for g in chunk if not (g.records & moved)]
            self.late.update(r for g in chunk if g.records & moved for r in g.records)
            self.report.changes += self._apply_chunk(connection, recipe, fit, everything)

    def _without_returned(self, connection: Connection, groups: list[Group]) -> list[Group]:
        """Those without a record that lives again: its id is an heir's still, so the live path moves both at once."""
        returned = set(matching_store.returned(connection))
        self.late.update(r for g in groups if g.records & returned for r in g.records)
        return [g for g in groups if not g.records & returned] if returned else groups

    @staticmethod
    def _plan(connection: Connection, type_name: str, clusters: list[frozenset[int]], everything: bool) -> list[Group]:
        """Clusters that change, with the old ones that they replace: no old cluster stands in two groups."""
        old = matching_store.all_homes(connection, type_name)
        if old.num_rows == 0:
            return [Group({}, [c]) for c in clusters]
        home: dict[int, int] = dict(_rows(old))
        members: dict[int, set[int]] = {}
        for rid, name in home.items():
            members.setdefault(name, set()).add(rid)
        pending = set(landing.pending(connection))
        groups: dict[int, Group] = {}
        leader: dict[int, int] = {}  # old cluster -> its group
        for number, c in enumerate(clusters):
            names = {home[r] for r in c if r in home}
            if not everything and len(names) == 1 and members[min(names)] == c and not c & pending:
                continue
            group = Group({n: frozenset(members[n]) for n in names}, [c])
            for met in {leader[n] for n in names if n in leader}:
                other = groups.pop(met)
                group = Group({**other.old, **group.old}, [*other.new, *group.new])
            groups[number] = group
            leader.update(dict.fromkeys(group.old, number))
        covered = {r for c in clusters for r in c}
        for name, left in members.items():
            if name not in leader and not left & covered:
                groups[-name - 1] = Group({name: frozenset(left)}, [])
        return list(groups.values())

    def _apply_chunk(self, connection: Connection, recipe: Recipe, groups: list[Group], everything: bool) -> int:
        rids = {r for g in groups for r in g.records}
        infos = landing.records(connection, rids)
        homes = matching_store.clusters_of(connection, rids)
        now = {n: frozenset(m) for n, m in matching_store.members_of(connection, set(homes.values())).items()}
        fit: list[Group] = []
        for g in groups:
            if g.stands(now, homes):
                fit.append(g)
            else:
                self.late.update(g.records)
        before = {n: c for g in fit for n, c in g.old.items()}
        found = Reclustered.of(before, [c for g in fit for c in g.new], infos)
        here = frozenset(r for c in found.after.values() for r in c)
        given = Unsettled(here, golden=here if everything else frozenset(), clusters=found)
        return len(settle(connection, recipe, given, at=self.database.clock.now()).changes)

    # --- the dead, and what moved meanwhile ---

    def _settle(self, connection: Connection, rids: Collection[int]) -> None:
        """By the live path."""
        self.resolver.settle(connection, self.resolver.recipe(connection), rids, force=True)
        landing.settle_pending(connection, rids, self._landed(connection, rids))

    def _heirs(self, recipe: Recipe, mark: Watermark) -> None:
        with self.database.read() as connection:
            dead, back = matching_store.settled_dead(connection), matching_store.returned(connection)
        dead = [*back, *dead]  # those that live again first: their ids come back from their heirs
        for part in db.chunks(dead, 200):
            with self._unit(recipe, mark) as (connection, moved_on):
                settled = frozenset(part) - moved_on
                given = Unsettled(settled, golden=settled & set(back), standardised=True)
                settle(connection, recipe, given, at=self.database.clock.now())
            self.progress("heirs", len(part), len(dead))

    @staticmethod
    def _landed(connection: Connection, rids: Iterable[int]) -> int:
        return max(landing.latest_of(connection, rids).values(), default=0)

    def _catch_up(self, mark: Watermark) -> None:
        """Settle by the live path what was left out: records and decisions since the watermark, and what is pending still."""
        with self.database.read() as connection:
            seeds = matching_store.decided_since(connection, mark.decision, mark.at)
            late = self.late.union(landing.pending(connection))
        self.report.caught_up = len(late)
        for part in db.chunks(sorted(late), SETTLE_CHUNK):
            with self.database.unit(urgent=False) as connection:
                self._settle(connection, part)
        if seeds:
            with self.database.unit(urgent=False) as connection:
                self.resolver.settle(connection, self.resolver.recipe(connection), (), seeds=seeds)


# --- tools ----------------------------------------------------------------------------------------


def _in_chunks(things: Iterable[T], size_of: Callable[[T], int], most: Callable[[], int]) -> Iterator[list[T]]:
    """Things by so many records; how many, is asked each time."""
    chunk: list[T] = []
    size = 0
    for thing in things:
        chunk.append(thing)
        size += size_of(thing)
        if size >= most():
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def difference(old: pa.Table, new: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows only in the old table, and rows only in the new one, in their order."""
    if old.num_rows == 0:
        return old, new
    new = new.select(old.column_names).cast(old.schema)
    names = old.column_names
    return old.join(new, names, join_type="left anti"), new.join(old, names, join_type="left anti").sort_by(
        [(n, "ascending") for n in names[:2]]
    )


def _forms_of(records: pa.Table, rids: Collection[int]) -> Iterator[Forms]:
    """Forms of these records, as they were when the table was read."""
    if rids:
        wanted = records.filter(pc.is_in(records["rid"], pa.array(sorted(rids), pa.int64())))
        yield from map(db.load, wanted["forms"].to_pylist())


def _rows(table: pa.Table) -> list[db.Row]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []
