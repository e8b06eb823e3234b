"""Sources as their keepers see them: pull what is due, nudge, pause, resume, and how each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from hub.db import Lease
from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.landing.store import PullInfo, SetAside
from hub.resolve.resolver import Resolver
from hub.settings import Source
from hub.work import cycle, store
from hub.work.schedules import SourceState, What, due

log = structlog.get_logger()

Change = Callable[[SourceState, int], SourceState]


@dataclass(frozen=True)
class SourceStatus:
    """A source, what happened to it last, and the last pull of each of its streams."""

    source: Source
    state: SourceState
    pulls: Mapping[str, PullInfo]


def is_due(resolver: Resolver, source: str) -> What | None:
    """What is to be done with a source by now. From the first look on it is looked after: its times of day count."""
    now = resolver.database.clock.now()
    state = _state(resolver, source)
    if not state.seen:
        state = replace(state, seen=now)
        _change(resolver, source, lambda kept, _: replace(kept, seen=now))
    return due(state, resolver.config.sources[source], now)


def pull_due(resolver: Resolver, source: str, lease: Lease | None = None) -> bool:
    """Pull a source if it is time. `lease`: of its pulls, where the caller holds it."""
    state = _state(resolver, source)
    what = due(state, resolver.config.sources[source], resolver.database.clock.now())
    if what is None:
        return False
    for one in cycle.pull(resolver, [source], reconcile=what == "reconcile", lease=lease):
        log.info("pulled", source=source, stream=one.stream, **one.counts(), failed=bool(one.error))
    cycle.match(resolver)
    after = _state(resolver, source)
    if after.paused_at is not None and state.paused_at is None:
        log.error("source paused", source=source, failures=after.failures)
    return True


def nudge(resolver: Resolver, source: str) -> None:
    """Something changed there: pull it soon, whatever its schedule. NotFound when there is no such source."""
    _change(resolver, source, lambda state, now: replace(state, nudged=max(now, state.started + 1)))


def pause(resolver: Resolver, source: str, *, by: str, why: str) -> None:
    """Pull it no more by schedule or nudge, until it is resumed."""
    _change(resolver, source, lambda state, now: replace(state, paused_at=now, paused_by=by, paused_why=why))


def resume(resolver: Resolver, source: str) -> None:
    """Pull it by its schedule again, and soon: what failed before is forgotten."""

    def resumed(state: SourceState, now: int) -> SourceState:
        fresh = replace(state, paused_at=None, paused_by="", paused_why="", failures=0, wait_until=0)
        return replace(fresh, nudged=max(now, state.started + 1))

    _change(resolver, source, resumed)


def listed(resolver: Resolver) -> list[SourceStatus]:
    """Every source and how it is."""
    with resolver.database.read() as connection:
        known, pulls = store.states(connection, resolver.config.sources), landing.last_pulls(connection)
    return [
        SourceStatus(
            source, known[name], {stream: pulls[name, stream] for stream in source.streams if (name, stream) in pulls}
        )
        for name, source in resolver.config.sources.items()
    ]


def set_aside(resolver: Resolver, source: str, *, limit: int = 200) -> list[SetAside]:
    """Rows of a source that could not land, the newest first, without what they hold. NotFound."""
    _known(resolver, source)
    with resolver.database.read() as connection:
        return landing.quarantined(connection, source, limit)


def _change(resolver: Resolver, source: str, change: Change) -> None:
    _known(resolver, source)
    with resolver.database.unit() as connection:
        store.save(connection, change(store.state(connection, source), resolver.database.clock.now()))


def _state(resolver: Resolver, source: str) -> SourceState:
    with resolver.database.read() as connection:
        return store.state(connection, source)


def _known(resolver: Resolver, source: str) -> None:
    if source not in resolver.config.sources:
        known = ", ".join(resolver.config.sources)
        raise NotFound("no such source", [Fault("/source", f"no source '{source}' is configured", f"known: {known}")])
