"""Models: which there are, what each would change, and the word that one is tried or decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import Out, Paged, RecordName, when
from hub.api.security import TheHub, needs
from hub.quality.edges import EdgePair, edge
from hub.quality.learning import ModelVersion, versions
from hub.quality.wanted import want

router = APIRouter(prefix="/v1/models", tags=["models"])

Admin = Annotated[Principal, needs("admin")]
Number = Annotated[int, Path(ge=0, lt=2**31)]
EXAMPLES = 50


class ModelOut(Out):
    """A model that was trained."""

    number: int
    type: str
    status: str = Field(description="candidate, promoted or retired")
    trained_at: str
    promoted_at: str | None
    records: int | None = Field(description="that it was trained on")
    would_change: dict[str, int] | None = Field(description="what trying it counted; null: it was not tried")
    differences: int = Field(description="places at which it weighs otherwise than the one in force")
    wanted: str | None = Field(description="try or promote: what is to be done with it")
    wanted_by: str | None

    @classmethod
    def of(cls, given: ModelVersion) -> ModelOut:
        return cls(
            number=given.number,
            type=given.type,
            status=given.status,
            trained_at=when(given.trained_at),
            promoted_at=None if given.promoted_at is None else when(given.promoted_at),
            records=given.records,
            would_change=None if given.would_change is None else dict(given.would_change),
            differences=len(given.differs),
            wanted=given.wanted or None,
            wanted_by=given.wanted_by or None,
        )


class EdgePairOut(Out):
    left: RecordName
    right: RecordName
    now: int = Field(description="what they weigh by the model in force, in milli-bits")
    then: int = Field(description="what they weigh by this one")


class EdgeOut(Out):
    """The pairs nearest to the threshold; of a model that is not in force those that it treats otherwise. Only pairs that
    the role may compare are named."""

    type: str
    in_force: bool
    looked_at: int
    above: int = Field(description="stored pairs that weigh enough to be joined now")
    below: int
    joins: int = Field(description="of those that were looked at; of a model not in force those that it joins besides")
    parts: int
    joined: list[EdgePairOut]
    parted: list[EdgePairOut]


@router.get("", operation_id="list_models", responses=documented())
def list_models(hub: TheHub, _principal: Admin) -> Paged[ModelOut]:
    """All models, the newest first."""
    return Paged(data=[ModelOut.of(v) for v in versions(hub.database)], next_cursor=None)


@router.get("/{number}/edge", operation_id="get_model_edge", responses=documented(404))
def get_model_edge(hub: TheHub, principal: Admin, number: Number) -> EdgeOut:
    """What a model says of the pairs nearest to the threshold."""
    found = edge(hub.database, hub.config, number)
    near = [*found.joined[:EXAMPLES], *found.parted[:EXAMPLES]]
    seen = hub.reader.compared(principal, [(p.left, p.right) for p in near])

    def shown(pairs: tuple[EdgePair, ...]) -> list[EdgePairOut]:
        return [
            EdgePairOut(left=RecordName.of(s.left.record), right=RecordName.of(s.right.record), now=p.now, then=p.then)
            for p in pairs[:EXAMPLES]
            if (s := seen.get((p.left, p.right))) is not None
        ]

    return EdgeOut(
        type=found.type,
        in_force=found.in_force,
        looked_at=found.looked,
        above=found.above,
        below=found.below,
        joins=len(found.joined),
        parts=len(found.parted),
        joined=shown(found.joined),
        parted=shown(found.parted),
    )


@router.post(
    "/{number}/try", operation_id="try_model", status_code=202, response_class=Response, responses=documented(404, 409)
)
def try_model(hub: TheHub, principal: Admin, number: Number) -> Response:
    """Count what deciding by it would change: all records are resolved by it and all of that is taken back, by the hub's jobs.
    Who writes waits meanwhile."""
    want(hub.database, number, "try", by=principal.name)
    return Response(status_code=202)


@router.post(
    "/{number}/promote",
    operation_id="promote_model",
    status_code=202,
    response_class=Response,
    responses=documented(404, 409),
)
def promote_model(hub: TheHub, principal: Admin, number: Number) -> Response:
    """Decide by it from now on, also by one of before: all records are resolved anew, by the hub's jobs."""
    want(hub.database, number, "promote", by=principal.name)
    return Response(status_code=202)
