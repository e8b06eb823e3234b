"""The one door to customer data. Every answer goes through the asker's view and leaves an audit line.

The view is compiled before any query is built. An id that nobody minted and one of a customer type
that the role never sees are answered alike, whatever became of the customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from sqlalchemy import Connection

from hub.access import seen as s
from hub.access.audit import REQUEST, AuditLine, AuditLog
from hub.access.cursors import seal, unseal
from hub.access.policy import View, changed_in_view, compile_view, look, see, visible_forms
from hub.access.principals import Principal
from hub.access.secret import derive
from hub.db import Database
from hub.errors import Fault, Forbidden, Gone, NotFound, PreconditionRequired, Stale, Unprocessable
from hub.golden_record import lookups, past, store
from hub.golden_record.search_terms import query_tokens, tokens
from hub.golden_record.store import StoredChange, StoredCustomer
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.compare.score import explain
from hub.matching.recipe import Recipe, read_recipe
from hub.model import RecordId, Sight, Value, digest, from_plain, plain
from hub.resolve.resolver import ProbeMatch, find_customer
from hub.settings import Attribute, Config
from hub.stewardship import lookups as matching_lookups

LARGEST_PAGE = 200
SCANNED = 5000  # changes looked through for one page of the feed
PAIRS_EXPLAINED = 200
REMEMBERED = 1000  # feeds whose position past hidden changes is kept in memory


class Reader:
    """Answers for principals, each in the view of its role. Thread-safe. `key`: the hub's secret."""

    def __init__(self, database: Database, config: Config, audit: AuditLog, key: bytes):
        self.database, self.config, self.audit = database, config, audit
        types = {n: tuple(t.attributes) for n, t in config.customers.items()}
        self._views = {
            n: compile_view(n, r.views, types, may=r.may, purpose=r.purpose) for n, r in config.access.roles.items()
        }
        self._masks = {n: {a: KINDS[d.kind].mask for a, d in t.attributes.items()} for n, t in config.customers.items()}
        self._cursors, self._pseudonyms = derive(key, "cursors"), derive(key, "pseudonyms")
        self.delivery_key = derive(key, "delivery")  # what webhooks' secrets are made of
        self._recipes = past.Recipes(config)
        self._recipe: Recipe | None = None
        self._passed: dict[tuple[str, str | None], int] = {}

    def view(self, principal: Principal) -> View:
        """The view of a principal's role. A role that the configuration has no more sees nothing."""
        return self._views.get(principal.role) or View(principal.role)

    def seen_values(self, principal: Principal, type_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Golden values (plain) as the asker is shown them. No audit line: that is the caller's, before the answer is sent."""
        return self._values(self.view(principal), type_name, values)

    @property
    def cursor_key(self) -> bytes:
        """What cursors are sealed with."""
        return self._cursors

    @property
    def pseudonym_key(self) -> bytes:
        """What pseudonyms are made with."""
        return self._pseudonyms

    def located(self, connection: Connection, principal: Principal, id: str) -> tuple[str, set[int]]:
        """The shown id of the customer that an id leads to, and its records. NotFound and Gone as for the customer."""
        customer = self._find(connection, self.view(principal), id)
        return customer.id, self._members(connection, customer)

    def compared_types(self, principal: Principal) -> frozenset[str]:
        """Customer types of which the asker is shown everything that is compared: only their weights may be told."""
        view = self.view(principal)
        return frozenset(t for t in self.config.customers if view.sees(t) and self._complete(view, t))

    def type_of(self, principal: Principal, id: str) -> str:
        """The type of the customer that an id leads to. NotFound and Gone as for the customer."""
        with self.database.read() as connection:
            return self._find(connection, self.view(principal), id).type

    def view_of_role(self, role: str) -> View:
        """The view of a role by its name, for systems that are sent data rather than ask for it."""
        return self._views.get(role) or View(role)

    # --- customers ---------------------------------------------------------------------------

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
        view = self.view(principal)
        with self.database.read() as connection:
            if as_of is None and known_at is None:
                found = self._now(connection, view, self._find(connection, view, id), lineage)
            else:
                found = self._then(connection, view, id, lineage, as_of, known_at)
        self._sighted(principal, view, "get", [found.id], [found.type])
        return found

    def search(
        self,
        principal: Principal,
        words: str = "",
        *,
        type_name: str | None = None,
        attributes: Sequence[str] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> s.SeenPage:
        """Customers that hold every word in an attribute shown to the asker, those with most such attributes first.

        Without words: all customers, by id. Masked and pseudonymised attributes are not searched: trying one
        word after another would unmask them.
        """
        view, limit = self.view(principal), _bounded(limit)
        columns = self._searched(view, type_name, attributes)
        terms = query_tokens(words)
        if words.strip() and not terms:
            return s.SeenPage(())
        bound = ("search", view.version, words, type_name, list(attributes))
        position = unseal(self._cursors, cursor, *bound) if cursor else None
        with self.database.read() as connection:
            if terms:
                after = lookups.Hit(*position) if position else None
                hits = lookups.search(connection, columns, terms, after=after, limit=limit + 1)
                ids, last = [h.customer for h in hits[:limit]], (hits[limit - 1] if len(hits) > limit else None)
                next_position: Any = None if last is None else [last.attributes, last.exact, last.customer]
            else:
                ids = lookups.listed(connection, columns, after=position or "", limit=limit + 1)
                next_position = ids[limit - 1] if len(ids) > limit else None
                ids = ids[:limit]
            known = store.customers_named(connection, ids)
        data = tuple(self._found(view, known[id], columns, terms) for id in ids if id in known)
        self._sighted(principal, view, "search", [d.id for d in data], {d.type for d in data})
        return s.SeenPage(data, None if next_position is None else seal(self._cursors, next_position, *bound))

    def history(self, principal: Principal, id: str, *, limit: int = 50, cursor: str | None = None) -> s.SeenPage:
        """The versions of the customer that an id leads to, oldest first: only changes that the view shows."""
        view, limit = self.view(principal), _bounded(limit)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            bound = ("history", view.version, customer.id)
            start = unseal(self._cursors, cursor, *bound) if cursor else 0
            shown = self._shown_changes(connection, view, customer.id)
            page = shown[start : start + limit]
            rows = {h.version: h for h in store.history(connection, customer.id)}
            data = tuple(
                self._version(connection, view, change, start + n, rows[change.version])
                for n, change in enumerate(page, start=1)
            )
        more = start + limit if len(shown) > start + limit else None
        self._sighted(principal, view, "history", [customer.id], [customer.type])
        return s.SeenPage(data, None if more is None else seal(self._cursors, more, *bound))

    def crosswalk(self, principal: Principal, *, record: RecordId | None = None, id: str | None = None) -> s.Crosswalk:
        """The customer of a source record, or the source records of a customer. Forbidden without that permission."""
        view = self.view(principal)
        _may_crosswalk(view)
        with self.database.read() as connection:
            customer = self._find(
                connection, view, self._customer_of(connection, view, record) if record is not None else id or ""
            )
            found = s.Crosswalk(
                customer.id, customer.type, self._records(connection, self._members(connection, customer))
            )
        self._sighted(principal, view, "crosswalk", [found.customer], [])
        return found

    def changes(self, principal: Principal, *, cursor: str | None = None, limit: int = 50) -> s.SeenPage:
        """Changes after a cursor that the view shows, each customer's in order; `next_cursor` is always given.

        The cursor holds the last change that was shown, so changes that were not leave no trace in it.
        """
        view, limit = self.view(principal), _bounded(limit)
        bound = ("changes", view.version)
        last: str | None = unseal(self._cursors, cursor, *bound) if cursor else None
        with self.database.read() as connection:
            rows = self._next_changes(connection, view, last, limit)
            data = self._seen_changes(connection, view, rows)
        self._sighted(
            principal, view, "changes", list(dict.fromkeys(d.customer for d in data)), {d.customer_type for d in data}
        )
        return s.SeenPage(tuple(data), seal(self._cursors, data[-1].id if data else last, *bound))

    def told(self, principal: Principal, seqs: Sequence[int]) -> dict[int, s.SeenChange]:
        """What a subscriber is sent of the changes at these positions of the outbox: each customer at the version that
        the change names, through today's view. Changes that the view does not show are left out."""
        view = self.view(principal)
        found: dict[int, s.SeenChange] = {}
        with self.database.read() as connection:
            for seq in seqs:
                change = next(iter(store.changes_after(connection, seq - 1, 1)), None)
                if change is not None and change.seq == seq and self._shows(connection, view, change):
                    found[seq] = self._told(connection, view, change)
        seen = list(found.values())
        self._sighted(
            principal, view, "deliver", list(dict.fromkeys(c.customer for c in seen)), {c.customer_type for c in seen}
        )
        return found

    def _told(self, connection: Connection, view: View, change: StoredChange) -> s.SeenChange:
        shown = [c for c in self._shown_changes(connection, view, change.customer) if c.version <= change.version]
        row = next(h for h in store.history(connection, change.customer) if h.version == change.version)
        data = None
        if row.lineage is not None:
            lineage = _only(row.lineage, view.of(row.type))
            refs = past.References(connection, self._recipes.mappers(connection, row.recipe), [lineage])
            values = refs.values(lineage)
            data = self._customer(connection, view, change.customer, row.type, values, row.members, shown, None)
        return s.SeenChange(
            change.id,
            change.kind,
            change.customer,
            change.type,
            len(shown),
            change.at,
            changed_in_view(change.attributes, view.of(change.type)),
            change.other,
            data,
        )

    # --- evidence -------------------------------------------------------------------------------

    def records(self, principal: Principal, id: str) -> tuple[s.SeenRecord, ...]:
        """What each source record of a customer says, in the view. Forbidden without the crosswalk."""
        view = self.view(principal)
        _may_crosswalk(view)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            found = self._seen_records(connection, view, self._members(connection, customer))
        self._sighted(principal, view, "records", [customer.id], [customer.type])
        return tuple(sorted(found.values(), key=lambda r: r.record))

    def explain(self, principal: Principal, id: str) -> s.Explained:
        """Why the records of a customer are one: each pair, compared by what the view shows and by nothing else.

        A weight is given only to a view that shows all that was compared: the rest could be taken off it.
        """
        view = self.view(principal)
        with self.database.read() as connection:
            customer = self._find(connection, view, id)
            seen = self._seen_records(connection, view, self._members(connection, customer))
            pairs = self._pairs(connection, view, customer.type, seen)
            found = s.Explained(
                customer.id,
                customer.type,
                self._complete(view, customer.type),
                tuple(sorted(seen.values(), key=lambda r: r.record)),
                pairs,
            )
        self._sighted(principal, view, "explain", [customer.id], [customer.type])
        return found

    def reviews(self, principal: Principal, *, limit: int = 50, cursor: str | None = None) -> s.SeenPage:
        """Pairs that the model is not sure of, or that something keeps apart, both sides in the view.

        Only of customer types of which the view shows everything that is compared: that a pair is here
        already tells how much agrees.
        """
        view, limit = self.view(principal), _bounded(limit)
        bound = ("reviews", view.version)
        at: tuple[int, int] = tuple(unseal(self._cursors, cursor, *bound)) if cursor else (0, 0)
        data: list[s.SeenReview] = []
        with self.database.read() as connection:
            while len(data) <= limit:
                rows = matching_lookups.open_pairs(connection, after=at, limit=limit + 1)
                data.extend(self._reviews(connection, view, rows))
                if len(rows) <= limit:
                    break
                at = (rows[-1].left, rows[-1].right)
            more = len(data) > limit
            data = data[:limit]
            ends = self._pair_numbers(connection, data[-1]) if more else None
        seen = {c for d in data for c in (d.left.customer, d.right.customer) if c}
        self._sighted(principal, view, "reviews", sorted(seen), {d.left.type for d in data})
        return s.SeenPage(tuple(data), seal(self._cursors, ends, *bound) if ends else None)

    def matches(self, principal: Principal, type_name: str, found: Iterable[ProbeMatch]) -> tuple[s.SeenMatch, ...]:
        """A probe's answer in the view. Forbidden when the role never sees such customers."""
        view = self.view(principal)
        if not view.sees(type_name):
            raise Forbidden("this role does not see such customers")
        crosswalk, complete = "crosswalk" in view.may, self._complete(view, type_name)
        data = tuple(
            s.SeenMatch(m.customer, m.joins, m.record if crosswalk else None, m.weight if complete else None)
            for m in found
        )
        self._sighted(principal, view, "match", [d.customer for d in data], [])
        return data

    # --- for writes ---------------------------------------------------------------------------------

    def shown_version(self, principal: Principal, id: str) -> int | None:
        """The version of a customer in the asker's view; None when the role does not see it. No sight of its data."""
        view = self.view(principal)
        with self.database.read() as connection:
            found = store.customer(connection, id)
            return (
                None
                if found is None or not view.sees(found.type)
                else max(1, len(self._shown_changes(connection, view, id)))
            )

    def expect(self, principal: Principal, id: str, if_match: str | None) -> StoredCustomer:
        """The stored customer that a write is about, if it still is what the writer read.

        PreconditionRequired without an If-Match, Stale when it names another state of the writer's view.
        """
        with self.database.read() as connection:
            return self._expected(connection, self.view(principal), id, if_match)

    def expect_record(self, connection: Connection, principal: Principal, record: RecordId, if_match: str) -> None:
        """The same of a record's customer, within the writer's transaction: nobody can change it between this look and the write."""
        view = self.view(principal)
        self._expected(connection, view, self._customer_of(connection, view, record), if_match)

    def _expected(self, connection: Connection, view: View, id: str, if_match: str | None) -> StoredCustomer:
        customer = self._find(connection, view, id)
        if if_match is None:
            raise PreconditionRequired(
                "say which version you change",
                [Fault("If-Match", "is missing", "send the ETag of the customer that you read")],
            )
        tags = {t.strip() for t in if_match.split(",")}
        if "*" in tags or tags & {self._now(connection, view, customer, lineage).etag for lineage in (False, True)}:
            return customer
        raise Stale(
            "this customer changed since you read it", [Fault("If-Match", "is not the current ETag", "read it again")]
        )

    def writable(self, principal: Principal, type_name: str, attribute: str) -> Attribute:
        """An attribute that this principal may set by hand: one that it is shown. Else as if there were none."""
        if attribute not in self.view(principal).shown(type_name):
            raise Unprocessable(
                "no such attribute",
                [
                    Fault(
                        "/attribute",
                        "this customer type has no such attribute",
                        "use a name that the customer's values have",
                    )
                ],
            )
        return self.config.customers[type_name].attributes[attribute]

    def must_see(self, principal: Principal, record: RecordId, where: str) -> None:
        """NotFound, as for an unknown record, unless the asker sees customers of its type."""
        with self.database.read() as connection:
            info = landing.record_named(connection, record)
        if info is None or not self.view(principal).sees(info.type):
            raise NotFound(
                "no such record",
                [Fault(where, "unknown record", "write source, stream and key as the source calls them")],
            )

    def homes(self, principal: Principal, records: Iterable[RecordId]) -> list[str]:
        """Ids of the customers that these records are part of. Ids alone are no sight of data."""
        view = self.view(principal)
        with self.database.read() as connection:
            infos = [
                i for i in (landing.record_named(connection, r) for r in records) if i is not None and view.sees(i.type)
            ]
            return sorted({find_customer(connection, i.mint).id for i in infos})

    def ready(self) -> None:
        """An error that says why, when customers cannot be served: a table does not answer, or nothing can be written."""
        with self.database.read() as connection:
            store.customer(connection, "")
            landing.pending_count(connection)
        self.database.room()
        self.audit.room()

    def figures(self) -> dict[str, int]:
        """Counts for monitoring, of all customers alike."""
        with self.database.read() as connection:
            return {"hub_pending_records": landing.pending_count(connection)}

    def _customer_of(self, connection: Connection, view: View, record: RecordId) -> str:
        """An id that leads to the customer of a record."""
        _may_crosswalk(view)
        info = landing.record_named(connection, record)
        if info is None or not view.sees(info.type):
            raise NotFound(
                "no such record",
                [Fault("?record", "unknown record", "write source, stream and key as the source calls them")],
            )
        return info.mint

    # --- finding ------------------------------------------------------------------------------------

    def _find(self, connection: Connection, view: View, id: str) -> StoredCustomer:
        shown = store.customer(connection, id)
        if shown is not None:
            if view.sees(shown.type):
                return shown
            raise _unknown()
        self._minted(connection, view, id)
        return find_customer(connection, id)

    def _minted(self, connection: Connection, view: View, id: str) -> RecordInfo:
        info = landing.record_minting(connection, id)
        if info is None or not view.sees(info.type) or (info.alive and info.pending):
            raise _unknown()
        return info

    def _members(self, connection: Connection, customer: StoredCustomer) -> set[int]:
        return matching_store.members_of(connection, [customer.cluster]).get(customer.cluster, set())

    def _records(self, connection: Connection, rids: Iterable[int]) -> tuple[RecordId, ...]:
        return tuple(sorted(i.id for i in landing.records(connection, rids).values()))

    # --- one customer, now and then -----------------------------------------------------------------

    def _now(self, connection: Connection, view: View, customer: StoredCustomer, lineage: bool) -> s.SeenCustomer:
        shown = self._shown_changes(connection, view, customer.id)
        members = self._members(connection, customer) if "crosswalk" in view.may else set()
        why = None
        if lineage:
            seen = _only(customer.lineage, view.of(customer.type))
            refs = past.References(
                connection,
                self._recipes.mappers(connection, customer.recipe),
                [seen],
                base=self._base(connection, customer.recipe),
            )
            why = self._lineage(view, customer.type, seen, refs)
        return self._customer(connection, view, customer.id, customer.type, customer.values, members, shown, why)

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
        mappers = self._recipes.mappers(connection, recipe)
        doubtful: frozenset[str] = frozenset()
        if as_of is not None:
            values, served, doubtful = past.in_effect(
                connection, self.config, mappers, type_name, members, as_of=as_of, known_at=known_at
            )
        why_seen = _only(served, view.of(type_name))
        refs = past.References(connection, mappers, [why_seen], base=self._base(connection, recipe))
        if as_of is None:
            values = refs.values(why_seen)
        shown = [c for c in self._shown_changes(connection, view, shown_id) if c.version <= version]
        why = self._lineage(view, type_name, why_seen, refs) if lineage else None
        seen = self._customer(connection, view, shown_id, type_name, values, members, shown, why)
        return replace(seen, undated=tuple(sorted(doubtful & seen.values.keys()))) if as_of is not None else seen

    def _served(self, connection: Connection, view: View, id: str, at: int) -> store.StoredHistory:
        """The version that an id led to at a time. Gone when it led nowhere; NotFound before it was known."""
        self._minted(connection, view, id)
        moved, leads = store.led_at(connection, id, at)
        row = store.history_at(connection, (leads if moved else id) or "", at)
        if moved and leads is None:
            raise _gone()
        if row is None:
            raise NotFound(
                "this customer was not known at that time",
                [Fault("?known_at", "is before its first version", "give a later time")],
            )
        if row.lineage is None:
            raise _gone()
        return row

    def _customer(
        self,
        connection: Connection,
        view: View,
        id: str,
        type_name: str,
        values: Mapping[str, Any],
        members: Iterable[int],
        shown: Sequence[StoredChange],
        lineage: Mapping[str, Any] | None,
    ) -> s.SeenCustomer:
        records = self._records(connection, members) if "crosswalk" in view.may else None
        looked = self._values(view, type_name, values)
        version, at = max(1, len(shown)), shown[-1].at if shown else 0
        # The ETag is made of what is shown and of the view: hidden changes do not move it, another view's never fits.
        tag = digest([view.version, id, type_name, version, at, looked, [str(r) for r in records or ()], lineage], 12)
        return s.SeenCustomer(id, type_name, version, at, looked, records, lineage, f'"{tag}"')

    def _values(self, view: View, type_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Seen values as they are handed out: a list where an attribute has many, else one value or None."""
        looked = see(values, view.of(type_name), self._masks[type_name], self._pseudonyms)
        attributes = self.config.customers[type_name].attributes
        return {a: v if attributes[a].many else (v[0] if v else None) for a, v in looked.items()}

    def _lineage(self, view: View, type_name: str, lineage: past.Lineage, refs: past.References) -> dict[str, Any]:
        """Why each shown value is what it is. Values that lost are seen as the ones that won."""
        columns = view.of(type_name)

        def line(attribute: str, ref: Sequence[int]) -> dict[str, Any]:
            value, info = refs.value(attribute, ref), refs.records.get(ref[0])
            told: dict[str, Any] = {"source": info.id.source, "stream": info.id.stream} if info else {}
            if info and "crosswalk" in view.may:
                told["key"] = info.id.key
            return {**told, "value": None if value is None else self._look(view, type_name, attribute, value)}

        def why(attribute: str, given: Mapping[str, Any]) -> dict[str, Any]:
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

    def _look(self, view: View, type_name: str, attribute: str, value: Value) -> Any:
        return look(
            value, view.of(type_name)[attribute], attribute, self._masks[type_name][attribute], self._pseudonyms
        )

    # --- changes --------------------------------------------------------------------------------------

    def _shows(self, connection: Connection, view: View, change: StoredChange) -> bool:
        """Would this view tell the state before the change from the state after it?"""
        columns = view.of(change.type)
        if not columns:
            return False
        if change.kind != "updated" or changed_in_view(change.attributes, columns):
            return True
        if "crosswalk" not in view.may:
            return False
        members = lookups.members_at(connection, change.customer, (change.version - 1, change.version))
        return members.get(change.version - 1) != members.get(change.version)

    def _shown_changes(self, connection: Connection, view: View, id: str) -> list[StoredChange]:
        return [c for c in lookups.changes_of(connection, id) if self._shows(connection, view, c)]

    def _next_changes(self, connection: Connection, view: View, last: str | None, limit: int) -> list[StoredChange]:
        start = lookups.change_seq(connection, last) if last else 0
        if start is None:
            raise Gone(
                "the change that this cursor names is no longer kept",
                [Fault("?cursor", "is too old", "read all customers again, then ask without a cursor")],
            )
        at = max(start, self._passed.get((view.version, last), 0))
        found: list[StoredChange] = []
        scanned = 0
        while len(found) < limit and scanned < SCANNED:
            rows = store.changes_after(connection, at, 500)
            for row in rows:
                if len(found) == limit:
                    break
                at = row.seq
                if self._shows(connection, view, row):
                    found.append(row)
            scanned += len(rows)
            if len(rows) < 500:
                break
        if not found:  # remembered, so that polling a quiet feed does not look through the same hidden changes again
            if len(self._passed) >= REMEMBERED:
                self._passed.clear()
            self._passed[view.version, last] = at
        return found

    def _seen_changes(self, connection: Connection, view: View, rows: Sequence[StoredChange]) -> list[s.SeenChange]:
        order: dict[str, list[str]] = {}
        now: dict[str, s.SeenCustomer | None] = {}
        for id in dict.fromkeys(r.customer for r in rows):
            order[id] = [c.id for c in self._shown_changes(connection, view, id)]
            customer = store.customer(connection, id)
            now[id] = (
                None
                if customer is None or not view.sees(customer.type)
                else self._now(connection, view, customer, False)
            )
        return [
            s.SeenChange(
                r.id,
                r.kind,
                r.customer,
                r.type,
                order[r.customer].index(r.id) + 1,
                r.at,
                changed_in_view(r.attributes, view.of(r.type)),
                r.other,
                now[r.customer],
            )
            for r in rows
        ]

    def _version(
        self, connection: Connection, view: View, change: StoredChange, number: int, row: store.StoredHistory
    ) -> s.SeenVersion:
        values = None
        if row.lineage is not None:
            lineage = _only(row.lineage, view.of(row.type))
            refs = past.References(connection, self._recipes.mappers(connection, row.recipe), [lineage])
            values = self._values(view, row.type, refs.values(lineage))
        return s.SeenVersion(
            number,
            change.kind,
            change.at,
            changed_in_view(change.attributes, view.of(change.type)),
            change.other,
            values,
        )

    # --- search ---------------------------------------------------------------------------------------

    def _searched(self, view: View, type_name: str | None, attributes: Sequence[str]) -> dict[str, frozenset[str]]:
        """Shown attributes by type. A hidden type or attribute is refused in the words of an unknown one."""
        columns = {t: view.shown(t) for t in sorted(view.columns)}
        if type_name is not None:
            if type_name not in columns:
                raise Unprocessable(
                    "no such customer type",
                    [Fault("?type", "unknown customer type", f"known: {', '.join(columns) or 'none'}")],
                )
            columns = {type_name: columns[type_name]}
        if attributes:
            known = sorted({a for c in columns.values() for a in c})
            if set(attributes) - set(known):
                raise Unprocessable(
                    "no such attribute", [Fault("?in", "unknown attribute", f"known: {', '.join(known)}")]
                )
            columns = {t: c & set(attributes) for t, c in columns.items()}
        return columns

    def _found(
        self, view: View, customer: StoredCustomer, columns: Mapping[str, frozenset[str]], terms: Sequence[Any]
    ) -> s.FoundCustomer:
        kinds = self.config.customers[customer.type].attributes
        matched = []
        for attribute in sorted(columns.get(customer.type, frozenset()) & customer.values.keys()):
            own = {t for v in customer.values[attribute] for t in tokens(kinds[attribute].kind, from_plain(v))}
            if any(t in term.exact or t.startswith(term.prefixes) for term in terms for t in own):
                matched.append(attribute)
        return s.FoundCustomer(
            customer.id, customer.type, self._values(view, customer.type, customer.values), tuple(matched)
        )

    # --- evidence -------------------------------------------------------------------------------------

    def _models(self, connection: Connection) -> Recipe:
        self._recipe = read_recipe(connection, self.config, self._recipe)
        return self._recipe

    def _base(self, connection: Connection, recipe: str) -> str | None:
        """What stored cells were made by, if a golden record was made by the recipe in force."""
        now = self._models(connection)
        return now.base if now.hash == recipe else None

    def _complete(self, view: View, type_name: str) -> bool:
        """Does the view show everything that matching compares?"""
        compared = {a for a, d in self.config.customers[type_name].attributes.items() if d.matching}
        return compared <= view.shown(type_name)

    def _seen_records(self, connection: Connection, view: View, rids: Iterable[int]) -> dict[int, s.SeenRecord]:
        infos = landing.records(connection, rids)
        held = matching_store.standardised(connection, infos)
        homes = matching_store.clusters_of(connection, infos)
        customers = store.customers_of(connection, set(homes.values()))
        found: dict[int, s.SeenRecord] = {}
        for rid, info in infos.items():
            values = {a: [plain(v) for v in h.cell.values] for a, h in held[rid].held.items()} if rid in held else {}
            home = customers.get(homes.get(rid, -1))
            found[rid] = s.SeenRecord(
                _named(info.id, view),
                info.type,
                home.id if home else None,
                info.alive,
                self._values(view, info.type, values),
            )
        return found

    def _pairs(
        self, connection: Connection, view: View, type_name: str, seen: Mapping[int, s.SeenRecord]
    ) -> tuple[s.SeenPair, ...]:
        """Every two of the records, strongest first, compared by what the view shows."""
        listed = sorted(seen, key=lambda r: seen[r].record)
        forms = matching_store.forms(connection, listed)
        made = [
            self._pair(connection, view, type_name, seen[a], seen[b], forms[a], forms[b])
            for a, b in combinations(listed, 2)
            if a in forms and b in forms
        ]
        made.sort(key=lambda p: (-sum(part.weight for part in p.parts), p.left, p.right))
        return tuple(made[:PAIRS_EXPLAINED])

    def _pair(
        self,
        connection: Connection,
        view: View,
        type_name: str,
        left: s.SeenRecord,
        right: s.SeenRecord,
        left_forms: Mapping[str, Any],
        right_forms: Mapping[str, Any],
    ) -> s.SeenPair:
        shown = view.shown(type_name)
        lines = explain(
            visible_forms(left_forms, shown),
            visible_forms(right_forms, shown),
            self._models(connection).models[type_name],
        )
        parts = tuple(s.SeenPart(p.comparison, p.level, p.words, p.weight) for p in lines)
        return s.SeenPair(
            left.record, right.record, sum(p.weight for p in parts) if self._complete(view, type_name) else None, parts
        )

    def _reviews(self, connection: Connection, view: View, rows: Sequence[Any]) -> list[s.SeenReview]:
        rids = {r for row in rows for r in (row.left, row.right)}
        infos = landing.records(connection, rids)
        wanted = [r for r in rows if self._complete(view, infos[r.left].type) and view.sees(infos[r.left].type)]
        seen = self._seen_records(connection, view, {r for row in wanted for r in (row.left, row.right)})
        forms = matching_store.forms(connection, seen)
        models = self._models(connection).models
        made = []
        for row in wanted:
            type_name = infos[row.left].type
            pair = self._pair(
                connection, view, type_name, seen[row.left], seen[row.right], forms[row.left], forms[row.right]
            )
            made.append(s.SeenReview(pair, seen[row.left], seen[row.right], row.weight >= models[type_name].join))
        return made

    def _pair_numbers(self, connection: Connection, review: s.SeenReview) -> list[int]:
        ends = [landing.record_named(connection, r.record) for r in (review.left, review.right)]
        return [e.rid for e in ends if e is not None]

    # --- audit ----------------------------------------------------------------------------------------

    def _sighted(
        self, principal: Principal, view: View, action: str, customers: Sequence[str], types: Iterable[str]
    ) -> None:
        """On disk before the answer goes out. An answer without customers is no sight."""
        if customers:
            attributes = sorted({a for t in types for a in view.of(t)})
            self.audit.write(
                AuditLine(
                    principal.id,
                    principal.role,
                    action,
                    customers,
                    attributes,
                    view.purpose,
                    self.database.clock.now(),
                    REQUEST.get(),
                )
            )


def _may_crosswalk(view: View) -> None:
    if "crosswalk" not in view.may:
        raise Forbidden("this role does not see which source records a customer has")


def _only(lineage: past.Lineage, columns: Mapping[str, Sight]) -> past.Lineage:
    """Lineage of visible attributes: values of others are not even looked up."""
    return {a: line for a, line in lineage.items() if a in columns}


def _named(id: RecordId, view: View) -> RecordId:
    """A record's name; without the crosswalk its key, which may be an e-mail address, stays out."""
    return id if "crosswalk" in view.may else RecordId(id.source, id.stream, "")


def _bounded(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _unknown() -> NotFound:
    """One answer for an id that was never minted and for one that the asker may not know of."""
    return NotFound("no such customer", [Fault("/id", "no customer has this id", "search for the customer")])


def _gone() -> Gone:
    return Gone("this customer is no longer there")
