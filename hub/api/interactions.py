"""What happened with a customer: a page of events, one with its versions, what staff write down; rows on no page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field

from hub.access.authentication.principals import Principal
from hub.access.timeline import Asked, SeenInteraction, SeenStanding
from hub.access.waiting import SeenWaiting, WaitingRows, Why
from hub.api.customers import Cursor, Id, Limit, micros
from hub.api.idempotency import IdempotencyKey, Mark, once
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged, RecordName
from hub.api.security import TheHub, needs
from hub.model import from_micros

router = APIRouter(prefix="/v1", tags=["customers"])

InteractionId = Annotated[str, Path(description="its id on the customer's page", max_length=100)]
VALUES = {"state": "placed", "total": {"amount": "12.50", "currency": "EUR"}}
NOTE = {"direction": "in", "outcome": "answered", "spent": "7 min", "note": "asks when the meter is read"}


class InteractionOut(Out):
    id: str = Field(examples=["int_019a1b2c3d4e7f60812233445566778a"])
    type: str = Field(examples=["order"])
    title: str = Field(examples=["Order"])
    at: datetime
    record: RecordName
    values: dict[str, object] = Field(examples=[VALUES])
    attributed: str = Field(description="email, phone: by that alone, which this customer holds verified and no other")

    @classmethod
    def of(cls, i: SeenInteraction) -> InteractionOut:
        return cls(
            id=i.id,
            type=i.type,
            title=i.title,
            at=from_micros(i.at),
            record=RecordName.of(i.record),
            values=dict(i.values),
            attributed=i.attributed,
        )


class InteractionVersion(Out):
    """How it stood from a time on."""

    at: datetime = Field(description="from when its source says so; without a time of its own, from when it landed")
    landed: datetime
    values: dict[str, object] | None = Field(description="null: the configuration of today cannot read it")
    gone: bool = Field(description="it was taken back")
    suspended: bool = Field(description="it counts as not there")
    by: str = Field(description="who wrote it down, of what staff log")
    caused_by: InteractionOut | None = Field(description="what brought it about, where that is on the same page")

    @classmethod
    def of(cls, v: SeenStanding) -> InteractionVersion:
        return cls(
            at=from_micros(v.at),
            landed=from_micros(v.landed),
            values=None if v.values is None else dict(v.values),
            gone=v.gone,
            suspended=v.suspended,
            by=v.by,
            caused_by=None if v.cause is None else InteractionOut.of(v.cause),
        )


class InteractionWhole(Out):
    interaction: InteractionOut
    versions: list[InteractionVersion] = Field(description="oldest first")


class LogIn(In):
    """Something that staff write down."""

    type: str = Field(max_length=100, examples=["call"])
    values: dict[str, object] = Field(examples=[NOTE], description="without a time it happened now")
    record: RecordName | None = Field(
        default=None, description="the source record that it belongs to; none: the first that the customer had"
    )


class LogChange(In):
    values: dict[str, object] = Field(
        description="what is replaced; null takes a value out", examples=[{"spent": "9 min"}]
    )


class WaitingOut(Out):
    id: str
    type: str
    record: RecordName
    owner: RecordName | None = Field(description="the record that it waits for")
    customers: list[str] = Field(description="of an ambiguous one, those who hold its contact point")
    reason: str = Field(description="why it cannot be read")

    @classmethod
    def of(cls, w: SeenWaiting) -> WaitingOut:
        owner = None if w.owner is None else RecordName.of(w.owner)
        return cls(
            id=w.id,
            type=w.type,
            record=RecordName.of(w.record),
            owner=owner,
            customers=list(w.customers),
            reason=w.reason,
        )


class WaitingPage(Paged[WaitingOut]):
    counts: dict[str, int] = Field(description="all rows on no page, by why", examples=[{"unowned": 12, "unread": 0}])


@router.get("/customers/{id}/interactions", operation_id="get_customer_interactions", responses=documented(404, 410))
def get_customer_interactions(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    id: Id,
    type: Annotated[
        list[str] | None, Query(max_length=50, description="of these types", examples=[["order", "complaint"]])
    ] = None,
    channel: Annotated[str | None, Query(max_length=100, examples=["phone"])] = None,
    since: Annotated[AwareDatetime | None, Query(description="from then on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="before then")] = None,
    q: Annotated[str, Query(max_length=200, description="words that must be in it, as your role sees it")] = "",
    as_of: Annotated[
        AwareDatetime | None, Query(description="as things stood then; what was taken back since is not there")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Paged[InteractionOut]:
    """What happened with a customer, newest first: of the types that your role sees. It goes where the customer's records go."""
    asked = Asked(
        tuple(sorted(type or ())),
        channel,
        micros(since, "?since"),
        micros(until, "?until"),
        q,
        micros(as_of, "?as_of"),
    )
    page = hub.timeline.page(principal, id, asked, limit=limit, cursor=cursor)
    return Paged(data=[InteractionOut.of(i) for i in page.data], next_cursor=page.next_cursor)


