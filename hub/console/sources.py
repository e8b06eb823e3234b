"""Sources: what their last pulls brought, rows set aside, and what each can be told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from hub.access.rows_read import see_landed
from hub.api.security import may_write
from hub.console.pages import Desk, Form, Outcome, PageRoute, desk, onward
from hub.errors import BadRequest, Fault
from hub.work import sources as kept
from hub.work.sources import SourceStatus

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sources")
def listed(at: Annotated[Desk, desk("admin")], done: Outcome = "") -> Response:
    """Every source, what its last pulls brought, and what it can be told."""
    return at.page("sources.html", {"sources": kept.listed(at.hub.resolver), "done": done})


@router.get("/sources/{source}")
def one(at: Annotated[Desk, desk("admin")], source: str) -> Response:
    """A source, the rows of it that could not land, and what its map makes of the last that did."""
    rows = kept.set_aside(at.hub.resolver, source)
    found: SourceStatus = next(s for s in kept.listed(at.hub.resolver) if s.source.name == source)
    streams = [name for name, stream in found.source.streams.items() if stream.customer is not None]
    read = {name: see_landed(at.hub.reader, at.principal, source, name) for name in streams}
    return at.page("source.html", {"found": found, "rows": rows, "read": read})


@router.post("/sources/{source}/nudge")
def nudge(at: Annotated[Desk, desk("write_records")], source: str) -> Response:
    """Pull it within seconds."""
    may_write(at.principal, source)
    kept.nudge(at.hub.resolver, source)
    return onward("/sources", done=f"{source} is pulled within seconds, where the hub's jobs run")


@router.post("/sources/{source}/pause")
def pause(at: Annotated[Desk, desk("admin")], source: str, form: Form) -> Response:
    """Pull it no more, until it is resumed."""
    why = form.get("why", "")[:500]
    if not why:
        raise BadRequest("say why", [Fault("why", "is empty", "whoever comes next wants to know")])
    kept.pause(at.hub.resolver, source, by=at.principal.name, why=why)
    return onward("/sources", done=f"{source} is paused")


@router.post("/sources/{source}/resume")
def resume(at: Annotated[Desk, desk("admin")], source: str) -> Response:
    kept.resume(at.hub.resolver, source)
    return onward("/sources", done=f"{source} is pulled again")
