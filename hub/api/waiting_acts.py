"""Acts so large that a second person has to agree."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from hub.access.authentication.principals import Principal
from hub.access.previews import seen_waiting
from hub.api.acts import ActOut, Asker, DecideAllIn, PairIn, Reason
from hub.api.problems import documented
from hub.api.schemas import In, Out, Paged, RecordName, when
from hub.api.security import TheHub, needs
from hub.errors import Fault, NotFound
from hub.open import Hub
from hub.stewardship.agreeing import Agreeing, WaitingAct
from hub.stewardship.run import Acts

router = APIRouter(prefix="/v1", tags=["acts"])


class ProposalIn(In):
    act: DecideAllIn
    reason: Reason


class ProposedActOut(Out):
    """An act that waits until somebody else agrees."""

    id: str
    by: str
    at: str
    reason: str
    verdict: str
    pairs: list[PairIn]

    @classmethod
    def of(cls, w: WaitingAct) -> ProposedActOut:
        pairs = [PairIn(left=RecordName.of(a), right=RecordName.of(b)) for a, b in w.act.pairs]
        return cls(id=w.id, by=w.by, at=when(w.at), reason=w.reason, verdict=w.act.verdict.value, pairs=pairs)


def waiting_of(hub: Hub, principal: Principal, id: str) -> WaitingAct:
    """One that the asker may know of. NotFound."""
    found = seen_waiting(hub.reader, principal, [Agreeing(Acts(hub.resolver)).find(id)])
    if not found:
        raise NotFound("no such proposal", [Fault("/id", "unknown", "see what waits")])
    return found[0]


@router.post("/acts/waiting", operation_id="propose_act", status_code=201, responses=documented(404))
def propose(hub: TheHub, principal: Annotated[Principal, needs("decide")], given: ProposalIn) -> ProposedActOut:
    """Propose one verdict on many pairs. It counts once somebody else agrees."""
    act = given.act.act(Asker(hub.reader, principal))
    agreeing = Agreeing(Acts(hub.resolver))
    return ProposedActOut.of(agreeing.find(agreeing.propose(act, by=principal.name, reason=given.reason)))


@router.get("/acts/waiting", operation_id="list_waiting_acts", responses=documented())
def waiting(hub: TheHub, principal: Annotated[Principal, needs("decide")]) -> Paged[ProposedActOut]:
    """What waits until somebody else agrees, the oldest first."""
    found = seen_waiting(hub.reader, principal, Agreeing(Acts(hub.resolver)).listed())
    return Paged(data=[ProposedActOut.of(w) for w in found], next_cursor=None)


@router.post("/acts/waiting/{id}/agree", operation_id="agree_to_act", responses=documented(404, 409, 410))
def agree(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str) -> ActOut:
    """Agree to what somebody else proposed: it is done, as their act."""
    waiting_of(hub, principal, id)
    acts = Acts(hub.resolver)
    return ActOut.of(acts.find(Agreeing(acts).agree(id, by=principal.name).id))


@router.post("/acts/waiting/{id}/refuse", operation_id="refuse_act", status_code=204, responses=documented(404, 409))
def refuse(hub: TheHub, principal: Annotated[Principal, needs("decide")], id: str) -> Response:
    """Refuse what somebody proposed, or take back what you proposed yourself. Nothing is done."""
    waiting_of(hub, principal, id)
    Agreeing(Acts(hub.resolver)).give_up(id, by=principal.name)
    return Response(status_code=204)
