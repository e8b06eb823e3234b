"""One cycle of the hub's work: pull what sources have, resolve it, push what they should have."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from hub import db
from hub.connectors.registry import connect
from hub.db import Lease
from hub.db.leases import held_now
from hub.errors import ConfigError, Fault
from hub.golden_record import store as golden_store
from hub.landing import store as landing
from hub.resolve.backlog import Progress, Report, quiet, resolve_few
from hub.resolve.resolver import Resolver
from hub.settings import Config, Source
from hub.work import store
from hub.work.pull import Pull, Pulled
from hub.work.schedules import after_pull, broken_off

if TYPE_CHECKING:
    from hub.access.read import Reader
    from hub.delivery.run import Pushed
    from hub.delivery.write_back import Making, Plan
    from hub.model import RecordId
    from hub.resolve.bulk import Engine

PUSHES = "push"  # the lease of write-back
PullProgress = Callable[[Pulled], None]


def pull(
    resolver: Resolver,
    sources: Collection[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    allow_deletes: bool = False,
    allow_losses: bool = False,
    reconcile: bool = False,
    progress: PullProgress | None = None,
    lease: Lease | None = None,
) -> list[Pulled]:
    """Pull these sources (none named: all). A source that fails is told in its result; the others go on.

    reconcile: read all anew, and find what increments miss, deletes too.
    lease: that of the one source, where the caller holds it; else each is waited for: nobody pulls a source twice at once.
    Conflict when another process took it over meanwhile.
    """
    config = resolver.config
    unknown = [s for s in sources if s not in config.sources]
    if unknown:
        raise ConfigError([Fault(s, "no such source", f"known: {', '.join(config.sources)}") for s in unknown])
    given = os.environ if env is None else env
    resolver.reread()
    live = is_live(resolver)
    pulled: list[Pulled] = []
    for name in sources or config.sources:
        with nullcontext(lease) if lease else db.leased(resolver.database, pull_lease(name), wait=True) as held:
            started, first = resolver.database.clock.now(), len(pulled)
            for stream, settings in config.sources[name].streams.items():
                one = Pull(
                    resolver,
                    name,
                    stream,
                    complete=settings.listing == "complete",
                    allow_deletes=allow_deletes,
                    allow_losses=allow_losses,
                    afresh=reconcile,
                    progress=progress,
                    lease=held,
                )
                pulled.append(_pulled(one, config, name, given, live))
            _remember(resolver, config.sources[name], pulled[first:], started, reconcile)
    return pulled


def pull_lease(source: str) -> str:
    """The name of the lease of a source's pulls."""
    return f"pull {source}"


def _pulled(one: Pull, config: Config, source: str, env: Mapping[str, str], live: bool) -> Pulled:
    try:
        connector = connect(config.sources[source], env=env, base_folder=config.folder)
    except ConfigError as error:
        one.result.error = str(error)
        return one.result
    return one.run(connector, live=live)


def _remember(resolver: Resolver, source: Source, done: Sequence[Pulled], started: int, reconciled: bool) -> None:
    """How the source is now, for its schedule."""
    error = next((f"{one.stream}: {one.error}" for one in done if one.error and not one.own), "")
    wait = max((one.wait for one in done), default=0.0)
    with resolver.database.unit(urgent=False) as connection:
        known, ended = store.state(connection, source.name), resolver.database.clock.now()
        if not error and any(one.own for one in done):
            store.save(connection, broken_off(known, ended))
            return
        after = after_pull(
            known,
            source,
            started=started,
            ended=ended,
            error=error[:2000],
            wait=wait,
            reconciled=reconciled,
            pauses=any(one.pauses for one in done),
        )
        store.save(connection, after)


def is_live(resolver: Resolver) -> bool:
    """Are there golden records already, and no backlog? Then small pulls resolve row by row."""
    with resolver.database.read() as connection:
        known = golden_store.any_customer(connection)
        return known and landing.pending_count(connection) == 0


def is_waiting(resolver: Resolver) -> bool:
    """Are there records that nobody resolves: none of the pulls that land them goes on?"""
    pulls = {pull_lease(source) for source in resolver.config.sources}
    with resolver.database.read() as connection:
        if not landing.pending_count(connection):
            return False
        return not pulls & {name for name, _ in held_now(connection, resolver.database.clock.now())}


def match(
    resolver: Resolver, *, full: bool = False, progress: Progress | None = None, engine: Engine | None = None
) -> Report | None:
    """Resolve what is pending, by whichever path suits the backlog, or in bulk by an engine. None when nothing was."""
    resolver.reread()
    with resolver.database.read() as connection:
        waiting = landing.pending_count(connection)
    if not waiting and not full:
        return None
    if not full and engine is None and (found := resolve_few(resolver)):
        return found
    from hub.resolve.bulk import Bulk  # here: its engines take longer to load than a small pull takes

    return Bulk(resolver, progress=progress or quiet, engine=engine).run(full=full)


def push(
    resolver: Resolver, reader: Reader, *, env: Mapping[str, str] | None = None, lease: Lease | None = None
) -> Pushed:
    """Write back what waits.

    lease: where the caller holds it; else it is waited for: nobody writes to a source twice at once. Conflict when another
    process took it over meanwhile.
    """
    from hub.delivery.run import Push

    with nullcontext(lease) if lease else db.leased(resolver.database, PUSHES, wait=True) as held:
        return Push(resolver, reader, env=env, lease=held).run()


def planned(
    resolver: Resolver, reader: Reader
) -> tuple[Iterator[tuple[RecordId, Plan]], Iterator[tuple[tuple[str, str], RecordId, Making]]]:
    """Every write that a push would make now, and then every record that it would make."""
    from hub.delivery.run import Push

    push = Push(resolver, reader)
    return push.planned(), push.planned_new()
