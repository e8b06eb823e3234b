"""What is to be written to one record: pure, from what the source gave, what is golden and what was written before."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.base import WriteResult
from hub.connectors.mapping.mapper import Mapper
from hub.delivery.sending import complete
from hub.delivery.write_back import TRIPS_AT, Plan, plan, wanted
from hub.landing.fold import Held
from hub.matching.recipe import hash_values
from hub.model import Cell, Value, composite
from hub.settings import CustomerType, Stream

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 20  # pure, so cheap
some = settings(max_examples=COUNT, deadline=None)

PERSON = CustomerType.model_validate(
    {
        "name": "person",
        "attributes": {
            "email": {"kind": "email", "many": True},
            "job": {"kind": "text"},
            "phone": {"kind": "phone", "many": True},
            "address": {"kind": "postal_address"},
            "company": {"kind": "text"},
        },
    }
)
ALL = ("email", "job", "phone", "address", "company")
A, B, C = "a@x.example", "b@x.example", "c@x.example"


def mapper(**changed: Any) -> Mapper:
    paths = {
        "email": "mails",
        "job": "job",
        "phone": "[mobile, landline]",
        "company": "firm || employer",
        "address": {"line1": "street", "postcode": "zip", "city": "town", "country": "'DE'"},
        **changed,
    }
    return Mapper("people", Stream.model_validate({"customer": "person", "key": "id", "map": paths}), PERSON)


def planned(
    raw: Mapping[str, Any],
    golden: Mapping[str, Sequence[Value]],
    *,
    own: Mapping[str, Sequence[Value]] | None = None,
    written: Mapping[str, Sequence[str]] | None = None,
    attributes: Sequence[str] = ALL,
    by: Mapper | None = None,
) -> Plan:
    made = by or mapper()
    said = {a: c.values for a, c in made.map({"id": "1", **raw}).cells.items()} if own is None else own
    return plan(
        made,
        {"id": "1", **raw},
        {a: Held(Cell(tuple(v)), None, 1) for a, v in said.items()},
        {a: tuple(v) for a, v in golden.items()},
        attributes,
        written or {},
    )


# --- which values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("has", "own", "golden", "want"),
    [
        ((), (), None, None),
        ((A,), (A,), None, None),  # nothing golden: its own stays
        ((B,), (A,), None, (A,)),  # what the hub wrote is golden no more: its own goes back
        ((B,), (), None, ()),
        ((A,), (A,), (B,), (B,)),
        ((A, B), (A, B), (B, A), (A, B)),  # no list is rewritten for its order
        ((B,), (B,), (A, B, C), (B, A, C)),
        ((A, B), (A,), (A,), (A,)),
        ((A,), (A,), (), ()),  # cleared by hand
    ],
)
def test_the_values_that_a_record_should_hold(has: Any, own: Any, golden: Any, want: Any) -> None:
    assert wanted(has, own, golden) == want


# --- which fields -------------------------------------------------------------------------------------------


def test_only_what_differs_is_planned_on_condition_of_what_was_there() -> None:
    found = planned({"mails": [A], "job": "baker"}, {"email": [A], "job": ["smith"]})
    assert (found.fields, found.expected) == ({"job": "smith"}, {"job": "baker"})
    assert found.hashes == {"job": hash_values(("smith",))}
    assert planned({"mails": [A], "job": "smith"}, {"email": [A], "job": ["smith"]}).fields == {}


def test_an_attribute_that_is_not_asked_for_is_not_planned() -> None:
    assert planned({"job": "baker"}, {"job": ["smith"], "email": [A]}, attributes=["email"]).fields == {"mails": A}
    assert planned({"job": "baker"}, {"job": ["smith"]}, attributes=[]).fields == {}


def test_a_list_stays_a_list_and_a_column_stays_a_column() -> None:
    assert planned({"mails": [A]}, {"email": [A, B]}).fields == {"mails": [A, B]}
    assert planned({"mails": A}, {"email": [B]}).fields == {"mails": B}


def test_a_column_that_holds_one_good_value_of_several_keeps_it() -> None:
    found = planned({"mails": A}, {"email": [B, A]})
    assert found.fields == {}
    assert found.problems == {}


def test_two_columns_take_two_values() -> None:
    x, y = "+4915112345678", "+4915187654321"
    assert planned({"mobile": x, "landline": None}, {"phone": [y, x]}).fields["landline"] == y


def test_an_address_is_written_whole_and_conditioned_on_all_its_parts() -> None:
    old = {"street": "Hauptstr. 1", "zip": "10115", "town": "Berlin"}
    new = composite({"line1": "Ring 2", "postcode": "20095", "city": "Hamburg", "country": "DE"})
    found = planned(old, {"address": [new]})
    assert found.fields == {"street": "Ring 2", "zip": "20095", "town": "Hamburg"}
    assert found.expected == old


def test_an_address_abroad_is_a_problem_where_the_country_is_fixed_and_the_rest_goes_on() -> None:
    abroad = composite({"line1": "Rua 2", "city": "Lisboa", "country": "PT"})
    found = planned(
        {"street": "Hauptstr. 1", "town": "Berlin", "job": "baker"}, {"address": [abroad], "job": ["smith"]}
    )
    assert found.fields == {"job": "smith"}
    assert "DE" in found.problems["address"]


def test_a_map_that_cannot_be_turned_round_is_a_problem() -> None:
    found = planned({"firm": "Acme"}, {"company": ["Other"]})
    assert found.fields == {}
    assert "cannot be turned round" in found.problems["company"]


def test_what_is_cleared_by_hand_is_cleared_there() -> None:
    assert planned({"job": "baker"}, {"job": []}).fields == {"job": None}


def test_what_nobody_verified_is_not_among_the_golden_values_and_leaves_the_record_alone() -> None:
    assert planned({"job": "baker", "mails": [A]}, {}).fields == {}


def test_after_an_undo_the_sources_own_value_goes_back() -> None:
    found = planned({"job": "smith"}, {}, own={"job": ("baker",)}, written={"job": [hash_values(("smith",))]})
    assert (found.fields, found.expected) == ({"job": "baker"}, {"job": "smith"})


def test_a_spelling_that_reads_the_same_is_not_rewritten() -> None:
    raw = {"mobile": "+49 151 12345678"}
    assert planned(raw, {"phone": ["+4915112345678"]}, by=mapper(phone="mobile")).fields == {}


# --- the breaker ------------------------------------------------------------------------------------------------


def test_a_value_that_did_not_stick_twice_is_not_tried_a_third_time() -> None:
    smith, other = hash_values(("smith",)), hash_values(("cook",))
    for written in ([], [smith], [smith, other], [other, smith], [smith, smith, other]):
        assert planned({"job": "baker"}, {"job": ["smith"]}, written={"job": written}).fields == {"job": "smith"}
    found = planned(
        {"job": "baker", "mails": [A]},
        {"job": ["smith"], "email": [A, B]},
        written={"job": [other, *[smith] * TRIPS_AT]},
    )
    assert found.tripped == ("job",)
    assert found.fields == {"mails": [A, B]}


# --- properties ---------------------------------------------------------------------------------------------------

emails = st.lists(st.sampled_from([A, B, C]), max_size=3, unique=True)
jobs = st.sampled_from(["baker", "smith", None])
raws = st.fixed_dictionaries({"mails": st.one_of(emails, st.sampled_from([A, None])), "job": jobs})
goldens = st.fixed_dictionaries({}, optional={"email": emails, "job": st.sampled_from([["baker"], ["smith"], []])})


@some
@given(raws, goldens)
def test_once_written_nothing_is_left_to_write(raw: dict[str, Any], golden: dict[str, list[str]]) -> None:
    first = planned(raw, golden)
    assert first.fields.keys() == first.expected.keys()
    assert all(raw.get(f) == v for f, v in first.expected.items())
    after = {**raw, **first.fields}
    again = planned(after, golden, written={a: [h] for a, h in first.hashes.items()})
    assert again.fields == {}
    assert again.tripped == ()


@some
@given(raws, goldens)
def test_the_log_keeps_what_will_come_back(raw: dict[str, Any], golden: dict[str, list[str]]) -> None:
    found = planned(raw, golden)
    cells = mapper().map({"id": "1", **raw, **found.fields}).cells
    for attribute, hashed in found.hashes.items():
        assert hash_values(cells[attribute].values if attribute in cells else ()) == hashed


def test_writes_that_a_connector_did_not_answer_are_tried_again() -> None:
    answered = WriteResult("1", "written")
    assert [r.outcome for r in complete(["a", "b", "c"], [answered])] == ["written", "retry", "retry"]
    assert complete(["a"], [answered, answered]) == [answered]
