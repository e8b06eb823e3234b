"""The language of figures: what it reads, what it refuses, and in which words."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.figures.counted import FiguresOf
from hub.interactions.tally import Tally, month_of, months_back
from hub.model import RecordId
from hub.settings import Access, Config, Figures, InteractionType, formula, load
from hub.settings.figures import figure_faults
from tests import tiny
from tests.interactions.shop import KIND

NOW = 1_715_000_000_000_000  # May 2024
ORDER = InteractionType.model_validate({**KIND, "name": "order", "void": ["cancelled"]})
TYPES = {"order": ORDER.model_copy(update={"spent": ""})}  # one that takes nobody's time


def config(figures: dict[str, str], segments: dict[str, str] | None = None, **more: Any) -> Config:
    given_ = Figures.model_validate(
        {
            "figures": {n: {"is": t} for n, t in figures.items()},
            "segments": {n: {"when": t} for n, t in (segments or {}).items()},
            **more,
        }
    )
    customers = {"person": tiny.customer_type()}
    return Config(
        folder=Path("."), customers=customers, sources={}, access=Access(), interactions=TYPES, figures=given_
    )


def faults(figures: dict[str, str], segments: dict[str, str] | None = None) -> list[str]:
    made = config(figures, segments)
    return [f"{f.where} {f.what}" for f in figure_faults("f", made.figures, TYPES, made.customers)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("count(order) / 0", "divides by zero"),
        ("count(order) / (2 * 0)", "divides by zero"),
        ("count(order) / (count(order) - count(order))", "divides by zero"),
        ("b + 1", "there is no figure 'b'"),
        ("a + 1", "is made of itself"),
        ("count(gift)", "unknown interaction type 'gift'"),
        ("sum(order.minutes)", "'order' says no minutes"),
        ("count(order, state='lost')", "'lost' is no state"),
        ("sum(order.amount) + 1", "takes two numbers, or money and money"),
        ("sum(order.amount) * sum(order.amount)", "money is not multiplied by money"),
        ("count(order) > 1", "is a condition"),
        ("days_since(count(order))", "takes a time"),
        ("latest(order) + 1", "takes numbers and money"),
    ],
)
def test_what_is_wrong_is_told_by_figure(text: str, told: str) -> None:
    (found,) = faults({"a": text})
    assert told in found and "figures.a" in found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("count(order)", "is a number, no condition"),
        ("customer.shoe == '9'", "unknown attribute 'shoe'"),
        ("count(order) > 1 and count(order)", "'and' joins conditions"),
        ("customer.email > 3", "does not compare a text with a number"),
    ],
)
def test_a_segment_is_a_condition(text: str, told: str) -> None:
    assert told in faults({}, {"s": text})[0]


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "order.amount", "[1]", "x if y else z", "count(order, days=3)", "1 < 2 < 3", "f(1)", "(", "lambda: 1",
     "sum(order)", "count(order.amount)", "True", "-" * 200 + "1", "count()", "a.b.c.d", "'x' 'y' @ 1"],
)  # fmt: skip
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        formula.parse(text)


def test_all_faults_are_told_with_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "customers").mkdir()
    shipped = Path(__file__).parents[2] / "config/customers/person.yaml"
    (tmp_path / "customers/person.yaml").write_text(shipped.read_text(), encoding="utf-8")
    text = "figures: {a: {is: 1 / 0}, b: {is: 'c + 1'}, d: {is: '1 +'}}\ntariffs: {smoke: {2024-01-01: {contact: 1}}}\n"
    (tmp_path / "figures.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {})
    assert "figures.yaml: figures.d" in str(refused.value)
    (tmp_path / "figures.yaml").write_text(text.replace(", d: {is: '1 +'}", ""), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {})
    said = str(refused.value)
    assert "divides by zero" in said and "no figure 'c'" in said and "tariffs.smoke" in said


def tally(month: int = 202405, n: int = 1, amount: int = 0, currency: str = "EUR", **more: Any) -> Tally:
    given_: dict[str, Any] = {
        "owner": RecordId("s", "t", "k"), "month": month, "type": "order", "channel": "", "state": "placed",
        "currency": currency, "cost_currency": "EUR", "n": n, "seconds": 0, "amount": amount, "least": amount,
        "most": amount, "cost": 0, "first": NOW, "last": NOW,
    }  # fmt: skip
    return Tally(**{**given_, **more})


def answer(text: str, tallies: list[Tally], segments: str = "count(order) > 0", **more: Any) -> FiguresOf:
    return FiguresOf(config({"a": text}, {"s": segments}, **more), "person", {"email": ["a@x.example"]}, tallies, NOW)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count(order)", "5"),
        ("count(order, months=1)", "2"),
        ("count(order, months=2)", "4"),
        ("count(order, state='cancelled')", "7"),
        ("sum(order.amount)", "30.00"),
        ("sum(order.amount) / count(order)", "6.00"),
        ("count(order) / 3", "1.666667"),
        ("-sum(order.amount) / 7", "-4.29"),
        ("most(order.amount) - least(order.amount)", "15.00"),
        ("1 / (count(order) - 5)", None),
        ("sum(order.amount) / count(order, months=1) * 0.1", "1.50"),
    ],
)
def test_answers(text: str, value: str | None) -> None:
    tallies = [
        tally(n=2, amount=1000),
        tally(202404, n=2, amount=2000, most=1500, least=0),
        tally(202301, n=1),
        tally(202405, n=7, amount=99, state="cancelled"),
    ]
    assert answer(text, tallies).told("a").value == value


def test_money_is_told_in_one_currency_at_the_rate_with_which_its_month_began() -> None:
    rates = {"USD": {date(2024, 1, 1): "0.9", date(2024, 4, 15): "0.5"}}
    tallies = [tally(amount=100), tally(202404, amount=1000, currency="USD"), tally(amount=1000, currency="USD")]
    told = answer("sum(order.amount)", tallies, rates=rates).told("a")
    assert (told.value, told.currency) == ("15.00", "EUR")
    assert told.counted[0].sums == {"EUR": 100, "USD": 2000}
    none = answer("sum(order.amount)", tallies).told("a")
    assert none.value is None and none.unknown == "no rate of USD"


def test_conditions_on_what_is_not_known_do_not_hold() -> None:
    lacking = "1 / (count(order) - count(order, months=1200))"
    for condition, holds in (
        (f"{lacking} > 0", False),
        (f"not {lacking} > 0", False),
        (f"{lacking} > 0 or count(order) == 1", True),
        (f"known({lacking})", False),
        ("customer.email == 'A@x.example' and customer.type == 'person'", True),
        ("customer.email != 'a@x.example'", False),
        ("days_since(latest(order)) < 1", True),
    ):
        assert answer("count(order)", [tally()], condition).within("s") is holds, condition


@given(st.integers(0, 2000), st.integers(0, 60))
def test_months_go_back_and_forth(months: int, n: int) -> None:
    month = months_back(month_of(NOW), months - 1000)
    assert 1 <= month % 100 <= 12
    assert months_back(months_back(month, n), -n) == month


@given(st.lists(st.integers(0, 10**6), max_size=5), st.integers(0, 10**5))
def test_a_contact_costs_its_tariff_rounded_once(_seconds: list[int], seconds: int) -> None:
    tariffs = {"phone": {date(2020, 1, 1): {"contact": "0.50", "minute": "0.9"}, date(2024, 1, 1): {"contact": 1}}}
    figures = config({}, tariffs=tariffs).figures
    exact = Fraction(1, 2) + Fraction(9, 10) * Fraction(seconds, 60)
    assert abs(Fraction(figures.cost_of("phone", date(2023, 5, 1), seconds), 100) - exact) <= Fraction(1, 200)
    assert figures.cost_of("phone", date(2024, 5, 1), seconds) == 100
    assert figures.cost_of("phone", date(2019, 5, 1), seconds) == figures.cost_of("web", date(2024, 5, 1), 60) == 0
