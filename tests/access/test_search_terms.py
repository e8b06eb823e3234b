"""Tokens: what is stored is found by what people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.golden_record.search_terms import LONGEST, Term, query_tokens, tokens
from hub.model import Value, composite


def finds(term: Term, found: set[str]) -> bool:
    return any(t in term.exact or t.startswith(term.prefixes) for t in found)


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("given_name", "Mary-Ann", "mary-ann"),
        ("given_name", "Mary-Ann", "Maryann"),
        ("family_name", "Müller", "mueller"),
        ("family_name", "Müller", "MULLER"),
        ("family_name", "Müller", "müll"),
        ("family_name", "O'Neil", "oneil"),
        ("family_name", "van der Berg", "berg"),
        ("family_name", "Иванов", "ivanov"),
        ("email", "anna.schmidt@mail.de", "anna.schmidt@mail.de"),
        ("email", "anna.schmidt@mail.de", "anna.schm"),
        ("phone", "+49301234567", "+49 30 1234567"),
        ("phone", "+49301234567", "030/123 4567"),
        ("phone", "+15551234567", "(555) 123-4567"),
        ("birth_date", "1990-05-01", "1990-05-01"),
        ("company_name", "Acme Logistics GmbH", "logist"),
        ("identifier", "DE123456789", "de123456789"),
        ("postal_address", composite({"postcode": "SW1A 1AA", "city": "Sankt Gallen"}), "sw1a1aa"),
        ("domain", "acme.de", "acme.de"),
    ],
)
def test_values_are_found_by_what_people_type(kind: str, value: Value, typed: str) -> None:
    assert all(finds(term, tokens(kind, value)) for term in query_tokens(typed)) and query_tokens(typed)


def test_several_words_are_several_terms() -> None:
    assert [t.exact[0] for t in query_tokens("ana  silva 1100-001")] == ["ana", "silva", "1100001"]
    assert [t.exact[0] for t in query_tokens("10115 12")] == ["10115", "12"]


@pytest.mark.parametrize("kind", ["consent", "category", "text", "number", "name_suffix", "unheard_of"])
def test_what_nobody_searches_by_costs_no_rows(kind: str) -> None:
    assert tokens(kind, "granted") == set()


@given(
    st.sampled_from(["given_name", "family_name", "company_name", "email", "phone", "identifier"]), st.text(max_size=60)
)
def test_tokens_are_short_and_sort_alike_under_any_collation(kind: str, value: str) -> None:
    assert all(t.isascii() and t.isalnum() and t == t.lower() and len(t) <= LONGEST for t in tokens(kind, value))


@given(st.text(max_size=200))
def test_any_query_is_read(text: str) -> None:
    for term in query_tokens(text):
        assert term.exact and all(t.isascii() and t.isalnum() for t in (*term.exact, *term.prefixes))
