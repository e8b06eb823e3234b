"""What happened follows its owner: whatever lands, merges, falls apart or is deleted, in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.timeline import Asked
from hub.db import Database
from hub.errors import BadRequest, HubError
from hub.interactions import listed_store, tally_store
from hub.interactions.tally import MOST
from hub.model import RecordId
from hub.stewardship.acts import Suspend
from hub.stewardship.run import Acts
from tests.interactions.shop import BLIND, HALF, SEES, Shop
from tests.promises.test_promises import some


def test_amounts_that_no_sum_holds_do_not_stop_the_rest(shop: Shop) -> None:
    shop.person("1")
    shop.person("2")
    for n in range(1, 12):
        for sign, owner in (("", "1"), ("-", "2")):
            shop.order(f"{owner}{n}", owner, at="2024-05-01", total=f"{sign}9999999999999999.99 EUR")
    shop.order("3", "2", at="2024-05-02")
    with shop.database.read() as connection:
        records = [RecordId("shop", "people", key) for key in "12"]
        assert [t.amount for t in tally_store.of(connection, records)] == [MOST, -MOST]
        found = listed_store.counts(connection, "order", ["", "placed"], since=0, until=2**60, step=2**60)
        assert sum(c.amount for c in found) == 1250
    shop.check()


def test_two_histories_are_one_after_a_merge_and_each_its_own_after_the_undo(shop: Shop) -> None:
    shop.person("a")
    shop.person("b")
    shop.order("1", "a")
    shop.order("2", "b")
    shop.order("3", "a")
    act = shop.merge("a", "b")
    assert shop.keys("a") == shop.keys("b") == ["3", "2", "1"]
    Acts(shop.resolver).undo(act, by="ann", why="two people")
    assert (shop.keys("a"), shop.keys("b")) == (["3", "1"], ["2"])
    shop.check()


def test_a_row_waits_for_its_owner_and_shows_the_latest_that_was_said(shop: Shop) -> None:
    shop.order("1", "a", state="placed")
    assert shop.unowned() == 1
    shop.person("a")
    assert shop.unowned() == 0
    shop.order("1", "a", state="cancelled", note="late")
    (found,) = shop.page("a")
    total = {"amount": "12.50", "currency": "EUR"}
    assert found.values == {
        "note": "late",
        "ordered_at": "2024-05-01T00:00:00Z",
        "state": "cancelled",
        "total": total,
    }
    shop.order("1", "a", gone=True)
    assert shop.keys("a") == []
    shop.check()


def test_of_a_deleted_owner_it_is_shown_where_its_id_leads(shop: Shop) -> None:
    shop.person("a")
    shop.person("b")
    shop.order("1", "a")
    shop.merge("a", "b")
    shop.person("a", gone=True)
    assert shop.keys("b") == shop.keys("a") == ["1"]
    shop.check()


def test_what_was_suspended_is_on_nobodys_page_until_that_is_undone(shop: Shop) -> None:
    shop.person("a")
    shop.order("1", "a")
    act = Acts(shop.resolver).do(Suspend("shop", 0, 2**62, "orders"), by="ann", reason="a bad export")
    assert shop.keys("a") == []
    shop.check()
    Acts(shop.resolver).undo(act.id, by="ann", why="it was right")
    assert shop.keys("a") == ["1"]
    shop.check()


def test_a_page_ends_with_the_cursor_to_the_next_and_fits_its_own_question_only(shop: Shop) -> None:
    shop.person("a")
    for n in range(1, 6):
        shop.order(str(n), "a", at="2024-05-01")
    first = shop.timeline.page(SEES, shop.id_of("a"), limit=2)
    found, cursor = list(first.data), first.next_cursor
    while cursor:
        page = shop.timeline.page(SEES, shop.id_of("a"), limit=2, cursor=cursor)
        found, cursor = [*found, *page.data], page.next_cursor
    assert sorted(i.record.key for i in found) == ["1", "2", "3", "4", "5"]
    with pytest.raises(BadRequest):
        shop.timeline.page(SEES, shop.id_of("a"), limit=2, cursor=first.next_cursor, asked=Asked(types=("order",)))


def test_filters_by_type_and_time(shop: Shop) -> None:
    shop.person("a")
    for n in "123":
        shop.order(n, "a")
    at = [i.at for i in shop.page("a")]
    assert shop.keys("a", since=at[1]) == ["3", "2"]
    assert shop.keys("a", until=at[1]) == ["1"]
    assert shop.keys("a", types=("call",)) == []


def test_a_role_sees_the_types_and_attributes_that_its_view_names(shop: Shop) -> None:
    shop.person("a")
    shop.order("1", "a", note="private")
    assert shop.page("a", BLIND) == []
    (found,) = shop.page("a", HALF)
    assert found.values == {"ordered_at": "2024-05-01T00:00:00Z", "total": {"amount": "***"}}
    assert found.record.key == ""


@pytest.mark.parametrize(
    "bad",
    [{"total": "12.50"}, {"at": "03/04/2024"}, {"at": ""}, {"state": "lost"}, {"owner": None}, {"spent": "-5"}],
    ids=lambda b: next(iter(b)),
)
def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(shop: Shop, bad: dict[str, Any]) -> None:
    shop.person("a")
    good = {"id": "1", "v": 1, "owner": "a", "at": "2024-05-01", "total": "1 EUR"}
    answers = shop.resolver.upsert("shop", "orders", [{**good, **bad}, {**good, "id": "2"}])
    assert [a.happened for a in answers] == ["quarantined", "landed"]
    assert next(iter(bad)) in answers[0].reason or answers[0].reason.split(":")[0] in ("ordered_at", "the owner")
    assert shop.keys("a") == ["2"]


commands = st.lists(
    st.one_of(
        st.tuples(st.just("person"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.just("order"), st.sampled_from("123"), st.sampled_from("abcd"), st.booleans()),
        st.tuples(st.just("order"), st.sampled_from("123"), st.sampled_from("abcd"), st.just(False)),
        st.tuples(st.just("merge"), st.sampled_from("abc"), st.sampled_from("abc")),
        st.tuples(st.just("undo")),
    ),
    max_size=14,
)


@some
@given(commands)
def test_every_row_is_on_one_customer_or_on_none_that_is_there(
    database: Database, tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[Any, ...]]
) -> None:
    shop, acts = Shop(database, tmp_path_factory.mktemp("shop")), list[str]()
    try:
        for kind, *what in given_:
            try:
                if kind == "person":
                    shop.person(what[0], **({"gone": True} if what[1] else {}))
                elif kind == "order":
                    shop.order(what[0], what[1], **({"gone": True} if what[2] else {}))
                elif kind == "merge":
                    acts.append(shop.merge(*what))
                elif acts:
                    Acts(shop.resolver).undo(acts.pop(), by="ann", why="no")
            except HubError:
                continue
        shop.check()
        pages: dict[str, list[str]] = {}
        with database.read() as connection:
            shown = {r[0] for r in connection.exec_driver_sql("SELECT id FROM customer")}
            owners = dict(
                r
                for r in connection.exec_driver_sql(
                    "SELECT o.key, i.owner_key FROM interaction i JOIN record o ON o.rid = i.rid"
                ).fetchall()
            )
        for id in shown:
            for seen in shop.timeline.page(SEES, id).data:
                pages.setdefault(seen.record.key, []).append(id)
        for order, owner in owners.items():
            try:
                home = [shop.timeline.reader.get_customer(SEES, shop.id_of(owner)).id]
            except HubError:
                home = []
            assert pages.pop(order, []) == home
        assert not pages
    finally:
        shop.audit.close()
