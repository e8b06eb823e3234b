"""Records that the hub made in a source: known when they land, tied to the record they were made for.

A record lands under the key that the source told; or, where a try's answer got lost, with just the values that were
sent. What it was made of is written into the log as the hub's own, so that none of it is evidence or a vote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from hub.connectors.base import JSON
from hub.errors import BadRecord
from hub.landing import store as landing
from hub.landing.store import Creation, Hashes, Incoming, Landed
from hub.matching import store as matching_store
from hub.matching.recipe import Recipe, hash_values
from hub.model import Cell, RecordId, Verdict

ORIGIN = "write-back"  # of the decisions that tie what was made


def adopt_landed(
    connection: Connection,
    recipe: Recipe,
    source: str,
    stream: str,
    rows: Sequence[Incoming],
    landed: Sequence[Landed],
    at: int,
) -> None:
    """Of rows that just landed, those that the hub made are tied before anything is made of them."""
    rids = {row.key: row.rid for row in landed if row.changed}
    if not rids:
        return
    made = landing.open_creations(connection, source, stream, rids)
    for creation in made:
        if creation.key is not None:
            adopt(connection, creation, rids[creation.key], at, arrived=creation.at)
    unsure = [c for c in made if c.key is None]
    if not unsure:
        return
    new = {rid for rid, info in landing.records(connection, rids.values()).items() if info.born == info.latest}
    taken = {rids[c.key] for c in made if c.key is not None}
    for row in rows:
        if row.raw is None or rids.get(row.key) not in new - taken:
            continue
        held = hashes_of(recipe, source, stream, row.raw)
        found = next((c for c in unsure if _same(c.hashes, held)), None)
        if found is not None:
            unsure.remove(found)
            landing.made_as(connection, found.id, row.key, found.hashes, at)
            adopt(connection, found, rids[row.key], at, arrived=None)


def adopt(connection: Connection, creation: Creation, rid: int, at: int, *, arrived: int | None) -> None:
    """A record is the one that was made: its values are the hub's own writes, and it is its customer's by decision."""
    landing.log_making(connection, rid, creation.hashes, origin=creation.token, at=at, arrived=arrived)
    landing.landed_as(connection, creation.id, rid)
    left, right = sorted((creation.rid, rid))
    reason = "the hub made this record for the other"
    matching_store.add_decision(connection, left, right, Verdict.MATCH, reason=reason, by=ORIGIN, at=at, origin=ORIGIN)


def adopt_answered(connection: Connection, creation: Creation, at: int) -> int | None:
    """The source told the key of a record that a pull had given before: its number; None when it has not landed."""
    assert creation.key is not None
    info = landing.record_named(connection, RecordId(creation.source, creation.stream, creation.key))
    if info is None:
        return None
    adopt(connection, creation, info.rid, at, arrived=at)
    return info.rid


def disown(connection: Connection, rid: int, at: int) -> None:
    """The hub deleted a record there. Whoever comes under its key speaks for themselves: it is tied to nobody, and what it
    holds is no echo; the customer may get another record."""
    landing.unmake(connection, rid)
    landing.forget_making(connection, rid)
    for decision in matching_store.decisions_touching(connection, [rid]):
        if decision.origin == ORIGIN:
            why = "the hub deleted the record that it had made"
            matching_store.withdraw_decision(connection, decision.id, by=ORIGIN, why=why, at=at)


def hashes_of(
    recipe: Recipe, source: str, stream: str, raw: Mapping[str, JSON]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What a row holds, as the write log keeps it: attribute -> hash of all values, and of each."""
    try:
        cells = recipe.mappers[source, stream].values(raw)[0]
    except BadRecord:
        return {}
    return {attribute: hashed(cell) for attribute, cell in cells.items()}


def hashed(cell: Cell) -> tuple[str, tuple[str, ...]]:
    """A cell's values, as the write log keeps them."""
    return hash_values(cell.values), tuple(hash_values((value,)) for value in cell.values)


def _same(sent: Hashes, held: Mapping[str, tuple[str, tuple[str, ...]]]) -> bool:
    """Does a row hold all that was sent? Of what it holds beside that, nothing is asked."""
    given = {a: [whole for whole, parts in hashes if parts] for a, hashes in sent.items()}
    return any(given.values()) and all(a in held and held[a][0] in wholes for a, wholes in given.items() if wholes)
