"""`hub source list | nudge | pause | resume`: how sources are, and what their keeper does about it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out

source = typer.Typer(no_args_is_help=True, help="How sources are; pull one soon, no more, or again.")

SourceArgument = Annotated[str, typer.Argument(help="Name of the source: its file, without .yaml.")]


@source.command("list")
def list_sources(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """Every source: its schedule, when it was pulled last, what failed, whether it is paused."""
    from hub.model import from_micros
    from hub.work.sources import listed

    with opened(config, database, folder, despite=True) as hub:
        shown = Table(
            "source", "state", "schedule", "last pull", Column("last error", overflow="fold"), box=box.SIMPLE_HEAD
        )
        for found in listed(hub.resolver):
            state = found.state
            pulled = from_micros(state.ended).isoformat(timespec="seconds") if state.ended else "never"
            what = f"paused by {state.paused_by}" if state.paused_at is not None else "active"
            error = f"{state.failures} in a row: {state.error}" if state.error else state.paused_why
            shown.add_row(found.source.name, what, found.source.schedule or "by hand", pulled, error)
        out.print(shown if shown.row_count else "there are no sources")


@source.command()
def nudge(
    name: SourceArgument,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Have the serving hub pull it within seconds."""
    from hub.work import sources

    with opened(config, database, folder, despite=True) as hub:
        sources.nudge(hub.resolver, name)
        out.print(f"{name}: pulled within seconds, by the hub that serves")


@source.command()
def pause(
    name: SourceArgument,
    why: Annotated[str, typer.Option("--why", help="The reason: shown to who looks.")] = "by hand",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Pull it no more by schedule or nudge. `hub pull` by hand still does."""
    from hub.work import sources

    with opened(config, database, folder, despite=True) as hub:
        sources.pause(hub.resolver, name, by="cli", why=why)
        out.print(f"{name}: paused; hub source resume {name}")


@source.command()
def resume(
    name: SourceArgument,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Pull it by its schedule again, and soon."""
    from hub.work import sources

    with opened(config, database, folder, despite=True) as hub:
        sources.resume(hub.resolver, name)
        out.print(f"{name}: resumed")
