"""Whether both engines agree on every blocked pair: SQL over all of them, Python over each, on a demo world.

    python -m benchmarks.parity [--records 100000] [--seed 1]

Keys, levels (as parts), weights and sums must be the same integers. Prints what it compared and fails on the first differences.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks.worlds import config_over, fresh_hub, pull_all, write_exports
from hub.demo.world import generate, people_for
from hub.matching import store
from hub.matching.compare import candidates
from hub.matching.compare.score import Scorer
from hub.matching.training import batch
from hub.resolve.bulk import Bulk
from hub.settings import CustomerType

FLOOR = -10_000_000  # below any weight
SHOWN = 5


def differences(records: pa.Table, customer_type: CustomerType) -> tuple[int, int, Iterator[str]]:
    """How many keys and pairs were compared, and where the engines differ."""
    model = batch.train(records, customer_type, seed=0)
    forms = dict(zip(records["rid"].to_pylist(), map(json.loads, records["forms"].to_pylist()), strict=True))
    keys = batch.keys(records, model)
    found = batch.pairs(records, keys, model, floor=FLOOR, cap=customer_type.matching.block_cap)

    def told() -> Iterator[str]:
        live = {(key, rid) for rid, form in forms.items() for key in candidates.keys(form, model)}
        stored = set(zip(keys["key"].to_pylist(), keys["rid"].to_pylist(), strict=True))
        if live != stored:
            yield f"keys: {len(live - stored)} only in Python, {len(stored - live)} only in SQL"
        scorer = Scorer(model)
        for chunk in found.to_batches(max_chunksize=100_000):
            for left, right, weight, parts in zip(
                *(chunk[c].to_pylist() for c in ("left", "right", "weight", "parts")), strict=True
            ):
                one = scorer.weigh(forms[left], forms[right])
                if one.weight != weight or [list(part) for part in one.parts] != json.loads(parts):
                    yield f"records {left} and {right}: {one.weight} in Python, {weight} in SQL"

    return keys.num_rows, found.num_rows, told()


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(given)
    world = generate(people_for(options.records), options.seed)
    failed = False
    with tempfile.TemporaryDirectory(prefix="hub-parity") as folder:
        write_exports(world, Path(folder) / "exports")
        resolver = fresh_hub(f"sqlite:///{folder}/hub.sqlite", config_over(Path(folder) / "exports"))
        pull_all(resolver)
        Bulk(resolver).run()
        for name, customer_type in resolver.config.customers.items():
            with resolver.database.read() as connection:
                records = store.all_forms(connection, name)
            start = time.process_time()
            keys, pairs, told = differences(records, customer_type)
            faults = list(told)
            failed |= bool(faults)
            print(
                f"{name}: {records.num_rows:,} records, {keys:,} keys and {pairs:,} pairs compared, {len(faults)} differ ({time.process_time() - start:.0f} CPU s)"
            )
            for fault in faults[:SHOWN]:
                print(f"  {fault}")
        resolver.database.close()
    sys.exit(failed)


if __name__ == "__main__":
    main()
