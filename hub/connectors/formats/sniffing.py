"""What a file is, from its name and its first bytes: its format and its encoding. Pure."""

from __future__ import annotations

import codecs
import re

import orjson

from hub.connectors.formats.opened import FileFault, Format


def sniff_format(name: str, head: bytes, *, nested: bool = False) -> Format:
    """By what is in it, then by its ending. `nested`: its rows are a list inside of an object."""
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
        if nested:
            return "json"
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
