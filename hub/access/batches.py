"""Many customers and changes at once: what one look per customer would ask again and again is asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.customers import Customers
from hub.access.door import ShownCount, only
from hub.access.policy.view import View, changed_in_view
from hub.golden_record import lookups, past, store
from hub.golden_record.store import StoredChange, StoredCustomer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId

REMEMBERED = 100_000  # customers of which the last count is kept in memory
NEWEST = 1 << 62


class Batches(Customers):
    """Customers and changes in a view, many at a time. For snapshots of what is committed alone: counts are remembered."""

    def led_to(self, connection: Connection, view: View, asked: str | RecordId) -> StoredCustomer:
        """The customer that an id leads to, or of a record. NotFound, Gone, Forbidden as where one is asked for."""
        id = self._customer_of(connection, view, asked) if isinstance(asked, RecordId) else asked
        return self._find(connection, view, id)

    def exists(self, connection: Connection, view: View, customer: StoredCustomer) -> bool:
        """Is this customer there for the view?"""
        return self._within(connection, view, customer)

    def seen_now(self, connection: Connection, view: View, customers: Sequence[StoredCustomer]) -> list[s.SeenCustomer]:
        """Customers that exist for the view, as it shows them now. The audit line is the caller's, before it answers."""
        ids = [c.id for c in customers]
        after = self._shown_after(connection, view, dict.fromkeys(ids, NEWEST), NEWEST)
        return self._seen_customers(connection, view, customers, {id: after[id][-1] for id in ids})

    def _seen_customers(
        self, connection: Connection, view: View, customers: Sequence[StoredCustomer], places: Mapping[str, ShownCount]
    ) -> list[s.SeenCustomer]:
        """These customers as they are now, without an ETag. Whether they exist for the view was asked before."""
        names, found = self._names(connection, view, customers), []
        for c in customers:
            place, values = places[c.id], self._values(view, c.type, c.values)
            found.append(s.SeenCustomer(c.id, c.type, max(1, place.version), place.at, values, names.get(c.id)))
        return found

    def _names(
        self, connection: Connection, view: View, customers: Sequence[StoredCustomer]
    ) -> dict[str, tuple[Any, ...]]:
        """The records of customers, for views that see record names."""
        if "crosswalk" not in view.may:
            return {}
        members = matching_store.members_of(connection, [c.cluster for c in customers])
        infos = landing.records(connection, {r for of in members.values() for r in of})
        return {c.id: tuple(sorted(infos[r].id for r in members.get(c.cluster, ()) if r in infos)) for c in customers}

    def _counts(
        self, connection: Connection, view: View, changes: Sequence[StoredChange], until: int
    ) -> tuple[dict[int, ShownCount], dict[str, ShownCount]]:
        """How many changes of its customer the view shows up to each of these, by position, and up to `until`, by customer."""
        first: dict[str, int] = {}
        for change in changes:
            first[change.customer] = min(change.seq, first.get(change.customer, NEWEST))
        after = self._shown_after(connection, view, first, until)
        return {p.seq: p for places in after.values() for p in places}, {id: p[-1] for id, p in after.items()}

    def _shown_after(
        self, connection: Connection, view: View, first: Mapping[str, int], until: int
    ) -> dict[str, list[ShownCount]]:
        """Of each customer a count from before its `first` position, and one for each change shown after that, up to `until`."""
        known = {id: self._counted.get((view.version, id)) for id in first}
        found = {id: [k if k is not None and k.seq < first[id] else ShownCount(0)] for id, k in known.items()}
        for ids in ([id for id in first if found[id][0].seq], [id for id in first if not found[id][0].seq]):
            start = min((found[id][0].seq for id in ids), default=0)
            for change in lookups.changes_between(connection, ids, start, until):
                last = found[change.customer][-1]
                if change.seq > last.seq and self._told(connection, view, change) is not None:
                    found[change.customer].append(ShownCount(change.seq, last.version + 1, change.at))
        if len(self._counted) + len(found) > REMEMBERED:
            self._counted.clear()
        self._counted.update({(view.version, id): places[-1] for id, places in found.items()})
        return found

    # --- changes ------------------------------------------------------------------------------------

    def _seen_changes(self, connection: Connection, view: View, rows: Sequence[StoredChange]) -> list[s.SeenChange]:
        """Changes as the view tells them, each with the customer as it is now."""
        customers = store.customers_named(connection, {r.customer for r in rows}, columns=store.BRIEF)
        within = [c for c in customers.values() if self._within(connection, view, c)]
        places, last = self._counts(connection, view, rows, NEWEST)
        now = {c.id: c for c in self._seen_customers(connection, view, within, last)}
        return [_seen(view, r, places[r.seq].version, now.get(r.customer)) for r in rows]

    def _rendered(self, connection: Connection, view: View, changes: Sequence[StoredChange]) -> dict[int, s.SeenChange]:
        """Changes by position, each with the customer at its version; what it became outside the rows is not told."""
        places, _ = self._counts(connection, view, changes, max((c.seq for c in changes), default=0))
        current = store.customers_named(
            connection, {c.customer for c in changes if c.kind != "left"}, columns=store.BRIEF
        )
        newest = [c for c in changes if (now := current.get(c.customer)) is not None and now.version == c.version]
        names = self._names(connection, view, [current[c.customer] for c in newest])
        values = {c.seq: current[c.customer].values for c in newest}
        records = {c.seq: names.get(c.customer) for c in newest}
        older = [c for c in changes if c.seq not in values and c.kind != "left"]
        for change, row, golden in self._then_golden(connection, view, older):
            values[change.seq] = golden
            records[change.seq] = self._records(connection, row.members) if "crosswalk" in view.may else None
        found = {}
        for c in changes:
            place = places[c.seq]
            data = None
            if c.seq in values:
                looked = self._values(view, c.type, values[c.seq])
                data = s.SeenCustomer(c.customer, c.type, place.version, place.at, looked, records[c.seq])
            found[c.seq] = _seen(view, c, place.version, data)
        return found

    def _then_golden(
        self, connection: Connection, view: View, changes: Sequence[StoredChange]
    ) -> list[tuple[StoredChange, store.StoredHistory, dict[str, list[Any]]]]:
        """Changes whose customer went on since, with the version that they name and its golden values, of shown attributes alone."""
        rows = [(c, store.history_row(connection, c.customer, c.version)) for c in changes]
        there = [(c, h, only(h.lineage, view.of(h.type))) for c, h in rows if h is not None and h.lineage is not None]
        found = []
        for recipe in {h.recipe for _, h, _ in there}:
            of = [(c, h, lineage) for c, h, lineage in there if h.recipe == recipe]
            mappers, base = self._recipes.mappers(connection, recipe), self._base(connection, recipe)
            refs = past.References(connection, mappers, [lineage for _, _, lineage in of], base=base)
            found += [(c, h, refs.values(lineage)) for c, h, lineage in of]
        return found


def _seen(view: View, c: StoredChange, version: int, data: s.SeenCustomer | None) -> s.SeenChange:
    attributes = changed_in_view(c.attributes, view.of(c.type))
    return s.SeenChange(c.id, c.kind, c.customer, c.type, version, c.at, attributes, c.other, data)
