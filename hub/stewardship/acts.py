"""What a steward does, as acts: each is a value made of decisions and overrides, done at once, previewed or undone as a whole.

An act holds nothing of its own: the state is what the decisions, overrides and landed versions give.
So undoing an act is withdrawing its inputs, in any order, and a preview is the act done and rolled back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from sqlalchemy import Connection

from hub import db
from hub.errors import Conflict, Fault, Gone, NotFound, Stale, Unprocessable
from hub.golden_record import lookups as golden_lookups
from hub.golden_record import store as golden_store
from hub.golden_record.changes import Change
from hub.golden_record.store import StoredChange, StoredCustomer
from hub.interactions import run as interactions
from hub.landing import store as landing
from hub.landing import suspension
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.clusters.decisions import check_all
from hub.matching.pairs import RidPair, ordered
from hub.model import Decision, Override, Pair, RecordId, Value, Verdict, digest, from_plain
from hub.resolve.resolver import Resolver, find_customer
from hub.stewardship import act_store
from hub.stewardship.act_store import StoredAct

MOST_PAIRS = 10_000  # decisions in one act
AT_ONCE = 2_000  # records that a suspension settles in its own unit; more are settled a chunk at a time
CHUNK = 500
SHOWN = 200  # golden records that a preview shows; all are counted


# --- what can be done -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Merge:
    """Two customers are one: all records of both stay together."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Split:
    """These records are another customer than the rest: each side stays together, the two never meet again."""

    customer: str
    records: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class Unmerge:
    """This record is none of its customer's others. What it held together falls as the evidence has it."""

    record: RecordId


@dataclass(frozen=True, slots=True)
class UnmergeAll:
    """No two records of this customer are one."""

    customer: str


@dataclass(frozen=True, slots=True)
class KeepApart:
    """Two customers are not one, whatever comes: no record of one with a record of the other."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class SetValue:
    """A golden value set by hand, or (without values) cleared; until a time, in microseconds UTC."""

    customer: str
    attribute: str
    values: tuple[Value, ...]
    until: int | None = None


@dataclass(frozen=True, slots=True)
class DropValue:
    """The value set by hand is taken back: what the sources say counts again."""

    customer: str
    attribute: str


@dataclass(frozen=True, slots=True)
class WithdrawInputs:
    """All that a person decided and set in [since, until), microseconds UTC, is taken back."""

    by: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """What a source (one stream of it, or all) landed in [since, until) counts as not there, until this is undone."""

    source: str
    since: int
    until: int
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """An act is taken back: what it made is withdrawn, what it withdrew stands again, what it suspended is lifted."""

    act: str


Act = Merge | Split | Unmerge | UnmergeAll | KeepApart | SetValue | DropValue | WithdrawInputs | Suspend | Undo

KINDS: dict[type, str] = {
    Merge: "merge",
    Split: "split",
    Unmerge: "unmerge",
    UnmergeAll: "unmerge_all",
    KeepApart: "keep_apart",
    SetValue: "set_value",
    DropValue: "drop_value",
    WithdrawInputs: "withdraw_inputs",
    Suspend: "suspend",
    Undo: "undo",
}


# --- what comes of it -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was done: its id (of an undo: the act undone), the numbers of its inputs, the changes that followed."""

    id: str
    kind: str
    inputs: Mapping[str, Any]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A golden record before or after an act."""

    id: str
    type: str
    version: int
    records: tuple[RecordId, ...]
    values: Mapping[str, Any]  # attribute -> plain values


@dataclass(frozen=True, slots=True)
class QueuedWrite:
    """A record of a source that takes write-back, and its attributes whose golden value would be another."""

    record: RecordId
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would follow. `counts`: all golden records by type of change, and inputs; the rest shows the first of them."""

    kind: str
    counts: Mapping[str, int]
    before: tuple[CustomerState, ...]
    after: tuple[CustomerState, ...]
    changes: tuple[StoredChange, ...]
    writes: tuple[QueuedWrite, ...]


