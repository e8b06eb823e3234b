"""How the hub is doing, on one screen: its sources, what waits, what is delivered, what is to be decided, what runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.db import Units
from hub.db.leases import held_now
from hub.delivery import store as write_backs
from hub.delivery import subscription_store as subscriptions
from hub.delivery.run import WriteBackConsumer, targets
from hub.golden_record import store as golden
from hub.landing import store as landing
from hub.landing.store.pulls import PullInfo, last_pulls
from hub.quality.learning import Weighing, weighing
from hub.settings import Config
from hub.stewardship import review_store as reviews
from hub.work import store as source_store


@dataclass(frozen=True, slots=True)
class Status:
    """Counts and times, no customers.

    pulls          the last pull of each stream; None: it was never pulled
    pending        records that landed and are not resolved
    changes        ever told of
    write_back     records by state, those to be made too
    deliveries     events of webhooks by state
    subscriptions  by state
    behind         changes that the slowest consumer of the outbox was not told yet
    lag            seconds since the oldest of them
    failing        sources whose last pull failed
    paused         sources that are not pulled until somebody resumes them
    held           streams to which too much would be written at once, until somebody confirms it
    reviews        two customers each of which somebody is to say whether they are one
    jobs           what runs now, and where
    models         which model weighs each customer type's records, and what is proposed
    """

    pulls: Mapping[tuple[str, str], PullInfo | None]
    pending: int
    changes: int
    write_back: Mapping[str, int]
    deliveries: Mapping[str, int]
    subscriptions: Mapping[str, int]
    behind: int
    lag: int
    failing: int
    paused: int
    held: Sequence[str]
    reviews: int
    jobs: Sequence[tuple[str, str]]
    models: Sequence[Weighing]

    def gauges(self) -> dict[str, int]:
        """For Prometheus: name -> value."""
        return {
            "hub_pending_records": self.pending,
            "hub_outbox_changes": self.changes,
            "hub_outbox_behind": self.behind,
            "hub_outbox_lag_seconds": self.lag,
            "hub_sources_failing": self.failing,
            "hub_sources_paused": self.paused,
            "hub_open_reviews": self.reviews,
            "hub_write_back_held_streams": len(self.held),
            **{f"hub_write_back_{s}": self.write_back.get(s, 0) for s in ("pending", "rejected", "tripped")},
            **{f"hub_deliveries_{s}": self.deliveries.get(s, 0) for s in ("pending", "done", "dead")},
            **{f"hub_subscriptions_{s}": self.subscriptions.get(s, 0) for s in ("active", "paused", "disabled")},
        }


def status(database: Units, config: Config) -> Status:
    """As it is now."""
    with database.read() as connection:
        pulled = last_pulls(connection)
        all_subscriptions = subscriptions.subscriptions(connection)
        deliveries: dict[str, int] = {}
        for states in subscriptions.totals(connection).values():
            for state, count in states.items():
                deliveries[state] = deliveries.get(state, 0) + count
        end = golden.last_seq(connection)
        consumers = [subscriptions.consumer_name(s.id) for s in all_subscriptions if s.state == "active"]
        consumers += [WriteBackConsumer.name] if targets(config) else []
        came = write_backs.positions(connection)
        slowest = min((came.get(name, 0) for name in consumers), default=end)
        oldest = golden.changes_after(connection, slowest, 1)
        sources = source_store.states(connection, config.sources).values()
        return Status(
            pulls={(s.name, t): pulled.get((s.name, t)) for s in config.sources.values() for t in s.streams},
            pending=landing.pending_count(connection),
            changes=end,
            write_back=Counter(write_backs.counts(connection)) + Counter(landing.creation_counts(connection)),
            deliveries=deliveries,
            subscriptions=_counted([s.state for s in all_subscriptions]),
            behind=end - slowest,
            lag=max(0, database.clock.now() - oldest[0].at) // 1_000_000 if oldest else 0,
            failing=sum(s.failures > 0 for s in sources),
            paused=sum(s.paused_at is not None for s in sources),
            held=[f"{h.source}.{h.stream}" for h in write_backs.held(connection) if not h.confirmed_by],
            reviews=reviews.open_count(connection),
            jobs=held_now(connection, database.clock.now()),
            models=weighing(connection, config),
        )


def _counted(words: Sequence[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}
