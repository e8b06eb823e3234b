"""CSV -> rows: the delimiter found out, columns of one name told apart, a quote that never ends kept to its row."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.connectors.base import JSON, KEPT, ROW_BYTES, SourceRow
from hub.connectors.formats.opened import (
    BROKEN,
    ESCAPED,
    FileFault,
    Opened,
    Read,
    bad_row,
    bounded_lines,
    decoded,
    guarded,
    undecodable,
    why,
)
from hub.connectors.formats.options import FileRead

COLUMNS = 4000


csv.field_size_limit(max(csv.field_size_limit(), ROW_BYTES))


class _Runaway(Exception):
    """A quoted field that does not end."""


class _CsvLines:
    """Feeds csv.reader and remembers the lines of the row at hand, so that a broken row costs only its first line.

    Only of what is no CSV the other lines are read again. A row that was closed is one row, right or wrong: what stands
    in its quotes makes none.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._again = lines, deque[str]()
        self.pending: list[str] = []
        self.number = 1  # of the first pending line
        self.size = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        if self.size > ROW_BYTES:
            raise _Runaway
        line = self._again.popleft() if self._again else next(self._lines)
        self.pending.append(line)
        self.size += len(line)
        return line

    def done(self) -> int:
        """The pending lines were a row: their size."""
        size = self.size
        self.number += len(self.pending)
        self.pending, self.size = [], 0
        return size

    def give_up_first(self) -> str:
        """The first pending line is no row; the others are read again."""
        first = self.pending[0] if self.pending else ""
        self._again.extendleft(reversed(self.pending[1:]))
        self.number += 1 if self.pending else 0
        self.pending, self.size = [], 0
        return first


def read_csv(file: Path, name: str, options: FileRead, encoding: str, head: bytes) -> Opened:
    sample = head[: 1 << 18].decode(encoding, "replace").lstrip("\ufeff").splitlines()[:50]
    lines = bounded_lines(decoded(file, encoding))
    for _ in range(options.skip):
        next(lines, None)
    sample = sample[options.skip :]
    if sample and sample[0].lower().startswith("sep=") and len(sample[0].strip()) == 5:  # Excel's hint
        delimiter, sample = sample[0][4], sample[1:]
        next(lines)
        start = options.skip + 2
    else:
        delimiter, start = sniff_delimiter(sample, options.quote), options.skip + 1
    if options.delimiter != "auto":
        delimiter = "\t" if options.delimiter == "tab" else options.delimiter
    source = _CsvLines(lines)
    source.number = start
    reader = csv.reader(source, delimiter=delimiter, quotechar=options.quote, strict=True)
    names, nameless = (options.columns, 0) if options.columns else _header(reader, source)
    columns, twice = told_apart(names)
    rows = _csv_rows(reader, source, columns, name, encoding, header=bool(options.columns), nameless=nameless)
    return Opened("csv", columns, guarded(rows, name), twice)


def sniff_delimiter(sample: Sequence[str], quote: str = '"') -> str:
    """The character that splits the first lines into the most columns, alike on most lines."""
    best, best_score = ",", (0.0, 0)
    for delimiter in ",;\t|":
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter, quotechar=quote) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            alike = sum(width == widths[0] for width in widths) / len(widths)
            best, best_score = max(
                (best, best_score), (delimiter, (round(alike, 1), widths[0])), key=lambda found: found[1]
            )
    return best


def _header(reader: Iterator[list[str]], source: _CsvLines) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and how many columns without one follow them."""
    try:
        row = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except (csv.Error, _Runaway):
        raise FileFault("its first line is not a CSV header (a quote that does not end?)") from None
    except (*BROKEN, OSError) as error:
        raise FileFault(why(error)) from None
    if row is None:
        raise FileFault("is empty: it has no header line")
    source.done()
    width = len(row)
    while row and not row[-1].strip():
        row.pop()  # delimiters at the ends of lines
    return tuple(cell.lstrip("\ufeff").strip() or _nameless(n) for n, cell in enumerate(row, 1)), width - len(row)


def _nameless(place: int) -> str:
    return f"column_{place}"


def told_apart(columns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns, a second one of a name as 'Notes (2)'; and the names that two have. FileFault when unreadable."""
    if len(columns) > COLUMNS:
        raise FileFault(f"has more than {COLUMNS} columns")
    if any(ESCAPED.search(c) for c in columns):
        raise FileFault("its header holds bytes of another encoding: set file.encoding")
    counted = Counter(columns)
    times: Counter[str] = Counter()
    names: list[str] = []
    for column in columns:
        times[column] += 1
        name = column
        while times[column] > 1 and ((name := f"{column} ({times[column]})") in counted or name in names):
            times[column] += 1
        names.append(name)
    return tuple(names), tuple(sorted(column for column, count in counted.items() if count > 1))


def _is_header(row: Sequence[str], columns: Sequence[str]) -> bool:
    """Is a file's first row, whose columns were named by hand, a header line all the same?"""
    said = {cell.lstrip("\ufeff").strip().casefold() for cell in row if cell.strip()}
    return bool(said) and 2 * len(said & {column.casefold() for column in columns}) >= len(said)


def _csv_rows(
    reader: Iterator[list[str]],
    source: _CsvLines,
    columns: tuple[str, ...],
    name: str,
    encoding: str,
    *,
    header: bool,
    nameless: int,
) -> Iterator[Read]:
    width, first = len(columns), True
    while True:
        try:
            row = next(reader)
            if first and header and _is_header(row, columns):
                first = False
                source.done()
                continue
            first = False
        except StopIteration:
            return
        except (csv.Error, _Runaway) as error:
            where = f"{name} line {source.number}"
            reason = (
                "a quoted value that does not end"
                if isinstance(error, _Runaway) or "end of data" in str(error)
                else f"not CSV: {error}"
            )
            if len(source.pending) == 1 and len(source.pending[0]) > ROW_BYTES:
                reason = "longer than 1 MiB"
            yield bad_row(reason, where, source.give_up_first()), KEPT
            continue
        if len(row) < width or any(row[width + nameless :]):
            if len(row) <= 1 and not "".join(row).strip():
                source.done()  # an empty line
                continue
            where, raw = f"{name} line {source.number}", "".join(source.pending)
            yield bad_row(f"{len(row)} columns where the header has {width}", where, raw), source.done()
            continue
        where = f"{name} line {source.number}"
        if source.size > ROW_BYTES:  # a longer line was cut: its row is not whole
            yield bad_row("longer than 1 MiB", where, source.pending[0]), KEPT
            source.done()
            continue
        if any(not line.isascii() and undecodable(line, encoding) for line in source.pending):
            raw = source.pending[0]
            yield bad_row(f"bytes that are not {encoding}", where, raw), source.done()
            continue
        found: dict[str, JSON] = dict(zip(columns, row, strict=False))
        if any(row[width:]):
            found = {**{_nameless(n): cell for n, cell in enumerate(row[width:], width + 1) if cell}, **found}
        yield SourceRow(found, where), source.done()
