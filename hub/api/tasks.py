"""What is to be done for customers: lists to work on, and who does what of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field

from hub.access.authentication.principals import Principal
from hub.access.tasks import SeenList, SeenTask, TaskPage
from hub.api.customers import Cursor, Id, Limit, micros
from hub.api.interactions import InteractionOut
from hub.api.problems import documented
from hub.api.review_work import SECOND, CommentOut, HoldOut
from hub.api.schemas import In, Out, Paged
from hub.api.security import TheHub, needs
from hub.model import from_micros
from hub.tasks.holds import CLAIM
from hub.tasks.lists import TaskChange

router = APIRouter(prefix="/v1", tags=["tasks"])

TaskId = Annotated[str, Path(description="its id on a list", max_length=200)]


class ListOut(Out):
    """A list to work on: `config/lists`."""

    name: str = Field(examples=["prospects"])
    title: str
    states: list[str] = Field(examples=[["new", "contacted", "won", "lost"]])
    ends: list[str] = Field(description="states in which it is done")
    say_why: list[str] = Field(description="states that need a reason")
    role: str = Field(description="whose work it is")

    @classmethod
    def of(cls, s: SeenList) -> ListOut:
        return cls(
            name=s.name,
            title=s.title,
            states=list(s.states),
            ends=list(s.ends),
            say_why=list(s.say_why),
            role=s.role,
        )


class TaskOut(Out):
    id: str = Field(examples=["prospects.int_019a1b2c3d4e7f60812233445566778a"])
    on: str = Field(description="the list", examples=["prospects"])
    title: str
    customer: str | None = Field(description="null: nobody's yet")
    contact: str = Field(description="of one that is nobody's: what it came from, where your role is shown such")
    interaction: InteractionOut
    state: str
    done: bool
    reason: str
    next_step: str
    due: datetime | None
    overdue: bool
    escalated: bool = Field(description="overdue for so long that it is another role's")
    role: str = Field(description="whose work it is now")
    ended_by: str | None = Field(description="the interaction that ended it by itself")
    hold: HoldOut
    comments: list[CommentOut]

    @classmethod
    def of(cls, t: SeenTask) -> TaskOut:
        return cls(
            id=t.id,
            on=t.list,
            title=t.title,
            customer=t.customer,
            contact=t.contact,
            interaction=InteractionOut.of(t.interaction),
            state=t.state,
            done=t.done,
            reason=t.hold.reason if t.state == t.hold.state else "",
            next_step=t.hold.next_step,
            due=None if t.due is None else from_micros(t.due),
            overdue=t.overdue,
            escalated=t.escalated,
            role=t.role,
            ended_by=t.ended_by,
            hold=HoldOut.of(t.hold),
            comments=[CommentOut.of(n) for n in t.notes],
        )


class TaskChangeIn(In):
    """What is given is said; the rest stays as it is."""

    state: str | None = Field(default=None, max_length=100, examples=["contacted"])
    reason: str = Field(default="", max_length=1000, description="why it is in that state")
    next_step: str | None = Field(default=None, max_length=1000, examples=["send the price list"])
    assigned_to: str | None = Field(default=None, max_length=200, description="empty: nobody")
    due: AwareDatetime | None = None


class TaskClaimIn(In):
    seconds: int = Field(default=CLAIM // SECOND, ge=0, le=86_400, description="0 gives it back")


class TaskCommentIn(In):
    text: str = Field(min_length=1, max_length=4000)


@router.get("/lists", operation_id="list_worklists", responses=documented())
def list_worklists(hub: TheHub, principal: Annotated[Principal, needs("read")]) -> Paged[ListOut]:
    """Lists to work on that are there for your role: it is shown all that they are made of."""
    return Paged(data=[ListOut.of(s) for s in hub.tasks.lists(principal)])


@router.get("/tasks", operation_id="list_tasks", responses=documented(422))
def list_tasks(
    hub: TheHub,
    principal: Annotated[Principal, needs("read")],
    of: Annotated[
        str | None, Query(alias="list", max_length=100, description="on this list; none: yours", examples=["prospects"])
    ] = None,
    done: Annotated[bool, Query(description="and what is done")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Paged[TaskOut]:
    """What is to be done, what is due first: on a list, or assigned to you on any."""
    if of is None:
        return _paged(hub.tasks.mine(principal))
    return _paged(hub.tasks.page(principal, of, done=done, limit=limit, cursor=cursor))


@router.get("/customers/{id}/tasks", operation_id="get_customer_tasks", responses=documented(404, 410))
def get_customer_tasks(hub: TheHub, principal: Annotated[Principal, needs("read")], id: Id) -> Paged[TaskOut]:
    """What is to be done for a customer, and what was. It goes where the customer's records go."""
    return _paged(hub.tasks.of_customer(principal, id))


@router.get("/tasks/{id}", operation_id="get_task", responses=documented(404))
def get_task(hub: TheHub, principal: Annotated[Principal, needs("read")], id: TaskId) -> TaskOut:
    """One task, as your role sees it."""
    return TaskOut.of(hub.tasks.one(principal, id)[0])


@router.patch("/tasks/{id}", operation_id="change_task", responses=documented(404, 409))
def change_task(hub: TheHub, principal: Annotated[Principal, needs("log")], id: TaskId, given: TaskChangeIn) -> TaskOut:
    """Say how it stands, what is next, whose it is, until when."""
    _, task = hub.tasks.one(principal, id)
    said = TaskChange(given.state, given.reason, given.next_step, given.assigned_to, micros(given.due, "/due"))
    hub.worklists.change(task, said, by=principal.name)
    return TaskOut.of(hub.tasks.one(principal, id)[0])


@router.post("/tasks/{id}/claim", operation_id="claim_task", responses=documented(404, 409))
def claim_task(hub: TheHub, principal: Annotated[Principal, needs("log")], id: TaskId, given: TaskClaimIn) -> HoldOut:
    """Take it for a while, so that nobody else works on it; or give it back."""
    _, task = hub.tasks.one(principal, id)
    return HoldOut.of(hub.worklists.claim(task, by=principal.name, lasts=given.seconds * SECOND))


@router.post("/tasks/{id}/comments", operation_id="comment_task", status_code=201, responses=documented(404))
def comment_task(
    hub: TheHub, principal: Annotated[Principal, needs("log")], id: TaskId, given: TaskCommentIn
) -> CommentOut:
    """Leave a comment on it; it goes where the task goes."""
    _, task = hub.tasks.one(principal, id)
    return CommentOut.of(hub.worklists.comment(task, by=principal.name, words=given.text))


def _paged(page: TaskPage) -> Paged[TaskOut]:
    return Paged(data=[TaskOut.of(t) for t in page.data], next_cursor=page.next_cursor)
