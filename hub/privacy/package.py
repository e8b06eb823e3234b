"""What a person is given of their own data: all of it to look at (access), or what they gave, to take elsewhere (portability).

Everything comes through the door, in the view of who answers: of others nothing is told but that there is a relation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from hub.access.agreements import Agreements
from hub.access.audit.sights import sights_of
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.relations import Relations
from hub.access.stories import tell_customer
from hub.access.timeline import Timeline
from hub.delivery import subscription_store
from hub.delivery.lying_files import drops_telling_of, files_holding
from hub.landing import store as landing
from hub.model import from_micros
from hub.privacy.retention import kept_for

SIGHTS = 200  # that are told, the newest
DAY = 86_400_000_000
SCHEMA = "hub/portability/2"  # raised when a portable document says otherwise
CSV_COLUMNS = ("part", "source", "stream", "key", "at", "attribute", "value")
_TEXT = {"type": "string"}
_VALUES = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "object", "array", "null"]},
}
_ROW = {"source": _TEXT, "stream": _TEXT, "key": _TEXT, "values": _VALUES}


def _rows(**more: object) -> dict[str, object]:
    return {
        "type": "array",
        "items": {"type": "object", "required": [*_ROW, *more], "properties": {**_ROW, **more}},
    }


PORTABLE: Mapping[str, object] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": SCHEMA,
    "title": "What a person gave, to take elsewhere",
    "type": "object",
    "required": ["schema", "made_at", "attributes", "records", "interactions"],
    "properties": {
        "schema": {"type": "object", "description": "this schema"},
        "made_at": {**_TEXT, "format": "date-time"},
        "attributes": {
            "type": "object",
            "description": "what the names in `records` mean",
            "additionalProperties": {"type": "object", "properties": {"kind": _TEXT, "title": _TEXT}},
        },
        "records": _rows(),
        "interactions": _rows(type=_TEXT, title=_TEXT, at={"type": ["string", "null"], "format": "date-time"}),
    },
}
Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Packages:
    """Makes them, for one hub."""

    reader: Reader
    timeline: Timeline
    agreements: Agreements
    relations: Relations

    def access(self, principal: Principal, id: str) -> Document:
        """All that is held of the customer that an id leads to, where it is from, what for, and who had it. NotFound, Gone."""
        customer = self.reader.get_customer(principal, id, lineage=True)
        return {
            "customer": customer.id,
            "made_at": _time(self.reader.database.clock.now()),
            "values": customer.values,
            "from": customer.lineage,
            "records": list(self._records(principal, id)),
            "interactions": list(self._interactions(principal, id)),
            "consents": asdict(self.agreements.of_customer(principal, id)),
            "relations": [
                {"type": r.type, "title": r.title, "since": _time(r.since), "until": _time(r.until)}
                for r in self.relations.of_customer(principal, id)
            ],  # of the other ends nothing is told: they are other people
            "purposes": self.purposes(customer.type),
            "retention": [
                {"what": name, "days": kept // DAY, "for": list(purposes)}
                for name, (kept, purposes) in sorted(kept_for(self.reader.config).items())
            ],
            "recipients": self.recipients(principal, id),
            "seen_by": [
                {
                    "at": _time(s.at),
                    "as": s.role,
                    "did": s.action,
                    "purpose": self._titled(s.purpose),
                    "attributes": list(s.attributes),
                }
                for s in sights_of(self.reader, principal, id, SIGHTS)
            ],
            "how_records_became_one": tell_customer(self.reader, principal, id, alone=True),
        }

    def portable(self, principal: Principal, id: str) -> Document:
        """What was given and observed, as each source says it; nothing that the hub concluded."""
        type_name = self.reader.type_of(principal, id)
        attributes = self.reader.config.customers[type_name].attributes
        return {
            "schema": PORTABLE,
            "made_at": _time(self.reader.database.clock.now()),
            "attributes": {a: {"kind": d.kind, "title": d.title or a} for a, d in attributes.items()},
            "records": list(self._records(principal, id)),
            "interactions": list(self._interactions(principal, id)),
        }

    def _records(self, principal: Principal, id: str) -> Iterator[Document]:
        for r in self.reader.records(principal, id):
            yield {"source": r.record.source, "stream": r.record.stream, "key": r.record.key, "values": dict(r.values)}

    def _interactions(self, principal: Principal, id: str) -> Iterator[Document]:
        for i in self.timeline.whole(principal, id):
            yield {
                "type": i.type,
                "title": i.title,
                "at": _time(i.at),
                "source": i.record.source,
                "stream": i.record.stream,
                "key": i.record.key,
                "values": dict(i.values),
            }

    def made(self, principal: Principal, id: str, *, portable: bool) -> Document:
        """A copy of everything; `portable`: of what they gave."""
        return (self.portable if portable else self.access)(principal, id)

    def _titled(self, purpose: str) -> str:
        known = self.reader.config.purposes.get(purpose)
        return (known.title if known is not None else "") or purpose

    def purposes(self, type_name: str) -> list[Document]:
        """What the data are used for, on which ground, and which of them by whom."""
        config = self.reader.config
        found: list[Document] = []
        for name, purpose in config.purposes.items():
            roles = {
                n: sorted(self.reader.view_of_role(n).of(type_name))
                for n, r in config.access.roles.items()
                if name in r.purposes
            }
            if any(roles.values()):
                found.append({"purpose": purpose.title or name, "basis": purpose.basis, "used_by": roles})
        return found

    def recipients(self, principal: Principal, id: str) -> list[Document]:
        """Who was sent data of this customer, by name: subscribers, sources that the hub wrote to, file drops."""
        _, ids = self.reader.ids_of(principal, id)
        with self.reader.database.read() as connection:
            _, members = self.reader.located(connection, principal, id)
            told = set(subscription_store.told_of(connection, ids))
            named = [s for s in subscription_store.subscriptions(connection) if s.id in told]
            written = landing.written(connection, members)
            infos = landing.records(connection, written)
            seen = {d.name for d in drops_telling_of(connection, self.reader, ids)}
        config = self.reader.config
        drops = [d for d in config.drops.values() if d.name in seen or files_holding(config.folder, d, ids)]
        roles = self.reader.config.access.roles
        subscribers: list[Document] = [{"name": s.name, "of": s.owner, "purpose": s.purpose} for s in named]
        sources = sorted({(infos[r].id.source, a) for r, of in written.items() for a in of})
        systems: list[Document] = [{"name": source, "attribute": a} for source, a in sources]
        files: list[Document] = [{"name": d.name, "of": "files", "purpose": roles[d.role].purpose} for d in drops]
        return [*subscribers, *systems, *files]


def as_csv(document: Mapping[str, object]) -> str:
    """A portable document as rows of `CSV_COLUMNS`: records first, then what happened, the moment of which is `at`."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(CSV_COLUMNS)
    for name in ("records", "interactions"):
        listed = document[name]
        assert isinstance(listed, list)
        for row in listed:
            for attribute, value in row["values"].items():
                for one in value if isinstance(value, list) else [value]:
                    text = ", ".join(map(str, one.values())) if isinstance(one, dict) else str(one)
                    writer.writerow(
                        (name, row["source"], row["stream"], row["key"], row.get("at", ""), attribute, text)
                    )
    return made.getvalue()


def _time(micros: int | None) -> str | None:
    return None if micros is None else from_micros(micros).isoformat(timespec="seconds")
