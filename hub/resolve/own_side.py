"""What people say of themselves: it lands as rows of the hub's own source, tied to the record by which they are known,
so that it is an input as any other. It survives every pull, goes to the systems, and comes apart with its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub.errors import Fault, NotFound, Unprocessable
from hub.golden_record.customers import find_customer
from hub.kinds.moment import spelled
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.matching import store as matching_store
from hub.matching.pairs import ordered
from hub.matching.recipe import Recipe
from hub.model import Plain, RecordId, Verdict, digest
from hub.resolve.resolver import Resolver
from hub.settings import CLAIMED_KINDS, PROVED, SELF

ORIGIN = "self"  # of the decisions that tie what people say to whom it is said of
MOST = 20  # values of one attribute
Mark = Callable[[Connection], object]


@dataclass(frozen=True, slots=True)
class OwnWord:
    """What somebody says of themselves: attribute -> value, a list of them where there are many, None: there is none.

    how: signed in, letter, call ...; since: the day from which it holds, as 2026-12-31, where it does not yet.
    proved: of contact points those whose owner the person was proved to be.
    """

    values: Mapping[str, Plain | Sequence[Plain] | None]
    how: str
    since: str = ""
    proved: Mapping[str, Sequence[Plain]] = field(default_factory=dict)


class OwnSide:
    """Writes to one hub."""

    def __init__(self, resolver: Resolver):
        self.resolver, self.database, self.config = resolver, resolver.database, resolver.config

    def state(
        self, customer_id: str, said: OwnWord, *, by: str, record: RecordId | None = None, mark: Mark | None = None
    ) -> str:
        """Keep it of the customer that an id leads to, of one of its records (none named: the first that it had); the
        customer's shown id. `mark`: called in the same unit. NotFound and Gone as for the customer; Unprocessable names
        each attribute that cannot be kept."""
        with self.database.unit() as connection:
            customer = find_customer(connection, customer_id)
            self._check(self.resolver.recipe(connection), customer.type, said)
            anchor = self._anchor(connection, customer.cluster, record)
            landed = [self._land(connection, anchor, anchor.type, said.values, said, by)]
            if said.proved:
                landed.append(self._land_proved(connection, anchor, said, by))
            for rid in landed:
                self._tie(connection, anchor.rid, rid, by)
            self.resolver.settle(connection, self.resolver.recipe(connection), landed, seeds=[anchor.rid, *landed])
            if mark is not None:
                mark(connection)
            return find_customer(connection, customer_id).id

    def check(self, type_name: str, said: OwnWord) -> None:
        """Unprocessable when it cannot be kept of a customer of this type."""
        with self.database.read() as connection:
            self._check(self.resolver.recipe(connection), type_name, said)

    def _check(self, recipe: Recipe, type_name: str, said: OwnWord) -> None:
        attributes, sayable = self.config.customers[type_name].attributes, recipe.stream(SELF, type_name).map
        faults: list[Fault] = []
        if not said.values:
            faults.append(Fault("/values", "is empty", "name an attribute and its value"))
        for name, value in said.values.items():
            given = attributes.get(name)
            if given is None or name not in sayable:
                remedy = "say it as a consent" if given and given.kind == "consent" else f"known: {', '.join(sayable)}"
                faults.append(Fault(f"/values/{name}", "is no value of this customer", remedy))
            elif isinstance(value, list | tuple) and (not given.many or len(value) > MOST):
                told = f"at most {MOST}" if given.many else "one value"
                faults.append(Fault(f"/values/{name}", f"has {len(value)} values", f"give {told}"))
        if faults:
            raise Unprocessable("this cannot be kept", faults)
        row = self._row("", said.values, said, "")
        _, problems = recipe.mappers[SELF, type_name].values(row)
        if problems:
            raise Unprocessable("this cannot be read", [Fault(f"/values/{a}", reason) for a, reason in problems])

    def _anchor(self, connection: Connection, cluster: int, record: RecordId | None) -> RecordInfo:
        infos = landing.records(connection, matching_store.members_of(connection, [cluster])[cluster])
        if record is not None:
            found = next((i for i in infos.values() if i.id == record), None)
            if found is None:
                raise NotFound("no such record", [Fault("/record", "is none of the customer's")])
            return found
        others = {r: i for r, i in infos.items() if i.id.source != SELF}
        return infos[landing.earliest(infos, others or infos)]

    def _land(
        self,
        connection: Connection,
        anchor: RecordInfo,
        stream: str,
        values: Mapping[str, object],
        said: OwnWord,
        by: str,
    ) -> int:
        key = _key(anchor.id, said.since)
        row = self._row(key, values, said, by)
        incoming, refused = self.resolver.read_rows(SELF, stream, [row])
        if refused:
            raise Unprocessable("this cannot be read", [Fault("/values", refused[0].reason)])
        landed = self.resolver.land(connection, SELF, stream, list(incoming.values()), pending=False)
        if landed[0].suppressed:
            raise NotFound("no such customer")
        return landed[0].rid

    def _land_proved(self, connection: Connection, anchor: RecordInfo, said: OwnWord, by: str) -> int:
        """Contact points that were proved, beside those that were before and are still said."""
        stream = anchor.type + PROVED
        before = landing.record_named(connection, RecordId(SELF, stream, _key(anchor.id, said.since)))
        was = landing.latest_versions(connection, [before.rid])[before.rid].raw if before else None
        kept = was["values"] if was else {}
        assert isinstance(kept, Mapping)  # as _row wrote it
        values = {
            a: [*(v for v in kept.get(a) or () if v in _listed(said.values.get(a)) and v not in new), *new]
            for a, new in said.proved.items()
        }
        many = self.config.customers[anchor.type].attributes
        single = {a: v if many[a].many else v[-1] for a, v in values.items()}
        return self._land(connection, anchor, stream, single, said, by)

    def _row(self, key: str, values: Mapping[str, object], said: OwnWord, by: str) -> dict[str, object]:
        at = said.since or spelled(self.database.clock.now())
        since = {"from": said.since} if said.since else {}
        return {
            "id": key,
            "at": at,
            "by": by,
            "how": said.how,
            "values": {a: v or None for a, v in values.items()},
            **since,
        }

    def _tie(self, connection: Connection, anchor: int, rid: int, by: str) -> None:
        if anchor == rid:
            return
        left, right = ordered(anchor, rid)
        near = matching_store.decisions_touching(connection, [rid])
        if not any({d.left, d.right} == {left, right} and d.verdict is Verdict.MATCH for d in near):
            told, at = "what the customer says of itself", self.database.clock.now()
            matching_store.add_decision(
                connection, left, right, Verdict.MATCH, reason=told, by=by, at=at, origin=ORIGIN
            )


def contacts_of(config_attributes: Mapping[str, str], values: Mapping[str, object]) -> dict[str, list[Plain]]:
    """Of values those that are contact points, by attribute. `config_attributes`: attribute -> its kind."""
    return {a: _listed(v) for a, v in values.items() if config_attributes.get(a) in CLAIMED_KINDS and _listed(v)}


def _listed(value: object) -> list[Plain]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]  # type: ignore[list-item]


def _key(anchor: RecordId, since: str) -> str:
    """What is said of now is one record, version by version; what will hold from a day on is one of its own until then."""
    return digest([*anchor, since] if since else [*anchor], 16)