class Acts:
    """Does, previews and undoes acts on one hub."""

    def __init__(self, resolver: Resolver):
        self.resolver, self.database = resolver, resolver.database

    def do(
        self,
        act: Act,
        *,
        by: str,
        reason: str,
        versions: Mapping[str, int] | None = None,
        mark: Callable[[Connection, str], None] | None = None,
    ) -> Done:
        """Do an act in one unit. `versions`: the version of each customer (by id) that the steward looked at.
        `mark`: told the act's id in the same unit, so that whoever asked for it knows for certain that it was done.

        Stale when one of these moved on; NotFound and Gone for what is not there; Conflict, with the path that
        contradicts, when standing decisions rule it out. Nothing changes then.
        """
        with self.database.unit() as connection:
            doing = _Doing(self.resolver, connection, by=by, reason=reason)
            doing.expect(versions or {})
            done = doing.run(act)
            if mark is not None:
                mark(connection, done.id)
        if doing.read_later:
            self.resolver.reread()
        for part in db.chunks(sorted(doing.later), CHUNK):
            with self.database.unit(urgent=False) as connection:
                self.resolver.settle(connection, self.resolver.recipe(connection), part)
        return done

    def preview(self, act: Act, *, by: str, reason: str = "", versions: Mapping[str, int] | None = None) -> Preview:
        """What would follow if the act were done now: it is, and rolled back. Refused as the act would be."""
        with db.rehearsal(self.database) as stage:
            resolver = Resolver(stage, self.resolver.config)
            with stage.read() as connection:
                last = golden_store.next_seq(connection) - 1
            done = Acts(resolver).do(act, by=by, reason=reason, versions=versions)
            with self.database.read() as before, stage.read() as after:
                return _preview(resolver, done, before, after, last)

    def undo(self, act_id: str, *, by: str, why: str, versions: Mapping[str, int] | None = None) -> Done:
        """Take all of an act back. NotFound; Conflict when it was undone already, or can stand no more."""
        return self.do(Undo(act_id), by=by, reason=why, versions=versions)

    def find(self, act_id: str) -> StoredAct:
        """An act by its id. NotFound."""
        with self.database.read() as connection:
            found = act_store.act(connection, act_id)
        if found is None:
            raise NotFound("no such act", [Fault("/id", "unknown", "see the list of acts")])
        return found

    def listed(self, *, before: tuple[int, str] | None = None, limit: int = 50) -> list[StoredAct]:
        """Acts, newest first, after a position (at, id)."""
        with self.database.read() as connection:
            return act_store.acts(connection, before=before, limit=limit)


# --- doing ------------------------------------------------------------------------------------------


@dataclass
class _Inputs:
    """Numbers of what an act made and withdrew."""

    decisions: list[int] = field(default_factory=list)
    overrides: list[int] = field(default_factory=list)
    withdrawn_decisions: list[int] = field(default_factory=list)
    withdrawn_overrides: list[int] = field(default_factory=list)
    suspension: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if v}

    def counts(self) -> dict[str, int]:
        return {k: len(v) for k, v in vars(self).items() if isinstance(v, list) and v}


