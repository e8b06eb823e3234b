"""`hub source add`: a few questions, a look at the system, a proposed map, ten mapped records, a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, ConfigOption, known_type, out
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.work.adding import FoundSource

app = typer.Typer()

SHOWN = 10  # records


@app.command("add")
def add_source(
    name: Annotated[str, typer.Argument(help="What the source will be called.")],
    kind: Annotated[str, typer.Option(help="file, sql or rest")] = "",
    at: Annotated[
        str, typer.Option(help="Where: a folder; the variable that holds the database's URL; the service's base URL.")
    ] = "",
    what: Annotated[str, typer.Option(help="Which rows: a file pattern; a table; a path below the base URL.")] = "",
    records: Annotated[str, typer.Option(help="Of rest: JMESPath to the list in an answer.")] = "@",
    token_env: Annotated[str, typer.Option(help="Of rest: the variable that holds a bearer token.")] = "",
    customer: Annotated[str, typer.Option(help="Customer type of the rows.")] = "person",
    country: Annotated[str, typer.Option(help="Of phone numbers and addresses that name none, such as DE.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is proposed.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Look at a system, propose which column is what, show ten records, and write the source's file."""
    from hub.settings import load
    from hub.work.adding import SourceWish, file_of, offer, tables, write

    settings = load(config)
    known_type(settings, customer, "--customer")
    file = file_of(settings, name)
    kind = _asked("kind", kind, yes, "file", "file, sql or rest")
    at = _asked("at", at, yes, "drop" if kind == "file" else "", "the folder, variable or base URL")
    what = what or ("*" if kind == "file" else "")
    if kind == "sql" and not what:
        known = ", ".join(tables(settings, name, at, os.environ))
        what = _asked("what", what, yes, "", f"one of the tables {known}")
    what = _asked("what", what, yes, "", "the path below the base URL")
    made = offer(settings, SourceWish(name, kind, at, what, records, token_env, customer, country), os.environ)
    _show(made)
    if not yes and not typer.confirm(f"write {file}?", default=True):
        raise typer.Exit(1)
    write(settings, made)
    out.print(f"{file} is written: correct it where it is wrong, then hub check --connect, then hub pull {name}")


def _asked(option: str, given: str, yes: bool, default: str, meaning: str) -> str:
    if given:
        return given
    if yes and default:
        return default
    if yes:
        raise ConfigError([Fault(f"--{option}", f"is missing: {meaning}", "add it, or leave --yes out to be asked")])
    return str(typer.prompt(meaning, default=default or None))


def _show(made: FoundSource) -> None:
    """The file, why, and ten records as the hub would read them, with what it could not read."""
    from hub.connectors.mapping.mapper import Mapper
    from hub.errors import BadRecord

    proposal = made.proposal
    out.print(made.text.rstrip())
    for attribute in proposal.map:
        out.print(f"  {attribute} {proposal.why[attribute]}")
    out.print(f"not used: {', '.join(proposal.unused) or 'nothing'}")
    mapper = Mapper(*made.stream, made.type)
    shown = Table("key", "read as", "problems", box=box.SIMPLE_HEAD)
    for row in made.rows[:SHOWN]:
        try:
            mapped = mapper.map(row)
        except BadRecord as error:
            shown.add_row("", "", f"set aside: {error}")
            continue
        read = [f"{a}: {'; '.join(map(_value, c.values))}" for a, c in mapped.cells.items() if c.values]
        shown.add_row(mapped.key, "\n".join(read), "\n".join(f"{a}: {why}" for a, why in mapped.problems))
    out.print(shown)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(text for _, text in value)
