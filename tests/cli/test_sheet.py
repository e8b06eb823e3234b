"""Exports that a spreadsheet opens: flat columns, no JSON, no formula."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.cli.sheet import FORMULA, Field, fields_of, safe, write_sheet, write_wide_sheet
from hub.model import Sight
from tests import tiny
from tests.cli.test_start import hub, mine

__all__ = ["mine"]  # the fixture

ADDRESS = ("line1", "postcode", "city")
FIELDS = [
    Field("id"),
    Field("name"),
    Field("phone", many=True),
    Field("address", ADDRESS),
    Field("flat", ADDRESS, True),
]
HOME = {"city": "Köln", "line1": "Rheinufer 3", "postcode": "01067"}
ROWS = [
    {"id": "1", "name": "Ana", "phone": ["0301", "0302"], "address": HOME, "flat": [HOME, {"city": "Bonn"}]},
    {"id": "2", "name": None, "phone": [], "address": None, "flat": []},
    {"id": "3", "name": "=1+1", "phone": ["+493012345"], "address": "somewhere", "flat": [HOME]},
]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_parts_have_columns_and_several_values_one_cell() -> None:
    target = io.StringIO(newline="")
    assert write_sheet(target, FIELDS, ROWS) == 3
    first, second, third = read(target.getvalue())
    assert first == {
        "id": "1",
        "name": "Ana",
        "phone": "0301; 0302",
        "address_line1": "Rheinufer 3",
        "address_postcode": "01067",
        "address_city": "Köln",
        "flat_line1": "Rheinufer 3",
        "flat_postcode": "01067",
        "flat_city": "Köln; Bonn",
    }
    assert {v for k, v in second.items() if k != "id"} == {""}
    assert (third["name"], third["phone"], third["address_line1"]) == ("'=1+1", "'+493012345", "somewhere")


def test_a_wide_sheet_has_a_column_for_each_value(tmp_path: Path) -> None:
    target = io.StringIO(newline="")
    assert write_wide_sheet(target, FIELDS, iter(ROWS), tmp_path) == 3
    first, second, third = read(target.getvalue())
    assert list(first) == [
        *("id", "name", "phone_1", "phone_2", "address_line1", "address_postcode", "address_city"),
        *(f"flat_{n}_{part}" for n in (1, 2) for part in ADDRESS),
    ]
    assert (first["phone_1"], first["phone_2"], first["flat_2_city"]) == ("0301", "0302", "Bonn")
    assert {v for k, v in second.items() if k != "id"} == {""}
    assert (third["phone_1"], third["phone_2"]) == ("'+493012345", "")
    assert not list(tmp_path.iterdir())


def test_a_wide_sheet_of_nobody_has_its_columns(tmp_path: Path) -> None:
    target = io.StringIO(newline="")
    assert write_wide_sheet(target, FIELDS, [], tmp_path) == 0
    assert target.getvalue().startswith("id,name,phone_1,address_line1,")


def test_a_pseudonym_has_no_parts_and_a_hidden_attribute_no_column() -> None:
    person = tiny.customer_type()
    fields = fields_of(person, {"email": Sight.PSEUDONYM, "family_name": Sight.MASK})
    assert fields == [Field("id"), Field("family_name"), Field("email", many=True)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("=+-@\t\r\0 a;,"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
)


@given(values)
def test_no_cell_is_a_formula(value: object) -> None:
    assert safe(value).lstrip(" ")[:1] not in FORMULA


def test_the_command_writes_what_a_spreadsheet_opens(mine: Path) -> None:
    (mine / "sources" / "shop.yaml").write_text(
        "connector: {kind: file, path: drop}\n"
        "streams: {customers: {customer: person, key: id, country: DE, map: {given_name: given, family_name: family,\n"
        "  email: mails, address: {line1: street, city: town}}}}\n",
        encoding="utf-8",
    )
    (mine / "drop" / "a.csv").write_text(
        "id,given,family,mails,street,town\n1,Ana,Silva,a@x.example; b@x.example,Rheinufer 3,Köln\n", encoding="utf-8"
    )
    assert hub(mine, "pull")[0] == 0
    for words, mails in (((), {"email": "a@x.example; b@x.example"}), (("--wide",), {"email_2": "b@x.example"})):
        code, said = hub(mine, "export", str(mine / "out.csv"), "--role", "steward", *words)
        assert code == 0, said
        text = (mine / "out.csv").read_text(encoding="utf-8")
        (row,) = read(text)
        assert {**mails, "address_city": "Köln", "family_name": "Silva"}.items() <= row.items()
        assert "{" not in text
    assert hub(mine, "export", str(mine / "out.jsonl"), "--role", "steward")[0] == 0
    assert json.loads((mine / "out.jsonl").read_text(encoding="utf-8"))["address"]["city"] == "Köln"
    code, said = hub(mine, "export", str(mine / "out.jsonl"), "--role", "steward", "--wide")
    assert code == 2
    assert "--wide: is of .csv alone" in said
