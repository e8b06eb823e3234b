"""Customers of whom nothing was heard for longer than any purpose has a use for them (`keeps: {person: 3y}` in purposes.yaml).

A sign of life is whatever a source said of them, whatever happened, what they agreed to or refused, a relation that began or
ended, and that they signed in. Who is quiet for that long is erased like who asked for it, with receipts, unless something
keeps them. It cannot be undone: so it is shown first, more at once than the guard lets through wait for somebody, and each
is looked at once more in the unit that begins the erasure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.authentication import people_store
from hub.consents import store as consent_store
from hub.consents.effective import AGREED, IS_RESTRICTED
from hub.db import Lease
from hub.errors import Conflict, Fault
from hub.figures.owners import owners_of
from hub.golden_record import store as golden_store
from hub.interactions import relation_store
from hub.interactions import store as interaction_store
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.privacy import ask_store, request_store
from hub.privacy.requests import Requests
from hub.privacy.retention import kept_for
from hub.tasks import todo

PAGE = 500  # customers that are looked at together
BY = "retention"


@dataclass(frozen=True, slots=True)
class OutlivedCustomers:
    """Of a customer type: nothing was heard since `before` (microseconds) of `ids`, who would go, and of those who are kept
    for one of the reasons. `customers`: how many there are; `most`: how many may go at once."""

    type: str
    before: int
    purposes: tuple[str, ...]
    customers: int
    ids: tuple[str, ...]
    kept: Mapping[str, int]
    most: int


class Outliving:
    """Of one hub."""

    def __init__(self, requests: Requests):
        self.requests, self.database, self.config = requests, requests.database, requests.resolver.config
        kept = kept_for(self.config)
        self._kept = {t: k for t, k in kept.items() if t in self.config.customers}
        self._law = {t: k for t, (k, _) in kept.items() if t in self.config.interactions}

    @property
    def types(self) -> tuple[str, ...]:
        """Customer types that purposes keep for some time."""
        return tuple(sorted(self._kept))

    def preview(self) -> list[OutlivedCustomers]:
        """Who would go now; nobody does. Reads every customer of the types that a purpose names."""
        found, now, guard = [], self.database.clock.now(), self.config.retention
        for type_name, (kept, purposes) in sorted(self._kept.items()):
            ids, reasons = [], Counter[str]()
            for id, reason in self._quiet_ones(type_name, now):
                if reason:
                    reasons[reason] += 1
                else:
                    ids.append(id)
            with self.database.read() as connection:
                customers = golden_store.counts(connection).get(type_name, 0)
            most = max(guard.number, int(guard.share * customers))
            told = OutlivedCustomers(type_name, now - kept, purposes, customers, tuple(ids), dict(reasons), most)
            found.append(told)
        return found

    def remove(self, lease: Lease | None = None, *, confirmed: int | None = None) -> dict[str, int]:
        """Erase who would go, as far as it goes without the recipients; how many of each type. Conflict, and nobody goes: it
        would be more than the guard lets through, and nobody `confirmed` that number; or the lease is lost."""
        found = self.preview()
        whole = sum(len(told.ids) for told in found)
        for told in found:
            if len(told.ids) > told.most and confirmed != whole:
                raise Conflict(
                    f"{told.type}: {len(told.ids)} customers would be erased at once, more than the {told.most} that go by themselves",
                    [
                        Fault(
                            "retention",
                            "waits for somebody",
                            f"look at them, then confirm {whole}, of all types together",
                        )
                    ],
                )
        done: dict[str, int] = {}
        for told in found:
            for id in told.ids:
                if self._erase(told, id, lease):
                    done[told.type] = done.get(told.type, 0) + 1
        return done

    def _erase(self, told: OutlivedCustomers, id: str, lease: Lease | None) -> bool:
        def still(connection: Connection) -> bool:
            if lease is not None:
                lease.check(connection)
            clusters = {c: i for i, c in golden_store.clusters_named(connection, [id]).items()}
            return self._quiet(connection, told.type, clusters, self.database.clock.now()) == {id: ""}

        reason = f"nothing was heard for longer than it is kept for {', '.join(told.purposes)}"
        return self.requests.outlived(id, by=BY, reason=reason, still=still) is not None

    # --- who is quiet, and what keeps them ---

    def _quiet_ones(self, type_name: str, now: int) -> Iterator[tuple[str, str]]:
        after = ""
        while True:
            with self.database.read() as connection:
                page = golden_store.clusters_after(connection, type_name, after, PAGE)
                yield from self._quiet(connection, type_name, dict(page), now).items()
            if len(page) < PAGE:
                return
            after = page[-1][1]

    def _quiet(self, connection: Connection, type_name: str, some: Mapping[int, str], now: int) -> dict[str, str]:
        """Of these customers (cluster -> id) those of whom nothing was heard, each with what keeps them; '': nothing does."""
        before = now - self._kept[type_name][0]
        members = matching_store.members_of(connection, some)
        said = landing.last_said(connection, [r for rids in members.values() for r in rids])
        quiet = [c for c in some if all(said.get(r, 0) < before for r in members.get(c, ()))]
        if not quiet:
            return {}
        owners = owners_of(connection, self.config, quiet)
        of = {name: c for c, names in owners.items() for name in names}
        minted = landing.records(connection, [r for c in quiet for r in members[c]])
        ids = {c: {some[c], *(minted[r].mint for r in members[c])} for c in quiet}
        signed_in = people_store.signed_in_since(connection, [i for own in ids.values() for i in own], before)
        lively = {c for c in quiet if ids[c] & signed_in}
        for owner, statements in consent_store.of_owners(connection, of).items():
            lively |= {of[owner] for s in statements.values() if s.said.at >= before}
        keeps: dict[int, str] = {}
        self._of_relations(connection, of, before, now, lively, keeps)
        self._of_interactions(connection, of, before, now, lively, keeps)
        customers = golden_store.customers_of(connection, set(quiet) - lively)
        for cluster, customer in customers.items():
            if cluster not in keeps:
                words = [str(w) for w in customer.values.get(AGREED, ())]
                keeps[cluster] = self._reason(connection, cluster, customer.id, ids[cluster], words, now)
        return {some[c]: keeps[c] for c in customers}

    def _of_relations(
        self,
        connection: Connection,
        of: Mapping[RecordId, int],
        before: int,
        now: int,
        lively: set[int],
        keeps: dict[int, str],
    ) -> None:
        for relation in relation_store.touching(connection, of):
            ends = {of[e] for e in (relation.left, relation.right) if e in of}
            if any(at is not None and before <= at <= now for at in (relation.since, relation.until)):
                lively |= ends
            if relation.type in self.config.retention.contracts and (relation.until is None or relation.until > now):
                keeps.update(dict.fromkeys(ends, relation.type))

    def _of_interactions(
        self,
        connection: Connection,
        of: Mapping[RecordId, int],
        before: int,
        now: int,
        lively: set[int],
        keeps: dict[int, str],
    ) -> None:
        """What happened of late is a sign of life; what is kept by itself for longer keeps whose it is."""
        rids = interaction_store.owned_by(connection, of)
        for row in interaction_store.of_records(connection, rids).values():
            if row.at >= before:
                lively.add(of[row.owner])
            elif row.type in self._law and row.at >= now - self._law[row.type]:
                keeps[of[row.owner]] = row.type

    def _reason(self, connection: Connection, cluster: int, id: str, ids: set[str], words: list[str], now: int) -> str:
        """What else keeps one of whom nothing was heard."""
        if IS_RESTRICTED in words:
            return "restricted"
        if any(not w.startswith(("-", "@")) for w in words):
            return "consent"
        if any(r.closed is None for r in request_store.of_customer(connection, ids)):
            return "request"
        if any(a.ongoing and a.state == "granted" for a in ask_store.asks_of(connection, [], ids)):
            return "company"
        if any(not t.done for t in todo.of_customer(connection, self.config, cluster, now)):
            return "task"
        return "doubt" if self.requests.doubts(connection, id) else ""
