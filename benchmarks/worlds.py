"""The demo world through a hub: Parquet exports of its sources, the shipped configuration over them, and how good the result is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import hub.connectors.registry  # noqa: F401 - makes the kinds of connectors known
from hub.db import Database
from hub.demo.world import World
from hub.migrations import upgrade
from hub.quality.measures import Quality, evaluate
from hub.resolve.backlog import Report
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, Source, load_customer_types
from hub.work import cycle
from hub.work.pull import Pulled

CONFIG = Path(__file__).parent.parent / "config"
PERSON_STREAMS = ("billing/customers", "crm/people", "web/signups", "app/profiles")
SHARED_PHONE, SHARED_EMAIL = "+49 30 54839217", "k.berger71@kabelmail.example"

Key = tuple[str, str, str]  # source, stream, key


def write_exports(world: World, folder: Path, *, poisoned: float = 0.0) -> dict[str, int]:
    """Each stream as one Parquet file below `folder`/source, and the truth beside them; rows by stream.

    poisoned: this share of person records, spread over all streams, gets one shared telephone number and e-mail address.
    """
    rows: dict[str, int] = {}
    for name, table in world.tables().items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        if poisoned and name in PERSON_STREAMS:
            table = _poisoned(table, poisoned)
        pq.write_table(table, path)
        rows[name] = table.num_rows
    pq.write_table(world.truth, folder / "truth.parquet")
    return rows


def _poisoned(table: pa.Table, share: float) -> pa.Table:
    key = table.column_names[0]
    hit = pa.array(
        [int(hashlib.md5(str(k).encode()).hexdigest()[:8], 16) < share * 2**32 for k in table[key].to_pylist()]
    )
    columns = {
        "mail": SHARED_EMAIL,
        "email": SHARED_EMAIL,
        "emails": [SHARED_EMAIL],
        "phone_number": SHARED_PHONE,
        "phone": SHARED_PHONE,
        "phones": [SHARED_PHONE],
    }
    for column, value in columns.items():
        if column in table.column_names:
            old = table[column]
            new = [value if h else v for h, v in zip(hit.to_pylist(), old.to_pylist(), strict=True)]
            table = table.set_column(table.column_names.index(column), column, pa.array(new, old.type))
    return table


def config_over(folder: Path) -> Config:
    """The shipped customer types and sources, each source reading its Parquet export.

    Only what names the transport is left out (query, paging, write-back); maps, trust and verification are those of config/.
    """
    sources = {}
    for file in sorted((CONFIG / "sources").glob("*.yaml")):
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
        streams = {}
        for stream, settings in given["streams"].items():
            columns = pq.read_schema(folder / file.stem / f"{stream}.parquet").names
            kept = {
                k: v
                for k, v in settings.items()
                if k not in ("rest", "query", "table", "write_back", "file", "deleted")
            }
            kept["dates"] = {a: c for a, c in settings.get("dates", {}).items() if c in columns}
            streams[stream] = {**kept, "map": _flat(settings["map"], columns), "file": {"pattern": f"{stream}.parquet"}}
        sources[file.stem] = Source.model_validate(
            {"name": file.stem, "connector": {"kind": "file", "path": str(folder / file.stem)}, "streams": streams}
        )
    return Config(folder=folder, customers=load_customer_types(CONFIG), sources=sources, access=Access())


def _flat(mapped: Any, columns: list[str]) -> Any:
    """A map over nested JSON, over an export whose columns carry the whole path: `name.given` becomes one quoted name."""
    if isinstance(mapped, Mapping):
        return {k: _flat(v, columns) for k, v in mapped.items()}
    name = mapped.removesuffix("[]")
    return f'"{name}"' if name in columns else mapped


def fresh_hub(url: str, config: Config) -> Resolver:
    """An empty hub, migrated."""
    database = Database(url)
    upgrade(database)
    return Resolver(database, config)


def pull_all(
    resolver: Resolver, timed: Callable[[str, Callable[[], Any]], Any] = lambda _name, act: act()
) -> list[Pulled]:
    """Every stream through its connector. RuntimeError when a source failed or rows were lost."""
    found: list[Pulled] = []
    for source in resolver.config.sources:
        found.extend(timed(f"pull {source}", lambda source=source: cycle.pull(resolver, [source], env={})))
    faults = [f"{p.source}/{p.stream}: {p.error or json.dumps(p.reasons)}" for p in found if p.error or p.quarantined]
    if faults:
        raise RuntimeError("; ".join(faults))
    return found


def homes(database: Database) -> dict[Key, int]:
    """Cluster by record."""
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT r.source, r.stream, r.key, m.cluster FROM record r JOIN membership m ON m.rid = r.rid"
        )
        return {(a, b, c): n for a, b, c, n in rows}


def person_quality(found: Mapping[Key, int], truth: pa.Table) -> Quality:
    """Of the person records alone: what the peers see too. A record that the hub lost counts as a cluster of its own."""
    rows = zip(*(truth[c].to_pylist() for c in ("source", "stream", "key", "truth")), strict=True)
    persons = [((a, b, c), t) for a, b, c, t in rows if f"{a}/{b}" in PERSON_STREAMS]
    return evaluate([found.get(k, f"lost {n}") for n, (k, _) in enumerate(persons)], [t for _, t in persons])


def resolve_world(world: World, folder: Path) -> tuple[Quality, Report]:
    """A world through a SQLite hub of its own, at its defaults."""
    write_exports(world, folder / "exports")
    resolver = fresh_hub(f"sqlite:///{folder / 'hub.sqlite'}", config_over(folder / "exports"))
    pull_all(resolver)
    report = Bulk(resolver).run()
    quality = person_quality(homes(resolver.database), world.truth)
    resolver.database.close()
    return quality, report
