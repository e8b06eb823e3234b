"""What is to be done: my own, and what is on each list; one task with its customer, worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.review_items import see_queue
from hub.access.tasks import SeenTask
from hub.api.review_work import the_queue
from hub.console import reasons
from hub.console.pages import Desk, Form, PageRoute, desk, onward
from hub.console.words import who
from hub.errors import BadRequest, Fault, Refused
from hub.model import to_micros
from hub.tasks.lists import TaskChange

router = APIRouter(prefix="/work", route_class=PageRoute, include_in_schema=False)

LISTED = 25
NOBODY_YET = "Nobody's yet"

Cursor = Annotated[str, Query(max_length=500)]
Reading = Annotated[Desk, desk("read")]
Writing = Annotated[Desk, desk("log")]


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task on a line: who it is about, what happened."""

    task: SeenTask
    name: str
    event: reasons.Event


@router.get("")
def work(
    at: Reading,
    of: Annotated[str, Query(alias="list", max_length=100)] = "",
    done: bool = False,
    cursor: Cursor = "",
) -> Response:
    """What is mine to do, or what is on a list."""
    door, lists = at.hub.tasks, at.hub.tasks.lists(at.principal)
    if of:
        page = door.page(at.principal, of, done=done, limit=LISTED, cursor=cursor or None)
    else:
        page = door.mine(at.principal)
    shown: dict[str, object] = {"lists": lists, "of": next((x for x in lists if x.name == of), None), "done": done}
    shown |= {"reviews": 0 if of else _reviews(at)}
    return at.page("work/list.html", {**shown, "rows": _rows(at, page.data), "next_cursor": page.next_cursor})


def _reviews(at: Desk) -> int:
    """How many items of the review queue are assigned to the asker, a page at most."""
    if "decide" not in at.may:
        return 0
    queue = the_queue(at.request, at.hub)
    return len(see_queue(at.hub.reader, at.principal, queue, kinds=None, mine=True, after=None, limit=LISTED).items)


def _rows(at: Desk, tasks: tuple[SeenTask, ...]) -> list[TaskRow]:
    hub = at.hub
    customers = hub.reader.brief(at.principal, sorted({t.customer for t in tasks if t.customer}))
    types, kinds = hub.config.customers, hub.config.interactions
    return [
        TaskRow(
            t,
            who(types, customers[t.customer]) if t.customer in customers else t.contact or NOBODY_YET,
            reasons.event(kinds[t.interaction.type], t.interaction),
        )
        for t in tasks
    ]


@router.get("/{id}")
def task(at: Reading, id: str, said: Annotated[str, Query(max_length=20)] = "") -> Response:
    """One task."""
    return _task(at, id, said=said)


def _task(at: Desk, id: str, *, said: str = "", error: Refused | None = None) -> Response:
    seen, _ = at.hub.tasks.one(at.principal, id)
    now = at.hub.database.clock.now()
    figures = at.hub.figures.of_customer(at.principal, seen.customer) if seen.customer else None
    return at.page(
        "work/task.html",
        {
            "row": _rows(at, (seen,))[0],
            "of": seen.of,
            "figures": reasons.counted(figures) if figures else [],
            "segments": [at.hub.config.figures.segments[s].title or s for s in figures.segments] if figures else [],
            "claimed": seen.hold.claimed_by if seen.hold.claimed(now) else "",
            "said": said,
            "error": error,
        },
        error.status if error else 200,
    )


@router.post("/{id}/stand")
def stand(at: Writing, id: str, form: Form) -> Response:
    """How it stands now, and what is next."""
    given = TaskChange(
        state=form.get("state") or None,
        reason=form.get("reason", "")[:1000],
        next_step=form.get("next_step", "")[:1000],
    )
    return _said(at, id, given)


@router.post("/{id}/assign")
def assign(at: Writing, id: str, form: Form) -> Response:
    """Whose it is, until when."""
    to = at.principal.name if form.get("me") else form.get("to", "")[:200]
    return _said(at, id, TaskChange(assigned_to=to, due=_moment(form.get("due", ""))))


def _said(at: Desk, id: str, given: TaskChange) -> Response:
    _, found = at.hub.tasks.one(at.principal, id)
    try:
        at.hub.worklists.change(found, given, by=at.principal.name)
    except Refused as error:
        if error.status not in (409, 422):
            raise
        return _task(at, id, error=error)
    return onward(f"/work/{id}", said="yes")


@router.post("/{id}/comment")
def comment(at: Writing, id: str, form: Form) -> Response:
    _, found = at.hub.tasks.one(at.principal, id)
    if text := form.get("text", "")[:4000]:
        at.hub.worklists.comment(found, by=at.principal.name, words=text)
    return onward(f"/work/{id}")


def _moment(text: str) -> int | None:
    """A day as a form writes it: until its end, in UTC. BadRequest when it is none."""
    if not text:
        return None
    from datetime import UTC, datetime, timedelta

    try:
        return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1, seconds=-1))
    except (ValueError, OverflowError):
        raise BadRequest("this is no day", [Fault("due", "unreadable", "write it as 2026-03-01")]) from None
