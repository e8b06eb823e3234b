"""What happened: the feed of changes and the history of one customer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.authentication.principals import Principal
from hub.access.batches import Batches
from hub.access.cursors import find, hide, seal, unseal
from hub.access.door import bounded, only
from hub.access.policy.view import View, changed_in_view
from hub.errors import BadRequest, Fault, Gone
from hub.golden_record import lookups, past, store
from hub.golden_record.lineage import Lineage
from hub.golden_record.store import StoredChange

SCANNED = 5000  # changes looked through for one page of the feed
SOME = 500  # of them at a time
REMEMBERED = 1000  # feeds whose position past hidden changes is kept in memory


class Position(NamedTuple):
    """How far the hub was: in its outbox, and in the log of its database, which replicas follow."""

    outbox: int
    log: int


class Changes(Batches):
    """Changes in a view."""

    def changes(self, principal: Principal, *, cursor: str | None = None, limit: int = 50) -> s.SeenPage:
        """Changes after a cursor that the view shows, each customer's in order; `next_cursor` is always given.

        The cursor holds the last change that was shown, so changes that were not leave no trace in it.
        """
        with self.database.read() as connection:
            view, limit = self.view(principal, connection), bounded(limit)
            bound = ("changes", view.version)
            last: str | list[str] | None = unseal(self._cursors, cursor, *bound) if cursor else None
            rows, more = self._next_changes(connection, view, last, limit)
            data = self._seen_changes(connection, view, rows)
        self._sighted(
            principal, view, "changes", list(dict.fromkeys(d.customer for d in data)), {d.customer_type for d in data}
        )
        return s.SeenPage(tuple(data), seal(self._cursors, data[-1].id if data else last, *bound), more)

    def cursors_after(self, principal: Principal, changes: Iterable[str]) -> list[str]:
        """The feed's cursor after each of these changes that the asker was shown."""
        version = self.view(principal).version
        return [seal(self._cursors, change, "changes", version) for change in changes]

    def cursor_at(self, view: View, position: int) -> str:
        """The feed's cursor after a position of the outbox, whose number is not told."""
        return seal(self._cursors, [hide(self._cursors, position)], "changes", view.version)

    def position(self) -> str:
        """How far the hub is, for who wants to see at least that: told without its numbers."""
        with self.database.read() as connection:
            return hide(self._cursors, store.next_seq(connection) - 1, self.database.written(connection))

    def reached(self, token: str, where: str) -> Position:
        """The position that was told. BadRequest, naming where it was shown, for what never was."""
        found = find(self._cursors, token)
        if found is None or len(found) != 2:
            remedy = "send what a write answered with in X-Hub-Position"
            raise BadRequest("this is no position", [Fault(where, "unknown position", remedy)])
        return Position(*found)

    def told(self, principal: Principal, seqs: Sequence[int]) -> dict[int, s.SeenChange]:
        """What a subscriber is sent of the changes at these positions of the outbox: each customer at the version that
        the change names, through today's view. Changes that the view does not show are left out."""
        view = self.view(principal)
        with self.database.read() as connection:
            stored = (self._told(connection, view, c) for c in lookups.changes_at(connection, seqs))
            found = self._rendered(connection, view, [c for c in stored if c is not None])
        seen = list(found.values())
        self._sighted(
            principal, view, "deliver", list(dict.fromkeys(c.customer for c in seen)), {c.customer_type for c in seen}
        )
        return found

    def history(self, principal: Principal, id: str, *, limit: int = 50, cursor: str | None = None) -> s.SeenPage:
        """The versions of the customer that an id leads to, oldest first: only changes that the view shows."""
        view, limit = self.view(principal), bounded(limit)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            bound = ("history", view.version, customer.id)
            start = unseal(self._cursors, cursor, *bound) if cursor else 0
            shown = self._shown_changes(connection, view, customer.id)
            page = shown[start : start + limit]
            rows = {h.version: h for h in store.history(connection, customer.id)}
            permitted = self._permitted(connection, view, [rows[c.version] for c in page])
            data = tuple(
                self._version(connection, view, c, n, rows[c.version], (customer.id, c.version) in permitted)
                for n, c in enumerate(page, start + 1)
            )
        more = start + limit if len(shown) > start + limit else None
        self._sighted(principal, view, "history", [customer.id], [customer.type])
        return s.SeenPage(data, None if more is None else seal(self._cursors, more, *bound))

    def _next_changes(
        self, connection: Connection, view: View, last: str | list[str] | None, limit: int
    ) -> tuple[list[StoredChange], bool]:
        """A page, and whether more changes follow that were not looked at."""
        key = last[0] if isinstance(last, list) else last
        if isinstance(last, list):  # a position, hidden
            start = (find(self._cursors, last[0]) or (None,))[0]
        else:
            start = lookups.change_seq(connection, last) if last else 0
        if start is None:
            raise Gone(
                "the change that this cursor names is no longer kept",
                [Fault("?cursor", "is too old", "read all customers again, then ask without a cursor")],
            )
        at = max(start, self._passed.get((view.version, key), 0))
        found: list[StoredChange] = []
        scanned, more = 0, True
        while len(found) < limit and scanned < SCANNED:
            size = SOME if scanned else min(limit, SOME)
            rows = store.changes_after(connection, at, size)
            for row in rows:
                if len(found) == limit:
                    break
                at = row.seq
                if (told := self._told(connection, view, row)) is not None:
                    found.append(told)
            scanned += len(rows)
            if len(rows) < size:
                more = len(found) == limit
                break
        if not found:  # remembered, so that polling a quiet feed does not look through the same hidden changes again
            if len(self._passed) >= REMEMBERED:
                self._passed.clear()
            self._passed[view.version, key] = at
        return found, more

    def _golden_at(
        self, connection: Connection, view: View, row: store.StoredHistory, lineage: Lineage
    ) -> dict[str, list[Any]]:
        """The golden values (plain) of a version, of shown attributes alone."""
        shown = only(lineage, view.of(row.type))
        mappers = self._recipes.mappers(connection, row.recipe)
        return past.References(connection, mappers, [shown]).values(shown)

    def _version(
        self,
        connection: Connection,
        view: View,
        change: StoredChange,
        number: int,
        row: store.StoredHistory,
        permitted: bool,
    ) -> s.SeenVersion:
        values = None
        if (
            permitted and row.lineage is not None and change.kind != "left"
        ):  # what it became outside the rows is not told
            values = self._values(view, row.type, self._golden_at(connection, view, row, row.lineage))
        return s.SeenVersion(
            number,
            change.kind,
            change.at,
            changed_in_view(change.attributes, view.of(change.type)),
            change.other,
            values,
        )
