"""Files -> rows: CSV, JSON lines, JSON lists and Parquet, each plain or gzipped.

Whatever is wrong with one row makes it a `BadRow` that names file and line, and the rest goes on.
What is wrong with a whole file is a `FileFault`. Everything is bounded: rows, unpacked bytes, nesting.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import tempfile
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

from hub.connectors.base import JSON, KEPT, NESTED, ROW_BYTES, ROW_DEPTH, BadRow, SourceRow, jsonable, too_deep
from hub.connectors.formats.options import FileRead
from hub.connectors.mapping.paths import path as compile_path
from hub.connectors.rows import DECODER, parse_json
from hub.errors import BadRecord

Format = Literal["csv", "jsonl", "json", "parquet"]
Read = tuple[SourceRow | BadRow, int]  # a row and about how many bytes it takes

HEAD = 8 << 20  # bytes looked at to find out encoding and delimiter
JSON_BYTES = 256 << 20  # of a JSON list, which has to be in memory at once
UNPACKED = 16 << 30  # of one gzip file
RATIO, RATIO_FROM = (
    200,
    64 << 20,
)  # a gzip that unpacks to more than RATIO times its size is a bomb, once past RATIO_FROM
ROW_LINES = 500  # lines of one CSV row (line breaks in quotes)
COLUMNS = 4000

csv.field_size_limit(max(csv.field_size_limit(), ROW_BYTES))
_ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that the encoding does not know
_WIDE = ("utf-16", "utf-32")


class FileFault(Exception):
    """This file cannot be read at all, or not further."""


_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, FileFault)


@dataclass(frozen=True)
class Opened:
    """A file's rows. `columns` are known at once for CSV and Parquet, empty for JSON; `twice`: names that two had."""

    format: Format
    columns: tuple[str, ...]
    rows: Iterator[Read]
    twice: tuple[str, ...] = ()


def open_rows(file: Path, name: str, options: FileRead, *, local: bool = False) -> Opened:
    """The rows of a file called `name`; `local`: its times without a zone stay as they are. FileFault when it cannot be read as a whole."""
    head, whole = _head(file, name)
    format_ = options.format if options.format != "auto" else sniff_format(name, head)
    if format_ == "parquet":
        return _parquet(file, name, local)
    encoding = sniff_encoding(head, whole) if options.encoding == "auto" else options.encoding
    if format_ == "jsonl":
        return Opened("jsonl", (), _guarded(_json_lines(file, encoding, name), name))
    if format_ == "json":
        return _json_list(file, encoding, name, options.records)
    return _csv(file, name, options, encoding, head)


def sniff_format(name: str, head: bytes) -> Format:
    """By what is in it, then by its ending."""
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileFault("this is an Excel or zip file: save it as CSV")
    if ending in ("jsonl", "ndjson"):
        return "jsonl"
    if ending in ("csv", "tsv", "tab"):
        return "csv"
    text = head[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "jsonl" if ending != "json" or _is_object(head.lstrip().split(b"\n", 1)[0]) else "json"
    return "csv"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(codecs.BOM_UTF8)), dict)
    except orjson.JSONDecodeError:
        return False


