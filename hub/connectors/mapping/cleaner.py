"""Raw values of one attribute -> its cell, or why there is none. Pure.

Cleaned cells are cached by raw value, because names, cities and consents repeat; what never repeats costs one look-up more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from hub.connectors.base import JSON
from hub.connectors.mapping.paths import Path, Row
from hub.connectors.mapping.values import CACHED, FIELD_BYTES, as_text, cached, flat, short
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Kind, Problem
from hub.kinds.name_suffix import split_suffix
from hub.model import Cell, Value, canonical
from hub.settings import Attribute, Stream

VALUES = 100  # of one attribute in one row
_TEXTS = frozenset({str, type(None)})  # what a cache may be keyed by in a tuple: there 1, 1.0 and True are one key
WHOLE, PART = 8, 5  # characters of a value that surely is one by itself; of what may be one
_WORDS = r"\s(?:or|oder|o\.|bzw\.?|resp\.|und|u\.|and|et|y|e|ou|i|en|of|lub|oppure|och|og|ve|veya|или|и)\s"
_SEPARATED = re.compile(
    rf"[;|,/&\r\n\t•·、；，]|{_WORDS}|@.*@|(?:\d\D*){{14}}|\d\s[0+–-]|\d\+|\d\s[^\W\d_]+\d?[.:]?\s?[0+]", re.IGNORECASE
)
_SURELY_PARTS = re.compile(
    rf"(?:{_WORDS[:-2]})?\s*(?:(?:;(?!ext=\d)|[|\r\n\t•·；])\s*)+"
)  # ';ext=' belongs to the number before it
_MAYBE_PARTS = (
    re.compile(r"[,，、]"),
    re.compile(rf"\s&\s|{_WORDS}", re.IGNORECASE),
    re.compile(r"\s/\s"),
    re.compile(r"/"),
)
_BEGINS = re.compile(  # where only the begin of the next one tells: 030 1234567 mobile: 0171 1234567
    r"\s+(?=\S+@)|(?<=\d)\s+(?:[-–]\s+)?(?=(?:[^\W\d_]+\d?[.:]?\s*)?(?:0\d|\+\d))|(?<=\d)(?=\+\d)"
)


_ENDS = " \t\r\n,;|/\\&-–·•、；，"  # what stands between values, with nothing before or after it
_WORD = re.compile(r"[^\W_]")


class Cleaning(NamedTuple):
    """What one attribute became: no cell means that the row says nothing about it."""

    cell: Cell | None
    problem: str | None = None


Reader = Callable[[Row], Cleaning]

_NULL = Cleaning(Cell())
_CLEARED = Cleaning(Cell(cleared=True))
_ABSENT = Cleaning(None)


class Cleaner:
    """Cleans one attribute's raw values, cached. `separator`: what stands between several in one cell, where it is said."""

    def __init__(self, attribute: Attribute, stream: Stream, separator: str | None = None) -> None:
        self.separator = separator
        self.kind: Kind = KINDS[attribute.kind]
        self.many = attribute.many
        self.context = Context(stream.country, stream.day_first, attribute.scheme, attribute.options, stream.zone)
        partial, cleared = stream.records == "partial", stream.null_means == "cleared"
        self.null = _CLEARED if cleared else _NULL  # the row says null
        self.blank = _CLEARED if cleared else _ABSENT if partial else _NULL  # an empty text
        self.nothing = _ABSENT if partial else _NULL  # unreadable, 'n/a', or not there
        self.of = lru_cache(CACHED, typed=True)(self._of)
        self.of_parts = lru_cache(CACHED, typed=True)(self._of_parts)

    def _of(self, value: JSON) -> Cleaning:
        """The outcome of what a path found: a plain value, an object, or a list of them."""
        if value is None:
            return self.null
        if isinstance(value, str):
            if not value.strip():
                return self.blank
            if self.kind.listed:
                value = value.strip(_ENDS) or value
            parts = self._split(value)
            return self._values(parts) if parts else self._one(self.clean(value))
        if not isinstance(value, list | tuple):
            return self._one(self.clean(value))
        listed = list(flat(value))
        said = [item for item in listed if item is not None and item != ""]
        if said:
            return self._values(said)
        return self.null if not listed or None in listed else self.blank

    def _split(self, text: str) -> list[str]:
        """The values of a cell that holds several; none when it holds one."""
        if self.separator is not None:
            parts = [part for part in text.split(self.separator) if part.strip()]
            return parts if len(parts) > 1 else []
        if not self.kind.listed or not _SEPARATED.search(text):
            return []
        if text.startswith("[") and (listed := _json_texts(text)):
            return listed
        parts = _said(_SURELY_PARTS, text)
        if parts != [text.strip()] and any(isinstance(self.clean(part), Cleaned) for part in parts):
            return [one for part in parts for one in self._split(part) or [part]]
        whole = self.clean(text)
        one = isinstance(whole, Cleaned) and whole.valid
        maybe = [parts for between in _MAYBE_PARTS if len(parts := _said(between, text)) > 1]
        if self.kind.continued is not None:
            maybe = [self.kind.continued(parts) for parts in maybe]
        sure = next((parts for parts in maybe if self._all_read(parts, WHOLE, valid=True)), [])
        if sure or one:
            return sure
        if self.kind.within is not None and (found := self.kind.within(text, self.context)):
            return found
        if found := next((parts for parts in maybe if self._all_read(parts, PART)), []):
            return found
        parts = _BEGINS.split(text)
        if len(parts) > 1 and self._all_read(parts, WHOLE, valid=True):
            return parts
        # What can be read of several is kept, and the rest is told.
        return next((parts for parts in maybe if any(self._all_read([p], PART, valid=True) for p in parts)), [])

    def _all_read(self, parts: list[str], shortest: int, valid: bool = False) -> bool:
        """Is each part a value by itself, of so many characters, and as its kind has them?"""
        found = [self.clean(part) for part in parts if len(part) >= shortest]
        return len(found) == len(parts) and all(isinstance(c, Cleaned) and (c.valid or not valid) for c in found)

    def _of_parts(
        self, names: tuple[str, ...], values: tuple[JSON, ...], fixed: tuple[tuple[str, JSON], ...]
    ) -> Cleaning:
        """The outcome of a composite's parts. Constants alone say nothing."""
        said = {name: as_text(value) for name, value in zip(names, values, strict=True) if value is not None}
        filled = {name: value for name, value in said.items() if value != "" and value != []}
        if filled:
            return self._one(self._clean_parts({**dict(fixed), **filled}))
        return self.blank if said else self.null

    def _one(self, cleaned: Cleaned | Problem | None) -> Cleaning:
        if type(cleaned) is Cleaned:
            return Cleaning(Cell((cleaned.value,), valid=cleaned.valid))
        return Cleaning(self.nothing.cell, cleaned.reason) if isinstance(cleaned, Problem) else self.nothing

    def _values(self, raws: Iterable[JSON]) -> Cleaning:
        found: list[Cleaned] = []
        problem = None
        for raw in raws:
            cleaned = self.clean(raw)
            if isinstance(cleaned, Problem):
                problem = problem or cleaned.reason
            elif cleaned is not None and all(cleaned.value != other.value for other in found):
                found.append(cleaned)
                if not self.many:
                    break
                if len(found) > VALUES:
                    found.pop()
                    problem = f"more than {VALUES} values"
                    break
        if not found:
            return Cleaning(self.nothing.cell, problem) if problem else self.nothing
        return Cleaning(Cell(tuple(c.value for c in found), valid=all(c.valid for c in found)), problem)

    def clean(self, raw: JSON) -> Cleaned | Problem | None:
        if isinstance(raw, str):
            if len(raw) * 4 > FIELD_BYTES and len(raw.encode("utf-8", "replace")) > FIELD_BYTES:
                return Problem("longer than 4 KiB")
            if "\x00" in raw:  # PostgreSQL cannot store it
                raw = raw.replace("\x00", "")
        elif isinstance(raw, Mapping):
            if not self.kind.parts:
                return Problem("an object where a plain value is expected")
            return self._clean_parts(raw)
        return self._clean(raw)

    def _clean_parts(self, raw: Mapping[str, JSON]) -> Cleaned | Problem | None:
        if not short(raw) and len(canonical(raw)) > FIELD_BYTES:
            return Problem("longer than 4 KiB")
        return self._clean({str(name): as_text(value) for name, value in raw.items() if value is not None})

    def _clean(self, raw: JSON) -> Cleaned | Problem | None:
        try:
            cleaned = self.kind.clean(raw, self.context)
            if (
                type(cleaned) is Cleaned
                and self.kind.placeholders
                and self.kind.forms(cleaned.value)[""] in self.kind.placeholders
            ):
                return Problem("a placeholder, not a value")
            return cleaned
        except Exception as error:  # noqa: BLE001 - a parsing library's fault on a hostile value must not stop the batch
            return Problem(f"could not be read ({type(error).__name__})")


