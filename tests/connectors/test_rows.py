"""Rows are kept exactly, or set aside by name: never rounded, and never the end of a pull."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from hub.connectors.base import jsonable
from hub.connectors.rows import keepable, parse_json
from hub.errors import BadRecord

LONG = "98765432109876543210"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("9" * 5000, "9" * 5000),
        ("12345678901234567.89", "12345678901234567.89"),
        ("0.1", 0.1),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        ("123456789012345678", 123456789012345678),
        ('"\\u00e9 12345678901234567890"', "é 12345678901234567890"),
    ],
)
def test_no_number_is_rounded(text: str, read: Any) -> None:
    found = parse_json(f'{{"a": [{text}]}}'.encode())["a"][0]
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize("text", ["NaN", "[1, Infinity]", '"\\ud800"', "[1" + "0" * 20 + ", -Infinity]", "{", ""])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (int(LONG), LONG),
        (-int(LONG), f"-{LONG}"),
        (Decimal(LONG), LONG),
        (Decimal("1E+30"), "1" + "0" * 30),
        (Decimal(7), 7),
        ({"deep": [int(LONG)]}, {"deep": [LONG]}),
        (2**63 - 1, 2**63 - 1),
        (float("nan"), None),
    ],
)
def test_what_drivers_give_is_kept_with_all_its_digits(value: Any, kept: Any) -> None:
    assert jsonable(value) == kept
    row = keepable({"id": 1, "x": value})
    assert json.loads(orjson.dumps(row))["x"] == kept


def test_bytes_that_are_no_text_set_their_row_aside_and_name_the_column() -> None:
    with pytest.raises(BadRecord, match="column 'note'"):
        keepable({"id": 1, "note": "a\udcff"})
    with pytest.raises(BadRecord, match="column 'note'"):
        keepable({"id": 1, "note": {"deep": ["a\ud800"]}})
    with pytest.raises(BadRecord, match="nested deeper"):
        keepable({"id": int(LONG), "x": json.loads("[" * 40 + "]" * 40)})
