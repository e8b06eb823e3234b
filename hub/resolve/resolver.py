"""The only writer path: one transaction through landing, matching and golden records.

Each public method of `Resolver` is one unit: it lands or records its input, settles what that
touches, and commits all of it or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from hub import db
from hub.connectors.base import JSON
from hub.connectors.mapping.columns import columns_of, secret_columns
from hub.connectors.rows import keepable, parse_json
from hub.consents.statement import statement_readings
from hub.errors import BadRecord, Fault, NotFound, Unprocessable
from hub.golden_record import store as golden_store
from hub.golden_record.changes import Change
from hub.interactions import run as interactions
from hub.interactions.relation import relation_readings
from hub.interactions.row import readings
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing.sealing import sealed_row, without_secrets
from hub.landing.store import Incoming, Landed, RecordInfo
from hub.matching import store as matching_store
from hub.matching.compare.score import weigh
from hub.matching.prepare import Ready, ready, salted_keys
from hub.matching.recipe import Recipe, read_recipe
from hub.matching.refresh import shortlisted
from hub.model import ChangeType, Part, RecordId
from hub.resolve.adoption import adopt_landed
from hub.resolve.settle import Unsettled, settle
from hub.resolve.suppressing import suppressed_rows, suppressed_texts
from hub.settings import Config

_PROBE = -1  # a row that is no record
Happened = Literal[
    "created",
    "joined",
    "updated",
    "merged",
    "split",
    "held",
    "unchanged",
    "deleted",
    "quarantined",
    "pending",
    "landed",
    "suppressed",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: its customer, that customer's version, and what happened."""

    key: str
    happened: Happened
    customer: str | None = None
    version: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProbeMatch:
    """A customer that a probe would join, or come near to."""

    customer: str
    record: RecordId
    weight: int
    parts: tuple[Part, ...]
    joins: bool


