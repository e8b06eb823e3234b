"""How we are doing, now and over time: counts, times and amounts, no customers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import Out
from hub.api.security import TheHub, needs
from hub.errors import Fault, Unprocessable
from hub.kinds.money import shown
from hub.model import from_micros
from hub.work.performance import LONGEST, MEASURES, By, ToldMeasure, told

router = APIRouter(prefix="/v1", tags=["delivery"])

DAYS = 31  # that are told where nobody says since when


class MeasuredOut(Out):
    """A number of an hour, a day or a month."""

    at: datetime = Field(description="when the hour, day or month begins, in UTC")
    measure: str = Field(examples=["contacts"])
    what: str = Field(description="a type, a list, a channel, a verdict, or source.stream", examples=["call"])
    by: str = Field(description="a channel, a steward or an attribute", examples=["phone"])
    n: int
    part: int = Field(description="of how many of them it holds what the measure says")
    seconds: int
    amount: str | None = Field(examples=["120.50"])
    currency: str | None

    @classmethod
    def of(cls, t: ToldMeasure) -> MeasuredOut:
        m = t.measured
        return cls(
            at=t.at,
            measure=m.measure,
            what=m.what,
            by=m.by,
            n=m.n,
            part=m.part,
            seconds=m.seconds,
            amount=shown(m.amount, m.currency) if m.currency else None,
            currency=m.currency or None,
        )


class Performance(Out):
    measures: dict[str, str] = Field(description="those that are told, and what each counts")
    data: list[MeasuredOut] = Field(description="in order of time, measure, what and by")


@router.get("/performance", operation_id="get_performance", responses=documented(422))
def get_performance(
    hub: TheHub,
    _principal: Annotated[Principal, needs("metrics")],
    measure: Annotated[
        list[str] | None, Query(max_length=50, description="these alone", examples=[["contacts", "backlog"]])
    ] = None,
    since: Annotated[date | None, Query(description="from this day on; default: a month")] = None,
    until: Annotated[date | None, Query(description="before this day; default: with today")] = None,
    by: Annotated[By, Query(description="by the hour: contacts and sales")] = "day",
) -> Performance:
    """How we are doing, over time: what happened, what was answered in time, what waits, what steward decided what, how good
    the data is. Counted each hour by `hub serve`, and by `hub report`."""
    unknown = sorted(set(measure or ()) - MEASURES.keys())
    if unknown:
        raise Unprocessable("no such measure", [Fault("?measure", f"'{unknown[0]}'", f"known: {', '.join(MEASURES)}")])
    end = until or from_micros(hub.database.clock.now()).date() + timedelta(days=1)
    begin = since or end - timedelta(days=DAYS)
    if not 0 <= (end - begin).days <= (LONGEST if by != "hour" else DAYS):
        most = LONGEST if by != "hour" else DAYS
        raise Unprocessable("too long a time", [Fault("?since", f"more than {most} days", "ask for a part of it")])
    asked = {m: words for m, words in MEASURES.items() if measure is None or m in measure}
    found = told(hub.database, hub.config, list(asked), begin, end, by)
    return Performance(measures=asked, data=[MeasuredOut.of(t) for t in found])
