"""What happened with a customer, newest first, in the asker's view. A type that its role does not name is as good as absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub.access.audit import REQUEST, AuditLine
from hub.access.cursors import seal, unseal
from hub.access.door import bounded, shown_name
from hub.access.policy import View, narrowed, see
from hub.access.principals import Principal
from hub.access.purposes import Views
from hub.access.read import Reader
from hub.access.seen import SeenPage
from hub.golden_record.run import dead_leading
from hub.interactions import store
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.model import RecordId


@dataclass(frozen=True, slots=True)
class SeenInteraction:
    """Something that happened, in one view. `record` without its key unless the role may see record names."""

    type: str
    title: str
    at: int
    record: RecordId
    values: Mapping[str, Any]


class Timeline:
    """Answers for principals, through the reader's door."""

    def __init__(self, reader: Reader):
        self.reader, self.config = reader, reader.config
        types = {n: tuple(t.attributes) for n, t in self.config.interactions.items()}
        self._views = Views(self.config, types)
        self._masks = {
            n: {a: KINDS[d.kind].mask for a, d in t.attributes.items()} for n, t in self.config.interactions.items()
        }

    def view(self, principal: Principal) -> View:
        """What a principal's role sees of interactions, by their types, for the purpose of the request."""
        return narrowed(self._views.asked(principal.role), principal.scopes)

    def view_of_role(self, role: str) -> View:
        """What a role sees of what happened."""
        return self._views.of(role)

    def page(
        self,
        principal: Principal,
        id: str,
        *,
        type_name: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SeenPage:
        """What happened in [since, until) with the customer that an id leads to. NotFound and Gone as for the customer."""
        view = self.view(principal)
        limit = bounded(limit)
        types = sorted(t for t in view.columns if type_name in (None, t))
        with self.reader.database.read() as connection:
            customer, members = self.reader.located(connection, principal, id)
            bound = ("interactions", view.version, customer, type_name, since, until)
            after: Any = tuple(unseal(self.reader.cursor_key, cursor, *bound)) if cursor else None
            owners = _owners(connection, members)
            rows = store.newest(connection, owners, types, since=since, until=until, after=after, limit=limit + 1)
            more, rows = len(rows) > limit, rows[:limit]
            names = landing.records(connection, [r.rid for r in rows])
            data = tuple(self._seen(view, r, names[r.rid].id) for r in rows)
        if data:
            attributes = sorted({f"{r.type}.{a}" for r in rows for a in view.of(r.type)})
            line = AuditLine(
                principal.id,
                principal.role,
                "interactions",
                [customer],
                attributes,
                view.purpose,
                self.reader.database.clock.now(),
                REQUEST.get(),
            )
            self.reader.audit.write(line)
        return SeenPage(data, seal(self.reader.cursor_key, [rows[-1].at, rows[-1].rid], *bound) if more else None)

    def _seen(self, view: View, row: store.StoredInteraction, id: RecordId) -> SeenInteraction:
        kind = self.config.interactions[row.type]
        looked = see(store.values_of(row), view.of(row.type), self._masks[row.type], self.reader.pseudonym_key(view))
        values = {a: v if kind.attributes[a].many else v[0] for a, v in looked.items()}
        # when it happened is an attribute too: its column may be masked, but the order on the page tells it anyway
        return SeenInteraction(row.type, kind.title or row.type, row.at, shown_name(id, view), values)


def _owners(connection: Connection, members: set[int]) -> list[RecordId]:
    """Names of a customer's records, and of the deleted ones whose ids lead to it."""
    dead = [d.id for listed in dead_leading(connection, members).values() for d in listed]
    return [i.id for i in landing.records(connection, members).values()] + dead
