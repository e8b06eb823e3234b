"""How we are doing: counted from what is stored, again and again alike; by hour, day and month."""

from __future__ import annotations

from datetime import date
from typing import Any

from hub.model import Verdict
from hub.stewardship.acts import Decide
from hub.stewardship.run import Acts
from hub.work import performance
from tests.tasks.test_lists import Desk, desk
from tests.tasks.test_lists import record as named

__all__ = ["desk"]


def rows(desk: Desk, measure: str, **params: Any) -> list[tuple[str, str, str, int, int]]:
    found = desk.ask("get", "/performance", params={"measure": measure, "since": "2027-01-01", **params})
    return [(r["at"][:13], r["what"], r["by"], r["n"], r["part"]) for r in found["data"]]


def test_days_are_counted_from_rows_and_counting_again_changes_nothing(desk: Desk) -> None:
    desk.person("Ann")
    desk.person("Bob")
    desk.land("calls", "1", owner="Ann", at="2027-01-11T10:00:00Z", outcome="answered")
    desk.land("calls", "2", owner="Ann", at="2027-01-12T11:30:00Z", outcome="answered")
    desk.land("calls", "3", owner="Bob", at="2027-01-12T11:40:00Z", outcome="call back")
    desk.land("orders", "o1", owner="Bob", at="2027-01-12T12:00:00Z", total="9.50 EUR", state="placed")
    desk.land("orders", "o2", owner="Bob", at="2027-01-12T13:00:00Z", total="5 EUR", state="cancelled")
    desk.land("complaints", "c1", owner="Ann", state="open", at="2027-01-12T09:00:00Z")
    desk.land("complaints", "c2", owner="Ann", state="closed", at="2027-01-12T09:00:00Z")
    Acts(desk.hub.resolver).do(Decide(named("Ann"), named("Bob"), Verdict.NO_MATCH), by="eve", reason="two")
    for _ in range(2):
        assert performance.keep(desk.hub.database, desk.hub.config, date(2027, 1, 1)) == 15
        assert rows(desk, "first_contact") == [
            ("2027-01-11T00", "phone", "", 1, 0),
            ("2027-01-12T00", "phone", "", 2, 2),
        ]
        assert ("2027-01-12T00", "order", "", 1, 0) in rows(desk, "sales")
        assert rows(desk, "opened")[-1] == ("2027-01-12T00", "complaints", "", 2, 0)
        assert rows(desk, "answered") == [("2027-01-12T00", "complaints", "", 1, 1)]
        assert rows(desk, "decisions") == [("2027-01-15T00", "no_match", "eve", 1, 0)]
        assert ("2027-01-15T00", "complaints", "", 1, 0) in rows(desk, "backlog")
        assert ("2027-01-15T00", "shop.people", "email", 2, 2) in rows(desk, "filled")
        assert ("2027-01-15T00", "shop.people", "email", 2, 0) in rows(desk, "conflicting")
    calls = [r for r in rows(desk, "contacts", by="hour") if r[1] == "call"]
    assert calls == [("2027-01-11T10", "call", "phone", 1, 0), ("2027-01-12T11", "call", "phone", 2, 0)]
    assert [r[3] for r in rows(desk, "contacts", by="month") if r[1] == "call"] == [3]
    sales = desk.ask("get", "/performance", params={"measure": "sales", "by": "month"})["data"]
    assert [(s["amount"], s["currency"]) for s in sales] == [("9.50", "EUR")]


def test_who_may_and_what_cannot_be_asked(desk: Desk) -> None:
    desk.ask("get", "/performance", "customer_service", status=403)
    desk.ask("get", "/performance", status=422, params={"measure": "happiness"})
    desk.ask("get", "/performance", status=422, params={"since": "2020-01-01"})
    assert desk.ask("get", "/performance", "monitoring")["data"] == []
