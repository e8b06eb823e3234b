"""A system that is no source yet: looked at, a map of its columns proposed, its file written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import yaml
from pydantic import ValidationError

from hub.connectors.base import JSON, SourceRow
from hub.connectors.mapping.propose import NoColumns, ProposedMap, propose
from hub.connectors.registry import connect
from hub.errors import ConfigError, Fault
from hub.settings import CONTACT, SELF, STAFF, Config, CustomerType, Source, Stream, source_of
from hub.work.places import reader_of

LOOKED_AT = 1000  # rows
KINDS = ("file", "sql", "rest")

Draft = dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class SourceWish:
    """What somebody says of a system.

    at    where it is: a folder; the variable that holds the database's URL; the service's base URL
    what  which rows: a file pattern; a table; a path below the base URL
    """

    name: str
    kind: str
    at: str
    what: str
    records: str = "@"  # of rest: JMESPath to the list in an answer
    token_env: str = ""  # of rest: the variable that holds a bearer token
    customer: str = "person"
    country: str = ""


@dataclass(frozen=True, slots=True)
class FoundSource:
    """What a source's file would say, and the rows that it was made of. `reader`: the source that reads there already."""

    source: Source
    text: str
    proposal: ProposedMap
    rows: tuple[Mapping[str, JSON], ...]
    type: CustomerType
    reader: str

    @property
    def shown(self) -> tuple[Mapping[str, JSON], ...]:
        """The rows that may be looked at. What is read already is told by its own source: who is whose is known there."""
        return () if self.reader else self.rows

    @property
    def stream(self) -> tuple[str, Stream]:
        ((name, stream),) = self.source.streams.items()
        return name, stream


def file_of(config: Config, name: str) -> Path:
    """The file that a new source gets. ConfigError when the name is none, or taken."""
    file = config.folder / "sources" / f"{name}.yaml"
    if not (name.isidentifier() and name.isascii()):
        raise ConfigError([Fault("name", f"'{name}' is no name", "write letters, digits and _, a letter first")])
    if name in (STAFF, SELF, CONTACT):
        raise ConfigError([Fault("name", f"'{name}' is the hub's own word", "choose another name")])
    if name in config.sources or file.exists():
        raise ConfigError([Fault("name", f"a source '{name}' is there already", "choose another name")])
    return file


def offer(config: Config, wish: SourceWish, env: Mapping[str, str]) -> FoundSource:
    """Look at the system and propose. Nothing is written. ConfigError names what is wrong by the part of the wish, or the
    connector's own key; RetryLater when the system does not answer."""
    file_of(config, wish.name)
    if wish.customer not in config.customers:
        known = ", ".join(config.customers)
        raise ConfigError([Fault("customer", f"unknown customer type '{wish.customer}'", f"known: {known}")])
    draft = _draft(wish)
    rows = tuple(islice(_rows(config, wish, draft, env), LOOKED_AT))
    type_ = config.customers[wish.customer]
    try:
        proposal = propose(rows, type_, wish.country or None)
    except NoColumns:
        what = f"{wish.at} {wish.what} gives no rows to look at" if not rows else "its rows have no columns with names"
        raise ConfigError([Fault("what", what, "correct where and which")]) from None
    made = _made(wish, draft, proposal)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120)
    source = source_of(config, wish.name, text)  # what the next load would refuse is not offered
    return FoundSource(source, text, proposal, rows, type_, reader_of(config, source, env))


def tables(config: Config, name: str, variable: str, env: Mapping[str, str]) -> list[str]:
    """The tables of a database whose URL a variable holds."""
    stream = {"table": "x", "relation": "draft", "key": "'1'"}
    given = {"name": name, "connector": {"kind": "sql", "url_env": variable}, "streams": {"rows": stream}}
    connector = connect(_checked(given), env=env, base_folder=config.folder)
    try:
        return [found.stream for found in connector.discover()]
    finally:
        connector.close()


def write(config: Config, made: FoundSource) -> Path:
    """The source's file, where none was. ConfigError when it is there by now, or cannot be written."""
    file = file_of(config, made.source.name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(made.text)
    except FileExistsError:
        raise ConfigError([Fault("name", "is there already", "choose another name")]) from None
    except OSError as error:
        what = f"cannot be written: {error.strerror or type(error).__name__}"
        raise ConfigError([Fault(str(file), what, "let the hub write there, or put the file there yourself")]) from None
    return file


def _rows(config: Config, wish: SourceWish, draft: Draft, env: Mapping[str, str]) -> Iterator[Mapping[str, JSON]]:
    stream = {**draft["stream"], "relation": "draft", "key": "'1'"}
    probe = _checked({"name": wish.name, "connector": draft["connector"], "streams": {"rows": stream}})
    connector = connect(probe, env=env, base_folder=config.folder)
    try:
        for page in connector.read("rows", None):
            yield from (row.raw for row in page.rows if isinstance(row, SourceRow))
    finally:
        connector.close()


def _checked(given: Mapping[str, object]) -> Source:
    try:
        return Source.model_validate(given)
    except ValidationError as error:
        raise ConfigError(
            [
                Fault(".".join(map(str, e["loc"])) or "source", e["msg"].removeprefix("Value error, "))
                for e in error.errors()
            ]
        ) from None


def _draft(wish: SourceWish) -> Draft:
    """The source as far as the wish says it."""
    missing = [name for name in ("at", "what") if not getattr(wish, name)]
    if missing:
        raise ConfigError([Fault(name, "is missing", "say it") for name in missing])
    if wish.kind == "file":
        return {"connector": {"kind": "file", "path": wish.at}, "stream": {"file": {"pattern": wish.what}}}
    if wish.kind == "sql":
        return {"connector": {"kind": "sql", "url_env": wish.at}, "stream": {"table": wish.what}}
    if wish.kind == "rest":
        auth = {"auth": {"bearer_env": wish.token_env}} if wish.token_env else {}
        return {
            "connector": {"kind": "rest", "base_url": wish.at, **auth},
            "stream": {"rest": {"path": wish.what, "records": wish.records}},
        }
    raise ConfigError(
        [Fault("kind", f"'{wish.kind}' is not asked about here", "file, sql or rest; write others by hand")]
    )


def _made(wish: SourceWish, draft: Draft, proposal: ProposedMap) -> dict[str, object]:
    stream: dict[str, object] = {**draft["stream"], "customer": wish.customer, "key": proposal.key}
    if proposal.version:
        stream["version"] = proposal.version
    if wish.country:
        stream["country"] = wish.country
    return {"connector": draft["connector"], "streams": {f"{wish.customer}s": {**stream, "map": proposal.map}}}
