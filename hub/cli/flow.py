"""`hub pull | match | push | verify | quarantine`: the way of a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    ReportOption,
    bars,
    opened,
    out,
    write_report,
)
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.delivery.write_back import Making, Plan
    from hub.model import RecordId
    from hub.resolve.backlog import Report
    from hub.resolve.bulk import Engine
    from hub.work.pull import Pulled

app = typer.Typer()
MOST_LEFT_OUT = 20  # reasons that one pull shows on the screen


@app.command()
def pull(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources to pull; none named: all.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    report: ReportOption = None,
    allow_deletes: Annotated[
        bool, typer.Option(help="Believe a complete listing that lacks more than 2 % of the records.")
    ] = False,
    allow_losses: Annotated[
        bool, typer.Option(help="Believe that a column which many records had a value in is gone, and take these back.")
    ] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Read all of it anew, and find what increments miss, deletes too.")
    ] = False,
    no_match: Annotated[bool, typer.Option("--no-match", help="Only land; resolve later with `hub match`.")] = False,
) -> None:
    """Read what the sources have, keep it, and resolve it into golden records."""
    from hub.work import cycle

    with opened(config, database, folder, reaching=True) as hub:
        with bars() as step:
            done = cycle.pull(
                hub.resolver,
                sources or (),
                allow_deletes=allow_deletes,
                allow_losses=allow_losses,
                reconcile=reconcile,
                progress=lambda p: step(f"{p.source}.{p.stream}", p.fetched, p.fetched),
            )
            found = None if no_match else cycle.match(hub.resolver, progress=step)
        print_pulled(done)
        if found is not None:
            print_matched(found)
        write_report(report, {"pulled": [pulled_figures(p) for p in done]})
        if done and all(p.error or (p.quarantined and not p.landed + p.unchanged) for p in done):
            raise typer.Exit(1)  # nothing could be done


@app.command()
def quarantine(
    source: Annotated[str | None, typer.Argument(help="Only this source's rows.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What was set aside, where it stood and why. The rows themselves stay in the database."""
    from hub.landing.store import quarantined
    from hub.model import from_micros

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        shown = Table("stream", "where", "why", "since")
        for row in quarantined(connection, source):
            shown.add_row(
                f"{row.source}.{row.stream}", row.line, row.reason, from_micros(row.at).isoformat(timespec="minutes")
            )
        out.print(shown if shown.row_count else "nothing is set aside")


class Engines(str, Enum):  # noqa: UP042 (its words are the command's)
    duckdb = "duckdb"
    spark = "spark"


@contextmanager
def _engine(named: Engines) -> Iterator[Engine | None]:
    """Spark, opened before anything of the hub is touched; None: what is there anyway."""
    if named is Engines.duckdb:
        yield None
        return
    from hub.matching.spark.engine import engine

    with engine() as found:
        yield found