def _said(between: re.Pattern[str], text: str) -> list[str]:
    """The parts of a text that say anything."""
    return [part.strip(_ENDS) for part in between.split(text) if _WORD.search(part)]


def _json_texts(text: str) -> list[str]:
    """The texts of a JSON list that was written into a cell; none when it is something else."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) and found and all(isinstance(one, str) for one in found) else []


def plain_reader(where: Path, cleaner: Cleaner) -> Reader:
    clean, uncached, nothing = cleaner.of, cleaner._of, cleaner.nothing
    if where.constant:
        fixed = cached(clean, where.get({}))
        return lambda _: fixed
    if len(where.names) == 1:
        name = where.names[0]

        def read_column(raw: Row) -> Cleaning:
            value = raw.get(name, _ABSENT)
            if type(value) is str:
                return clean(value)
            if value is _ABSENT:
                return nothing
            return cached(clean, value)

        return read_column

    get, present, listed = where.get, where.present, bool(where.items)

    def read(raw: Row) -> Cleaning:
        value = get(raw)
        if value is None or listed:
            if not present(raw):
                return nothing
            if value is not None:
                return (
                    clean(tuple(value))
                    if isinstance(value, list) and _TEXTS.issuperset(map(type, value))
                    else uncached(value)
                )
        try:
            return clean(value)
        except TypeError:  # unhashable
            return uncached(value)

    return read


def parts_reader(parts: dict[str, Path], cleaner: Cleaner) -> Reader:
    fixed = tuple((part, where.get({})) for part, where in parts.items() if where.constant)
    moving = {part: where for part, where in parts.items() if not where.constant}
    names, gets = tuple(moving), tuple(where.get for where in moving.values())
    presents = tuple(where.present for where in moving.values())
    columns = tuple(where.names[0] for where in moving.values() if len(where.names) == 1)
    all_plain = len(columns) == len(moving)

    def read(raw: Row) -> Cleaning:
        values = tuple([raw.get(c) for c in columns]) if all_plain else tuple([get(raw) for get in gets])
        if not any(values) and not any(present(raw) for present in presents):
            return cleaner.nothing
        if _TEXTS.issuperset(map(type, values)):
            return cleaner.of_parts(names, values, fixed)
        return cleaner._of_parts(names, values, fixed)

    return read


def expander(
    name: str,
    expand: Callable[[Value], Mapping[str, str]],
    targets: dict[str, Cleaner],
    mapped: frozenset[str],
) -> Callable[[dict[str, Cell]], None]:
    stands_for = frozenset(expand("Dr. Anna Maria Smith Jr.")) & targets.keys()  # what the kind can fill
    names = stands_for & mapped & {"given_name", "family_name"}

    @lru_cache(CACHED)
    def filled(value: Value) -> tuple[tuple[str, Cell], ...]:
        found = expand(value)
        cells = []
        for target in stands_for:
            outcome = targets[target].of(found.get(target))
            cells.append((target, outcome.cell if found.get(target) and outcome.cell else Cell()))
        return tuple(cells)

    def run(cells: dict[str, Cell]) -> None:
        cell = cells.get(name)
        if cell is None or not cell.values:
            return
        nameless = not any(cells[n].values for n in names if n in cells)
        for target, found in filled(cell.values[0]):
            if target not in mapped or (nameless and found.values and target in names):
                cells[target] = found

    return run


def suffix_splitter(family: str, suffix: str, cleaner: Cleaner) -> Callable[[dict[str, Cell]], None]:
    """'Smith Jr' in a family name is the family name 'Smith' and the suffix 'Jr'."""
    none = Cell() if cleaner.nothing is _ABSENT else None  # in a partial row: the earlier suffix is no more

    @lru_cache(CACHED)
    def split(text: str) -> tuple[str, Cell] | None:
        rest, found = split_suffix(text)
        cell = cleaner.of(found).cell if found else None
        return None if cell is None else (rest, cell)

    def run(cells: dict[str, Cell]) -> None:
        cell = cells.get(family)
        if cell is None or not cell.values or not isinstance(cell.values[0], str):
            return
        parts = split(cell.values[0])
        if parts is not None:
            cells[family], cells[suffix] = Cell((parts[0], *cell.values[1:]), cell.cleared, cell.valid), parts[1]
        elif none is not None:
            cells.setdefault(suffix, none)

    return run
