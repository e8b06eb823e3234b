"""How the hub is doing: what `hub status` shows, for machines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import Out
from hub.api.security import TheHub, needs
from hub.work.status import Status, status

router = APIRouter(prefix="/v1", tags=["delivery"])


class StatusOut(Out):
    """Counts and times, no customers."""

    pending_records: int = Field(description="landed, and not resolved yet")
    changes: int = Field(description="ever told of")
    behind: int = Field(description="changes that the slowest reader of the outbox was not told yet")
    lag_seconds: int = Field(description="since the oldest of them")
    failing_sources: int = Field(description="whose last pull failed")
    paused_sources: int
    write_back: dict[str, int] = Field(description="records by state, those to be made too")
    held: list[str] = Field(
        description="streams to which too much would be written at once, until somebody confirms it"
    )
    deliveries: dict[str, int] = Field(description="events of webhooks by state")
    subscriptions: dict[str, int] = Field(description="by state")
    open_reviews: int
    jobs: list[str] = Field(description="what runs now")
    models: dict[str, str] = Field(description="customer type -> which model weighs its records, and what is proposed")

    @classmethod
    def of(cls, found: Status) -> StatusOut:
        return cls(
            pending_records=found.pending,
            changes=found.changes,
            behind=found.behind,
            lag_seconds=found.lag,
            failing_sources=found.failing,
            paused_sources=found.paused,
            write_back=dict(found.write_back),
            held=list(found.held),
            deliveries=dict(found.deliveries),
            subscriptions=dict(found.subscriptions),
            open_reviews=found.reviews,
            jobs=[name for name, _ in found.jobs],
            models={m.type: m.words for m in found.models},
        )


@router.get("/status", operation_id="get_status", responses=documented())
def get_status(hub: TheHub, _principal: Annotated[Principal, needs("admin")]) -> StatusOut:
    """How the hub is doing: backlog, deliveries, reviews, jobs. Sources are told of at `/v1/sources`."""
    return StatusOut.of(status(hub.database, hub.config))
