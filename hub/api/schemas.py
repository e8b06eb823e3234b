"""What is sent and answered. Times are RFC 3339 in UTC; weights are milli-bits; unknown fields are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from hub.access import seen as s
from hub.access.audit.sights import SeenSight
from hub.connectors.base import ROW_DEPTH, too_deep
from hub.model import RecordId, Verdict, from_micros
from hub.resolve.resolver import Happened, Outcome

T = TypeVar("T")

CUSTOMER_ID = "cus_019a1b2c3d4e7f60812233445566778a"
LARGEST = 2**63 - 1  # number of a row that a database has
Document = dict[str, Any]  # values by attribute, or a record, as JSON
VALUES: Document = {
    "given_name": "Ana",
    "family_name": "Silva",
    "email": ["ana@example.com"],
    "address": {"line1": "Rua Direita 5", "postcode": "1100-001", "city": "Lisboa", "country": "PT"},
}


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def answer(body: Out, headers: Mapping[str, str] | None = None) -> Response:
    """The answer of a route that is asked much: as bytes at once, without another thread and another look at the schema."""
    return Response(body.model_dump_json(by_alias=True), headers=headers, media_type="application/json")


def when(micros: int) -> str:
    return from_micros(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


class RecordName(In):
    """A source record, as its source names it."""

    source: str = Field(examples=["billing"], max_length=200)
    stream: str = Field(examples=["customers"], max_length=200)
    key: str = Field(examples=["4711"], max_length=512)

    @classmethod
    def of(cls, id: RecordId) -> RecordName:
        return cls(source=id.source, stream=id.stream, key=id.key)

    def id(self) -> RecordId:
        return RecordId(self.source, self.stream, self.key)


class Paged(Out, Generic[T]):
    """A page. Ask with `cursor=next_cursor` for what follows; null: this was the last."""

    data: list[T]
    next_cursor: str | None = None


# --- customers ------------------------------------------------------------------------------------


class Customer(Out):
    """A customer as your role sees it. Attributes that it does not see are not there."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": CUSTOMER_ID,
                "type": "person",
                "version": 3,
                "updated_at": "2026-11-02T09:30:00.000000Z",
                "values": VALUES,
                "records": [{"source": "billing", "stream": "customers", "key": "4711"}],
                "lineage": None,
                "undated": None,
            }
        }
    )
    id: str
    type: str
    version: int = Field(description="how many changes of this customer your role was shown")
    updated_at: str
    values: Document
    records: list[RecordName] | None = Field(
        default=None, description="the source records, for roles that may see the crosswalk"
    )
    lineage: Document | None = Field(
        default=None, description="attribute -> rule, values that won and lost with their records; when asked for"
    )
    undated: list[str] | None = Field(
        default=None,
        description="of an answer `as_of` a time: attributes whose sources give no date that early. They show the earliest value known, which may be younger",
    )

    @classmethod
    def of(cls, c: s.SeenCustomer) -> Customer:
        records = None if c.records is None else [RecordName.of(r) for r in c.records]
        lineage = None if c.lineage is None else {a: _timed(why) for a, why in c.lineage.items()}
        return cls(
            id=c.id,
            type=c.type,
            version=c.version,
            updated_at=when(c.updated_at),
            values=dict(c.values),
            records=records,
            lineage=lineage,
            undated=None if c.undated is None else list(c.undated),
        )


def _timed(why: Document) -> Document:
    """A reason with its times as they are written."""
    told = dict(why)
    for lines in ("won", "lost", "taken_back"):
        if lines in told:
            told[lines] = [{**x, "since": when(x["since"])} if "since" in x else x for x in told[lines]]
    if "of" in told:
        told["of"] = {part: _timed(made_of) for part, made_of in told["of"].items()}
    if override := told.get("override"):
        until = when(override["until"]) if override["until"] else None
        told["override"] = {**override, "at": when(override["at"]), "until": until}
    return told


class CustomerFound(Out):
    id: str = Field(examples=[CUSTOMER_ID])
    type: str = Field(examples=["person"])
    values: Document = Field(examples=[VALUES])
    matched: list[str] = Field(examples=[["family_name"]], description="attributes in which your words were found")

    @classmethod
    def of(cls, f: s.FoundCustomer) -> CustomerFound:
        return cls(id=f.id, type=f.type, values=dict(f.values), matched=list(f.matched))


