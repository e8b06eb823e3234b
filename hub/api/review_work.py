"""The review queue as people work on it: ranked, claimed, assigned, commented; and what the labels speak for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, Field

from hub.access.authentication.principals import Principal
from hub.access.cursors import seal, unseal
from hub.access.review_items import see_queue
from hub.api.customers import Cursor, Limit, micros
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged, RecordName, when
from hub.api.security import TheHub, needs
from hub.delivery.disputes import disputed
from hub.open import Hub
from hub.stewardship.queue import Queue, Shown
from hub.tasks.hold import Hold, Note
from hub.tasks.holds import CLAIM

router = APIRouter(prefix="/v1", tags=["decisions"])

SECOND = 1_000_000


class CommentOut(Out):
    by: str
    at: str
    text: str

    @classmethod
    def of(cls, n: Note) -> CommentOut:
        return cls(by=n.by, at=when(n.at), text=n.text)


class HoldOut(Out):
    """Who works on an item, whose it is, when it is due."""

    claimed_by: str | None
    claimed_until: str | None
    assigned_to: str | None
    due: str | None

    @classmethod
    def of(cls, h: Hold | None) -> HoldOut:
        if h is None:
            return cls(claimed_by=None, claimed_until=None, assigned_to=None, due=None)
        until = when(h.claimed_until) if h.claimed_until else None
        return cls(
            claimed_by=h.claimed_by or None,
            claimed_until=until,
            assigned_to=h.assigned_to or None,
            due=when(h.due) if h.due else None,
        )


class ItemOut(Out):
    """Something to decide. Deciding on its two records closes all that lies between their customers."""

    kind: str = Field(examples=["grey"], description="grey, refused, cut, override, changed, contradicted or disputed")
    words: str
    left: RecordName
    right: RecordName
    type: str
    weight: int | None = Field(description="milli-bits")
    worth: int = Field(description="doubt x (golden values + deliveries that a decision would change), in millionths")
    values: int = Field(description="golden values that a decision would change, estimated")
    deliveries: int
    hold: HoldOut
    comments: list[CommentOut]

    @classmethod
    def of(cls, s: Shown) -> ItemOut:
        return cls(
            kind=s.item.kind,
            words=s.words,
            left=RecordName.of(s.left),
            right=RecordName.of(s.right),
            type=s.item.type,
            weight=s.item.weight,
            worth=s.item.worth,
            values=s.item.values,
            deliveries=s.item.deliveries,
            hold=HoldOut.of(s.hold),
            comments=[CommentOut.of(n) for n in s.notes],
        )


class ClaimIn(In):
    left: RecordName
    right: RecordName
    seconds: int = Field(default=CLAIM // SECOND, ge=0, le=86_400, description="0 gives the claim back")


class AssignIn(In):
    left: RecordName
    right: RecordName
    to: str = Field(max_length=200, description="empty: nobody")
    due: AwareDatetime | None = Field(default=None, description="from then on it comes first")


class CommentIn(In):
    left: RecordName
    right: RecordName
    text: str = Field(min_length=1, max_length=4000)


class ProposalOut(Out):
    """A join threshold that the labels speak for. Only the configuration changes it."""

    type: str
    labels: int
    join: int = Field(description="milli-bits now")
    proposed: int
    probability: float = Field(description="the proposed threshold as the configuration writes it")
    false_joins: int
    missed: int
    proposed_false_joins: int
    proposed_missed: int


def the_queue(request: Request, hub: Hub) -> Queue:
    """The queue of this process; its ranking is kept in the database, for all of them."""
    found: Queue | None = getattr(request.app.state, "queue", None)
    if found is None or found.resolver is not hub.resolver:  # the configuration was read anew
        found = request.app.state.queue = Queue(hub.resolver, disputed=disputed)
    return found


@router.get("/reviews/queue", operation_id="list_review_queue", responses=documented())
def list_review_queue(
    request: Request,
    hub: TheHub,
    principal: Annotated[Principal, needs("decide")],
    kind: Annotated[list[str] | None, Query(max_length=10)] = None,
    mine: Annotated[bool, Query(description="only what was assigned to you")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Paged[ItemOut]:
    """What to decide next, most worth first, overdue before all; without what somebody else has claimed."""
    bound = ("queue by position", hub.reader.view(principal).version, sorted(kind or ()), mine)
    at: Any = unseal(hub.reader.cursor_key, cursor, *bound) if cursor else None
    page = see_queue(
        hub.reader,
        principal,
        the_queue(request, hub),
        kinds=kind,
        mine=mine,
        after=None if at is None else (at[0], at[1], at[2], at[3], at[4], at[5]),
        limit=limit,
    )
    return Paged(
        data=[ItemOut.of(s) for s in page.items],
        next_cursor=seal(hub.reader.cursor_key, list(page.after), *bound) if page.after else None,
    )


@router.post("/reviews/claims", operation_id="claim_review", responses=documented(404, 409))
def claim_review(
    request: Request, hub: TheHub, principal: Annotated[Principal, needs("decide")], given: ClaimIn
) -> HoldOut:
    """Take an item for a while, so that nobody else works on it; or give it back."""
    left, right = _pair(hub, principal, given)
    queue = the_queue(request, hub)
    if not given.seconds:
        return HoldOut.of(queue.release(left, right, by=principal.name))
    return HoldOut.of(queue.claim(left, right, by=principal.name, lasts=given.seconds * SECOND))


@router.post("/reviews/assignments", operation_id="assign_review", responses=documented(404))
def assign_review(
    request: Request, hub: TheHub, principal: Annotated[Principal, needs("decide")], given: AssignIn
) -> HoldOut:
    """Say whose item this is and when it is due."""
    left, right = _pair(hub, principal, given)
    return HoldOut.of(the_queue(request, hub).assign(left, right, to=given.to, due=micros(given.due, "/due")))


@router.post("/reviews/comments", operation_id="comment_review", status_code=201, responses=documented(404))
def comment_review(
    request: Request, hub: TheHub, principal: Annotated[Principal, needs("decide")], given: CommentIn
) -> CommentOut:
    """Leave a comment on two records; it follows them."""
    left, right = _pair(hub, principal, given)
    queue = the_queue(request, hub)
    return CommentOut.of(queue.comment(left, right, by=principal.name, words=given.text))


@router.get("/reviews/proposals", operation_id="list_threshold_proposals", responses=documented())
def list_threshold_proposals(
    request: Request, hub: TheHub, principal: Annotated[Principal, needs("decide")]
) -> Paged[ProposalOut]:
    """What all decisions together say of the join threshold. Nothing is changed by asking."""
    shown = hub.reader.compared_types(principal) - hub.reader.view(principal).limited
    made = [p for p in the_queue(request, hub).proposals() if p.type in shown]
    return Paged(
        data=[
            ProposalOut(
                type=p.type,
                labels=p.labels,
                join=p.join,
                proposed=p.proposed,
                probability=p.probability,
                false_joins=p.false_joins,
                missed=p.missed,
                proposed_false_joins=p.proposed_false_joins,
                proposed_missed=p.proposed_missed,
            )
            for p in made
        ]
    )


def _pair(hub: Hub, principal: Principal, given: ClaimIn | AssignIn | CommentIn) -> tuple[Any, Any]:
    left, right = given.left.id(), given.right.id()
    hub.reader.must_see(principal, left, "/left")
    hub.reader.must_see(principal, right, "/right")
    return left, right
