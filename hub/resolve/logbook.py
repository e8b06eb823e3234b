"""What staff write down of a customer: it lands as a row of the hub's own source, and belongs to a record, so that it
goes where the record goes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from hub.consents.statement import GRANTED, ConsentSaid
from hub.errors import BadRecord, Conflict, Fault, NotFound, Unprocessable
from hub.golden_record.customers import find_customer
from hub.interactions import run as interactions
from hub.interactions.row import Interaction
from hub.kinds.moment import spelled
from hub.landing import store as landing
from hub.landing.store import Incoming
from hub.matching import store as matching_store
from hub.model import RecordId, digest
from hub.resolve.resolver import Resolver
from hub.settings import SAID, STAFF

Mark = Callable[[Connection, str], None]


class Logbook:
    """Writes to one hub."""

    def __init__(self, resolver: Resolver):
        self.resolver, self.database, self.config = resolver, resolver.database, resolver.config

    def add(
        self,
        customer_id: str,
        type_name: str,
        values: Mapping[str, object],
        *,
        by: str,
        record: RecordId | None = None,
        mark: Mark | None = None,
        key: str = "",
    ) -> str:
        """Keep that this happened, with a record of the customer (none named: the first that it had); its id.

        Without a time it happened now. NotFound and Gone as for the customer; Unprocessable, with the attribute, when
        a value cannot be read. `mark`: told the id in the same unit. `key`: what it is known by; said twice it is kept once.
        """
        with self.database.unit() as connection:
            owner = self._owner(connection, customer_id, record)
            row = self._row(type_name, values, owner, by, key or uuid.uuid4().hex)
            if key and landing.record_named(connection, RecordId(STAFF, type_name, key), "interaction") is not None:
                row = self._as_it_was(connection, type_name, key)
            made = self._land(connection, type_name, row)
            if mark is not None:
                mark(connection, made)
            return made

    def note(self, owner: RecordId, type_name: str, values: Mapping[str, object], *, by: str, key: str) -> str:
        """Keep that this happened, by the name of its owner, whoever that is or will be; said twice it is kept once; its id."""
        with self.database.unit(urgent=False) as connection:
            return self._land(connection, type_name, self._row(type_name, values, owner, by, key))

    def say(
        self,
        customer_id: str,
        said: ConsentSaid,
        *,
        by: str,
        record: RecordId | None = None,
        source: str = STAFF,
        mark: Mark | None = None,
    ) -> list[str]:
        """Keep what was agreed or objected to, of a record of the customer; the ids. None named: a no, and a yes that can be
        proved, of each record that it has; another yes of the first one, so that it outweighs no other record's no.
        Said twice it is kept once. What it changes of the customer is settled in the same unit. NotFound and Gone as for
        the customer."""
        with self.database.unit() as connection:
            if record is None and (said.state != GRANTED or said.provable):
                owners = self._owners(connection, customer_id)
            else:
                owners = [self._owner(connection, customer_id, record)]
            made = [self._say(connection, owner, said, by, source) for owner in owners]
            if mark is not None:
                mark(connection, made[0])
            return made

    def _say(self, connection: Connection, owner: RecordId, said: ConsentSaid, by: str, source: str) -> str:
        values = {
            **{"purpose": said.purpose, "channel": said.channel, "state": said.state, "at": spelled(said.at)},
            **{"text": said.text, "how": said.how, "where": said.where},
        }
        key = digest([owner, values])
        row = {"id": key, "of": list(owner), "by": by, "values": {k: v for k, v in values.items() if v}}
        try:
            self.resolver.readings[source, SAID].read(row)
        except BadRecord as error:
            attribute, _, reason = str(error).partition(": ")
            raise Unprocessable("this cannot be read", [Fault(f"/{attribute}", reason)]) from None
        given, now = [Incoming(key, row)], self.database.clock.now()
        landed = landing.land(connection, source, SAID, given, type_name=SAID, at=now, pending=False, sort=SAID)[0]
        if landed.changed:
            self.resolver.belongings(connection, [landed.rid])
        return landing.records(connection, [landed.rid])[landed.rid].mint

    def _as_it_was(self, connection: Connection, type_name: str, key: str) -> dict[str, object]:
        return dict(landing.latest_rows(connection, STAFF, type_name, [key])[0])

    def change(self, id: str, values: Mapping[str, object], *, by: str) -> str:
        """Another version of what staff wrote down: these values are replaced, None takes one out. NotFound; Conflict
        when a connected system said it: there it is changed."""
        with self.database.unit() as connection:
            info = landing.record_minting(connection, id, "interaction")
            if info is None or not info.alive:
                raise NotFound("no such interaction", [Fault("/id", "unknown", "look at the customer's page")])
            if info.id.source != STAFF:
                raise Conflict("this is said by a connected system", [Fault("/id", f"is of {info.id.source}")])
            was = landing.latest_versions(connection, [info.rid])[info.rid].raw
            assert was is not None
            before = was["values"]
            assert isinstance(before, Mapping)  # as _row wrote it
            said = {k: v for k, v in {**before, **values}.items() if v is not None}
            return self._land(connection, info.id.stream, {**was, "values": said, "by": by})

    def _owner(self, connection: Connection, customer_id: str, record: RecordId | None) -> RecordId:
        customer = find_customer(connection, customer_id)
        members = matching_store.members_of(connection, [customer.cluster])[customer.cluster]
        infos = landing.records(connection, members)
        if record is None:
            return infos[landing.earliest(infos, infos)].id
        if record not in {i.id for i in infos.values()}:
            raise Unprocessable(
                "this record is none of the customer's", [Fault("/record", "unknown", "see the customer's records")]
            )
        return record

    def _owners(self, connection: Connection, customer_id: str) -> list[RecordId]:
        customer = find_customer(connection, customer_id)
        members = matching_store.members_of(connection, [customer.cluster])[customer.cluster]
        return sorted(i.id for i in landing.records(connection, members).values())

    def _row(
        self, type_name: str, values: Mapping[str, object], owner: RecordId, by: str, key: str
    ) -> dict[str, object]:
        now = spelled(self.database.clock.now() // 1_000_000 * 1_000_000)
        said = {self.config.interactions[type_name].at: now, **values}
        return {"id": key, "of": list(owner), "by": by, "values": said}

    def _land(self, connection: Connection, type_name: str, row: dict[str, Any]) -> str:
        reading = self.resolver.readings[STAFF, type_name]
        try:
            read = reading.read(row)
            assert isinstance(read, Interaction)
        except BadRecord as error:
            attribute, _, reason = str(error).partition(": ")
            raise Unprocessable("this cannot be read", [Fault(f"/values/{attribute}", reason)]) from None
        for unread in sorted(row["values"].keys() - read.values.keys()):
            raise Unprocessable("this cannot be read", [Fault(f"/values/{unread}", "is no value of its kind")])
        now = self.database.clock.now()
        landed = landing.land(
            connection,
            STAFF,
            type_name,
            [Incoming(row["id"], row)],
            type_name=type_name,
            at=now,
            pending=False,
            sort="interaction",
        )
        rid = landed[0].rid
        if landed[0].changed:
            interactions.derive(connection, self.resolver.readings, [rid])
        return landing.records(connection, [rid])[rid].mint
