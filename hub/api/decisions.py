"""A steward's work: pairs to look at, verdicts on them, verdicts taken back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from hub.access.authentication.principals import Principal
from hub.api.customers import Cursor, Limit
from hub.api.idempotency import IdempotencyKey, Mark, once
from hub.api.problems import documented
from hub.api.schemas import LARGEST, DecisionIn, DecisionOut, Paged, ReviewOut
from hub.api.security import TheHub, needs
from hub.stewardship.acts import Decide, Withdraw
from hub.stewardship.run import Acts

router = APIRouter(prefix="/v1", tags=["decisions"])


@router.get("/reviews", operation_id="list_reviews", responses=documented())
def list_reviews(
    hub: TheHub, principal: Annotated[Principal, needs("decide")], limit: Limit = 50, cursor: Cursor = None
) -> Paged[ReviewOut]:
    """Pairs of records that may be one customer, and that nobody decided on: both sides, and what speaks for and against."""
    page = hub.reader.reviews(principal, limit=limit, cursor=cursor)
    return Paged(data=[ReviewOut.of(r) for r in page.data], next_cursor=page.next_cursor)


@router.post(
    "/decisions",
    operation_id="make_decision",
    status_code=201,
    response_model=DecisionOut,
    responses=documented(404, 409, 410),
)
def make_decision(
    hub: TheHub,
    principal: Annotated[Principal, needs("decide")],
    given: DecisionIn,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Say that two records are one customer (match), are not (no_match), or that it cannot be said (unsure). It counts at once, and can be withdrawn."""
    left, right = given.left.id(), given.right.id()
    hub.reader.must_see(principal, left, "/left")
    hub.reader.must_see(principal, right, "/right")
    acts = Acts(hub.resolver)

    def make(mark: Mark) -> str:
        act = Decide(left, right, given.verdict)
        return acts.do(act, by=principal.name, reason=given.reason, mark=mark).id

    def tell(act: str) -> tuple[int, Any]:
        made = DecisionOut(
            id=acts.find(act).inputs["decisions"][0],
            act=act,
            verdict=given.verdict,
            left=given.left,
            right=given.right,
            customers=hub.reader.homes(principal, (left, right)),
        )
        return 201, made.model_dump(mode="json")

    return once(hub, principal, idempotency_key, ["POST /v1/decisions", given.model_dump(mode="json")], make, tell)


@router.delete(
    "/decisions/{id}",
    operation_id="withdraw_decision",
    status_code=204,
    response_class=Response,
    responses=documented(404, 409),
)
def withdraw_decision(
    hub: TheHub,
    principal: Annotated[Principal, needs("decide")],
    id: Annotated[int, Path(ge=1, le=LARGEST)],
    reason: Annotated[str, Query(max_length=1000, description="why it is taken back")] = "",
) -> None:
    """Take a decision back: customers become what the remaining decisions and records make of them."""
    hub.reader.must_see_decision(principal, id)
    Acts(hub.resolver).do(Withdraw(id), by=principal.name, reason=reason)
