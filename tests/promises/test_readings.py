"""The smallest histories on which two readings of the design differ: ids, heirs, overrides and echoes, through the whole hub.

The model is made for it: an equal name or an equal card weighs ten bits, nothing else weighs anything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.errors import Gone
from hub.golden_record.customers import find_customer
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.matching.compare.model import LevelWeight, Model, Weights, default_model
from hub.matching.recipe import hash_values
from hub.model import BIT, RecordId, Verdict
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Source
from hub.stewardship.acts import SetValue
from hub.stewardship.run import Acts
from tests import tiny
from tests.conftest import empty
from tests.steward import Steward

A, B, C = (RecordId(s, "c", "1") for s in "abc")


def config() -> Config:
    person = CustomerType.model_validate(
        {
            "name": "person",
            "attributes": {
                "name": {"kind": "identifier"},
                "card": {"kind": "identifier"},
                "phone": {"kind": "text", "matching": False},
            },
            "matching": {"rules": [["name"], ["card"]], "block_cap": 9, "largest": 9, "component": 9, "bridge_bits": 0},
        }
    )
    stream = {
        "customer": "person",
        "key": "id",
        "version": "v",
        "map": {a: a for a in person.attributes},
        "verified": "all",
        "deleted": "gone",
    }
    sources = {
        s: Source.model_validate({"name": s, "connector": {"kind": "file", "path": "."}, "streams": {"c": stream}})
        for s in "abc"
    }
    return Config(folder=Path("."), customers={"person": person}, access=Access(), sources=sources)


CONFIG = config()


def ten_bits() -> Model:
    model = default_model(CONFIG.customers["person"])

    def weights(w: Weights) -> Weights:
        return replace(
            w, levels=tuple(LevelWeight(x.name, 10 * BIT if x.name == "exact" else 0, 0, 0, None) for x in w.levels)
        )

    return replace(
        model,
        comparisons=tuple(map(weights, model.comparisons)),
        terms={},
        prior=0,
        household=900 * BIT,
        namesakes=900 * BIT,
        join=10 * BIT,
        review=5 * BIT,
    )


class World:
    """A hub with that model, and histories in few words."""

    def __init__(self, database: Database):
        empty(database)
        self.database, self.resolver, self.acts = database, Resolver(database, CONFIG), Acts(Resolver(database, CONFIG))
        self.model = ten_bits()
        with database.unit() as c:
            number = matching_store.add_model(c, "person", self.model.hash, self.model.to_json(), 0)
            matching_store.promote(c, number, "person", 0)

    def land(self, id: RecordId, number: int, **values: Any) -> World:
        self.resolver.upsert(id.source, "c", [{"id": "1", "v": number, **values}])
        return self

    def delete(self, id: RecordId, number: int) -> World:
        return self.land(id, number, gone=True)

    def wrote(self, id: RecordId, attribute: str, value: str) -> World:
        """The hub writes a value to a source, which has not answered yet."""
        with self.database.unit() as c:
            info = landing.record_named(c, id)
            assert info is not None
            landing.log_write(
                c, info.rid, attribute, hash_values((value,)), origin="test", at=self.database.clock.now()
            )
            self.resolver.settle(c, self.resolver.recipe(c), {info.rid})
        return self

    def mint(self, id: RecordId) -> str:
        with self.database.read() as c:
            info = landing.record_named(c, id)
        assert info is not None
        return info.mint

    def leads(self, id: RecordId) -> str | None:
        """The members of the customer that a record's minted id leads to."""
        with self.database.read() as c:
            try:
                found = find_customer(c, self.mint(id))
            except Gone:
                return None
            members = matching_store.members_of(c, [found.cluster])[found.cluster]
            return "".join(sorted(i.id.source for i in landing.records(c, members).values()))

    def shown(self) -> dict[str, str]:
        """Members -> the record that minted the shown id."""
        return {
            "".join(sorted(m.source for m in members)): why[2].source
            for members, why in tiny.answer(self.database).items()
        }

    def values(self) -> list[dict[str, Any]]:
        return [why[0] for why in tiny.answer(self.database).values()]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


# --- ids


