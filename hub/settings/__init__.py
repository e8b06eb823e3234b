"""Configuration: secrets and URLs from the environment, meaning from `config/*.yaml`.

Everything is typed, frozen and forbids unknown keys. `load` reports every fault at once, each
with file, key and remedy.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import jmespath
import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from hub.errors import ConfigError, Fault
from hub.kinds import KINDS
from hub.model import Rule, Sight, digest

T = TypeVar("T", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


ADDED: dict[str, JsonValue] = {
    "added": True
}  # a key that hubs made before do not know: at its default it changes no recipe


def recipe_dump(model: BaseModel, exclude: Collection[str] = ()) -> dict[str, Any]:
    """What a recipe says of a part of the configuration: all keys, added ones only where they are set."""
    found: dict[str, Any] = model.model_dump(mode="json", exclude=set(exclude))
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if info.json_schema_extra == ADDED and value == info.get_default(call_default_factory=True):
            found.pop(name, None)
        elif isinstance(value, BaseModel) and name in found:
            found[name] = recipe_dump(value)
        elif isinstance(value, Mapping) and name in found:
            found[name] = {k: recipe_dump(v) if isinstance(v, BaseModel) else found[name][k] for k, v in value.items()}
    return found


# --- customer types -------------------------------------------------------------------------


def duration_micros(text: str) -> int:
    """'90d', '2y', '6h' -> microseconds. A year is 365.25 days."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
    number, unit = text[:-1].strip(), text[-1:]
    if unit not in units or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"'{text}' is not a duration; write a number and one of s m h d w y, such as 2y")
    return int(float(number) * units[unit] * 1_000_000)


class Survivorship(Strict):
    """How one attribute's golden value is picked: a rule, its fallbacks, the half-life of trust."""

    rule: Rule = Rule.MOST_TRUSTED  # which value wins: see Survivorship
    fallbacks: tuple[Rule, ...] = ()  # rules that settle ties, in this order
    half_life: str | None = None  # most_trusted: how long until trust halves, such as 2y

    @field_validator("half_life")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            duration_micros(text)
        return text

    @cached_property
    def half_life_micros(self) -> int | None:
        return None if self.half_life is None else duration_micros(self.half_life)


class Attribute(Strict):
    kind: str  # see Kinds
    many: bool = False  # a customer may have several
    survivorship: Survivorship = Survivorship()  # a rule's name, or {rule, fallbacks, half_life}
    scheme: str | None = None  # of an identifier: eu.vat, iban, us.ssn ...
    exclusive: bool = False  # two different values are two customers
    matching: bool = True  # false: golden record only, never evidence
    title: str = ""

    @field_validator("survivorship", mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"rule": given} if isinstance(given, str) else given

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"unknown kind '{kind}'; known kinds: {', '.join(sorted(KINDS))}")
        return kind


class Matching(Strict):
    """Probabilities at which pairs join or go to review, and the bounds of clustering."""

    join: float = Field(default=0.99, gt=0, lt=1)  # probability from which a pair joins
    review: float = Field(
        default=0.5, gt=0, lt=1
    )  # probability from which a pair is kept and, if it does not join, reviewed
    rules: tuple[tuple[str, ...], ...] = ()  # candidate rules: lists of keys (attribute or attribute.form)
    block_cap: int = Field(
        default=60, ge=2
    )  # records that may share a key; a larger block makes no pairs and is counted
    largest: int = Field(default=30, ge=2)  # K: records in a cluster
    component: int = Field(default=300, ge=2)  # N: records clustered at once
    bridge_bits: float = Field(default=3.0, ge=0)  # B: a bridge between two groups must weigh this much more than join


class CustomerType(Strict):
    name: str = ""
    title: str = ""
    attributes: dict[str, Attribute]  # name -> what it is
    matching: Matching = Matching()  # when records are one customer


# --- sources --------------------------------------------------------------------------------


class FileConnector(Strict):
    kind: Literal["file"]
    path: str | None = None  # folder or glob, relative to the configuration folder
    path_env: str | None = None  # variable that holds it; one of the two

    @model_validator(mode="after")
    def _one(self) -> FileConnector:
        if (self.path is None) == (self.path_env is None):
            raise ValueError("give path or path_env, the folder of the files")
        return self


