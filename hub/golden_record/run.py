"""Rebuilds golden records for clusters that changed: load, call the pure parts, save. Within the caller's unit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from hub import db
from hub.consents import store as consent_store
from hub.consents.agreed import by_attribute, words_of
from hub.consents.effective import AGREED
from hub.consents.statement import Statement
from hub.golden_record import store
from hub.golden_record.changes import Change, State, derive
from hub.golden_record.lineage import Lineage, Values, Why
from hub.golden_record.misspellings import COUNTED
from hub.golden_record.recipes import recipe_document
from hub.golden_record.search_store import count_words
from hub.golden_record.search_terms import tokens
from hub.golden_record.store import StoredCustomer
from hub.golden_record.survivorship import Golden, Member, Standings, golden_values, revisit_at
from hub.landing import store as landing
from hub.landing.fold import Held
from hub.landing.store import RecordInfo
from hub.landing.suspension import any_suspension
from hub.matching import store as matching_store
from hub.matching.clusters.heirs import Moved
from hub.matching.clusters.recluster import Reclustered
from hub.matching.recipe import Recipe
from hub.model import ChangeType, Override, Plain, RecordId, from_plain, plain
from hub.settings import PROVED, SELF, Config, CustomerType

EVENT = "evt_"  # ids of changes


class Rebuilt(NamedTuple):
    """A customer's new golden record."""

    id: str
    type: str
    cluster: int
    members: frozenset[int]
    values: Values
    lineage: Lineage
    why: str  # the lineage as it is stored: in its row and in its history
    revisit_at: int | None

    @property
    def state(self) -> State:
        return State(self.members, self.values, self.lineage)


@lru_cache(maxsize=64)
def _standings(config_hash: str, source: str, stream: str, _config: _ById) -> Standings:
    found = _config.config.stream(source, stream)
    assert found is not None
    own = source == SELF and not stream.endswith(PROVED)
    return Standings(found, _config.config.customers[found.customer].attributes, own=own)


