"""The pairs nearest to a threshold: how a model weighs them, beside the one in force. Reads alone; nobody waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from hub import db
from hub.errors import Fault, NotFound
from hub.landing import store as landing
from hub.matching import store
from hub.matching.compare.model import Model
from hub.matching.compare.score import weigh
from hub.matching.recipe import read_recipe
from hub.model import RecordId
from hub.settings import Config

LOOKED_AT = 1_000  # pairs on each side


@dataclass(frozen=True, slots=True)
class EdgePair:
    """Two records, what they weigh now, and by the model that is looked at (milli-bits)."""

    left: RecordId
    right: RecordId
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Of one model: `joined` are pairs that it joins, `parted` those that it does not, each nearest to its threshold first;
    of a model that is not in force only those that the one in force treats otherwise.

    looked  pairs that were weighed
    above   stored pairs that are joined now; below: those that are not
    """

    type: str
    in_force: bool
    looked: int
    above: int
    below: int
    joined: tuple[EdgePair, ...]
    parted: tuple[EdgePair, ...]


def edge(database: db.Units, config: Config, number: int) -> Edge:
    """NotFound: no such model."""
    with database.read() as connection:
        found = store.model_numbered(connection, number)
        if found is None or found.type not in config.customers:
            raise NotFound("no such model", [Fault("/number", f"there is no model {number}", "see the list of models")])
        model, force = Model.from_json(found.body), read_recipe(connection, config).models[found.type]
        near = store.nearest_pairs(connection, found.type, force.join, LOOKED_AT)
        forms = store.forms(connection, {r for left, right, _ in near for r in (left, right)})
        pairs = [(left, right, now, weigh(forms[left], forms[right], model).weight) for left, right, now in near]
        in_force = found.status == "promoted"
        crossing = [p for p in pairs if in_force or (p[2] >= force.join) != (p[3] >= model.join)]
        infos = landing.records(connection, {r for p in crossing for r in p[:2]})
        counts = store.count_pairs(connection, found.type, force.join)
    crossing.sort(key=lambda p: (abs(p[3] - model.join), p[0], p[1]))
    made = [EdgePair(infos[left].id, infos[right].id, now, then) for left, right, now, then in crossing]
    joined, parted = [p for p in made if p.then >= model.join], [p for p in made if p.then < model.join]
    return Edge(found.type, in_force, len(near), *counts, tuple(joined), tuple(parted))
