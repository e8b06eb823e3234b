"""Customers as a sheet: a column for each part of a composite, several values in one cell or in a column each, no JSON."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from hub.kinds import KINDS
from hub.model import Sight
from hub.settings import CustomerType

SEPARATOR = "; "  # between the values of one cell
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


@dataclass(frozen=True)
class Field:
    """An attribute in a sheet: its parts, if it has any, and whether a customer may have several values of it."""

    name: str
    parts: tuple[str, ...] = ()
    many: bool = False

    def headings(self, most: int | None) -> list[str]:
        """`most`: a column for each of so many values, numbered; None: all values in one cell."""
        numbers = [None] if most is None or not self.many else range(1, most + 1)
        return ["_".join(str(w) for w in (self.name, n, part) if w) for n in numbers for part in self.parts or ("",)]

    def cells(self, value: object, most: int | None) -> list[str]:
        """A customer's value under these headings."""
        values = _listed(value)
        if most is None or not self.many:
            spread = [self._spread(v) for v in values] or [[""] * len(self.parts or ("",))]
            return [safe(SEPARATOR.join(t for t in texts if t)) for texts in zip(*spread, strict=True)]
        filled = [*values, *[None] * (most - len(values))]
        return [safe(text) for v in filled for text in self._spread(v)]

    def _spread(self, value: object) -> list[str]:
        """The parts of one value. One that was never told apart stands in the first."""
        if not self.parts:
            return [readable(value)]
        if isinstance(value, Mapping):
            return [readable(value.get(part)) for part in self.parts]
        return [readable(value), *[""] * (len(self.parts) - 1)]


class Sheet:
    """Rows of fields. `most`: how many columns fields of many values have, by name; without it all stand in one cell."""

    def __init__(self, fields: Sequence[Field], most: Mapping[str, int] | None = None):
        self.fields = [(f, None if most is None else max(1, most.get(f.name, 0))) for f in fields]

    def headings(self) -> list[str]:
        return [heading for field, most in self.fields for heading in field.headings(most)]

    def cells(self, row: Mapping[str, object]) -> list[str]:
        return [cell for field, most in self.fields for cell in field.cells(row.get(field.name), most)]


def fields_of(customer: CustomerType, columns: Mapping[str, Sight]) -> list[Field]:
    """What a sheet of a customer type shows in a view. A pseudonym has no parts."""
    given = {a: d for a, d in customer.attributes.items() if a in columns}
    return [
        Field("id"),
        *(Field(a, () if columns[a] is Sight.PSEUDONYM else KINDS[d.kind].parts, d.many) for a, d in given.items()),
    ]


def write_sheet(target: TextIO, fields: Sequence[Field], rows: Iterable[Mapping[str, object]]) -> int:
    """All values of an attribute in one cell; how many rows."""
    return _write(target, Sheet(fields), rows)


def write_wide_sheet(
    target: TextIO, fields: Sequence[Field], rows: Iterable[Mapping[str, object]], beside: Path
) -> int:
    """A column for each value; how many rows. They wait in a nameless file `beside` until it is known how many columns there are."""
    most: Counter[str] = Counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=beside) as waiting:
        for row in rows:
            waiting.write(json.dumps(row, ensure_ascii=False) + "\n")
            most |= Counter({f.name: len(_listed(row.get(f.name))) for f in fields if f.many})
        waiting.seek(0)
        return _write(target, Sheet(fields, most), map(json.loads, waiting))


def _write(target: TextIO, sheet: Sheet, rows: Iterable[Mapping[str, object]]) -> int:
    writer = csv.writer(target)
    writer.writerow(sheet.headings())
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - counted
        writer.writerow(sheet.cells(row))
    return count


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def readable(value: object) -> str:
    """A value in one cell, for who reads it: parts and values in a row."""
    if isinstance(value, Mapping):
        return ", ".join(_texts(value.values()))
    if isinstance(value, list | tuple):
        return SEPARATOR.join(_texts(value))
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(values: Any) -> Iterator[str]:
    return (text for text in map(readable, values) if text)


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = readable(value)
    return f"'{text}" if text.lstrip(" ")[:1] in FORMULA else text
