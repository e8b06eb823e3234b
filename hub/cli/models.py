"""`hub model`: train, look at, compare, export, promote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hub.cli.shared import (
    CONFIG,
    DATABASE,
    FOLDER,
    ConfigOption,
    DatabaseOption,
    FolderOption,
    ReportOption,
    bars,
    known_type,
    opened,
    out,
    write_report,
)
from hub.errors import NotFound

model = typer.Typer(help="Matching models.", no_args_is_help=True)


@model.command("list")
def model_list(
    config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER
) -> None:
    """The models of this hub, by customer type."""
    from hub.matching import store
    from hub.model import from_micros

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        shown = Table("number", "type", "hash", "trained", "state")
        for m in store.models(connection):
            shown.add_row(str(m.id), m.type, m.hash, from_micros(m.trained_at).isoformat(timespec="seconds"), m.status)
        out.print(shown)


@model.command("train")
def model_train(
    customer_type: Annotated[str, typer.Argument(help="person or organisation")],
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Train a model on all records. It decides nothing until it is promoted."""
    from hub.resolve.bulk import Bulk

    with opened(config, database, folder) as hub:
        known_type(hub.config, customer_type, "customer type")
        with bars() as step:
            number = Bulk(hub.resolver, progress=step).train_candidate(customer_type)
        out.print(f"model {number} is trained; see what it would change: hub model promote {number} --dry-run")


@model.command("diff")
def model_diff(
    first: int,
    second: int,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Where two models weigh differently."""
    from hub.matching import store
    from hub.matching.compare.model import Model, differences

    with opened(config, database, folder) as hub, hub.database.read() as connection:
        found = {m.id: m for m in store.models(connection)}
        for number in (first, second):
            if number not in found:
                raise NotFound(f"there is no model {number}: see hub model list")
        shown = Table("where", str(first), str(second))
        for where, a, b in differences(Model.from_json(found[first].body), Model.from_json(found[second].body)):
            shown.add_row(where, a, b)
        out.print(shown)


@model.command("export")
def model_export(
    number: int,
    file: Annotated[Path, typer.Argument(help="Where to: Splink 5 settings as JSON.")],
    records: Annotated[
        Path | None, typer.Option(help="Also write the standardised records that they fit to this Parquet file.")
    ] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Write a model as Splink settings: its levels and its weights against strangers, for Splink's charts and backends."""
    from hub.matching import store
    from hub.matching.compare.model import Model
    from hub.matching.training import splink_bridge

    with opened(config, database, folder) as hub:
        with hub.database.read() as connection:
            found = next((m for m in store.models(connection) if m.id == number), None)
        if found is None:
            raise NotFound(f"there is no model {number}: see hub model list")
        model_ = Model.from_json(found.body)
        file.write_text(splink_bridge.to_json(model_), encoding="utf-8")
        out.print(f"{file}: model {number} of {found.type} as Splink settings", soft_wrap=True)
        if records is not None:
            import pyarrow.parquet as pq

            with hub.database.read() as connection:
                forms = store.all_forms(connection, found.type)
            pq.write_table(splink_bridge.flattened(forms, model_), records)
            out.print(f"{records}: {forms.num_rows:,} standardised records (customers' data)", soft_wrap=True)


@model.command("promote")
def model_promote(
    number: int,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
    report: ReportOption = None,
) -> None:
    """Decide by this model from now on: all records are resolved anew."""
    from hub.quality.promotion import dry_run as try_out
    from hub.quality.promotion import promote

    with opened(config, database, folder) as hub:
        with bars() as step:
            found = (
                try_out(hub.resolver, number, progress=step)
                if dry_run
                else promote(hub.resolver, number, progress=step)
            )
        out.print(
            ("would change: " if dry_run else "changed: ")
            + ", ".join(f"{n:,} {what}" for what, n in found.counts().items())
        )
        write_report(report, found.as_dict())