class SqlConnector(Strict):
    kind: Literal["sql"]
    url_env: str  # variable that holds the SQLAlchemy URL


class RestAuth(Strict):
    bearer_env: str | None = None  # variable that holds a bearer token
    basic_env: str | None = None  # variable that holds user:password
    header: str | None = None  # name of a header of its own, such as X-Api-Key
    header_env: str | None = None  # variable that holds the value of that header

    @model_validator(mode="after")
    def _one(self) -> RestAuth:
        if sum(v is not None for v in (self.bearer_env, self.basic_env, self.header_env)) > 1:
            raise ValueError("give one of bearer_env, basic_env, header_env")
        if (self.header is None) != (self.header_env is None):
            raise ValueError("header and header_env go together")
        return self


class RestConnector(Strict):
    kind: Literal["rest"]
    base_url: str | None = None  # such as https://crm.example.com/api
    base_url_env: str | None = None  # variable that holds it; one of the two

    @model_validator(mode="after")
    def _one(self) -> RestConnector:
        if (self.base_url is None) == (self.base_url_env is None):
            raise ValueError("give base_url or base_url_env")
        return self

    auth: RestAuth = RestAuth()
    timeout_seconds: float = Field(default=30, gt=0)  # of one request
    headers: dict[str, str] = Field(default_factory=dict)  # sent with every request; no secrets here


Connector = Annotated[FileConnector | SqlConnector | RestConnector, Field(discriminator="kind")]


class FileRead(Strict):
    """How to read one stream's files. What is left out is found out (format, encoding, delimiter)."""

    pattern: str = "*"  # of file names in the connector's folder; "**/*.csv" looks into sub-folders
    format: Literal["auto", "csv", "jsonl", "json", "parquet"] = "auto"
    encoding: str = "auto"  # a name that Python knows: utf-8, cp1252, utf-16 ...
    delimiter: str = "auto"  # one character; "tab" for a tab
    quote: str = Field(default='"', min_length=1, max_length=1)  # one character
    columns: tuple[str, ...] = ()  # names of the columns, for CSV files without a header line
    skip: int = Field(
        default=0, ge=0, le=1000, json_schema_extra=ADDED
    )  # lines before the header line (with columns: before the first row), for CSV files
    records: str = "@"  # JMESPath to the list, in a JSON file that is not itself a list

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, text: str) -> str:
        if text != "auto" and text != "tab" and len(text) != 1:
            raise ValueError("write one character, tab or auto")
        return text

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, text: str) -> str:
        try:
            return text if text == "auto" else codecs.lookup(text).name
        except LookupError:
            raise ValueError(f"unknown encoding '{text}'; write for example utf-8, cp1252, utf-16 or auto") from None

    @field_validator("pattern")
    @classmethod
    def _inside(cls, text: str) -> str:
        if ".." in text.split("/") or text.startswith("/"):
            raise ValueError("stays inside the connector's folder: put the folder into connector.path")
        return text

    @field_validator("records")
    @classmethod
    def _path(cls, text: str) -> str:
        compile_path(text, "this")
        return text


class RestRead(Strict):
    """How to page through one REST collection and how to write one item of it."""

    path: str  # of the collection, below the base URL
    records: str = "@"  # JMESPath to the list in a page
    params: dict[str, str] = Field(default_factory=dict)  # sent with every page
    page: Literal["none", "page", "offset", "cursor", "link"] = "none"  # how to ask for the next page
    page_param: str | None = None  # default: page, offset or cursor, as `page` says
    page_start: int = Field(default=1, ge=0)  # number of the first page
    size_param: str | None = None  # parameter that says how many records a page has
    size: int = Field(default=200, ge=1)  # records of a page, sent as size_param
    next: str | None = None  # JMESPath to the next cursor (page: cursor), or URL (page: link; default: the Link header)
    since_param: str | None = None  # incremental: gets the highest version seen
    order: Literal["unknown", "version"] = (
        "unknown"  # version: the list comes oldest version first, so a broken read goes on where it was
    )
    item: str | None = None  # path of one record, with {key}
    item_record: str = "@"  # JMESPath to the record in an item's answer
    update: Literal["patch", "put", "none"] = "patch"  # how one record is written
    create: str | None = None  # path to POST new records to
    errors: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # JMESPath to errors in an answer of 200; default: the usual names

    @field_validator("records", "next", "item_record", "errors")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        if text is not None:
            compile_path(text, "this")
        return text

    @field_validator("item")
    @classmethod
    def _has_key(cls, text: str | None) -> str | None:
        if text is not None and "{key}" not in text:
            raise ValueError("must hold {key}, such as people/{key}")
        return text

    @model_validator(mode="after")
    def _pages(self) -> RestRead:
        if self.page == "cursor" and self.next is None:
            raise ValueError("page: cursor needs next, the JMESPath to the next cursor, such as next_cursor")
        return self


