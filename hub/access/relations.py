"""How customers belong together, in the asker's view: as sources say, and households that addresses show.

A relation names two source records; the customers are those that hold them now. So its ends follow merges and splits, and
a circle (a company above itself) may come and go with them: it is told, and not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.door import shown_name
from hub.access.policy.purposes import Views
from hub.access.policy.view import View, narrowed, see
from hub.access.read import Reader
from hub.errors import Fault, Unprocessable
from hub.golden_record import store as golden_store
from hub.golden_record.run import records_of
from hub.golden_record.store import StoredCustomer
from hub.interactions import relation_store
from hub.interactions.relation_store import StoredRelation
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId, from_plain
from hub.settings import RelationType

FARTHEST = 1_000  # customers below one that are followed
NEIGHBOURS = 50  # customers at an address that are compared
HOUSEHOLD = "household"
SURNAME, LANDLINE = "same address and surname", "same address and landline"


@dataclass(frozen=True, slots=True)
class SeenRelation:
    """How another customer belongs to this one. `reason`: what shows it, of a household that no source says.
    `circle`: it leads back to this customer, and is not followed."""

    type: str
    title: str
    other: str
    other_type: str
    since: int | None
    until: int | None
    record: RecordId | None
    values: Mapping[str, Any]
    reason: str = ""
    circle: bool = False


class Relations:
    """Answers for principals, through the reader's door."""

    def __init__(self, reader: Reader):
        self.reader, self.config = reader, reader.config
        self._views = Views(self.config, {n: tuple(t.attributes) for n, t in self.config.relations.items()})

    def of_customer(self, principal: Principal, id: str) -> tuple[SeenRelation, ...]:
        """All relations of a customer to customers that the asker may know of. NotFound and Gone as for the customer."""
        view = narrowed(self._views.asked(principal.role), principal.scopes)
        with self.reader.database.read() as connection:
            shown, _ = self.reader.located(connection, principal, id)
            found = [*self._said(connection, principal, view, shown)]
            if view.sees(HOUSEHOLD):
                said = {r.other for r in found if r.type == HOUSEHOLD}
                found += [r for r in self._households(connection, principal, shown) if r.other not in said]
        self._sighted(principal, view, [shown, *(r.other for r in found)], {r.type for r in found})
        return tuple(sorted(found, key=lambda r: (r.type, r.title, r.other)))

    def below(self, connection: Connection, principal: Principal, shown: str, type_name: str) -> list[str]:
        """Shown ids of all that are below a customer along a relation that leads upward, nearest first, each once, as
        far as the asker sees them. Unprocessable when there is no such relation."""
        view = narrowed(self._views.asked(principal.role), principal.scopes)
        upward = sorted(n for n, t in self.config.relations.items() if t.upward and view.sees(n))
        if type_name not in upward:
            raise Unprocessable(
                "no such relation", [Fault("?along", "does not lead upward", f"known: {', '.join(upward) or 'none'}")]
            )
        of_customers = self.reader.view(principal, connection)
        found, todo = dict.fromkeys([shown]), [shown]
        while todo and len(found) <= FARTHEST:
            nearer = self._ends(connection, todo, type_name, down=True)
            todo = sorted(self.reader.known_customers(connection, of_customers, nearer) - found.keys())
            found.update(dict.fromkeys(todo))
        return list(found)[1:]

    # --- as sources say ---

    def _said(self, connection: Connection, principal: Principal, view: View, shown: str) -> Iterator[SeenRelation]:
        own, now = set(self._records(connection, [shown])), self.reader.database.clock.now()
        rows = [
            (row, row.left in own)
            for row in relation_store.touching(connection, own)
            if view.sees(row.type)
            and row.type in self.config.relations
            and (row.until is None or row.until > now)
            and not own.issuperset((row.left, row.right))  # else both ends are this customer now
        ]
        holders = self._holders(connection, [row.right if forward else row.left for row, forward in rows])
        of_customers = self.reader.view(principal, connection)
        known = self.reader.known_customers(connection, of_customers, {c.id for c in holders.values()})
        names = landing.records(connection, [row.rid for row, _ in rows])
        above: dict[tuple[str, str], set[str]] = {}
        for row, forward in rows:
            other = holders.get(row.right if forward else row.left)
            if other is None or other.id not in known:
                continue
            kind, low = self.config.relations[row.type], other.id if forward else shown
            if kind.upward and (low, row.type) not in above:
                above[low, row.type] = self._above(connection, low, row.type)
            seen = self._seen(view, kind, row, forward, other, shown_name(names[row.rid].id, view))
            yield replace(seen, circle=kind.upward and shown in above[low, row.type])

    def _seen(
        self,
        view: View,
        kind: RelationType,
        row: StoredRelation,
        forward: bool,
        other: StoredCustomer,
        record: RecordId,
    ) -> SeenRelation:
        masks = {a: KINDS[d.kind].mask for a, d in kind.attributes.items()}
        looked = see(relation_store.values_of(row), view.of(row.type), masks, self.reader.pseudonym_key(view))
        values = {a: v if kind.attributes[a].many else v[0] for a, v in looked.items()}
        title = (kind.title if forward else kind.reverse_title) or row.type
        return SeenRelation(row.type, title, other.id, other.type, row.since, row.until, record, values)

    def _above(self, connection: Connection, id: str, type_name: str) -> set[str]:
        """All that are above a customer, itself too where it is in a circle."""
        found, todo = set[str](), {id}
        while todo and len(found) <= FARTHEST:
            todo = self._ends(connection, todo, type_name, down=False) - found
            found |= todo
        return found

    def _ends(self, connection: Connection, ids: Iterable[str], type_name: str, *, down: bool) -> set[str]:
        """The next customers of these along a relation that holds now."""
        own, now = self._records(connection, ids), self.reader.database.clock.now()
        rows = relation_store.touching(connection, own, "to" if down else "of")
        holding = [r for r in rows if r.type == type_name and (r.until is None or r.until > now)]
        return {c.id for c in self._holders(connection, [r.left if down else r.right for r in holding]).values()}

    def _records(self, connection: Connection, ids: Iterable[str]) -> list[RecordId]:
        clusters = golden_store.clusters_named(connection, ids).values()
        found = records_of(connection, matching_store.members_of(connection, clusters))
        return [r for of in found.values() for r in of]

    def _holders(self, connection: Connection, records: Iterable[RecordId]) -> dict[RecordId, StoredCustomer]:
        """By record who holds it now, or has its id; records that are nobody's are left out."""
        infos = landing.records_named(connection, records)
        heirs = matching_store.heirs(connection, [i.rid for i in infos.values() if not i.alive])
        led = {id: i.rid if i.alive else heirs.get(i.rid, (None, None))[1] for id, i in infos.items()}
        homes = matching_store.clusters_of(connection, {r for r in led.values() if r is not None})
        found = golden_store.customers_of(connection, set(homes.values()), columns=golden_store.BRIEF)
        return {id: found[homes[r]] for id, r in led.items() if r in homes and homes[r] in found}

    # --- as addresses show ---

    def _households(self, connection: Connection, principal: Principal, shown: str) -> Iterator[SeenRelation]:
        """Customers of the same type with the same address, and the same surname or landline: of attributes that the
        role is shown as they are, so that it is told nothing that it could not see for itself."""
        customer = golden_store.customer(connection, shown)
        assert customer is not None
        attributes = self.config.customers[customer.type].attributes
        of_customers = self.reader.view(principal, connection)
        seen = of_customers.shown(customer.type)
        by_kind = {k: [a for a, d in attributes.items() if d.kind == k and a in seen] for k in KINDS}
        if not by_kind["family_name"] or not by_kind["postal_address"]:
            return
        here, title = self._forms(customer, by_kind), self.config.relations[HOUSEHOLD].title
        looked_at = {shown}
        for words, kinds in _clues(customer, by_kind, here["phone"]):
            asked = frozenset(a for k in kinds for a in by_kind[k])
            met = self.reader.ways_within(connection, of_customers, customer.type, asked, words)
            near = self.reader.holding(connection, of_customers, customer.type, met, NEIGHBOURS) if met else []
            found = {c.id: c for c in near if c.id not in looked_at}
            looked_at |= found.keys()
            for id, other in sorted(found.items()):
                reason = _reason(here, self._forms(other, by_kind))
                if reason:
                    yield SeenRelation(HOUSEHOLD, title, id, other.type, None, None, None, {}, reason)

    def _forms(self, customer: StoredCustomer, by_kind: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
        """The main forms of a customer's values, by kind: what all spellings share."""
        return {
            kind: {
                str(form)
                for a in by_kind[kind]
                for v in customer.values.get(a, ())
                if (form := KINDS[kind].forms(from_plain(v)).get(""))
            }
            for kind in ("postal_address", "family_name", "phone")
        }

    def _sighted(self, principal: Principal, view: View, ids: list[str], types: Iterable[str]) -> None:
        attributes = sorted({f"{t}.{a}" for t in types for a in view.of(t)})
        now = self.reader.database.clock.now()
        self.reader.audit.write(
            AuditLine(principal.id, principal.role, "relations", ids, attributes, view.purpose, now, REQUEST.get())
        )


def _clues(
    customer: StoredCustomer, by_kind: Mapping[str, list[str]], phones: Iterable[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Words by which those of its household are found, and the kinds of attributes that hold them."""
    values = {k: [v for a in by_kind[k] for v in customer.values.get(a, ())] for k in by_kind}
    postcodes = {str(v["postcode"]) for v in values["postal_address"] if isinstance(v, Mapping) and v.get("postcode")}
    for surname, postcode in product(sorted({str(v) for v in values["family_name"]}), sorted(postcodes)):
        yield f"{surname} {postcode}", ("family_name", "postal_address")
    for number in sorted(_landlines(phones)):
        yield f"+{number}", ("phone",)


def _reason(here: Mapping[str, set[str]], there: Mapping[str, set[str]]) -> str:
    """Why two customers live together, as far as their values show; empty: they do not."""
    if not here["postal_address"] & there["postal_address"]:
        return ""
    if here["family_name"] & there["family_name"]:
        return SURNAME
    return LANDLINE if _landlines(here["phone"]) & _landlines(there["phone"]) else ""


def _landlines(numbers: Iterable[str]) -> set[str]:
    """Those of fixed lines, of numbers in digits: a mobile number belongs to one person."""
    import phonenumbers  # 50 ms to import

    found = set()
    for number in numbers:
        try:
            parsed = phonenumbers.parse(f"+{number}")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.FIXED_LINE:
            found.add(number)
    return found
