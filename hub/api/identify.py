"""Callers: who is on the line; and seeing one customer in a hurry, for a reason that is kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.access.break_glass import BreakGlass, open_for, opened
from hub.access.callers import Callers, Found, HeardAnswer
from hub.access.seen import OpenedView
from hub.api.customers import Id, Limit
from hub.api.problems import documented
from hub.api.schemas import CUSTOMER_ID, VALUES, In, Out, Paged, when
from hub.api.security import TheHub, needs

router = APIRouter(prefix="/v1", tags=["callers"])


class CallerIn(In):
    said: dict[str, Annotated[str, Field(max_length=200)]] = Field(
        description="what the caller says, by attribute; `name` is any name",
        examples=[{"name": "Ana Silva", "phone": "790 4000"}],
        max_length=5,
    )
    type: str = Field(default="person", max_length=100)


class CandidateOut(Out):
    id: str = Field(examples=[CUSTOMER_ID])
    values: dict[str, Any] = Field(examples=[VALUES])


class CallerOut(Out):
    data: list[CandidateOut]
    many: bool = Field(description="too many to be told: ask one thing more")
    ask: str | None = Field(description="what would settle it best", examples=["birth_date"])

    @classmethod
    def of(cls, f: Found) -> CallerOut:
        told = [CandidateOut(id=c.id, values=dict(c.values)) for c in f.customers]
        return cls(data=told, many=f.many, ask=f.ask)


class AnswerIn(In):
    attribute: str = Field(max_length=200, examples=["birth_date", "address.postcode"])
    answer: str = Field(min_length=1, max_length=200, examples=["17.5.1980"])


class AnswerOut(Out):
    right: bool
    proof: str | None = Field(description="show it as X-Identified: the audit keeps that the caller was identified")
    until: str | None = Field(examples=["2026-03-01T10:15:00.000000Z"])
    left: int = Field(description="wrong answers that are still heard")

    @classmethod
    def of(cls, a: HeardAnswer) -> AnswerOut:
        return cls(right=a.right, proof=a.proof, until=None if a.until is None else when(a.until), left=a.left)


class GlassIn(In):
    customer: str = Field(max_length=100, examples=[CUSTOMER_ID])
    reason: str = Field(min_length=10, max_length=500, examples=["fire brigade asks for the owner of this address"])
    minutes: int = Field(default=15, ge=1, le=60)


class GlassOut(Out):
    id: str
    principal: str
    name: str
    role: str
    seen_as: str = Field(description="the role as which the customer is seen")
    customer: str = Field(examples=[CUSTOMER_ID])
    reason: str
    at: str
    until: str

    @classmethod
    def of(cls, o: OpenedView) -> GlassOut:
        return cls(
            id=o.id,
            principal=o.principal,
            name=o.name,
            role=o.role,
            seen_as=o.seen_as,
            customer=o.customer,
            reason=o.reason,
            at=when(o.at),
            until=when(o.until),
        )


@router.post("/identify", operation_id="identify_caller", responses=documented())
def identify_caller(hub: TheHub, principal: Annotated[Principal, needs("identify")], given: CallerIn) -> CallerOut:
    """The customers, three at most, that hold all that a caller says, and what to ask next. Misspellings are heard."""
    return CallerOut.of(Callers(hub.reader).identify(principal, given.said, given.type))


@router.post("/identify/{id}/verify", operation_id="verify_caller", responses=documented(404, 410, 423))
def verify_caller(
    hub: TheHub, principal: Annotated[Principal, needs("identify")], id: Id, given: AnswerIn
) -> AnswerOut:
    """Is the answer right? What is held is not shown. A right one gives a proof of some minutes; wrong ones lock."""
    return AnswerOut.of(Callers(hub.reader).verify(principal, id, given.attribute, given.answer))


@router.delete("/identify/{id}/lock", operation_id="unlock_caller", status_code=204, responses=documented(404))
def unlock_caller(hub: TheHub, principal: Annotated[Principal, needs("admin")], id: Id) -> Response:
    """Hear answers again: of a customer, or of an agent by the id of its key."""
    Callers(hub.reader).unlock(principal, id)
    return Response(status_code=204)


@router.post("/break-glass", operation_id="break_glass", status_code=201, responses=documented(404, 410))
def break_glass(hub: TheHub, principal: Annotated[Principal, needs("break_glass")], given: GlassIn) -> GlassOut:
    """See one customer as the role that yours names for it, for some minutes. It is told at once, listed, and kept."""
    return GlassOut.of(open_for(hub.reader, principal, BreakGlass(given.customer, given.reason, given.minutes)))


@router.get("/break-glass", operation_id="list_broken_glass", responses=documented())
def list_broken_glass(
    hub: TheHub, principal: Annotated[Principal, needs("audit")], limit: Limit = 50
) -> Paged[GlassOut]:
    """Who saw whom in a hurry, the newest first, and why."""
    return Paged(data=[GlassOut.of(o) for o in opened(hub.reader, principal, limit)])
