"""What happened with a customer: a page of events, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from hub.access.principals import Principal
from hub.access.timeline import SeenInteraction
from hub.api.customers import Cursor, Id, Limit, micros
from hub.api.problems import documented
from hub.api.schemas import Out, Paged, RecordName
from hub.api.security import TheHub, needs
from hub.model import from_micros

router = APIRouter(prefix="/v1", tags=["customers"])


class InteractionOut(Out):
    type: str = Field(examples=["order"])
    title: str = Field(examples=["Order"])
    at: datetime
    record: RecordName
    values: dict[str, Any] = Field(examples=[{"state": "placed", "total": {"amount": "12.50", "currency": "EUR"}}])

    @classmethod
    def of(cls, i: SeenInteraction) -> InteractionOut:
        return cls(
            type=i.type, title=i.title, at=from_micros(i.at), record=RecordName.of(i.record), values=dict(i.values)
        )


@router.get("/customers/{id}/interactions", operation_id="get_customer_interactions", responses=documented(404, 410))
def get_customer_interactions(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    id: Id,
    type: Annotated[str | None, Query(max_length=100, examples=["order"])] = None,
    since: Annotated[AwareDatetime | None, Query(description="from then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before then")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Paged[InteractionOut]:
    """What happened with a customer, newest first: of the types that your role sees. It goes where the customer's records go."""
    page = hub.timeline.page(
        principal,
        id,
        type_name=type,
        since=micros(since, "?since"),
        until=micros(until, "?until"),
        limit=limit,
        cursor=cursor,
    )
    return Paged(data=[InteractionOut.of(i) for i in page.data], next_cursor=page.next_cursor)