class Trust(Strict):
    model_config = ConfigDict(extra="allow", frozen=True)
    default: float = Field(
        default=50, gt=0, le=100
    )  # trust of every attribute, 0 to 100; further keys are attributes, such as address: 95

    @model_validator(mode="after")
    def _numbers(self) -> Trust:
        for name, value in (self.__pydantic_extra__ or {}).items():
            if not isinstance(value, int | float) or not 0 < value <= 100:
                raise ValueError(f"trust of '{name}' must be a number in (0, 100]")
        return self

    def of(self, attribute: str) -> float:
        return float((self.__pydantic_extra__ or {}).get(attribute, self.default))


class WriteBack(Strict):
    """Which golden values go back to this stream's records, and what the source calls them."""

    attributes: tuple[str, ...]  # what goes back
    mode: Literal["update", "upsert"] = "update"  # upsert is not there yet: hub check refuses it
    map: dict[str, str | dict[str, str]] = Field(
        default_factory=dict
    )  # attribute -> source field(s); default: inverse of map
    dry_run: bool = False  # true: work out what would be written, write nothing


class Stream(Strict):
    customer: str  # customer type that its rows are mapped to
    key: str  # JMESPath, usually a column name; a list of them where only together they are unique: [company, no]
    map: dict[str, str | dict[str, str]]  # attribute -> column, JMESPath, or (for a composite) part -> column
    split: dict[str, str] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # attribute -> what stands between several values in one cell, such as ";"
    table: str | None = None  # SQL
    query: str | None = None  # SQL, instead of table
    file: FileRead = FileRead()  # how to read files
    rest: RestRead | None = None  # how to read a REST collection
    version: str | None = None  # which of two versions of a row is newer; without one, landing order
    observed: str | None = None  # source time; default: the version when it is a time
    dates: dict[str, str] = Field(default_factory=dict)  # attribute -> field holding the date of its value
    effective_from: dict[str, str] = Field(
        default_factory=dict
    )  # attribute -> field holding the date from which its value holds
    effective_to: dict[str, str] = Field(
        default_factory=dict
    )  # attribute -> field holding the date until which it holds
    records: Literal["full", "partial"] = "full"  # partial: an absent field says nothing
    null_means: Literal["unknown", "cleared"] = "unknown"  # cleared: a null was emptied on purpose and may win
    lookback: str | None = (
        None  # read this much again before the last version seen, such as 10m: for sources that commit late
    )
    listing: Literal["incremental", "complete"] = "incremental"  # complete: what is not listed was deleted
    deleted: str | None = None  # JMESPath: true marks a tombstone
    on_delete: Literal["remove", "keep_values"] = "remove"  # keep_values: a deleted record goes on counting
    trust: Trust = Trust()  # how much its values count
    verified: Literal["all", "none"] | tuple[str, ...] = "none"  # attributes whose values the source has checked
    duplicate_free: bool = False  # true: two of its records are never one customer, unless a decision says so
    country: str | None = None  # of phone numbers and addresses that name none, such as DE
    day_first: bool | None = None  # 03/04/2024: true is 3 April, false 4 March; unset: a problem
    write_back: WriteBack | None = None  # golden values that go back to its records

    @field_validator("key", mode="before")
    @classmethod
    def _together(cls, given: Any) -> Any:
        return f"[{', '.join(map(str, given))}]" if isinstance(given, list | tuple) and given else given

    @field_validator("map", "dates", "effective_from", "effective_to")
    @classmethod
    def _paths(cls, given: dict[str, Any]) -> dict[str, Any]:
        for attribute, path in given.items():
            for text in path.values() if isinstance(path, Mapping) else [path]:
                compile_path(text, f"'{attribute}'")
        return given

    @field_validator("key", "version", "observed", "deleted")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        if text is not None:
            compile_path(text, "this")
        return text

    @field_validator("lookback")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            duration_micros(text)
        return text

    @cached_property
    def lookback_micros(self) -> int:
        return 0 if self.lookback is None else duration_micros(self.lookback)

    def is_verified(self, attribute: str) -> bool:
        return self.verified == "all" or (self.verified != "none" and attribute in self.verified)