@app.command()
def match(
    full: Annotated[bool, typer.Option("--full", help="Derive everything anew, not only what is pending.")] = False,
    engine: Annotated[
        Engines, typer.Option(help="What works out pairs: duckdb, on this machine; spark, at HUB_SPARK_MASTER.")
    ] = Engines.duckdb,
    records: Annotated[
        str, typer.Option(help="Apart from the hub: a folder (or URL) of Parquet files with a stream's rows.")
    ] = "",
    into: Annotated[
        str, typer.Option("--out", help="With --records: a new folder for the clusters: key, cluster.")
    ] = "",
    stream: Annotated[
        str, typer.Option(help="With --records: whose rows they are, as shop.customers; the only one: left out.")
    ] = "",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Resolve what is pending into golden records. With --records and --out: only the clusters of a folder, without a hub."""
    from hub.work import cycle

    if records or into or stream:
        _apart(config, records, into, stream, engine)
        return
    with _engine(engine) as chosen, opened(config, database, folder) as hub:
        with bars() as step:
            found = cycle.match(hub.resolver, full=full, progress=step, engine=chosen)
        if found is None:
            out.print("nothing is pending")
        else:
            print_matched(found)


def _apart(config: Path, records: str, into: str, stream: str, engine: Engines) -> None:
    from hub.connectors import registry  # noqa: F401 - makes the kinds of connectors known
    from hub.settings import load
    from hub.work import apart

    for name, told in (("--records", records), ("--out", into)):
        if not told:
            raise ConfigError([Fault(name, "is missing", "give --records and --out, a folder each")])
    given = apart.extract(load(config, reaching=False), stream, records, into)
    found = apart.on_spark(given, into) if engine is Engines.spark else apart.on_one_machine(given, into)
    out.print(
        f"{into}: {found.records:,} records of {given.source}.{given.stream} in {found.clusters:,} clusters",
        soft_wrap=True,
    )
    for reason, rows in sorted(found.aside.items()):
        out.print(f"  {rows:,} rows set aside: {reason}", soft_wrap=True)


@app.command()
def push(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List every write that would go, field by field; reach no source.")
    ] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Write golden values back to the sources that subscribe to them."""
    from hub.work import cycle

    with opened(config, database, folder, despite=True) as hub:
        if dry_run:
            print_planned(*cycle.planned(hub.resolver, hub.reader))
            return
        pushed = cycle.push(hub.resolver, hub.reader)
        print_pushed(pushed)
        if pushed.unreached or hub.config.aside:
            raise typer.Exit(1)


@app.command()
def verify(
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    report: ReportOption = None,
) -> None:
    """Derive clusters and golden records from what is stored, and count what differs from what is served."""
    from hub.open import audit_chain
    from hub.quality.verify import Verify

    with opened(config, database, folder) as hub:
        with bars() as step:
            found = Verify(hub.resolver, progress=step).run()
        shown = Table("what", "checked", "differences")
        for kind in sorted(found.checked.keys() | found.differences.keys()):
            shown.add_row(kind, f"{found.checked[kind]:,}", f"{found.differences[kind]:,}")
        out.print(shown)
        for kind, samples in found.samples.items():
            out.print(f"{kind}: " + "; ".join(samples))
        chain = audit_chain(folder)
        out.print(f"audit: {chain.lines:,} lines, " + ("the chain is whole" if chain.ok else str(chain.problem)))
        notes = ", ".join(f"{n:,} {what}" for what, n in found.notes.items() if n)
        out.print(f"{found.total:,} differences" + (f"; not compared: {notes}" if notes else ""))
        if found.notes["stale"]:
            out.print("stale rows were made by another configuration or model: hub match --full makes them anew")
        write_report(
            report,
            {
                "differences": found.total,
                "checked": dict(found.checked),
                "by_kind": dict(found.differences),
                "notes": dict(found.notes),
            },
        )
        if found.total or not chain.ok:
            raise typer.Exit(1)


def pulled_figures(p: Pulled) -> dict[str, Any]:
    return {
        "source": p.source,
        "stream": p.stream,
        **p.counts(),
        "reasons": p.reasons,
        "left_out": [{"column": c, "reason": why, "count": n} for (c, why), n in p.left_out.most_common()],
        "notes": p.notes,
        "error": p.error,
    }


def print_pulled(done: list[Pulled]) -> None:
    shown = Table(
        Column("source", overflow="fold"),
        "read",
        "landed",
        "unchanged",
        "quarantined",
        "suppressed",
        "deleted",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    for p in done:
        shown.add_row(f"{p.source}.{p.stream}", *(f"{n:,}" for n in p.counts().values()))
    out.print(shown)
    for p in done:
        for reason, count in p.reasons.items():
            out.print(f"  {p.source}.{p.stream}: {count} set aside: {reason}")
        for (column, why), count in p.left_out.most_common(MOST_LEFT_OUT):
            of = "" if p.looked_at >= p.landed else f" (in the first {p.looked_at:,} rows)"
            out.print(f"  {p.source}.{p.stream}: {count} values left out of {column}: {why}{of}")
        if len(p.left_out) > MOST_LEFT_OUT:
            out.print(
                f"  {p.source}.{p.stream}: and {len(p.left_out) - MOST_LEFT_OUT} more reasons; --report lists all"
            )
        for note in p.notes[:5]:
            out.print(f"  {p.source}.{p.stream}: {note}")
        if p.error:
            out.print(f"  {p.source}.{p.stream} stopped: {p.error}")


def print_matched(found: Report) -> None:
    out.print(
        f"resolved: {found.standardised:,} records standardised, {found.pairs:,} pairs kept, {found.clusters:,} customers, {found.changes:,} changes"
    )
    for type_name, info in found.trained.items():
        for warning in info.get("warnings", ()):
            out.print(f"  {type_name}: {warning}")
    for type_name, counts in found.left_out.items():
        if counts.get("blocks_over_cap"):
            out.print(
                f"  {type_name}: {counts['blocks_over_cap']:,} blocks over their cap were left out (largest {counts['largest_block']:,} records)"
            )


def print_planned(
    planned: Iterable[tuple[RecordId, Plan]], new: Iterable[tuple[tuple[str, str], RecordId, Making]]
) -> None:
    """Line by line: there may be very many."""
    records = fields = 0
    for record, plan in planned:
        name = f"{record.source}.{record.stream} {record.key}"
        records, fields = records + plan.writes, fields + len(plan.fields)
        if plan.removal:
            out.print(f"{name}  {plan.removal}: {plan.why}", soft_wrap=True)
        for place, value in plan.fields.items():
            held = json.dumps(plan.expected.get(place), ensure_ascii=False)
            out.print(f"{name}  {place}: {held} -> {json.dumps(value, ensure_ascii=False)}", soft_wrap=True)
        for attribute, why in plan.problems.items():
            out.print(f"{name}  {attribute} not written: {why}", soft_wrap=True)
        for attribute in plan.tripped:
            out.print(f"{name}  {attribute} not written: the source keeps changing it back", soft_wrap=True)
    out.print(f"{fields:,} fields of {records:,} records would be written")
    made = 0
    for (source, stream), record, making in new:
        made += 1
        name = f"{source}.{stream} new, for {record.source}.{record.stream} {record.key}"
        for place, value in making.fields.items():
            out.print(f"{name}  {place}: {json.dumps(value, ensure_ascii=False)}", soft_wrap=True)
        for why in making.problems:
            out.print(f"{name}  not written: {why}", soft_wrap=True)
    if made:
        out.print(f"{made:,} records would be made")


def print_pushed(pushed: Any) -> None:
    outcomes = ", ".join(f"{n:,} {what}" for what, n in pushed.outcomes.items())
    out.print(
        f"write-back: {pushed.looked_at:,} records looked at, {pushed.written:,} written"
        + (f" ({outcomes})" if outcomes else "")
    )
    for problem, count in pushed.problems.items():
        out.print(f"  {count} not written: {problem}")
    for stream, why in pushed.unreached.items():
        out.print(f"  {stream} not reached: {why}")
