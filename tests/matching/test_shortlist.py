"""A shortlist saves time and changes nothing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.matching.model import SEPARATOR, FullNames, Terms, default_model
from hub.matching.score import weigh
from hub.matching.shortlist import hopeful
from hub.settings import CustomerType
from tests import tiny

TYPE = CustomerType.model_validate({
    "name": "person", "matching": {"rules": [["email"]]},
    "attributes": {
        "given_name": {"kind": "given_name"}, "family_name": {"kind": "family_name"}, "birth_date": {"kind": "birth_date"},
        "email": {"kind": "email", "many": True}, "phone": {"kind": "phone", "many": True}, "address": {"kind": "postal_address"},
        "tax_id": {"kind": "identifier", "exclusive": True}, "sex": {"kind": "category"}, "occupation": {"kind": "text"},
    },
})
COMPANY = CustomerType.model_validate({
    "name": "organisation", "matching": {"rules": [["email"]]},
    "attributes": {"company_name": {"kind": "company_name"}, "registration_id": {"kind": "identifier"}, "domain": {"kind": "domain"},
                   "email": {"kind": "email", "many": True}, "address": {"kind": "postal_address"}, "employees": {"kind": "number"}},
})
MODELS = {name: default_model(customer) for name, customer in {"person": TYPE, "organisation": COMPANY, "tiny": tiny.customer_type()}.items()}
MODELS["named"] = replace(
    MODELS["person"], terms={"family_name.plain": Terms({"maier": 3_000}, -1_000), "given_name": Terms({}, 500)},
    full_names=FullNames("family_name", "given_name", "family_name.plain", Terms({f"anna{SEPARATOR}maier": -6_000}, 1_500), 20_000, 500),
)  # fmt: skip
words = st.sampled_from(["anna", "hanna", "a", "otto", "maier", "meyer", "19800203", "19800302", "19910506", "12345678", "12345679", "main st", "berlin", "x1"])


@st.composite
def forms(draw: st.DrawFn, name: str) -> dict[str, object]:
    """What a record may hold: any column missing, lists where the comparison takes lists."""
    found: dict[str, object] = {}
    for weights in MODELS[name].comparisons:
        for column in weights.comparison.columns.values():
            if draw(st.integers(0, 2)):
                found[column] = sorted(set(draw(st.lists(words, min_size=1, max_size=2)))) if weights.comparison.many else draw(words)
    if draw(st.booleans()):
        found["claimed"] = ["email"]
    return found


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(MODELS)), st.integers(-20_000, 40_000))
def test_nothing_that_reaches_the_floor_is_left_out(data: st.DataObject, name: str, floor: int) -> None:
    model = MODELS[name]
    records = dict(enumerate(data.draw(st.lists(forms(name), min_size=2, max_size=5))))
    pairs = [(a, b) for a in records for b in records if a < b]
    reach = {p for p in pairs if weigh(records[p[0]], records[p[1]], model).weight >= floor}
    assert reach <= set(hopeful(pairs, records, model, floor))


def test_strangers_are_left_out() -> None:
    model = MODELS["person"]
    records = {
        1: {"given_name": "anna", "given_name.sound": "n", "family_name.plain": "maier", "birth_date.digits": "19800203", "email.folded": ["a@x.example"]},
        2: {"given_name": "otto", "given_name.sound": "t", "family_name.plain": "huber", "birth_date.digits": "19910506", "email.folded": ["b@y.example"]},
    }
    assert hopeful([(1, 2)], records, model, model.review) == []
    assert hopeful([(1, 2)], {1: records[1], 2: records[1]}, model, model.review) == [(1, 2)]
