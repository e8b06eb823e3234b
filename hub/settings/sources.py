"""`config/sources/SOURCE.yaml`: a connected system and its streams. Pure.

What only one kind of system needs to know stands with its connector, in hub/connectors/systems: a subclass of `Source`
with its own `connector` and streams, registered by that connector's kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, field_validator, model_validator

from hub.errors import Fault
from hub.settings.access import RowLimits
from hub.settings.base import ADDED, Strict, duration_micros
from hub.settings.expressions import compile_path
from hub.settings.schedule import check_schedule

Sort = Literal["customer", "interaction", "consent", "relation"]


SORTS: tuple[Sort, ...] = get_args(Sort)


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


class Lacking(RowLimits):
    """Which customers get a record in a stream that has none of them: those that meet every condition named here."""

    has: tuple[str, ...] = ()  # attributes that must go with it: verified, and shown to the source's role


class MassGuard(Strict):
    """More at once than both of these is not written until somebody confirms it: hub write-back confirm."""

    number: int = Field(default=1000, ge=0)  # records
    share: float = Field(default=0.5, ge=0, le=1)  # of the stream's records


class WriteBack(Strict):
    """Which golden values go back to this stream's records, and what the source calls them."""

    attributes: tuple[str, ...]  # what goes back
    mode: Literal["update", "upsert", "mirror"] = (
        "update"  # upsert: a customer of whom the stream has no record gets one, once; mirror: and no other record stays
    )
    when: Lacking = Field(
        default=Lacking(), json_schema_extra=ADDED
    )  # of upsert and mirror: which customers have a record there
    creates: tuple[str, ...] = Field(
        default=(), json_schema_extra=ADDED
    )  # of upsert and mirror: attributes that a new record gets beside them, such as the name
    deletes: Literal["nothing", "clear", "delete", "archive"] = Field(
        default="nothing", json_schema_extra=ADDED
    )  # what becomes of a record whose customer left: that the hub made; with mirror, of any
    archive: dict[str, str | int | bool | None] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # with deletes: archive: the source's fields that say so, such as {active: false}
    map: dict[str, str | dict[str, str]] = Field(
        default_factory=dict
    )  # attribute -> source field(s); default: inverse of map
    guard: MassGuard = Field(default=MassGuard(), json_schema_extra=ADDED)  # what is too much to write at once
    guard_deletes: MassGuard = Field(
        default=MassGuard(number=20, share=0.05), json_schema_extra=ADDED
    )  # what is too much to clear, delete or archive at once
    dry_run: bool = False  # true: work out what would be written, write nothing

    @property
    def makes(self) -> bool:
        """Does the hub make records there?"""
        return self.mode != "update"

    @property
    def written(self) -> tuple[str, ...]:
        """All attributes that the hub ever writes there."""
        return tuple(dict.fromkeys((*self.attributes, *self.creates)))

    @property
    def removes(self) -> bool:
        """Does the hub clear, delete or archive records there?"""
        return self.deletes != "nothing"

    @model_validator(mode="after")
    def _of_upsert(self) -> WriteBack:
        for name in ("when", "creates"):
            if name in self.model_fields_set and not self.makes:
                raise ValueError(f"{name} says something of records that are made: add mode: upsert, or remove it")
        if self.mode == "mirror" and not self.removes:
            raise ValueError("a mirror needs deletes: clear, delete or archive; where nothing is to go, mode: upsert")
        if bool(self.archive) != (self.deletes == "archive"):
            raise ValueError("deletes: archive and archive: {FIELD: VALUE}, what says that a record is, go together")
        return self


class Owner(Strict):
    """Whose a row is: a source record of customers, by name, or whoever holds a contact point. Never a customer id: so
    it follows merges and splits."""

    key: str = ""  # JMESPath, usually the column that holds the owner's key
    contact: dict[Literal["email", "phone"], str] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # instead of key: {email: COLUMN, phone: COLUMN}; of interactions: it is whose customer's who alone holds it verified
    source: str = ""  # its source; default: the row's own
    stream: str = ""  # its stream; default: the only stream of customers of that source

    @field_validator("key")
    @classmethod
    def _path(cls, text: str) -> str:
        if text:
            compile_path(text, "key")
        return text

    @field_validator("contact")
    @classmethod
    def _paths(cls, given: dict[str, str]) -> dict[str, str]:
        for name, text in given.items():
            compile_path(text, name)
        return given

    @model_validator(mode="after")
    def _one_of_both(self) -> Owner:
        if bool(self.key) == bool(self.contact):
            raise ValueError(
                "names its owner by key: COLUMN or by contact: {email: COLUMN, phone: COLUMN}, one of both"
            )
        return self


