"""What happened with a customer, newest first, in the asker's view. A type that its role does not name is as good as absent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.door import bounded, shown_name
from hub.access.policy.contact_details import kinds_out_of_text, limited, most_seen, redacted
from hub.access.policy.purposes import Views
from hub.access.policy.view import View, narrowed, see
from hub.access.read import Reader
from hub.access.seen import SeenPage
from hub.errors import BadRecord, Fault, NotFound, Unprocessable
from hub.figures.owners import owners_of
from hub.golden_record import store as golden_store
from hub.interactions import store
from hub.interactions.row import Interaction, readings
from hub.interactions.store import StoredInteraction
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.landing.store import StoredVersion
from hub.model import RecordId, Sight, digest
from hub.settings import CONTACT

SCANNED = 200  # rows looked at together where not all of them are told


@dataclass(frozen=True, slots=True)
class SeenInteraction:
    """Something that happened, in one view. `record` without its key unless the role may see record names.
    `attributed`: by an e-mail address or a telephone number (`email`, `phone`), which this customer alone holds verified."""

    id: str
    type: str
    title: str
    at: int
    record: RecordId
    values: Mapping[str, object]
    attributed: str = ""


@dataclass(frozen=True, slots=True)
class SeenStanding:
    """How it stood from a time on. `values` is None where today's configuration cannot read it; empty where it was
    taken back. `cause`: what brought it about, where the row says so and the asker sees that on the same page."""

    at: int
    landed: int
    values: Mapping[str, object] | None
    gone: bool
    suspended: bool
    by: str
    cause: SeenInteraction | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What of it: of which types (none: all) and channel, in [since, until), with a text in it, as it stood at a time."""

    types: tuple[str, ...] = ()
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    as_of: int | None = None

    @property
    def before(self) -> int | None:
        """Nothing from then on."""
        bounds = [b for b in (self.until, None if self.as_of is None else self.as_of + 1) if b is not None]
        return min(bounds, default=None)


