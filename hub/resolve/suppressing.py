"""Which rows must not land, as they are of somebody who was erased."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from hub.connectors.base import JSON
from hub.connectors.mapping.identity import Identity
from hub.connectors.rows import parse_json
from hub.errors import BadRecord
from hub.interactions.run import AnyReading
from hub.kinds import KINDS
from hub.landing import suppression
from hub.landing.store import Incoming
from hub.matching.prepare import Ready
from hub.matching.recipe import Recipe
from hub.model import Cell, RecordId
from hub.settings import CustomerType

CONTACTS = ("email", "phone")


def contact_names(cells: Mapping[str, Cell], customer: CustomerType) -> set[tuple[str, str, str]]:
    """(kind, main form of a contact point, main form of a given name): each of a row's with each."""
    contacts, names = set[tuple[str, str]](), set[str]()
    for attribute, cell in cells.items():
        kind = customer.attributes[attribute].kind
        if kind == "given_name":
            names.update(str(f) for v in cell.values if (f := KINDS[kind].forms(v).get("")))
        elif kind in CONTACTS:
            contacts.update((kind, str(f)) for v in cell.values if (f := KINDS[kind].forms(v).get("")))
    return {(kind, form, name) for kind, form in contacts for name in names}


def hashes_of(
    key: bytes,
    recipe: Recipe,
    source: str,
    stream: str,
    row: Incoming,
    reading: AnyReading | None,
    made: Ready | None = None,
) -> set[str]:
    """Every hash by which a row may be suppressed: its name, its owner's, a contact point with a given name."""
    found = {suppression.of_record(key, RecordId(source, stream, row.key))}
    if row.raw is None:
        return found
    if reading is not None:
        return found | {suppression.of_record(key, o) for o in _owners(reading, row.raw)}
    mapper = recipe.mappers.get((source, stream))
    if mapper is not None:
        try:
            cells = made.mapped.cells if made is not None and made.raw is row.raw else mapper.read(row.raw)[0]
        except Exception:  # noqa: BLE001 - told of where the row is prepared
            return found
        customer = recipe.customer(recipe.stream(source, stream).customer)
        found |= {suppression.of_contact(key, *c) for c in contact_names(cells, customer)}
    return found


def _owners(reading: AnyReading, raw: Mapping[str, object]) -> Iterable[RecordId]:
    try:
        return reading.owners(raw)
    except BadRecord:
        return ()


def suppressed_rows(
    connection: Connection,
    key: bytes,
    recipe: Recipe,
    source: str,
    stream: str,
    rows: Sequence[Incoming],
    reading: AnyReading | None,
    made: Mapping[str, Ready],
) -> set[int]:
    """The places of rows that must not land. `made`: rows made ready before, by key. Costs one look where nobody was ever
    erased."""
    if not suppression.any_suppressed(connection):
        return set()
    by_place = {
        n: hashes_of(key, recipe, source, stream, row, reading, made.get(row.key)) for n, row in enumerate(rows)
    }
    found = suppression.suppressed(connection, {h for hashes in by_place.values() for h in hashes})
    return {n for n, hashes in by_place.items() if hashes & found}


def suppressed_texts(
    connection: Connection,
    key: bytes,
    recipe: Recipe,
    source: str,
    stream: str,
    texts: Sequence[str],
    reading: AnyReading | None,
) -> set[int]:
    """The places of rows that could not land, as they would be set aside, of which nothing may be kept either. As much of
    each is looked at as can be read."""
    if not suppression.any_suppressed(connection):
        return set()
    identify = recipe.identifiers[source, stream].identify
    by_place: dict[int, Incoming] = {}
    for n, text in enumerate(texts):
        try:
            row = parse_json(text)
        except ValueError:  # a line that is no row
            continue
        if isinstance(row, dict):
            by_place[n] = Incoming(_key(identify, row), row)
    found = suppressed_rows(connection, key, recipe, source, stream, list(by_place.values()), reading, {})
    places = list(by_place)
    return {places[n] for n in found}


def _key(identify: Callable[[Mapping[str, JSON]], Identity], row: Mapping[str, JSON]) -> str:
    """Nobody's where the row does not tell it."""
    try:
        return identify(row).key
    except BadRecord:
        return ""
