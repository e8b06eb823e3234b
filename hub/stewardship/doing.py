"""One act while it is done, in its unit: checked, made of decisions and overrides, settled."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, assert_never

from sqlalchemy import Connection

from hub.errors import Conflict, Fault, Gone, NotFound, Stale, Unprocessable
from hub.golden_record import lookups as golden_lookups
from hub.golden_record import store as golden_store
from hub.golden_record.changes import Change
from hub.golden_record.customers import find_customer
from hub.golden_record.store import StoredCustomer
from hub.interactions import run as interactions
from hub.landing import store as landing
from hub.landing import suspension
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.clusters.decisions import check_all
from hub.matching.pairs import RidPair, ordered
from hub.model import Decision, Override, Pair, RecordId, Verdict, digest, from_plain
from hub.resolve.resolver import Resolver
from hub.stewardship import act_store
from hub.stewardship.act_store import StoredAct
from hub.stewardship.acts import (
    Act,
    Arrange,
    Decide,
    DecideAll,
    DropValue,
    KeepApart,
    Merge,
    SetValue,
    Split,
    Suspend,
    Undo,
    Unmerge,
    UnmergeAll,
    Withdraw,
    WithdrawInputs,
)

MOST_PAIRS = 10_000  # decisions in one act
AT_ONCE = 2_000  # records that a suspension settles in its own unit; more are settled a chunk at a time


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was done: its id (of an undo: the act undone), the numbers of its inputs, the changes that followed."""

    id: str
    kind: str
    inputs: Mapping[str, Any]
    changes: tuple[Change, ...]


@dataclass
class Inputs:
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


