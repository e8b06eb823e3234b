"""Rows of a source beside what the hub makes of them, in the view of who asks. Audited like every sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.policy.view import View
from hub.access.read import Reader
from hub.access.review_items import homes
from hub.connectors.base import JSON
from hub.connectors.mapping.columns import columns_of
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.paths import path
from hub.errors import BadRecord
from hub.figures.owners import KINDS_OF_CONTACT, near
from hub.golden_record import store as golden_store
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.model import RecordId, plain
from hub.settings import CONTACT, Stream

ROWS = 10


@dataclass(frozen=True, slots=True)
class SeenReading:
    """What the map makes of one attribute. `raw`: what stands in its columns, where the view shows the attribute as it is."""

    attribute: str
    columns: str
    raw: tuple[JSON, ...] | None
    values: object
    problem: str

    @property
    def empty(self) -> bool:
        """Nothing stands there, and nothing is read."""
        return not self.problem and self.values in (None, []) and not any(v not in (None, "") for v in self.raw or ())


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A row. `key`: where the view shows names of records; `aside`: why it cannot land."""

    key: str
    customer: str
    readings: tuple[SeenReading, ...] = ()
    aside: str = ""


def see_landed(reader: Reader, principal: Principal, source: str, stream: str) -> list[SeenRow]:
    """The last rows of a stream of customers that landed, of those that exist for the asker; what the map makes of them now."""
    given = reader.config.sources[source].streams[stream]
    view = reader.view(principal)
    if given.customer is None or not view.sees(given.customer):
        return []
    with reader.database.read() as connection:
        infos = landing.records(connection, landing.lately_landed(connection, source, stream, ROWS))
        versions = landing.latest_versions(connection, infos)
    rows = {infos[rid]: v.raw for rid, v in versions.items() if v.raw is not None}
    known = {info: raw for info, raw in rows.items() if reader.knows_record(principal, info.id)}
    mapper = Mapper(stream, given, reader.config.customers[given.customer])
    crosswalk = "crosswalk" in view.may
    seen = [
        _seen(reader, principal, view, mapper, raw, info.mint if crosswalk else "")
        for info, raw in sorted(known.items(), key=lambda r: -r[0].latest)
    ]
    _told(reader, principal, view, "rows", homes(reader, principal, [i.id for i in known]), given.customer)
    return seen


def see_found(
    reader: Reader, principal: Principal, name: str, stream: Stream, rows: Iterable[Mapping[str, JSON]]
) -> list[SeenRow]:
    """Rows of a system that is no source yet: they are of no customer, so of each is shown what the view shows of all. Those
    are left out whose e-mail or telephone a customer has who does not exist for the asker."""
    view = reader.view(principal)
    if stream.customer is None or not view.sees(stream.customer):
        return []
    mapper = Mapper(name, stream, reader.config.customers[stream.customer])
    if view.rows:
        with reader.database.read() as connection:
            shown = list(islice((r for r in rows if not _is_of_unseen(reader, connection, view, mapper, r)), ROWS))
    else:
        shown = list(islice(rows, ROWS))
    seen = [_seen(reader, principal, view, mapper, raw, "") for raw in shown]
    _told(reader, principal, view, "rows of a new source", [], stream.customer)
    return seen


def _is_of_unseen(reader: Reader, connection: Connection, view: View, mapper: Mapper, raw: Mapping[str, JSON]) -> bool:
    """May a customer have a contact point of this row who does not exist for the view, as one who is restricted?"""
    try:
        cells = mapper.map(raw).cells
    except BadRecord:
        return False
    kinds = {a: mapper.customer_type.attributes[a].kind for a in cells}
    held = [(kinds[a], v) for a, cell in cells.items() for v in cell.values if kinds[a] in KINDS_OF_CONTACT]
    forms = {(kind, str(KINDS[kind].forms(v).get("") or "")) for kind, v in held}
    points = [RecordId(CONTACT, kind, form) for kind, form in forms if form]
    clusters = {c for point in points for c in near(connection, reader.config, point)}
    ids = {c.id for c in golden_store.customers_of(connection, clusters).values()}
    return not ids <= reader.known_customers(connection, view, ids)


def _seen(
    reader: Reader, principal: Principal, view: View, mapper: Mapper, raw: Mapping[str, JSON], customer: str
) -> SeenRow:
    type_ = mapper.customer_type.name
    try:
        mapped = mapper.map(raw)
    except BadRecord as error:
        return SeenRow("", customer, aside=str(error))
    values = {a: [plain(v) for v in cell.values] for a, cell in mapped.cells.items()}
    looked = reader.seen_values(principal, type_, values)
    problems, plainly = dict(mapped.problems), view.shown(type_)
    readings = tuple(
        SeenReading(
            attribute,
            columns_of(mapper.stream, attribute) if attribute in mapper.stream.map else "",
            _raw(mapper.stream, attribute, raw) if attribute in plainly else None,
            looked.get(attribute),
            problems.get(attribute, ""),
        )
        for attribute in mapper.customer_type.attributes
        if attribute in view.of(type_) and (attribute in mapper.stream.map or attribute in looked)
    )
    return SeenRow(mapped.key if "crosswalk" in view.may else "", customer, readings)


def _raw(stream: Stream, attribute: str, raw: Mapping[str, JSON]) -> tuple[JSON, ...]:
    """What stands in the columns of an attribute, in the order of the map."""
    given = stream.map.get(attribute)
    if given is None:
        return ()
    return tuple(_got(text, raw) for text in (given.values() if isinstance(given, dict) else [given]))


def _got(text: str, raw: Mapping[str, JSON]) -> JSON:
    try:
        return path(text).get(raw)
    except BadRecord:
        return None


def _told(
    reader: Reader, principal: Principal, view: View, what: str, customers: Iterable[str], type_name: str
) -> None:
    """One line in the audit file, before anything is answered."""
    reader.audit.write(
        AuditLine(
            principal.id,
            principal.role,
            what,
            list(customers),
            sorted(view.of(type_name)),
            view.purpose,
            reader.database.clock.now(),
            REQUEST.get(),
        )
    )
