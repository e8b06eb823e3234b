"""Raw row -> cleaned cells, and golden values -> the source's own fields. Pure: no clock, no I/O.

A `Mapper` compiles a stream's map once. Cleaned cells are cached by raw value, because names, cities
and consents repeat; what never repeats costs one look-up more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

from hub.connectors.base import JSON
from hub.connectors.mapping.paths import Path, Row, path
from hub.connectors.mapping.times import instant, version_text
from hub.errors import BadRecord, ConfigError, Fault
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Kind, Problem
from hub.kinds.name_suffix import split_suffix
from hub.model import Cell, Value, canonical, plain
from hub.settings import Attribute, CustomerType, Stream

T = TypeVar("T")

KEY_CHARACTERS = 512
FIELD_BYTES = 4096
VALUES = 100  # of one attribute in one row
CACHED = 20_000  # values per attribute
_TEXTS = frozenset({str, type(None)})  # what a cache may be keyed by in a tuple: there 1, 1.0 and True are one key
WHOLE = 8  # characters of a value that surely is one by itself
_SEPARATED = re.compile(r"[;|,/&\r\n]|\s(?:or|oder|und|and|et|y|e|ou)\s", re.IGNORECASE)
_SURELY_PARTS = re.compile(r"[;|\r\n]+")
_MAYBE_PARTS = (
    re.compile(r","),
    re.compile(r"\s/\s|/"),
    re.compile(r"\s(?:&|or|oder|und|and|et|y|e|ou)\s", re.IGNORECASE),
)
_SAYS_NO = frozenset({"", "0", "false", "f", "no", "n", "null", "none", "off"})


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


class Identity(NamedTuple):
    key: str
    version: str | None
    observed: int | None
    tombstone: bool


class Outcome(NamedTuple):
    """What one attribute became: no cell means that the row says nothing about it."""

    cell: Cell | None
    problem: str | None = None


Reader = Callable[[Row], Outcome]

_NULL = Outcome(Cell())
_CLEARED = Outcome(Cell(cleared=True))
_ABSENT = Outcome(None)


class Mapper:
    """One stream's map, compiled. Thread-safe; keep it as long as the configuration stands.

    ConfigError when an attribute of `write_back` cannot be turned back into the source's fields.
    """

    def __init__(self, stream_name: str, stream: Stream, customer_type: CustomerType) -> None:
        self.stream = stream
        self.customer_type = customer_type
        self._key = path(stream.key)
        self._key_of = composite_key if self._key.items else record_key
        self._deleted = path(stream.deleted) if stream.deleted else None
        self._version = path(stream.version) if stream.version else None
        self._observed = path(stream.observed) if stream.observed else None
        self._version_of = lru_cache(CACHED, typed=True)(lambda value: version_text(value, stream.day_first))
        self._instant_of = lru_cache(CACHED, typed=True)(lambda value: instant(value, stream.day_first))
        self._cleaners = {
            name: _Cleaner(attribute, stream, stream.split.get(name))
            for name, attribute in customer_type.attributes.items()
        }
        self._readers = [(name, self._reader(name, given)) for name, given in stream.map.items()]
        self._expansions = list(self._expanding())
        self._dated = self._dates()
        self._writers = {name: _Writer(self._target(name), self._cleaners[name]) for name in self._writable()}
        faults = [
            Fault(
                f"streams.{stream_name}.write_back.attributes.{name}",
                f"the hub cannot turn '{self._target(name)}' round",
                f"add write_back.map.{name}: the source's field to write",
            )
            for name, writer in self._writers.items()
            if stream.write_back and name in stream.write_back.attributes and not writer.fields
        ]  # fmt: skip
        if faults:
            raise ConfigError(faults)

    # --- reading ---

    def identify(self, raw: Row) -> Identity:
        """(key, version, observed, tombstone): the cheap part, enough to land a row. BadRecord without a usable key."""
        version, moment = None, None
        if self._version is not None:
            version, moment = _cached(self._version_of, self._version.get(raw))
        if self._observed is not None:
            moment = _cached(self._instant_of, self._observed.get(raw))
        gone = self._deleted is not None and _truthy(self._deleted.get(raw))
        return Identity(self._key_of(self._key.get(raw)), version, moment, gone)

    def map(self, raw: Row) -> Mapped:
        """The row's cells. A value that cannot be read is a problem and no value; the rest of the row lands."""
        key, version, observed, tombstone = self.identify(raw)
        cells, problems = self.read(raw)
        return Mapped(key, version, observed, cells, tombstone, problems)

    def read(self, raw: Row) -> tuple[dict[str, Cell], tuple[tuple[str, str], ...]]:
        """The cells and problems that `map` gives, of a row whose key and time are known."""
        if self._deleted is not None and _truthy(self._deleted.get(raw)):
            return {}, ()
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
            return _plain_reader(path(given), cleaner)
        return _parts_reader({part: path(text) for part, text in given.items()}, cleaner)

    def _expanding(self) -> Iterator[Callable[[dict[str, Cell]], None]]:
        """One value may stand for several attributes: those that the stream does not map, or of which a row says none."""
        for name in self.stream.map:
            kind = self._cleaners[name].kind
            if kind.expand is not None:
                others = {n: c for n, c in self._cleaners.items() if n != name}
                yield _expander(name, kind.expand, others, frozenset(self.stream.map))
        family = [n for n in self.customer_type.attributes if self._cleaners[n].kind.name == "family_name"]
        suffix = [n for n, c in self._cleaners.items() if c.kind.name == "name_suffix" and n not in self.stream.map]
        for name in family:
            if suffix and name in self.stream.map:
                yield _suffix_splitter(name, suffix[0], self._cleaners[suffix[0]])

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
            moment = _cached(self._instant_of, value) if value is not None and value != "" else None
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


