"""Many customers and changes at once: what one look per customer would ask again and again is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.customers import Customers
from hub.access.door import NONE_SHOWN, ShownCount, only
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
        places = {id: after[id][-1] for id in ids}
        self._remembered(view).update(places)
        return self._seen_customers(connection, view, customers, places)

    def _seen_customers(
        self, connection: Connection, view: View, customers: Sequence[StoredCustomer], places: Mapping[str, ShownCount]
    ) -> list[s.SeenCustomer]:
        """These customers as they are now, without an ETag. Whether they exist for the view was asked before."""
        names, found = self._names(connection, view, customers), []
        look_at = {t: self._look_at(view, t) for t in {c.type for c in customers}}
        for c in customers:
            _, version, at, _ = places[c.id]
            values = look_at[c.type](c.values)
            found.append(s.SeenCustomer(c.id, c.type, version or 1, at, values, names.get(c.id)))
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
        self, connection: Connection, view: View, changes: Sequence[StoredChange], newest: Mapping[str, int]
    ) -> tuple[dict[int, ShownCount], dict[str, ShownCount]]:
        """How many changes of its customer the view shows up to each of these, by position, and up to the `newest` stored
        version of a customer, where one is given. Only what these changes do not tell by themselves is read."""
        remembered, last, found = self._remembered(view), dict[str, ShownCount](), dict[int, ShownCount]()
        unknown = set()  # customers of whom there are changes between these, or after them
        for change in changes:
            before = last.get(change.customer) or _before(remembered, change.customer, change.seq)
            if change.version != before.stored + 1:
                unknown.add(change.customer)
            place = ShownCount(change.seq, before.version + 1, change.at, change.version)
            found[change.seq] = last[change.customer] = place
        unknown.update(id for id, version in newest.items() if last[id].stored != version)
        if unknown:
            first = {c.customer: c.seq for c in reversed(changes) if c.customer in unknown}
            after = self._shown_after(connection, view, first, NEWEST if newest else changes[-1].seq)
            found |= {p.seq: p for places in after.values() for p in places}
            last = {id: found[place.seq] for id, place in last.items()}
            remembered.update(last)
            return found, last | {id: places[-1] for id, places in after.items()}
        remembered.update(last)
        return found, last

    def _shown_after(
        self, connection: Connection, view: View, first: Mapping[str, int], until: int
    ) -> dict[str, list[ShownCount]]:
        """Of each customer a count from before its `first` position, and one for each change shown after that, up to `until`."""
        remembered = self._remembered(view)
        found = {id: [_before(remembered, id, seq)] for id, seq in first.items()}
        for ids in ([id for id in first if found[id][0].seq], [id for id in first if not found[id][0].seq]):
            start = min((found[id][0].seq for id in ids), default=0)
            for change in lookups.changes_between(connection, ids, start, until):
                last = found[change.customer][-1]
                if change.seq > last.seq and self._told(connection, view, change) is not None:
                    place = ShownCount(change.seq, last.version + 1, change.at, change.version)
                    found[change.customer].append(place)
        return found

    def _remembered(self, view: View) -> dict[str, ShownCount]:
        """The counts of customers in a view that are remembered, and to be remembered."""
        if sum(map(len, list(self._counted.values()))) > REMEMBERED:
            self._counted.clear()
        return self._counted.setdefault(view.version, {})

    # --- changes ------------------------------------------------------------------------------------

    def _seen_changes(self, connection: Connection, view: View, rows: Sequence[StoredChange]) -> list[s.SeenChange]:
        """Changes as the view tells them, each with the customer as it is now."""
        customers = store.customers_named(connection, {r.customer for r in rows}, columns=store.BRIEF)
        within = self._all_within(connection, view, customers.values())
        places, last = self._counts(connection, view, rows, {c.id: c.version for c in within})
        now = {c.id: c for c in self._seen_customers(connection, view, within, last)}
        shown = _shown_attributes(view, rows)
        return [_seen(r, shown[r.type, r.attributes], places[r.seq].version, now.get(r.customer)) for r in rows]

    def _rendered(self, connection: Connection, view: View, changes: Sequence[StoredChange]) -> dict[int, s.SeenChange]:
        """Changes by position, each with the customer at its version; what it became outside the rows is not told, nor what
        those who are restricted now, or agree no more, ever were."""
        places, _ = self._counts(connection, view, changes, {})
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
        found, shown = {}, _shown_attributes(view, changes)
        for c in changes:
            place = places[c.seq]
            data = None
            if c.seq in values:
                looked = self._values(view, c.type, values[c.seq])
                data = s.SeenCustomer(c.customer, c.type, place.version, place.at, looked, records[c.seq])
            found[c.seq] = _seen(c, shown[c.type, c.attributes], place.version, data)
        return found

    def _then_golden(
        self, connection: Connection, view: View, changes: Sequence[StoredChange]
    ) -> list[tuple[StoredChange, store.StoredHistory, dict[str, list[Any]]]]:
        """Changes whose customer went on since, with the version that they name and its golden values, of shown attributes alone."""
        rows = [(c, store.history_row(connection, c.customer, c.version)) for c in changes]
        there = [(c, h, only(h.lineage, view.of(h.type))) for c, h in rows if h is not None and h.lineage is not None]
        permitted = self._permitted(connection, view, [h for _, h, _ in there])
        there = [(c, h, lineage) for c, h, lineage in there if (h.customer, h.version) in permitted]
        found = []
        for recipe in {h.recipe for _, h, _ in there}:
            of = [(c, h, lineage) for c, h, lineage in there if h.recipe == recipe]
            mappers, base = self._recipes.mappers(connection, recipe), self._base(connection, recipe)
            refs = past.References(connection, mappers, [lineage for _, _, lineage in of], base=base)
            found += [(c, h, refs.values(lineage)) for c, h, lineage in of]
        return found


def _before(remembered: Mapping[str, ShownCount], id: str, seq: int) -> ShownCount:
    """The count of a customer that is remembered, if it is one from before a position."""
    known = remembered.get(id)
    return known if known is not None and known.seq < seq else NONE_SHOWN


def _shown_attributes(
    view: View, changes: Iterable[StoredChange]
) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
    """Which attributes of such a change the view shows, by type and attributes: most changes of a page are of few such."""
    alike = {(c.type, c.attributes) for c in changes}
    return {(type_, names): changed_in_view(names, view.of(type_)) for type_, names in alike}


def _seen(c: StoredChange, attributes: tuple[str, ...], version: int, data: s.SeenCustomer | None) -> s.SeenChange:
    return s.SeenChange(c.id, c.kind, c.customer, c.type, version, c.at, attributes, c.other, data)