class Doing:
    """One act while it is done, in the caller's unit."""

    def __init__(self, resolver: Resolver, connection: Connection, *, by: str, reason: str):
        self.resolver, self.connection = resolver, connection
        self.recipe = resolver.recipe(connection)
        self.by, self.reason, self.at = by, reason, resolver.database.clock.now()
        self.id = f"act_{uuid.uuid4().hex}"
        self.inputs = Inputs()
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
        self._make(act)
        inputs = self.inputs.as_dict()
        if isinstance(act, Undo):
            return Done(act.act, act.kind, inputs, tuple(self.changes))
        act_store.add_act(
            self.connection,
            StoredAct(self.id, act.kind, self.by, self.reason, self.at, self.customers, inputs, None, ""),
        )
        return Done(self.id, act.kind, inputs, tuple(self.changes))

    def _make(self, act: Act) -> None:
        match act:
            case Decide():
                self._decide_on(act)
            case Withdraw():
                self._withdraw(act)
            case Merge():
                self._merge(act)
            case Split():
                self._split(act)
            case Unmerge():
                self._unmerge(act)
            case UnmergeAll():
                self._unmerge_all(act)
            case KeepApart():
                self._keep_apart(act)
            case Arrange():
                self._arrange(act)
            case DecideAll():
                self._decide_on_all(act)
            case SetValue():
                self._set_value(act)
            case DropValue():
                self._drop_value(act)
            case WithdrawInputs():
                self._withdraw_inputs(act)
            case Suspend():
                self._suspend(act)
            case Undo():
                self._undo(act)
            case _:
                assert_never(act)

    # --- two records ---

    def decided(self, left: RecordId, right: RecordId, verdict: Verdict) -> bool:
        """Does a decision of that verdict stand on these two?"""
        ends = {self._living(left, "/left").rid, self._living(right, "/right").rid}
        near = matching_store.decisions_touching(self.connection, ends)
        return any({d.left, d.right} == ends and d.verdict is verdict for d in near)

    def _decide_on(self, act: Decide) -> None:
        a, b = self._living(act.left, "/left"), self._living(act.right, "/right")
        if a.rid == b.rid:
            raise Unprocessable("a decision needs two records", [Fault("/right", "is the same record as /left")])
        if a.type != b.type:
            raise Unprocessable(
                "these records are of different customer types", [Fault("/right", f"is a {b.type}, /left a {a.type}")]
            )
        self.customers += self._customers_of((a.rid, b.rid))
        self._add_decisions([ordered(a.rid, b.rid)], act.verdict)  # also where somebody else said so already

    def _withdraw(self, act: Withdraw) -> None:
        found = matching_store.decision(self.connection, act.decision)
        if found is None:
            raise NotFound("no such decision", [Fault("/decision", "unknown number")])
        if found.withdrawn_at is not None:
            raise Conflict("this decision was withdrawn already", [Fault("/decision", "was withdrawn already")])
        self.customers += self._customers_of((found.left, found.right))
        self.inputs.withdrawn_decisions.append(act.decision)
        self._settle(seeds=self._withdraw_decisions([act.decision]))

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
        info = self._living(act.record, "/record")
        others = self._members(self._customer(info.mint, "/record")).keys() - {info.rid}
        if not others:
            raise Conflict("this record is alone in its customer", [Fault("/record", "has no companion")])
        self._add_decisions([ordered(info.rid, r) for r in others], Verdict.NO_MATCH)

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

    def _arrange(self, act: Arrange) -> None:
        members: dict[int, RecordInfo] = {}
        for n, customer in enumerate(act.among):
            members |= self._members(self._customer(customer, f"/among/{n}"))
        if len({i.type for i in members.values()}) > 1:
            raise Unprocessable("customers of different types are never one", [Fault("/among", "are of two types")])
        named, seen = {i.id: r for r, i in members.items()}, set[RecordId]()
        for n, id in ((n, id) for n, group in enumerate(act.groups) for id in group):
            if id not in named or id in seen:
                what = "stands in two groups" if id in seen else "is no record of these customers"
                raise Unprocessable("records are arranged once, among their customers", [Fault(f"/groups/{n}", what)])
            seen.add(id)
        groups = [[named[id] for id in group] for group in act.groups]
        self._decide([p for a, b in combinations(groups, 2) for p in product(a, b)], Verdict.NO_MATCH)
        for group in groups:
            infos = {r: members[r] for r in group}
            first = landing.earliest(infos, infos)
            self._hold_together(first, dict.fromkeys(group, first))
        if not self.inputs.decisions:
            raise Conflict("this is how it stands already", [Fault("/groups", "would change nothing")])

    def _decide_on_all(self, act: DecideAll) -> None:
        ends = {id: self._living(id, f"/pairs/{n}") for n, pair in enumerate(act.pairs) for id in pair}
        for n, (left, right) in enumerate(act.pairs):
            if left == right or ends[left].type != ends[right].type:
                raise Unprocessable(
                    "a decision needs two records of one customer type", [Fault(f"/pairs/{n}", "are not such two")]
                )
        self.customers += self._customers_of(i.rid for i in ends.values())
        if not self._decide({ordered(ends[a].rid, ends[b].rid) for a, b in act.pairs}, act.verdict):
            raise Conflict("all of this is decided so already", [Fault("/pairs", "stand so already")])

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
        if act.attribute not in self.recipe.customer(customer.type).attributes:
            raise Unprocessable(
                "no such attribute", [Fault("/attribute", f"{customer.type} has no attribute '{act.attribute}'")]
            )
        anchor = self._anchor(customer, act.attribute)
        given = Override(0, anchor.id, act.attribute, act.values, self.at, act.until, self.by, self.reason)
        self.inputs.overrides.append(golden_store.add_override(self.connection, anchor.rid, given, origin=self.id))
        self._settle(golden=(anchor.rid,))

    def _anchor(self, customer: StoredCustomer, attribute: str) -> RecordInfo:
        """The record whose value is replaced, else the earliest-minted living member: what is set by hand follows it."""
        members = self._members(customer)
        why = customer.lineage.get(attribute)
        won = [ref[0] for ref in (why["won"] if why else ()) if ref[0] in members]
        return members[won[0] if won else landing.earliest(members, members)]

    def _drop_value(self, act: DropValue) -> None:
        customer = self._customer(act.customer, "/customer")
        why = customer.lineage.get(act.attribute)
        number = why.get("override") if why else None
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
            self.resolver.belongings(self.connection, others)
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
        made = Inputs(**found.inputs)
        # By origin, not by number: what it made may have been withdrawn and made again since, in another row.
        mine = act_store.decisions_of(self.connection, found.id), act_store.overrides_of(self.connection, found.id)
        seeds = self._withdraw_decisions(mine[0]) | self._restore_decisions(made.withdrawn_decisions)
        golden = self._withdraw_overrides(mine[1]) | self._restore_overrides(made.withdrawn_overrides)
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
        """Make again, in new rows, what was withdrawn: by the same person, with the same reason, as part of the same act.

        What an act made that was undone since stays withdrawn: the order in which acts are undone tells nothing.
        """
        rows = act_store.decisions_numbered(self.connection, list(numbers))
        undone = act_store.undone(self.connection, {d.origin for d in rows})
        rows = [d for d in rows if d.origin not in undone]
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
                origin=d.origin,
                weight=d.weight,
            )
        return ends

    def _restore_overrides(self, numbers: Iterable[int]) -> set[int]:
        found = golden_lookups.overrides(self.connection, numbers)
        undone = act_store.undone(self.connection, {o.origin for o in found.values()})
        rows = {number: o for number, o in found.items() if o.origin not in undone}
        names = {r: i.id for r, i in landing.records(self.connection, {o.anchor for o in rows.values()}).items()}
        for number in sorted(rows):
            o = rows[number]
            given = Override(
                0, names[o.anchor], o.attribute, tuple(from_plain(v) for v in o.values), o.at, o.until, o.by, o.reason
            )
            golden_store.add_override(self.connection, o.anchor, given, origin=o.origin)
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

    def _living(self, id: RecordId, where: str) -> RecordInfo:
        found = landing.record_named(self.connection, id)
        if found is None:
            reason = f"{id.source}/{id.stream} has no such record"
            raise NotFound("no such record", [Fault(where, reason, "write source/stream/key")])
        if not found.alive:
            fault = Fault(where, "is gone", "decide on a record that lives")
            raise Gone("this record was deleted in its source", [fault])
        return found

    def _customers_of(self, rids: Iterable[int]) -> list[str]:
        """Ids of the customers of these records, without those that have none."""
        clusters = matching_store.clusters_of(self.connection, rids)
        return sorted(c.id for c in golden_store.customers_of(self.connection, clusters.values()).values())

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
        near = matching_store.decisions_touching(self.connection, {r for p in pairs for r in p})
        standing = {(d.left, d.right) for d in near if d.verdict is verdict}
        new = [p for p in sorted(ordered(a, b) for a, b in pairs) if p not in standing]
        self._add_decisions(new, verdict)
        return len(new)

    def _add_decisions(self, pairs: Sequence[RidPair], verdict: Verdict) -> None:
        ends = {r for p in pairs for r in p}
        self._check(pairs, verdict, landing.records(self.connection, ends))
        contents = {r: digest(f) for r, f in matching_store.forms(self.connection, ends).items()}
        weights = matching_store.pairs_touching(self.connection, ends)
        for a, b in pairs:
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
        self._settle(seeds=ends)
