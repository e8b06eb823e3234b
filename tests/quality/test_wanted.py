"""What people want done with a model is done by a job, once, and found again by the next process; the pairs at its edge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.db import Database, leased
from hub.errors import Conflict, NotFound
from hub.matching import store
from hub.matching.compare.model import Model, default_model
from hub.model import BIT
from hub.quality import wanted
from hub.quality.edges import edge
from hub.quality.learning import ModelVersion, versions
from hub.quality.promotion import dry_run
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from tests import tiny
from tests.quality.test_learning import fed


def kept(database: Database, model: Model) -> int:
    with database.unit() as connection:
        return store.add_model(connection, "person", model.hash, model.to_json(), database.clock.now())


def done(resolver: Resolver) -> None:
    with leased(resolver.database, "models wanted", wait=False) as lease:
        assert lease is not None
        wanted.work(resolver, lease)


def version(database: Database, number: int) -> ModelVersion:
    return next(v for v in versions(database) if v.number == number)


def test_a_model_is_tried_promoted_and_gone_back_from(database: Database) -> None:
    resolver = fed(database)
    shipped = default_model(resolver.config.customers["person"])
    first, strict = kept(database, shipped), kept(database, replace(shipped, join=shipped.join + 60 * BIT))
    for number in (first, strict):
        wanted.want(database, number, "promote", by="lea")
        done(resolver)
        assert version(database, number).status == "promoted" and wanted.wanted(database) is None
    apart = tiny.partition(database)
    with pytest.raises(Conflict, match="in force"):
        wanted.want(database, strict, "promote", by="lea")
    wanted.want(database, first, "try", by="lea")
    with pytest.raises(Conflict, match="worked on"):
        wanted.want(database, first, "promote", by="ann")
    counts = dry_run(resolver, first).counts()
    done(resolver)
    assert version(database, first).would_change == counts and sum(counts.values())
    assert tiny.partition(database) == apart
    wanted.want(database, first, "promote", by="lea")
    done(resolver)
    assert len(tiny.partition(database)) < len(apart) and not Verify(resolver).run().differences
    with pytest.raises(NotFound):
        wanted.want(database, 77, "try", by="lea")


def test_the_pairs_at_the_edge_are_those_that_a_model_treats_otherwise(database: Database) -> None:
    resolver = fed(database)
    shipped = default_model(resolver.config.customers["person"])
    first, strict = kept(database, shipped), kept(database, replace(shipped, join=shipped.join + 60 * BIT))
    wanted.want(database, first, "promote", by="lea")
    done(resolver)
    there = edge(database, resolver.config, first)
    assert there.in_force and there.above == len(there.joined) and all(p.now == p.then for p in there.joined)
    found = edge(database, resolver.config, strict)
    assert not found.joined and len(found.parted) == there.above > 0
    with pytest.raises(NotFound):
        edge(database, resolver.config, 77)
