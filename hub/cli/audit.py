"""`hub audit`: is the audit chain whole, what is kept of it elsewhere, how long it is kept here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out

audit = typer.Typer(
    help="Who saw whom: check the chain, keep checkpoints of it, begin its file anew.", no_args_is_help=True
)


@audit.command("verify")
def audit_verify(
    against: Annotated[Path | None, typer.Option(help="Checkpoints that were kept elsewhere.")] = None,
    folder: FolderOption = FOLDER,
) -> None:
    """Tell whether a line was edited, removed, moved or cut off; with checkpoints, whether an older copy was put back."""
    from hub.open import audit_chain

    found = audit_chain(folder, against=against)
    out.print(f"{found.lines:,} lines, " + ("the chain is whole" if found.ok else found.problem), soft_wrap=True)
    if not found.ok:
        raise typer.Exit(1)


@audit.command("checkpoint")
def audit_checkpoint(
    file: Annotated[Path | None, typer.Argument(help="Where to add it; else it is printed.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """One signed line: how far the chain goes now. Keep it where whoever can write the hub's folder cannot."""
    from hub.access.audit.chain import checkpoint, keep

    with opened(config, database, folder, despite=True) as hub:
        line = checkpoint(hub.audit, hub.database.clock.now())
        if file is None:
            out.print(line, soft_wrap=True)
        else:
            keep(file, line)


@audit.command("rotate")
def audit_rotate(
    keep_days: Annotated[int | None, typer.Option(min=1, help="Also remove files whose lines are all older.")] = None,
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Close the audit file under the number of its first line, and go on in a new one. The chain stays whole."""
    from hub.access.audit.chain import forget
    from hub.access.authentication.keys import DAY

    with opened(config, database, folder, despite=True) as hub:
        now = hub.database.clock.now()
        kept = hub.audit.rotate(now)
        out.print(f"closed: {kept}" if kept else "nothing was written yet", soft_wrap=True)
        for gone in forget(hub.audit, now - keep_days * DAY) if keep_days else ():
            out.print(f"removed: {gone}", soft_wrap=True)
