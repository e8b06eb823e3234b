"""Companies, their sisters and the shops of chains: what training makes of names that are shared."""

from __future__ import annotations

import json
import random
from collections import Counter
from string import ascii_lowercase
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hub.kinds.levels_company import OTHER, RARE_PART, SIMILAR
from hub.matching.compare.model import Model, comparisons_of, doubts_of
from hub.matching.compare.score import weigh
from hub.matching.training import batch
from hub.matching.training.mixture import Patterns, told_otherwise
from hub.quality.measures import Quality, evaluate
from tests.matching.world import customer_type, joined, records

TOWNS = ("Leeds", "York", "Hull", "Bath", "Ely", "Wells", "Ripon", "Truro")
FIRST = (
    "Ash",
    "Black",
    "Brad",
    "Clay",
    "Dray",
    "East",
    "Fair",
    "Glen",
    "Hart",
    "Holl",
    "King",
    "Lang",
    "Mar",
    "Nor",
    "Oak",
    "Pem",
)
LAST = ("ford", "ley", "ton", "field", "well", "worth", "by", "ham")
TRADES = ("Bakery", "Stores", "Optics", "Garage", "Energy", "Metals")


def _address(dice: random.Random) -> dict[str, str]:
    return {
        "line1": f"{dice.choice(FIRST)}{dice.choice(LAST)} Street {dice.randrange(1, 90)}",
        "postcode": str(20_000 + dice.randrange(150)),
        "city": dice.choice(TOWNS),
    }


def _firm(dice: random.Random, n: int, core: str) -> dict[str, Any]:
    return {
        "company_name": core,
        "domain": f"{core.lower().replace(' ', '-')}.example",
        "phone": [f"+44113{4_960_000 + n}"],
        "address": _address(dice),
    }


def _seen(dice: random.Random, firm: dict[str, Any]) -> dict[str, Any]:
    """One record of a company: now and then without a telephone number or a domain."""
    kept = {a: v for a, v in firm.items() if a not in ("phone", "domain") or dice.random() < 0.7}
    return {**kept, "company_name": firm["company_name"] + dice.choice(("", " Ltd", " Limited"))}


def _chains(dice: random.Random) -> tuple[list[dict[str, Any]], list[str]]:
    """Shops of chains. Each is a customer of its own: the name and the domain only say which chain."""
    cores = [f"{a}{b} {dice.choice(TRADES)}" for a in FIRST for b in LAST[:2]]
    shops = [_firm(dice, n, dice.choices(cores, [1 / (k + 2) for k in range(len(cores))])[0]) for n in range(500)]
    found = [(_seen(dice, shop), f"s{n}") for n, shop in enumerate(shops) for _ in range(dice.choice((1, 1, 2, 3)))]
    return [row for row, _ in found], [who for _, who in found]


def _groups(dice: random.Random) -> tuple[list[dict[str, Any]], list[str]]:
    """Companies of which some moved, and sisters that share a domain, a telephone number and how the name begins."""
    rows: list[dict[str, Any]] = []
    truth: list[str] = []
    for n, (a, b, trade) in enumerate((a, b, t) for a in FIRST for b in LAST for t in TRADES):
        firm = _firm(dice, n, f"{a}{b}{'aeiou'[n % 5]} {trade}")
        every = (
            [firm, {**firm, "company_name": f"{a}{b}{'aeiou'[n % 5]} Holding", "address": _address(dice)}]
            if dice.random() < 0.2
            else [firm]
        )
        for k, one in enumerate(every):
            for at in range(dice.choice((1, 2, 2, 3))):
                rows.append(_seen(dice, {**one, "address": _address(dice)} if at and dice.random() < 0.25 else one))
                truth.append(f"c{n}.{k}")
    return rows, truth


def _resolved(rows: list[dict[str, Any]], truth: list[str]) -> tuple[Model, pa.Table, Quality]:
    table = records(rows, "organisation")
    model = batch.train(table, customer_type("organisation"))
    return model, table, evaluate(joined(model, table, batch.pairs(table, None, model, floor=0, cap=200)), truth)


