"""The `hub` command. Each verb is a few lines around the room that does the work."""

from __future__ import annotations

import gc
import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape

from hub.cli import add, campaigns, check, doors, flow, guidance, quality, report, segments, status, tasks
from hub.cli.access import access
from hub.cli.audit import audit
from hub.cli.doors import keys
from hub.cli.models import model
from hub.cli.people import users
from hub.cli.privacy import privacy
from hub.cli.shared import err, said
from hub.cli.sources import source
from hub.cli.subscriptions import subscriptions
from hub.cli.write_back import write_back
from hub.errors import ConfigError, HubError

RARELY = (100_000, 20, 50)  # imports make many objects and no garbage: looking for it takes a fifth of a short command

app = typer.Typer(
    name="hub",
    help="Customer master data hub: one golden record per customer, from the systems you already have.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hub {version('customer-hub')}")
        raise typer.Exit


@app.callback()
def options(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Which version this is.")
    ] = False,
) -> None:
    """Customer master data hub: one golden record per customer, from the systems you already have."""


for part in (check, flow, quality, doors, segments, status, tasks, campaigns, guidance, report):
    app.add_typer(part.app)
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
source.add_typer(add.app)
app.add_typer(source, name="source")
app.add_typer(access, name="access")
app.add_typer(audit, name="audit")
app.add_typer(model, name="model")
app.add_typer(privacy, name="privacy")
app.add_typer(subscriptions, name="subscriptions")
app.add_typer(write_back, name="write-back")


def _end(_number: int, _frame: FrameType | None) -> None:
    """Who is told to end (SIGTERM) ends as from an error, so that what it made for itself is removed; told again, at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(128 + signal.SIGTERM)


def main() -> None:
    """The entry point: a user's mistake gets words, never a traceback."""
    gc.set_threshold(*RARELY)
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            err.print(
                f"[red]✗[/red] {escape(said(fault))}",
                soft_wrap=True,
            )
        sys.exit(2)
    except HubError as error:
        err.print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        for fault in getattr(error, "faults", ()):
            err.print(f"    {escape(said(fault))}", soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        err.print(f"[red]✗[/red] {escape(f'{error.filename}: {error.strerror}')}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
