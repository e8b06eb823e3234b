"""`hub report`: how we are doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    ReportOption,
    opened,
    out,
    write_report,
)

if TYPE_CHECKING:
    from hub.work.performance import ToldMeasure
    from hub.work.performance_store import Measured

OF_QUALITY = ("filled", "valid", "conflicting", "stale")  # what is told of attributes

app = typer.Typer()


@app.command()
def report(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From this day on, counted again; default: a week.")
    ] = None,
    daily: Annotated[bool, typer.Option("--daily", help="Day by day, not by month.")] = False,
    report: ReportOption = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """How we are doing: contacts, sales, what was answered in time, what waits, how good the data is."""
    from hub.work.performance import MEASURES, keep, told

    with opened(config, database, folder, despite=True) as hub:
        hub.resolver.reread()
        today = datetime.fromtimestamp(hub.database.clock.now() / 1_000_000, UTC).date()
        begin: date = since.date() if since else today - timedelta(days=7)
        keep(hub.database, hub.config, begin)
        end = today + timedelta(days=1)
        found = told(hub.database, hub.config, list(MEASURES), begin, end, "day" if daily else "month")
    days = [t for t in found if t.measured.measure not in OF_QUALITY]
    good = [t for t in found if t.measured.measure in OF_QUALITY]
    out.print(_days(days) if days else "nothing was counted")
    if good:
        last = max(t.at for t in good)
        out.print(f"How good the data is, as it stood on {max(t.measured.day for t in good)}:")
        out.print(_quality([t.measured for t in good if t.at == last]))
    write_report(report, [{"at": t.at, **t.measured._asdict()} for t in found])


def _days(found: Sequence[ToldMeasure]) -> Table:
    shown = Table("begins", "measure", "what", box=box.SIMPLE_HEAD, padding=0)
    for name in ("n", "part", "mean time", "amount"):
        shown.add_column(f"{name} ", justify="right")
    for t in found:
        m = t.measured
        name = f"{m.what} {m.by}".strip()
        shown.add_row(f"{t.at.date()} ", f"{m.measure} ", f"{name} ", f"{m.n:,} ", _part(m), _mean(m), _amount(m))
    return shown


def _quality(found: Sequence[Measured]) -> Table:
    """Of each source and attribute: how many records, which part of them has it; of those with it, the other parts."""
    shown = Table("source", "attribute", box=box.SIMPLE_HEAD, padding=0)
    for name in ("records", *OF_QUALITY):
        shown.add_column(f"{name} ", justify="right")
    lines: dict[tuple[str, str], dict[str, Measured]] = {}
    for m in found:
        lines.setdefault((m.what, m.by), {})[m.measure] = m
    for (what, by), of in sorted(lines.items()):
        parts = (_part(of[name]) if name in of else "" for name in OF_QUALITY)
        shown.add_row(f"{what} ", f"{by} ", f"{of['filled'].n:,} " if "filled" in of else "", *parts)
    return shown


def _part(m: Measured) -> str:
    return f"{m.part / m.n:.0%} " if m.part and m.n else ""


def _mean(m: Measured) -> str:
    if not m.seconds:
        return ""
    minutes = m.seconds // max(1, m.n) // 60
    return (
        f"{minutes // 1440} d " if minutes >= 2880 else f"{minutes // 60} h " if minutes >= 120 else f"{minutes} min "
    )


def _amount(m: Measured) -> str:
    from hub.kinds.money import shown

    return f"{shown(m.amount, m.currency)} {m.currency}" if m.currency and m.amount else ""
