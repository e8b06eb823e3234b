"""How the hub is: its figures now and over time, each with the way to what is behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.console.pages import Desk, PageRoute, desk
from hub.console.plots import HIGH, WIDE, Plot, days_to, plot
from hub.errors import BadRequest, Fault
from hub.kinds.money import shown
from hub.model import from_micros
from hub.work.holdings import holdings
from hub.work.performance import MEASURES, told
from hub.work.status import Status, status

router = APIRouter(route_class=PageRoute, include_in_schema=False)

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
