"""Subscriptions: who is told of changes by webhook, how it went, and what to do with what could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, Field

from hub.access.authentication.principals import Principal
from hub.api.customers import Limit
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged, when
from hub.api.security import TheHub, needs
from hub.delivery.subscriptions import Subscriptions, Wish
from hub.model import to_micros
from hub.open import Hub

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

Subscriber = Annotated[Principal, needs("subscribe")]
Id = Annotated[str, Path(max_length=100)]
EventId = Annotated[str, Path(max_length=100)]
Status = Literal["pending", "done", "dead", "dropped"]


class SubscriptionIn(In):
    name: str = Field(min_length=1, max_length=200, examples=["warehouse"])
    url: str = Field(max_length=2000, examples=["https://example.com/hooks"])
    types: list[str] = Field(default=[], max_length=100, description="customer types; none: all that your role sees")
    attributes: list[str] = Field(
        default=[], max_length=500, description="only these are told, and only their changes; none: all"
    )
    purpose: str = Field(default="", max_length=500, description="what for; else your role's purpose")
    since: Literal["now", "start"] = Field(default="now", description="start: also the changes that the hub still has")


class SubscriptionOut(Out):
    id: str
    name: str
    url: str
    types: list[str]
    attributes: list[str]
    role: str
    purpose: str
    owner: str
    state: str = Field(description="active, paused or disabled")
    reason: str = Field(description="why it is not active")
    created_at: str
    failing_since: str | None
    secret: str | None = Field(default=None, description="whsec_...: told once, when it is made or rotated")

    @classmethod
    def of(cls, s: Any, secret: str | None = None) -> SubscriptionOut:
        return cls(
            id=s.id,
            name=s.name,
            url=s.url,
            types=list(s.types),
            attributes=list(s.attributes),
            role=s.role,
            purpose=s.purpose,
            owner=s.owner,
            state=s.state,
            reason=s.reason,
            created_at=when(s.at),
            failing_since=None if s.failing_since is None else when(s.failing_since),
            secret=secret,
        )


class DeliveryOut(Out):
    """One event's way. What it told is not kept: it is rendered when it is sent."""

    event: str = Field(description="the event's id: the same at each try")
    customer: str
    status: str
    attempts: int
    code: int = Field(description="HTTP status of the last answer; 0: none came")
    detail: str
    changed_at: str
    next_at: str | None
    at: str

    @classmethod
    def of(cls, d: Any) -> DeliveryOut:
        return cls(
            event=d.event,
            customer=d.customer,
            status=d.status,
            attempts=d.attempts,
            code=d.code,
            detail=d.detail,
            changed_at=when(d.changed_at),
            next_at=when(d.next_at) if d.status == "pending" else None,
            at=when(d.at),
        )


class Tried(Out):
    code: int = Field(description="HTTP status; 0: no answer came")
    detail: str


class HowMany(Out):
    deliveries: int


class ReplayIn(In):
    since: AwareDatetime
    until: AwareDatetime


class DropIn(In):
    reason: str = Field(min_length=1, max_length=500)


def _of(hub: Hub) -> Subscriptions:
    return Subscriptions(hub.reader, hub.networks)


@router.post("", operation_id="create_subscription", status_code=201, responses=documented(409))
def create_subscription(hub: TheHub, principal: Subscriber, given: SubscriptionIn) -> SubscriptionOut:
    """Be told of changes by webhook, in your role's view. The answer holds the secret that signs, this once."""
    wish = Wish(
        given.name, given.url, tuple(given.types), tuple(given.attributes), given.purpose, given.since == "start"
    )
    return SubscriptionOut.of(*_of(hub).create(principal, wish))


@router.get("", operation_id="list_subscriptions", responses=documented())
def list_subscriptions(hub: TheHub, principal: Subscriber) -> Paged[SubscriptionOut]:
    """Your subscriptions; for an admin, everybody's. All in one page."""
    return Paged(data=[SubscriptionOut.of(s) for s in _of(hub).all(principal)])


