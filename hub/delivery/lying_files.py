"""Where somebody stands in what was dropped: which drops told of them, and which of their files still lie there and hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import orjson
from sqlalchemy import Connection

from hub.access.read import Reader
from hub.delivery import store
from hub.delivery.file_drops import MADE, consumer_of
from hub.golden_record import store as golden_store
from hub.settings import FileDrop


def drops_telling_of(connection: Connection, reader: Reader, ids: Collection[str]) -> list[FileDrop]:
    """Drops that were done, and in whose view one of these customers is now."""
    done = store.positions(connection)
    types = {c.id: c.type for c in golden_store.customers_named(connection, ids, columns=golden_store.BRIEF).values()}
    found = []
    for drop in reader.config.drops.values():
        if consumer_of(drop) in done:
            shown = reader.known_customers(connection, reader.view_of_role(drop.role, connection), ids)
            if any(not drop.types or types[id] in drop.types for id in shown):
                found.append(drop)
    return found


def told_up_to(connection: Connection, drop: FileDrop) -> int:
    """The last change that a drop told of."""
    return store.positions(connection).get(consumer_of(drop), 0)


def files_holding(config_folder: Path, drop: FileDrop, ids: Collection[str]) -> list[str]:
    """Names of files of a drop that still lie in its folder with values of one of these customers. Reads all of them. One that
    cannot be read may hold them: somebody has to look."""
    if not drop.folder:
        return []
    folder = config_folder / Path(drop.folder).expanduser()
    holds = _line_holds if drop.format == "jsonl" else _table_holds

    def may_hold(path: Path) -> bool:
        try:
            return holds(path, ids)
        except FileNotFoundError:  # taken meanwhile
            return False
        except (OSError, ValueError):  # cut off, or not for us to read
            return True

    return [p.name for p in sorted(folder.glob(f"{drop.name}-{MADE}-*.{drop.format}")) if may_hold(p)]


def _line_holds(path: Path, ids: Collection[str]) -> bool:
    wanted = [id.encode() for id in ids]
    with path.open("rb") as lines:
        return any(_tells(orjson.loads(line), ids) for line in lines if any(id in line for id in wanted))


def _table_holds(path: Path, ids: Collection[str]) -> bool:
    import pyarrow.parquet as pq  # here: who drops lines waits for none of it

    def rows() -> Iterator[dict[str, object]]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["id", "gone"]):
                yield from batch.to_pylist()

    return any(_tells(row, ids) for row in rows())


def _tells(row: object, ids: Collection[str]) -> bool:
    return isinstance(row, dict) and row.get("id") in ids and not row.get("gone")