class CustomerVersion(Out):
    version: int = Field(examples=[2])
    change: str = Field(examples=["updated"])
    at: str = Field(examples=["2026-11-02T09:30:00.000000Z"])
    attributes: list[str] = Field(examples=[["address"]])
    other: list[str] = Field(description="customers that it merged with, or was split from")
    values: Document | None = Field(examples=[VALUES])

    @classmethod
    def of(cls, v: s.SeenVersion) -> CustomerVersion:
        values = None if v.values is None else dict(v.values)
        return cls(
            version=v.version,
            change=v.type,
            at=when(v.at),
            attributes=list(v.attributes),
            other=list(v.other),
            values=values,
        )


class CrosswalkOut(Out):
    customer: str = Field(examples=[CUSTOMER_ID])
    type: str = Field(examples=["person"])
    records: list[RecordName]

    @classmethod
    def of(cls, c: s.Crosswalk) -> CrosswalkOut:
        return cls(customer=c.customer, type=c.type, records=[RecordName.of(r) for r in c.records])


class OverrideIn(In):
    """Values to show instead of what the sources say; an empty list clears the attribute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"values": ["ana.silva@example.com"], "reason": "she called and spelt it", "until": None}
        },
    )
    values: list[Any] = Field(max_length=100)
    reason: str = Field(min_length=1, max_length=1000)
    until: AwareDatetime | None = None

    @field_validator("values")
    @classmethod
    def _shallow(cls, values: list[object]) -> list[object]:
        if too_deep(values, 3):
            raise ValueError("nested too deeply")
        return values


# --- evidence --------------------------------------------------------------------------------------


class RecordOut(Out):
    record: RecordName
    type: str = Field(examples=["person"])
    customer: str | None = Field(examples=[CUSTOMER_ID])
    alive: bool
    values: Document = Field(examples=[VALUES])

    @classmethod
    def of(cls, r: s.SeenRecord) -> RecordOut:
        return cls(
            record=RecordName.of(r.record), type=r.type, customer=r.customer, alive=r.alive, values=dict(r.values)
        )


class SightOut(Out):
    at: str = Field(examples=["2026-03-01T10:00:00Z"])
    principal: str = Field(description="id of the key or session", examples=["0123456789ab"])
    role: str = Field(examples=["customer_service"])
    action: str = Field(examples=["get"])
    purpose: str = Field(examples=["service"])
    attributes: list[str] = Field(description="what the role sees of it", examples=[["email", "phone"]])
    origin: str = Field(description="the address that it came from", examples=["10.0.0.7"])
    request: str = Field(description="id of the request")
    identified: bool = Field(description="with proof that the customer was on the line")

    @classmethod
    def of(cls, s: SeenSight) -> SightOut:
        return cls(
            at=when(s.at),
            principal=s.principal,
            role=s.role,
            action=s.action,
            purpose=s.purpose,
            attributes=list(s.attributes),
            origin=s.origin,
            request=s.request,
            identified=s.identified,
        )


class PartOut(Out):
    comparison: str = Field(examples=["birth_date"])
    level: str = Field(examples=["exact"])
    words: str = Field(examples=["the same birth date"])
    weight: int = Field(examples=[11250], description="milli-bits")


class PairOut(Out):
    left: RecordName
    right: RecordName
    weight: int | None = Field(description="milli-bits; null when your role does not see all that was compared")
    parts: list[PartOut]

    @classmethod
    def of(cls, p: s.SeenPair) -> PairOut:
        parts = [PartOut(comparison=x.comparison, level=x.level, words=x.words, weight=x.weight) for x in p.parts]
        return cls(left=RecordName.of(p.left), right=RecordName.of(p.right), weight=p.weight, parts=parts)


class ExplainOut(Out):
    customer: str = Field(examples=[CUSTOMER_ID])
    type: str = Field(examples=["person"])
    complete: bool = Field(
        description="false: attributes that your role does not see were compared too, and are left out"
    )
    records: list[RecordOut]
    pairs: list[PairOut]
    model: str = Field(description="which model weighs the pairs", examples=["the shipped weights"])

    @classmethod
    def of(cls, e: s.Explained) -> ExplainOut:
        return cls(
            customer=e.customer,
            type=e.type,
            complete=e.complete,
            records=[RecordOut.of(r) for r in e.records],
            pairs=[PairOut.of(p) for p in e.pairs],
            model=e.model,
        )


class ReviewOut(Out):
    pair: PairOut
    left: RecordOut
    right: RecordOut
    joins: bool = Field(description="true: it weighs enough to join, but was refused or cut")

    @classmethod
    def of(cls, r: s.SeenReview) -> ReviewOut:
        return cls(pair=PairOut.of(r.pair), left=RecordOut.of(r.left), right=RecordOut.of(r.right), joins=r.joins)


class MatchIn(In):
    """A row as your system has it. Nothing of it is stored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "source": "web",
                "stream": "signups",
                "record": {"id": "new", "first": "Ana", "last": "Silva", "mail": "ana@example.com"},
            }
        },
    )
    source: str = Field(max_length=200)
    stream: str = Field(max_length=200)
    record: Document
    limit: int = Field(default=10, ge=1, le=50)

    @field_validator("record")
    @classmethod
    def _shallow(cls, record: Document) -> Document:
        return shallow(record)


