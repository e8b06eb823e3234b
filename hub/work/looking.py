"""A look at what a configuration reaches: whether each source answers, has what its map names, and gives sound rows.

Nothing is stored, and no cursor moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hub.connectors.base import BadRow, Marking, Page, SourceRow
from hub.connectors.mapping.columns import columns_of
from hub.connectors.mapping.identity import Identifier
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.registry import connect
from hub.connectors.rows import keepable
from hub.errors import BadRecord, ConfigError, Fault, RetryLater
from hub.landing.store import Incoming
from hub.settings import Config, Source
from hub.work.pull import pages_of
from hub.work.repeats import Repeats

ROWS = 100_000  # of a stream that are looked at
MOST = 10  # reasons told of one stream


@dataclass
class Look:
    """What was found at one stream: its rows, how many of them could not land, and what was left out of the others."""

    source: str
    stream: str
    rows: int = 0
    whole: bool = True  # False: there are more rows than were looked at
    aside: Counter[str] = field(default_factory=Counter)  # reason -> rows
    first: dict[str, str] = field(default_factory=dict)  # reason -> where the first stood
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)  # (column, reason) -> values
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def told(self) -> Iterator[str]:
        """What the stream's owner should know, a line each."""
        for reason, count in self.aside.most_common(MOST):
            yield f"{count} rows would be set aside: {reason} (first: {self.first[reason]})"
        for (column, reason), count in self.left_out.most_common(MOST):
            yield f"{count} values would be left out of {column}: {reason}"
        yield from self.notes[:MOST]

    def set_aside(self, reason: str, line: str) -> None:
        self.aside[reason] += 1
        self.first.setdefault(reason, line)


def look(config: Config, *, env: Mapping[str, str]) -> Iterator[Look]:
    """Each stream of each source, as it answers now."""
    for source in config.sources.values():
        where = f"{config.folder / 'sources' / source.name}.yaml"
        for stream in source.streams:
            found = Look(source.name, stream)
            try:
                _read(config, source, found, env)
            except ConfigError as error:
                found.faults.extend(error.faults)
            except RetryLater as error:
                remedy = "try again; if it stays so, see how the system is, or correct the connector"
                found.faults.append(Fault(f"{where}: streams.{stream}", f"cannot be read now: {error}", remedy))
            yield found


def _read(config: Config, source: Source, found: Look, env: Mapping[str, str]) -> None:
    stream = source.streams[found.stream]
    identifier, repeats = Identifier(stream), Repeats(versioned=stream.ordered is not None)
    mapper = Mapper(found.stream, stream, config.customers[stream.customer]) if stream.customer else None
    connector = connect(source, env=env, base_folder=config.folder)
    connector = connector.unmarked() if isinstance(connector, Marking) else connector
    try:
        for page in pages_of(connector, found.stream, None):
            found.notes.extend(page.notes)
            landing = list(_rows(page, identifier, found))
            for clash in repeats.take(landing):
                if clash.equal_version:
                    found.set_aside("another row has its key and version and says otherwise", clash.line)
            for _, row, _ in landing:
                if mapper is not None and row.raw is not None:
                    problems = mapper.read(row.raw)[1]
                    found.left_out.update((columns_of(stream, attribute), reason) for attribute, reason in problems)
            if found.rows >= ROWS and not page.complete:
                found.whole = False
                break
    finally:
        connector.close()
    found.notes.extend(repeats.notes())


def _rows(page: Page, identifier: Identifier, found: Look) -> Iterator[tuple[int, Incoming, str]]:
    """The page's rows that could land: (place, row, line)."""
    for place, row in enumerate(page.rows):
        found.rows += 1
        if isinstance(row, BadRow):
            found.set_aside(row.reason, row.line)
            continue
        assert isinstance(row, SourceRow)
        try:
            raw = keepable(row.raw)
            named = identifier.identify(raw)
        except BadRecord as error:
            found.set_aside(str(error), row.line)
            continue
        yield place, Incoming(named.key, None if named.tombstone else raw, named.version, named.observed), row.line