class _Doing:
    """One act while it is done, in the caller's unit."""

    def __init__(self, resolver: Resolver, connection: Connection, *, by: str, reason: str):
        self.resolver, self.connection = resolver, connection
        self.recipe = resolver.recipe(connection)
        self.by, self.reason, self.at = by, reason, resolver.database.clock.now()
        self.id = f"act_{uuid.uuid4().hex}"
        self.inputs = _Inputs()
        self.customers: list[str] = []
        self.changes: list[Change] = []
        self.later: set[int] = set()  # records that are settled after the unit, a chunk at a time
        self.read_later = False  # are there interactions too many to be read again in the unit?

    def expect(self, versions: Mapping[str, int]) -> None:
        for id, version in versions.items():
            if find_customer(self.connection, id).version != version:
                raise Stale(
                    "this customer changed since you read it",
                    [Fault("If-Match", f"version {version} of {id} is not the current one", "read it again")],
                )

    def run(self, act: Act) -> Done:
        kind = KINDS[type(act)]
        getattr(self, f"_{kind}")(act)
        if isinstance(act, Undo):
            return Done(act.act, kind, self.inputs.as_dict(), tuple(self.changes))
        act_store.add_act(
            self.connection,
            StoredAct(self.id, kind, self.by, self.reason, self.at, self.customers, self.inputs.as_dict(), None, ""),
        )
        return Done(self.id, kind, self.inputs.as_dict(), tuple(self.changes))

    # --- who is one customer ---

    def _merge(self, act: Merge) -> None:
        a, b = self._customer(act.a, "/a"), self._customer(act.b, "/b")
        if a.id == b.id:
            raise Conflict("these are one customer already", [Fault("/b", "leads to the same customer as /a")])
        if a.type != b.type:
            raise Unprocessable(
                "these customers are of different types", [Fault("/b", f"is a {b.type}, /a a {a.type}")]
            )
        left, right = self._members(a), self._members(b)
        first, second = landing.earliest(left, left), landing.earliest(right, right)
        roots = {**dict.fromkeys(left, first), **dict.fromkeys(right, second)}
        self._check(
            [(first, second), *((root, r) for r, root in roots.items() if r != root)], Verdict.MATCH, {**left, **right}
        )
        self._decide([(first, second)], Verdict.MATCH)
        self._hold_together(first, roots)

    def _split(self, act: Split) -> None:
        customer = self._customer(act.customer, "/customer")
        members = self._members(customer)
        named = {i.id: r for r, i in members.items()}
        strangers = [n for n, id in enumerate(act.records) if id not in named]
        if strangers or not act.records:
            faults = [Fault(f"/records/{n}", "is no record of this customer", "see its records") for n in strangers]
            raise Unprocessable(
                "only records of this customer can be split from it", faults or [Fault("/records", "is empty")]
            )
        parted = {named[id]: members[named[id]] for id in act.records}
        rest = {r: i for r, i in members.items() if r not in parted}
        if not rest:
            raise Unprocessable(
                "nothing would be left of this customer",
                [Fault("/records", "names all its records", "leave out those that stay")],
            )
        self._decide(list(product(parted, rest)), Verdict.NO_MATCH)
        for side in (parted, rest):
            first = landing.earliest(side, side)
            self._hold_together(first, dict.fromkeys(side, first))

    def _unmerge(self, act: Unmerge) -> None:
        info = landing.record_named(self.connection, act.record)
        if info is None:
            raise NotFound("no such record", [Fault("/record", "unknown record", "write source/stream/key")])
        if not info.alive:
            raise Gone("this record was deleted in its source", [Fault("/record", "is gone")])
        others = self._members(self._customer(info.mint, "/record")).keys() - {info.rid}
        if not others:
            raise Conflict("this record is alone in its customer", [Fault("/record", "has no companion")])
        self._decide([(info.rid, r) for r in others], Verdict.NO_MATCH)

    def _unmerge_all(self, act: UnmergeAll) -> None:
        members = self._members(self._customer(act.customer, "/customer"))
        if len(members) < 2:
            raise Conflict("this customer has one record only", [Fault("/customer", "has one record only")])
        self._decide(list(combinations(members, 2)), Verdict.NO_MATCH)

    def _keep_apart(self, act: KeepApart) -> None:
        a, b = self._customer(act.a, "/a"), self._customer(act.b, "/b")
        if a.id == b.id:
            raise Conflict(
                "these are one customer", [Fault("/b", "leads to the same customer as /a", "split it instead")]
            )
        if a.type != b.type:
            raise Unprocessable(
                "customers of different types are never one", [Fault("/b", f"is a {b.type}, /a a {a.type}")]
            )
        if not self._decide(list(product(self._members(a), self._members(b))), Verdict.NO_MATCH):
            raise Conflict("these customers are kept apart already", [Fault("/b", "is kept apart from /a already")])

    def _hold_together(self, root: int, roots: Mapping[int, int]) -> None:
        """Decide as much as it takes for these records to be one customer: guards and bridges yield to decisions only."""
        while True:
            home = matching_store.clusters_of(self.connection, roots)
            outside = [r for r in sorted(roots) if home[r] != home[root]]
            if not outside:
                return
            if not self._decide([(roots[r], r) for r in outside], Verdict.MATCH):
                raise Conflict(
                    "these records cannot be held together",
                    [Fault("", "stand apart although they are decided to be one")],
                )

    # --- values by hand ---

    def _set_value(self, act: SetValue) -> None:
        if act.until is not None and act.until <= self.at:
            raise Unprocessable(
                "this would end before it starts", [Fault("/until", "is in the past", "give a later time, or none")]
            )
        customer = self._customer(act.customer, "/customer")
        number, anchor = self.resolver.set_value(
            self.connection,
            self.recipe,
            customer,
            act.attribute,
            act.values,
            by=self.by,
            reason=self.reason,
            until=act.until,
        )
        self.inputs.overrides.append(number)
        self._settle(golden=(anchor,))

    def _drop_value(self, act: DropValue) -> None:
        customer = self._customer(act.customer, "/customer")
        number = customer.lineage.get(act.attribute, {}).get("override")
        if number is None:
            raise NotFound(
                "no value of this attribute was set by hand",
                [Fault("/attribute", "has no override", "see the customer's lineage")],
            )
        self._settle(golden=self._withdraw_overrides([number]))
        self.inputs.withdrawn_overrides.append(number)

    # --- in bulk ---

    def _withdraw_inputs(self, act: WithdrawInputs) -> None:
        decisions = act_store.decisions_by(self.connection, act.by, act.since, act.until)
        overrides = act_store.overrides_by(self.connection, act.by, act.since, act.until)
        if not decisions and not overrides:
            raise NotFound(
                "this person has no standing decision or override of that time",
                [Fault("/by", "nothing to withdraw", "check the name and the times")],
            )
        self._settle(seeds=self._withdraw_decisions(decisions), golden=self._withdraw_overrides(overrides))
        self.inputs.withdrawn_decisions += decisions
        self.inputs.withdrawn_overrides += overrides

    def _suspend(self, act: Suspend) -> None:
        if act.source not in self.recipe.config.sources:
            raise NotFound("no such source", [Fault("/source", "is not configured")])
        given = suspension.Suspension(
            self.at, act.source, act.stream, act.since, min(act.until, self.at), self.by, self.reason, None
        )
        rids = suspension.suspend(self.connection, given)
        if not rids:
            raise NotFound(
                "this source landed nothing in that time",
                [Fault("/since", "nothing to suspend", "check the source and the times")],
            )
        self.inputs.suspension = self.at
        self._recount(rids)

    def _recount(self, rids: Collection[int]) -> None:
        """Records of which versions went or came back."""
        sources = self.recipe.config.sources.values()
        kept = [(s.name, n) for s in sources for n, stream in s.streams.items() if stream.on_delete == "keep_values"]
        customers = suspension.recount(self.connection, rids, keep_deleted=kept).keys()
        others = set(rids) - customers
        if len(others) <= AT_ONCE:
            interactions.derive(self.connection, self.resolver.readings, others)
        else:
            named = landing.records(self.connection, others).values()
            interactions.read_later(self.connection, {(i.id.source, i.id.stream) for i in named})
            self.read_later = True
        rids = customers
        if len(rids) <= AT_ONCE:
            self._settle(rids=rids)
        else:
            suspension.make_pending(self.connection, rids)
            self.later |= set(rids)

    # --- taking back ---

    def _undo(self, act: Undo) -> None:
        found = act_store.act(self.connection, act.act)
        if found is None:
            raise NotFound("no such act", [Fault("/act", "unknown")])
        if found.undone_at is not None:
            raise Conflict("this act was undone already", [Fault("/act", "was undone already")])
        act_store.mark_undone(self.connection, found.id, by=self.by, why=self.reason, at=self.at)
        made = _Inputs(**found.inputs)
        seeds = self._withdraw_decisions(made.decisions) | self._restore_decisions(made.withdrawn_decisions)
        golden = self._withdraw_overrides(made.overrides) | self._restore_overrides(made.withdrawn_overrides)
        self._settle(seeds=seeds, golden=golden)
        if made.suspension is not None:
            self._lift(made.suspension)

    def _lift(self, mark: int) -> None:
        given = suspension.suspension(self.connection, mark)
        assert given is not None
        self._recount(suspension.lift(self.connection, given, by=self.by, at=self.at))

    def _withdraw_decisions(self, numbers: Iterable[int]) -> set[int]:
        """Withdraw those that still stand; the records that they were about."""
        ends: set[int] = set()
        for d in act_store.decisions_numbered(self.connection, list(numbers)):
            if d.withdrawn_at is None:
                matching_store.withdraw_decision(self.connection, d.id, by=self.by, why=self.reason, at=self.at)
                ends |= {d.left, d.right}
        return ends

    def _withdraw_overrides(self, numbers: Iterable[int]) -> set[int]:
        """Withdraw those that still stand; their anchors."""
        anchors: set[int] = set()
        for number in numbers:
            found = golden_store.override(self.connection, number)
            if found is not None:
                golden_store.withdraw_override(self.connection, number, by=self.by, at=self.at)
                anchors.add(found[0])
        return anchors

    def _restore_decisions(self, numbers: Iterable[int]) -> set[int]:
        """Make again, in new rows, what was withdrawn: by the same person, with the same reason."""
        rows = act_store.decisions_numbered(self.connection, list(numbers))
        ends = {e for d in rows for e in (d.left, d.right)}
        names = {r: i.id for r, i in landing.records(self.connection, ends).items()}
        self._check_all([Decision(0, Pair.of(names[d.left], names[d.right]), Verdict(d.verdict)) for d in rows], ends)
        for d in rows:
            matching_store.add_decision(
                self.connection,
                d.left,
                d.right,
                Verdict(d.verdict),
                reason=d.reason,
                by=d.by,
                at=d.at,
                contents=(d.left_content, d.right_content),
                weight=d.weight,
            )
        return ends

    def _restore_overrides(self, numbers: Iterable[int]) -> set[int]:
        rows = golden_lookups.overrides(self.connection, numbers)
        names = {r: i.id for r, i in landing.records(self.connection, {o.anchor for o in rows.values()}).items()}
        for number in sorted(rows):
            o = rows[number]
            given = Override(
                0, names[o.anchor], o.attribute, tuple(from_plain(v) for v in o.values), o.at, o.until, o.by, o.reason
            )
            golden_store.add_override(self.connection, o.anchor, given)
        return {o.anchor for o in rows.values()}

    # --- tools ---

    def _customer(self, id: str, where: str) -> StoredCustomer:
        try:
            found = find_customer(self.connection, id)
        except (NotFound, Gone) as error:
            raise type(error)(
                str(error), [Fault(where, "leads to no customer", "use an id of a customer that is there")]
            ) from None
        self.customers.append(found.id)
        return found

    def _members(self, customer: StoredCustomer) -> dict[int, RecordInfo]:
        return landing.records(
            self.connection, matching_store.members_of(self.connection, [customer.cluster])[customer.cluster]
        )

    def _settle(self, *, rids: Collection[int] = (), seeds: Collection[int] = (), golden: Collection[int] = ()) -> None:
        self.changes += self.resolver.settle(self.connection, self.recipe, rids, seeds=seeds, golden=golden)

    def _check(self, pairs: Iterable[RidPair], verdict: Verdict, infos: Mapping[int, RecordInfo]) -> None:
        self._check_all([Decision(0, Pair.of(infos[a].id, infos[b].id), verdict) for a, b in pairs], infos)

    def _check_all(self, new: list[Decision], ends: Collection[int]) -> None:
        near = matching_store.decisions_connected(self.connection, ends)
        infos = landing.records(self.connection, {e for d in near for e in (d.left, d.right)})
        check_all(matching_store.named(near, {r: i.id for r, i in infos.items()}), new)

    def _decide(self, pairs: Collection[RidPair], verdict: Verdict) -> int:
        """Make these decisions where they do not stand yet, and settle what follows; how many were made."""
        if len(pairs) > MOST_PAIRS:
            raise Unprocessable(
                "too many records for one act",
                [Fault("", f"{len(pairs):,} decisions", f"at most {MOST_PAIRS:,}: do it in parts")],
            )
        ends = {r for p in pairs for r in p}
        standing = {
            (d.left, d.right) for d in matching_store.decisions_touching(self.connection, ends) if d.verdict is verdict
        }
        new = [p for p in sorted(ordered(a, b) for a, b in pairs) if p not in standing]
        self._check(new, verdict, landing.records(self.connection, ends))
        contents = {r: digest(f) for r, f in matching_store.forms(self.connection, ends).items()}
        weights = matching_store.pairs_touching(self.connection, ends)
        for a, b in new:
            pair = weights.get((a, b))
            self.inputs.decisions.append(
                matching_store.add_decision(
                    self.connection,
                    a,
                    b,
                    verdict,
                    reason=self.reason,
                    by=self.by,
                    at=self.at,
                    contents=(contents.get(a, ""), contents.get(b, "")),
                    origin=self.id,
                    weight=pair.weight if pair else None,
                )
            )
        self._settle(seeds={r for p in new for r in p})
        return len(new)


