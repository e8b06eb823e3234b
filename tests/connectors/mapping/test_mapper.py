"""Raw rows -> cells, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.mapping.columns import needed_columns, used_columns
from hub.connectors.mapping.identity import record_key
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.mapping.values import FIELD_BYTES, short
from hub.errors import BadRecord, ConfigError
from hub.model import Cell, canonical
from hub.settings import CustomerType, Stream

PERSON = CustomerType.model_validate(
    {
        "attributes": {
            "title": {"kind": "category"},
            "given_name": {"kind": "given_name"},
            "middle_name": {"kind": "given_name"},
            "family_name": {"kind": "family_name"},
            "name_suffix": {"kind": "name_suffix"},
            "full_name": {"kind": "person_name"},
            "birth_date": {"kind": "birth_date"},
            "email": {"kind": "email", "many": True},
            "phone": {"kind": "phone", "many": True},
            "address": {"kind": "postal_address"},
            "marketing_consent": {"kind": "consent"},
            "occupation": {"kind": "text"},
            "employees": {"kind": "number"},
        }
    }
)


def mapper(map_: dict[str, Any], **stream: Any) -> Mapper:
    return Mapper("people", Stream.model_validate({"customer": "person", "key": "id", "map": map_, **stream}), PERSON)


def cells(map_: dict[str, Any], raw: dict[str, Any], **stream: Any) -> dict[str, Cell]:
    return mapper(map_, **stream).map({"id": "1", **raw}).cells


@given(
    st.dictionaries(
        st.sampled_from(["line1", "city"]),
        st.tuples(st.sampled_from(["a", '"', "\x00", "ä", "\U0001f600"]), st.sampled_from([1, 300, 670, 672, 1365])),
        max_size=2,
    )
)
def test_what_is_taken_for_short_is_short_however_it_is_spelled(parts: dict[str, tuple[str, int]]) -> None:
    raw = {name: character * times for name, (character, times) in parts.items()}
    assert not short(raw) or len(canonical(raw)) <= FIELD_BYTES


def test_a_list_of_paths_gives_many_values_without_empty_or_equal_ones() -> None:
    found = cells(
        {"email": "[mail, invoice_mail, other]"},
        {"mail": "a@x.com", "invoice_mail": None, "other": [" a@x.com ", "b@x.com", ""]},
    )
    assert found["email"].values == ("a@x.com", "b@x.com")


def test_a_single_value_is_the_first_that_can_be_read() -> None:
    assert cells({"given_name": "[nick, first]"}, {"nick": "", "first": "Anna"})["given_name"].values == ("Anna",)


def test_parts_and_constants_make_a_composite() -> None:
    parts = {"line1": "street", "postcode": "zip", "city": "town", "country": "'DE'"}
    (value,) = cells({"address": parts}, {"street": "Weg 1", "zip": 10115, "town": "Berlin"})["address"].values
    assert dict(value) == {"line1": "Weg 1", "postcode": "10115", "city": "Berlin", "country": "DE"}


def test_constants_alone_make_no_composite() -> None:
    parts = {"line1": "street", "country": "'DE'"}
    assert cells({"address": parts}, {"street": ""})["address"] == Cell()
    assert cells({"address": parts}, {"street": None}, records="partial")["address"] == Cell()
    assert "address" not in cells({"address": parts}, {}, records="partial")


def test_one_path_may_give_a_whole_address() -> None:
    (value,) = cells({"address": "addr"}, {"addr": {"line1": "Weg 1", "city": "Berlin", "postcode": 10115}})[
        "address"
    ].values
    assert dict(value) == {"line1": "Weg 1", "city": "Berlin", "postcode": "10115"}
    assert cells({"address": "addr"}, {"addr": "1 Main Street, Springfield"})["address"].values


@pytest.mark.parametrize(
    ("stream", "raw", "cell"),
    [
        ({}, {"mail": None}, Cell()),
        ({}, {}, Cell()),
        ({}, {"mail": " "}, Cell()),
        ({}, {"mail": "n/a"}, Cell()),
        ({"null_means": "cleared"}, {"mail": None}, Cell(cleared=True)),
        ({"null_means": "cleared"}, {"mail": ""}, Cell(cleared=True)),
        ({"null_means": "cleared"}, {}, Cell()),
        ({"records": "partial"}, {}, None),
        ({"records": "partial"}, {"mail": ""}, None),
        ({"records": "partial"}, {"mail": "n/a"}, None),
        ({"records": "partial"}, {"mail": None}, Cell()),
        ({"records": "partial", "null_means": "cleared"}, {"mail": None}, Cell(cleared=True)),
        ({"records": "partial", "null_means": "cleared"}, {}, None),
    ],
)
@pytest.mark.parametrize("path", ["mail", "[mail]", "not_null(mail)"])
def test_the_four_field_states(stream: dict[str, Any], raw: dict[str, Any], cell: Cell | None, path: str) -> None:
    if path.startswith("not_null") and raw == {} and stream == {"null_means": "cleared"}:
        return  # an expression that gives nothing, of a full row, is a null
    assert cells({"email": path}, raw, **stream).get("email") == cell


def test_a_value_that_cannot_be_read_is_a_problem_and_the_rest_lands() -> None:
    found = mapper({"email": "mail", "given_name": "first"}).map({"id": 1, "mail": "no mail at all", "first": "Anna"})
    assert [attribute for attribute, _ in found.problems] == ["email"]
    assert "no mail" not in found.problems[0][1]
    assert found.cells == {"email": Cell(), "given_name": Cell(("Anna",))}
    partial = mapper({"email": "mail"}, records="partial").map({"id": 1, "mail": "no mail at all"})
    assert partial.cells == {}


@pytest.mark.parametrize("value", ["x" * 5000, {"a": "b"}, [["x" * 5000]], {"line1": "y" * 5000}])
def test_values_that_are_too_long_or_of_another_shape_are_problems(value: object) -> None:
    found = mapper({"occupation": "job"}).map({"id": 1, "job": value})
    assert found.problems
    assert found.cells["occupation"] == Cell()


def test_an_expression_that_fails_is_a_problem_of_its_attribute() -> None:
    found = mapper({"given_name": "join(' ', [a, b])", "family_name": "last"}).map(
        {"id": 1, "a": 5, "b": None, "last": "Meyer"}
    )
    assert found.problems[0][0] == "given_name"
    assert found.cells["family_name"].values == ("Meyer",)


def test_a_full_name_fills_what_is_not_mapped_itself() -> None:
    found = cells({"full_name": "name"}, {"name": "Dr. Anna Maria Smith Jr."})
    assert found["given_name"].values == ("Anna",)
    assert found["family_name"].values == ("Smith",)
    own = cells({"full_name": "name", "given_name": "call_name"}, {"name": "Anna Smith", "call_name": "Annie"})
    assert own["given_name"].values == ("Annie",)
    assert own["family_name"].values == ("Smith",)
    assert own["name_suffix"] == Cell()


def test_a_suffix_is_taken_off_the_family_name() -> None:
    found = cells({"family_name": "last"}, {"last": "Smith, Jr."})
    assert (found["family_name"].values, found["name_suffix"].values) == (("Smith",), ("Jr",))
    mapped = cells({"family_name": "last", "name_suffix": "suffix"}, {"last": "Smith Jr", "suffix": ""})
    assert mapped["name_suffix"] == Cell()


def test_values_carry_their_dates() -> None:
    stream = {"dates": {"email": "mail_at"}, "effective_from": {"email": "from"}, "effective_to": {"email": "to"}}
    found = mapper({"email": "mail", "given_name": "first"}, **stream).map(
        {"id": 1, "mail": "a@x.com", "first": "Anna", "mail_at": "1970-01-02", "from": 0, "to": "someday"}
    )
    assert found.cells["email"] == Cell(("a@x.com",), date=86_400_000_000, start=0)
    assert found.cells["given_name"].date is None
    assert found.problems == (("email", "its end cannot be read as a time"),)


def test_version_time_and_tombstone() -> None:
    made = mapper({"email": "mail"}, version="at", deleted="deleted_at")
    found = made.map({"id": 1, "at": "2024-01-31T10:00:00+02:00", "mail": "a@x.com", "deleted_at": None})
    assert (found.version, found.observed) == ("2024-01-31T08:00:00.000000Z", 1706688000000000)
    gone = made.map({"id": 1, "at": 7, "mail": "a@x.com", "deleted_at": "2024-01-01"})
    assert (gone.tombstone, gone.cells, gone.version, gone.observed) == (True, {}, "0" * 19 + "7", None)
    assert not made.identify({"id": 1, "deleted_at": "False"}).tombstone
    assert mapper({}, observed="seen").map({"id": 1, "seen": 86_400}).observed == 86_400_000_000


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (12, "12"),
        (12.0, "12"),
        (" 12 ", "12"),
        ("ä/ö 1", "ä/ö 1"),
        (1.5, "1.5"),
        (10**25, str(10**25)),
        ("x" * 512, "x" * 512),
    ],
)
def test_a_key_is_text(value: object, key: str) -> None:
    assert record_key(value) == key


@pytest.mark.parametrize(
    "value", [None, "", "  ", True, [1], {"a": 1}, "x" * 513, "a\x00b", "a\nb", "a\x85b", "a\ud800"]
)
def test_what_cannot_be_a_key_is_a_bad_record(value: object) -> None:
    with pytest.raises(BadRecord):
        mapper({}).map({"id": value})


def test_columns_with_any_name_can_be_mapped() -> None:
    found = cells(
        {"email": "E-Mail", "given_name": "First Name", "family_name": "Straße (2)"},
        {"E-Mail": "a@x.com", "First Name": "Anna", "Straße (2)": "Berg"},
    )
    assert [cell.values[0] for cell in found.values() if cell.values] == ["a@x.com", "Anna", "Berg"]


def test_a_dotted_path_reads_nested_and_flattened_rows() -> None:
    for raw in ({"contact": {"mail": "a@x.com"}}, {"contact.mail": "a@x.com"}):
        assert cells({"email": "contact.mail"}, raw)["email"].values == ("a@x.com",)
    assert cells({"email": "contact.mail"}, {"contact": "x"})["email"] == Cell()


@pytest.mark.parametrize("path", ["[a", "foo(bar", "shout(name)", "a[?"])
def test_what_is_no_path_is_refused(path: str) -> None:
    if path in ("foo(bar", "shout(name)"):  # could be a column's name, and is then looked for
        assert (
            needed_columns(Stream.model_validate({"customer": "p", "key": "id", "map": {"email": path}}))[path]
            == "map.email"
        )
        return
    with pytest.raises(ValidationError, match="neither a column's name nor a JMESPath expression"):
        mapper({"email": path})


def test_needed_columns_are_the_plainly_named_ones() -> None:
    made = mapper(
        {"email": "[mail, other]", "address": {"line1": "street"}, "phone": "not_null(mobile, home)"}, version="at"
    )
    assert needed_columns(made.stream) == {
        "id": "key",
        "at": "version",
        "mail": "map.email",
        "other": "map.email",
        "street": "map.address.line1",
    }
    assert {"mobile", "home"} <= used_columns(made.stream)


_raws = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.sampled_from(["", " ", "a@x.com", "Anna", "\x00", "2024-01-01", "x" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["line1", "city", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_ALL = mapper(
    {
        "given_name": "a",
        "family_name": "[a, b]",
        "full_name": "c",
        "birth_date": "b",
        "email": "[a, b, c]",
        "phone": "c.a",
        "address": {"line1": "a", "city": "b.city", "country": "'DE'"},
        "marketing_consent": "a",
        "occupation": "not_null(c, a)",
        "employees": "b",
    },
    version="b",
    deleted="c",
    dates={"email": "a"},
    effective_to={"full_name": "b"},
    country="DE",
)


@given(st.dictionaries(st.sampled_from(["id", "a", "b", "c"]), _raws))
def test_no_row_breaks_the_mapper_and_caching_changes_nothing(raw: dict[str, Any]) -> None:
    try:
        first = _ALL.map(raw)
    except BadRecord:
        return
    fresh = Mapper("people", _ALL.stream, PERSON).map(raw)
    assert first == fresh == _ALL.map(raw)
    assert all(isinstance(cell, Cell) for cell in first.cells.values())
    assert (first.key, first.version, first.observed, first.tombstone) == _ALL.identify(raw)


# --- writing back ---


def test_plain_paths_lists_and_parts_are_turned_round() -> None:
    made = mapper(
        {
            "given_name": "first",
            "email": "[mail, invoice_mail]",
            "phone": "contact.phone",
            "address": {"line1": "street", "city": "town", "country": "'DE'"},
        }
    )
    assert made.unmap("given_name", ["Anna"]) == {"first": "Anna"}
    assert made.unmap("given_name", []) == {"first": None}
    assert made.unmap("email", ["a@x.com", "b@x.com", "c@x.com"]) == {"mail": "a@x.com", "invoice_mail": "b@x.com"}
    assert made.unmap("email", ["a@x.com"]) == {"mail": "a@x.com", "invoice_mail": None}
    assert made.unmap("phone", ["1"]) == {"contact.phone": "1"}
    address = (("city", "Bern"), ("country", "DE"), ("line1", "Weg 1"))
    assert made.unmap("address", [address]) == {"street": "Weg 1", "town": "Bern"}
    assert made.held("address", {"street": "Weg 1"}) == {"street": "Weg 1", "town": None}
    assert made.after({"contact": {"fax": "2"}}, {"contact.phone": "1"}) == {"contact": {"fax": "2", "phone": "1"}}


def test_the_source_s_own_shapes_and_types_are_kept() -> None:
    made = mapper({"email": "mails", "employees": "count", "address": "addr"})
    assert made.unmap("email", ["a@x.com", "b@x.com"], {"mails": ["z@x.com"]}) == {"mails": ["a@x.com", "b@x.com"]}
    assert made.unmap("employees", ["12"], {"count": 5}) == {"count": 12}
    assert made.unmap("address", [(("city", "Bern"), ("line1", "Weg 1"))], {}) == {
        "addr": {"city": "Bern", "line1": "Weg 1"}
    }


def test_a_second_line_without_a_column_of_its_own_is_not_lost() -> None:
    made = mapper({"address": {"line1": "street", "city": "town"}})
    assert made.unmap("address", [(("city", "Bern"), ("line1", "Weg 1"), ("line2", "Flat 2"))]) == {
        "street": "Weg 1, Flat 2",
        "town": "Bern",
    }


def test_an_address_abroad_is_not_half_written_to_a_source_of_one_country() -> None:
    made = mapper({"address": {"line1": "street", "country": "'DE'"}})
    with pytest.raises(BadRecord, match="country"):
        made.unmap("address", [(("country", "FR"), ("line1", "Rue 1"))])


def test_an_expression_cannot_be_turned_round_unless_told_how() -> None:
    write_back = {"attributes": ["email"]}
    with pytest.raises(ConfigError, match=r"streams.people.write_back.attributes.email.*write_back.map.email"):
        mapper({"email": "not_null(mail, other)"}, write_back=write_back)
    made = mapper({"email": "not_null(mail, other)"}, write_back={**write_back, "map": {"email": "mail"}})
    assert made.unmap("email", ["a@x.com"]) == {"mail": "a@x.com"}
    parts = mapper({"address": "addr"}, write_back={"attributes": ["address"], "map": {"address": {"line1": "street"}}})
    assert parts.unmap("address", [(("line1", "Weg 1"),)]) == {"street": "Weg 1"}


@given(st.lists(st.sampled_from(["a@x.com", "b@x.com", "c@y.org"]), max_size=2, unique=True))
def test_what_is_written_is_read_again_as_it_was(values: list[str]) -> None:
    made = mapper({"email": "[mail, invoice_mail]"})
    raw = {"id": "1", "mail": "old@x.com"}
    assert made.map(made.after(raw, made.unmap("email", values, raw))).cells["email"].values == tuple(values)


@pytest.mark.parametrize(
    ("attribute", "cell", "values"),
    [
        ("email", "a@x.example; b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example, b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example|b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example\nb@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example / b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example und b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example\tb@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example • b@x.example", ("a@x.example", "b@x.example")),
        ("email", '["a@x.example", "b@x.example"]', ("a@x.example", "b@x.example")),
        ("email", "a@x.example (private); b@x.example (work)", ("a@x.example", "b@x.example")),
        ("phone", "+49301234567;ext=4", ("+49301234567;ext=4",)),
        ("phone", "+49301234567;ext=4; +4930999888", ("+49301234567;ext=4", "+4930999888")),
        ("email", "a@x.example;", ("a@x.example",)),
        ("email", "a@x.example; none", ("a@x.example",)),
        ("email", "a@x.example; rubbish", ("a@x.example",)),
        ("phone", "0171 9998881 / 030 9998881", ("+491719998881", "+49309998881")),
        ("phone", "0171 999888 / 030 999888", ("+49171999888", "+4930999888")),
        ("phone", "0171/9998881", ("+491719998881",)),
        ("phone", "03421/712345", ("+493421712345",)),
        ("phone", "0171 9998881, 030 9998881", ("+491719998881", "+49309998881")),
        ("phone", "030/1234565 o. 030/1234566", ("+49301234565", "+49301234566")),
        ("phone", "030/1234565 / 030/1234566", ("+49301234565", "+49301234566")),
        ("phone", "0171 9998881 030 9998882", ("+491719998881", "+49309998882")),
        ("phone", "030 9998881 - 0171 9998881", ("+49309998881", "+491719998881")),
        ("phone", "+4930999888+49171999888", ("+4930999888", "+49171999888")),
        ("phone", "Tel. 030 1234567 mobile 0171 9998881", ("+49301234567", "+491719998881")),
        ("phone", "room 5 030 1234567", ("+49301234567",)),
        ("phone", "030 1234567 24h", ("+49301234567",)),
        ("phone", "030 1234567 - 5. OG", ("+49301234567",)),
        ("phone", "030 1234567 from 1.1.2024", ("+49301234567",)),
        ("phone", "030 1234567 P.O. Box 12345", ("+49301234567",)),
        ("phone", "0171 0300 123", ("+491710300123",)),
        ("phone", "+49 30 999888-0/-12", ("+49309998880",)),
        ("phone", "030 999888-12/13", ("+493099988812",)),
        ("email", "a@x.example,b@x.example;c@x.example", ("a@x.example", "b@x.example", "c@x.example")),
        ("email", "private: a@x.example, work: b@x.example", ("a@x.example", "b@x.example")),
        ("phone", "0171 9998881; +43 1 5123456", ("+491719998881", "+4315123456")),
        ("email", "a@x.example, b@x.example,", ("a@x.example", "b@x.example")),
        ("email", "a@x.example,\nb@x.example,", ("a@x.example", "b@x.example")),
        ("email", "a@x.example /\nb@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example und\nb@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example、b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example；b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example<br>b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example + b@x.example", ("a@x.example", "b@x.example")),
        ("email", "1. a@x.example 2. b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example (privat) b@x.example (arbeit)", ("a@x.example", "b@x.example")),
        ("email", "alt: a@x.example neu: b@x.example", ("a@x.example", "b@x.example")),
        ("email", "{a@x.example,b@x.example}", ("a@x.example", "b@x.example")),
        ("email", "['a@x.example', 'b@x.example']", ("a@x.example", "b@x.example")),
        ("email", "'a@x.example'; 'b@x.example'", ("a@x.example", "b@x.example")),
        ("email", "a@x.example lub b@x.example", ("a@x.example", "b@x.example")),
        ("email", "a@x.example, -", ("a@x.example",)),
        ("email", "m\u00fcller@x.example b@y.example", ("m\u00fcller@x.example", "b@y.example")),
        ("email", "o'neil@x.example mary@x.example", ("o'neil@x.example", "mary@x.example")),
        ("email", "_ab@x.example c@x.example", ("_ab@x.example", "c@x.example")),
        ("email", "jean.fran\u00e7ois@x.example<br>b@y.example", ()),
        ("email", ", a@x.example", ("a@x.example",)),
        ("email", "a@x.example, b@x", ("a@x.example",)),
        ("email", "a@x.example / 030 5248351", ("a@x.example",)),
        ("phone", "(030) 5248351 (0171) 5552671", ("+49305248351", "+491715552671")),
        ("phone", "030 5248351 + 0171 5552671", ("+49305248351", "+491715552671")),
        ("phone", "H: 030 5248351 C: 0171 5552671", ("+49305248351", "+491715552671")),
        ("phone", "1) 030 5248351 2) 0171 5552671", ("+49305248351", "+491715552671")),
        ("phone", "030 5248351 2. Nr. 0171 5552671", ("+49305248351", "+491715552671")),
        ("phone", "030 5248351<br>0171 5552671", ("+49305248351", "+491715552671")),
        ("phone", "030 5248351, 5248352", ("+49305248351", "+49305248352")),
        ("phone", "+49 30 5248351, 5248352", ("+49305248351", "+49305248352")),
        ("phone", "030 5248351, 01.02.2020", ("+49305248351",)),
    ],
)
def test_several_values_in_one_cell_are_all_kept(attribute: str, cell: str, values: tuple[str, ...]) -> None:
    assert cells({attribute: "x"}, {"x": cell}, country="DE")[attribute].values == values


@pytest.mark.parametrize(
    ("country", "cell", "values"),
    [
        ("ES", "914112536 600123456", ("+34914112536", "+34600123456")),
        ("US", "(415) 555-2671 (415) 555-2672", ("+14155552671", "+14155552672")),
        ("IT", "06 6982 1234 - 339 1234567", ("+390669821234", "+393391234567")),
        ("PL", "22 621 02 10 lub 601 234 567", ("+48226210210", "+48601234567")),
        ("RU", "(495) 123-45-67, 123-45-68", ("+74951234567", "+74951234568")),
    ],
)
def test_numbers_of_one_cell_are_told_apart_by_their_plan(country: str, cell: str, values: tuple[str, ...]) -> None:
    assert cells({"phone": "x"}, {"x": cell}, country=country)["phone"].values == values


def test_what_stands_between_values_may_be_said() -> None:
    found = mapper({"email": "x", "occupation": "y"}, split={"email": "#"}).map(
        {"id": "1", "x": "a@x.example#b@x.example#oops", "y": "baker; cook"}
    )
    assert found.cells["email"].values == ("a@x.example", "b@x.example")
    assert found.cells["occupation"].values == ("baker; cook",)
    assert [attribute for attribute, _ in found.problems] == ["email"]


def test_a_row_with_only_a_full_name_is_not_nameless_where_the_parts_are_mapped_too() -> None:
    map_ = {"given_name": "first", "family_name": "last", "full_name": "name"}
    found = cells(map_, {"first": "", "last": None, "name": "Dr. Ana Silva"})
    assert (found["given_name"].values, found["family_name"].values) == (("Ana",), ("Silva",))
    assert found["title"].values == ("dr",)
    own = cells(map_, {"first": "Anita", "last": "", "name": "Ana Silva"})
    assert (own["given_name"].values, own["family_name"].values) == (("Anita",), ())


@pytest.mark.parametrize(
    ("text", "values"), [("Null", ("Null",)), ("NULL", ()), ("null", ()), ("None", ()), ("Nil", ("Nil",))]
)
def test_null_is_a_family_name_where_it_is_written_as_one(text: str, values: tuple[str, ...]) -> None:
    assert cells({"family_name": "last"}, {"last": text})["family_name"].values == values
