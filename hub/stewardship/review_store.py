"""What the review queue is derived from: a join over other rooms' rows, which only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub import db
from hub.model import BIT


@dataclass(frozen=True, slots=True)
class OpenPair:
    """A stored pair in two clusters, with what ranks it."""

    left: int
    right: int
    weight: int
    parts: str
    left_cluster: int
    right_cluster: int
    type: str
    records: int  # in both customers


def open_pairs(connection: Connection) -> list[OpenPair]:
    """Every stored pair whose records are in different clusters: index look-ups, no golden record is read.

    In the order of the table, which is the cheapest way through it.
    """
    found = connection.exec_driver_sql(
        'SELECT p."left", p."right", p.weight, p.parts, a.cluster, b.cluster, c.type, c.size + d.size FROM pair p'
        ' JOIN membership a ON a.rid = p."left" JOIN membership b ON b.rid = p."right" AND b.cluster <> a.cluster'
        " JOIN customer c ON c.cluster = a.cluster JOIN customer d ON d.cluster = b.cluster"
        ' ORDER BY p."left", p."right"'
    )
    return [OpenPair(*r) for r in found]


def open_count(connection: Connection) -> int:
    """Between how many two customers something is to be decided: as of `items.pair_items`, counted where it is stored."""
    one, two = (f"CASE WHEN a.cluster {sign} b.cluster THEN a.cluster ELSE b.cluster END" for sign in "<>")
    open_ones = (
        f'SELECT {one} AS one, {two} AS two, max(p.weight) AS weight FROM pair p JOIN membership a ON a.rid = p."left"'
        ' JOIN membership b ON b.rid = p."right" AND b.cluster <> a.cluster GROUP BY 1, 2'
    )
    decided = (
        f'SELECT {one} AS one, {two} AS two, d.verdict, d.weight FROM decision d JOIN membership a ON a.rid = d."left"'
        ' JOIN membership b ON b.rid = d."right" AND b.cluster <> a.cluster'
        " WHERE d.withdrawn_at IS NULL AND d.verdict <> 'match'"
    )
    return db.number(
        connection,
        f"SELECT count(*) FROM ({open_ones}) o LEFT JOIN ({decided}) d ON d.one = o.one AND d.two = o.two"
        f" AND (d.verdict = 'no_match' OR {_level('d')} = {_level('o')}) WHERE d.one IS NULL",
    )


def _level(of: str) -> str:
    """As of `items.level`: the whole bits of a weight, downwards below nothing too."""
    return f"CASE WHEN {of}.weight >= 0 THEN {of}.weight / {BIT} ELSE -(({BIT} - 1 - {of}.weight) / {BIT}) END"


def decided_clusters(connection: Connection) -> list[Any]:
    """Standing decisions with the clusters of their two records, where those are in two."""
    return list(
        connection.exec_driver_sql(
            "SELECT d.id, d.verdict, d.weight, a.cluster AS one, b.cluster AS two FROM decision d"
            ' JOIN membership a ON a.rid = d."left" JOIN membership b ON b.rid = d."right"'
            " WHERE d.withdrawn_at IS NULL AND a.cluster <> b.cluster"
        )
    )


def orphaned_overrides(connection: Connection) -> list[Any]:
    """Standing overrides whose anchor is in no customer."""
    return list(
        connection.exec_driver_sql(
            'SELECT o.id, o.anchor, o.attribute, r.type FROM "override" o JOIN record r ON r.rid = o.anchor'
            " LEFT JOIN membership m ON m.rid = o.anchor WHERE o.withdrawn_at IS NULL AND m.rid IS NULL AND r.pending = 0 ORDER BY o.id"
        )
    )


def labels(connection: Connection) -> list[Any]:
    """What people said of pairs of living records, with the stored weight now (None: below review, or no candidates)."""
    return list(
        connection.exec_driver_sql(
            'SELECT d."left", d."right", d.verdict, p.weight, s.type FROM decision d JOIN standardised s ON s.rid = d."left" AND s.died IS NULL'
            ' JOIN standardised t ON t.rid = d."right" AND t.died IS NULL LEFT JOIN pair p ON p."left" = d."left" AND p."right" = d."right"'
            " WHERE d.withdrawn_at IS NULL AND d.verdict <> 'unsure' ORDER BY d.id"
        )
    )
