"""Rows as the hub keeps them: exact for any JSON, whatever path they come by. Pure.

What JSON can say and no other layer can (a number past 64 bits or finer than a double) is kept as its digits, as text.
What nobody can keep (a lone surrogate) sets that row aside, and that row alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import orjson

from hub.connectors.base import JSON, ROW_DEPTH, jsonable, too_deep
from hub.errors import BadRecord

_LONG_NUMBER = re.compile(rb"\d{16}|\d[eE]")  # what a double or 64 bits may not keep
_NO_TEXT = re.compile("[\ud800-\udfff]")
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # what the JSON writer takes
DIGITS_OF_64_BITS = 20


def parse_json(text: bytes | str) -> JSON:
    """JSON, strictly and exactly: no NaN, no lone surrogate, no number rounded. ValueError if it is none."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if _LONG_NUMBER.search(data) is None:
        return orjson.loads(data)
    try:
        value = DECODER.decode(data.decode())
        json.dumps(value, ensure_ascii=False).encode()
    except (RecursionError, UnicodeError):
        raise ValueError("not readable JSON") from None
    return value


def _whole(digits: str) -> int | str:
    if len(digits) > DIGITS_OF_64_BITS:  # Python itself refuses some thousands
        return digits
    number = int(digits)
    return number if SMALLEST <= number <= LARGEST else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    try:
        exact = Decimal(repr(number)) == Decimal(digits)
    except InvalidOperation:
        exact = False
    return number if exact else digits


def no_constant(name: str) -> JSON:
    """For readers of JSON: NaN and Infinity are none."""
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=no_constant)


def keepable(raw: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The row as it can be kept. BadRecord, naming the column, when it cannot."""
    try:
        orjson.dumps(raw)
        return raw
    except (TypeError, RecursionError):
        pass
    if too_deep(dict(raw), ROW_DEPTH):
        raise BadRecord(f"nested deeper than {ROW_DEPTH} levels")
    row = {str(column): jsonable(value) for column, value in raw.items()}
    for column, value in row.items():
        if _NO_TEXT.search(column) or _holds_no_text(value):
            shown = column.encode("ascii", "backslashreplace").decode()
            raise BadRecord(f"column '{shown[:100]}' holds bytes that are no text")
    return row


def _holds_no_text(value: JSON) -> bool:
    if isinstance(value, str):
        return _NO_TEXT.search(value) is not None
    if isinstance(value, dict):
        return any(_NO_TEXT.search(name) or _holds_no_text(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_holds_no_text, value))
