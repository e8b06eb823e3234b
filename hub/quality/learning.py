"""A hub that learns by itself, also when its records come one at a time: where a customer type has records enough and no
model of them, one is trained, and proposed with what it would change, or promoted where the configuration says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hub import db
from hub.matching import store
from hub.matching.compare.model import Model, differences, with_info
from hub.matching.recipe import read_recipe
from hub.matching.store.models import StoredModel
from hub.quality.promotion import dry_run, promote
from hub.resolve.backlog import LEAST_TO_TRAIN
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config

GROWN = 4  # times the records that the newest model was trained on, from which another is worth it
TRIED_AT_MOST = 5_000  # records of a type up to which a dry run keeps writers waiting no longer than seconds
WOULD_CHANGE = "would_change"  # in a model's info: what its dry run counted


@dataclass(frozen=True, slots=True)
class Weighing:
    """Which model weighs a customer type's records. `proposed`: the number of a newer one that waits for somebody's word,
    `would_change`: what its dry run counted; None where it was not tried."""

    type: str
    told: str
    proposed: int | None = None
    would_change: Mapping[str, int] | None = None

    @property
    def words(self) -> str:
        if self.proposed is None:
            return self.told
        number = self.proposed
        if self.would_change is None:
            return f"{self.told}; model {number} is proposed: hub model promote {number} --dry-run"
        counts = ", ".join(f"{n:,} {what}" for what, n in self.would_change.items() if n) or "nothing"
        return f"{self.told}; model {number} is proposed and would change {counts}: hub model promote {number}"


def weighing(connection: Connection, config: Config) -> list[Weighing]:
    """The model in force of each customer type, and what is proposed."""
    recipe = read_recipe(connection, config)
    found = []
    for name, model in recipe.models.items():
        newest = _newest(store.models(connection, name))
        if newest is None or newest.status != "candidate":
            found.append(Weighing(name, model.told))
        else:
            tried = json.loads(newest.body)["info"].get(WOULD_CHANGE)
            found.append(Weighing(name, model.told, newest.id, tried))
    return found


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model that was trained: what it decides now, on how many records it was trained, what its dry run counted, and where
    it weighs otherwise than the one in force: (where, there, here)."""

    number: int
    type: str
    status: str  # candidate, promoted, retired
    trained_at: int
    promoted_at: int | None
    records: int | None
    would_change: Mapping[str, int] | None
    differs: tuple[tuple[str, str, str], ...]
    wanted: str  # what is to be done with it: try, promote; nothing
    wanted_by: str
    wanted_at: int | None


def versions(database: db.Units) -> list[ModelVersion]:
    """All models, the newest first."""
    with database.read() as connection:
        stored = store.models(connection)
    force = {m.type: Model.from_json(m.body) for m in stored if m.status == "promoted"}
    found = []
    for m in reversed(stored):
        info, other = json.loads(m.body)["info"], force.get(m.type)
        differs = differences(other, Model.from_json(m.body)) if other is not None and m.status != "promoted" else ()
        records, tried = info.get("records"), info.get(WOULD_CHANGE)
        found.append(
            ModelVersion(
                number=m.id,
                type=m.type,
                status=m.status,
                trained_at=m.trained_at,
                promoted_at=m.promoted_at,
                records=records,
                would_change=tried,
                differs=tuple(differs),
                wanted=m.asked,
                wanted_by=m.asked_by,
                wanted_at=m.asked_at,
            )
        )
    return found


def due(database: db.Units, config: Config) -> list[str]:
    """The customer types with records enough for a first model, or for another."""
    with database.read() as connection:
        return [
            name
            for name, customer in config.customers.items()
            if customer.learn != "never" and store.count_living(connection, name) >= _enough(connection, name)
        ]


def learn(resolver: Resolver, lease: db.Lease) -> list[str]:
    """Train what is due, and propose or promote it; the types. What is to be resolved first goes first: a model knows what stands."""
    types = due(resolver.database, resolver.config)
    for name in types:
        number = Bulk(resolver).train_candidate(name)
        if resolver.config.customers[name].learn == "promote":
            promote(resolver, number)
            continue
        with resolver.database.read() as connection:
            few = store.count_living(connection, name) <= TRIED_AT_MOST
        if few:
            changes = dry_run(resolver, number).counts()
            with resolver.database.unit(urgent=False) as connection:
                lease.check(connection)
                note_changes(connection, number, changes)
    return types


def _enough(connection: Connection, name: str) -> int:
    newest = _newest(store.models(connection, name))
    trained_on = 0 if newest is None else int(json.loads(newest.body)["info"].get("records", 0))
    return max(LEAST_TO_TRAIN, GROWN * trained_on)


def _newest(models: list[StoredModel]) -> StoredModel | None:
    """The one trained or promoted last: an older candidate is none any more."""
    return max(models, key=lambda m: max(m.trained_at, m.promoted_at or 0), default=None)


def note_changes(connection: Connection, number: int, changes: Mapping[str, int]) -> None:
    """Keep with a model what its dry run counted."""
    found = next(m for m in store.models(connection) if m.id == number)
    model = with_info(Model.from_json(found.body), **{WOULD_CHANGE: dict(changes)})
    store.note_model(connection, number, model.to_json())
