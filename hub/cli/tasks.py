"""`hub tasks`: what is to be done for customers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.open import Hub

app = typer.Typer()


@app.command()
def tasks(
    name: Annotated[
        str, typer.Argument(help="what is on this list, or open in this process; none: how many there are on each")
    ] = "",
    limit: Annotated[int, typer.Option(help="so many, what is due first", min=1, max=10_000)] = 50,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What is to be done, on each list and in each process, or on one: ids and states, no customer's values."""
    with opened(config, database, folder, despite=True) as hub:
        from hub.tasks.starts import start

        lists = {**hub.config.lists, **hub.config.processes}
        if name and name not in lists:
            raise ConfigError([Fault("NAME", f"no such list '{name}'", f"known: {', '.join(lists) or 'none'}")])
        hub.resolver.reread()
        start(hub.logbook)
        out.print(_one(hub, name, limit) if name else _all(hub) if lists else "no lists: see config/lists")


def _all(hub: Hub) -> Table:
    from hub.tasks.todo import on

    shown = Table("list", "to do", "overdue", "escalated", box=box.SIMPLE_HEAD, padding=0)
    now = hub.database.clock.now()
    with hub.database.read() as connection:
        for name in (*hub.config.lists, *hub.config.processes):
            todo = list(on(connection, hub.config, name, now))
            counts = (len(todo), sum(t.overdue for t in todo), sum(t.escalated for t in todo))
            shown.add_row(f"{name} ", *(f"{n:,} " for n in counts))
    return shown


def _one(hub: Hub, name: str, limit: int) -> Table:
    from hub.landing import store as landing
    from hub.model import from_micros
    from hub.tasks.todo import on

    shown = Table("due", "state", "whose", "task", box=box.SIMPLE_HEAD, padding=0)
    with hub.database.read() as connection:
        found = list(islice(on(connection, hub.config, name, hub.database.clock.now()), limit))
        infos = landing.records(connection, [t.row.rid for t in found])
    for t in found:
        due = "" if t.due is None else from_micros(t.due).strftime("%Y-%m-%d %H:%M")
        late = " (escalated)" if t.escalated else " (overdue)" if t.overdue else ""
        shown.add_row(
            f"{due} ", f"{t.state}{late} ", f"{t.hold.assigned_to or t.role} ", f"{t.of.name}.{infos[t.row.rid].mint}"
        )
    return shown