_COLUMN = re.compile(r"\w[\w .,:;/#%()+-]*")


def compile_path(text: str, what: str) -> Any:
    """A JMESPath expression; what is none but could be a column's name ("E-Mail", "First Name") is that column."""
    try:
        parsed = jmespath.compile(text)
        unknown = sorted(_functions(parsed.parsed) - set(jmespath.functions.Functions.FUNCTION_TABLE))
        if not unknown:
            return parsed
        problem = f"there is no function {', '.join(unknown)}"
    except jmespath.exceptions.JMESPathError as error:
        problem = str(error).replace("\n", " ")
    if _COLUMN.fullmatch(text):
        return jmespath.compile(json.dumps(text, ensure_ascii=False))
    raise ValueError(f"{what} is neither a column's name nor a JMESPath expression: {problem}; inside an expression "
                     f"write a column such as E-Mail in double quotes: '[\"E-Mail\", mail]'")  # fmt: skip


def _functions(node: Any) -> set[str]:
    """Names of the functions that a parsed expression calls."""
    if not isinstance(node, dict):
        return set()
    own = {node["value"]} if node.get("type") == "function_expression" else set()
    return own.union(*(_functions(child) for child in node.get("children", ())))


class Source(Strict):
    name: str = ""
    title: str = ""
    connector: Connector  # how to reach the system: kind file, sql or rest
    schedule: str | None = None  # such as every 5 minutes; without one, only hub pull reads it
    streams: dict[str, Stream]  # name -> a kind of rows in it

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, text: str | None) -> str | None:
        if text is not None:
            schedule_seconds(text)
        return text


def schedule_seconds(text: str) -> int:
    """'every 5 minutes' -> 300."""
    words = text.split()
    units = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
    if len(words) == 3 and words[0] == "every" and words[1].isdigit() and words[2].rstrip("s") in units:
        return int(words[1]) * units[words[2].rstrip("s")]
    raise ValueError(f"'{text}' is not a schedule; write for example 'every 5 minutes'")


# --- access ---------------------------------------------------------------------------------


Permission = Literal["read", "crosswalk", "explain", "match", "write_records", "decide", "override", "metrics", "admin"]


class Role(Strict):
    """What a role sees: customer type -> attribute -> show | mask | pseudonym | hide. Unnamed is hidden."""

    title: str = ""
    views: dict[str, dict[str, Sight]] = Field(default_factory=dict)  # customer type -> attribute -> sight
    may: tuple[Permission, ...] = ("read",)  # permissions
    purpose: str = ""  # what for; stands in every audit line


class Access(Strict):
    roles: dict[str, Role] = Field(
        default_factory=dict
    )  # name -> what it sees and may do; a source's own role has the source's name


# --- the whole ------------------------------------------------------------------------------


class Config(Strict):
    """All that `config/` says. `hash` is part of the recipe."""

    folder: Path
    customers: dict[str, CustomerType]
    sources: dict[str, Source]
    access: Access

    @cached_property
    def hash(self) -> str:
        """Of what derived rows depend on: customer types and streams, not URLs, schedules or roles."""
        streams = {
            f"{source.name}/{name}": recipe_dump(stream, {"write_back"})
            for source in self.sources.values()
            for name, stream in source.streams.items()
        }
        types = {n: recipe_dump(t, {"title"}) for n, t in self.customers.items()}
        return digest({"streams": streams, "types": types}, 8)

    def stream(self, source: str, stream: str) -> Stream | None:
        found = self.sources.get(source)
        return found.streams.get(stream) if found else None


