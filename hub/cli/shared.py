"""What the verbs share: options, an opened hub, progress, faults in words."""

from __future__ import annotations

import json
import os
import stat
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.access.authentication.principals import Principal
    from hub.open import Hub
    from hub.settings import Config

# Verbs import what they need when they run: `hub --help` waits for none of it.

out = Console(highlight=False, emoji=False, markup=False)  # ':x:' in a value is no picture, '[b]' no command
err = Console(stderr=True, highlight=False, emoji=False)


def private(path: str, flags: int) -> int:
    """Opens a file with customers in it: readable by its owner alone, also when it was there before."""
    opened_ = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(opened_).st_mode):
        os.fchmod(opened_, 0o600)
    return opened_


ConfigOption = Annotated[Path, typer.Option("--config", envvar="HUB_CONFIG", help="Folder of the configuration.")]


def _database(context: typer.Context, option: typer.CallbackParam, url: str) -> str:
    """An address with a password in it may stand in a file of its own, as every secret."""
    from hub.settings.load import secret

    source = context.get_parameter_source(option.name or "")
    untold = source is not None and source.name == "DEFAULT"
    return secret("HUB_DATABASE_URL") if untold and "HUB_DATABASE_URL_FILE" in os.environ else url


DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="HUB_DATABASE_URL",
        callback=_database,
        help="sqlite:///file or postgresql://... HUB_DATABASE_URL_FILE names a file that holds it.",
    ),
]
FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="HUB_FOLDER", help="Where the hub keeps its secret and its audit file.")
]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write every figure to this JSON file.")]

CONFIG, DATABASE, FOLDER = Path("config"), "sqlite:///var/hub.sqlite", Path("var")


def _replica() -> str:
    """Where requests may read; "": where they write."""
    from hub.settings.load import secret

    return secret("HUB_READ_URL") if {"HUB_READ_URL", "HUB_READ_URL_FILE"} & os.environ.keys() else ""


@contextmanager
def opened(
    config: Path, database: str, folder: Path, *, reaching: bool = False, despite: bool = False
) -> Iterator[Hub]:
    """A migrated hub, closed at the end. `reaching`: its sources will be reached, so their variables must be set.
    `despite`: sources with a fault are told and left out; only for what derives nothing."""
    from hub.connectors import registry  # noqa: F401 - makes the kinds of connectors known
    from hub.db import Database
    from hub.migrations import upgrade
    from hub.open import Hub
    from hub.settings import load

    settings = load(config, reaching=reaching, despite=despite)
    for fault in settings.aside:
        err.print(f"left out: {said(fault)}", markup=False, soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    db = Database(database, replica=_replica())
    try:
        upgrade(db)
        hub = Hub.open(db, settings, folder)
        try:
            if again := hub.erase_again():
                err.print(f"{again} erasures were done again: this database was of a time before them")
            yield hub
        finally:
            hub.close()
    finally:
        db.close()


def write_report(path: Path | None, figures: object) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", opener=private) as file:
            file.write(json.dumps(figures, indent=2, default=str) + "\n")


def said(fault: Fault) -> str:
    """A fault and its remedy, as the terminal shows them."""
    return f"{fault.where}: {fault.what}" + (f"\n    → {fault.remedy}" if fault.remedy else "")


def tell(line: str) -> None:
    """Print a line whole; on a terminal broken between words, and indented where it goes on."""
    if out.is_terminal:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        line = textwrap.fill(line, out.width, subsequent_indent=indent, break_on_hyphens=False)
    out.print(line, soft_wrap=True)


@contextmanager
def bars() -> Iterator[Any]:
    """Progress of named steps: call it with (step, done, of)."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as shown:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=of)
            shown.update(tasks[name], completed=done, total=of)

        yield step


def known_role(settings: Config, role: str) -> str:
    if role not in settings.access.roles:
        raise ConfigError([Fault("--role", f"unknown role '{role}'", f"known: {', '.join(settings.access.roles)}")])
    return role


def asking(settings: Config, role: str) -> Principal:
    """Who asks at this command line, in the view of a role."""
    from hub.access.authentication.principals import Principal

    return Principal("cli", "cli", "staff", known_role(settings, role))


def known_type(settings: Config, name: str, where: str = "--type") -> str:
    if name not in settings.customers:
        raise ConfigError([Fault(where, f"unknown customer type '{name}'", f"known: {', '.join(settings.customers)}")])
    return name
