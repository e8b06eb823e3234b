"""What is kept for so long and no longer: interactions whose types purposes name with a time (`keeps` in purposes.yaml).
Whole customers are `outliving`.

A type goes when no purpose that names it has a use for it any more: the longest time counts. What no purpose names stays.
Shown first, then removed, some in each unit: the rows as they came, what is read of them, and what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.db import Lease
from hub.interactions import run as interactions
from hub.interactions import store
from hub.landing.store import erasing
from hub.resolve.resolver import Resolver
from hub.settings import Config, duration_micros
from hub.tasks import hold_store

SOME = 500  # removed in one unit


@dataclass(frozen=True, slots=True)
class Outlived:
    """A type of interactions, until when it is kept (microseconds), for which purposes, and how many are older."""

    type: str
    before: int
    purposes: tuple[str, ...]
    count: int


def kept_for(config: Config) -> Mapping[str, tuple[int, tuple[str, ...]]]:
    """Type of interactions or customers -> how long it is kept, in microseconds, and the purposes that say so. Pure."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for name, purpose in config.purposes.items():
        for type_name, text in purpose.keeps.items():
            longest, by = found.get(type_name, (0, ()))
            found[type_name] = (max(longest, duration_micros(text)), (*by, name))
    return found


class Retention:
    """Of one hub."""

    def __init__(self, resolver: Resolver):
        self.resolver, self.database, self.config = resolver, resolver.database, resolver.config

    def preview(self) -> list[Outlived]:
        """What would go now; nothing does."""
        now = self.database.clock.now()
        with self.database.read() as connection:
            return [
                Outlived(name, now - kept, by, store.count_older(connection, name, now - kept))
                for name, (kept, by) in sorted(kept_for(self.config).items())
                if name in self.config.interactions
            ]

    def remove(self, lease: Lease | None = None) -> dict[str, int]:
        """Remove what is older; how many of each type. Conflict: the lease is lost."""
        done: dict[str, int] = {}
        for outlived in self.preview():
            while outlived.count:
                with self.database.unit(urgent=False) as connection:
                    if lease is not None:
                        lease.check(connection)
                    rids = store.older(connection, outlived.type, outlived.before, SOME)
                    if not rids:
                        break
                    erasing.empty_records(connection, rids, self.database.clock.now())
                    interactions.derive(connection, self.resolver.readings, rids)
                    hold_store.forget(connection, rids)
                    erasing.drop_records(connection, rids)
                done[outlived.type] = done.get(outlived.type, 0) + len(rids)
        return done
