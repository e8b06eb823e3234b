"""Finding customers, and one customer: now, then, what happened, the records behind, how it was built, its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.audit.sights import sights_of
from hub.access.seen import SeenCustomer, SeenVersion
from hub.access.timeline import Asked
from hub.console import evidence, reasons, recent
from hub.console.acts import act_done, acts_of
from hub.console.pages import Anybody, Desk, PageRoute, desk, onward
from hub.console.words import who
from hub.delivery.sent import SentLog
from hub.delivery.subscriptions import Subscriptions
from hub.errors import BadRequest, Fault, Gone, NotFound
from hub.model import Sight, to_micros

router = APIRouter(route_class=PageRoute, include_in_schema=False)

FOUND = 25  # customers on a page of results
HAPPENED, FEW = 50, 6  # events on the page of them, and on the customer's own
VERSIONS = 200

Id = str
Cursor = Annotated[str | None, Query(max_length=500)]
Reading = Annotated[Desk, desk("read")]


@router.get("/")
def start(at: Anybody) -> Response:
    """To the first page that the asker may see."""
    if at.principal.kind == "person":
        return onward("/me")
    return onward(at.entries[0].address if at.entries else "/account")


@router.get("/customers")
def search(
    at: Reading,
    q: Annotated[str, Query(max_length=200)] = "",
    type: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
) -> Response:
    """Customers by what is known of them."""
    hub, types = at.hub, at.hub.config.customers
    page = hub.reader.search(at.principal, q, type_name=type or None, limit=FOUND, cursor=cursor) if q.strip() else None
    seen = sorted(hub.reader.view(at.principal).columns)
    lately = [] if q.strip() else [reasons.hit(types, f) for f in recent.remembered(at)]
    return at.page(
        "customers.html",
        {
            "q": q,
            "type": type,
            "types": {t: types[t].title or t for t in seen},
            "rows": [reasons.hit(types, f) for f in page.data] if page else [],
            "recent": lately,
            "next_cursor": page.next_cursor if page else None,
        },
    )


@router.get("/customers/{id}")
def customer(
    at: Reading,
    id: Id,
    on: Annotated[str, Query(max_length=40, description="a day: as it was served then")] = "",
    done: Annotated[str, Query(max_length=100, description="the act that was just done")] = "",
) -> Response:
    """One customer: who it is, each value with its reason, what happened last, whom it belongs to."""
    hub, types, known_at = at.hub, at.hub.config.customers, _end_of(on)
    seen = hub.reader.get_customer(at.principal, id, lineage=True, known_at=known_at)
    if seen.id != id and not on:
        return onward(f"/customers/{seen.id}", **({"done": done} if done else {}))
    then = known_at is not None
    relations = () if then else hub.relations.of_customer(at.principal, id)
    others = hub.reader.brief(at.principal, [r.other for r in relations]) if relations else {}
    happened = hub.timeline.page(at.principal, id, Asked(as_of=known_at), limit=FEW) if not then else None
    page = _page(
        at,
        seen,
        "now",
        values=reasons.told(types[seen.type], seen),
        happened=[reasons.event(hub.config.interactions[i.type], i) for i in happened.data] if happened else [],
        more=bool(happened and happened.next_cursor),
        relations=[(r, who(types, others[r.other])) for r in relations if r.other in others],
        figures=[] if then else reasons.counted(hub.figures.of_customer(at.principal, id)),
        agreed=None if then else hub.agreements.of_customer(at.principal, id),
        roles={n: t for n, t in _narrower(at, seen.type).items() if n != at.principal.role}
        if "admin" in at.may and not then
        else {},
        on=on,
        done=act_done(at, done),
    )
    recent.remember(page, at, seen.id)
    return page


@router.get("/customers/{id}/timeline")
def timeline(
    at: Reading,
    id: Id,
    type: Annotated[str, Query(max_length=100)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """What happened with it, newest first."""
    seen = at.hub.reader.get_customer(at.principal, id)
    asked = Asked(types=(type,) if type else (), text=q)
    page = at.hub.timeline.page(at.principal, id, asked, limit=HAPPENED, cursor=cursor)
    kinds = at.hub.config.interactions
    return _page(
        at,
        seen,
        "timeline",
        happened=[reasons.event(kinds[i.type], i) for i in page.data],
        kinds={t: kinds[t].title or t for t in sorted(at.hub.timeline.view(at.principal).columns)},
        type=type,
        q=q,
        next_cursor=page.next_cursor,
    )


@router.get("/customers/{id}/records")
def records(at: Annotated[Desk, desk("crosswalk")], id: Id) -> Response:
    """What each source record of it says, side by side with the golden values."""
    seen = at.hub.reader.get_customer(at.principal, id)
    found = at.hub.reader.records(at.principal, id)
    rows = reasons.side_by_side(at.hub.config.customers[seen.type], seen.values, [r.values for r in found])
    return _page(at, seen, "records", records=found, rows=rows)


@router.get("/customers/{id}/how")
def how(at: Annotated[Desk, desk("explain")], id: Id) -> Response:
    """Why its records are one customer."""
    seen = at.hub.reader.get_customer(at.principal, id)
    explained = at.hub.reader.explain(at.principal, id)
    drawn = evidence.drawing(explained) if explained.complete and len(explained.records) > 1 else None
    return _page(at, seen, "how", explained=explained, drawing=drawn, wide=evidence.WIDE, high=evidence.HIGH)


@router.get("/customers/{id}/history")
def history(at: Reading, id: Id) -> Response:
    """Its versions, the newest first, each with what it changed."""
    seen = at.hub.reader.get_customer(at.principal, id)
    versions: list[SeenVersion] = []
    cursor: str | None = None
    while len(versions) < VERSIONS:
        page = at.hub.reader.history(at.principal, id, limit=VERSIONS, cursor=cursor)
        versions += page.data
        cursor = page.next_cursor
        if cursor is None:
            break
    return _page(
        at, seen, "history", versions=reasons.changes(versions), acts=acts_of(at, id), shortened=cursor is not None
    )


@router.get("/customers/{id}/sent")
def sent(at: Annotated[Desk, desk("crosswalk")], id: Id) -> Response:
    """What was sent of it to whom."""
    seen = at.hub.reader.get_customer(at.principal, id)
    log = SentLog(at.hub.reader, Subscriptions(at.hub.reader, at.hub.networks))
    return _page(at, seen, "sent", sent=log.of_customer(at.principal, id))


@router.get("/customers/{id}/as/{role}")
def as_role(at: Annotated[Desk, desk("admin")], id: Id, role: str) -> Response:
    """What another role sees of it: only a role that sees nothing which the asker does not."""
    seen = at.hub.reader.get_customer(at.principal, id)
    if role not in _narrower(at, seen.type):
        raise NotFound("no such role to look as", [Fault("", "unknown, or it sees more than you do", "choose another")])
    as_one = replace(at.principal, role=role)
    try:
        shown = at.hub.reader.get_customer(as_one, id)
    except (NotFound, Gone):
        return _page(at, seen, "as", role=role, values=None, hidden=[])
    types = at.hub.config.customers
    hidden = [n for n in types[seen.type].attributes if n in seen.values and n not in shown.values]
    return _page(at, seen, "as", role=role, values=reasons.told(types[seen.type], shown), hidden=hidden)


def _narrower(at: Desk, type_name: str) -> dict[str, str]:
    """Roles that see of this type no more than the asker does, with their titles."""
    mine = at.hub.reader.view(at.principal).of(type_name)
    shown = {a for a, sight in mine.items() if sight is Sight.SHOW}
    views = {n: at.hub.reader.view_of_role(n) for n in at.hub.config.access.roles}
    return {
        n: at.hub.config.access.roles[n].title or n
        for n, view in views.items()
        if view.sees(type_name) and {a for a, sight in view.of(type_name).items() if sight is not Sight.HIDE} <= shown
    }


@router.get("/customers/{id}/sights")
def sights(at: Annotated[Desk, desk("audit")], id: Id) -> Response:
    """Who looked at it, or did something to it."""
    seen = at.hub.reader.get_customer(at.principal, id)
    return _page(at, seen, "sights", sights=sights_of(at.hub.reader, at.principal, id, 100))


TABS = (
    ("now", "Customer", "", "read"),
    ("timeline", "What happened", "/timeline", "read"),
    ("records", "Records", "/records", "crosswalk"),
    ("how", "Why one customer", "/how", "explain"),
    ("history", "History", "/history", "read"),
    ("sent", "Sent to", "/sent", "crosswalk"),
    ("sights", "Who looked", "/sights", "audit"),
)


def _page(at: Desk, seen: SeenCustomer, tab: str, **shown: object) -> Response:
    """A page of one customer: its name above, its other pages beside."""
    types = at.hub.config.customers
    head = {
        "customer": seen,
        "name": who(types, seen),
        "kind": types[seen.type].title or seen.type,
        "tab": tab,
        "tabs": [(name, title, path) for name, title, path, needed in TABS if needed in at.may],
    }
    return at.page(f"customer/{tab}.html", {**head, **shown})


def _end_of(on: str) -> int | None:
    """The last moment of a day (UTC), or the moment that is written there; None: now."""
    if not on:
        return None
    try:
        at = datetime.fromisoformat(on)
    except ValueError:
        raise BadRequest("this is no day", [Fault("?on", "cannot be read", "write it as 2026-12-31")]) from None
    if len(on) <= len("2026-12-31"):
        at = at.replace(hour=23, minute=59, second=59)
    return to_micros(at if at.tzinfo else at.replace(tzinfo=UTC))
