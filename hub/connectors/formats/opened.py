"""A file of rows, opened: unpacked within bounds, read as text, and what can be wrong with all of it."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from hub.connectors.base import KEPT, ROW_BYTES, BadRow, SourceRow

Format = Literal["csv", "jsonl", "json", "parquet"]
Read = tuple[SourceRow | BadRow, int]  # a row and about how many bytes it takes
UNPACKED = 16 << 30  # of one gzip file
RATIO, RATIO_FROM = (
    200,
    64 << 20,
)  # a gzip that unpacks to more than RATIO times its size is a bomb, once past RATIO_FROM
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that the encoding does not know
_WIDE = ("utf-16", "utf-32")


class FileFault(Exception):
    """This file cannot be read at all, or not further."""


BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, FileFault)


@dataclass(frozen=True)
class Opened:
    """A file's rows. `columns` are known at once for CSV and Parquet, empty for JSON; `twice`: names that two had."""

    format: Format
    columns: tuple[str, ...]
    rows: Iterator[Read]
    twice: tuple[str, ...] = ()


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


def unpacked(file: Path) -> BinaryIO:
    with file.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    return io.BufferedReader(_Unpacked(file), 1 << 16) if packed else file.open("rb", buffering=1 << 16)


def why(error: BaseException) -> str:
    return str(error) if isinstance(error, FileFault) else "is cut off, or not a sound gzip file"


def guarded(rows: Iterator[Read], name: str) -> Iterator[Read]:
    """The rows until the file breaks off, and then a bad row that says so."""
    last = name
    try:
        for row, size in rows:
            last = row.line
            yield row, size
    except (*BROKEN, OSError) as error:
        yield BadRow(f"the file {why(error)}; what follows is not read", f"after {last}", ""), 0


def decoded(file: Path, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding.startswith(_WIDE) else "surrogateescape"
    return io.TextIOWrapper(unpacked(file), encoding=encoding, errors=errors, newline="")


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines with their ends; one too long comes as its first part, and the rest of it is passed over."""
    while line := text.readline(ROW_BYTES + 1):
        yield line
        while len(line) > ROW_BYTES and not line.endswith(("\n", "\r")) and line:
            line = text.readline(ROW_BYTES + 1)


def bad_row(reason: str, where: str, raw: str) -> BadRow:
    return BadRow(reason, where, ESCAPED.sub("\ufffd", raw[:KEPT].rstrip("\r\n")))


def undecodable(line: str, encoding: str) -> bool:
    if line.isascii():
        return False
    return "\ufffd" in line if encoding.startswith(_WIDE) else ESCAPED.search(line) is not None