def sniff_encoding(head: bytes, whole: bool) -> str:
    """utf-8 or utf-16 where the bytes say so, else cp1252 or latin-1.

    One bad byte among good UTF-8 does not make a file latin-1: then its row is bad, not every umlaut.
    """
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
                       (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
        if head.startswith(mark):
            return name
    start = head[:4096]
    if start.count(0) > len(start) // 5:  # every other byte of mostly Latin text is zero
        return "utf-16-le" if start[1::2].count(0) > start[0::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
        return "utf-8"
    except UnicodeDecodeError:
        good = re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", head)
        high = len(head) - len(head.translate(None, bytes(range(128, 256))))
        if len(good) > high - sum(map(len, good)):
            return "utf-8"
        return "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", head) else "cp1252"


# --- bytes ----------------------------------------------------------------------------------


class _Unpacked(io.RawIOBase):
    """A gzip's content, counted: a small file must not unpack to fill the machine."""

    def __init__(self, file: Path) -> None:
        self._gzip = gzip.open(file, "rb")  # noqa: SIM115 - closed with this
        self._limit = min(UNPACKED, max(RATIO_FROM, file.stat().st_size * RATIO))
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._gzip.readinto(buffer)
        self._count += count
        if self._count > self._limit:
            raise FileFault(f"unpacks to more than {self._limit >> 20} MiB: not read further")
        return count

    def close(self) -> None:
        self._gzip.close()
        super().close()


def _open(file: Path) -> BinaryIO:
    with file.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    return io.BufferedReader(_Unpacked(file), 1 << 16) if packed else file.open("rb", buffering=1 << 16)


def _head(file: Path, name: str) -> tuple[bytes, bool]:
    """The first bytes, unpacked, and whether they are all. What breaks later is found when reading."""
    chunks: list[bytes] = []
    size, whole = 0, False
    try:
        with _open(file) as source:
            while size < HEAD:
                chunk = source.read(1 << 16)
                if not chunk:
                    whole = True
                    break
                chunks.append(chunk)
                size += len(chunk)
    except _BROKEN as error:
        if not chunks:
            raise FileFault(_why(error)) from None
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror or type(error).__name__}") from None
    return b"".join(chunks), whole


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, FileFault) else "is cut off, or not a sound gzip file"


def _guarded(rows: Iterator[Read], name: str) -> Iterator[Read]:
    """The rows until the file breaks off, and then a bad row that says so."""
    last = name
    try:
        for row, size in rows:
            last = row.line
            yield row, size
    except (*_BROKEN, OSError) as error:
        yield BadRow(f"the file {_why(error)}; what follows is not read", f"after {last}", ""), 0