def _read_yaml(path: Path, faults: list[Fault]) -> dict[str, Any] | None:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        faults.append(
            Fault(
                f"{path}{line}", "not readable as YAML", str(getattr(error, "problem", "") or "check the indentation")
            )
        )
        return None
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(str(path), f"cannot be read: {error}", "save it as UTF-8 text"))
        return None
    if not isinstance(found, dict):
        faults.append(Fault(str(path), "must hold keys and values", "see README, 'Your first source'"))
        return None
    return found


def _parse(cls: type[T], path: Path, faults: list[Fault], **extra: Any) -> T | None:
    data = _read_yaml(path, faults)
    if data is None:
        return None
    try:
        return cls.model_validate({**data, **extra})
    except ValidationError as error:
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"]) or "(top)"
            remedy = (
                f"known keys: {', '.join(cls.model_fields)}"
                if item["type"] == "extra_forbidden" and len(item["loc"]) == 1
                else ""
            )
            faults.append(Fault(f"{path}: {key}", item["msg"].removeprefix("Value error, "), remedy))
        return None


def load(folder: Path, env: Mapping[str, str] | None = None, *, reaching: bool = True) -> Config:
    """The configuration of a folder, or a ConfigError with every fault in it.

    reaching: whether sources will be reached, so that the variables that they need must be set.
    """
    env = os.environ if env is None else env
    faults: list[Fault] = []
    if not folder.is_dir():
        raise ConfigError([Fault(str(folder), "no such folder", "pass --config or set HUB_CONFIG")])
    customers = _load_folder(CustomerType, folder / "customers", faults)
    sources = _load_folder(Source, folder / "sources", faults)
    access_file = folder / "access.yaml"
    access = _parse(Access, access_file, faults) if access_file.exists() else Access()
    if not customers and not faults:
        faults.append(Fault(str(folder / "customers"), "no customer type", "copy config/customers/person.yaml"))
    config = Config(folder=folder, customers=customers, sources=sources, access=access or Access())
    faults.extend(_cross_check(config))
    if reaching:
        faults.extend(_missing_variables(config, env))
    if faults:
        raise ConfigError(faults)
    return config


def load_customer_types(folder: Path) -> dict[str, CustomerType]:
    """The customer types of a configuration alone, or a ConfigError with every fault in them."""
    faults: list[Fault] = []
    found = _load_folder(CustomerType, folder / "customers", faults)
    if not found and not faults:
        faults.append(Fault(str(folder / "customers"), "no customer type", "copy config/customers/person.yaml"))
    if faults:
        raise ConfigError(faults)
    return found


def _load_folder(cls: type[T], folder: Path, faults: list[Fault]) -> dict[str, T]:
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.yaml")):
        parsed = _parse(cls, path, faults, name=path.stem)
        if parsed is not None:
            found[path.stem] = parsed
    return found


def _missing_variables(config: Config, env: Mapping[str, str]) -> Iterator[Fault]:
    for source in config.sources.values():
        file = f"{config.folder / 'sources' / source.name}.yaml"
        for field, value in source.connector.model_dump().items():
            for name, variable in value.items() if isinstance(value, dict) else [(field, value)]:
                if name.endswith("_env") and variable and variable not in env and f"{variable}_FILE" not in env:
                    yield Fault(
                        f"{file}: connector.{field}",
                        f"the environment variable {variable} is not set",
                        f"export {variable}=... or {variable}_FILE=/path/to/it",
                    )


def _cross_check(config: Config) -> Iterator[Fault]:
    for source in config.sources.values():
        file = f"{config.folder / 'sources' / source.name}.yaml"
        for name, stream in source.streams.items():
            yield from _check_connector(source.connector.kind, f"{file}: streams.{name}", stream)
            yield from _check_stream(config, file, name, stream)
    for role, rights in config.access.roles.items():
        for type_name, view in rights.views.items():
            where = f"{config.folder / 'access.yaml'}: roles.{role}.views.{type_name}"
            if type_name not in config.customers:
                yield Fault(where, f"unknown customer type '{type_name}'", f"known: {', '.join(config.customers)}")
                continue
            known = config.customers[type_name].attributes
            for attribute in view.keys() - known.keys() - {"*"}:
                yield Fault(f"{where}.{attribute}", f"unknown attribute '{attribute}'", f"known: {', '.join(known)}")


