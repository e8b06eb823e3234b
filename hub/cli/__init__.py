"""The `hub` command. Each verb is a few lines around the room that does the work."""

from __future__ import annotations

import sys

import typer

from hub.cli import check, doors, flow, quality
from hub.cli.doors import keys
from hub.cli.models import model
from hub.cli.shared import err
from hub.errors import ConfigError, HubError

app = typer.Typer(
    name="hub",
    help="Customer master data hub: one golden record per customer, from the systems you already have.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (check, flow, quality, doors):
    app.add_typer(part.app)
app.add_typer(keys, name="keys")
app.add_typer(model, name="model")


def main() -> None:
    """The entry point: a user's mistake gets words, never a traceback."""
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            err.print(
                f"[red]✗[/red] {fault.where}: {fault.what}" + (f"\n    → {fault.remedy}" if fault.remedy else ""),
                soft_wrap=True,
            )
        sys.exit(2)
    except HubError as error:
        err.print(f"[red]✗[/red] {error}", soft_wrap=True)
        for fault in getattr(error, "faults", ()):
            err.print(
                f"    {fault.where}: {fault.what}" + (f"\n    → {fault.remedy}" if fault.remedy else ""), soft_wrap=True
            )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
