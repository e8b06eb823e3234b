"""`hub write-back`: records whose source would not take golden values, and what to do with them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out

write_back = typer.Typer(
    help="Dead letters of write-back: refused, or changed back again and again.", no_args_is_help=True
)

Source = Annotated[str, typer.Argument(help="The record's source.")]
Stream = Annotated[str, typer.Argument(help="Its stream.")]
Key = Annotated[str, typer.Argument(help="Its key.")]


@write_back.command("list")
def write_back_list(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Records that were not written, and why."""
    from hub.delivery.dead_writes import DeadWrites
    from hub.model import from_micros

    with opened(config, database, folder, despite=True) as hub:
        names = ("stream", "key", "state", "tries", "why", "last try")
        shown = Table(*(Column(n, overflow="fold") for n in names), box=box.SIMPLE_HEAD, padding=0)
        for d in DeadWrites(hub.database).all(limit):
            at = from_micros(d.at).isoformat(timespec="seconds")
            made_for = f"to be made for {d.made_for}: " if d.made_for else ""
            name = f"{d.record.source}.{d.record.stream}"
            shown.add_row(name, d.record.key, d.status, str(d.attempts), made_for + d.detail, at)
        out.print(shown if shown.row_count else "no dead letters")


@write_back.command("retry")
def write_back_retry(
    source: Annotated[
        str | None, typer.Argument(help="Only this record: its source, stream and key; else all.")
    ] = None,
    stream: Annotated[str | None, typer.Argument()] = None,
    key: Annotated[str | None, typer.Argument()] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Refused records wait again, one or all. One that its source keeps changing back waits for the next change."""
    from hub.delivery.dead_writes import DeadWrites
    from hub.errors import ConfigError, Fault
    from hub.model import RecordId

    if source is not None and (stream is None or key is None):
        raise ConfigError([Fault("record", "is not named", "write its source, stream and key, or nothing for all")])
    with opened(config, database, folder, despite=True) as hub:
        record = None if source is None else RecordId(source, str(stream), str(key))
        out.print(f"{DeadWrites(hub.database).retry(record):,} records wait again")


@write_back.command("drop")
def write_back_drop(
    source: Source,
    stream: Stream,
    key: Key,
    reason: Annotated[str, typer.Option(help="Why it is given up.")],
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Give one up, until its golden record changes again."""
    from hub.delivery.dead_writes import DeadWrites
    from hub.model import RecordId

    with opened(config, database, folder, despite=True) as hub:
        DeadWrites(hub.database).drop(RecordId(source, stream, key), reason)
        out.print(f"{source}.{stream} {key} is dropped")


@write_back.command("confirm")
def write_back_confirm(
    source: Annotated[str, typer.Argument(help="The source that is held.")],
    stream: Annotated[str, typer.Argument(help="Its stream.")],
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Let through what is too much to write at once. Look at it first: hub push --dry-run."""
    from hub.delivery.dead_writes import DeadWrites

    with opened(config, database, folder, despite=True) as hub:
        DeadWrites(hub.database).confirm(source, stream, by="cli")
        out.print(f"{source}.{stream} is written at the next push")