def _check_connector(kind: str, where: str, stream: Stream) -> Iterator[Fault]:
    """Does the stream say what its source's connector needs to know, and nothing for another one?"""
    given = {
        "table": stream.table is not None,
        "query": stream.query is not None,
        "rest": stream.rest is not None,
        "file": stream.file != FileRead(),
    }
    belongs = {"sql": ("table", "query"), "rest": ("rest",), "file": ("file",)}[kind]
    for name, there in given.items():
        if there and name not in belongs:
            yield Fault(
                f"{where}.{name}",
                f"a {kind} connector does not use this",
                f"remove it, or change connector.kind from {kind}",
            )
    if kind == "sql" and given["table"] == given["query"]:
        yield Fault(where, "an SQL stream reads either a table or a query", "add table: NAME, or query: SELECT ...")
    if kind == "rest" and not given["rest"]:
        yield Fault(where, "a REST stream needs rest", "add rest: {path: ...}")
    if stream.rest and stream.rest.since_param and stream.version is None:
        yield Fault(
            f"{where}.rest.since_param",
            "needs the stream's version",
            "add version: the field that since_param compares, such as updated_at",
        )
    if stream.write_back and kind == "file":
        yield Fault(f"{where}.write_back", "files are read only", "remove it")
    if stream.write_back and kind == "sql" and stream.table is None:
        yield Fault(f"{where}.write_back", "a query cannot be written to", "read the stream from a table")
    if stream.write_back and stream.rest and (stream.rest.item is None or stream.rest.update == "none"):
        yield Fault(
            f"{where}.write_back",
            "the hub does not know how to write one record",
            "add rest.item: the path of one record with {key}, and rest.update: patch or put",
        )


def _check_stream(config: Config, file: str, name: str, stream: Stream) -> Iterator[Fault]:
    where = f"{file}: streams.{name}"
    if stream.customer not in config.customers:
        yield Fault(
            f"{where}.customer", f"unknown customer type '{stream.customer}'", f"known: {', '.join(config.customers)}"
        )
        return
    known = config.customers[stream.customer].attributes
    named: dict[str, Iterable[str]] = {
        "map": stream.map,
        "dates": stream.dates,
        "effective_from": stream.effective_from,
        "effective_to": stream.effective_to,
        "trust": stream.trust.__pydantic_extra__ or {},
        "verified": () if isinstance(stream.verified, str) else stream.verified,
        "write_back.attributes": stream.write_back.attributes if stream.write_back else (),
    }
    for section, attributes in named.items():
        for attribute in attributes:
            if attribute not in known:
                yield Fault(
                    f"{where}.{section}.{attribute}",
                    f"'{stream.customer}' has no attribute '{attribute}'",
                    f"known: {', '.join(known)}",
                )
    for attribute, path in stream.map.items():
        if isinstance(path, dict) and attribute in known:
            parts = KINDS[known[attribute].kind].parts
            for part in path.keys() - set(parts):
                yield Fault(
                    f"{where}.map.{attribute}.{part}",
                    f"unknown part '{part}'",
                    f"known: {', '.join(parts)}" if parts else f"'{attribute}' has no parts: map it to one expression",
                )
    for attribute in stream.write_back.attributes if stream.write_back else ():
        if (
            attribute in known
            and attribute not in stream.map
            and attribute not in (stream.write_back.map if stream.write_back else {})
        ):
            yield Fault(
                f"{where}.write_back.attributes.{attribute}",
                "not mapped from this stream",
                "add it to map or write_back.map",
            )


def secret(variable: str, env: Mapping[str, str] | None = None) -> str:
    """The value of a variable, or the content of the file that VARIABLE_FILE names."""
    env = os.environ if env is None else env
    if variable in env:
        return env[variable]
    if f"{variable}_FILE" in env:
        return Path(env[f"{variable}_FILE"]).read_text(encoding="utf-8").strip()
    raise ConfigError([Fault(variable, "this environment variable is not set", f"export {variable}=...")])
