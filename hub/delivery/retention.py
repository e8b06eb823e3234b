"""How long the log of deliveries is kept. What waits is never forgotten."""

from __future__ import annotations

from hub.db import Units
from hub.delivery import subscription_store as store

KEPT = 30 * 86_400_000_000  # microseconds after their end
SOME = 2000  # forgotten in one unit


def forget_old(database: Units) -> int:
    """Deliveries that came to an end long ago leave the log, some at a time. How many."""
    before, count = database.clock.now() - KEPT, 0
    while True:
        with database.read() as connection:
            ids = store.old(connection, before, SOME)
        if not ids:
            return count
        with database.unit(urgent=False) as connection:
            store.forget(connection, ids)
        count += len(ids)
