"""Subscriptions: who is told of changes, what became of each delivery, and what each can be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.console.pages import Desk, Form, Outcome, PageRoute, Sent, desk, onward
from hub.delivery.subscriptions import Subscriptions
from hub.errors import BadRequest, Fault
from hub.model import to_micros

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DELIVERIES = 100
DAY = 86_400_000_000


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
    done: Outcome = "",
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
