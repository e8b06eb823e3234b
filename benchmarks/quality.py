"""Matching quality without labels, the hub beside its peers: `python -m benchmarks.quality`.

The hub runs at its default, untuned. Splink and recordlinkage run at theirs and at their best threshold, which the
truth picks. Cluster F1 is pairwise; on the demo world all look at the same person records.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from splink.internals.exceptions import SplinkException

from benchmarks import firms, harder, peers, report, sets, worlds
from benchmarks.report import Check, console
from hub.demo.world import Noise, generate, people_for
from hub.quality.evaluation import run_set
from hub.quality.measures import Quality
from hub.settings import load_customer_types

HUB, NEAR = "hub, default", 0.002
PRECISION, WORLD_F1, FAKE_F1, TOO_EASY = 0.95, 0.93, 0.95, 0.65
AT_LEAST_FOR_WORLD = 50_000  # records from which the world's absolute bounds are meant
# No kind of error in person records: company noise, what is only in the running sources' files, how many records there are.
NOT_SWITCHED = ("malformed", "repeats", "spread", "shared_surname")


@dataclass(frozen=True)
class Row:
    """One way to resolve one set."""

    who: str
    quality: Quality
    seconds: float
    threshold: float | None = None
    faults: tuple[str, ...] = ()

    @property
    def is_peer(self) -> bool:
        """Counts for the peers' best."""
        return self.who != HUB and sets.EVERY_PAIR not in self.who

    def as_dict(self) -> dict[str, Any]:
        return {
            "who": self.who,
            "seconds": round(self.seconds, 2),
            "threshold": self.threshold,
            "faults": self.faults,
            **self.quality.as_dict(),
        }


@dataclass
class Measured:
    """All rows of one set, and what was to be reached."""

    title: str
    kind: str  # febrl | fake | world | noise | hard
    rows: list[Row] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def hub(self) -> Quality:
        return next(r.quality for r in self.rows if r.who == HUB)

    def checks(self) -> list[Check]:
        best = max((r.quality.f1 for r in self.rows if r.is_peer), default=0.0)
        hub = self.hub
        found = [
            Check(
                "F1, the peers' best" + (f" less {NEAR}" if self.kind == "febrl" else ""),
                hub.f1,
                best - (NEAR if self.kind == "febrl" else 0.0),
            )
        ]
        found.append(Check("precision", hub.precision, PRECISION))
        if self.kind == "fake":
            found.append(Check("F1", hub.f1, FAKE_F1))
        if self.kind == "world":
            found.append(Check("F1", hub.f1, WORLD_F1))
            plain = next(r for r in self.rows if r.who == "Splink, p .95")
            found.append(
                Check("Splink's F1 at p .95, or the world is too easy", plain.quality.f1, TOO_EASY, at_least=False)
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "kind": self.kind,
            "rows": [r.as_dict() for r in self.rows],
            "checks": [c.as_dict() for c in self.checks()],
            **self.notes,
        }


def peer_rows(given: sets.DataSet) -> Iterator[Row]:
    """Every peer on a set, at its default and at its best."""
    for variant, settings in given.splink.items():
        name = f"Splink ({variant})" if variant else "Splink"
        start = time.perf_counter()
        scored = peers.splink_pairs(given, settings)
        yield from _two_rows(
            name, "p .95", given, scored, peers.weight_of(peers.DEFAULT_PROBABILITY), time.perf_counter() - start
        )
    start = time.perf_counter()
    scored = peers.ecm_pairs(given)
    yield from _two_rows("ECM", "default", given, scored, 0.0, time.perf_counter() - start)


def _two_rows(
    name: str, default: str, given: sets.DataSet, scored: peers.Scored, threshold: float, seconds: float
) -> Iterator[Row]:
    best = peers.best_threshold(given.truth, scored)
    yield Row(f"{name}, {default}", peers.quality_at(given.truth, scored, threshold), seconds, threshold, scored.faults)
    yield Row(f"{name}, best", peers.quality_at(given.truth, scored, best), seconds, best, scored.faults)


def measure_set(given: sets.DataSet, file: str, kind: str) -> Measured:
    """A labelled set of config/evaluate/, in a hub of its own."""
    measured = Measured(given.title, kind)
    found = run_set(worlds.CONFIG / "evaluate" / file, load_customer_types(worlds.CONFIG))
    assert found is not None, file
    measured.rows.append(Row(HUB, found.quality, found.seconds))
    measured.notes = {"quarantined": found.quarantined, "warnings": list(found.warnings)}
    measured.rows.extend(peer_rows(given))
    return measured


def measure_world(records: int, title: str, kind: str, noise: Noise, seed: int) -> Measured:
    """A demo world of about so many records, companies counted; all judged on its person records."""
    world = generate(people_for(records), seed, noise)
    measured = Measured(title, kind)
    with tempfile.TemporaryDirectory(prefix="hub-quality") as folder:
        start = time.perf_counter()
        quality, done = worlds.resolve_world(world, Path(folder))
        measured.rows.append(Row(HUB, quality, time.perf_counter() - start))
    measured.notes = {"all_records": len(world), "left_out": done.left_out}
    measured.rows.extend(peer_rows(sets.world_set(world, title)))
    return measured