def record_key(value: JSON) -> str:
    """A row's key as text: 12, 12.0 and ' 12 ' are '12'. BadRecord: empty, nested, too long or unprintable."""
    if type(value) is not str:
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
            value = int(value)
        if value is None:
            raise BadRecord("no key")
        if isinstance(value, bool | list | dict):
            raise BadRecord("the key is not a plain value")
        value = str(value)
    key: str = value.strip()
    if not key:
        raise BadRecord("no key")
    if len(key) > KEY_CHARACTERS:
        raise BadRecord(f"the key is longer than {KEY_CHARACTERS} characters")
    if not key.isprintable() and any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in key):
        raise BadRecord("the key holds control characters")
    return key


def composite_key(values: JSON) -> str:
    """The key of a row that several columns name together: 'A|7'. A bar or backslash in a part is escaped."""
    parts = [record_key(value).replace("\\", "\\\\").replace("|", "\\|") for value in values]
    return record_key("|".join(parts))


def needed_columns(stream: Stream) -> dict[str, str]:
    """Column -> the key of the stream's configuration that cannot do without it.

    Columns that are named plainly are needed; what an expression looks at may be missing.
    """
    found: dict[str, str] = {}
    texts: list[tuple[str, str]] = [("key", stream.key)]
    texts += [
        (n, t)
        for n, t in (("version", stream.version), ("observed", stream.observed), ("deleted", stream.deleted))
        if t
    ]
    for name, given in stream.map.items():
        texts += (
            [(f"map.{name}.{part}", t) for part, t in given.items()]
            if isinstance(given, dict)
            else [(f"map.{name}", given)]
        )
    for section in ("dates", "effective_from", "effective_to"):
        texts += [(f"{section}.{name}", t) for name, t in getattr(stream, section).items()]
    for where, text in texts:
        compiled = path(text)
        for item in compiled.items or (compiled,):
            if item.names:
                found.setdefault(item.field, where)
    return found


