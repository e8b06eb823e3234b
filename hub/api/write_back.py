"""What write-back could not do, and what to do with it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import In, Out, RecordName, when
from hub.api.security import TheHub, needs
from hub.delivery.dead_writes import DeadLetter, DeadWrites, HeldWrites
from hub.delivery.disputes import Dispute, Disputes
from hub.delivery.sent import SentLog, SentOnce
from hub.delivery.subscriptions import Subscriptions
from hub.model import RecordId

router = APIRouter(prefix="/v1", tags=["delivery"])

Admin = Annotated[Principal, needs("admin")]
Name = Annotated[str, Path(max_length=200)]


class DeadLetterOut(Out):
    """A record that its source would not take the values of (rejected), keeps changing back (tripped), or would not make."""

    record: RecordName = Field(description="of one that was to be made, the key is `new:` and a number")
    made_for: RecordName | None = Field(description="the record that it was to be made for")
    state: str
    tries: int
    why: str
    last_try_at: str

    @classmethod
    def of(cls, d: DeadLetter) -> DeadLetterOut:
        return cls(
            record=RecordName.of(d.record),
            made_for=None if d.made_for is None else RecordName.of(d.made_for),
            state=d.status,
            tries=d.attempts,
            why=d.detail,
            last_try_at=when(d.at),
        )


class HeldOut(Out):
    """A stream to which too much would be written at once."""

    source: str
    stream: str
    waiting: int = Field(description="records that waited when it was looked at")
    since: str

    @classmethod
    def of(cls, h: HeldWrites) -> HeldOut:
        return cls(source=h.source, stream=h.stream, waiting=h.due, since=when(h.at))


class DeadLettersOut(Out):
    """What write-back could not do, the newest first, and which streams are held."""

    data: list[DeadLetterOut]
    held: list[HeldOut]


class RetryWritesIn(In):
    """Which of them wait again; without a record all that were refused."""

    record: RecordName | None = None


class DropWriteIn(In):
    record: RecordName
    reason: str = Field(min_length=1, max_length=500, examples=["the CRM allows no such number"])


class DisputedFieldOut(Out):
    attribute: str
    hub: list[object]
    there: list[object] = Field(description="what the system holds, as it last said")


class DisputeOut(Out):
    """A record that its system keeps changing back: nothing more is written to it until somebody says who is right."""

    record: RecordName
    customer: str
    fields: list[DisputedFieldOut]
    hidden: int = Field(description="further fields, which your role is not shown")
    since: str

    @classmethod
    def of(cls, d: Dispute) -> DisputeOut:
        fields = [DisputedFieldOut(attribute=f.attribute, hub=list(f.hub), there=list(f.there)) for f in d.fields]
        return cls(
            record=RecordName.of(d.record), customer=d.customer, fields=fields, hidden=d.hidden, since=when(d.at)
        )


class SettleIn(In):
    record: RecordName
    answer: Literal["leave", "take", "again"] = Field(
        description="leave: the hub is right, and the system stays as it is until the hub's value changes; take: the system"
        " is right, and its values are set by hand (needs the permission override); again: the system was mended, write once more"
    )
    reason: str = Field(min_length=1, max_length=500, examples=["the CRM shortens titles"])


class WaitingAgain(Out):
    records: int


@router.get("/write-back", operation_id="list_dead_writes", responses=documented())
def list_dead_writes(
    hub: TheHub, _principal: Admin, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> DeadLettersOut:
    """Dead letters of write-back, and streams that wait for a confirmation."""
    dead = DeadWrites(hub.database)
    return DeadLettersOut(
        data=[DeadLetterOut.of(d) for d in dead.all(limit)], held=[HeldOut.of(h) for h in dead.held()]
    )


@router.post("/write-back/retry", operation_id="retry_dead_writes", responses=documented(404))
def retry_dead_writes(hub: TheHub, _principal: Admin, given: RetryWritesIn) -> WaitingAgain:
    """Refused ones wait again, one or all. One that its source keeps changing back waits for the next change."""
    record = None if given.record is None else given.record.id()
    return WaitingAgain(records=DeadWrites(hub.database).retry(record))


@router.post(
    "/write-back/drop",
    operation_id="drop_dead_write",
    status_code=204,
    response_class=Response,
    responses=documented(404),
)
def drop_dead_write(hub: TheHub, _principal: Admin, given: DropWriteIn) -> None:
    """Give one up, until its golden record changes again."""
    DeadWrites(hub.database).drop(given.record.id(), given.reason)


@router.get("/write-back/dispute", operation_id="get_dispute", responses=documented(404, 410))
def get_dispute(
    hub: TheHub,
    principal: Annotated[Principal, needs("decide")],
    source: Annotated[str, Query(max_length=200)],
    stream: Annotated[str, Query(max_length=200)],
    key: Annotated[str, Query(max_length=512)],
) -> DisputeOut:
    """What a system keeps changing back in one record: both values of each field."""
    return DisputeOut.of(Disputes(hub.resolver, hub.reader).get(principal, RecordId(source, stream, key)))


@router.post(
    "/write-back/settle",
    operation_id="settle_dispute",
    status_code=204,
    response_class=Response,
    responses=documented(404, 409, 410),
)
def settle_dispute(hub: TheHub, principal: Annotated[Principal, needs("decide")], given: SettleIn) -> None:
    """Say who is right."""
    Disputes(hub.resolver, hub.reader).settle(principal, given.record.id(), given.answer, given.reason)


@router.post(
    "/write-back/{source}/{stream}/confirm",
    operation_id="confirm_writes",
    status_code=204,
    response_class=Response,
    responses=documented(404),
)
def confirm_writes(hub: TheHub, principal: Admin, source: Name, stream: Name) -> None:
    """Let through what is too much to write to a stream at once."""
    DeadWrites(hub.database).confirm(source, stream, by=principal.name)


class SentOut(Out):
    """That something of a customer was sent to somebody. No values."""

    at: str
    to: str = Field(description="the subscription's name, or the record as source/stream/key")
    what: str = Field(description="of a record, the attributes that were written")
    state: str = Field(description="pending, done, dead, dropped; of a record: sent, confirmed")

    @classmethod
    def of(cls, s: SentOnce) -> SentOut:
        return cls(at=when(s.at), to=s.to, what=s.what, state=s.state)


class SentListOut(Out):
    data: list[SentOut]


@router.get("/customers/{id}/sent", operation_id="get_customer_sent", responses=documented(404, 410))
def get_sent(
    hub: TheHub, principal: Annotated[Principal, needs("crosswalk")], id: Annotated[str, Path(max_length=100)]
) -> SentListOut:
    """What was sent of a customer to whom, the newest first: webhooks that you may see, and records that were written to."""
    log = SentLog(hub.reader, Subscriptions(hub.reader, hub.networks))
    return SentListOut(data=[SentOut.of(s) for s in log.of_customer(principal, id)])