class Timeline:
    """Answers for principals, through the reader's door."""

    def __init__(self, reader: Reader):
        self.reader, self.config, self.readings = reader, reader.config, readings(reader.config)
        customers = {n: t.attributes for n, t in self.config.customers.items()}
        self._customers = customers
        self._hidden: dict[
            str, frozenset[str]
        ] = {}  # version of a view -> kinds of contact details that it hides in texts
        self._views = Views(self.config, {n: tuple(t.attributes) for n, t in self.config.interactions.items()})
        self._masks = {
            n: {a: KINDS[d.kind].mask for a, d in t.attributes.items()} for n, t in self.config.interactions.items()
        }

    def view(self, principal: Principal) -> View:
        """What a principal's role sees of interactions, by their types, for the purpose of the request."""
        view = narrowed(self._views.asked(principal.role), principal.scopes)
        return self._limited(view, self.reader.view(principal))

    def view_of_role(self, role: str) -> View:
        """What a role sees of what happened."""
        return self._limited(self._views.of(role), self.reader.view_of_role(role))

    def _limited(self, view: View, of_customers: View) -> View:
        """Less what the role may not see of customers either."""
        most, types = most_seen(of_customers, self._customers), self.config.interactions
        columns = {n: limited(c, types[n].attributes, most) for n, c in view.columns.items()}
        version = digest([view.version, of_customers.version], 6)  # two purposes may see alike of what happened alone
        self._hidden[version] = kinds_out_of_text(most)  # kept: thousands of rows are told in one view
        return replace(view, columns={n: c for n, c in columns.items() if c}, version=version)

    # --- reading ---

    def page(
        self, principal: Principal, id: str, asked: Asked | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> SeenPage:
        """What happened with the customer that an id leads to. NotFound and Gone as for the customer."""
        asked = asked or Asked()
        view, limit = self.view(principal), bounded(limit)
        with self.reader.database.read() as connection:
            customer, _ = self.reader.located(connection, principal, id)
            bound = ("interactions", view.version, customer, list(asked.types), *_plain(asked))
            after: Any = tuple(unseal(self.reader.cursor_key, cursor, *bound)) if cursor else None
            found: list[tuple[StoredInteraction, SeenInteraction]] = []
            for one in self._told(connection, view, self._owners(connection, customer), asked, after, limit + 1):
                found.append(one)
                if len(found) > limit:
                    break
        more, found = len(found) > limit, found[:limit]
        if found:
            self._sighted(principal, view, customer, {r.type for r, _ in found})
        last = [found[-1][0].at, found[-1][0].rid] if more else None
        return SeenPage(tuple(s for _, s in found), seal(self.reader.cursor_key, last, *bound) if last else None)

    def whole(self, principal: Principal, id: str) -> list[SeenInteraction]:
        """All that happened with the customer that an id leads to, newest first. NotFound and Gone as for the customer."""
        view = self.view(principal)
        with self.reader.database.read() as connection:
            customer, _ = self.reader.located(connection, principal, id)
            owners = self._owners(connection, customer)
            found = [seen for _, seen in self._told(connection, view, owners, Asked(), None, SCANNED)]
        if found:
            self._sighted(principal, view, customer, {i.type for i in found})
        return found

    def one(self, principal: Principal, id: str, interaction: str) -> tuple[SeenInteraction, tuple[SeenStanding, ...]]:
        """One thing that happened with a customer, and its versions, oldest first. NotFound, also when it is another's."""
        view = self.view(principal)
        with self.reader.database.read() as connection:
            customer, _ = self.reader.located(connection, principal, id)
            info = landing.record_minting(connection, interaction, "interaction")
            row = None if info is None else store.of_records(connection, [info.rid]).get(info.rid)
            owners = set(self._owners(connection, customer))
            if info is None or row is None or row.owner not in owners or not view.sees(row.type):
                raise NotFound("no such interaction", [Fault("/interaction", "unknown", "look at the customer's page")])
            seen = self.seen(view, row, info.id, info.mint)
            listed = landing.versions_of(connection, [info.rid]).get(info.rid, [])
            versions = tuple(self._version(connection, view, v, info.id, row.type, owners) for v in listed)
        self._sighted(principal, view, customer, {row.type})
        return seen, versions

    def _told(
        self,
        connection: Connection,
        view: View,
        owners: Sequence[RecordId],
        asked: Asked,
        after: tuple[int, int] | None,
        wanted: int,
    ) -> Iterator[tuple[StoredInteraction, SeenInteraction]]:
        """Rows that are told, newest first, some looked at together."""
        types = self._types(view, asked)
        size = wanted if not asked.text and asked.as_of is None else max(wanted, SCANNED)
        while True:
            rows = store.newest(
                connection,
                owners,
                types,
                since=asked.since,
                until=asked.before,
                channel=asked.channel,
                after=after,
                limit=size,
            )
            names = landing.records(connection, [r.rid for r in rows])
            for row in rows if asked.as_of is None else self._then(connection, rows, asked.as_of, owners):
                seen = self.seen(view, row, names[row.rid].id, names[row.rid].mint)
                if _has(seen.values, asked.text):
                    yield row, seen
            if len(rows) < size:
                return
            after = rows[-1].at, rows[-1].rid

    def _types(self, view: View, asked: Asked) -> list[str]:
        """By a channel only where the view shows it: else one question after another would tell it."""
        found = [t for t in sorted(view.columns) if not asked.types or t in asked.types]
        if asked.channel is None:
            return found
        return [t for t in found if view.of(t).get(self.config.interactions[t].channel) is Sight.SHOW]

    def _then(
        self, connection: Connection, rows: Sequence[StoredInteraction], as_of: int, owners: Collection[RecordId]
    ) -> Iterator[StoredInteraction]:
        """The rows as they stood at a time; those that were not said by then, or of another owner, are left out."""
        versions = landing.versions_of(connection, [r.rid for r in rows])
        names = landing.records(connection, [r.rid for r in rows])
        for row in rows:
            said = [v for v in versions[row.rid] if v.suspended is None and _since(v) <= as_of]
            read = self._read(names[row.rid].id, said[-1]) if said else None
            if read is not None and read.owner in owners and read.at <= as_of:
                yield StoredInteraction(row.rid, read.type, read.owner, row.at, store.body_of(read))

    def _read(self, id: RecordId, version: StoredVersion) -> Interaction | None:
        reading = self.readings.get((id.source, id.stream))
        if reading is None or version.raw is None:
            return None
        try:
            return reading.read(version.raw)
        except BadRecord:
            return None

    def _version(
        self,
        connection: Connection,
        view: View,
        version: StoredVersion,
        id: RecordId,
        type_name: str,
        owners: Collection[RecordId],
    ) -> SeenStanding:
        read = self._read(id, version)
        values = None if read is None else self._values(view, type_name, read.values)
        reading = self.readings.get((id.source, id.stream))
        cause = reading.cause(version.raw) if reading is not None and version.raw is not None else None
        by = str(version.raw.get("by", "")) if version.raw and id.source == "staff" else ""
        return SeenStanding(
            _since(version),
            version.at,
            {} if version.raw is None else values,
            version.raw is None,
            version.suspended is not None,
            by,
            self._cause(connection, view, cause, owners) if cause else None,
        )

    def _cause(
        self, connection: Connection, view: View, id: RecordId, owners: Collection[RecordId]
    ) -> SeenInteraction | None:
        info = landing.record_named(connection, id, "interaction")
        row = None if info is None else store.of_records(connection, [info.rid]).get(info.rid)
        if info is None or row is None or row.owner not in owners or not view.sees(row.type):
            return None
        return self.seen(view, row, info.id, info.mint)

    def seen(self, view: View, row: StoredInteraction, id: RecordId, mint: str) -> SeenInteraction:
        """A row in a view. No audit line: that is the caller's, before the answer is sent."""
        # when it happened is an attribute too: its column may be masked, but the order on the page tells it anyway
        title = self.config.interactions[row.type].title or row.type
        values = self._values(view, row.type, store.values_of(row))
        by = row.owner.stream if row.owner.source == CONTACT else ""
        return SeenInteraction(mint, row.type, title, row.at, shown_name(id, view), values, by)

    def _values(self, view: View, type_name: str, values: Mapping[str, Sequence[object]]) -> dict[str, object]:
        kind = self.config.interactions[type_name]
        looked = see(values, view.of(type_name), self._masks[type_name], self.reader.pseudonym_key(view))
        out = self._hidden[view.version]
        for a in looked.keys() & {a for a, d in kind.attributes.items() if d.kind == "text"} if out else ():
            looked[a] = redacted(looked[a], out)
        return {a: v if kind.attributes[a].many else v[0] for a, v in looked.items()}

    def _sighted(self, principal: Principal, view: View, customer: str, types: Collection[str]) -> None:
        attributes = sorted({f"{t}.{a}" for t in types for a in view.of(t)})
        now = self.reader.database.clock.now()
        self.reader.audit.write(
            AuditLine(
                principal.id, principal.role, "interactions", [customer], attributes, view.purpose, now, REQUEST.get()
            )
        )

    def _owners(self, connection: Connection, shown: str) -> list[RecordId]:
        customer = golden_store.customer(connection, shown)
        assert customer is not None
        return owners_of(connection, self.config, [customer.cluster])[customer.cluster]

    # --- writing ---

    def may_log(self, principal: Principal, id: str, type_name: str, values: Mapping[str, object]) -> None:
        """Nothing, when the asker sees the customer and all that it writes down. NotFound and Gone as for the customer."""
        view = self.view(principal)
        with self.reader.database.read() as connection:
            self.reader.located(connection, principal, id)
        if not view.sees(type_name):
            known = ", ".join(sorted(view.columns)) or "none"
            raise Unprocessable("no such type of interactions", [Fault("/type", "unknown", f"known: {known}")])
        shown = view.shown(type_name)
        faults = [
            Fault(f"/values/{a}", f"'{type_name}' has no such attribute", f"known: {', '.join(sorted(shown))}")
            for a in values
            if a not in shown
        ]
        if faults:
            raise Unprocessable("unknown attributes", faults)


def _plain(asked: Asked) -> list[object]:
    return [asked.channel, asked.since, asked.until, asked.text, asked.as_of]


def _since(version: StoredVersion) -> int:
    """From when its source says so; where it gives no time, from when it landed."""
    return version.at if version.observed is None else version.observed


def _has(values: Mapping[str, object], text: str) -> bool:
    """Is every word of a text in the values as they are seen, in whatever case?"""
    if not text:
        return True
    seen = " ".join(_texts(values)).casefold()
    return all(word in seen for word in text.casefold().split())


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield str(value)
