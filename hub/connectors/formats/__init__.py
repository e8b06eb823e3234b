"""Files -> rows: CSV, JSON lines, JSON lists and Parquet, each plain or gzipped.

Whatever is wrong with one row makes it a `BadRow` that names file and line, and the rest goes on.
What is wrong with a whole file is a `FileFault`. Everything is bounded: rows, unpacked bytes, nesting.
"""

from __future__ import annotations

from pathlib import Path

from hub.connectors.formats.delimited import read_csv
from hub.connectors.formats.json_rows import checked_row, read_json_lines, read_json_list
from hub.connectors.formats.opened import BROKEN, FileFault, Opened, guarded, unpacked, why
from hub.connectors.formats.options import FileRead
from hub.connectors.formats.parquet import read_parquet
from hub.connectors.formats.sniffing import sniff_encoding, sniff_format

HEAD = 8 << 20  # bytes looked at to find out encoding and delimiter


def open_rows(file: Path, name: str, options: FileRead, *, local: bool = False) -> Opened:
    """The rows of a file called `name`; `local`: its times without a zone stay as they are. FileFault when it cannot be read as a whole."""
    head, whole = _head(file, name)
    format_ = options.format if options.format != "auto" else sniff_format(name, head, nested=options.records != "@")
    if format_ == "parquet":
        return read_parquet(file, name, local)
    encoding = sniff_encoding(head, whole) if options.encoding == "auto" else options.encoding
    if format_ == "jsonl":
        return Opened("jsonl", (), guarded(read_json_lines(file, encoding, name), name))
    if format_ == "json":
        return read_json_list(file, encoding, name, options.records)
    return read_csv(file, name, options, encoding, head)


def _head(file: Path, name: str) -> tuple[bytes, bool]:
    """The first bytes, unpacked, and whether they are all. What breaks later is found when reading."""
    chunks: list[bytes] = []
    size, whole = 0, False
    try:
        with unpacked(file) as source:
            while size < HEAD:
                chunk = source.read(1 << 16)
                if not chunk:
                    whole = True
                    break
                chunks.append(chunk)
                size += len(chunk)
    except BROKEN as error:
        if not chunks:
            raise FileFault(why(error)) from None
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror or type(error).__name__}") from None
    return b"".join(chunks), whole


__all__ = ["FileFault", "Opened", "checked_row", "open_rows"]