def used_columns(stream: Stream) -> frozenset[str]:
    """Every top-level field that the stream's expressions look at."""
    texts = [stream.key, stream.version, stream.observed, stream.deleted]
    for given in stream.map.values():
        texts += list(given.values()) if isinstance(given, dict) else [given]
    texts += [*stream.dates.values(), *stream.effective_from.values(), *stream.effective_to.values()]
    return frozenset().union(*(path(text).roots for text in texts if text))


def with_fields(raw: Row, fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy of the row with these fields set; dotted names reach into nested objects unless a column is called so."""
    row = dict(raw)
    for name, value in fields.items():
        first, _, rest = name.partition(".")
        if rest and name not in row and first:
            inner = row.get(first)
            row[first] = with_fields(inner if isinstance(inner, Mapping) else {}, {rest: value})
        else:
            row[name] = value
    return row


# --- cleaning -------------------------------------------------------------------------------


class _Cleaner:
    """Cleans one attribute's raw values, cached. `separator`: what stands between several in one cell, where it is said."""

    def __init__(self, attribute: Attribute, stream: Stream, separator: str | None = None) -> None:
        self.separator = separator
        self.kind: Kind = KINDS[attribute.kind]
        self.many = attribute.many
        self.context = Context(stream.country, stream.day_first, attribute.scheme)
        partial, cleared = stream.records == "partial", stream.null_means == "cleared"
        self.null = _CLEARED if cleared else _NULL  # the row says null
        self.blank = _CLEARED if cleared else _ABSENT if partial else _NULL  # an empty text
        self.nothing = _ABSENT if partial else _NULL  # unreadable, 'n/a', or not there
        self.of = lru_cache(CACHED, typed=True)(self._of)
        self.of_parts = lru_cache(CACHED, typed=True)(self._of_parts)

    def _of(self, value: JSON) -> Outcome:
        """The outcome of what a path found: a plain value, an object, or a list of them."""
        if value is None:
            return self.null
        if isinstance(value, str) and not value.strip():
            return self.blank
        if not isinstance(value, list | tuple):
            parts = self._split(value) if isinstance(value, str) else ()
            return self._values(parts) if parts else self._one(self.clean(value))
        flat = list(_flat(value))
        said = [item for item in flat if item is not None and item != ""]
        if said:
            return self._values(said)
        return self.null if not flat or None in flat else self.blank

    def _split(self, text: str) -> list[str]:
        """The values of a cell that holds several; none when it holds one."""
        if self.separator is not None:
            parts = [part for part in text.split(self.separator) if part.strip()]
            return parts if len(parts) > 1 else []
        if not self.kind.listed or not _SEPARATED.search(text):
            return []
        parts = [part.strip() for part in _SURELY_PARTS.split(text) if part.strip()]
        if parts != [text.strip()] and any(isinstance(self.clean(part), Cleaned) for part in parts):
            return parts
        whole = self.clean(text)
        for between in _MAYBE_PARTS:
            parts = [part.strip() for part in between.split(text) if part.strip()]
            found = [self.clean(part) for part in parts]
            if len(parts) < 2 or not all(isinstance(one, Cleaned) for one in found):
                continue
            sure = all(
                isinstance(one, Cleaned) and one.valid and len(part) >= WHOLE
                for one, part in zip(found, parts, strict=True)
            )
            if sure or not (isinstance(whole, Cleaned) and whole.valid):
                return parts
        return []

    def _of_parts(
        self, names: tuple[str, ...], values: tuple[JSON, ...], fixed: tuple[tuple[str, JSON], ...]
    ) -> Outcome:
        """The outcome of a composite's parts. Constants alone say nothing."""
        said = {name: _text(value) for name, value in zip(names, values, strict=True) if value is not None}
        filled = {name: value for name, value in said.items() if value != "" and value != []}
        if filled:
            return self._one(self._clean_parts({**dict(fixed), **filled}))
        return self.blank if said else self.null

    def _one(self, cleaned: Cleaned | Problem | None) -> Outcome:
        if type(cleaned) is Cleaned:
            return Outcome(Cell((cleaned.value,), valid=cleaned.valid))
        return Outcome(self.nothing.cell, cleaned.reason) if isinstance(cleaned, Problem) else self.nothing

    def _values(self, raws: Iterable[JSON]) -> Outcome:
        found: list[Cleaned] = []
        problem = None
        for raw in raws:
            cleaned = self.clean(raw)
            if isinstance(cleaned, Problem):
                problem = problem or cleaned.reason
            elif cleaned is not None and all(cleaned.value != other.value for other in found):
                found.append(cleaned)
                if not self.many:
                    break
                if len(found) > VALUES:
                    found.pop()
                    problem = f"more than {VALUES} values"
                    break
        if not found:
            return Outcome(self.nothing.cell, problem) if problem else self.nothing
        return Outcome(Cell(tuple(c.value for c in found), valid=all(c.valid for c in found)), problem)

    def clean(self, raw: JSON) -> Cleaned | Problem | None:
        if isinstance(raw, str):
            if len(raw) * 4 > FIELD_BYTES and len(raw.encode("utf-8", "replace")) > FIELD_BYTES:
                return Problem("longer than 4 KiB")
            if "\x00" in raw:  # PostgreSQL cannot store it
                raw = raw.replace("\x00", "")
        elif isinstance(raw, Mapping):
            if not self.kind.parts:
                return Problem("an object where a plain value is expected")
            return self._clean_parts(raw)
        return self._clean(raw)

    def _clean_parts(self, raw: Mapping[str, JSON]) -> Cleaned | Problem | None:
        if not _short(raw) and len(canonical(raw)) > FIELD_BYTES:
            return Problem("longer than 4 KiB")
        return self._clean({str(name): _text(value) for name, value in raw.items() if value is not None})

    def _clean(self, raw: JSON) -> Cleaned | Problem | None:
        try:
            cleaned = self.kind.clean(raw, self.context)
            if (
                type(cleaned) is Cleaned
                and self.kind.placeholders
                and self.kind.forms(cleaned.value)[""] in self.kind.placeholders
            ):
                return Problem("a placeholder, not a value")
            return cleaned
        except Exception as error:  # noqa: BLE001 - a parsing library's fault on a hostile value must not stop the batch
            return Problem(f"could not be read ({type(error).__name__})")


def _plain_reader(where: Path, cleaner: _Cleaner) -> Reader:
    clean, uncached, nothing = cleaner.of, cleaner._of, cleaner.nothing
    if where.constant:
        fixed = _cached(clean, where.get({}))
        return lambda _: fixed
    if len(where.names) == 1:
        name = where.names[0]

        def read_column(raw: Row) -> Outcome:
            value = raw.get(name, _ABSENT)
            if type(value) is str:
                return clean(value)
            if value is _ABSENT:
                return nothing
            return _cached(clean, value)

        return read_column

    get, present, listed = where.get, where.present, bool(where.items)

    def read(raw: Row) -> Outcome:
        value = get(raw)
        if value is None or listed:
            if not present(raw):
                return nothing
            if value is not None:
                return clean(tuple(value)) if _TEXTS.issuperset(map(type, value)) else uncached(value)
        try:
            return clean(value)
        except TypeError:  # unhashable
            return uncached(value)

    return read


def _parts_reader(parts: dict[str, Path], cleaner: _Cleaner) -> Reader:
    fixed = tuple((part, where.get({})) for part, where in parts.items() if where.constant)
    moving = {part: where for part, where in parts.items() if not where.constant}
    names, gets = tuple(moving), tuple(where.get for where in moving.values())
    presents = tuple(where.present for where in moving.values())
    columns = tuple(where.names[0] for where in moving.values() if len(where.names) == 1)
    all_plain = len(columns) == len(moving)

    def read(raw: Row) -> Outcome:
        values = tuple([raw.get(c) for c in columns]) if all_plain else tuple([get(raw) for get in gets])
        if not any(values) and not any(present(raw) for present in presents):
            return cleaner.nothing
        if _TEXTS.issuperset(map(type, values)):
            return cleaner.of_parts(names, values, fixed)
        return cleaner._of_parts(names, values, fixed)

    return read


def _expander(
    name: str,
    expand: Callable[[Value], Mapping[str, str]],
    targets: dict[str, _Cleaner],
    mapped: frozenset[str],
) -> Callable[[dict[str, Cell]], None]:
    stands_for = frozenset(expand("Dr. Anna Maria Smith Jr.")) & targets.keys()  # what the kind can fill
    names = stands_for & mapped & {"given_name", "family_name"}

    @lru_cache(CACHED)
    def filled(value: Value) -> tuple[tuple[str, Cell], ...]:
        found = expand(value)
        cells = []
        for target in stands_for:
            outcome = targets[target].of(found.get(target))
            cells.append((target, outcome.cell if found.get(target) and outcome.cell else Cell()))
        return tuple(cells)

    def run(cells: dict[str, Cell]) -> None:
        cell = cells.get(name)
        if cell is None or not cell.values:
            return
        nameless = not any(cells[n].values for n in names if n in cells)
        for target, found in filled(cell.values[0]):
            if target not in mapped or (nameless and found.values and target in names):
                cells[target] = found

    return run


def _suffix_splitter(family: str, suffix: str, cleaner: _Cleaner) -> Callable[[dict[str, Cell]], None]:
    """'Smith Jr' in a family name is the family name 'Smith' and the suffix 'Jr'."""
    none = Cell() if cleaner.nothing is _ABSENT else None  # in a partial row: the earlier suffix is no more

    @lru_cache(CACHED)
    def split(text: str) -> tuple[str, Cell] | None:
        rest, found = split_suffix(text)
        cell = cleaner.of(found).cell if found else None
        return None if cell is None else (rest, cell)

    def run(cells: dict[str, Cell]) -> None:
        cell = cells.get(family)
        if cell is None or not cell.values or not isinstance(cell.values[0], str):
            return
        parts = split(cell.values[0])
        if parts is not None:
            cells[family], cells[suffix] = Cell((parts[0], *cell.values[1:]), cell.cleared, cell.valid), parts[1]
        elif none is not None:
            cells.setdefault(suffix, none)

    return run


# --- writing --------------------------------------------------------------------------------


class _Writer:
    """The inverse of one attribute's map: plain fields, lists of them, composites part by part."""

    def __init__(self, given: str | dict[str, str], cleaner: _Cleaner) -> None:
        self.cleaner = cleaner
        self.parts: dict[str, Path] = {}
        self.single: tuple[Path, ...] = ()
        if isinstance(given, dict):
            self.parts = {part: path(text) for part, text in given.items()}
            moving = [where for where in self.parts.values() if not where.constant]
            self.fields = tuple(moving) if all(where.names for where in moving) else ()
        else:
            where = path(given)
            items = tuple(item for item in where.items if not item.constant)
            self.single = (where,) if where.names else items if all(item.names for item in items) else ()
            self.fields = self.single

    def write(self, values: Sequence[Value], raw: Row) -> dict[str, JSON]:
        if self.parts:
            return self._write_parts(
                dict(values[0]) if values and not isinstance(values[0], str) else None, values, raw
            )
        if len(self.single) == 1:
            field = self.single[0]
            now = field.get(raw)
            return {field.field: _shaped(values, [] if now is None and field.list else now, self.cleaner.many)}
        return {
            field.field: _shaped(values[place : place + 1], field.get(raw), False)
            for place, field in enumerate(self.single)
        }

    def _write_parts(self, parts: dict[str, str] | None, values: Sequence[Value], raw: Row) -> dict[str, JSON]:
        if values and parts is None:
            parts = {self.cleaner.kind.parts[0]: str(values[0])}
        parts = dict(parts or {})
        if parts:
            self._check_constants(parts)
            self._keep_second_line(parts)
        return {
            where.field: _typed(parts.get(part), where.get(raw))
            for part, where in self.parts.items()
            if not where.constant
        }

    def _check_constants(self, parts: dict[str, str]) -> None:
        """A stream whose country is fixed cannot say an address abroad; half of it would be a wrong address."""
        for part, where in self.parts.items():
            if not where.constant or part not in parts:
                continue
            cleaned = self.cleaner.clean({part: where.get({})})
            fixed = (
                dict(cleaned.value).get(part)
                if isinstance(cleaned, Cleaned) and not isinstance(cleaned.value, str)
                else None
            )
            if (fixed or str(where.get({}))) != parts[part]:
                raise BadRecord(f"{part}: this stream's is always {where.text}")

    def _keep_second_line(self, parts: dict[str, str]) -> None:
        """A source with one street column gets both lines in it: a flat's number must not get lost."""
        if "line2" in parts and "line2" not in self.parts and "line1" in self.parts:
            parts["line1"] = ", ".join(text for text in (parts.get("line1"), parts.pop("line2")) if text)


def _shaped(values: Sequence[Value], now: JSON, many: bool) -> JSON:
    """Values in the shape in which the source keeps the field now: a list, an object, or one value."""
    if isinstance(now, list) and many:
        return [plain(value) for value in values]
    if not values:
        return None
    value = values[0]
    if isinstance(value, tuple):
        return ", ".join(text for _, text in value) if isinstance(now, str) else dict(value)
    return _typed(value, now)


def _typed(value: str | None, now: JSON) -> JSON:
    """A text as the type that the field holds now, where it is one."""
    if value is None or isinstance(now, str) or now is None:
        return value
    try:
        if isinstance(now, bool):
            return {"true": True, "yes": True, "granted": True, "false": False, "no": False, "denied": False}.get(
                value.lower(), value
            )
        if isinstance(now, int):
            return int(value)
        if isinstance(now, float):
            return float(value)
    except ValueError:
        pass
    return value


# --- small things ---------------------------------------------------------------------------


def _cached(function: Callable[[JSON], T], value: JSON) -> T:
    """The cached answer; lists and objects cannot be cached."""
    try:
        return function(value)
    except TypeError:
        uncached: Callable[[JSON], T] = function.__wrapped__  # type: ignore[attr-defined]
        return uncached(value)


def _flat(values: Iterable[JSON], depth: int = 0) -> Iterator[JSON]:
    for value in values:
        if isinstance(value, list | tuple) and depth < 8:
            yield from _flat(value, depth + 1)
        else:
            yield value


def _short(raw: Mapping[str, JSON]) -> bool:
    """Is it surely short enough, however its characters are spelled? (None of JSON's spellings takes more than 6 bytes.)"""
    size = 0
    for name, value in raw.items():
        if type(name) is not str or type(value) is not str:
            return False
        size += len(name) + len(value) + 1
    return 6 * size < FIELD_BYTES


def _text(value: JSON) -> JSON:
    """Numbers as text, 12.0 as '12'; lists as their first value. Other things stay for the kind to judge."""
    if type(value) is str:
        return (value.replace("\x00", "") if "\x00" in value else value).strip()
    if isinstance(value, list):
        value = next((item for item in _flat(value) if item is not None and item != ""), None)
        return "" if value is None else _text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else str(value)
    return (
        str(value) if isinstance(value, int) else value.replace("\x00", "").strip() if isinstance(value, str) else value
    )


def _truthy(value: JSON) -> bool:
    """Does a deletion mark say yes? Any text that is not a no does: `deleted_at` columns hold a time."""
    return value.strip().lower() not in _SAYS_NO if isinstance(value, str) else bool(value)
