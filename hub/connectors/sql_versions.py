"""Versions in a database's order: from one on, and of which kinds of text that order is not theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.connectors.base import Foreign
from hub.connectors.mapping.times import instant, iso_text, shift_back, version_text
from hub.connectors.sql_writes import bound
from hub.kinds.instants import DIGITS

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)")
_YEAR_FIRST = re.compile(r"\d{4}([-/.]?)\d\d\1\d\d([T ]\d\d:?\d\d(:?\d\d([.,]\d+)?)?\s?(Z|UTC|[+-]\d\d(:?\d\d)?)?)?")
_OFFSET = re.compile(r":\d\d(?:\.\d+)?[+-](?!00:?00$)\d\d(?::?\d\d)?$")
_WEST = 12 * 3600 * 1_000_000  # microseconds: so far a local time lies before UTC at most


def in_order(version: Foreign, day_first: bool | None, zone: ZoneInfo | None) -> bool:
    """Does a database find later versions after this one? Not where it is text of which the order is another: 31.12.2024."""
    if not isinstance(version, str) or _YEAR_FIRST.fullmatch(version.strip()) or is_plain(version, day_first, zone):
        return True
    return _counts_up(version)


def is_plain(version: str, day_first: bool | None, zone: ZoneInfo | None) -> bool:
    """Is it neither a time nor a number? Then the order is the database's."""
    return version_text(version, day_first, zone)[1] is None and not DIGITS.fullmatch(version.strip())


def has_offset(version: Foreign) -> bool:
    """Is it a local time of another zone than UTC, as text?"""
    return isinstance(version, str) and _OFFSET.search(version) is not None


def from_version(column: sa.ColumnElement[Foreign], version: Foreign, offsets: bool = False) -> sa.ColumnElement[bool]:
    """Rows of a version and of all later ones; rather too many than too few. `offsets`: the column has local times."""
    if not isinstance(version, str):
        return column >= bound(version)
    if _counts_up(version) and version[0] != "0":  # a longer number is a larger one, though as text it stands before
        length = sa.func.char_length(column)
        return sa.or_(length > len(version), sa.and_(length == len(version), column >= bound(version)))
    if (found := _ISO.match(version)) is None:
        return column >= bound(version)
    if (offsets or has_offset(version)) and (moment := instant(version)) is not None:
        found = _ISO.match(iso_text(moment - _WEST)) or found
    day, time = found[1], found[2]  # written with a T or with a space: as text, the two do not compare
    spaced = sa.and_(column >= bound(f"{day} {time}"), column < bound(f"{day}T"))
    return sa.or_(column >= bound(f"{day}T{time}"), spaced)


def _counts_up(version: str) -> bool:
    return version.isascii() and version.isdigit()


def after(columns: Sequence[sa.ColumnElement[Foreign]], last: Sequence[Foreign]) -> sa.ColumnElement[bool]:
    """(version, key) >= (last version, last key) in the database's order, spelt out: not every database compares rows."""
    if len(last) == 1:
        return columns[0] >= bound(last[0])
    return sa.or_(columns[0] > bound(last[0]), sa.and_(columns[0] == bound(last[0]), columns[1] >= bound(last[1])))


def encoded(value: Foreign) -> Foreign:
    """A version or key for the cursor, so that it can be given back to the database as what it was."""
    for type_, name in ((datetime, "datetime"), (date, "date"), (Decimal, "decimal")):
        if isinstance(value, type_):
            return {name: str(value) if isinstance(value, Decimal) else value.isoformat()}
    return value if isinstance(value, str | int | float) else {"text": str(value)}


def read_back(value: Foreign) -> Foreign:
    """What was encoded."""
    if isinstance(value, dict) and len(value) == 1:
        name, text = next(iter(value.items()))
        readers: dict[str, Callable[[str], Foreign]] = {
            "datetime": datetime.fromisoformat,
            "date": date.fromisoformat,
            "decimal": Decimal,
        }
        return readers.get(name, str)(text)
    return value


def earlier(version: object, micros: int) -> Foreign:
    if isinstance(version, datetime | date) and micros:
        return version - timedelta(microseconds=micros)
    return shift_back(version, micros)
