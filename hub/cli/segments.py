"""`hub segments`: which customers are in which segment, found out anew."""

from __future__ import annotations

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, opened, out

app = typer.Typer()


@app.command()
def segments(config: ConfigOption = CONFIG, database: DatabaseOption = DATABASE, folder: FolderOption = FOLDER) -> None:
    """Find out anew which customers are in which segment of figures.yaml."""
    from hub.figures.segments import count_segments

    with opened(config, database, folder, despite=True) as hub:
        hub.resolver.reread()
        found = count_segments(hub.database, hub.config)
        shown = Table("segment", "customers", box=box.SIMPLE_HEAD, padding=0)
        for name, number in found.segments.items():
            shown.add_row(f"{name} ", f"{number:,}")
        out.print(shown if found.segments else "no segments: see config/figures.yaml")