def test_landing_order_chooses_the_shown_id_but_not_where_ids_lead(database: Database) -> None:
    for first, second in ((A, B), (B, A)):
        world = World(database).land(first, 1, name="xx").land(second, 1, name="xx")
        assert world.shown() == {"ab": first.source}
        assert world.leads(A) == world.leads(B) == "ab"


def test_withdrawing_a_match_takes_the_heir_back_from_a_stranger(world: World) -> None:
    world.land(A, 1, name="xx").land(B, 1, name="yy")
    number = Steward(world.resolver).decide(A, B, Verdict.MATCH, by="ann", reason="")
    world.delete(A, 2)
    assert world.shown() == {"b": "a"}
    Steward(world.resolver).withdraw(number, by="ann", why="")
    assert world.shown() == {"b": "b"} and world.leads(A) is None
    assert not Verify(world.resolver).run().total


def test_heirs_do_not_depend_on_whether_the_companion_came_before_the_delete(database: Database) -> None:
    met = World(database).land(A, 1, name="xx").land(B, 1, name="xx").delete(A, 2)
    assert met.shown() == {"b": "a"}
    missed = World(database).land(A, 1, name="xx").delete(A, 2).land(B, 1, name="xx")
    assert missed.shown() == {"b": "a"} and missed.leads(A) == "b"


def test_an_id_held_by_an_heir_leaves_when_its_mint_record_returns_as_somebody_else(world: World) -> None:
    world.land(A, 1, name="xx").land(B, 1, name="xx").delete(A, 2)
    assert world.shown() == {"b": "a"}
    world.land(A, 3, name="yy")
    assert world.shown() == {"b": "b", "a": "a"}
    assert not Verify(world.resolver).run().total


@pytest.mark.parametrize(("order", "expected"), [((A, B), {"c": "a"}), ((B, A), {"c": "c"})])
def test_an_heir_is_followed_through_later_deletes(
    world: World, order: tuple[RecordId, RecordId], expected: dict[str, str]
) -> None:
    world.land(A, 1, name="xx").land(B, 1, name="xx", card="cc").land(C, 1, card="cc")
    assert world.shown() == {"abc": "a"}
    for id in order:
        world.delete(id, 2)
    assert world.shown() == expected


def test_a_value_set_by_hand_on_an_inherited_id_stands_on_a_living_record(world: World) -> None:
    world.land(A, 1, name="xx").land(B, 1, name="xx").delete(A, 2)
    world.acts.do(SetValue(world.mint(A), "phone", ("p",)), by="ann", reason="")
    assert [v["phone"] for v in world.values()] == [["p"]]


# --- what the hub wrote is not evidence


def test_an_echo_does_not_split_a_customer(world: World) -> None:
    world.land(A, 1, name="nn").land(B, 1, name="nn", card="xx").land(C, 1, card="xx")
    assert world.shown() == {"abc": "a"}
    world.wrote(B, "card", clean(world, "yy")).land(B, 2, name="nn", card="yy")
    assert world.shown() == {"abc": "a"}


def test_an_undo_of_a_write_gives_the_sources_own_value_back(world: World) -> None:
    own = world.land(A, 1, name="nn", card="xx").values()
    world.wrote(A, "card", clean(world, "yy")).land(A, 2, name="nn", card="yy")
    assert world.values() == own
    world.wrote(A, "card", clean(world, "xx")).land(A, 3, name="nn", card="xx")
    assert world.values() == own


def test_a_source_that_types_the_written_value_again_after_another_means_it(world: World) -> None:
    world.land(A, 1, card="xx").wrote(A, "card", clean(world, "yy")).land(A, 2, card="yy")
    assert world.values() == [{"card": [clean(world, "xx")]}]
    world.land(A, 3, card="zz").land(A, 4, card="yy")
    assert world.values() == [{"card": [clean(world, "yy")]}]


def clean(world: World, value: str) -> str:
    """As the kind writes it."""
    with world.database.read() as c:
        mapper = world.resolver.recipe(c).mappers["a", "c"]
    (cleaned,) = mapper.map({"id": "1", "v": 1, "card": value}).cells["card"].values
    assert isinstance(cleaned, str)
    return cleaned
