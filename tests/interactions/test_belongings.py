"""Whatever lands, merges, falls apart, is deleted or erased: every row is on one customer's page or listed with the reason,
what it cost is in the ledger once, and figures are what the rows on the page say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.access.authentication.principals import Principal
from hub.access.waiting import WaitingRows
from hub.db import Database
from hub.errors import HubError
from hub.figures.customers import customers
from hub.golden_record import lookups
from hub.model import RecordId
from hub.open import Hub
from hub.quality.verify import Verify
from hub.settings import Config, InteractionType, Source
from hub.stewardship.acts import Merge, Split, Unmerge
from hub.stewardship.run import Acts
from tests.access.population import open_hub
from tests.conftest import empty
from tests.figures.test_figures import cents, costed
from tests.promises.test_promises import some

SEES = Principal("sees", "sees", "staff", "sees")
WHY = ("unowned", "ambiguous", "unread")
PEOPLE = {
    "customer": "person",
    "key": "id",
    "version": "v",
    "deleted": "gone",
    "map": {"given_name": "first", "family_name": "last", "birth_date": "born", "email": "mail"},
    "verified": "all",
}
MAILS = {
    "interaction": "mail",
    "key": "id",
    "version": "v",
    "deleted": "gone",
    "of": {"contact": {"email": "from"}},
    "map": {"ordered_at": "at", "spent": "spent", "cost": "cost", "total": "total"},
}
ANNA = {"first": "Anna", "last": "Maier", "born": "1980-02-03"}  # who says so with one mailbox is one person

Command = tuple[Any, ...]


def config(folder: Path) -> Config:
    """Orders belong to records, mails to contact points; both cost something."""
    given_ = costed()
    kind = given_.interactions["order"]
    mail = InteractionType.model_validate({**kind.model_dump(mode="json"), "name": "mail"})
    streams: dict[str, Any] = {
        **{n: s.model_dump(mode="json", exclude_defaults=True) for n, s in given_.sources["shop"].streams.items()},
        "people": PEOPLE,
        "mails": MAILS,
    }
    shop = Source.model_validate(
        {"name": "shop", "connector": {"kind": "file", "path": str(folder)}, "streams": streams}
    )
    roles = dict(given_.access.roles)
    sees = roles["sees"]
    roles["sees"] = sees.model_copy(update={"views": {**sees.views, "mail": sees.views["order"]}})
    access = given_.access.model_copy(update={"roles": roles})
    types = {**given_.interactions, "mail": mail}
    return given_.model_copy(
        update={"folder": folder, "interactions": types, "sources": {"shop": shop}, "access": access}
    )


class World:
    """A hub, and a history that it goes through."""

    def __init__(self, database: Database, folder: Path):
        empty(database)
        self.hub = open_hub(database, config(folder), folder)
        self.hub.resolver.reread()
        self.acts: list[str] = []

    def id_of(self, key: str) -> str:
        return self.hub.reader.crosswalk(SEES, record=RecordId("shop", "people", key)).customer

    def go(self, history: Sequence[Command]) -> None:
        for kind, *what in history:
            try:
                getattr(self, f"_{kind}")(*what)
            except HubError:  # nobody is there any more, or it was never so
                continue

    def _row(self, stream: str, key: str, version: int, row: dict[str, Any]) -> None:
        self.hub.resolver.upsert("shop", stream, [{"id": key, "v": version, **row}])

    def _person(self, key: str, version: int, row: dict[str, Any]) -> None:
        names = ANNA if row.get("anna") else {"first": f"Name{key}"}
        self._row("people", key, version, {**names, **row})

    def _order(self, key: str, version: int, row: dict[str, Any]) -> None:
        self._row("orders", key, version, row)

    def _mail(self, key: str, version: int, row: dict[str, Any]) -> None:
        self._row("mails", key, version, row)

    def _merge(self, a: str, b: str) -> None:
        act = Acts(self.hub.resolver).do(Merge(self.id_of(a), self.id_of(b)), by="ann", reason="one person")
        self.acts.append(act.id)

    def _split(self, a: str) -> None:
        record = RecordId("shop", "people", a)
        self.acts.append(Acts(self.hub.resolver).do(Split(self.id_of(a), (record,)), by="ann", reason="two").id)

    def _unmerge(self, a: str) -> None:
        record = RecordId("shop", "people", a)
        self.acts.append(Acts(self.hub.resolver).do(Unmerge(record), by="ann", reason="none of theirs").id)

    def _undo(self) -> None:
        if self.acts:
            Acts(self.hub.resolver).undo(self.acts.pop(), by="ann", why="no")

    def _erase(self, key: str) -> None:
        self.hub.requests.erase(self.id_of(key), by="o", reviewed=True, compact=False)

    # --- what is seen ---

    def pages(self) -> dict[str, list[tuple[str, str]]]:
        """Customer -> the rows on its page: (type, key)."""
        with self.hub.database.read() as connection:
            ids = [c.id for c in lookups.every_customer_after(connection, "", 1000)]
        return {
            id: [(i.type, i.record.key) for i in self.hub.timeline.page(SEES, id, limit=200).data] for id in sorted(ids)
        }

    def listed(self) -> list[tuple[str, str]]:
        """Rows on nobody's page, as they are told."""
        rows = WaitingRows(self.hub.timeline)
        return [(w.type, w.record.key) for why in WHY for w in rows.page(SEES, why, limit=200, cursor=None).data]

    def rows(self) -> dict[tuple[str, str], tuple[int, int, str]]:
        """(type, key) -> (amount, cost, state) of all that is there."""
        query = "SELECT i.type, o.key, i.amount, i.cost, i.state FROM interaction i JOIN record o ON o.rid = i.rid"
        with self.hub.database.read() as connection:
            return {(t, k): (int(a), int(c), s) for t, k, a, c, s in connection.exec_driver_sql(query)}