@pytest.mark.parametrize("world", [_chains, _groups])
def test_shops_of_a_chain_and_sisters_stay_apart_and_who_moved_stays_one(world: Any) -> None:
    model, table, quality = _resolved(*world(random.Random(4)))
    assert quality.precision >= 0.95
    assert quality.f1 >= 0.88
    forms = [json.loads(text) for text in table["forms"].to_pylist()]
    for row in batch.pairs(table, None, model, floor=-100_000, cap=200).to_pylist():
        live = weigh(forms[row["left"]], forms[row["right"]], model)
        assert (live.weight, [list(part) for part in live.parts]) == (row["weight"], json.loads(row["parts"]))


def test_what_was_typed_to_get_past_a_form_is_no_evidence() -> None:
    people = [
        {"given_name": f"{a}a", "family_name": f"{b}{c}", "email": [f"{a}{b}{c}@mail.example"]}
        for a in FIRST
        for b in FIRST[:6]
        for c in LAST
    ]
    junk = [{"given_name": "Qwert", "family_name": "Qwert", "email": ["zuiop@zuiop.example"]}] * 2
    junk += [
        {"given_name": f"{name}o", "family_name": f"{name}unt", "email": ["zuiop@zuiop.example"]} for name in FIRST[:3]
    ]
    own = [
        {"given_name": "Otto", "family_name": "Hahn", "email": ["hahn@hahn.example"]},
        {"given_name": "Eva", "family_name": "Hahn", "email": ["hahn@hahn.example"]},
    ]
    model = batch.train(records([*people, *junk, *own]), customer_type())
    assert model.placeholders["given_name"] == model.placeholders["family_name.plain"] == {"qwert"}
    assert model.placeholders["email.folded"] == {"zuiop@zuiop.example"}, "a family's own domain stays evidence"


@pytest.mark.parametrize("trades", [2, 8])
def test_a_rare_name_in_full_is_an_identity_where_names_are_all_that_there_is(trades: int) -> None:
    """Of a list of suppliers. What many names are made of joins nobody; sisters stay apart, also where half of all names have one trade."""
    dice = random.Random(3)
    own = [" ".join("".join(dice.choices(ascii_lowercase, k=9)) for _ in range(n % 4 // 3 + 1)) for n in range(150)]
    lines = ["Chemicals", "Logistics", "Motors", "Florist", "Printing", "Hardware", "Dairy", "Optics"][:trades]
    names = [f"{name} {trade}" for name in own for trade in dice.sample(lines, dice.choice((1, 1, 2)))]
    told = [name for name in names for _ in range(dice.choice((1, 2, 3)))]
    common = ["Trading Services", "Trading Services", "Services Trading International"]
    table = records([{"company_name": name} for name in (*told, *common)], "organisation")
    model = batch.train(table, customer_type("organisation"))
    found = batch.pairs(table, None, model, floor=model.join, cap=200)
    sides = [
        (told[a], told[b])
        for a, b in zip(found["left"].to_pylist(), found["right"].to_pylist(), strict=True)
        if b < len(told)
    ]
    assert found.num_rows == len(sides), "of common words alone no name is an identity"
    assert all(one == other for one, other in sides)
    assert len(sides) >= 0.9 * sum(n * (n - 1) // 2 for n in Counter(told).values())


@pytest.mark.parametrize(
    ("within", "beside", "place", "told"),
    [
        (60, 40, "same", True),  # one site: "Army - Sparrow School", "Army", "Sparrow School"
        (60, 40, "other", False),  # sisters have addresses of their own
        (3, 40, "same", False),  # "Meyer Bau", "Meyer Handel" in one house: neither name is in the other
        (6, 4, "same", False),  # too few to tell
    ],
)
def test_names_at_one_telephone_are_of_one_site_where_most_are_one_in_the_other_at_one_address(
    within: int, beside: int, place: str, told: bool
) -> None:
    comparisons = comparisons_of(customer_type("organisation"))
    at = {c.name: (k, {level.name: n for n, level in enumerate(c.levels.levels)}) for k, c in enumerate(comparisons)}
    levels = np.full((3, len(comparisons)), -1)
    levels[:, at["phone"][0]] = 0
    levels[:, at["address"][0]] = at["address"][1][place]
    levels[:, at["company_name"][0]] = (RARE_PART, SIMILAR, OTHER)
    nothing = np.zeros(3)
    counts = np.array([within, beside, 500], np.float64)  # how many have nothing in common does not matter
    patterns = Patterns(levels, levels >= 0, nothing, nothing, nothing, counts, np.zeros(3, np.int64))
    assert told_otherwise(comparisons, patterns) is told
    assert ("company_name" in doubts_of(comparisons, companies=not told)) is not told
