"""How the hub is: its figures, its sources, its subscriptions, who may see what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.accounts import list_accounts
from hub.access.break_glass import opened
from hub.access.keys import list_keys
from hub.api.security import may_write
from hub.console.pages import Desk, Form, PageRoute, Sent, desk, onward
from hub.console.plots import HIGH, WIDE, Plot, days_to, plot
from hub.delivery.subscriptions import Subscriptions
from hub.errors import BadRequest, Fault
from hub.kinds.money import shown
from hub.model import Sight, from_micros, to_micros
from hub.work import sources
from hub.work.holdings import holdings
from hub.work.performance import MEASURES, told
from hub.work.sources import SourceStatus
from hub.work.status import Status, status

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DELIVERIES = 100
DAY = 86_400_000_000
SIGHTS = {Sight.SHOW: "shown", Sight.HIDE: ""}

DAYS = 31  # of a plot
PLOTTED = {  # measure of hub.work.performance -> what it is called, its unit, the rows behind it
    "decisions": ("Verdicts", "", "/review"),
    "contacts": ("Contacts", "", "/overview/performance?measure=contacts"),
    "sales": ("Sales", "", "/overview/performance?measure=sales"),
    "opened": ("Came onto lists", "", "/overview/performance?measure=opened"),
    "answered": ("Answered in time", "%", "/overview/performance?measure=answered"),
    "backlog": ("Waited at the end of the day", "", "/overview/performance?measure=backlog"),
    "lag": ("Changes not told yet", "", "/subscriptions"),
    "filled": ("Values that are filled", "%", "/overview/performance?measure=filled"),
    "valid": ("Values that are valid", "%", "/overview/performance?measure=valid"),
}

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
    shown = {"tiles": _tiles(found), "pulls": pulls, "most": max(1, most), "jobs": found.jobs, "plots": _plots(at)}
    held = holdings(at.hub.database)
    titles = {name: kind.title or name for name, kind in at.hub.config.customers.items()}
    return at.page("overview.html", {**shown, "held": held, "titles": titles, "high": HIGH, "day": WIDE})


def _plots(at: Desk) -> list[Plot]:
    """What was counted day by day; of what nothing was ever counted there is no plot."""
    today = from_micros(at.hub.database.clock.now()).date()
    days = days_to(today, DAYS)
    found = told(at.hub.database, at.hub.config, list(PLOTTED), days[0], today + timedelta(days=1))
    plots = []
    for measure, (words, unit, address) in PLOTTED.items():
        rows = [(t.at.date(), t.measured) for t in found if t.measured.measure == measure]
        if unit == "%":
            n, part = Counter[date](), Counter[date]()
            for day, m in rows:
                n[day] += m.n
                part[day] += m.part
            values = [(day, round(100 * part[day] / n[day])) for day in n if n[day]]
        else:
            values = [(day, m.n) for day, m in rows]
        if any(value for _, value in values):
            plots.append(plot(words, values, days, unit=unit, address=address))
    return plots


@router.get("/overview/performance")
def performance(at: Annotated[Desk, desk("admin")], measure: Annotated[str, Query(max_length=50)]) -> Response:
    """The rows behind a number over time."""
    if measure not in MEASURES:
        raise BadRequest("no such measure", [Fault("?measure", "unknown", f"known: {', '.join(MEASURES)}")])
    today = from_micros(at.hub.database.clock.now()).date()
    first = days_to(today, DAYS)[0]
    found = told(at.hub.database, at.hub.config, [measure], first, today + timedelta(days=1))
    rows = [
        (t.at.date(), t.measured, shown(t.measured.amount, t.measured.currency) if t.measured.currency else "")
        for t in found
    ]
    return at.page("performance.html", {"rows": rows[::-1], "measure": measure, "says": MEASURES[measure]})


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
    elif verb == "replay":
        since, until = (_day(form, name) for name in ("since", "until"))
        done = f"{door.replay(at.principal, id, since, until + DAY)} changes are sent again"
    elif verb == "drop":
        door.drop(at.principal, id, event or "", form.get("reason", "") or "given up on the page")
        done = "given up"
    else:
        raise BadRequest("no such thing to do", [Fault("", "unknown", "pause, resume, test, retry, replay or drop")])
    return onward(f"/subscriptions/{id}", done=done[:300])


def _day(form: Sent, name: str) -> int:
    """When a day begins (UTC). BadRequest."""
    try:
        return to_micros(datetime.combine(date.fromisoformat(form.get(name, "")), time.min, UTC))
    except ValueError:
        raise BadRequest("this is no day", [Fault(name, "cannot be read", "write it as 2026-12-31")]) from None


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
    with at.hub.database.read() as connection:
        keys = list_keys(connection)
    opened_views = opened(reader, at.principal, 50) if "audit" in at.may else None
    return at.page(
        "access.html",
        {
            **shown,
            "may": may,
            "accounts": list_accounts(at.hub.database),
            "keys": keys,
            "opened": opened_views,
            "now": at.hub.database.clock.now(),
        },
    )
