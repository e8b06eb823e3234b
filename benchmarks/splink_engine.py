"""Blocking and levels of one machine by Splink's DuckDB backend, beside the hub's own SQL: `python -m benchmarks splink_engine`.

The same records, the same model: Splink gets it as the settings that the bridge makes. Blocking is by the same rules, levels and weights
are of the same candidates. Seconds of CPU, as others may work on the machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import duckdb
import pyarrow as pa
import typer
from splink import DuckDBAPI, Linker

from benchmarks.report import Check, print_checks, save, table
from benchmarks.worlds import config_over, fresh_hub, pull_all, write_exports
from hub.demo.world import generate, people_for
from hub.kinds.levels_base import MISSING
from hub.matching import store
from hub.matching.compare.model import Model
from hub.matching.training import batch, splink_bridge
from hub.matching.training.splink_bridge import ID
from hub.resolve.bulk import Bulk

TYPE = "person"
EVERY = -(10**9)  # below any weight
T = TypeVar("T")


@contextmanager
def linked(flat: pa.Table, model: Model) -> Iterator[tuple[Linker, DuckDBAPI, duckdb.DuckDBPyConnection]]:
    """Splink over records made by `splink_bridge.flattened`."""
    con = duckdb.connect(":memory:", config={"threads": 2})
    try:
        con.execute("SET enable_external_access = false")
        con.register("flat", flat)
        con.execute("CREATE TABLE flat_records AS SELECT * FROM flat")
        api = DuckDBAPI(connection=con)
        yield Linker(api.register("flat_records"), splink_bridge.settings(model), log_level=None), api, con
    finally:
        con.close()


def blocked(flat: pa.Table, model: Model) -> int:
    """How many candidate pairs Splink's own blocking makes."""
    with linked(flat, model) as (linker, _, con):
        made = linker.inference.compute_blocked_pairs_for_predict()
        found: int = con.sql(f"SELECT count(*) FROM {made.physical_name}").fetchall()[0][0]
        return found


def predict(flat: pa.Table, pairs: pa.Table, model: Model) -> pa.Table:
    """Splink's own levels and weight of given pairs (left, right: rids): left, right, weight (bits), and per comparison its
    level by our count (`MISSING`: one side says nothing), in the order of left and right."""
    with linked(flat, model) as (linker, api, con):
        con.register("given_pairs", pa.table({"join_key_l": pairs["left"], "join_key_r": pairs["right"]}))
        con.execute("CREATE TABLE blocked AS SELECT '0' AS match_key, join_key_l, join_key_r FROM given_pairs")
        linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
        found = linker.inference.predict(warning_mode="never")
        names = [(w.comparison.name, len(w.levels) - 1) for w in model.comparisons]
        # Splink counts up from the weakest level, we count down from the strongest
        levels = ", ".join(
            f'CASE WHEN "gamma_{n}" = -1 THEN {MISSING} ELSE {last} - "gamma_{n}" END AS "{n}"' for n, last in names
        )
        query = f'SELECT {ID}_l AS "left", {ID}_r AS "right", match_weight AS weight, {levels} FROM {found.physical_name} ORDER BY 1, 2'
        return con.sql(query).to_arrow_table()


def standardised(records: int) -> tuple[pa.Table, Model, int]:
    """Person records of the demo world, a model of them, the cap on blocks."""
    with tempfile.TemporaryDirectory(prefix="hub-splink") as made:
        write_exports(generate(people_for(records), 1), Path(made) / "exports")
        hub = fresh_hub(f"sqlite:///{made}/hub.sqlite", config_over(Path(made) / "exports"))
        pull_all(hub)
        Bulk(hub).standardise_pending()
        with hub.database.read() as connection:
            found = store.all_forms(connection, TYPE)
        hub.database.close()
    customer = hub.config.customers[TYPE]
    return found, batch.train(found, customer, seed=0), customer.matching.block_cap


def main(records: Annotated[int, typer.Option(help="of the demo world")] = 20_000) -> None:
    """Both engines beside one another."""
    found, model, cap = standardised(records)
    took: dict[str, float] = {}

    def timed(what: str, act: Callable[[], T]) -> T:
        before = time.process_time()
        made = act()
        took[what] = time.process_time() - before
        return made

    keys = timed("keys", lambda: batch.keys(found, model))
    kept = timed("pairs", lambda: batch.pairs(found, keys, model, floor=model.review, cap=cap))
    every = timed("every", lambda: batch.pairs(found, keys, model, floor=EVERY, cap=cap))
    flat = timed("flattened", lambda: splink_bridge.flattened(found, model))
    uncapped = timed("blocked", lambda: blocked(flat, model))
    leveled = timed("predict", lambda: predict(flat, every, model))
    ours, theirs = took["keys"] + took["pairs"], took["blocked"] + took["predict"]
    table(
        f"{found.num_rows:,} person records, CPU s",
        ("step", "the hub's SQL", "pairs", "Splink's", "pairs"),
        [
            ("keys and candidates", f"{took['keys']:.2f}", f"{every.num_rows:,}", f"{took['blocked']:.2f}", f"{uncapped:,}"),
            ("levels and weights of every candidate", f"{took['every']:.2f}", f"{every.num_rows:,}", f"{took['predict']:.2f}", f"{leveled.num_rows:,}"),
            ("those that reach the review threshold", f"{took['pairs']:.2f}", f"{kept.num_rows:,}", "", ""),
            ("records as Splink reads them", "", "", f"{took['flattened']:.2f}", ""),
        ],
    )  # fmt: skip
    checks = [Check("Splink / the hub's SQL: blocking, levels, weights", theirs / ours, 1.0)]
    print_checks(checks)
    save("splink_engine", records=found.num_rows, took=took, checks=[c.as_dict() for c in checks])


if __name__ == "__main__":
    typer.run(main)