@router.get(
    "/customers/{id}/interactions/{interaction}",
    operation_id="get_customer_interaction",
    responses=documented(404, 410),
)
def get_customer_interaction(
    hub: TheHub, principal: Annotated[Principal, needs("read")], id: Id, interaction: InteractionId
) -> InteractionWhole:
    """One thing that happened, with its versions and what brought each about."""
    return _whole(hub, principal, id, interaction)


def _whole(hub: TheHub, principal: Principal, id: str, interaction: str) -> InteractionWhole:
    seen, versions = hub.timeline.one(principal, id, interaction)
    return InteractionWhole(interaction=InteractionOut.of(seen), versions=[InteractionVersion.of(v) for v in versions])


@router.post(
    "/customers/{id}/interactions",
    operation_id="log_customer_interaction",
    status_code=201,
    response_model=InteractionWhole,
    responses=documented(404, 410),
)
def log_customer_interaction(
    hub: TheHub,
    principal: Annotated[Principal, needs("log")],
    id: Id,
    given: LogIn,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Write down what happened with a customer: a call, its outcome, its minutes. It belongs to a source record, and goes where that goes."""

    def make(mark: Mark) -> str:
        hub.timeline.may_log(principal, id, given.type, given.values)
        record = None if given.record is None else given.record.id()
        return hub.logbook.add(id, given.type, given.values, by=principal.name, record=record, mark=mark)

    def tell(made: str) -> tuple[int, Any]:
        return 201, _whole(hub, principal, id, made).model_dump(mode="json")

    request = ["POST interactions", id, given.model_dump(mode="json")]
    return once(hub, principal, idempotency_key, request, make, tell)


@router.patch(
    "/customers/{id}/interactions/{interaction}",
    operation_id="change_customer_interaction",
    responses=documented(404, 409, 410),
)
def change_customer_interaction(
    hub: TheHub, principal: Annotated[Principal, needs("log")], id: Id, interaction: InteractionId, given: LogChange
) -> InteractionWhole:
    """Another version of what staff wrote down. What a connected system says is changed there."""
    seen, _ = hub.timeline.one(principal, id, interaction)
    hub.timeline.may_log(principal, id, seen.type, given.values)
    hub.logbook.change(interaction, given.values, by=principal.name)
    return _whole(hub, principal, id, interaction)


@router.get("/interactions/waiting", operation_id="list_waiting_interactions", responses=documented())
def list_waiting_interactions(
    hub: TheHub,
    principal: Annotated[Principal, needs("crosswalk")],
    why: Annotated[
        Why,
        Query(
            description="unowned: the record that it names is not there, or nobody holds its contact point verified; ambiguous: two or more do; unread: the configuration cannot read it"
        ),
    ] = "unowned",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> WaitingPage:
    """Rows that are on no customer's page, and why. They are adopted by themselves once their owner or their type is there."""
    waiting = WaitingRows(hub.timeline)
    page = waiting.page(principal, why, limit=limit, cursor=cursor)
    return WaitingPage(
        data=[WaitingOut.of(w) for w in page.data], next_cursor=page.next_cursor, counts=waiting.counts(principal)
    )
