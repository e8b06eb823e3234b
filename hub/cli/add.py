"""`hub source add`: a few questions, a look at the system, a proposed map, ten mapped records, a file."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich import box
from rich.table import Table

from hub.cli.shared import CONFIG, ConfigOption, known_type, out
from hub.errors import ConfigError, Fault

if TYPE_CHECKING:
    from hub.connectors.base import JSON
    from hub.connectors.mapping.propose import ProposedMap
    from hub.settings import CustomerType, Source

app = typer.Typer()

SHOWN = 10  # records
LOOKED_AT = 1000  # rows
System = Literal["file", "sql", "rest"]


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
    from hub.connectors import registry
    from hub.connectors.base import SourceRow
    from hub.connectors.mapping.propose import propose
    from hub.settings import Source, load

    settings = load(config)
    type_ = settings.customers[known_type(settings, customer, "--customer")]
    file = config / "sources" / f"{name}.yaml"
    if file.exists() or not name.isidentifier():
        what_ = "is there already" if file.exists() else "is no name: letters, digits and _"
        raise ConfigError([Fault(str(file), what_, "choose another name")])
    kind = _asked("kind", kind, yes, "file", "file, sql or rest")
    at = _asked("at", at, yes, "drop" if kind == "file" else "", "the folder, variable or base URL")
    what = what or ("*" if kind == "file" else "")
    if kind == "sql" and not what:
        known = ", ".join(_tables(name, at, settings.folder))
        what = _asked("what", what, yes, "", f"one of the tables {known}")
    what = _asked("what", what, yes, "", "the path below the base URL")
    draft = _draft(kind, at, what, records, token_env)
    probe = {**draft, "streams": {"rows": {**draft["streams"]["rows"], "relation": "draft", "key": "'1'"}}}
    connector = registry.connect(
        Source.model_validate({"name": name, **probe}), env=os.environ, base_folder=settings.folder
    )
    try:
        found = (r.raw for page in connector.read("rows", None) for r in page.rows if isinstance(r, SourceRow))
        rows = list(islice(found, LOOKED_AT))
    finally:
        connector.close()
    if not rows:
        raise ConfigError([Fault(f"{kind} {at} {what}", "gives no rows to look at", "correct --at and --what")])
    proposal = propose(rows, type_, country or None)
    made = _source(name, draft, proposal, customer, country)
    _show(made, proposal, rows, type_)
    if not yes and not typer.confirm(f"write {file}?", default=True):
        raise typer.Exit(1)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_text(made), encoding="utf-8")
    out.print(f"{file} is written: correct it where it is wrong, then hub check --connect, then hub pull {name}")


def _asked(option: str, given: str, yes: bool, default: str, meaning: str) -> str:
    if given:
        return given
    if yes and default:
        return default
    if yes:
        raise ConfigError([Fault(f"--{option}", f"is missing: {meaning}", "add it, or leave --yes out to be asked")])
    return str(typer.prompt(meaning, default=default or None))


def _tables(name: str, variable: str, folder: Path) -> list[str]:
    from hub.connectors.registry import connect
    from hub.settings import Source

    stream = {"table": "x", "relation": "draft", "key": "'1'"}
    given = {"name": name, "connector": {"kind": "sql", "url_env": variable}, "streams": {"rows": stream}}
    connector = connect(Source.model_validate(given), env=os.environ, base_folder=folder)
    try:
        return [found.stream for found in connector.discover()]
    finally:
        connector.close()


def _draft(kind: str, at: str, what: str, records: str, token_env: str) -> dict[str, Any]:
    """The source as far as the answers say it."""
    if kind == "file":
        return {"connector": {"kind": "file", "path": at}, "streams": {"rows": {"file": {"pattern": what}}}}
    if kind == "sql":
        return {"connector": {"kind": "sql", "url_env": at}, "streams": {"rows": {"table": what}}}
    if kind == "rest":
        auth = {"auth": {"bearer_env": token_env}} if token_env else {}
        return {
            "connector": {"kind": "rest", "base_url": at, **auth},
            "streams": {"rows": {"rest": {"path": what, "records": records}}},
        }
    raise ConfigError([Fault("--kind", f"'{kind}' is not asked about here", "file, sql or rest; write others by hand")])


def _source(name: str, draft: dict[str, Any], proposal: ProposedMap, customer: str, country: str) -> dict[str, Any]:
    stream = {**draft["streams"]["rows"], "customer": customer, "key": proposal.key}
    if proposal.version:
        stream["version"] = proposal.version
    if country:
        stream["country"] = country
    return {"connector": draft["connector"], "streams": {f"{customer}s": {**stream, "map": proposal.map}}}


def _text(made: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120)


def _show(made: dict[str, object], proposal: ProposedMap, rows: list[dict[str, JSON]], type_: CustomerType) -> None:
    """The file, why, and ten records as the hub would read them, with what it could not read."""
    from hub.connectors.mapping.mapper import Mapper
    from hub.errors import BadRecord
    from hub.settings import Source

    out.print(_text(made).rstrip())
    for attribute in proposal.map:
        out.print(f"  {attribute} {proposal.why[attribute]}")
    out.print(f"not used: {', '.join(proposal.unused) or 'nothing'}")
    checked: Source = Source.model_validate(made)
    ((name, stream),) = checked.streams.items()
    mapper = Mapper(name, stream, type_)
    shown = Table("key", "read as", "problems", box=box.SIMPLE_HEAD)
    for row in rows[:SHOWN]:
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
