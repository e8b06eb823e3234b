"""Keys, pairs and clusters by DuckDB and by Spark on this machine, the same records: `python -m benchmarks.spark`.

Run where `customer-hub[spark]` and psutil are installed. Seconds are of the wall and of all CPUs that the process, its JVM and its Python
workers had; starting the JVM is told apart. The answers of both engines are compared row by row.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks.report import Check, print_checks, save, table
from benchmarks.worlds import config_over, fresh_hub, pull_all, write_exports
from hub.demo.world import generate, people_for
from hub.matching import store
from hub.matching.clusters.whole_type import Clusters
from hub.matching.pairs import type_salt
from hub.matching.spark.engine import engine
from hub.matching.spark.session import Master
from hub.resolve.bulk import Bulk, Engine, OneMachine

TYPE = "person"


def cpu() -> float:
    """Seconds of this process and all below it that live; those that ended count with who waited for them."""
    total = 0.0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


class Taken:
    """Wall and CPU seconds by step."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float]] = {}

    def __call__(self, step: str, act: Callable[[], Any]) -> Any:
        wall, spent = time.perf_counter(), cpu()
        found = act()
        self.steps[step] = time.perf_counter() - wall, cpu() - spent
        return found

    @property
    def wall(self) -> float:
        return sum(wall for wall, _ in self.steps.values())

    @property
    def cpu(self) -> float:
        return sum(spent for _, spent in self.steps.values())


def answers(chosen: Engine, hub: Any, taken: Taken) -> tuple[list[Any], list[Any], set[frozenset[int]]]:
    """Keys, pairs and clusters of the type, as an engine finds them."""
    with hub.database.read() as connection:
        recipe = hub.recipe(connection)
        model, customer = recipe.models[TYPE], recipe.customer(TYPE)
        records, rids = store.all_forms(connection, TYPE), store.living_of(connection, TYPE)
        keys = taken("keys", lambda: chosen.keys(records, model, salt=type_salt(TYPE)))
        floor, cap = min(model.review, model.join), customer.matching.block_cap
        pairs = taken("pairs", lambda: chosen.pairs(records, keys, model, floor=floor, cap=cap))
        graph = Clusters(connection, recipe, TYPE, pairs, rids)
        clusters = taken("clusters", lambda: set(chosen.clusters(graph)))
    return keys.to_pylist(), pairs.to_pylist(), clusters


@contextmanager
def loaded(records: int, folder: Path) -> Iterator[Any]:
    write_exports(generate(people_for(records), 1), folder / "exports")
    hub = fresh_hub(f"sqlite:///{folder}/hub.sqlite", config_over(folder / "exports"))
    try:
        pull_all(hub)
        bulk = Bulk(hub)
        bulk.standardise_pending()
        bulk.train(TYPE, wanted=True)
        yield hub
    finally:
        hub.database.close()


def main(
    records: Annotated[list[int] | None, typer.Option(help="sizes of the demo world; several: growth too")] = None,
    master: Annotated[str, typer.Option(help="as HUB_SPARK_MASTER")] = "local[2]",
) -> None:
    """Both engines beside one another."""
    results: dict[str, Any] = {}
    checks: list[Check] = []
    spent: dict[int, float] = {}  # CPU of Spark by size
    start = time.perf_counter()
    with engine(Master(master)) as spark:
        results["start"] = time.perf_counter() - start
        for size in records or [10_000]:
            with tempfile.TemporaryDirectory(prefix="hub-spark") as made, loaded(size, Path(made)) as hub:
                one, other = Taken(), Taken()
                same = answers(OneMachine(), hub, one) == answers(spark, hub, other)
            results[str(size)] = {"duckdb": one.steps, "spark": other.steps, "same": same}
            rows = [(s, *(f"{x:.1f}" for x in (*one.steps[s], *other.steps[s]))) for s in one.steps]
            table(
                f"{size:,} records, {'the same' if same else 'NOT THE SAME'}",
                ("step", "DuckDB s", "CPU s", "Spark s", "CPU s"),
                rows,
            )
            checks.append(Check(f"Spark / DuckDB at {size:,}, start apart", other.wall / one.wall, 4.0, at_least=False))
            checks.append(Check(f"the same in CPU at {size:,}", other.cpu / one.cpu, 4.0, at_least=False))
            spent[size] = other.cpu
    if len(spent) > 1:
        few, many = min(spent), max(spent)
        tenfold = (spent[many] / spent[few]) ** (1 / math.log10(many / few))
        checks.append(Check("Spark's CPU for ten times the records", tenfold, 12.0, at_least=False))
    print_checks(checks)
    save("spark", **results, checks=[c.as_dict() for c in checks])


if __name__ == "__main__":
    typer.run(main)
