"""Landed records of interactions -> their rows, in the unit in which they land."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from hub.errors import BadRecord
from hub.interactions import store
from hub.interactions.row import Interaction, Reading
from hub.landing import store as landing

Readings = Mapping[tuple[str, str], Reading]


def derived(connection: Connection, readings: Readings, rids: Collection[int]) -> dict[int, Interaction]:
    """What the versions that hold now say, of records that live and can be read."""
    infos = landing.records(connection, rids)
    alive = {rid: i for rid, i in infos.items() if i.alive and (i.id.source, i.id.stream) in readings}
    found: dict[int, Interaction] = {}
    for rid, version in landing.latest_versions(connection, alive).items():
        if version.raw is None:
            continue
        try:
            found[rid] = readings[alive[rid].id.source, alive[rid].id.stream].read(version.raw)
        except BadRecord:  # landed under a configuration that could read it: it is on nobody's page
            continue
    return found


def derive(connection: Connection, readings: Readings, rids: Collection[int]) -> None:
    """Bring the rows of these records up to date."""
    found = derived(connection, readings, rids)
    store.remove(connection, set(rids) - found.keys())
    store.save(connection, found.items())
