"""Snapshots: the customers of a view as they are at one position of the outbox, and the feed's cursor to go on from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.door import cleaned_rows, may_crosswalk
from hub.access.policy.rows import within
from hub.access.policy.view import View
from hub.access.read import Reader
from hub.access.seen import SeenCustomer
from hub.errors import Fault, Gone, NotFound, RetryLater, Unprocessable
from hub.golden_record import lookups, store
from hub.golden_record.store import StoredCustomer
from hub.model import RecordId
from hub.settings.access import RowLimits

PAGE = 500  # customers that are in memory at once

Asked = str | RecordId  # a customer by any of its ids, or by a source record


@dataclass(frozen=True, slots=True)
class Selection:
    """Which customers. `asked`: only these, else all; the rest: of these types, with one of these values."""

    asked: tuple[Asked, ...] | None = None
    types: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # attribute, or attribute.part -> values


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """Some customers; what of the asked there is not, or not for the asker; with the last page the cursor to go on from."""

    customers: tuple[SeenCustomer, ...] = ()
    missing: tuple[Asked, ...] = ()
    cursor: str | None = None


class Snapshots:
    """Snapshots in the view of a role, a page in memory at a time."""

    def __init__(self, reader: Reader):
        self.reader, self.database, self.config = reader, reader.database, reader.config

    def take(
        self, principal: Principal, selection: Selection, *, at_least: str | None = None
    ) -> Iterator[SnapshotPage]:
        """The pages, read within one transaction that is open until the iterator ends or is closed.

        at_least: a position that a write answered with; RetryLater when this database is not that far.
        Unprocessable and Forbidden, when asked for the first page, for what the view does not show.
        """
        view = self.reader.view(principal)
        limits = self._limits(view, selection)
        if selection.asked is not None and any(isinstance(a, RecordId) for a in selection.asked):
            may_crosswalk(view)
        with self.database.read() as connection:
            end = store.next_seq(connection) - 1
            if at_least is not None and self.reader.reached(at_least, "/at_least").outbox > end:
                raise RetryLater("what was written is not here yet: ask again")
            yield SnapshotPage()  # what is asked for can be had
            pages = (
                self._listed(connection, view, selection)
                if selection.asked is None
                else self._named(connection, view, selection)
            )
            for customers, missing in pages:
                chosen = [c for c in customers if self._chosen(connection, view, limits, c)]
                seen = self.reader.seen_now(connection, view, chosen)
                if seen:
                    self._audited(principal, view, seen)
                yield SnapshotPage(tuple(seen), tuple(missing))
        yield SnapshotPage(cursor=self.reader.cursor_at(view, end))

    def _limits(self, view: View, selection: Selection) -> dict[str, RowLimits]:
        """The conditions by type, with values as golden records hold them. What is masked cannot be asked for."""
        known = sorted(view.columns)
        if unknown := set(selection.types) - set(known):
            told = f"known: {', '.join(known) or 'none'}"
            raise Unprocessable("no such customer type", [Fault("/types", f"unknown: {sorted(unknown)[0]}", told)])
        types = selection.types or known
        shown = {t: view.shown(t) for t in types}
        for name in selection.where:
            if not any(name.partition(".")[0] in a for a in shown.values()):
                told = f"known: {', '.join(sorted({a for s in shown.values() for a in s}))}"
                raise Unprocessable("no such attribute", [Fault(f"/where/{name}", "unknown attribute", told)])
        wanted = RowLimits(where=dict(selection.where), restricted=True)  # who is, the view's own conditions leave out
        return {
            t: cleaned_rows(self.config.customers[t], wanted)
            for t in types
            if all(name.partition(".")[0] in shown[t] for name in selection.where)
        }

    def _listed(
        self, connection: Connection, view: View, selection: Selection
    ) -> Iterator[tuple[Sequence[StoredCustomer], Sequence[Asked]]]:
        after, types = "", selection.types or tuple(view.columns)
        while page := lookups.page_after(connection, types, after, PAGE):
            after = page[-1].id
            yield page, ()

    def _named(
        self, connection: Connection, view: View, selection: Selection
    ) -> Iterator[tuple[Sequence[StoredCustomer], Sequence[Asked]]]:
        """Those that are asked for, each customer once."""
        done: set[str] = set()
        asked = selection.asked or ()
        for start in range(0, len(asked), PAGE):
            found: dict[str, StoredCustomer] = {}
            missing: list[Asked] = []
            for one in asked[start : start + PAGE]:
                try:
                    customer = self.reader.led_to(connection, view, one)
                except (NotFound, Gone):
                    missing.append(one)
                    continue
                if customer.id not in done:
                    found[customer.id] = customer
            done |= found.keys()
            yield list(found.values()), missing

    def _chosen(
        self, connection: Connection, view: View, limits: Mapping[str, RowLimits], customer: StoredCustomer
    ) -> bool:
        limit = limits.get(customer.type)
        return (
            limit is not None and within(limit, customer.values, ()) and self.reader.exists(connection, view, customer)
        )

    def _audited(self, principal: Principal, view: View, seen: Sequence[SeenCustomer]) -> None:
        """On disk before the page goes out."""
        attributes = sorted({a for t in {c.type for c in seen} for a in view.of(t)})
        now = self.database.clock.now()
        ids = [c.id for c in seen]
        self.reader.audit.write(
            AuditLine(principal.id, principal.role, "snapshot", ids, attributes, view.purpose, now, REQUEST.get())
        )