def _text(file: Path, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding.startswith(_WIDE) else "surrogateescape"
    return io.TextIOWrapper(_open(file), encoding=encoding, errors=errors, newline="")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines with their ends; one too long comes as its first part, and the rest of it is passed over."""
    while line := text.readline(ROW_BYTES + 1):
        yield line
        while len(line) > ROW_BYTES and not line.endswith(("\n", "\r")) and line:
            line = text.readline(ROW_BYTES + 1)


def _bad(reason: str, where: str, raw: str) -> BadRow:
    return BadRow(reason, where, _ESCAPED.sub("\ufffd", raw[:KEPT].rstrip("\r\n")))


def _undecodable(line: str, encoding: str) -> bool:
    if line.isascii():
        return False
    return "\ufffd" in line if encoding.startswith(_WIDE) else _ESCAPED.search(line) is not None


# --- CSV ------------------------------------------------------------------------------------


class _Runaway(Exception):
    """A quoted field that does not end."""


class _CsvLines:
    """Feeds csv.reader and remembers the lines of the row at hand, so that a broken row costs only its first line."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._again = lines, deque[str]()
        self.pending: list[str] = []
        self.number = 1  # of the first pending line
        self.size = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        if len(self.pending) >= ROW_LINES or self.size > ROW_BYTES:
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


def _csv(file: Path, name: str, options: FileRead, encoding: str, head: bytes) -> Opened:
    sample = head[: 1 << 18].decode(encoding, "replace").lstrip("\ufeff").splitlines()[:50]
    lines = _lines(_text(file, encoding))
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
    columns, twice = told_apart(options.columns) if options.columns else _header(reader, source, name)
    rows = _csv_rows(reader, source, columns, name, encoding, header=bool(options.columns))
    return Opened("csv", columns, _guarded(rows, name), twice)


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


def _header(reader: Iterator[list[str]], source: _CsvLines, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        row = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except (csv.Error, _Runaway):
        raise FileFault("its first line is not a CSV header (a quote that does not end?)") from None
    except (*_BROKEN, OSError) as error:
        raise FileFault(_why(error)) from None
    if row is None:
        raise FileFault("is empty: it has no header line")
    source.done()
    while row and not row[-1].strip():
        row.pop()  # delimiters at the ends of lines
    return told_apart([cell.lstrip("\ufeff").strip() or f"column_{place}" for place, cell in enumerate(row, 1)])


def told_apart(columns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns, a second one of a name as 'Notes (2)'; and the names that two have. FileFault when unreadable."""
    if len(columns) > COLUMNS:
        raise FileFault(f"has more than {COLUMNS} columns")
    if any(_ESCAPED.search(c) for c in columns):
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
            yield _bad(reason, where, source.give_up_first()), KEPT
            continue
        if len(row) != width and not (len(row) > width and not any(row[width:])):
            if len(row) <= 1 and not "".join(row).strip():
                source.done()  # an empty line
                continue
            where, count = f"{name} line {source.number}", len(row)
            yield _bad(f"{count} columns where the header has {width}", where, source.give_up_first()), KEPT
            continue
        where = f"{name} line {source.number}"
        if source.size > ROW_BYTES:  # a longer line was cut: its row is not whole
            yield _bad("longer than 1 MiB", where, source.pending[0]), KEPT
            source.done()
            continue
        if any(not line.isascii() and _undecodable(line, encoding) for line in source.pending):
            raw = source.pending[0]
            yield _bad(f"bytes that are not {encoding}", where, raw), source.done()
            continue
        yield SourceRow(dict(zip(columns, row, strict=False)), where), source.done()


# --- JSON -----------------------------------------------------------------------------------


def checked_row(value: JSON, where: str, text: str, size: int) -> SourceRow | BadRow:
    """The object as a row, or why it is none."""
    if not isinstance(value, dict):
        return _bad("not an object with fields", where, text)
    if size > ROW_BYTES:
        return _bad("longer than 1 MiB", where, text)
    if not NESTED.isdisjoint(map(type, value.values())) and too_deep(value):
        return _bad("nested too deeply", where, text)
    return SourceRow(value, where)


def _json_lines(file: Path, encoding: str, name: str) -> Iterator[Read]:
    lines = _byte_lines(file) if encoding in ("utf-8", "utf-8-sig") else _encoded_lines(file, encoding)
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        where = f"{name} line {number}"
        if len(line) > ROW_BYTES:
            yield _bad("longer than 1 MiB", where, _shown(line)), KEPT
            continue
        try:
            value = parse_json(line)
        except ValueError:
            reason = "not JSON" if _is_utf8(line) else f"bytes that are not {encoding}"
            yield _bad(reason, where, _shown(line)), KEPT
            continue
        if isinstance(value, dict) and line.count(b"{") + line.count(b"[") < ROW_DEPTH:
            yield SourceRow(value, where), len(line)
        else:
            yield checked_row(value, where, _shown(line), len(line)), len(line)


def _byte_lines(file: Path) -> Iterator[bytes]:
    with _open(file) as source:
        while line := source.readline(ROW_BYTES + 1):
            yield line
            while len(line) > ROW_BYTES and not line.endswith(b"\n"):
                line = source.readline(ROW_BYTES + 1)


def _encoded_lines(file: Path, encoding: str) -> Iterator[bytes]:
    """Lines of another encoding as UTF-8; what it does not know stays no UTF-8."""
    with _text(file, encoding) as text:
        for line in _lines(text):
            yield b"\xff" + line.encode("utf-8", "replace") if _undecodable(line, encoding) else line.encode("utf-8")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(line: bytes) -> str:
    return line[: KEPT * 4].decode("utf-8", "replace")


def _json_list(file: Path, encoding: str, name: str, records: str) -> Opened:
    try:
        with _open(file) as source:
            data = source.read(JSON_BYTES + 1)
    except (*_BROKEN, OSError) as error:
        raise FileFault(_why(error)) from None
    if len(data) > JSON_BYTES:
        raise FileFault(f"is a JSON list of more than {JSON_BYTES >> 20} MiB: save it as JSON lines, one object a line")
    try:
        text = data.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError:
        raise FileFault(f"holds bytes that are not {encoding}: set file.encoding") from None
    try:
        whole = parse_json(text)
    except ValueError:
        return Opened("json", (), _salvaged(text, name))
    try:
        items = compile_path(records).get(whole) if records != "@" else whole
    except BadRecord as error:
        raise FileFault(str(error)) from None
    if not isinstance(items, list):
        keys = ", ".join(list(whole)[:20]) if isinstance(whole, dict) else ""
        raise FileFault(
            f"file.records '{records}' finds no list in it" + (f"; at the top it has {keys}" if keys else "")
        )
    return Opened("json", (), _items(items, name))


def _items(items: Iterable[JSON], name: str) -> Iterator[Read]:
    for number, item in enumerate(items, 1):
        text = (
            orjson.dumps(item, default=str) if isinstance(item, dict) else str(item)[:KEPT].encode("utf-8", "replace")
        )
        yield checked_row(item, f"{name} item {number}", text[:KEPT].decode("utf-8", "replace"), len(text)), len(text)


def _salvaged(text: str, name: str) -> Iterator[Read]:
    """The items of a broken list, as far as they can be read."""
    decoder, place, number = DECODER, 0, 0
    skip = re.compile(r"[\s,\[]*")
    while True:
        found = skip.match(text, place)
        start = found.end() if found else place
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, start) + 1
            yield _bad("not JSON; what follows is not read", f"{name} line {line}", text[start : start + KEPT]), KEPT
            return
        number += 1
        yield (
            checked_row(value, f"{name} item {number}", text[start : min(place, start + KEPT)], place - start),
            place - start,
        )


# --- Parquet --------------------------------------------------------------------------------


def _parquet(file: Path, name: str, local: bool) -> Opened:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = file
    try:
        with file.open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        if packed:
            source = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the rows are read
            with _open(file) as content:
                while chunk := content.read(1 << 20):
                    source.write(chunk)
            source.seek(0)
        parquet = pq.ParquetFile(source)
        columns, twice = told_apart([field.name for field in parquet.schema_arrow])
    except (*_BROKEN, OSError, pa.ArrowException) as error:
        raise FileFault(str(error) if isinstance(error, FileFault) else "is not a sound Parquet file") from None
    return Opened("parquet", columns, _parquet_rows(parquet, name, local), twice)


def _parquet_rows(parquet: Any, name: str, local: bool) -> Iterator[Read]:
    import pyarrow as pa

    number = 0
    try:
        for batch in parquet.iter_batches(batch_size=1000):
            size = batch.nbytes // max(batch.num_rows, 1)
            for raw in _plain_batch(batch, pa, local):
                number += 1
                where = f"{name} row {number}"
                length = len(orjson.dumps(raw, default=str)) if size > ROW_BYTES // 1000 else size
                yield checked_row(raw, where, str(raw)[:KEPT] if length > ROW_BYTES else "", length), length
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        yield (
            BadRow(
                f"not sound Parquet ({type(error).__name__}); what follows is not read",
                f"{name} after row {number}",
                "",
            ),
            0,
        )
    finally:
        parquet.close()


def _column(column: Any, pa: Any) -> list[Any]:
    """A column's values; what Python has no word for as Arrow spells it."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return [_one(column[n], pa) for n in range(len(column))]


def _one(value: Any, pa: Any) -> Any:
    for read in (value.as_py, lambda: value.cast(pa.string()).as_py()):
        try:
            return read()
        except (ValueError, OverflowError, pa.ArrowException):
            continue
    return str(value.type)


def _plain_batch(batch: Any, pa: Any, local: bool) -> list[dict[str, JSON]]:
    simple = []
    for place, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":  # Python's times have microseconds
            batch = batch.set_column(
                place, field.name, batch.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
            )
        simple.append(
            pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_integer(field.type)
        )
    try:
        rows: list[dict[str, JSON]] = batch.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):  # a time that Python has no word for
        columns = {field.name: _column(batch.column(place), pa) for place, field in enumerate(batch.schema)}
        rows = [{name: values[n] for name, values in columns.items()} for n in range(batch.num_rows)]
    others = [field.name for field, plain in zip(batch.schema, simple, strict=True) if not plain]
    for row in rows:
        for column in others:
            value = row[column]
            naive = local and isinstance(value, datetime) and value.tzinfo is None
            row[column] = value.isoformat() if naive else jsonable(value)
    return rows