class Stream(Strict):
    """A kind of rows of a source. Exactly one of customer, interaction, consent and relation says of which sort they are."""

    customer: str = ""  # customer type that its rows are mapped to: only these rows are matched
    interaction: str = Field(
        default="", json_schema_extra=ADDED
    )  # what happened with a customer: order, complaint, visit ...
    consent: bool = Field(default=False, json_schema_extra=ADDED)  # true: what somebody agreed or objected to
    relation: str = Field(
        default="", json_schema_extra=ADDED
    )  # how two customers belong together: contact_person, household ...
    key: str  # JMESPath, usually a column name; a list of them where only together they are unique: [company, number]
    of: Owner | None = Field(
        default=None, json_schema_extra=ADDED
    )  # of interactions: whose the row is; of relations: the one end, {key, source, stream}, or the column of the key alone
    to: Owner | None = Field(
        default=None, json_schema_extra=ADDED
    )  # of relations: the other end, {key, source, stream}, or the column of the key alone
    caused_by: Owner | None = Field(
        default=None, json_schema_extra=ADDED
    )  # of interactions: the mail, call or visit that brought a version about, {stream, key, source}
    map: dict[str, str | dict[str, str]] = Field(
        default_factory=dict
    )  # attribute -> column, JMESPath, or (for a composite) part -> column
    split: dict[str, str] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # attribute -> what stands between several values in one cell, such as ";"
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
    owns: tuple[str, ...] = Field(
        default=(), json_schema_extra=ADDED
    )  # attributes whose values nobody else takes back: what it says stands until it says otherwise, and write-back leaves it
    duplicate_free: bool = False  # true: two of its records are never one customer, unless a decision says so
    country: str | None = None  # of phone numbers and addresses that name none, such as DE
    day_first: bool | None = None  # 03/04/2024: true is 3 April, false 4 March; unset: a problem
    name_order: Literal["family_first", "given_first"] | None = Field(
        default=None, json_schema_extra=ADDED
    )  # of full names in one column; unset: by their script, by a patronymic, and family first with country: HU
    timezone: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # of times that say none, such as Europe/Berlin; default: UTC
    write_back: WriteBack | None = None  # golden values that go back to its records

    @field_validator("key", mode="before")
    @classmethod
    def _together(cls, given: object) -> object:
        if any(isinstance(one, bool) for one in (given if isinstance(given, list | tuple) else [given])):
            raise ValueError("yes, no, on and off are truth values in YAML: write the column in quotes, as in 'no'")
        return f"[{', '.join(map(str, given))}]" if isinstance(given, list | tuple) and given else given

    @field_validator("of", "to", mode="before")
    @classmethod
    def _key_alone(cls, given: object) -> object:
        return {"key": given} if isinstance(given, str) else given

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

    @model_validator(mode="after")
    def _one_sort(self) -> Stream:
        given = [name for name in SORTS if getattr(self, name)]
        if len(given) != 1:
            said = f"says {' and '.join(given)}" if given else "does not say what its rows are"
            raise ValueError(f"{said}: give one of customer: TYPE, interaction: NAME, consent: true, relation: NAME")
        if self.customer and "map" not in self.model_fields_set:
            raise ValueError("a stream of customers needs map: attribute -> column")
        return self

    @property
    def sort(self) -> Sort:
        """What its rows are: customers, or one of the three sorts that belong to them."""
        return next(name for name in SORTS if getattr(self, name))

    @property
    def ordered(self) -> str | None:
        """What tells which of two versions of a row is newer; None: which was read later."""
        return self.version

    @property
    def type_name(self) -> str:
        """The customer type, or what sort of interaction or relation its rows are."""
        return self.customer or self.interaction or self.relation or self.sort

    def faults(self, where: str) -> Iterator[Fault]:
        """What this kind of system finds wrong between its keys; `where` names the stream."""
        yield from ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, text: str | None) -> str | None:
        try:
            return text if text is None or ZoneInfo(text) else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown time zone '{text}'; write for example Europe/Berlin") from None

    @property
    def family_first(self) -> bool:
        """Are full names written family name first, whatever their script?"""
        return self.name_order == "family_first" or (self.name_order is None and (self.country or "").upper() == "HU")

    @cached_property
    def zone(self) -> ZoneInfo | None:
        """The zone of times that say none; None: UTC."""
        return None if self.timezone is None else ZoneInfo(self.timezone)

    @cached_property
    def lookback_micros(self) -> int:
        return 0 if self.lookback is None else duration_micros(self.lookback)

    def is_verified(self, attribute: str) -> bool:
        return self.verified == "all" or (self.verified != "none" and attribute in self.verified)


class Connection(Strict):
    """How to reach a system. Each kind has its own further keys."""

    kind: str  # see hub/connectors/systems

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in SOURCES:
            raise ValueError(f"unknown kind of connector '{kind}'; known kinds: {', '.join(sorted(SOURCES))}")
        return kind


class Source(Strict):
    name: str = ""
    title: str = ""
    connector: Connection  # how to reach the system: its kind, and what that kind needs
    schedule: str | None = (
        None  # such as every 5 minutes, or a line of cron in UTC; without one, only hub pull reads it
    )
    reconcile: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # when to read all of it anew and find what increments miss, deletes too: every 1 day, or 30 3 * * *
    pause_after: int = Field(
        default=10, ge=1, json_schema_extra=ADDED
    )  # pulls that fail in a row before the source pauses itself, until hub source resume
    streams: Mapping[str, Stream]  # name -> a kind of rows in it

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, given: object, handler: ModelWrapValidatorHandler[Source]) -> Source:
        """A source is read by the class that its connector's kind names."""
        if cls is not Source or not isinstance(given, Mapping):
            return handler(given)
        connector = given.get("connector")
        kind = connector.get("kind") if isinstance(connector, Mapping) else getattr(connector, "kind", None)
        if isinstance(kind, str) and kind in SOURCES:
            return SOURCES[kind].model_validate(given)
        return handler(given if kind is None else {"connector": {"kind": kind}, "streams": {}})

    @field_validator("schedule", "reconcile")
    @classmethod
    def _schedule(cls, text: str | None) -> str | None:
        if text is not None:
            check_schedule(text)
        return text


SOURCES: dict[str, type[Source]] = {}  # by their connector's kind
S = TypeVar("S", bound=Source)


def source_of_kind(cls: type[S]) -> type[S]:
    """Registers a class of sources by the kind that its connector names: `kind: Literal["file"]`."""
    connector = cls.model_fields["connector"].annotation
    assert isinstance(connector, type)
    assert issubclass(connector, Connection)
    (kind,) = get_args(connector.model_fields["kind"].annotation)
    SOURCES[kind] = cls
    return cls