class Resolver:
    """Writes to one hub. Thread-safe: units take turns."""

    def __init__(self, database: db.Units, config: Config, suppression_key: bytes = b""):
        """suppression_key: what the hashes of erased people are made with; a resolver without it lands nothing for good."""
        self.database, self.config, self.suppression_key = database, config, suppression_key
        self._recipe: Recipe | None = None
        self.readings: dict[tuple[str, str], interactions.AnyReading] = {
            **readings(config),
            **relation_readings(config),
            **statement_readings(config),
        }

    def recipe(self, connection: Connection) -> Recipe:
        self._recipe = read_recipe(connection, self.config, self._recipe)
        return self._recipe

    # --- records ---

    def upsert(
        self,
        source: str,
        stream: str,
        rows: Sequence[Mapping[str, JSON]],
        *,
        urgent: bool = True,
        first: Callable[[Connection], object] | None = None,
    ) -> list[Outcome]:
        """Land raw rows of a stream and resolve them. An answer per row; bad rows are set aside.

        first: looked at under the writer's lock, before anything is written; when it raises, nothing is.
        NotFound when no such stream is configured.
        """
        incoming, refused = self.read_rows(source, stream, rows)
        made = self.make_ready(source, stream, incoming.values())
        aside = [(f"row {n + 1}", o.reason, db.dump_any(rows[n])) for n, o in refused.items()]

        def work(connection: Connection) -> list[Outcome]:
            if first is not None:
                first(connection)
            recipe = self.recipe(connection)
            self.set_aside(connection, source, stream, aside, self.database.clock.now())
            listed = list(incoming.values())
            landed = self.land(connection, source, stream, listed, pending=False, made=made)
            if not recipe.stream(source, stream).customer:
                return [_belonging(row, r) for row, r in zip(listed, landed, strict=True)]
            changes = self._settle_landed(connection, recipe, landed, made)
            return self._outcomes(connection, recipe, landed, changes)

        if urgent:
            outcomes = self.database.together(work, size=len(rows))
        else:
            with self.database.unit(urgent=False) as connection:
                outcomes = work(connection)
        answers = dict(zip(incoming, outcomes, strict=True))
        return [refused.get(n) or answers[n] for n in range(len(rows))]

    def make_ready(self, source: str, stream: str, rows: Iterable[Incoming]) -> dict[str, Ready]:
        """Rows by key, mapped, cleaned and keyed while nobody waits for the lock; of one key the last."""
        assert self._recipe is not None
        if not self._recipe.stream(source, stream).customer:
            return {}
        found = ((r.key, ready(self._recipe, source, stream, r.raw)) for r in rows if r.raw is not None)
        return {key: made for key, made in found if made is not None}

    def left_out(
        self, source: str, stream: str, rows: Iterable[Incoming], made: Mapping[str, Ready]
    ) -> Counter[tuple[str, str]]:
        """Values of these rows that could not be read, by (column, reason). `made`: rows made ready before."""
        recipe = self._known(source, stream)
        given, mapper = recipe.stream(source, stream), recipe.mappers.get((source, stream))
        found: Counter[tuple[str, str]] = Counter()
        if mapper is None:
            return found
        for row in rows:
            if row.raw is None:
                continue
            try:
                known = made.get(row.key)
                problems = known.mapped.problems if known and known.raw is row.raw else mapper.read(row.raw)[1]
            except Exception as error:  # noqa: BLE001 - told of where the row is prepared
                problems = (("", f"the row could not be read ({type(error).__name__})"),)
            found.update((columns_of(given, attribute), reason) for attribute, reason in problems)
        return found

    def comes_twice(self, source: str, stream: str, rows: Iterable[Incoming]) -> int:
        """How many of these rows have a version in the hour that clocks repeat."""
        identifier = self._known(source, stream).identifiers[source, stream]
        return sum(row.raw is not None and identifier.comes_twice(row.raw) for row in rows)

    def read_rows(
        self, source: str, stream: str, rows: Sequence[Mapping[str, JSON]]
    ) -> tuple[dict[int, Incoming], dict[int, Outcome]]:
        """Rows by their place: those that can land, and those to set aside. Outside any lock."""
        identify = self._known(source, stream).identifiers[source, stream].identify
        given, secrets = self.config.stream(source, stream), self._secrets(source, stream)
        assert given is not None
        happening = self.readings.get((source, stream))
        incoming: dict[int, Incoming] = {}
        refused: dict[int, Outcome] = {}
        for number, raw in enumerate(rows):
            try:
                row = keepable(raw)
                found = identify(row)
                if secrets:
                    name = RecordId(source, stream, found.key)
                    row = sealed_row(self.suppression_key, name, row, secrets, given.day_first)
                if happening is not None and not found.tombstone:
                    happening.read(row)
                incoming[number] = Incoming(found.key, None if found.tombstone else row, found.version, found.observed)
            except BadRecord as error:
                refused[number] = Outcome("", "quarantined", reason=str(error))
            except Exception as error:  # noqa: BLE001 - whatever a row does to us, it is set aside and the others go on
                refused[number] = Outcome("", "quarantined", reason=f"could not be read ({type(error).__name__})")
        return incoming, refused

    def _known(self, source: str, stream: str) -> Recipe:
        """The recipe, which has this stream. NotFound when it has not."""
        if self._recipe is None:
            with self.database.read() as connection:
                self.recipe(connection)
        assert self._recipe is not None
        self._recipe.stream(source, stream)
        return self._recipe

    def delete(self, source: str, stream: str, key: str, *, version: str | None = None) -> Outcome:
        """Land a tombstone. NotFound when the record was never there."""
        sort = self._known(source, stream).stream(source, stream).sort

        def work(connection: Connection) -> Outcome:
            recipe = self.recipe(connection)
            info = landing.record_named(connection, RecordId(source, stream, key), sort)
            if info is None:
                raise NotFound(
                    "no such record", [Fault("/key", "this source has sent no record of that key", "check the key")]
                )
            landed = self.land(connection, source, stream, [Incoming(key, None, version)], pending=False)
            if sort == landing.CUSTOMER:
                self.settle(connection, recipe, {r.rid for r in landed if r.changed})
            return Outcome(key, "deleted" if landed[0].changed else "unchanged")

        return self.database.together(work)

    def land(
        self,
        connection: Connection,
        source: str,
        stream: str,
        rows: Sequence[Incoming],
        *,
        pending: bool,
        made: Mapping[str, Ready] | None = None,
    ) -> list[Landed]:
        """Keep these rows, those of erased people left out. `made`: rows made ready before, by key."""
        given = self.config.stream(source, stream)
        assert given is not None
        recipe, reading = self.recipe(connection), self.readings.get((source, stream))
        left_out = suppressed_rows(connection, self.suppression_key, recipe, source, stream, rows, reading, made or {})
        kept = landing.land(
            connection,
            source,
            stream,
            [row for n, row in enumerate(rows) if n not in left_out],
            type_name=given.type_name,
            sort=given.sort,
            at=self.database.clock.now(),
            pending=pending,
            keep_deleted=given.on_delete == "keep_values",
        )
        following = iter(kept)
        landed = [
            Landed(row.key, 0, changed=False, suppressed=True) if n in left_out else next(following)
            for n, row in enumerate(rows)
        ]
        if given.write_back is not None:
            adopt_landed(connection, recipe, source, stream, rows, landed, self.database.clock.now())
        if reading is not None:
            self.belongings(connection, {r.rid for r in landed if r.changed})
        return landed

    def belongings(self, connection: Connection, rids: Collection[int]) -> None:
        """Bring the rows of records that belong to others up to date, and what that changes of their customers."""
        self.agreed(connection, interactions.derive(connection, self.readings, rids))

    def agreed(self, connection: Connection, owners: Iterable[RecordId]) -> None:
        """The customers of these records may have agreed to something else: their golden records are looked at again."""
        infos = [i for o in sorted(set(owners)) if (i := landing.record_named(connection, o)) is not None]
        dead = matching_store.heirs(connection, [i.rid for i in infos if not i.alive])
        rids = {i.rid for i in infos if i.alive} | {last for _, last in dead.values() if last is not None}
        homes = matching_store.clusters_of(connection, rids)
        if homes:
            self.settle(connection, self.recipe(connection), golden=homes)

    def reread(self) -> int:
        """Read rows of interactions again that were read under another configuration; how many. While a source is left out
        for a fault in its file, what it said stays as it was read."""
        if self.config.aside:
            return 0
        return interactions.reread(self.database, self.readings, self.agreed)

    def set_aside(
        self, connection: Connection, source: str, stream: str, rows: Sequence[tuple[str, str, str]], at: int
    ) -> int:
        """Quarantine rows: (where, why, raw). Of a stream with secret words nothing is kept of what is no row; and nothing of
        somebody who was erased: how many of these there were."""
        texts, reading = [raw for _, _, raw in rows], self.readings.get((source, stream))
        erased = suppressed_texts(
            connection, self.suppression_key, self.recipe(connection), source, stream, texts, reading
        )
        rows = [row for n, row in enumerate(rows) if n not in erased]
        secrets = self._secrets(source, stream)
        if secrets:
            rows = [(where, why, _safe(raw, secrets)) for where, why, raw in rows]
        if rows:
            landing.quarantine(connection, source, stream, rows, at)
        return len(erased)

    def _secrets(self, source: str, stream: str) -> dict[str, str]:
        """Columns of a stream of which a hash alone is kept, with their attributes."""
        given = self.config.stream(source, stream)
        of = None if given is None else self.config.customers.get(given.customer)
        return {} if given is None or of is None else secret_columns(given, of)

    def settle_landed(
        self, connection: Connection, source: str, stream: str, landed: Sequence[Landed], made: Mapping[str, Ready]
    ) -> None:
        """Resolve records of a stream that just landed, in the same unit; what is no customer is only kept.

        made: their rows made ready before, by key.
        """
        if self._known(source, stream).stream(source, stream).customer:
            self._settle_landed(connection, self.recipe(connection), landed, made)

    def _settle_landed(
        self, connection: Connection, recipe: Recipe, landed: Sequence[Landed], made: Mapping[str, Ready]
    ) -> list[Change]:
        changed = [r for r in landed if r.changed]
        return self.settle(
            connection, recipe, {r.rid for r in changed}, made={r.rid: made[r.key] for r in changed if r.key in made}
        )

    def settle(
        self,
        connection: Connection,
        recipe: Recipe,
        rids: Iterable[int] = (),
        *,
        seeds: Iterable[int] = (),
        golden: Iterable[int] = (),
        force: bool = False,
        made: Mapping[int, Ready] | None = None,
    ) -> list[Change]:
        """Work out now what a change touches: see `Unsettled`."""
        given = Unsettled(frozenset(rids), frozenset(seeds), frozenset(golden), made or {}, force)
        return settle(connection, recipe, given, at=self.database.clock.now()).changes

    def _outcomes(
        self, connection: Connection, recipe: Recipe, landed: Sequence[Landed], changes: Iterable[Change]
    ) -> list[Outcome]:
        by_customer = {c.customer: c for c in changes}
        rids = {r.rid for r in landed if r.rid}
        homes = matching_store.clusters_of(connection, rids)
        customers = golden_store.customers_of(connection, set(homes.values()))
        infos = landing.records(connection, rids)
        new = {
            r
            for r, name in homes.items()
            if name in customers and (c := by_customer.get(customers[name].id)) and c.type is ChangeType.CREATED
        }
        grey = self._grey(connection, recipe, [r for r in new & infos.keys() if infos[r].alive], homes, infos)
        found: list[Outcome] = []
        for row in landed:
            if row.suppressed:
                found.append(Outcome(row.key, "suppressed"))
                continue
            customer = customers.get(homes.get(row.rid, -1))
            if customer is None:
                found.append(Outcome(row.key, "deleted" if row.changed else "unchanged"))
                continue
            change = by_customer.get(customer.id)
            happened = _happened(row, change, infos[row.rid], row.rid in grey)
            found.append(Outcome(row.key, happened, customer.id, customer.version))
        return found

    def _grey(
        self,
        connection: Connection,
        recipe: Recipe,
        rids: Collection[int],
        homes: Mapping[int, int],
        infos: Mapping[int, RecordInfo],
    ) -> set[int]:
        """Records that a review item keeps from another customer."""
        pairs = matching_store.pairs_touching(connection, rids)
        ends = {r for p in pairs for r in p}
        home = {**matching_store.clusters_of(connection, ends - homes.keys()), **homes}
        return {r for p in pairs for r in p if r in infos and home.get(p[0]) != home.get(p[1])}

    # --- matching without storing ---

    def probe(self, source: str, stream: str, raw: Mapping[str, JSON], *, limit: int = 10) -> list[ProbeMatch]:
        """Which customers a row of a stream would join, or come near to; stores nothing."""
        given = self._known(source, stream).stream(source, stream)
        if not given.customer:
            raise Unprocessable("rows of this stream are no customers", [Fault("/stream", f"is of {given.sort}s")])
        with self.database.read() as connection:
            recipe = self.recipe(connection)
            cells = recipe.mappers[source, stream].map(raw).cells
            forms = recipe.standardisers[given.customer].forms(cells, given.is_verified)
            return self._near(connection, recipe, given.customer, forms, limit)

    def _near(
        self, connection: Connection, recipe: Recipe, type_name: str, forms: Forms, limit: int
    ) -> list[ProbeMatch]:
        model, cap = recipe.models[type_name], recipe.customer(type_name).matching.block_cap
        keys = salted_keys(forms, recipe, type_name)
        blocks = matching_store.holders(connection, keys, cap)
        others = {r for members in blocks.values() if len(members) < cap for r in members}
        sketch = recipe.standardisers[type_name].layout.sketch(forms)
        near = shortlisted(connection, recipe, type_name, [(_PROBE, r) for r in others], {_PROBE: sketch}, model.review)
        weighed = {
            r: weigh(forms, found, model) for r, found in matching_store.forms(connection, [r for _, r in near]).items()
        }
        good = {r: w for r, w in weighed.items() if w.weight >= model.review}
        homes = matching_store.clusters_of(connection, good)
        customers = golden_store.customers_of(connection, set(homes.values()))
        infos = landing.records(connection, homes)
        best: dict[str, ProbeMatch] = {}
        for rid in sorted(homes, key=lambda r: (-good[r].weight, infos[r].id)):
            customer = customers[homes[rid]].id
            weight, parts = good[rid]
            best.setdefault(customer, ProbeMatch(customer, infos[rid].id, weight, parts, weight >= model.join))
        return list(best.values())[:limit]

    # --- time ---

    def tick(self, lease: db.Lease | None = None) -> int:
        """Rebuild the customers of whom a value starts or ends to be in effect by now; how many. Conflict: the lease is lost."""
        done = 0
        while True:
            with self.database.unit(urgent=False) as connection:
                if lease is not None:
                    lease.check(connection)
                due = golden_store.due(connection, self.database.clock.now())
                if not due:
                    return done
                members = matching_store.members_of(connection, [c.cluster for c in due])
                self.settle(connection, self.recipe(connection), (), golden=[min(m) for m in members.values()])
                done += len(due)


def _belonging(row: Incoming, landed: Landed) -> Outcome:
    """What became of a row that is no customer: it is kept, and nothing is matched."""
    if landed.suppressed:
        return Outcome(row.key, "suppressed")
    return Outcome(row.key, "unchanged" if not landed.changed else "deleted" if row.raw is None else "landed")


def _happened(row: Landed, change: Change | None, info: RecordInfo, grey: bool) -> Happened:
    if not row.changed or change is None:
        return "unchanged" if not row.changed else "updated"
    if change.type is ChangeType.CREATED:
        return "held" if grey else "created"
    if change.type is ChangeType.MERGED:
        return "merged"
    if change.type is ChangeType.SPLIT:
        return "split"
    return "joined" if info.born == info.latest else "updated"


__all__ = ["Outcome", "ProbeMatch", "Resolver"]


def _safe(raw: str, secrets: Mapping[str, str]) -> str:
    """A row that is set aside, without its secret words; nothing of a text that is no row."""
    try:
        row = parse_json(raw)
    except ValueError:
        return ""
    return db.dump_any(without_secrets(row, secrets)) if isinstance(row, dict) else ""
