"""The one sequence: what a change touches is clustered anew, its heirs found, its golden records rebuilt.

Live requests, chunks of a bulk run and the dead of a bulk run all settle here, so that they cannot come to differ.
Within the caller's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub.golden_record import run as golden_run
from hub.golden_record.changes import Change
from hub.landing import store as landing
from hub.matching.clusters.heirs import Moved, settle_heirs
from hub.matching.clusters.recluster import Reclustered, recluster
from hub.matching.prepare import Ready
from hub.matching.recipe import Recipe
from hub.matching.refresh import Touched, refresh

NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What moved, by record.

    rids          their landed versions or writes changed
    seeds         ends of decisions that changed
    golden        only their golden record is to be looked at again
    made          rows made ready before, of some of `rids`
    force         `rids` are worked out anew even if they say what they said
    standardised  `rids` were standardised and keyed already, and their pairs saved
    clusters      what they are clustered to already
    """

    rids: frozenset[int] = NOBODY
    seeds: frozenset[int] = NOBODY
    golden: frozenset[int] = NOBODY
    made: Mapping[int, Ready] = field(default_factory=dict)
    force: bool = False
    standardised: bool = False
    clusters: Reclustered | None = None

    def __bool__(self) -> bool:
        return bool(self.rids or self.seeds or self.golden)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it."""

    clusters: Reclustered
    moves: Moved
    changes: list[Change]


NOTHING = Settled(Reclustered({}, {}, {}), Moved({}, {}), [])


def settle(connection: Connection, recipe: Recipe, given: Unsettled, *, at: int) -> Settled:
    """Work out anew what a change touches, and save it. `at`: now, for history and for values with a term."""
    if not given:
        return NOTHING
    known = given.standardised or given.clusters is not None
    touched = (
        Touched(given.rids) if known else refresh(connection, recipe, given.rids, force=given.force, made=given.made)
    )
    seeds = given.seeds | given.golden
    if given.clusters is None:
        clusters = recluster(connection, recipe, touched, seeds)
        clusters.save(connection)
        moves = settle_heirs(connection, recipe, touched, clusters, seeds)
    else:
        clusters, moves = given.clusters, Moved({}, {})
        clusters.save(connection)
    # only what was folded here: a companion whose newer version waits for the bulk path goes on waiting
    waiting = [i for i in map(clusters.infos.get, given.rids) if i is not None and i.pending]
    anew = {i.rid for i in waiting} if known else touched.records
    changes = golden_run.rebuild(
        connection,
        recipe,
        clusters,
        moves,
        anew | given.golden,
        at=at,
        now=at,
        held=touched.known.held(connection, ()),
    )
    landing.settle_pending(connection, [i.rid for i in waiting], max((i.latest for i in waiting), default=0))
    return Settled(clusters, moves, changes)
