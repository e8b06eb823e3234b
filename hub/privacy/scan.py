"""Is a value still anywhere? Reads every byte of the files that the hub wrote, and every row of a PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from hub.db import Database

PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class FoundAt:
    """Where a value stands: a file or a table. `value`: its number in what was asked for, from 1; never itself."""

    where: str
    value: int


def spellings(value: str) -> list[bytes]:
    """How a value may stand in a file: as it is and as JSON spells it, in small letters."""
    made = {value.lower(), json.dumps(value.lower())[1:-1], json.dumps(value.lower(), ensure_ascii=False)[1:-1]}
    return sorted({m.encode() for m in made if m})


def scan(
    database: Database, folder: Path, values: Sequence[str], also: Iterable[Path] = ()
) -> tuple[int, list[FoundAt]]:
    """How many files and tables were read, and where a value was found."""
    wanted = [spellings(v) for v in values]
    files = sorted({f for place in _places(database, folder, also) for f in _files(place)})
    found = [FoundAt(str(f), n) for f in files for n in sorted(_in_file(f, wanted))]
    tables: list[FoundAt] = []
    count = 0
    if not database.sqlite:
        count, tables = _in_tables(database, values)
    return len(files) + count, [*found, *tables]


def _places(database: Database, folder: Path, also: Iterable[Path]) -> Iterator[Path]:
    yield folder
    yield from also
    if database.sqlite and database.url.database:
        file = Path(database.url.database)
        yield from (p for end in ("", "-wal", "-shm", "-journal") if (p := file.with_name(file.name + end)).exists())


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (p.resolve() for p in place.rglob("*") if p.is_file())
    elif place.is_file():
        yield place.resolve()
    else:
        raise FileNotFoundError(2, "there is no such file", str(place))


def _in_file(file: Path, wanted: Sequence[Sequence[bytes]]) -> set[int]:
    """Numbers of the values that it holds, of whatever case their ASCII letters are."""
    longest = max((len(w) for ws in wanted for w in ws), default=1)
    found: set[int] = set()
    with file.open("rb") as given:
        kept = b""
        while piece := given.read(PIECE):
            looked = kept + piece.lower()
            found |= {n for n, ws in enumerate(wanted, 1) if any(w in looked for w in ws)}
            kept = looked[-longest:]
    return found


def _in_tables(database: Database, values: Sequence[str]) -> tuple[int, list[FoundAt]]:
    found = []
    with database.read() as connection:
        names = [
            n
            for (n,) in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
        ]
        for name in sorted(names):
            for n, value in enumerate(values, 1):
                query = f'SELECT 1 FROM "{name}" t WHERE strpos(lower(t::text), :v) > 0 LIMIT 1'
                if connection.execute(text(query), {"v": value.lower()}).first():
                    found.append(FoundAt(f"table {name}", n))
    return len(names), found
