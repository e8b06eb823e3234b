"""What customers are worth and what they cost; who is alike in that."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.access.figures import SeenSegment
from hub.api.customers import Cursor, Id, Limit
from hub.api.problems import documented
from hub.api.schemas import Out, Paged, when
from hub.api.security import TheHub, needs
from hub.figures.counted import ToldFigure, WasCounted
from hub.kinds.money import shown
from hub.model import from_micros

router = APIRouter(prefix="/v1", tags=["figures"])

Name = Annotated[str, Path(max_length=100)]


class CountedOut(Out):
    """What was counted for a figure, and where its rows are."""

    how: str = Field(examples=["sum"])
    what: str = Field(examples=["amount"])
    types: list[str] = Field(description="of interactions; none: all")
    since: datetime | None = Field(description="the begin of the first month that counts")
    rows: int
    sums: dict[str, str] = Field(description="by currency, as it was said", examples=[{"EUR": "120.50"}])
    see: str = Field(description="the rows", examples=["/v1/customers/cus_1/interactions?type=order"])

    @classmethod
    def of(cls, id: str, c: WasCounted) -> CountedOut:
        asked: list[tuple[str, str]] = [("type", t) for t in c.types]
        if len(c.channels) == 1:
            asked.append(("channel", c.channels[0]))
        if c.since is not None:
            asked.append(("since", when(c.since)))
        rows = f"/v1/customers/{id}/interactions"
        return cls(
            how=c.how,
            what=c.what,
            types=list(c.types),
            since=None if c.since is None else from_micros(c.since),
            rows=c.rows,
            sums={currency: shown(units, currency) for currency, units in c.sums.items()},
            see=f"{rows}?{urlencode(asked)}" if asked else rows,
        )


class FigureOut(Out):
    title: str
    kind: str = Field(description="number, money or moment")
    value: str | None = Field(description="exact, as text; null: not known", examples=["120.50"])
    currency: str | None
    formula: str = Field(examples=["sum(order.amount)"])
    counted: list[CountedOut] = Field(description="of types that your role sees")
    unknown: str = Field(description="why the value is not known")

    @classmethod
    def of(cls, id: str, t: ToldFigure) -> FigureOut:
        return cls(
            title=t.title,
            kind=t.kind,
            value=t.value,
            currency=t.currency,
            formula=t.formula,
            counted=[CountedOut.of(id, c) for c in t.counted],
            unknown=t.unknown,
        )


class CustomerFigures(Out):
    id: str
    figures: dict[str, FigureOut]
    segments: list[str] = Field(examples=[["serial_complainer"]])
    below: list[str] = Field(description="customers that were added up with it")


class MemberOut(Out):
    id: str
    type: str
    figures: dict[str, str | None] = Field(description="those that the condition is made of")


class SegmentOut(Out):
    name: str
    title: str
    when: str = Field(examples=["complaints_twelve_months >= 3"])
    count: int | None = Field(
        description="when it was counted last; null: not yet, or your role sees some customers only"
    )
    counted_at: datetime | None

    @classmethod
    def fields_of(cls, s: SeenSegment) -> dict[str, Any]:
        at = None if s.counted_at is None else from_micros(s.counted_at)
        return {"name": s.name, "title": s.title, "when": s.when, "count": s.count, "counted_at": at}


class SegmentPage(SegmentOut):
    data: list[MemberOut]
    next_cursor: str | None


class DayCountOut(Out):
    day: date
    count: int


@router.get("/customers/{id}/figures", operation_id="get_customer_figures", responses=documented(404, 410))
def get_customer_figures(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    id: Id,
    along: Annotated[
        str | None,
        Query(max_length=100, description="a relation that leads upward: with all that are below", examples=["parent"]),
    ] = None,
) -> CustomerFigures:
    """What a customer is worth and what it costs, how each was counted, and the segments that it is in."""
    found = hub.figures.of_customer(principal, id, along=along)
    figures = {t.name: FigureOut.of(found.customer, t) for t in found.figures}
    return CustomerFigures(id=found.customer, figures=figures, segments=list(found.segments), below=list(found.below))


@router.get("/segments", operation_id="list_segments", responses=documented())
def list_segments(hub: TheHub, principal: Annotated[Principal, needs("read")]) -> Paged[SegmentOut]:
    """Segments that your role sees."""
    return Paged(data=[SegmentOut(**SegmentOut.fields_of(s)) for s in hub.figures.segments(principal)])


@router.get("/segments/{name}", operation_id="get_segment", responses=documented(404))
def get_segment(
    hub: TheHub, principal: Annotated[Principal, needs("read")], name: Name, limit: Limit = 50, cursor: Cursor = None
) -> SegmentPage:
    """Customers of a segment: of those counted last (each hour, and by `hub segments`), those of whom it holds still."""
    found = hub.figures.segment(principal, name, limit=limit, cursor=cursor)
    data = [
        MemberOut(id=m.customer, type=m.type, figures={n: t.value for n, t in m.figures.items()}) for m in found.members
    ]
    return SegmentPage(**SegmentOut.fields_of(found), data=data, next_cursor=found.next_cursor)


@router.get("/segments/{name}/counts", operation_id="get_segment_counts", responses=documented(404))
def get_segment_counts(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    name: Name,
    since: Annotated[date | None, Query(description="from this day on")] = None,
) -> Paged[DayCountOut]:
    """How many customers a segment had on each day, newest first."""
    found = hub.figures.counts(principal, name, since=since.isoformat() if since else "")
    return Paged(data=[DayCountOut(day=date.fromisoformat(c.day), count=c.n) for c in found])
