"""Sources: how each of them is, and pull it soon, no more, or again."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.records import lines
from hub.api.schemas import In, Out, when
from hub.api.security import TheHub, declares, may_write, needs
from hub.connectors.registry import Calling
from hub.errors import ConfigError, NotAuthenticated
from hub.work import sources
from hub.work.sources import SourceStatus

router = APIRouter(prefix="/v1/sources", tags=["sources"])

Admin = Annotated[Principal, needs("admin")]
SourceName = Annotated[str, Path(examples=["billing"], max_length=200)]


class PullOut(Out):
    """The last pull of a stream; without `ended_at` it is under way, and the counts are those so far."""

    started_at: str
    ended_at: str | None
    read: int
    landed: int
    unchanged: int
    quarantined: int
    deleted: int
    note: str


class SourceOut(Out):
    """A source: its schedule, what happened last, and whether it is paused."""

    source: str
    title: str
    kind: str
    schedule: str | None
    reconcile: str | None
    state: str = Field(description="active or paused")
    paused_by: str
    paused_why: str
    failures: int = Field(description="pulls in a row that failed")
    error: str
    pulled_at: str | None
    reconciled_at: str | None
    streams: dict[str, PullOut | None]

    @classmethod
    def of(cls, given: SourceStatus) -> SourceOut:
        source, state = given.source, given.state
        return cls(
            source=source.name,
            title=source.title,
            kind=source.connector.kind,
            schedule=source.schedule,
            reconcile=source.reconcile,
            state="active" if state.paused_at is None else "paused",
            paused_by=state.paused_by,
            paused_why=state.paused_why,
            failures=state.failures,
            error=state.error,
            pulled_at=when(state.ended) if state.ended else None,
            reconciled_at=when(state.reconciled) if state.reconciled else None,
            streams={name: _pull(given, name) for name in source.streams},
        )


def _pull(given: SourceStatus, stream: str) -> PullOut | None:
    found = given.pulls.get(stream)
    return (
        None
        if found is None
        else PullOut(
            started_at=when(found.started),
            ended_at=None if found.ended is None else when(found.ended),
            read=found.fetched,
            landed=found.landed,
            unchanged=found.unchanged,
            quarantined=found.quarantined,
            deleted=found.deleted,
            note=found.note,
        )
    )


class SourcesOut(Out):
    data: list[SourceOut]


class PauseIn(In):
    why: str = Field(min_length=1, max_length=500, examples=["the CRM is being moved"])


@router.get("", operation_id="list_sources", responses=documented())
def list_sources(hub: TheHub, _principal: Admin) -> SourcesOut:
    """Every source and how it is."""
    return SourcesOut(data=[SourceOut.of(found) for found in sources.listed(hub.resolver)])


@router.post(
    "/{source}/nudge", operation_id="nudge_source", status_code=202, response_class=Response, responses=documented(404)
)
def nudge_source(hub: TheHub, principal: Annotated[Principal, needs("write_records")], source: SourceName) -> Response:
    """Something changed there: it is pulled within seconds, whatever its schedule. A paused source waits until it is resumed."""
    may_write(principal, source)
    sources.nudge(hub.resolver, source)
    return Response(status_code=202)


@declares("write_records")
def caller(hub: TheHub, source: SourceName, request: Request, body: Annotated[bytes, Depends(lines)]) -> str:
    """Depends: the source that signed this call; else 401, also when there is no such source."""
    found = hub.config.sources.get(source)
    try:
        if isinstance(found, Calling) and found.signed(body, request.headers, os.environ):
            return source
    except ConfigError:  # its variable is not set: nobody can sign
        pass
    raise NotAuthenticated("this call is not signed by the source, or too old")


@router.post(
    "/{source}/webhook", operation_id="hear_source", status_code=202, response_class=Response, responses=documented()
)
def hear_source(hub: TheHub, source: Annotated[str, Depends(caller)]) -> Response:
    """For a system that calls when something changed (Stripe): verified by its signature, it nudges its source. What it
    says is not believed: the source is asked."""
    sources.nudge(hub.resolver, source)
    return Response(status_code=202)


@router.post("/{source}/pause", operation_id="pause_source", status_code=204, responses=documented(404))
def pause_source(hub: TheHub, principal: Admin, source: SourceName, given: PauseIn) -> Response:
    """Pull it no more, until it is resumed."""
    sources.pause(hub.resolver, source, by=principal.name, why=given.why)
    return Response(status_code=204)


@router.post("/{source}/resume", operation_id="resume_source", status_code=204, responses=documented(404))
def resume_source(hub: TheHub, _principal: Admin, source: SourceName) -> Response:
    """Pull it again: within seconds, then by its schedule."""
    sources.resume(hub.resolver, source)
    return Response(status_code=204)
