"""Search as people expect: any order, other spellings and scripts, nicknames, misspellings, ends of numbers; ranked; within a view."""

from __future__ import annotations

import pytest

from hub.golden_record.misspellings import near, slips
from hub.open import Hub
from tests.access.population import ANA, BO, fill, key_for
from tests.access.test_read import NARROW, STEWARD, someone


def found(hub: Hub, words: str, asker=STEWARD) -> list[str]:  # type: ignore[no-untyped-def]
    return [f.id for f in hub.reader.search(asker, words).data]


@pytest.mark.parametrize(
    "typed",
    [
        "ana silva", "silva ana", "SILVA", "Sylva", "sliva ana", "ana slva", "siilva", "Сильва", "Anna Silva", "lisboa silva",
        "direita 5 silva", "ana@sil", "217904000", "904000", "+351 21 790 4000", "1980-05-17", "PT-77001", "lisbao ana",
    ],
)  # fmt: skip
def test_a_customer_is_found_by_what_people_type(hub: Hub, typed: str) -> None:
    ids = fill(hub)
    assert ids["ana"] in found(hub, typed)


@pytest.mark.parametrize(
    "typed", ["Müller", "Mueller", "Muller", "MÜLLER bo", "Muler", "Hauptstraße 1", "hauptstrasse müller", "Hauptstr"]
)
def test_other_spellings_of_one_word_are_one(hub: Hub, typed: str) -> None:
    assert fill(hub)["bo"] in found(hub, typed)


def test_a_nickname_finds_the_name_and_the_name_the_nickname(hub: Hub) -> None:
    ids = fill(hub, bo={"first": "Robert"}, ana={"first": "Bill"}, crm={"first": "Bill"})
    assert found(hub, "Bob Müller") == [ids["bo"]] and found(hub, "William Silva") == [ids["ana"]]


def test_an_id_leads_to_its_customer_and_to_nobody_outside_the_view(hub: Hub) -> None:
    ids = fill(hub)
    assert found(hub, ids["ana"]) == [ids["ana"]] and found(hub, "cus_nobody") == []
    assert found(hub, ids["acme"], NARROW) == [] and found(hub, ids["bo"], someone("lisbon")) == []


def test_what_was_typed_comes_before_what_may_have_been_meant(hub: Hub) -> None:
    ids = fill(hub, bo={"last": "Sylva"})
    assert found(hub, "silva") == [ids["ana"], ids["bo"]] and found(hub, "sylva") == [ids["bo"], ids["ana"]]


def test_a_misspelling_finds_nothing_by_a_hidden_attribute_or_outside_the_rows(hub: Hub) -> None:
    ids = fill(hub)
    assert found(hub, "Berlim", someone("lisbon")) == [] and found(hub, "Berlim") == [ids["bo"]]
    contacts = someone("lisbon_contacts")  # is not shown family names
    assert found(hub, "Sylva", contacts) == [] and found(hub, "Anna", contacts) == [ids["ana"]]


def test_words_that_nobody_holds_any_more_are_forgotten(hub: Hub) -> None:
    fill(hub, bo={"last": "Zwetschgenbaum"})
    with hub.database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM search_near WHERE token = 'zwetschgenbaum'").scalar()
    hub.resolver.upsert("billing", "customers", [{**BO, "last": "Stein", "updated": "2026-02-01T00:00:00Z"}])
    with hub.database.read() as connection:
        after = connection.exec_driver_sql("SELECT count(*) FROM search_near WHERE token = 'zwetschgenbaum'").scalar()
        kept = connection.exec_driver_sql("SELECT count(*) FROM search_word WHERE token = 'zwetschgenbaum'").scalar()
    assert before and not after and not kept
    assert not found(hub, "Zwetschgenbaun") and found(hub, "Stien")


def test_a_view_without_shown_attributes_finds_nobody(hub: Hub) -> None:
    fill(hub)
    assert found(hub, ANA["last"], someone("analyst")) == [] and key_for(hub, "analyst")


@pytest.mark.parametrize(
    ("typed", "word", "apart"),
    [
        ("mueler", "muller", 1), ("silva", "silva", None), ("sliva", "silva", 1), ("jon", "john", 1), ("eon", "leon", 1),
        ("ana", "eva", None), ("ana", "ena", None), ("schmitt", "schmidt", 1), ("katharina", "catarina", 2),
    ],
)  # fmt: skip
def test_how_far_two_words_are_apart(typed: str, word: str, apart: int | None) -> None:
    assert slips(typed, word) == apart
    if apart == 1:
        assert near(typed) & near(word)
