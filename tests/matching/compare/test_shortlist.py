"""A shortlist saves time and changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.kinds.levels_base import MISSING
from hub.matching.compare.model import SEPARATOR, FullNames, Model, Terms, Weights, default_model
from hub.matching.compare.score import Forms, weigh
from hub.matching.compare.shortlist import hopeful
from hub.matching.compare.sketch import Layout
from hub.settings import CustomerType
from tests import tiny

TYPE = CustomerType.model_validate(
    {
        "name": "person",
        "matching": {"rules": [["email"]]},
        "attributes": {
            "given_name": {"kind": "given_name"},
            "family_name": {"kind": "family_name"},
            "birth_date": {"kind": "birth_date"},
            "email": {"kind": "email", "many": True},
            "phone": {"kind": "phone", "many": True},
            "address": {"kind": "postal_address"},
            "tax_id": {"kind": "identifier", "exclusive": True},
            "sex": {"kind": "category"},
            "occupation": {"kind": "text"},
        },
    }
)
COMPANY = CustomerType.model_validate(
    {
        "name": "organisation",
        "matching": {"rules": [["email"]]},
        "attributes": {
            "company_name": {"kind": "company_name"},
            "registration_id": {"kind": "identifier"},
            "domain": {"kind": "domain"},
            "email": {"kind": "email", "many": True},
            "address": {"kind": "postal_address"},
            "employees": {"kind": "number"},
        },
    }
)
MODELS = {
    name: default_model(customer)
    for name, customer in {"person": TYPE, "organisation": COMPANY, "tiny": tiny.customer_type()}.items()
}
MODELS["named"] = replace(
    MODELS["person"], terms={"family_name.plain": Terms({"maier": 3_000}, -1_000), "given_name": Terms({}, 500)},
    full_names=FullNames("family_name", "given_name", "family_name.plain", Terms({f"anna{SEPARATOR}maier": -6_000}, 1_500), 20_000, 500),
)  # fmt: skip
MODELS["chains"] = replace(
    MODELS["organisation"], terms={"company_name": Terms({"maier": 3_000}, -1_000)},
    full_names=FullNames("company_name", "", "company_name", Terms({f"{SEPARATOR}maier": -6_000}, 1_500), 20_000, 500),
)  # fmt: skip
words = st.sampled_from(
    [
        "anna",
        "hanna",
        "a",
        "otto",
        "maier",
        "meyer",
        "19800203",
        "19800302",
        "19910506",
        "12345678",
        "12345679",
        "main st",
        "berlin",
        "x1",
    ]
)


@st.composite
def forms(draw: st.DrawFn, name: str) -> dict[str, object]:
    """What a record may hold: any column missing, lists where the comparison takes lists."""
    found: dict[str, object] = {}
    for weights in MODELS[name].comparisons:
        for column in weights.comparison.columns.values():
            if draw(st.integers(0, 2)):
                found[column] = (
                    sorted(set(draw(st.lists(words, min_size=1, max_size=2))))
                    if weights.comparison.many
                    else draw(words)
                )
    if draw(st.booleans()):
        found["claimed"] = ["email"]
    return found


def kept(
    model: Model, records: Mapping[int, Forms], pairs: Collection[tuple[int, int]], floor: int
) -> set[tuple[int, int]]:
    layout = Layout(w.comparison for w in model.comparisons)
    return set(hopeful(pairs, {r: layout.sketch(f) for r, f in records.items()}, model, layout, floor))


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(MODELS)), st.integers(-20_000, 40_000))
def test_nothing_that_reaches_the_floor_is_left_out(data: st.DataObject, name: str, floor: int) -> None:
    model = MODELS[name]
    records = dict(enumerate(data.draw(st.lists(forms(name), min_size=2, max_size=5))))
    pairs = [(a, b) for a in records for b in records if a < b]
    weighed = {p: weigh(records[p[0]], records[p[1]], model).weight for p in pairs}
    assert {p for p, w in weighed.items() if w >= floor} <= kept(model, records, pairs, floor)
    assert all(p in kept(model, records, [p], w) for p, w in weighed.items())


letters = st.sampled_from([*"aab", " ", "0", "1", "9", "@", "."])
texts = (
    words
    | st.text(letters, min_size=1, max_size=9).map(str.strip).filter(bool)
    | st.dates().map(lambda d: d.strftime("%Y%m%d"))
)


@st.composite
def near_by(draw: st.DrawFn, text: str) -> str:
    """The text after a slip or two, or a part of it, or another."""
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = draw(st.sampled_from([text[:at] + text[at + 1 :], text[:at] + draw(letters) + text[at + 1 :], text[:at] + draw(letters) + text[at:],
                                     text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :], text[at:], text[:at], text[at:] + text[:at]]))  # fmt: skip
    return text.strip() or draw(texts)


@settings(deadline=None, max_examples=300)
@given(
    st.data(),
    st.sampled_from(
        [(name, w.comparison.name) for name in ("person", "organisation") for w in MODELS[name].comparisons]
    ),
)
def test_a_level_is_never_ruled_out_by_a_sketch(data: st.DataObject, which: tuple[str, str]) -> None:
    (weights,) = (w for w in MODELS[which[0]].comparisons if w.comparison.name == which[1])
    comparison = weights.comparison
    columns = list(dict.fromkeys(comparison.columns.values()))
    many = {c for c in columns if comparison.many}
    one = {
        c: [t, data.draw(texts)][: data.draw(st.integers(1, 2))] if c in many else t
        for c in columns
        if (t := data.draw(texts | st.just("")))
    }
    first = {c: v[0] if isinstance(v, list) else v for c, v in one.items()}
    other: dict[str, Any] = {}
    for column in columns:
        text = data.draw(
            near_by(first.get(data.draw(st.sampled_from(columns)), "x"))
            if data.draw(st.booleans())
            else near_by(first.get(column, "x"))
        )
        if data.draw(st.integers(0, 5)):
            other[column] = [text, *data.draw(st.lists(texts, max_size=3))] if column in many else text
    level = comparison.levels.python(comparison.columns)(one, other)
    assert level == MISSING or may_be(weights, level, one, other), (level, one, other)


def may_be(weights: Weights, level: int, one: Forms, other: Forms) -> bool:
    """Do the sketches leave this level: is a pair kept that weighs something by this level alone?"""
    ranked = tuple(
        replace(w, strangers=n == level, household=n == level, namesakes=n == level, tf=None)
        for n, w in enumerate(weights.levels)
    )
    model = replace(MODELS["person"], comparisons=(replace(weights, levels=ranked),), prior=0, household=0, namesakes=0)
    return bool(kept(model, {1: one, 2: other}, [(1, 2)], 1))


@pytest.mark.parametrize(("comparison", "level", "one", "other"), [
    ("family_name", "near", {"family_name.plain": "abcdef"}, {"family_name.plain": "abcdex"}),
    ("family_name", "similar", {"family_name.plain": "abcdef"}, {"family_name.plain": "abcdxy"}),
    ("family_name", "part", {"family_name.plain": "abc"}, {"family_name.plain": "xyz", "family_name": "xyz abc"}),
    ("birth_date", "near", {"birth_date.digits": "19800203"}, {"birth_date.digits": "19800230"}),
    ("birth_date", "similar", {"birth_date.digits": "19800203"}, {"birth_date.digits": "19810213"}),
    ("email", "near", {"email.folded": ["abcdefgh@x.example"]}, {"email.folded": ["abcdefxy@x.example", "z@z.example"]}),
    ("tax_id", "similar", {"tax_id": "1234567"}, {"tax_id": "1234589"}),
    ("phone", "near", {"phone.national": ["1234567"]}, {"phone.national": ["a", "b", "1234568"]}),
])  # fmt: skip
def test_a_level_at_its_edge_is_not_ruled_out(comparison: str, level: str, one: Forms, other: Forms) -> None:
    (weights,) = (w for w in MODELS["person"].comparisons if w.comparison.name == comparison)
    found = weights.comparison.levels.python(weights.comparison.columns)(one, other)
    assert weights.levels[found].name == level
    assert may_be(weights, found, one, other)


@settings(deadline=None)
@given(st.data(), st.sampled_from(["person", "organisation"]))
def test_placeholders_rule_nothing_out(data: st.DataObject, name: str) -> None:
    model = MODELS[name]
    columns = [w.comparison.columns["value"] for w in model.comparisons] + ["address.zone"]
    model = replace(
        model,
        placeholders={
            c: frozenset(data.draw(st.sets(words, min_size=1))) for c in data.draw(st.sets(st.sampled_from(columns)))
        },
    )
    records = {n: data.draw(forms(name)) for n in (1, 2)}
    assert kept(model, records, [(1, 2)], weigh(records[1], records[2], model).weight) == {(1, 2)}


def test_strangers_are_left_out() -> None:
    model = MODELS["person"]
    records = {
        1: {
            "given_name": "anna",
            "given_name.sound": "n",
            "family_name.plain": "maier",
            "birth_date.digits": "19800203",
            "email.folded": ["a@x.example"],
        },
        2: {
            "given_name": "otto",
            "given_name.sound": "t",
            "family_name.plain": "huber",
            "birth_date.digits": "19910506",
            "email.folded": ["b@y.example"],
        },
    }
    assert kept(model, records, [(1, 2)], model.review) == set()
    assert kept(model, {1: records[1], 2: records[1]}, [(1, 2)], model.review) == {(1, 2)}


def test_of_whom_there_is_no_sketch_everything_may_be() -> None:
    """A record that another configuration standardised."""
    model = MODELS["person"]
    layout = Layout(w.comparison for w in model.comparisons)
    assert hopeful([(1, 2)], {1: layout.sketch({})}, model, layout, model.review) == [(1, 2)]


def test_of_a_comparison_that_sketches_do_not_tell_of_everything_may_be() -> None:
    """A model that is older than the configuration."""
    model = MODELS["person"]
    layout = Layout([w.comparison for w in model.comparisons if w.comparison.name == "given_name"])
    same = {"family_name.plain": "maier", "birth_date.digits": "19800203", "email.folded": ["a@x.example"]}
    sketches = {1: layout.sketch(same), 2: layout.sketch(same)}
    assert hopeful([(1, 2)], sketches, model, layout, weigh(same, same, model).weight) == [(1, 2)]