class _ById:
    """A configuration as a cache key: its hash is already one."""

    def __init__(self, config: Config):
        self.config = config

    def __hash__(self) -> int:
        return hash(self.config.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.config.hash == self.config.hash


def standings(config: Config, source: str, stream: str) -> Standings:
    return _standings(config.hash, source, stream, _ById(config))


def lineage_json(golden: Golden) -> Why:
    found: Why = {"rule": golden.rule, "won": [list(r) for r in golden.won]}
    if golden.lost:
        found["lost"] = [list(r) for r in golden.lost]
    if golden.override is not None:
        found["override"] = golden.override
    if not golden.verified:
        found["verified"] = False
    if golden.taken:
        found["taken"] = [list(r) for r in golden.taken]
    if golden.of:
        found["of"] = {part: lineage_json(g) for part, g in golden.of}
    return found


def build(
    members: list[Member],
    overrides: list[Override],
    customer: CustomerType,
    now: int,
    said: Mapping[RecordId, Mapping[int, Statement]] | None = None,
    led: Iterable[RecordId] = (),
) -> tuple[Values, Lineage, int | None]:
    """Values, lineage and the time at which to look again, as JSON. `said`: consents by the records that own them, of
    these and of the deleted ones whose ids lead here (`led`). What is agreed stands beside the attributes."""
    golden = golden_values(members, overrides, customer, now)
    values: dict[str, list[Plain]] = {a: [plain(v) for v in g.values] for a, g in golden.items()}
    lineage = {a: lineage_json(g) for a, g in golden.items()}
    more = by_attribute({m.record: m.held for m in members}, overrides, customer, now)
    if words := words_of(said or {}, [*(m.record for m in members), *led], more):
        values[AGREED], lineage[AGREED] = list(words), {"rule": "strictest", "won": [], "said": words}
    return values, lineage, revisit_at(members, overrides, now)


def search_rows(customer: CustomerType, type_name: str, id: str, values: Values) -> set[store.Term]:
    found: set[store.Term] = set()
    for attribute, given in values.items():
        if attribute == AGREED:
            continue
        kind = customer.attributes[attribute].kind
        for value in given:
            for token in tokens(kind, from_plain(value)):
                found.add((type_name, attribute, token, id))
    return found


# --- customers that replace none ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Created:
    """New customers as rows. Made beside the writer: written where their records are still as they were read."""

    clusters: list[frozenset[int]]
    homes: dict[int, int]  # record -> its cluster's name
    rows: Rows

    @classmethod
    def together(cls, parts: Sequence[Created]) -> Created:
        """Several as one, their search terms in the order of the table: so a unit writes each of its pages once."""
        clusters = [c for p in parts for c in p.clusters]
        homes = {r: name for p in parts for r, name in p.homes.items()}
        return cls(clusters, homes, Rows.together([p.rows for p in parts]))


def create(connection: Connection, recipe: Recipe, clusters: list[frozenset[int]], now: int) -> Created:
    """The customers of clusters none of whose records was in one before."""
    infos = landing.records(connection, [r for c in clusters for r in c])
    named = Reclustered.of({}, clusters, infos).after
    rebuilt = _build_all(connection, recipe, named, infos, now, {}, dead_leading(connection, infos))
    changes = derive({}, {r.id: r.state for r in rebuilt}, {}, frozenset())
    by_id = {r.id: r for r in rebuilt}
    ids = landing.new_ids(EVENT, now)
    homes = {r: name for name, c in named.items() for r in c}
    rows = Rows(
        [customer_row(r, recipe, 1, now) for r in rebuilt],
        [history_row(c, by_id[c.customer], {}, 1, recipe, now) for c in changes],
        [change_row(c, by_id[c.customer], {}, 1, n, next(ids), now) for n, c in enumerate(changes)],
        sorted(term for r in rebuilt for term in _terms(recipe, r)),
        {infos[rid].mint: r.id for r in rebuilt for rid in r.members if infos[rid].mint != r.id},
    )
    return Created(clusters, homes, rows)


def unmarked(connection: Connection, made: Created) -> bool:
    """Does nothing but what their records say decide about these customers: no override, no id of the dead, no earlier life?"""
    ids = [row[0] for row in made.rows.customers]
    if store.last_versions(connection, ids) or store.last_leads(connection, ids) or any_suspension(connection):
        return False
    if db.exists(connection, "consent"):
        infos = landing.records(connection, made.homes)
        if consent_store.of_owners(connection, [i.id for i in infos.values()]):
            return False
    anchored = db.exists(connection, "override") and store.overrides_on(
        connection, {r: RecordId("", "", "") for r in made.homes}
    )
    return not anchored and not (matching_store.any_dead(connection) and matching_store.led_to(connection, made.homes))


def save_created(connection: Connection, recipe: Recipe, made: Created, at: int) -> None:
    """Write them, with the time of writing and the next places in the outbox."""
    seq, rows = store.next_seq(connection), made.rows
    _write(
        connection,
        recipe,
        Rows(
            [(*row[:-1], at) for row in rows.customers],
            [(*row[:-1], at) for row in rows.history],
            [(seq + n, *row[1:-1], at) for n, row in enumerate(rows.changes)],
            rows.terms,
            rows.moves,
        ),
        at,
    )


# --- any cluster ----------------------------------------------------------------------------------------


def rebuild(
    connection: Connection,
    recipe: Recipe,
    found: Reclustered,
    moved: Moved,
    touched: Collection[int],
    *,
    at: int,
    now: int,
    held: Mapping[int, Mapping[str, Held]] | None = None,
) -> list[Change]:
    """Golden records of the clusters that changed, saved with history, changes, id moves and search terms.

    at: the time of knowledge (history); now: the effective time of values; held: what some of the records
    hold, where the caller has read it already.
    """
    clusters, before = _affected(connection, found, moved, touched)
    members = {r for c in clusters.values() for r in c}
    old_members = {r for c in before.values() for r in c}
    infos = {
        **found.infos,
        **landing.records(
            connection, (members | old_members | moved.before.keys() | moved.after.keys()) - found.infos.keys()
        ),
    }
    old = store.customers_of(connection, before)
    dead = dead_leading(connection, members | old_members)
    rebuilt = _build_all(connection, recipe, clusters, infos, now, held or {}, dead)
    was = {c.id: State(before[c.cluster], c.values, c.lineage) for c in old.values()}
    after = {r.id: r.state for r in rebuilt}
    home = {member: r.id for r in rebuilt for member in r.members}
    led = _led_before(infos, old, before, moved, dead)
    leads = _leads_now(infos, home, led, moved, dead)
    seen = store.last_versions(connection, after.keys() - was.keys())
    changes = derive(was, after, leads, frozenset(seen))
    led.update(
        store.last_leads(connection, leads.keys() - led.keys())
    )  # those that come back may have led nowhere, or to another
    moves = {id: lead for id, lead in leads.items() if lead != led.get(id, id)}
    _write(connection, recipe, _rows(connection, recipe, changes, rebuilt, old, seen, moves, at), at)
    return changes


def _affected(
    connection: Connection, found: Reclustered, moved: Moved, touched: Collection[int]
) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """Clusters to rebuild, by name, and the old clusters whose customers they replace."""
    changed = set(touched)
    again = {n: c for n, c in found.after.items() if found.before.get(n) != c or c & changed}
    gone = {n: c for n, c in found.before.items() if found.after.get(n) != c or c & changed}
    # a dead record that changed may have been born earlier or later now: who shows its id may then show another
    ends = {
        lead
        for d in moved.before.keys() | moved.after.keys()
        if moved.before.get(d) != moved.after.get(d) or d in changed
        for lead in (moved.before.get(d), moved.after.get(d))
        if lead is not None
    }
    homes = {r: n for n, c in found.after.items() for r in c}
    elsewhere = matching_store.clusters_of(connection, [r for r in ends if r not in homes])
    for name in {homes[r] for r in ends if r in homes}:
        again[name] = found.after[name]
        if name in found.before:
            gone[name] = found.before[name]
    for name, members in matching_store.members_of(connection, set(elsewhere.values())).items():
        again[name] = gone[name] = frozenset(members)
    return again, gone


def _build_all(
    connection: Connection,
    recipe: Recipe,
    clusters: Mapping[int, frozenset[int]],
    infos: Mapping[int, RecordInfo],
    now: int,
    known: Mapping[int, Mapping[str, Held]],
    dead: Mapping[int, Sequence[RecordInfo]],
) -> list[Rebuilt]:
    members = {r for c in clusters.values() for r in c}
    held = {**known, **matching_store.held(connection, members - known.keys())}
    overrides = store.overrides_on(connection, {r: infos[r].id for r in members})
    said = said_of(connection, infos, members, dead)
    rebuilt: list[Rebuilt] = []
    standing = {stream: standings(recipe.config, *stream) for stream in {infos[r].id[:2] for r in members}}
    for name, cluster in clusters.items():
        mints = [(infos[r].birth, infos[r].mint) for r in cluster]
        mints += [(d.birth, d.mint) for r in cluster for d in dead.get(r, ())]
        type_name = infos[name].type
        listed = sorted(cluster, key=lambda r: infos[r].id)
        people = [Member(infos[r].id, r, held[r], standing[infos[r].id[:2]]) for r in listed]
        own = [o for r in listed for o in overrides.get(r, ())]
        led = [d.id for r in listed for d in dead.get(r, ())]
        values, lineage, again = build(people, own, recipe.customer(type_name), now, said, led)
        rebuilt.append(Rebuilt(min(mints)[1], type_name, name, cluster, values, lineage, db.dump(lineage), again))
    return rebuilt


def said_of(
    connection: Connection,
    infos: Mapping[int, RecordInfo],
    members: Iterable[int],
    dead: Mapping[int, Sequence[RecordInfo]],
) -> dict[RecordId, dict[int, Statement]]:
    """Consents by the records that own them: of these, and of the deleted ones whose ids lead to them."""
    names = [infos[r].id for r in members]
    return consent_store.of_owners(connection, [*names, *(d.id for ds in dead.values() for d in ds)])


def _led_before(
    infos: Mapping[int, RecordInfo],
    old: Mapping[int, StoredCustomer],
    before: Mapping[int, frozenset[int]],
    moved: Moved,
    dead: Mapping[int, Sequence[RecordInfo]],
) -> dict[str, str | None]:
    """Where the touched minted ids led before. An id that was not there yet is missing."""
    home = {r: old[name].id for name, members in before.items() if name in old for r in members}
    led: dict[str, str | None] = {infos[rid].mint: id for rid, id in home.items()}
    for rid, lead in moved.before.items():
        led[infos[rid].mint] = home.get(lead) if lead is not None else None
    for rid, id in home.items():
        for d in dead.get(rid, ()):
            if d.rid not in moved.after:  # those that moved are told above
                led[d.mint] = id
    return led


def _leads_now(
    infos: Mapping[int, RecordInfo],
    home: Mapping[int, str],
    led: Mapping[str, str | None],
    moved: Moved,
    dead: Mapping[int, Sequence[RecordInfo]],
) -> dict[str, str | None]:
    """Where they lead now: the customer of the mint record, else of its heir, else nowhere."""
    leads: dict[str, str | None] = {infos[r].mint: id for r, id in home.items()}
    leads.update({d.mint: id for rid, id in home.items() for d in dead.get(rid, ())})
    leads.update({infos[rid].mint: None for rid, lead in moved.after.items() if lead is None})
    return {**dict.fromkeys(led), **leads}


def dead_leading(connection: Connection, rids: Iterable[int]) -> dict[int, list[RecordInfo]]:
    """Living record -> the dead records whose ids lead to it."""
    if not matching_store.any_dead(connection):
        return {}
    led = matching_store.led_to(connection, rids)
    dead = landing.records(connection, {d for ds in led.values() for d in ds})
    return {r: [dead[d] for d in sorted(ds)] for r, ds in led.items()}


def records_of(connection: Connection, members: Mapping[int, Collection[int]]) -> dict[int, list[RecordId]]:
    """Cluster -> the names of its records, and of the deleted ones whose ids lead to it."""
    every = [r for rids in members.values() for r in rids]
    infos, dead = landing.records(connection, every), dead_leading(connection, every)
    return {
        name: [id for r in sorted(rids) for id in (infos[r].id, *(d.id for d in dead.get(r, ())))]
        for name, rids in members.items()
    }


@dataclass(frozen=True, slots=True)
class Rows:
    """All that a rebuild writes, in the order of their columns."""

    customers: list[db.Row]
    history: list[db.Row]
    changes: list[db.Row]
    terms: Sequence[store.Term]
    moves: Mapping[str, str | None]

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        return cls(
            [row for p in parts for row in p.customers],
            [row for p in parts for row in p.history],
            [row for p in parts for row in p.changes],
            sorted(term for p in parts for term in p.terms),
            {id: lead for p in parts for id, lead in p.moves.items()},
        )


def _write(connection: Connection, recipe: Recipe, rows: Rows, at: int) -> None:
    store.save_customers(connection, rows.customers)
    _keep_recipe(connection, recipe, at)
    store.save_history(connection, rows.history)
    store.save_changes(connection, rows.changes)
    store.add_terms(connection, rows.terms)
    count_words(connection, _words(recipe, rows.terms), 1)
    store.save_moves(connection, rows.moves, at)


def _rows(
    connection: Connection,
    recipe: Recipe,
    changes: Sequence[Change],
    rebuilt: Iterable[Rebuilt],
    old: Mapping[int, StoredCustomer],
    seen: Mapping[str, int],
    moves: Mapping[str, str | None],
    at: int,
) -> Rows:
    """What is to be written; what makes way for it is dropped. `seen`: the last versions of those that were not there just now."""
    by_id = {r.id: r for r in rebuilt}
    types = {c.id: c.type for c in old.values()}
    last = {**seen, **{c.id: c.version for c in old.values()}}
    unchanged = by_id.keys() - {c.customer for c in changes}
    versions = {c.customer: last.get(c.customer, 0) + 1 for c in changes}
    versions.update({c.id: c.version for c in old.values() if c.id in unchanged})
    times = {c.id: c.at for c in old.values()}
    # a customer that stays with its cluster is overwritten; others make way first, as a cluster has one customer
    store.drop_customers(
        connection, [c.id for c in old.values() if c.id not in by_id or by_id[c.id].cluster != c.cluster]
    )
    other = {c.id for c in old.values() if c.recipe != recipe.hash}
    seq, ids = store.next_seq(connection), landing.new_ids(EVENT, at)
    return Rows(
        [customer_row(r, recipe, versions[r.id], times[r.id] if r.id in unchanged else at) for r in by_id.values()],
        [history_row(c, by_id.get(c.customer), types, versions[c.customer], recipe, at) for c in changes],
        [
            change_row(c, by_id.get(c.customer), types, versions[c.customer], seq + n, next(ids), at)
            for n, c in enumerate(changes)
        ],
        _changed_terms(
            connection,
            recipe,
            [r for r in by_id.values() if r.id not in unchanged or r.id in other],
            [c for c in old.values() if c.id not in unchanged or c.id in other],
        ),
        moves,
    )


def _changed_terms(
    connection: Connection, recipe: Recipe, again: Iterable[Rebuilt], old: Sequence[StoredCustomer]
) -> list[store.Term]:
    """Those to add, those that go removed. Only what differs: most of a customer's terms stay. What those of another recipe are is read."""
    types = {c.id: c.type for c in old}
    read = store.terms_of(connection, [c.id for c in old if c.recipe != recipe.hash])
    before = {(types[id], attribute, token, id) for id, terms in read.items() for attribute, token in terms}
    before |= {row for c in old if c.id not in read for row in _terms(recipe, c)}
    after = {row for c in again for row in _terms(recipe, c)}
    store.remove_terms(connection, before - after)
    count_words(connection, _words(recipe, before - after), -1)
    return sorted(after - before)


def _words(recipe: Recipe, terms: Iterable[store.Term]) -> Iterable[store.Term]:
    """Those whose words are counted."""
    counted = counted_attributes(recipe.config)
    return (term for term in terms if term[1] in counted.get(term[0], ()))


def counted_attributes(config: Config) -> dict[str, frozenset[str]]:
    """Attributes whose words are counted, and found misspelt, by customer type."""
    return {
        n: frozenset(a for a, given in t.attributes.items() if given.kind in COUNTED)
        for n, t in config.customers.items()
    }


def _terms(recipe: Recipe, c: Rebuilt | StoredCustomer) -> set[store.Term]:
    return search_rows(recipe.customer(c.type), c.type, c.id, c.values)


def _keep_recipe(connection: Connection, recipe: Recipe, at: int) -> None:
    """So that a version can be rendered as it was, after the configuration changed."""
    if not store.has_recipe(connection, recipe.hash):
        models = db.dump({n: m.hash for n, m in recipe.models.items()})
        store.save_recipe(connection, recipe.hash, recipe_document(recipe.config), models, at)


def customer_row(r: Rebuilt, recipe: Recipe, version: int, at: int) -> db.Row:
    """In the order of store.CUSTOMER_COLUMNS."""
    return (
        r.id,
        r.type,
        r.cluster,
        version,
        len(r.members),
        db.dump(r.values),
        r.why,
        recipe.hash,
        r.revisit_at,
        at,
    )


def history_row(
    c: Change, r: Rebuilt | None, types: Mapping[str, str], version: int, recipe: Recipe, at: int
) -> db.Row:
    """In the order of store.HISTORY_COLUMNS."""
    into = c.other[0] if r is None and c.type is ChangeType.MERGED else ""
    members = sorted(r.members) if r else []
    return (
        c.customer,
        version,
        r.type if r else types[c.customer],
        c.type.value,
        db.dump(members),
        r.why if r else None,
        recipe.hash,
        into,
        at,
    )


def change_row(
    c: Change, r: Rebuilt | None, types: Mapping[str, str], version: int, seq: int, id: str, at: int
) -> db.Row:
    """In the order of store.CHANGE_COLUMNS."""
    return (
        seq,
        id,
        c.customer,
        r.type if r else types[c.customer],
        c.type.value,
        version,
        db.dump(c.attributes),
        db.dump(c.other),
        at,
    )
