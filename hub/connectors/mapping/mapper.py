"""Raw row -> cleaned cells, and golden values -> the source's own fields. Pure: no clock, no I/O.

A `Mapper` compiles a stream's map once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hub.connectors.base import JSON
from hub.connectors.mapping.cleaner import Cleaner, Reader, expander, parts_reader, plain_reader, suffix_splitter
from hub.connectors.mapping.identity import Identifier
from hub.connectors.mapping.paths import Path, Row, path
from hub.connectors.mapping.writer import Writer, with_fields
from hub.errors import BadRecord, ConfigError, Fault
from hub.model import Cell, Value
from hub.settings import CustomerType, Stream


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row as the hub understands it.

    version   text that sorts in version order; None: order of landing
    observed  source time, microseconds UTC
    problems  (attribute, why its value could not be read), without the value itself
    """

    key: str
    version: str | None
    observed: int | None
    cells: dict[str, Cell]
    tombstone: bool
    problems: tuple[tuple[str, str], ...] = ()


class Mapper:
    """One stream's map, compiled. Thread-safe; keep it as long as the configuration stands.

    ConfigError when an attribute of `write_back` cannot be turned back into the source's fields.
    """

    def __init__(self, stream_name: str, stream: Stream, customer_type: CustomerType) -> None:
        self.stream = stream
        self.customer_type = customer_type
        self._identifier = Identifier(stream)
        self.identify = self._identifier.identify
        self._cleaners = {
            name: Cleaner(attribute, stream, stream.split.get(name))
            for name, attribute in customer_type.attributes.items()
        }
        self._readers = [(name, self._reader(name, given)) for name, given in stream.map.items()]
        self._expansions = list(self._expanding())
        self._dated = self._dates()
        self._writers = {name: Writer(self._target(name), self._cleaners[name]) for name in self._writable()}
        faults = [
            Fault(
                f"streams.{stream_name}.write_back.attributes.{name}",
                f"the hub cannot turn '{self._target(name)}' round",
                f"add write_back.map.{name}: the source's field to write",
            )
            for name, writer in self._writers.items()
            if stream.write_back and name in stream.write_back.written and not writer.fields
        ]  # fmt: skip
        if faults:
            raise ConfigError(faults)

    # --- reading ---

    def map(self, raw: Row) -> Mapped:
        """The row's cells. A value that cannot be read is a problem and no value; the rest of the row lands."""
        key, version, observed, tombstone = self.identify(raw)
        cells, problems = self.read(raw)
        return Mapped(key, version, observed, cells, tombstone, problems)

    def read(self, raw: Row) -> tuple[dict[str, Cell], tuple[tuple[str, str], ...]]:
        """The cells and problems that `map` gives, of a row whose key and time are known."""
        return ({}, ()) if self._identifier.is_gone(raw) else self.values(raw)

    def values(self, raw: Row) -> tuple[dict[str, Cell], tuple[tuple[str, str], ...]]:
        """The same of a row of which nobody asks whether it is gone: of fields that are to be a record."""
        cells: dict[str, Cell] = {}
        problems: list[tuple[str, str]] = []
        for name, read in self._readers:
            try:
                cell, problem = read(raw)
            except BadRecord as error:
                cell, problem = self._cleaners[name].nothing.cell, str(error)
            if cell is not None:
                cells[name] = cell
            if problem is not None:
                problems.append((name, problem))
        for expand in self._expansions:
            expand(cells)
        for name, dates in self._dated:
            if (cell := cells.get(name)) is not None and (cell.values or cell.cleared):
                cells[name] = self._with_dates(cell, name, dates, raw, problems)
        return cells, tuple(problems)

    def _reader(self, name: str, given: str | dict[str, str]) -> Reader:
        cleaner = self._cleaners[name]
        if isinstance(given, str):
            return plain_reader(path(given), cleaner)
        return parts_reader({part: path(text) for part, text in given.items()}, cleaner)

    def _expanding(self) -> Iterator[Callable[[dict[str, Cell]], None]]:
        """One value may stand for several attributes: those that the stream does not map, or of which a row says none."""
        for name in self.stream.map:
            kind = self._cleaners[name].kind
            if kind.expand is not None:
                others = {n: c for n, c in self._cleaners.items() if n != name}
                expand = partial(kind.expand, family_first=True) if self.stream.family_first else kind.expand
                yield expander(name, expand, others, frozenset(self.stream.map))
        family = [n for n in self.customer_type.attributes if self._cleaners[n].kind.name == "family_name"]
        suffix = [n for n, c in self._cleaners.items() if c.kind.name == "name_suffix" and n not in self.stream.map]
        for name in family:
            if suffix and name in self.stream.map:
                yield suffix_splitter(name, suffix[0], self._cleaners[suffix[0]])

    def _dates(self) -> list[tuple[str, tuple[Path | None, Path | None, Path | None]]]:
        """Attribute -> where its date, start and end stand. What was expanded from a value shares its dates."""
        given = (self.stream.dates, self.stream.effective_from, self.stream.effective_to)
        found = []
        whole = [
            n for n in self.stream.map if self._cleaners[n].kind.expand or self._cleaners[n].kind.name == "family_name"
        ]
        for name in self.customer_type.attributes:
            origins = [name] if name in self.stream.map else whole
            texts = [next((section[n] for n in origins if n in section), None) for section in given]
            if any(texts):
                date, start, end = (path(text) if text else None for text in texts)
                found.append((name, (date, start, end)))
        return found

    def _with_dates(
        self,
        cell: Cell,
        name: str,
        dates: tuple[Path | None, Path | None, Path | None],
        raw: Row,
        problems: list[tuple[str, str]],
    ) -> Cell:
        moments: list[int | None] = []
        for where, what in zip(dates, ("date", "start", "end"), strict=True):
            value = where.get(raw) if where is not None else None
            moment = self._identifier.instant(value) if value is not None and value != "" else None
            if moment is None and value is not None and value != "":
                problems.append((name, f"its {what} cannot be read as a time"))
            moments.append(moment)
        return Cell(cell.values, cell.cleared, cell.valid, *moments)

    # --- writing back ---

    def unmap(self, attribute: str, values: Sequence[Value], raw: Row | None = None) -> dict[str, JSON]:
        """The source's fields that say `values` (none: cleared). `raw`, the row as it is now, tells shapes and types.

        Field names with dots reach into nested objects. BadRecord when the source has no way to say it.
        """
        writer = self._writers.get(attribute)
        if writer is None or not writer.fields:
            raise BadRecord(f"{attribute}: this stream's map cannot be turned round")
        return writer.write(values, raw or {})

    def held(self, attribute: str, raw: Row) -> dict[str, JSON]:
        """What the fields that `unmap` would write hold in `raw`: the `expected` of a conditional write."""
        writer = self._writers.get(attribute)
        return {} if writer is None else {found.field: found.get(raw) for found in writer.fields}

    def after(self, raw: Row, fields: Mapping[str, JSON]) -> dict[str, JSON]:
        """The row as it will be read once `fields` are written: map it to know what comes back."""
        return with_fields(raw, fields)

    def _writable(self) -> list[str]:
        overridden = self.stream.write_back.map if self.stream.write_back else {}
        return [name for name in self.customer_type.attributes if name in self.stream.map or name in overridden]

    def _target(self, name: str) -> str | dict[str, str]:
        if self.stream.write_back and name in self.stream.write_back.map:
            return self.stream.write_back.map[name]
        return self.stream.map[name]