def shallow(record: Document) -> Document:
    if too_deep(record, ROW_DEPTH):
        raise ValueError(f"nested deeper than {ROW_DEPTH} levels")
    return record


class MatchOut(Out):
    customer: str = Field(examples=[CUSTOMER_ID])
    joins: bool = Field(description="true: the row would become part of this customer")
    record: RecordName | None = Field(
        description="the customer's record that is nearest; for roles that may see the crosswalk"
    )
    weight: int | None = Field(examples=[18250])

    @classmethod
    def of(cls, m: s.SeenMatch) -> MatchOut:
        return cls(
            customer=m.customer, joins=m.joins, record=RecordName.of(m.record) if m.record else None, weight=m.weight
        )


class Matches(Out):
    data: list[MatchOut]


# --- writes ----------------------------------------------------------------------------------------


class RecordAnswer(Out):
    """What became of one record."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"key": "4711", "happened": "joined", "customer": CUSTOMER_ID, "version": 4, "reason": ""}
        }
    )
    key: str
    happened: Happened
    customer: str | None = None
    version: int | None = Field(default=None, description="of the customer, as your role counts it")
    reason: str = ""

    @classmethod
    def of(cls, o: Outcome, version: int | None) -> RecordAnswer:
        return cls(key=o.key, happened=o.happened, customer=o.customer, version=version, reason=o.reason)


class BatchAnswer(Out):
    """An answer per row, in the order of the rows; `read` = all of them."""

    read: int
    quarantined: int
    data: list[RecordAnswer]


class DecisionIn(In):
    """A steward's verdict on two records."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "left": {"source": "billing", "stream": "customers", "key": "4711"},
                "right": {"source": "crm", "stream": "people", "key": "p-9"},
                "verdict": "match",
                "reason": "same person, moved in 2024",
            }
        },
    )
    left: RecordName
    right: RecordName
    verdict: Verdict
    reason: str = Field(min_length=1, max_length=1000)


class DecisionOut(Out):
    id: int = Field(examples=[17])
    act: str = Field(
        examples=["act_0b9d61c04f4e4f5ea0c46f19e0a0a1c7"], description="the act that made it: what is undone by its id"
    )
    verdict: Verdict
    left: RecordName
    right: RecordName
    customers: list[str] = Field(examples=[[CUSTOMER_ID]], description="where the two records are now")


class ChangeOut(Out):
    """A change that your role is shown. Deliveries repeat: keep the highest `version` per customer."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "evt_0f3c5d",
                "type": "updated",
                "customer": CUSTOMER_ID,
                "customer_type": "person",
                "version": 3,
                "at": "2026-11-02T09:30:00.000000Z",
                "attributes": ["address"],
                "other": [],
                "data": None,
            }
        }
    )
    id: str
    type: str
    customer: str
    customer_type: str
    version: int
    at: str
    attributes: list[str]
    other: list[str]
    data: Customer | None = Field(description="the customer as it is now; null when this id is not shown any more")


class Health(Out):
    status: str = Field(examples=["ok"])
