"""Scoring one pair: full names, and explanations that show what was compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.matching.compare.model import SEPARATOR, FullNames, Model, Terms, default_model
from hub.matching.compare.score import explain, weigh
from tests.matching.world import customer_type

ANNA = {
    "given_name": "anna", "given_name.canonical": "anna", "family_name": "von berg", "family_name.plain": "berg",
    "address.street": "am markt", "address.house": "1", "address.street_house": "am markt 1", "address.postcode": "10115", "address.city": "berlin",
}  # fmt: skip
BEN = {**ANNA, "given_name": "ben", "given_name.canonical": "ben"}


def _model() -> Model:
    return Model.from_json(default_model(customer_type()).to_json())


def test_an_explanation_shows_each_comparisons_own_values() -> None:
    lines = {line.comparison: (line.left, line.right) for line in explain(ANNA, BEN, _model())}
    assert lines["given_name"] == ("anna", "ben")
    assert lines["family_name"] == ("von berg", "von berg")
    assert lines["address"] == ("am markt 1, 10115, berlin", "am markt 1, 10115, berlin")


def test_a_frequent_full_name_is_less_evidence_than_a_rare_one() -> None:
    base = _model()
    terms = {"family_name.plain": Terms({}, 0), "given_name": Terms({}, 0)}
    names = FullNames(
        "family_name", "given_name", "family_name.plain", Terms({f"anna{SEPARATOR}berg": -6_000}, -1_000), 20_000, 500
    )
    model = replace(base, namesakes=-15_000, terms=terms, full_names=names)
    assert Model.from_json(model.to_json()) == model

    def told(left: dict[str, str], right: dict[str, str]) -> dict[str, int]:
        return {part.comparison: part.weight for part in weigh(left, right, model).parts}

    assert told(BEN, BEN)["family_name"] - told(ANNA, BEN)["family_name"] == 20_000, (
        "of one full name: no strangers, but namesakes"
    )
    assert weigh(BEN, BEN, model).weight - weigh(ANNA, ANNA, model).weight == pytest.approx(5_000, abs=100)


def test_a_name_of_one_part_is_a_full_name_by_itself() -> None:
    base = default_model(customer_type("organisation"))
    names = FullNames(
        "company_name", "", "company_name", Terms({f"{SEPARATOR}big bakery": -6_000}, -1_000), 20_000, 500
    )
    model = replace(base, namesakes=-15_000, terms={"company_name": Terms({}, 0)}, full_names=names)
    assert Model.from_json(model.to_json()) == model
    chain, single = (
        {"company_name": name, "company_name.tokens": name, "company_name.joined": name}
        for name in ("big bakery", "berg optics")
    )
    assert weigh(single, single, model).weight - weigh(chain, chain, model).weight == pytest.approx(5_000, abs=100)
