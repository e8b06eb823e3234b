"""How the hub is: its figures, its sources, its subscriptions, who may see what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.accounts import list_accounts
from hub.api.security import may_write
from hub.console.pages import Desk, Form, PageRoute, desk, onward
from hub.delivery.subscriptions import Subscriptions
from hub.errors import BadRequest, Fault
from hub.model import Sight
from hub.work import sources
from hub.work.sources import SourceStatus
from hub.work.status import Status, status

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DELIVERIES = 100
SIGHTS = {Sight.SHOW: "shown", Sight.HIDE: ""}

Answer = Annotated[str, Query(max_length=300, description="what came of what was just done")]


@dataclass(frozen=True, slots=True)
class Tile:
    """A number, what it is of, and the page of what is behind it. `bad`: somebody should look."""

    number: int
    title: str
    address: str
    bad: bool = False


@router.get("/overview")
def overview(at: Annotated[Desk, desk("admin")]) -> Response:
    """How the hub is, on one page."""
    found = status(at.hub.database, at.hub.config)
    pulls = [(f"{s}.{t}", pull) for (s, t), pull in found.pulls.items() if pull is not None]
    most = max((p.fetched for _, p in pulls), default=1)
    return at.page("overview.html", {"tiles": _tiles(found), "pulls": pulls, "most": max(1, most), "jobs": found.jobs})


def _tiles(found: Status) -> list[Tile]:
    dead, tripped = found.deliveries.get("dead", 0), found.write_back.get("tripped", 0)
    aside = sum(p.quarantined for p in found.pulls.values() if p is not None)
    return [
        Tile(found.reviews, "pairs to decide", "/review"),
        Tile(found.pending, "records to resolve", "/sources", found.pending > 0),
        Tile(aside, "rows set aside in the last pulls", "/sources", aside > 0),
        Tile(found.paused, "sources paused", "/sources", found.paused > 0),
        Tile(found.changes, "changes ever told of", "/subscriptions"),
        Tile(found.behind, "changes that somebody waits for", "/subscriptions", found.behind > 0),
        Tile(dead, "dead letters", "/subscriptions", dead > 0),
        Tile(found.write_back.get("rejected", 0) + tripped, "writes to sources refused", "/sources", tripped > 0),
    ]


@router.get("/sources")
def listed(at: Annotated[Desk, desk("admin")], done: Answer = "") -> Response:
    """Every source, what its last pulls brought, and what it can be told."""
    return at.page("sources.html", {"sources": sources.listed(at.hub.resolver), "done": done})


@router.get("/sources/{source}")
def one(at: Annotated[Desk, desk("admin")], source: str) -> Response:
    """A source, and the rows of it that could not land."""
    rows = sources.set_aside(at.hub.resolver, source)
    found: SourceStatus = next(s for s in sources.listed(at.hub.resolver) if s.source.name == source)
    return at.page("source.html", {"found": found, "rows": rows})


@router.post("/sources/{source}/nudge")
def nudge(at: Annotated[Desk, desk("write_records")], source: str) -> Response:
    """Pull it within seconds."""
    may_write(at.principal, source)
    sources.nudge(at.hub.resolver, source)
    return onward("/sources", done=f"{source} is pulled within seconds, where the hub's jobs run")


@router.post("/sources/{source}/pause")
def pause(at: Annotated[Desk, desk("admin")], source: str, form: Form) -> Response:
    """Pull it no more, until it is resumed."""
    why = form.get("why", "")[:500]
    if not why:
        raise BadRequest("say why", [Fault("why", "is empty", "whoever comes next wants to know")])
    sources.pause(at.hub.resolver, source, by=at.principal.name, why=why)
    return onward("/sources", done=f"{source} is paused")


@router.post("/sources/{source}/resume")
def resume(at: Annotated[Desk, desk("admin")], source: str) -> Response:
    sources.resume(at.hub.resolver, source)
    return onward("/sources", done=f"{source} is pulled again")


# --- subscriptions ---


def _subscriptions(at: Desk) -> Subscriptions:
    return Subscriptions(at.hub.reader, at.hub.networks)


@router.get("/subscriptions")
def subscriptions(at: Annotated[Desk, desk("subscribe")]) -> Response:
    """Who is told of changes, and how it goes."""
    door = _subscriptions(at)
    return at.page("subscriptions.html", {"found": door.all(at.principal), "totals": door.totals(at.principal)})


@router.get("/subscriptions/{id}")
def subscription(
    at: Annotated[Desk, desk("subscribe")],
    id: str,
    status: Annotated[str, Query(pattern="^(pending|done|dead|dropped)?$")] = "",
    before: Annotated[str, Query(max_length=100)] = "",
    done: Answer = "",
) -> Response:
    """One subscription: its deliveries, the newest first."""
    door = _subscriptions(at)
    found = door.get(at.principal, id)
    rows = door.deliveries(at.principal, id, status=status or None, before=before or None, limit=DELIVERIES)
    more = rows[-1].event if len(rows) == DELIVERIES else ""
    return at.page("subscription.html", {"found": found, "rows": rows, "status": status, "more": more, "done": done})


@router.post("/subscriptions/{id}/{verb}")
def tell(at: Annotated[Desk, desk("subscribe")], id: str, verb: str, form: Form) -> Response:
    """Pause it, resume it, try it out, send dead letters again, give one up."""
    door, event = _subscriptions(at), form.get("event", "") or None
    if verb == "pause":
        door.set_state(at.principal, id, "paused", "paused by hand")
        done = "paused: nothing is sent, nothing is lost"
    elif verb == "resume":
        door.set_state(at.principal, id, "active")
        done = "active: what waited goes first"
    elif verb == "test":
        answered = door.test(at.principal, id)
        done = f"the test was answered with {answered.code or 'nothing'} {answered.detail}".strip()
    elif verb == "retry":
        done = f"{door.retry(at.principal, id, event)} dead letters wait again"
    elif verb == "drop":
        door.drop(at.principal, id, event or "", form.get("reason", "") or "given up on the page")
        done = "given up"
    else:
        raise BadRequest("no such thing to do", [Fault("", "unknown", "pause, resume, test, retry or drop")])
    return onward(f"/subscriptions/{id}", done=done[:300])


# --- who may see what ---


@router.get("/access")
def access(at: Annotated[Desk, desk("admin")]) -> Response:
    """Roles beside attributes: who sees what, and how."""
    config, reader = at.hub.config, at.hub.reader
    roles = [(name, role.title or name) for name, role in config.access.roles.items()]
    views = {name: reader.view_of_role(name) for name, _ in roles}
    types = {
        t: [(a, [views[name].of(t).get(a, Sight.HIDE).value for name, _ in roles]) for a in kind.attributes]
        for t, kind in config.customers.items()
    }
    may = {name: sorted(views[name].may) for name, _ in roles}
    shown = {"roles": roles, "types": types, "titles": {t: k.title or t for t, k in config.customers.items()}}
    return at.page("access.html", {**shown, "may": may, "accounts": list_accounts(at.hub.database)})
