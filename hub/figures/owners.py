"""Whose names a customer's rows go by: its records, and the contact points that it alone holds verified.

A contact point that two customers hold is nobody's. Nothing of this is stored: it is so for as long as it is so, whatever
lands, merges or falls apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from hub.golden_record import lookups, search_store
from hub.golden_record.run import records_of
from hub.golden_record.search_terms import tokens
from hub.interactions import store
from hub.kinds import KINDS
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.settings import CONTACT, Config

KINDS_OF_CONTACT = ("email", "phone")
NEAR = 20  # customers with a like contact point that are compared


def owners_of(connection: Connection, config: Config, clusters: Collection[int]) -> dict[int, list[RecordId]]:
    """Cluster -> the names of its records, of the deleted ones whose ids lead to it, and its contact points."""
    members = matching_store.members_of(connection, clusters)
    found = records_of(connection, members)
    if not store.any_of_contacts(connection):
        return found
    held = _held(connection, config, members)
    there = store.contacts_with_rows(connection, {p for points in held.values() for p in points})
    holding = holders(connection, config, there)
    for cluster, points in held.items():
        found[cluster] += sorted(p for p in points & there if holding[p] == {cluster})
    return found


def homes_of(connection: Connection, config: Config, owners: Iterable[RecordId]) -> dict[RecordId, int]:
    """Owner of a row -> the cluster of the customer that it leads to now; those that lead to none are left out."""
    names = set(owners)
    points = {n for n in names if n.source == CONTACT}
    infos = landing.records_named(connection, names - points)
    dead = [i.rid for i in infos.values() if not i.alive]
    heirs = matching_store.heirs(connection, dead)
    leads = {id: i.rid if i.alive else heirs.get(i.rid, (None, None))[1] for id, i in infos.items()}
    clusters = matching_store.clusters_of(connection, {r for r in leads.values() if r is not None})
    found = {id: clusters[rid] for id, rid in leads.items() if rid in clusters}
    holding = holders(connection, config, points)
    return found | {p: next(iter(held)) for p, held in holding.items() if len(held) == 1}


def holders(connection: Connection, config: Config, points: Iterable[RecordId]) -> dict[RecordId, set[int]]:
    """Contact point -> the clusters of the customers that hold it verified."""
    found: dict[RecordId, set[int]] = {}
    for point in sorted(set(points)):
        clusters = near(connection, config, point)
        held = _held(connection, config, matching_store.members_of(connection, clusters))
        found[point] = {cluster for cluster, own in held.items() if point in own}
    return found


def near(connection: Connection, config: Config, point: RecordId) -> set[int]:
    """Clusters of customers whose golden values may be this contact point."""
    value = f"+{point.key}" if point.stream == "phone" else point.key
    wanted = tuple(sorted(tokens(point.stream, value)))
    found: set[int] = set()
    for name, kind in config.customers.items():
        attributes = tuple(a for a, d in kind.attributes.items() if d.kind == point.stream)
        if attributes:
            branch = search_store.Branch(attributes, wanted, 0)
            hits = search_store.hits(connection, name, [[branch]], after=None, limit=NEAR)
            found |= lookups.clusters_named(connection, [h.customer for h in hits])
    return found


def _held(connection: Connection, config: Config, members: dict[int, set[int]]) -> dict[int, set[RecordId]]:
    """Cluster -> the contact points that its records say, of streams that have checked them."""
    every = [r for rids in members.values() for r in rids]
    infos, cells = landing.records(connection, every), matching_store.held(connection, every)
    found: dict[int, set[RecordId]] = {cluster: set() for cluster in members}
    for cluster, rids in members.items():
        for rid in rids & cells.keys():
            stream = config.stream(infos[rid].id.source, infos[rid].id.stream)
            kinds = config.customers[infos[rid].type].attributes
            for attribute, held in cells[rid].items():
                kind = kinds[attribute].kind if attribute in kinds else ""
                if kind in KINDS_OF_CONTACT and stream is not None and stream.is_verified(attribute):
                    forms = (KINDS[kind].forms(v).get("") for v in held.cell.values)
                    found[cluster] |= {RecordId(CONTACT, kind, str(f)) for f in forms if f}
    return found
