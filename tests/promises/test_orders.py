"""The same 200 events in many orders, and many ways to undo: on the pure core and through each database.

`make test` samples; `make prove` (HUB_PROVE=1) runs the full counts: 1,000 orders and 10,000 undo
sequences on the pure core, 100 and 1,000 through each database.
"""

from __future__ import annotations

import os
import random
from typing import Any

from hub.db import Database
from hub.errors import Conflict, Gone, NotFound
from hub.golden_record.run import standings
from hub.golden_record.survivorship import Member, golden_values
from hub.landing.fold import fold
from hub.matching.clusters.cluster import Cluster, Limits, cluster, components
from hub.matching.clusters.decisions import check
from hub.matching.recipe import hash_values
from hub.model import BIT, Cell, Decision, Pair, RecordId, Verdict, Version
from hub.quality.verify import Verify
from tests import tiny
from tests.conftest import empty
from tests.steward import Steward

PROVE = os.environ.get("HUB_PROVE") == "1"
PURE_ORDERS, PURE_UNDOS = (1_000, 10_000) if PROVE else (40, 200)
ORDERS, UNDOS = (100, 1_000) if PROVE else (2, 6)
EVENTS = 200

NAMES = [RecordId(s, "people", str(k)) for s in ("bill", "crm", "web") for k in range(12)]
WEIGHT = {"given_name": 3 * BIT, "family_name": 2 * BIT, "email": 9 * BIT, "phone": 7 * BIT}
LIMITS = Limits(8 * BIT, 4, 6, 2 * BIT)
VALUES = {
    "given_name": ["Anna", "Hanna", "Otto"],
    "family_name": ["Maier", "Meyer"],
    "email": ["a@x.example", "b@x.example", "c@x.example", "d@x.example"],
    "phone": ["+4915112345678", "+4915187654321", "+4915111112222"],
}

Landed = Version
World = dict[Cluster, dict[str, Any]]


# --- the pure core: everything from the set, with nothing stored ----------------------------------------


def draw_versions(dice: random.Random, names: list[RecordId], count: int) -> list[Landed]:
    made = []
    for number in range(count):
        id = dice.choice(names)
        tombstone = dice.random() < 0.12
        cells = {} if tombstone else {a: Cell((dice.choice(v),)) for a, v in VALUES.items() if dice.random() < 0.7}
        order = (f"{dice.randrange(6):020d}", int(tombstone), f"{number:04d}" if not tombstone else "deleted")
        made.append(Version(id, order, number + 1, cells, dice.choice([None, 1, 2, 3])))
    return made


def weigh(left: dict[str, Any], right: dict[str, Any]) -> int:
    """A toy scorer: agreement counts, disagreement costs one bit."""
    shared = left.keys() & right.keys() & WEIGHT.keys()
    return sum(WEIGHT[a] if left[a].cell.values == right[a].cell.values else -BIT for a in shared)


def world(versions: list[Landed], decisions: list[Decision], dice: random.Random) -> World:
    """Customers as members -> golden values, with every collection in a drawn order."""
    by_record: dict[RecordId, list[Landed]] = {}
    for v in versions:
        by_record.setdefault(v.record, []).append(v)
    folded = {
        r: f for r, vs in by_record.items() if (f := fold(vs, [], hash_values, partial=r.source == "web")) is not None
    }
    living = [r for r, f in folded.items() if f.died is None]
    dice.shuffle(living)
    weights = {
        Pair.of(a, b): w
        for n, a in enumerate(living)
        for b in living[n + 1 :]
        if (w := weigh(dict(folded[a].held), dict(folded[b].held))) >= LIMITS.join
    }
    matches = [
        d.pair for d in decisions if d.verdict is Verdict.MATCH and d.pair.left in folded and d.pair.right in folded
    ]
    matches = [p for p in matches if folded[p.left].died is None and folded[p.right].died is None]
    apart = [d.pair for d in decisions if d.verdict is Verdict.NO_MATCH]
    found: World = {}
    for component in components(living, [*weights, *matches]):
        for c in cluster(component, weights, matches=matches, apart=apart, limits=LIMITS).clusters:
            members = [Member(r, 0, folded[r].held, standings(tiny.CONFIG, r.source, r.stream)) for r in c]
            dice.shuffle(members)
            golden = golden_values(members, [], tiny.CONFIG.customers["person"], 0)
            found[c] = {a: (sorted(map(str, g.values)), g.rule) for a, g in golden.items()}
    return found


def accept(decisions: list[Decision]) -> list[Decision]:
    standing: list[Decision] = []
    for decision in decisions:
        try:
            check(standing, decision)
        except Conflict:
            continue
        standing.append(decision)
    return standing


def draw_decisions(dice: random.Random, names: list[RecordId], count: int) -> list[Decision]:
    return [
        Decision(n, Pair.of(*dice.sample(names, 2)), dice.choice([Verdict.MATCH, Verdict.NO_MATCH]))
        for n in range(count)
    ]


def test_any_order_of_the_same_events_gives_the_same_customers() -> None:
    dice = random.Random(1)
    versions, decisions = draw_versions(dice, NAMES, EVENTS - 20), accept(draw_decisions(dice, NAMES, 20))
    expected = world(versions, decisions, dice)
    assert len(expected) > 3
    assert max(map(len, expected)) > 1
    for _ in range(PURE_ORDERS):
        dice.shuffle(versions)
        dice.shuffle(decisions)
        assert len(accept(decisions)) == len(decisions)  # in no order is one of them refused
        assert world([*versions, *versions[:5]], decisions, dice) == expected


