"""The ledger of erasures: a file beside the database, so that a database restored to a time before does not bring back who
was erased since. It holds keyed hashes, no names and no values."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

FILE = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One erasure. hashes: what is suppressed, each with its kind (record, contact); None: it was released."""

    request: str
    at: int
    hashes: tuple[tuple[str, str], ...] | None


class Ledger:
    """Of the hub in a folder. Lines are added, never changed."""

    def __init__(self, folder: Path):
        self.path = folder / FILE

    def add(self, entry: LedgerLine) -> None:
        """On disk when it returns. The same erasure twice is one."""
        line = orjson.dumps({"request": entry.request, "at": entry.at, "hashes": entry.hashes}) + b"\n"
        made = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(made, "r+b") as file:
            file.write((b"" if _ends_whole(made) else b"\n") + line)
            file.flush()
            os.fsync(file.fileno())

    def standing(self) -> dict[str, LedgerLine]:
        """The erasures that were not released, by request. A line that was not written whole is none."""
        found: dict[str, LedgerLine] = {}
        for entry in self._entries():
            if entry.hashes is None:
                found.pop(entry.request, None)
            else:
                found[entry.request] = entry
        return found

    def _entries(self) -> Iterable[LedgerLine]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().splitlines():
            try:
                read = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            hashes = read["hashes"]
            yield LedgerLine(read["request"], read["at"], None if hashes is None else tuple((h, k) for h, k in hashes))


def _ends_whole(file: int) -> bool:
    """A line that a crash or a full disk cut off must not swallow the next one."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
