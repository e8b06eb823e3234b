"""How customers belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.access.relations import SeenRelation
from hub.api.customers import Id
from hub.api.problems import documented
from hub.api.schemas import Out, Paged, RecordName
from hub.api.security import TheHub, needs
from hub.model import from_micros

router = APIRouter(prefix="/v1", tags=["customers"])


class RelationOut(Out):
    type: str = Field(examples=["contact_person"])
    title: str = Field(description="what the other is to this customer", examples=["Contact person"])
    customer: str = Field(description="the other customer")
    customer_type: str
    since: datetime | None
    until: datetime | None
    record: RecordName | None = Field(description="the row that says so")
    values: dict[str, Any]
    reason: str = Field(description="what shows it, where no source says so", examples=["same address and surname"])
    circle: bool = Field(description="it leads back to this customer: figures are not added up along it")

    @classmethod
    def of(cls, r: SeenRelation) -> RelationOut:
        return cls(
            type=r.type,
            title=r.title,
            customer=r.other,
            customer_type=r.other_type,
            since=None if r.since is None else from_micros(r.since),
            until=None if r.until is None else from_micros(r.until),
            record=None if r.record is None else RecordName.of(r.record),
            values=dict(r.values),
            reason=r.reason,
            circle=r.circle,
        )


@router.get("/customers/{id}/relations", operation_id="get_customer_relations", responses=documented(404, 410))
def get_customer_relations(hub: TheHub, principal: Annotated[Principal, needs("read")], id: Id) -> Paged[RelationOut]:
    """How a customer belongs together with others that your role sees. The ends of a relation go where their records go."""
    return Paged(data=[RelationOut.of(r) for r in hub.relations.of_customer(principal, id)])
