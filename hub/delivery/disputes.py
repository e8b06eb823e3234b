"""What a system keeps changing back: told to a steward with both values, and settled by the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.delivery import store
from hub.delivery.store import DeadWrite
from hub.errors import Conflict, Fault, Forbidden, NotFound
from hub.landing import store as landing
from hub.landing.store import RecordInfo
from hub.model import RecordId, Value, plain
from hub.resolve.resolver import Resolver
from hub.stewardship.acts import SetValue
from hub.stewardship.run import Acts

Answer = Literal["leave", "take", "again"]
MOST = 500  # of which the queue tells


@dataclass(frozen=True, slots=True)
class DisputedField:
    """An attribute, as the hub has it and as the system has it."""

    attribute: str
    hub: tuple[object, ...]
    there: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A record that its system keeps changing back. Of fields that the asker is not shown, nothing but that there are some."""

    record: RecordId
    customer: str
    fields: tuple[DisputedField, ...]
    hidden: int
    at: int


def disputed(connection: Connection) -> list[tuple[int, str]]:
    """(record, what it is about in words, without values) of all of them: for the review queue."""
    found = store.tripped(connection, MOST)
    return [(d.rid, f"{d.source} keeps changing back what is written: {', '.join(attributes_of(d))}") for d in found]


def attributes_of(tripped: DeadWrite) -> list[str]:
    """Which attributes it is about."""
    return tripped.detail.removeprefix(store.TRIPPED).split(", ")


class Disputes:
    """Looked at, and settled."""

    def __init__(self, resolver: Resolver, reader: Reader):
        self.resolver, self.reader, self.database = resolver, reader, resolver.database

    def get(self, principal: Principal, record: RecordId) -> Dispute:
        """One in the view of who asks. NotFound where there is none, or not for them."""
        self.reader.must_see(principal, record, "/record")
        with self.database.read() as connection:
            info, found = self._find(connection, record)
            there = self._there(connection, info)
        homes = self.reader.homes(principal, [record])
        if not homes:
            raise _none(record)
        customer = self.reader.get_customer(principal, homes[0])
        shown = self.reader.view(principal).shown(info.type)
        names = self._named(info, found)
        fields = tuple(
            DisputedField(a, _listed(customer.values.get(a)), tuple(plain(v) for v in there.get(a, ())))
            for a in names
            if a in shown
        )
        return Dispute(record, customer.id, fields, len(names) - len(fields), found.at)

    def settle(self, principal: Principal, record: RecordId, answer: Answer, reason: str) -> None:
        """leave: the hub is right, and the system stays as it is until the hub's value changes. take: the system is right:
        its values are set by hand. again: the system was mended; what the hub has is written once more."""
        seen = self.get(principal, record)
        if answer == "take" and (seen.fields or seen.hidden):
            self._take(principal, record, seen, reason)
            return
        now = self.database.clock.now()
        with self.database.unit() as connection:
            info, found = self._find(connection, record)
            if answer != "again":
                store.drop(connection, info.rid, f"{principal.name}: {reason}", now)
            else:
                for attribute in self._named(info, found):  # those too that the asker is not shown
                    landing.log_write(connection, info.rid, attribute, AGAIN, origin=AGAIN, at=now)
                store.again(connection, info.rid, now)

    def _take(self, principal: Principal, record: RecordId, seen: Dispute, reason: str) -> None:
        """As acts, which are listed and can be undone; the change that they make settles the rest."""
        if seen.hidden:
            what = "you are not shown all the fields that it is about"
            raise Conflict("this is to be settled by somebody else", [Fault("/record", what, "ask who sees them")])
        with self.database.read() as connection:
            info, _ = self._find(connection, record)
            there = self._there(connection, info)
        if SetValue.permission not in self.reader.view(principal).may:
            raise Forbidden("this role may set no values by hand: it lacks the permission 'override'")
        for field in seen.fields:
            self.reader.writable(principal, info.type, field.attribute)
            values = there.get(field.attribute, ())
            Acts(self.resolver).do(SetValue(seen.customer, field.attribute, values), by=principal.name, reason=reason)

    def _find(self, connection: Connection, record: RecordId) -> tuple[RecordInfo, DeadWrite]:
        info = landing.record_named(connection, record)
        found = None if info is None else next(iter(store.tripped(connection, 1, info.rid)), None)
        if info is None or found is None:
            raise _none(record)
        return info, found

    def _named(self, info: RecordInfo, tripped: DeadWrite) -> list[str]:
        """Attributes that it is about; what is about the whole record names none."""
        return [a for a in attributes_of(tripped) if a in self.reader.config.customers[info.type].attributes]

    def _there(self, connection: Connection, info: RecordInfo) -> dict[str, tuple[Value, ...]]:
        """What the system holds, as it last said."""
        version = landing.latest_versions(connection, [info.rid]).get(info.rid)
        if version is None or version.raw is None:
            return {}
        mapper = self.resolver.recipe(connection).mappers[info.id.source, info.id.stream]
        return {a: cell.values for a, cell in mapper.map(version.raw).cells.items()}


AGAIN = "again"  # in the write log: from here on earlier tries do not count


def _listed(values: object) -> tuple[object, ...]:
    return () if values is None else tuple(values) if isinstance(values, list) else (values,)


def _none(record: RecordId) -> NotFound:
    return NotFound(
        "nothing is disputed there", [Fault("/record", str(record), "see: GET /v1/reviews/queue?kind=disputed")]
    )