# --- previewing -------------------------------------------------------------------------------------


def _preview(resolver: Resolver, done: Done, before: Connection, after: Connection, last: int) -> Preview:
    shown = golden_store.changes_after(after, last, SHOWN)
    ids = {id for c in shown for id in (c.customer, *c.other)}
    made = _Inputs(**done.inputs)
    counts = {**{f"inputs {k}": n for k, n in made.counts().items()}, **act_store.changes_since(after, last)}
    writes = _writes(resolver, after, shown)
    return Preview(done.kind, counts, _states(before, ids), _states(after, ids), tuple(shown), writes)


def _states(connection: Connection, ids: Iterable[str]) -> tuple[CustomerState, ...]:
    found = golden_store.customers_named(connection, sorted(ids))
    members = matching_store.members_of(connection, [c.cluster for c in found.values()])
    infos = landing.records(connection, {r for m in members.values() for r in m})
    return tuple(
        CustomerState(c.id, c.type, c.version, tuple(sorted(infos[r].id for r in members.get(c.cluster, ()))), c.values)
        for _, c in sorted(found.items())
    )


def _writes(resolver: Resolver, connection: Connection, changes: Iterable[StoredChange]) -> tuple[QueuedWrite, ...]:
    """Records of streams that take write-back, in a customer of whom an attribute that goes there changed."""
    changed = {c.customer: set(c.attributes) for c in changes}
    found = golden_store.customers_named(connection, sorted(changed))
    members = matching_store.members_of(connection, [c.cluster for c in found.values()])
    infos = landing.records(connection, {r for m in members.values() for r in m})
    queued: list[QueuedWrite] = []
    for customer in found.values():
        for rid in members[customer.cluster]:
            id = infos[rid].id
            stream = resolver.config.stream(id.source, id.stream)
            back = stream.write_back.attributes if stream and stream.write_back else ()
            attributes = tuple(a for a in back if a in changed[customer.id])
            if attributes:
                queued.append(QueuedWrite(id, attributes))
    return tuple(sorted(queued, key=lambda w: w.record))


__all__ = [
    "Act",
    "Acts",
    "CustomerState",
    "Done",
    "DropValue",
    "KeepApart",
    "Merge",
    "Preview",
    "QueuedWrite",
    "SetValue",
    "Split",
    "Suspend",
    "Undo",
    "Unmerge",
    "UnmergeAll",
    "WithdrawInputs",
]
