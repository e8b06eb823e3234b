"""What a person is given of their own data: all of it to look at (access), or what they gave, to take elsewhere (portability).

Everything comes through the door, in the view of who answers: of others nothing is told but that there is a relation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape

from hub.access.agreements import Agreements
from hub.access.principals import Principal
from hub.access.read import Reader
from hub.access.relations import Relations
from hub.access.sights import sights_of
from hub.access.stories import tell_customer
from hub.access.timeline import Timeline
from hub.delivery import subscription_store
from hub.landing import store as landing
from hub.model import from_micros

PAGE = 200
SCHEMA = "hub/portability/1"  # raised when a portable document says otherwise
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
            "retention": "nothing is removed by age; it is removed when you ask for it, or when its source deletes it",
            "recipients": self.recipients(principal, id),
            "seen_by": [
                {
                    "at": _time(s.at),
                    "as": s.role,
                    "did": s.action,
                    "purpose": s.purpose,
                    "attributes": list(s.attributes),
                }
                for s in sights_of(self.reader, principal, id, PAGE)
            ],
            "how_records_became_one": tell_customer(self.reader, principal, id),
        }

    def portable(self, principal: Principal, id: str) -> Document:
        """What was given and observed, as each source says it; nothing that the hub concluded."""
        type_name = self.reader.type_of(principal, id)
        attributes = self.reader.config.customers[type_name].attributes
        return {
            "schema": SCHEMA,
            "attributes": {a: {"kind": d.kind, "title": d.title or a} for a, d in attributes.items()},
            "records": list(self._records(principal, id)),
            "interactions": list(self._interactions(principal, id)),
        }

    def _records(self, principal: Principal, id: str) -> Iterator[Document]:
        for r in self.reader.records(principal, id):
            yield {"source": r.record.source, "stream": r.record.stream, "key": r.record.key, "values": dict(r.values)}

    def _interactions(self, principal: Principal, id: str) -> Iterator[Document]:
        cursor = None
        while True:
            page = self.timeline.page(principal, id, limit=PAGE, cursor=cursor)
            for i in page.data:
                yield {
                    "type": i.type,
                    "title": i.title,
                    "at": _time(i.at),
                    "source": i.record.source,
                    "values": dict(i.values),
                }
            cursor = page.next_cursor
            if cursor is None:
                return

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
        """Who was sent data of this customer, by name: subscribers, and sources that the hub wrote to."""
        _, ids = self.reader.ids_of(principal, id)
        with self.reader.database.read() as connection:
            _, members = self.reader.located(connection, principal, id)
            told = set(subscription_store.told_of(connection, ids))
            named = [s for s in subscription_store.subscriptions(connection) if s.id in told]
            written = landing.written(connection, members)
            infos = landing.records(connection, written)
        subscribers: list[Document] = [{"name": s.name, "of": s.owner, "purpose": s.purpose} for s in named]
        sources = sorted({(infos[r].id.source, a) for r, of in written.items() for a in of})
        systems: list[Document] = [{"name": source, "attribute": a} for source, a in sources]
        return [*subscribers, *systems]


def as_csv(document: Mapping[str, object]) -> str:
    """A portable document as rows: source, stream, key, attribute, value."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(("source", "stream", "key", "attribute", "value"))
    records = document["records"]
    assert isinstance(records, list)
    for record in records:
        for attribute, value in record["values"].items():
            for one in value if isinstance(value, list) else [value]:
                text = ", ".join(one.values()) if isinstance(one, dict) else str(one)
                writer.writerow((record["source"], record["stream"], record["key"], attribute, text))
    return made.getvalue()


def as_page(document: Mapping[str, object]) -> str:
    """A document as one readable page of HTML, that loads nothing."""
    parts = [f"<section><h2>{escape(_title(name))}</h2>{_shown(value)}</section>" for name, value in document.items()]
    style = "body{font:16px/1.5 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}dt{font-weight:600}li{margin:.3rem 0}"
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Your data</title><style>{style}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body><h1>Your data</h1>{''.join(parts)}</body></html>"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return (
            "<dl>"
            + "".join(f"<dt>{escape(_title(str(k)))}</dt><dd>{_shown(v)}</dd>" for k, v in value.items())
            + "</dl>"
        )
    if isinstance(value, list | tuple):
        return "<ul>" + "".join(f"<li>{_shown(v)}</li>" for v in value) + "</ul>" if value else "<p>none</p>"
    return escape("" if value is None else str(value))


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _time(micros: int | None) -> str | None:
    return None if micros is None else from_micros(micros).isoformat(timespec="seconds")
