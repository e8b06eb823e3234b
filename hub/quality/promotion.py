"""Promoting a model: everything is resolved anew by it. A dry run does just that and takes it all back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hub import db
from hub.delivery.run import fan_out
from hub.errors import NotFound
from hub.golden_record import store as golden_store
from hub.matching import store
from hub.resolve.backlog import Progress, quiet
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver

SAMPLES = 100


@dataclass
class Promotion:
    """What a promotion changes: golden records by type of change, records to look at for write-back."""

    changes: Counter[str] = field(default_factory=Counter)
    write_backs: int = 0
    customers: list[tuple[str, str]] = field(default_factory=list)  # (id, change), the first of them

    def counts(self) -> dict[str, int]:
        return {
            **{f"golden records {kind}": n for kind, n in sorted(self.changes.items())},
            "records to look at for write-back": self.write_backs,
        }

    def as_dict(self) -> dict[str, object]:
        return {"changes": dict(self.changes), "write_backs": self.write_backs, "customers": self.customers}


def promote(resolver: Resolver, number: int, *, progress: Progress = quiet) -> Promotion:
    """Make a model the one that decides, and resolve all records by it. NotFound: no such model."""
    with resolver.database.unit(urgent=False) as connection:
        found = next((m for m in store.models(connection) if m.id == number), None)
        if found is None:
            raise NotFound(f"there is no model {number}: see hub model list")
        last = golden_store.last_seq(connection)
        store.promote(connection, number, found.type, resolver.database.clock.now())
    Bulk(resolver, progress=progress).run(full=True, train=False)
    return _since(resolver, last)


def dry_run(resolver: Resolver, number: int, *, progress: Progress = quiet) -> Promotion:
    """What promoting a model would change, exactly: it is done and rolled back. Writers wait meanwhile."""
    with db.rehearsal(resolver.database) as stage:
        return promote(Resolver(stage, resolver.config), number, progress=progress)


def _since(resolver: Resolver, last: int) -> Promotion:
    with resolver.database.read() as connection:
        rows = golden_store.changed_since(connection, last)
    waiting = fan_out(resolver.database, resolver.config)
    return Promotion(Counter(kind for _, kind in rows), waiting, rows[:SAMPLES])