def test_what_is_withdrawn_in_any_order_was_never_made() -> None:
    dice = random.Random(2)
    for _ in range(PURE_UNDOS):
        names = dice.sample(NAMES, 8)
        versions = draw_versions(dice, names, 14)
        made = accept(draw_decisions(dice, names, 6))
        standing = list(made)
        for decision in dice.sample(made, dice.randint(0, len(made))):
            standing.remove(decision)
        assert world(versions, standing, dice) == world(versions, [d for d in made if d in standing], dice)
        again = accept([*standing, *(d for d in made if d not in standing)])  # made anew after they were withdrawn
        assert world(versions, again, dice) == world(versions, made, dice) if len(again) == len(made) else True


# --- through a database --------------------------------------------------------------------------------


def draw_rows(dice: random.Random, count: int) -> list[tuple[RecordId, dict[str, Any]]]:
    rows = []
    for _ in range(count):
        id = dice.choice(tiny.IDS)
        raw: dict[str, Any] = {
            "id": id.key,
            "v": dice.randint(1, 30),
            "at": f"2023-01-{dice.randint(1, 28):02d}T00:00:00Z",
        }
        if dice.random() < 0.1:
            raw["gone"] = True
        else:
            raw.update({a: dice.choice(v) for a, v in VALUES.items() if dice.random() < 0.7})
            raw["phone_from"] = raw["phone_to"] = None
        rows.append((id, raw))
    return rows


class Run:
    """One hub fed event by event; a decision that cannot be made yet is tried again after each landing."""

    def __init__(self, database: Database):
        empty(database)
        self.database, self.resolver = database, tiny.resolver(database)
        self.made: dict[tuple[Pair, Verdict], int] = {}

    def decide(self, pair: Pair, verdict: Verdict) -> bool:
        try:
            self.made[pair, verdict] = Steward(self.resolver).decide(*pair, verdict, by="ann", reason="")
        except (NotFound, Gone, Conflict):
            return False
        return True

    def feed(
        self, rows: list[tuple[RecordId, dict[str, Any]]], decisions: list[tuple[Pair, Verdict]], dice: random.Random
    ) -> None:
        waiting = list(decisions)
        for id, raw in rows:
            self.resolver.upsert(id.source, id.stream, [raw])
            if waiting and dice.random() < 0.3:
                waiting = [d for d in waiting if not self.decide(*d)]
        for d in waiting:
            assert self.decide(*d)

    def withdraw(self, decision: tuple[Pair, Verdict]) -> None:
        Steward(self.resolver).withdraw(self.made.pop(decision), by="ann", why="mistake")


def test_any_order_through_the_database_gives_the_same_customers(database: Database) -> None:
    dice = random.Random(3)
    rows = draw_rows(dice, EVENTS - 8)
    first = Run(database)
    first.feed(rows, [], dice)
    tried = [(Pair.of(*dice.sample(tiny.IDS, 2)), dice.choice([Verdict.MATCH, Verdict.NO_MATCH])) for _ in range(12)]
    accepted = [d for d in dict.fromkeys(tried) if first.decide(*d)]
    assert accepted
    expected = tiny.nameless(tiny.answer(database))
    for _ in range(ORDERS):
        dice.shuffle(rows)
        dice.shuffle(accepted)
        again = Run(database)
        again.feed([*rows, *rows[:5]], accepted, dice)
        assert tiny.nameless(tiny.answer(database)) == expected
    found = Verify(again.resolver).run()
    assert not found.total, found.samples


def test_any_undo_through_the_database_is_as_if_never_done(database: Database) -> None:
    dice = random.Random(4)
    for number in range(UNDOS):
        rows = draw_rows(dice, 8)
        hub = Run(database)
        hub.feed(rows, [], dice)
        drawn = dict.fromkeys(
            (Pair.of(*dice.sample(tiny.IDS, 2)), dice.choice([Verdict.MATCH, Verdict.NO_MATCH])) for _ in range(5)
        )
        states = [tiny.answer(database)]
        made = []
        for d in drawn:
            if hub.decide(*d):
                made.append(d)
                states.append(tiny.answer(database))
        for d in reversed(made):  # step by step back: each state as it was
            assert tiny.answer(database) == states.pop()
            hub.withdraw(d)
        assert tiny.answer(database) == states.pop()
        for d in dice.sample(made, len(made)):  # and again, taken back in another order
            assert hub.decide(*d)
        for d in dice.sample(made, len(made)):
            hub.withdraw(d)
        later = draw_rows(dice, 2)
        hub.feed(later, [], dice)
        assert_as_if(database, hub, [*rows, *later], number)


def assert_as_if(database: Database, hub: Run, rows: list[tuple[RecordId, dict[str, Any]]], number: int) -> None:
    """The same as a hub that only ever got these rows, in this order."""
    found = tiny.answer(database)
    if number % 10 == 0:
        verified = Verify(hub.resolver).run()
        assert not verified.total, verified.samples
    other = Run(database)
    other.feed(rows, [], random.Random(0))
    assert tiny.answer(database) == found