def measure_hard(given: harder.Hard) -> Measured:
    """A generated set that a default can fail on, in a hub of its own. Its peers have no demo: they get what their libraries have for such columns."""
    measured = Measured(given.title, "hard")
    with tempfile.TemporaryDirectory(prefix="hub-quality") as folder:
        found = run_set(harder.write(given, Path(folder)), load_customer_types(worlds.CONFIG))
    assert found is not None
    measured.rows.append(Row(HUB, found.quality, found.seconds))
    measured.notes = {"quarantined": found.quarantined, "warnings": list(found.warnings)}
    try:
        measured.rows.extend(peer_rows(harder.peers_set(given)))
    except (ValueError, SplinkException) as error:  # too little for a peer to train on
        measured.notes["peers"] = str(error).strip().splitlines()[0]
    return measured


def switched(noise: str) -> list[tuple[str, Noise]]:
    """Worlds with one kind of noise off: `all`, `none`, or names with commas. "clean" has none at all."""
    names = [f.name for f in fields(Noise) if not f.name.startswith("company_") and f.name not in NOT_SWITCHED]
    if noise == "none":
        return []
    wanted = [*names, "clean"] if noise == "all" else [n.strip() for n in noise.split(",")]
    return [("clean", Noise.none()) if n == "clean" else (f"without {n}", Noise().without(n)) for n in wanted]


def show(measured: Measured) -> None:
    """Print one set."""
    columns = ("", "F1", "precision", "recall", "B-cubed F1", "B-cubed precision", "customers", "threshold", "s")
    report.table(f"{measured.title}: {measured.hub.records:,} records, {measured.hub.true_customers:,} customers", columns, [
        (r.who, *(f"{v:.4f}" for v in (r.quality.f1, r.quality.precision, r.quality.recall, r.quality.b3_f1, r.quality.b3_precision)),
         f"{r.quality.customers:,}", "" if r.threshold is None else f"{r.threshold:.1f}", f"{r.seconds:.1f}")
        for r in measured.rows
    ])  # fmt: skip
    for who, fault in {(r.who.partition(",")[0], f) for r in measured.rows for f in r.faults}:
        console.print(f"  {who} went on without its {fault}")
    report.print_checks(measured.checks())


def overview(done: list[Measured]) -> None:
    """All sets, a line each."""

    def best(m: Measured) -> str:
        return f"{max((r.quality.f1 for r in m.rows if r.is_peer), default=0.0):.3f}"

    def default(m: Measured, name: str) -> str:
        return next((f"{r.quality.f1:.3f}" for r in m.rows if r.who == name), "")

    columns = ("set", "hub F1", "Splink p .95", "peers' best F1", "hub precision", "hub B-cubed", "reached")
    report.table("Quality at default, no labels", columns, [
        (m.title, f"{m.hub.f1:.3f}", default(m, "Splink, p .95"), best(m), f"{m.hub.precision:.3f}", f"{m.hub.b3_f1:.3f}",
         "[green]yes[/]" if all(c.met for c in m.checks()) else "[red]no: " + ", ".join(c.what for c in m.checks() if not c.met) + "[/]")
        for m in done
    ])  # fmt: skip


def run(
    records: int = 20_000,
    noise: str = "none",
    noise_records: int = 5_000,
    *,
    labelled: bool = True,
    hard: bool = False,
    seed: int = 1,
) -> bool:
    """Measure, print, write results/quality.json after every set. True when all was reached."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")  # the peers' own
    done: list[Measured] = []

    def add(measured: Measured) -> None:
        show(measured)
        done.append(measured)
        report.save(
            "quality", records=records, noise_records=noise_records, seed=seed, sets=[m.as_dict() for m in done]
        )

    if labelled:
        for number in (1, 2, 3, 4):
            add(measure_set(sets.febrl(number), f"febrl{number}.yaml", "febrl"))
        fake = sets.fake_1000()
        if fake is None:
            console.print("fake_1000 is not there: left out")
        else:
            add(measure_set(fake, "fake_1000.yaml", "fake"))
    if records:
        add(measure_world(records, f"demo world {records:,}", "world", Noise(), seed))
    for name, given in switched(noise):
        add(measure_world(noise_records, f"world {name}", "noise", given, seed))
    for hard_set in (*harder.every(), *firms.every()) if hard else ():
        add(measure_hard(hard_set))
    overview(done)
    return all(c.met for m in done for c in m.checks())


def main(
    records: Annotated[int, typer.Option(help="of the demo world; 0: not at all")] = 20_000,
    noise: Annotated[
        str, typer.Option(help="kinds switched off one at a time: all, none, clean, or names with commas")
    ] = "none",
    noise_records: Annotated[int, typer.Option(help="of each of those worlds")] = 5_000,
    labelled: Annotated[bool, typer.Option(help="FEBRL 1-4 and fake_1000")] = True,
    hard: Annotated[
        bool,
        typer.Option(
            help="generated sets that a default can fail on: historical, companies, few attributes, few duplicates ..."
        ),
    ] = False,
    seed: int = 1,
) -> None:
    """Matching quality, the hub beside its peers."""
    run(records, noise, noise_records, labelled=labelled, hard=hard, seed=seed)


if __name__ == "__main__":
    typer.run(main)