Make = Callable[[], World]


@pytest.fixture
def make(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    hubs: list[Hub] = []

    def made() -> World:
        world = World(database, tmp_path_factory.mktemp("belongings"))
        hubs.append(world.hub)
        return world

    yield made
    for hub in hubs:
        hub.close()


PERSONS, ADDRESSES = "abc", ("x@x.example", "y@x.example")
person = st.fixed_dictionaries(
    {"mail": st.sampled_from([*ADDRESSES, None])},
    optional={"gone": st.sampled_from([True, False, False]), "anna": st.booleans()},
)
costs = {
    "at": st.sampled_from(["2024-05-01", "2024-05-31T23:59:59Z", "2024-06-01"]),
    "total": st.sampled_from(["1 EUR", "2.50 EUR"]),
    "spent": st.sampled_from(["1", "7"]),
    "cost": st.sampled_from(["0.10 EUR", "7 EUR", None]),
}
gone = {"gone": st.sampled_from([True, False, False])}
order = st.fixed_dictionaries(
    {**costs, "owner": st.sampled_from("abcd")}, optional={**gone, "state": st.sampled_from(["placed", "cancelled"])}
)
mail = st.fixed_dictionaries({**costs, "from": st.sampled_from([*ADDRESSES, "z@x.example"])}, optional=gone)


@st.composite
def histories(draw: st.DrawFn, erased: bool) -> list[Command]:
    """What happens, each row with a version of its own."""
    rows = {"person": (PERSONS, person), "order": ("1234", order), "mail": ("5678", mail)}
    acts = [
        st.tuples(st.just("merge"), st.sampled_from(PERSONS), st.sampled_from(PERSONS)),
        st.tuples(st.sampled_from(["split", "unmerge"]), st.sampled_from(PERSONS)),
        st.just(("undo",)),
        *([st.tuples(st.just("erase"), st.sampled_from(PERSONS))] if erased else []),
    ]
    found: list[Command] = [("person", key, 0, {**draw(person), "gone": False}) for key in PERSONS]
    for version in range(1, draw(st.integers(4, 14))):
        if draw(st.booleans()):
            found.append(draw(st.one_of(acts)))
        else:
            kind = draw(st.sampled_from(sorted(rows)))
            keys, row = rows[kind]
            found.append((kind, draw(st.sampled_from(keys)), version, draw(row)))
    return found


BOUGHT = {"at": "2024-05-01", "total": "1 EUR", "spent": "1", "cost": None}
WRITTEN = {**BOUGHT, "from": ADDRESSES[0]}
ONE = [("person", key, 0, {"mail": ADDRESSES[0], "anna": True}) for key in "ab"]


@some
@given(histories(erased=True))
@example([*ONE, ("order", "1", 1, {**BOUGHT, "owner": "a"}), ("split", "b"), ("mail", "5", 2, WRITTEN), ("undo",)])
@example([ONE[0], ("order", "1", 1, {**BOUGHT, "owner": "a"}), ("person", "a", 2, {"gone": True})])
@example(
    [ONE[0], ("order", "1", 1, {**BOUGHT, "owner": "a"}), ("erase", "a"), ("order", "2", 2, {**BOUGHT, "owner": "a"})]
)
def test_every_row_is_on_one_page_or_listed_and_the_ledger_closes(make: Make, history: list[Command]) -> None:  # fmt: skip
    world = make()
    world.go(history)
    pages, rows = world.pages(), world.rows()
    placed = [row for page in pages.values() for row in page]
    assert sorted([*placed, *world.listed()]) == sorted(rows)  # each once
    with world.hub.database.read() as connection:
        found = lookups.every_customer_after(connection, "", 1000)
        made = customers(connection, world.hub.config, found, world.hub.database.clock.now())
    booked = 0
    for id, page in pages.items():
        told = {name: made[id].told(name).value for name in ("n", "worth", "cost")}
        counted = [rows[r] for r in page if r[0] == "order" and rows[r][2] != "cancelled"]
        assert told["n"] == str(len(counted))
        assert cents(told["worth"]) == sum(amount for amount, _, _ in counted)
        assert cents(told["cost"]) == sum(rows[r][1] for r in page)
        booked += cents(told["cost"])
    unplaced = sum(rows[r][1] for r in rows.keys() - set(placed))
    assert booked + unplaced == sum(cost for _, cost, _ in rows.values())
    differing = Verify(world.hub.resolver).run()
    assert not differing.total, (dict(differing.differences), differing.samples)


@some
@given(histories(erased=False), st.integers(0, 2**16))
def test_it_does_not_matter_when_and_in_which_order_rows_come(make: Make, history: list[Command], seed: int) -> None:
    as_they_came = make()
    as_they_came.go(history)
    seen = [as_they_came.pages(), as_they_came.listed(), as_they_came.rows()]
    belonging = [c for c in history if c[0] in ("order", "mail")]
    random.Random(seed).shuffle(belonging)
    rest = [c for c in history if c[0] not in ("order", "mail")]
    at = random.Random(seed).randint(0, len(rest))
    otherwise = make()
    otherwise.go([*rest[:at], *belonging, *rest[at:]])
    again = [otherwise.pages(), otherwise.listed(), otherwise.rows()]
    assert [sorted(map(sorted, again[0].values())), sorted(again[1]), again[2]] == [
        sorted(map(sorted, seen[0].values())),
        sorted(seen[1]),
        seen[2],
    ]


def test_an_erased_owners_rows_are_gone_and_more_of_them_do_not_land(make: Make) -> None:
    world = make()
    bought = {**BOUGHT, "owner": "a"}
    world.go([("person", "a", 0, {"mail": ADDRESSES[0]}), ("person", "b", 0, {"mail": ADDRESSES[1]})])
    world.go([("order", "1", 1, bought), ("mail", "5", 2, WRITTEN), ("merge", "a", "b")])
    world.go([("order", "2", 3, {**BOUGHT, "owner": "b"}), ("erase", "b")])
    assert world.rows() == {} and world.listed() == []
    world.go([("order", "3", 4, bought), ("person", "a", 5, {"mail": ADDRESSES[0]})])
    assert world.rows() == {} and world.pages() == {}
