"""Loads what the figures of customers are made of."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hub.figures.counted import FiguresOf
from hub.figures.owners import owners_of
from hub.golden_record.store import StoredCustomer
from hub.interactions import tally_store
from hub.interactions.tally import Tally
from hub.model import RecordId
from hub.settings import Config


def customers(
    connection: Connection, config: Config, found: Iterable[StoredCustomer], now: int
) -> dict[str, FiguresOf]:
    """What figures are worked out from, by customer id."""
    by_cluster = {c.cluster: c for c in found}
    named = owners_of(connection, config, by_cluster)
    owners: dict[RecordId, int] = {id: cluster for cluster, ids in named.items() for id in ids}
    made = {c.id: FiguresOf(config, c.type, c.values, [], now) for c in by_cluster.values()}
    tallies: dict[str, list[Tally]] = {id: [] for id in made}
    for tally in tally_store.of(connection, owners):
        tallies[by_cluster[owners[tally.owner]].id].append(tally)
    for id, customer in made.items():
        customer.tallies = tallies[id]
    return made
