"""The first records of a hub: so few that no model is trained on them. The live path resolves them, as it does whatever
comes later; the bulk path would give the same, and its engines take longer to load than this takes to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.compare.model import Info
from hub.resolve.resolver import Resolver

LEAST_TO_TRAIN = 50  # living records of a type

Progress = Callable[[str, int, int], None]  # step, done, of


def quiet(_step: str, _done: int, _of: int) -> None:
    """No progress."""


@dataclass
class Report:
    """What resolving a backlog did."""

    standardised: int = 0
    pairs: int = 0
    clusters: int = 0
    changes: int = 0
    caught_up: int = 0
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)  # type -> blocks over their cap ...
    trained: dict[str, Info] = field(default_factory=dict)


def resolve_few(resolver: Resolver) -> Report | None:
    """Resolve what is pending, in one unit. None, and nothing done, when the hub holds too many records for that."""
    with resolver.database.unit(urgent=False) as connection:
        records = landing.some(connection, LEAST_TO_TRAIN)
        if len(records) == LEAST_TO_TRAIN:
            return None
        pending = [rid for rid, waits in records.items() if waits]
        changes = resolver.settle(connection, resolver.recipe(connection), pending, force=True)
        landing.settle_pending(connection, pending, max(landing.latest_of(connection, pending).values(), default=0))
        return Report(
            standardised=len(pending),
            pairs=len(matching_store.pairs_touching(connection, records)),
            clusters=len(set(matching_store.clusters_of(connection, records).values())),
            changes=len(changes),
        )
