"""`hub status`: how the hub is doing, on one screen."""

from __future__ import annotations

from collections.abc import Mapping

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out

app = typer.Typer()


@app.command()
def status(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """Sources, backlog, deliveries, reviews and jobs, on one screen."""
    from hub.access.waiting import counts
    from hub.interactions.store import count_by_type
    from hub.model import from_micros
    from hub.work.status import status as found_now

    with opened(config, database, folder, despite=True) as hub:
        found = found_now(hub.database, hub.config)
        with hub.database.read() as connection:
            happened, nowhere = count_by_type(connection), counts(connection, hub.config)
    shown = Table(
        Column("source", no_wrap=True), "last pull", "read", "landed", "aside", box=box.SIMPLE_HEAD, padding=0
    )
    for (source, stream), pull in found.pulls.items():
        if pull is None:
            shown.add_row(f"{source}.{stream}", "never", "", "", "")
            continue
        at = from_micros(pull.started).isoformat(timespec="seconds") + ("" if pull.ended else " (not ended)")
        shown.add_row(f"{source}.{stream}", at, *(f"{n:,}" for n in (pull.fetched, pull.landed, pull.quarantined)))
    out.print(shown)
    for (source, stream), pull in found.pulls.items():
        if pull is not None and pull.note:
            out.print(f"  {source}.{stream}: {pull.note}", soft_wrap=True)
    lines = {
        "backlog": f"{found.pending:,} records to resolve; {found.behind:,} changes to be told of",
        "interactions": _words(happened) or "none",
        "on no page": _words({why: n for why, n in nowhere.items() if n}) or "none",
        "write-back": _words(found.write_back) or "nothing yet",
        "held": f"{', '.join(found.held)}: hub write-back confirm" if found.held else "nothing",
        "subscriptions": _words(found.subscriptions) or "none",
        "deliveries": _words(found.deliveries) or "none",
        "reviews": f"{found.reviews:,} open",
        "jobs": ", ".join(f"{name} ({holder.rpartition(':')[0]})" for name, holder in found.jobs) or "none runs",
    }
    lines |= {m.type: f"weighed by {m.words}" for m in found.models}
    for name, words in lines.items():
        out.print(f"{name:<14} {words}", soft_wrap=True)


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in sorted(counts.items()))
