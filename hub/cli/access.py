"""`hub access`: what a role sees, and who gains or loses what by another policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, DATABASE, FOLDER, ConfigOption, DatabaseOption, FolderOption, asking, opened, out

if TYPE_CHECKING:
    from hub.access.policy.compare import Differs
    from hub.access.policy.view import View

access = typer.Typer(help="What a role sees; who gains or loses what by another policy.", no_args_is_help=True)


@access.command("show")
def access_show(
    role: Annotated[str, typer.Argument(help="A role of access.yaml.")],
    customer: Annotated[str, typer.Option(help="Also show this customer as the role sees it: an id.")] = "",
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """What a role may do and see. What is not listed is hidden."""
    with opened(config, database, folder, despite=True) as hub:
        principal = asking(hub.config, role)
        _print_view(hub.reader.view(principal))
        if customer:
            seen = hub.reader.get_customer(principal, customer)
            out.print(f"{seen.id} ({seen.type}) as {role} sees it:")
            for attribute, value in seen.values.items():
                out.print(
                    f"  {attribute}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
                )


def _print_view(view: View) -> None:
    out.print(f"{view.role} may {', '.join(sorted(view.may)) or 'nothing'}; for: {view.purpose or 'no purpose stated'}")
    shown = Table("type", "attribute", "sight", box=box.SIMPLE_HEAD, padding=0)
    for type_name, columns in view.columns.items():
        for attribute, sight in columns.items():
            shown.add_row(type_name, attribute, sight.value)
    out.print(shown)
    for type_name, rows in view.rows.items():
        told = [f"has a record of {', '.join(rows.sources)}"] if rows.sources else []
        told += [f"{name} is {' or '.join(values)}" for name, values in rows.where.items()]
        out.print(f"only customers of type {type_name} of which: {'; '.join(told)}", soft_wrap=True)


@access.command("diff")
def access_diff(
    old: Annotated[Path, typer.Argument(help="The policy as it is: an access.yaml.")],
    new: Annotated[Path, typer.Argument(help="The policy as it would be: another one.")],
    config: ConfigOption = CONFIG,
    database: DatabaseOption = DATABASE,
    folder: FolderOption = FOLDER,
) -> None:
    """Who gains and who loses what, counted on the customers that there are."""
    from hub.access.policy.compare import compared, counted
    from hub.access.read import Reader
    from hub.settings import load_access

    with opened(config, database, folder, despite=True) as hub:
        doors = [Reader(hub.database, load_access(hub.config, f), hub.audit, b"of no answer") for f in (old, new)]
        before, after = ({r: d.view_of_role(r) for r in d.config.access.roles} for d in doors)
        both = {r: (doors[0].view_of_role(r), doors[1].view_of_role(r)) for r in before.keys() | after.keys()}
        print_differences(counted(doors[0], doors[1], both, list(compared(before, after))))


def print_differences(found: list[Differs]) -> None:
    """A table of them, or that there are none."""
    if not found:
        out.print("no role gains or loses anything")
        return
    shown = Table("role", "", "what", "customers", box=box.SIMPLE_HEAD, padding=0)
    for d in found:
        shown.add_row(
            d.role, "gains" if d.gains else "loses", d.what, "" if d.customers is None else f"{d.customers:,}"
        )
    out.print(shown)
