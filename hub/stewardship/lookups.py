"""Reads of matching's tables that doors need: pairs that nobody joined. SQL, no writes."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.matching.store import StoredPair


def open_pairs(connection: Connection, *, after: tuple[int, int], limit: int) -> list[StoredPair]:
    """Stored pairs whose records are in different clusters and on which no decision stands, in rid order.

    They are grey (between review and join) or were refused or cut although they weigh enough.
    """
    found = connection.execute(
        text(
            'SELECT p."left", p."right", p.weight, p.parts FROM pair p'
            ' JOIN membership a ON a.rid = p."left" JOIN membership b ON b.rid = p."right"'
            ' WHERE a.cluster <> b.cluster AND (p."left" > :left OR (p."left" = :left AND p."right" > :right))'
            ' AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.withdrawn_at IS NULL AND d."left" = p."left" AND d."right" = p."right")'
            ' ORDER BY p."left", p."right" LIMIT :limit'
        ),
        {"left": after[0], "right": after[1], "limit": limit},
    )
    return [StoredPair(*r) for r in found]