@router.get("/{id}", operation_id="get_subscription", responses=documented(404))
def get_subscription(hub: TheHub, principal: Subscriber, id: Id) -> SubscriptionOut:
    """One subscription and its state."""
    return SubscriptionOut.of(_of(hub).get(principal, id))


@router.delete(
    "/{id}", operation_id="delete_subscription", status_code=204, response_class=Response, responses=documented(404)
)
def delete_subscription(hub: TheHub, principal: Subscriber, id: Id) -> None:
    """End it. Its log goes with it."""
    _of(hub).remove(principal, id)


@router.post("/{id}/pause", operation_id="pause_subscription", responses=documented(404))
def pause_subscription(hub: TheHub, principal: Subscriber, id: Id) -> SubscriptionOut:
    """Nothing is sent until it is resumed; nothing is lost."""
    return SubscriptionOut.of(_of(hub).set_state(principal, id, "paused", "paused by hand"))


@router.post("/{id}/resume", operation_id="resume_subscription", responses=documented(404))
def resume_subscription(hub: TheHub, principal: Subscriber, id: Id) -> SubscriptionOut:
    """Send again, after a pause or after it was disabled: what waited goes first."""
    return SubscriptionOut.of(_of(hub).set_state(principal, id, "active"))


@router.post("/{id}/rotate", operation_id="rotate_subscription", responses=documented(404, 409))
def rotate_subscription(hub: TheHub, principal: Subscriber, id: Id) -> SubscriptionOut:
    """A new secret. For a day both sign, so that you can change over without a gap."""
    return SubscriptionOut.of(*_of(hub).rotate(principal, id))


@router.post("/{id}/test", operation_id="test_subscription", responses=documented(404))
def test_subscription(hub: TheHub, principal: Subscriber, id: Id) -> Tried:
    """Send an event of type `hub.test`, signed, that tells of nobody. Answers with what came back."""
    found = _of(hub).test(principal, id)
    return Tried(code=found.code, detail=found.detail)


@router.get("/{id}/deliveries", operation_id="list_deliveries", responses=documented(404))
def list_deliveries(
    hub: TheHub,
    principal: Subscriber,
    id: Id,
    status: Annotated[Status | None, Query(description="only these; dead: what ran out of tries")] = None,
    before: Annotated[str | None, Query(max_length=100, description="the last event of the page before")] = None,
    limit: Limit = 50,
) -> Paged[DeliveryOut]:
    """What was sent and how it went, the newest first. Ask with `before` for older ones."""
    found = _of(hub).deliveries(principal, id, status=status, before=before, limit=limit)
    return Paged(data=[DeliveryOut.of(d) for d in found])


@router.post("/{id}/retry", operation_id="retry_deliveries", responses=documented(404))
def retry_deliveries(hub: TheHub, principal: Subscriber, id: Id) -> HowMany:
    """All dead letters wait again."""
    return HowMany(deliveries=_of(hub).retry(principal, id))


@router.post("/{id}/replay", operation_id="replay_deliveries", responses=documented(404))
def replay_deliveries(hub: TheHub, principal: Subscriber, id: Id, given: ReplayIn) -> HowMany:
    """Send the changes of a range of time again, with the same event ids."""
    return HowMany(deliveries=_of(hub).replay(principal, id, to_micros(given.since), to_micros(given.until)))


@router.post("/{id}/deliveries/{event}/retry", operation_id="retry_delivery", responses=documented(404))
def retry_delivery(hub: TheHub, principal: Subscriber, id: Id, event: EventId) -> HowMany:
    """One dead letter waits again."""
    return HowMany(deliveries=_of(hub).retry(principal, id, event))


@router.post(
    "/{id}/deliveries/{event}/drop",
    operation_id="drop_delivery",
    status_code=204,
    response_class=Response,
    responses=documented(404),
)
def drop_delivery(hub: TheHub, principal: Subscriber, id: Id, event: EventId, given: DropIn) -> None:
    """Give a dead letter up, with the reason."""
    _of(hub).drop(principal, id, event, given.reason)
