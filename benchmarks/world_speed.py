"""How long the demo world takes: `python benchmarks/world_speed.py [RECORDS]`, printed by step."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hub.demo import app, billing, crm, web
from hub.demo.world import generate, people_for


def main(records: int) -> None:
    started = time.perf_counter()

    def timed(what: str, act: Callable[[], object]) -> object:
        begun = time.perf_counter()
        found = act()
        print(f"{what:<28}{time.perf_counter() - begun:7.1f} s")
        return found

    world = generate(people_for(records))
    print(f"{'generate':<28}{time.perf_counter() - started:7.1f} s   {len(world)} records, {len(world.people)} people")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        timed("billing (SQLite)", lambda: billing.fill(place / "billing.sqlite", world))
        timed("CRM (SQLite behind HTTP)", lambda: crm.fill(place / "crm.sqlite", world))
        timed("web (JSONL, CSV, gzip)", lambda: web.fill(place / "web", world))
        timed("app (Parquet)", lambda: app.fill(place / "app", world))
        print(f"{'together':<28}{time.perf_counter() - started:7.1f} s")
    timed("Arrow tables for benchmarks", lambda: (world.person_records, world.company_records, world.truth))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
