"""What all reads of customers share: the asker's view, finding under it, seen values, the audit line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine, AuditLog
from hub.access.authentication.principals import Principal
from hub.access.cursors import unseal
from hub.access.policy.purposes import Views, stated
from hub.access.policy.rows import Standpoint, named, permitted, told, within
from hub.access.policy.view import View, look, narrowed, see
from hub.access.secret import derive
from hub.consents.effective import AGREED
from hub.consents.store import any_restriction
from hub.db import Database
from hub.errors import BadRequest, Fault, Forbidden, Gone, NotFound
from hub.golden_record import lookups, past, store
from hub.golden_record.customers import find_customer
from hub.golden_record.lineage import Lineage
from hub.golden_record.store import StoredChange, StoredCustomer, StoredHistory
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.landing.store.erasing import ERASED
from hub.matching import store as matching_store
from hub.matching.recipe import Recipe, read_recipe
from hub.model import Plain, RecordId, Sight, Value
from hub.settings import Config, CustomerType
from hub.settings.access import Role, RowLimits
from hub.settings.checks import clean_value

LARGEST_PAGE = 200
PROOF = "identified"
SHOWN_PROOF: ContextVar[str] = ContextVar("proof", default="")  # that a caller was identified, as the request shows it


class ShownCount(NamedTuple):
    """How many changes of a customer a view shows up to a position: its version there, the time of the last of them, and
    the version that this one made of the customer as it is stored."""

    seq: int
    version: int = 0
    at: int = 0
    stored: int = 0


NONE_SHOWN = ShownCount(0)


class Door:
    """Answers in the view of a role. Thread-safe. `key`: the hub's secret."""

    def __init__(self, database: Database, config: Config, audit: AuditLog, key: bytes):
        self.database, self.config, self.audit = database, config, audit
        types = {n: t.showable for n, t in config.customers.items()}
        self._views = Views(config, types, {n: _cleaned(config, r) for n, r in config.access.roles.items()})
        self._masks = {n: {a: KINDS[d.kind].mask for a, d in t.attributes.items()} for n, t in config.customers.items()}
        self._many = {n: frozenset(a for a, d in t.attributes.items() if d.many) for n, t in config.customers.items()}
        self._cursors, self._pseudonyms = derive(key, "cursors"), derive(key, "pseudonyms")
        self.sealing_key = derive(key, "suppression")  # what secret words were sealed with as they landed
        self.delivery_key = derive(key, "delivery")  # what webhooks' secrets are made of
        self._recipes = past.Recipes(config)
        self._recipe: Recipe | None = None
        self._pseudonym_keys: dict[str, bytes] = {}  # by who shares them: as many as there are roles
        self._passed: dict[tuple[str, str | None], int] = {}
        self._counted: dict[str, dict[str, ShownCount]] = {}
        self._restricting = False  # was anybody ever restricted? Once so, it stays

    def view(self, principal: Principal, connection: Connection | None = None) -> View:
        """The view of a principal's role, for the purpose of the request. A role that the configuration has no more sees
        nothing. Forbidden: a purpose that is none of the role's. `connection`: one that the asker holds already; whoever
        holds one and does not say so takes a second one, and when all do that nobody gets on."""
        return self._unrestricted(narrowed(self._views.asked(principal.role), principal.scopes), connection)

    def stated(self, role: str, purpose: str) -> AbstractContextManager[None]:
        """Within it, what is seen is seen for this purpose, where it is one of the role's."""
        return stated(purpose if purpose in self._views.purposes(role) else "")

    def view_of_role(self, role: str, connection: Connection | None = None) -> View:
        """The view of a role by its name, for systems that are sent data rather than ask for it. `connection`: as for `view`."""
        return self._unrestricted(self._views.of(role), connection)

    def _reading(self, connection: Connection | None) -> AbstractContextManager[Connection]:
        """The one that the asker holds already, else a snapshot."""
        return nullcontext(connection) if connection else self.database.read()

    def _unrestricted(self, view: View, connection: Connection | None = None) -> View:
        """A view with a condition for every type, where somebody was restricted: they exist for those alone who answer for
        privacy, of those permissions that the asker may use. Where nobody ever was, a view pays one look into an index."""
        if not view.columns:
            return view
        if "privacy" in view.may:
            return _answering(view) if view.rows else view
        if not self._restricting:
            with self._reading(connection) as reading:
                self._restricting = any_restriction(reading)
        if not self._restricting:
            return view
        return replace(view, rows={t: view.rows.get(t, RowLimits()) for t in view.columns})

    def seen_values(self, principal: Principal, type_name: str, values: Mapping[str, object]) -> dict[str, object]:
        """Golden values (plain) as the asker is shown them. No audit line: that is the caller's, before the answer is sent."""
        return self._values(self.view(principal), type_name, values)

    @property
    def cursor_key(self) -> bytes:
        """What cursors are sealed with."""
        return self._cursors

    def pseudonym_key(self, view: View) -> bytes:
        """What the pseudonyms that a view is shown are made with."""
        name = view.pseudonyms or view.role
        if (found := self._pseudonym_keys.get(name)) is None:
            found = self._pseudonym_keys[name] = derive(self._pseudonyms, name)
        return found

    def located(self, connection: Connection, principal: Principal, id: str) -> tuple[str, set[int]]:
        """The shown id of the customer that an id leads to, and its records. NotFound and Gone as for the customer."""
        customer = self._find(connection, self.view(principal, connection), id)
        return customer.id, self._members(connection, customer)

    def find(self, connection: Connection, view: View, id: str) -> StoredCustomer:
        """The customer that an id leads to, if it exists for the view. NotFound; Gone."""
        return self._find(connection, view, id)

    @property
    def proof_key(self) -> bytes:
        """What proofs of identified callers are sealed with."""
        return derive(self._cursors, "proofs")

    def ids_of(self, principal: Principal, id: str) -> tuple[str, frozenset[str]]:
        """The shown id of the customer that an id leads to, and all that lead to it."""
        with self.database.read() as connection:
            customer = self._find(connection, self.view(principal, connection), id)
            mints = {i.mint for i in landing.records(connection, self._members(connection, customer)).values()}
        return customer.id, frozenset({id, customer.id, *mints})

    def _complete(self, view: View, type_name: str) -> bool:
        """Does the view show everything that matching compares?"""
        compared = {
            a
            for a, d in self.config.customers[type_name].attributes.items()
            if d.matching and KINDS[d.kind].levels is not None
        }
        return compared <= view.shown(type_name)

    def compared_types(self, principal: Principal) -> frozenset[str]:
        """Customer types of which the asker is shown everything that is compared: only their weights may be told."""
        view = self.view(principal)
        return frozenset(t for t in self.config.customers if view.sees(t) and self._complete(view, t))

    def _find(self, connection: Connection, view: View, id: str) -> StoredCustomer:
        found = store.customer(connection, id)
        if found is None:
            info = self._minted(connection, view, id)
            try:
                found = find_customer(connection, id)
            except Gone:
                if info.type in view.rows and not self._was_within(connection, view, self._last_shown(connection, id)):
                    raise unknown() from None
                raise
        if not self._within(connection, view, found):
            raise unknown()
        return found

    # --- rows ---------------------------------------------------------------------------------------

    def _within(self, connection: Connection, view: View, customer: StoredCustomer) -> bool:
        """Does this customer exist for the view?"""
        return bool(self._all_within(connection, view, [customer]))

    def _all_within(
        self, connection: Connection, view: View, customers: Iterable[StoredCustomer]
    ) -> list[StoredCustomer]:
        """Those of them that exist for the view, in their order."""
        seen = [c for c in customers if view.sees(c.type)]
        if not view.rows:
            return seen
        by_source = [c.cluster for c in seen if c.type in view.rows and view.rows[c.type].sources]
        members = matching_store.members_of(connection, by_source) if by_source else {}
        infos = landing.records(connection, {r for of in members.values() for r in of}) if members else {}

        def exists(customer: StoredCustomer) -> bool:
            sources = {infos[r].id.source for r in members.get(customer.cluster, ()) if r in infos}
            return customer.type not in view.rows or within(view.rows[customer.type], customer.values, sources)

        return [c for c in seen if exists(c)]

    def _was_within(self, connection: Connection, view: View, row: StoredHistory | None) -> bool:
        """Did the customer exist for the view at this version? The conditions are read as the values were then."""
        if row is None or row.lineage is None or not view.sees(row.type):
            return False
        rows = view.rows.get(row.type)
        if rows is None:
            return True
        lineage = {a: line for a, line in row.lineage.items() if a in named(rows)}
        base = self._base(connection, row.recipe)
        refs = past.References(connection, self._recipes.mappers(connection, row.recipe), [lineage], base=base)
        sources = self._sources(connection, row.members if rows.sources else ())
        return within(rows, refs.values(lineage), sources)

    def _permitted(
        self, connection: Connection, view: View, versions: Iterable[StoredHistory]
    ) -> frozenset[tuple[str, int]]:
        """Those of these versions, by customer and number, that the view may be shown today. What people said of the use of
        their data holds of the past too: it is asked of the customers that the records of a version are now."""
        listed = list(versions)
        rids = {r for h in listed if h.type in view.rows for r in h.members}
        leads = {r: led for r, (_, led) in matching_store.heirs(connection, rids).items() if led is not None}
        homes = matching_store.clusters_of(connection, rids | set(leads.values()))
        now = store.customers_of(connection, set(homes.values()), columns=store.BRIEF)

        def may_be_shown(version: StoredHistory) -> bool:
            if version.type not in view.rows:
                return True
            found = {homes.get(r, homes.get(leads.get(r, r), -1)) for r in version.members} & now.keys()
            said = [now[cluster].values.get(AGREED, ()) for cluster in found]
            if not said and (last := self._last_shown(connection, version.customer)) is not None:
                said = [said_in(last.lineage or {})]  # they are gone: what was agreed last
            return all(permitted(view.rows[version.type], words) for words in said)

        return frozenset((h.customer, h.version) for h in listed if may_be_shown(h))

    def _sources(self, connection: Connection, rids: Collection[int]) -> frozenset[str]:
        return frozenset(i.id.source for i in landing.records(connection, rids).values()) if rids else frozenset()

    def _last_shown(self, connection: Connection, id: str) -> StoredHistory | None:
        shown = [h for h in store.history(connection, id) if h.lineage is not None]
        return shown[-1] if shown else None

    def _knows(self, connection: Connection, view: View, info: RecordInfo | None) -> bool:
        """May the view know of this record, that is of the customer that its id leads to?"""
        if info is None or not view.sees(info.type):
            return False
        if info.type not in view.rows:
            return True
        try:
            self._find(connection, view, info.mint)
        except NotFound:
            return False
        except Gone:
            return True
        return True

    def knows_record(self, principal: Principal, record: RecordId, connection: Connection | None = None) -> bool:
        """Whether the asker may know of a source record. An unknown one and one that it may not know of are alike.
        `connection`: as for `view`."""
        with self._reading(connection) as reading:
            return self._knows(reading, self.view(principal, reading), landing.record_named(reading, record))

    def knows_id(self, principal: Principal, id: str) -> bool:
        """The same of a customer id, whatever became of it."""
        with self.database.read() as connection:
            return self._knows(connection, self.view(principal, connection), landing.record_minting(connection, id))

    def known_customers(self, connection: Connection, view: View, ids: Iterable[str]) -> frozenset[str]:
        """Those of these shown customers that exist for a view."""
        return frozenset(
            c.id for c in self._all_within(connection, view, store.customers_named(connection, ids).values())
        )

    def admits(self, view: View, type_name: str, values: Mapping[str, Any], records: Iterable[RecordId]) -> bool:
        """Would a customer with these golden values and source records exist for a view?"""
        rows = view.rows.get(type_name)
        return view.sees(type_name) and (rows is None or within(rows, values, {r.source for r in records}))

    def _minted(self, connection: Connection, view: View, id: str) -> RecordInfo:
        info = landing.record_minting(connection, id)
        if info is None:
            erased = landing.record_minting(connection, id, ERASED)
            if erased is not None and view.sees(erased.type) and self._had(connection, view, erased):
                raise Gone("this customer was erased")
        if info is None or not view.sees(info.type) or (info.alive and info.pending):
            raise unknown()
        return info

    def _had(self, connection: Connection, view: View, erased: RecordInfo) -> bool:
        """Did a customer that was erased exist for the view, as far as what is left of it tells?"""
        last = self._last_shown(connection, erased.mint)
        return erased.type not in view.rows or self._was_within(connection, view, last)

    def _members(self, connection: Connection, customer: StoredCustomer) -> set[int]:
        return matching_store.members_of(connection, [customer.cluster]).get(customer.cluster, set())

    def _records(self, connection: Connection, rids: Iterable[int]) -> tuple[RecordId, ...]:
        return tuple(sorted(i.id for i in landing.records(connection, rids).values()))

    def _customer_of(self, connection: Connection, view: View, record: RecordId) -> str:
        """An id that leads to the customer of a record."""
        may_crosswalk(view)
        info = landing.record_named(connection, record)
        if info is None or not self._knows(connection, view, info):
            raise NotFound(
                "no such record",
                [Fault("?record", "unknown record", "write source, stream and key as the source calls them")],
            )
        return info.mint

    def _values(self, view: View, type_name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Seen values as they are handed out: a list where an attribute has many, else one value or None."""
        return self._look_at(view, type_name)(values)

    def _look_at(self, view: View, type_name: str) -> Callable[[Mapping[str, Sequence[object]]], dict[str, object]]:
        """What makes seen values of the golden values of customers of a type, as `_values` does."""
        columns, masks, key = view.of(type_name), self._masks[type_name], self.pseudonym_key(view)
        many = self._many[type_name]

        def seen(values: Mapping[str, Sequence[object]]) -> dict[str, object]:
            looked = see(values, columns, masks, key)
            return {a: v if a in many else (v[0] if v else None) for a, v in looked.items()}

        return seen

    def _look(self, view: View, type_name: str, attribute: str, value: Value) -> object:
        return look(
            value, view.of(type_name)[attribute], attribute, self._masks[type_name][attribute], self.pseudonym_key(view)
        )

    def _shows(self, connection: Connection, view: View, change: StoredChange) -> bool:
        """Would this view tell the state before the change from the state after it?"""
        columns = view.of(change.type)
        if not columns:
            return False
        if change.kind != "updated" or not columns.keys().isdisjoint(change.attributes):
            return True
        if "crosswalk" not in view.may:
            return False
        members = lookups.members_at(connection, change.customer, (change.version - 1, change.version))
        return members.get(change.version - 1) != members.get(change.version)

    def _told(self, connection: Connection, view: View, change: StoredChange) -> StoredChange | None:
        """A change as the view tells it; None: for it nothing happened."""
        if change.type in view.rows and view.sees(change.type):
            read = self._read_change(connection, view, change)
            if read is None or read.kind in ("entered", "left"):
                return read
            change = read
        change = change._replace(other=()) if change.kind == ERASED else change
        return change if self._shows(connection, view, change) else None

    def _read_change(self, connection: Connection, view: View, change: StoredChange) -> StoredChange | None:
        before, after = (
            store.history_row(connection, change.customer, v) for v in (change.version - 1, change.version)
        )
        was, now = (Standpoint(_there(h), self._was_within(connection, view, h)) for h in (before, after))
        if change.kind == ERASED and view.rows[change.type].where:  # the values are gone: who had it was kept then
            was = replace(was, within=view.role in change.other)
        change = change._replace(other=()) if change.kind == ERASED else change
        # Named are those that came (as they were before), and those that this one went into (as they are after).
        later = not now.there or (change.kind == "split" and was.there)
        at = change.at if later else change.at - 1
        known = [o for o in change.other if self._was_within(connection, view, store.history_at(connection, o, at))]
        held = (after.lineage or {}).keys() if after else ()
        read = told(change.kind, change.attributes, change.other, was, now, known, held)
        return None if read is None else change._replace(kind=read[0], attributes=read[1], other=read[2])

    def _shown_changes(self, connection: Connection, view: View, id: str) -> list[StoredChange]:
        found = (self._told(connection, view, c) for c in lookups.changes_of(connection, id))
        return [c for c in found if c is not None]

    def _models(self, connection: Connection) -> Recipe:
        self._recipe = read_recipe(connection, self.config, self._recipe)
        return self._recipe

    def _base(self, connection: Connection, recipe: str) -> str | None:
        """What stored cells were made by, if a golden record was made by the recipe in force."""
        now = self._models(connection)
        return now.base if now.hash == recipe else None

    def _sighted(
        self, principal: Principal, view: View, action: str, customers: Sequence[str], types: Iterable[str]
    ) -> None:
        """On disk before the answer goes out. An answer without customers is no sight."""
        if customers:
            proof = self._proof(principal, customers)
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
                    token=proof,
                )
            )

    def _proof(self, principal: Principal, customers: Sequence[str]) -> str:
        """Which proof that one of these customers is on the line the request shows; '' for none. Forbidden: it holds no more."""
        given = SHOWN_PROOF.get()
        if not given:
            return ""
        try:
            number, customer, until = unseal(self.proof_key, given, PROOF, principal.id)
        except BadRequest:
            until = 0
        if until <= self.database.clock.now():
            raise Forbidden(
                "this proof of a caller holds no more",
                [Fault("X-Identified", "unknown or too old", "identify the caller again")],
            )
        return str(number) if customer in customers else ""


def _answering(view: View) -> View:
    """A view of who answers for privacy: those too who are restricted."""
    return replace(view, rows={t: r.model_copy(update={"restricted": True}) for t, r in view.rows.items()})


def may_crosswalk(view: View) -> None:
    if "crosswalk" not in view.may:
        raise Forbidden("this role does not see which source records a customer has")


def bounded(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def unknown() -> NotFound:
    """One answer for an id that was never minted and for one that the asker may not know of."""
    return NotFound("no such customer", [Fault("/id", "no customer has this id", "search for the customer")])


def gone() -> Gone:
    return Gone("this customer is no longer there")


def shown_name(id: RecordId, view: View) -> RecordId:
    """A record's name; without the crosswalk its key, which may be an e-mail address, stays out."""
    return id if "crosswalk" in view.may else RecordId(id.source, id.stream, "")


def only(lineage: Lineage, columns: Mapping[str, Sight]) -> Lineage:
    """Lineage of visible attributes: values of others are not even looked up."""
    return {a: line for a, line in lineage.items() if a in columns}


def said_in(lineage: Lineage) -> list[Plain]:
    """What was agreed in a version: consents have no other time than that of knowledge."""
    return list(lineage[AGREED]["said"]) if AGREED in lineage else []


def _there(row: StoredHistory | None) -> bool:
    return row is not None and row.lineage is not None


def _cleaned(config: Config, role: Role) -> dict[str, RowLimits]:
    return {type_name: cleaned_rows(config.customers[type_name], rows) for type_name, rows in role.rows.items()}


def cleaned_rows(customer_type: CustomerType, rows: RowLimits) -> RowLimits:
    """Conditions with their values as golden records hold them."""
    where = {
        name: wanted if "." in name else tuple(str(clean_value(customer_type, name, value)) for value in wanted)
        for name, wanted in rows.where.items()
    }
    return rows.model_copy(update={"where": where})
