"""JSON lines and JSON lists -> rows; of a list that is cut off the whole items are kept."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import orjson

from hub.connectors.base import JSON, KEPT, NESTED, ROW_BYTES, ROW_DEPTH, BadRow, SourceRow, too_deep
from hub.connectors.formats.opened import (
    BROKEN,
    FileFault,
    Opened,
    Read,
    bad_row,
    bounded_lines,
    decoded,
    undecodable,
    unpacked,
    why,
)
from hub.connectors.mapping.paths import Row
from hub.connectors.mapping.paths import path as compile_path
from hub.connectors.rows import DECODER, parse_json
from hub.errors import BadRecord

JSON_BYTES = 256 << 20  # of a JSON list, which has to be in memory at once


def checked_row(value: JSON, where: str, text: str, size: int) -> SourceRow | BadRow:
    """The object as a row, or why it is none."""
    if not isinstance(value, dict):
        return bad_row("not an object with fields", where, text)
    if size > ROW_BYTES:
        return bad_row("longer than 1 MiB", where, text)
    if not NESTED.isdisjoint(map(type, value.values())) and too_deep(value):
        return bad_row("nested too deeply", where, text)
    return SourceRow(value, where)


def read_json_lines(file: Path, encoding: str, name: str) -> Iterator[Read]:
    lines = _byte_lines(file) if encoding in ("utf-8", "utf-8-sig") else _encoded_lines(file, encoding)
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        where = f"{name} line {number}"
        if len(line) > ROW_BYTES:
            yield bad_row("longer than 1 MiB", where, _shown(line)), KEPT
            continue
        try:
            value = parse_json(line)
        except ValueError:
            reason = "not JSON" if _is_utf8(line) else f"bytes that are not {encoding}"
            yield bad_row(reason, where, _shown(line)), KEPT
            continue
        if isinstance(value, dict) and line.count(b"{") + line.count(b"[") < ROW_DEPTH:
            yield SourceRow(value, where), len(line)
        else:
            yield checked_row(value, where, _shown(line), len(line)), len(line)


def _byte_lines(file: Path) -> Iterator[bytes]:
    with unpacked(file) as source:
        while line := source.readline(ROW_BYTES + 1):
            yield line
            while len(line) > ROW_BYTES and not line.endswith(b"\n"):
                line = source.readline(ROW_BYTES + 1)


def _encoded_lines(file: Path, encoding: str) -> Iterator[bytes]:
    """Lines of another encoding as UTF-8; what it does not know stays no UTF-8."""
    with decoded(file, encoding) as text:
        for line in bounded_lines(text):
            yield b"\xff" + line.encode("utf-8", "replace") if undecodable(line, encoding) else line.encode("utf-8")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(line: bytes) -> str:
    return line[: KEPT * 4].decode("utf-8", "replace")


def read_json_list(file: Path, encoding: str, name: str, records: str) -> Opened:
    try:
        with unpacked(file) as source:
            data = source.read(JSON_BYTES + 1)
    except (*BROKEN, OSError) as error:
        raise FileFault(why(error)) from None
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
        items = compile_path(records).get(cast(Row, whole)) if records != "@" else whole
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
            yield bad_row("not JSON; what follows is not read", f"{name} line {line}", text[start : start + KEPT]), KEPT
            return
        number += 1
        yield (
            checked_row(value, f"{name} item {number}", text[start : min(place, start + KEPT)], place - start),
            place - start,
        )
