"""One customer: as it is now and as it was, and which source records it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hub.access import caller_store
from hub.access import seen as s
from hub.access.authentication.principals import Principal
from hub.access.door import NONE_SHOWN, Door, ShownCount, gone, may_crosswalk, only, said_in, unknown
from hub.access.policy.rows import within
from hub.access.policy.view import View
from hub.consents.effective import AGREED
from hub.errors import Fault, Gone, NotFound
from hub.golden_record import past, store
from hub.golden_record.lineage import Lineage, Why
from hub.golden_record.store import StoredChange, StoredCustomer
from hub.model import RecordId, digest


class Customers(Door):
    """One customer in a view."""

    def get_customer(
        self,
        principal: Principal,
        id: str,
        *,
        lineage: bool = False,
        as_of: int | None = None,
        known_at: int | None = None,
    ) -> s.SeenCustomer:
        """The customer that an id leads to.

        known_at: as it was served then. as_of: with the values that were, or will be, in effect then.
        Both in microseconds since 1970 UTC. NotFound; Gone when nobody holds the id (any more, or yet).
        """
        with self.database.read() as connection:
            view = self.view(principal, connection)
            view = self._opened(connection, principal, view, id) or view
            if as_of is None and known_at is None:
                found = self._now(connection, view, self._find(connection, view, id), lineage)
            else:
                found = self._then(connection, view, id, lineage, as_of, known_at)
        self._sighted(principal, view, "get", [found.id], [found.type])
        return found

    def _opened(self, connection: Connection, principal: Principal, own: View, id: str) -> View | None:
        """The view that is open to the asker for this one customer, where it broke the glass. `own`: that of its role."""
        if "break_glass" not in own.may:
            return None
        for opened in caller_store.opened_for(connection, principal.id, self.database.clock.now()):
            view = self.view_of_role(opened.seen_as, connection)
            try:
                if self._find(connection, view, id).id == opened.customer:
                    return view
            except (NotFound, Gone):
                continue
        return None

    def crosswalk(self, principal: Principal, *, record: RecordId | None = None, id: str | None = None) -> s.Crosswalk:
        """The customer of a source record, or the source records of a customer. Forbidden without that permission."""
        view = self.view(principal)
        may_crosswalk(view)
        with self.database.read() as connection:
            customer = self._find(
                connection, view, self._customer_of(connection, view, record) if record is not None else id or ""
            )
            found = s.Crosswalk(
                customer.id, customer.type, self._records(connection, self._members(connection, customer))
            )
        self._sighted(principal, view, "crosswalk", [found.customer], [])
        return found

    def type_of(self, principal: Principal, id: str) -> str:
        """The type of the customer that an id leads to. NotFound and Gone as for the customer."""
        with self.database.read() as connection:
            return self._find(connection, self.view(principal, connection), id).type

    def _now(self, connection: Connection, view: View, customer: StoredCustomer, lineage: bool) -> s.SeenCustomer:
        shown = self._shown_changes(connection, view, customer.id)
        members = self._members(connection, customer) if "crosswalk" in view.may else set()
        why = None
        if lineage:
            seen = only(customer.lineage, view.of(customer.type))
            refs = past.References(
                connection,
                self._recipes.mappers(connection, customer.recipe),
                [seen],
                base=self._base(connection, customer.recipe),
            )
            why = self._lineage(view, customer.type, seen, refs)
        place = counted(shown)
        return self._customer(connection, view, customer.id, customer.type, customer.values, members, place, why)

    def _then(
        self, connection: Connection, view: View, id: str, lineage: bool, as_of: int | None, known_at: int | None
    ) -> s.SeenCustomer:
        if known_at is None:
            customer = self._find(connection, view, id)
            shown_id, type_name, recipe = customer.id, customer.type, customer.recipe
            members: Iterable[int] = self._members(connection, customer)
            served, version = customer.lineage, customer.version
        else:
            row = self._served(connection, view, id, known_at)
            shown_id, type_name, recipe, members, version = row.customer, row.type, row.recipe, row.members, row.version
            served = row.lineage or {}
        mappers, served_then = self._recipes.mappers(connection, recipe), served
        doubtful: frozenset[str] = frozenset()
        if as_of is not None:
            values, served, doubtful = past.in_effect(
                connection, self.config, mappers, type_name, members, as_of=as_of, known_at=known_at
            )
            values = {**values, AGREED: said_in(served_then)}
            if type_name in view.rows and not within(
                view.rows[type_name], values, self._sources(connection, list(members))
            ):
                raise unknown()
        why_seen = only(served, view.of(type_name))
        refs = past.References(connection, mappers, [why_seen], base=self._base(connection, recipe))
        if as_of is None:
            values = refs.values(why_seen)
        shown = [c for c in self._shown_changes(connection, view, shown_id) if c.version <= version]
        why = self._lineage(view, type_name, why_seen, refs) if lineage else None
        seen = self._customer(connection, view, shown_id, type_name, values, members, counted(shown), why)
        return seen._replace(undated=tuple(sorted(doubtful & seen.values.keys()))) if as_of is not None else seen

    def _served(self, connection: Connection, view: View, id: str, at: int) -> store.StoredHistory:
        """The version that an id led to at a time. Gone when it led nowhere; NotFound before it was known."""
        info = self._minted(connection, view, id)
        moved, leads = store.led_at(connection, id, at)
        row = store.history_at(connection, (leads if moved else id) or "", at)
        # Of a customer that may lie outside the rows nothing else is told: not even that it was there later.
        if info.type in view.rows and (
            (moved and leads is None)
            or row is None
            or not self._was_within(connection, view, row)
            or not self._permitted(connection, view, [row])
        ):
            raise unknown()
        if moved and leads is None:
            raise gone()
        if row is None:
            raise NotFound(
                "this customer was not known at that time",
                [Fault("?known_at", "is before its first version", "give a later time")],
            )
        if row.lineage is None:
            raise gone()
        return row

    def _customer(
        self,
        connection: Connection,
        view: View,
        id: str,
        type_name: str,
        values: Mapping[str, object],
        members: Iterable[int],
        place: ShownCount,
        lineage: Mapping[str, dict[str, object]] | None,
    ) -> s.SeenCustomer:
        records = self._records(connection, members) if "crosswalk" in view.may else None
        looked = self._values(view, type_name, values)
        version, at = max(1, place.version), place.at
        # The ETag is made of what is shown and of the view: hidden changes do not move it, another view's never fits.
        tag = digest([view.version, id, type_name, version, at, looked, [str(r) for r in records or ()], lineage], 12)
        return s.SeenCustomer(id, type_name, version, at, looked, records, lineage, f'"{tag}"')

    def _lineage(
        self, view: View, type_name: str, lineage: Lineage, refs: past.References
    ) -> dict[str, dict[str, object]]:
        """Why each shown value is what it is. Values that lost are seen as the ones that won."""
        columns = view.of(type_name)

        def line(attribute: str, ref: Sequence[int]) -> dict[str, object]:
            value, info = refs.value(attribute, ref), refs.records.get(ref[0])
            told: dict[str, object] = {"source": info.id.source, "stream": info.id.stream} if info else {}
            if info and "crosswalk" in view.may:
                told["key"] = info.id.key
            if info and (since := refs.stated(attribute, ref)) is not None:
                told["since"] = since
            return {**told, "value": None if value is None else self._look(view, type_name, attribute, value)}

        def why(attribute: str, given: Why) -> dict[str, Any]:
            told: dict[str, Any] = {
                "rule": given["rule"],
                "verified": given.get("verified", True),
                "won": [line(attribute, r) for r in given["won"]],
                "lost": [line(attribute, r) for r in given.get("lost", ())],
            }
            if "taken" in given:
                told["taken_back"] = [line(attribute, r) for r in given["taken"]]
            if "of" in given:
                told["of"] = {p: why(p, made_of) for p, made_of in given["of"].items() if p in columns}
            override = refs.overrides.get(given.get("override") or -1)
            if override is not None:
                told["override"] = {"id": override.id, "by": override.by, "at": override.at, "until": override.until}
                if "override" in view.may:
                    told["override"]["reason"] = override.reason  # free text: for those who may write it
            return told

        return {a: why(a, lineage[a]) for a in sorted(lineage) if a in columns}


def counted(shown: Sequence[StoredChange]) -> ShownCount:
    return ShownCount(shown[-1].seq, len(shown), shown[-1].at) if shown else NONE_SHOWN
