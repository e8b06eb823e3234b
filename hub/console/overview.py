"""How the hub is: its figures now and over time, each with the way to what is behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.console.pages import Desk, PageRoute, desk
from hub.console.plots import HIGH, WIDE, Plot, days_to, plot
from hub.errors import BadRequest, Fault
from hub.kinds.money import exponent, shown
from hub.model import from_micros
from hub.quality.accuracy import Accuracy, kept
from hub.quality.sampling import Interval
from hub.work.holdings import holdings
from hub.work.performance import MEASURES, ToldMeasure, told
from hub.work.status import Status, status

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DAYS = 31  # of a plot
AMOUNTS = {  # measure with an amount -> what it is called
    "sales": "Value of sales",
    "contacts": "Cost of contacts",
}
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
    shown |= {"accuracy": _newest(at)}
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
    return [*plots, *_amounts(found, days)]


def _amounts(found: Sequence[ToldMeasure], days: Sequence[date]) -> Iterator[Plot]:
    """What it brought and what it cost, a currency at a time, in whole units of it."""
    for measure, words in AMOUNTS.items():
        rows = [t for t in found if t.measured.measure == measure and t.measured.amount]
        for currency in sorted({t.measured.currency for t in rows}):
            minor = Counter[date]()
            for t in rows:
                minor[t.at.date()] += t.measured.amount if t.measured.currency == currency else 0
            whole = [(day, round(units / 10 ** exponent(currency))) for day, units in minor.items()]
            address = f"/overview/performance?measure={measure}"
            yield plot(words, whole, days, unit=f" {currency}", address=address)


@router.get("/overview/accuracy")
def accuracy(at: Annotated[Desk, desk("admin")]) -> Response:
    """Every estimate that was made, with the labels behind it."""
    titles = {name: kind.title or name for name, kind in at.hub.config.customers.items()}
    with at.hub.database.read() as connection:
        return at.page("accuracy.html", {"found": kept(connection), "titles": titles, "share": share})


def share(given: Interval) -> str:
    """98.5 % (97.1 to 99.3)."""
    return f"{100 * given.estimate:.1f} % ({100 * given.low:.1f} to {100 * given.high:.1f})"


def _newest(at: Desk) -> list[tuple[str, str, str, Accuracy]]:
    """Of each customer type the newest estimate: its title, precision and recall in words."""
    with at.hub.database.read() as connection:
        found = {a.type: a for a in reversed(kept(connection))}
    types = at.hub.config.customers
    return [(types[t].title or t, share(a.precision), share(a.recall), a) for t, a in found.items() if t in types]


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
