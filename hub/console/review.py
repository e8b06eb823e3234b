"""The review queue, and one item: two records side by side, what speaks for and against, what a match would do, the verdict."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.authentication.accounts import list_accounts
from hub.access.cursors import seal, unseal
from hub.access.previews import see_preview, seen_acts, seen_waiting
from hub.access.review_items import see_queue
from hub.access.seen import SeenReview
from hub.api.idempotency import Mark, once
from hub.api.review_work import the_queue
from hub.console import evidence
from hub.console.acts import act_done, made_of
from hub.console.filters import KINDS, PAIRS, Filtered
from hub.console.pages import Desk, Form, PageRoute, Sent, desk, onward, record_named
from hub.console.words import who
from hub.delivery.disputes import Answer, Disputes
from hub.errors import BadRequest, Conflict, Fault, Gone, NotFound, Refused, Stale
from hub.model import RecordId, Verdict, to_micros
from hub.stewardship.act_store import StoredAct
from hub.stewardship.acts import Decide
from hub.stewardship.agreeing import Agreeing
from hub.stewardship.items import Position, position
from hub.stewardship.queue import Shown
from hub.stewardship.run import Acts

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)

LISTED = 25
LOOKED_BACK = 200  # acts, for those of today
DAY = 86_400_000_000
ANSWERS: dict[str, Answer] = {"leave": "leave", "take": "take", "again": "again"}
UNSAID = "looked at side by side"  # the reason of who gives none

Record = Annotated[str, Query(max_length=1000, description="source/stream/key")]
Cursor = Annotated[str, Query(max_length=500)]
Done = Annotated[str, Query(max_length=100, description="the act that was just done")]


@dataclass(frozen=True, slots=True)
class Listed:
    """An item of the list: who it is about, and where it is looked at."""

    shown: Shown
    left: str
    right: str
    address: str


@router.get("")
def queue(
    at: Annotated[Desk, desk("decide")],
    wanted: Filtered,
    mine: bool = False,
    cursor: Cursor = "",
    done: Done = "",
) -> Response:
    """What is to be decided, most worth first."""
    page = see_queue(
        at.hub.reader,
        at.principal,
        the_queue(at.request, at.hub),
        kinds=wanted.kinds,
        mine=mine,
        after=_opened(at, cursor),
        limit=LISTED,
        only=wanted.allows,
    )
    sides = at.hub.reader.compared(at.principal, [(s.left, s.right) for s in page.items])
    rows = [_listed(at, s, sides.get((s.left, s.right))) for s in page.items]
    waiting = len(seen_waiting(at.hub.reader, at.principal, Agreeing(Acts(at.hub.resolver)).listed()))
    shown: dict[str, object] = {
        "rows": rows,
        "kinds": KINDS,
        "wanted": wanted,
        "mine": mine,
        "waiting": waiting,
        "today": _today(at),
    }
    shown |= {"done": act_done(at, done), "of_100": evidence.of_100, "sources": sorted(at.hub.config.sources)}
    return at.page("review/queue.html", {**shown, "next_cursor": _sealed(at, page.after) if page.after else ""})


def _listed(at: Desk, shown: Shown, sides: SeenReview | None) -> Listed:
    types = at.hub.config.customers
    if shown.item.kind == "disputed":
        return Listed(shown, shown.words, "", f"/review/dispute?{urlencode({'record': str(shown.left)})}")
    if shown.item.kind == "override" or sides is None:
        home = at.hub.reader.homes(at.principal, [shown.left])
        return Listed(shown, str(shown.left), "", f"/customers/{home[0]}" if home else "/review")
    return Listed(shown, who(types, sides.left), who(types, sides.right), _address(at, shown))


@router.get("/dispute")
def dispute(at: Annotated[Desk, desk("decide")], record: Record) -> Response:
    """Who is right: the hub, or the system that keeps changing back what is written to it?"""
    found = Disputes(at.hub.resolver, at.hub.reader).get(at.principal, record_named(record, "?record"))
    seen = at.hub.reader.get_customer(at.principal, found.customer)
    may_take = not found.hidden and "override" in at.hub.reader.view(at.principal).may
    shown = {"found": found, "name": who(at.hub.config.customers, seen), "may_take": may_take}
    return at.page("review/dispute.html", shown)


@router.post("/dispute")
def settle(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """The answer, and back to the queue."""
    answer = ANSWERS.get(form.get("answer", ""))
    if answer is None:
        raise BadRequest("no such answer", [Fault("answer", "unknown", f"known: {', '.join(ANSWERS)}")])
    record = record_named(form.get("record", ""), "record")
    reason = form.get("reason", "")[:500] or UNSAID
    Disputes(at.hub.resolver, at.hub.reader).settle(at.principal, record, answer, reason)
    return onward("/review")


@router.get("/next")
def following(at: Annotated[Desk, desk("decide")], after: Cursor = "", done: Done = "") -> Response:
    """To the next item that one may look at."""
    found = _next(at, after)
    told = {"done": done} if done else {}
    return onward(_address(at, found, **told)) if found else onward("/review", **told)


@router.get("/item")
def item(
    at: Annotated[Desk, desk("decide")], left: Record, right: Record, after: Cursor = "", done: Done = ""
) -> Response:
    """Are these one customer?"""
    return _item(at, record_named(left, "?left"), record_named(right, "?right"), after, done=done)


def _item(
    at: Desk,
    left: RecordId,
    right: RecordId,
    after: str,
    *,
    done: str = "",
    error: Refused | None = None,
    reason: str = "",
    news: list[StoredAct] | None = None,
) -> Response:
    reader, types = at.hub.reader, at.hub.config.customers
    seen = reader.compared(at.principal, [(left, right)]).get((left, right))
    if seen is None:
        raise NotFound("no such item", [Fault("", "one of its records is not there", "go back to the queue")])
    sides = [_side(at, r.customer) for r in (seen.left, seen.right)]
    join, review = reader.bounds(seen.left.type)
    then = _next(at, after)
    work = the_queue(at.request, at.hub)
    holder, mine = _claimed(at, left, right)
    return at.page(
        "review/item.html",
        {
            "seen": seen,
            "names": [who(types, seen.left), who(types, seen.right)],
            "sides": sides,
            "rows": evidence.beside(types[seen.left.type], seen.left, seen.right),
            "fall": evidence.waterfall(seen.pair, join, review) if seen.pair.weight is not None else None,
            "likely": evidence.likely(seen.pair.weight) if seen.pair.weight is not None else "",
            "cautions": evidence.cautions(seen.pair),
            "colleagues": _colleagues(at),
            "today": _today(at),
            "one": seen.left.customer is not None and seen.left.customer == seen.right.customer,
            "together": _together(left, right) if any(len(s.others) > 1 for s in sides if s) else "",
            "notes": work.comments(left, right),
            "holder": holder,
            "mine": mine,
            "after": after,
            "next": _address(at, then) if then else "/review",
            "done": act_done(at, done),
            "error": error,
            "news": news if news is not None else [],
            "reason": reason,
            "once": secrets.token_hex(12),
            "at": at.hub.database.clock.now(),
            "unsaid": UNSAID,
        },
        error.status if error else 200,
    )


def _together(left: RecordId, right: RecordId) -> str:
    return "/review/together?" + urlencode([("record", str(left)), ("record", str(right))])


@dataclass(frozen=True, slots=True)
class Side:
    """The customer that a record is part of now: what of it a verdict rests on."""

    id: str
    etag: str
    others: tuple[RecordId, ...]


def _side(at: Desk, id: str | None) -> Side | None:
    if id is None:
        return None
    seen = at.hub.reader.get_customer(at.principal, id)
    return Side(seen.id, seen.etag, seen.records or ())


@router.get("/item/match")
def match(at: Annotated[Desk, desk("decide")], left: Record, right: Record) -> Response:
    """What would follow if these two were one customer: nothing is done."""
    act = Decide(_seen_record(at, left, "?left"), _seen_record(at, right, "?right"), Verdict.MATCH)
    shown: dict[str, object] = {"left": left, "right": right, "outcome": None, "refusal": None}
    try:
        found = see_preview(at.hub.reader, at.principal, Acts(at.hub.resolver).preview(act, by=at.principal.name))
        shown["outcome"] = evidence.outcome(at.hub.config.customers, found)
    except Conflict as refusal:
        shown["refusal"] = refusal
    return at.page("review/match.html", shown)


@router.post("/decide")
def decide(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """The verdict, once; and on to the next item. Whoever was faster is named, and nothing is done then."""
    left, right = _pair_of(at, form)
    after, reason = form.get("after", ""), form.get("reason", "")[:1000]
    try:
        verdict = Verdict(form.get("verdict", ""))
    except ValueError:
        raise BadRequest("no such verdict", [Fault("verdict", "unknown", "match, no_match or unsure")]) from None
    acts = Acts(at.hub.resolver)

    def make(mark: Mark) -> str:
        versions = _unchanged(at, form, left, right)
        given = Decide(left, right, verdict)
        return acts.do(given, by=at.principal.name, reason=reason or UNSAID, versions=versions, mark=mark).id

    request = ["/review/decide", str(left), str(right), verdict.value]
    try:
        told = once(at.hub, at.principal, form.get("once") or None, request, make, lambda made: (201, {"act": made}))
    except (Stale, Conflict, Gone) as error:
        news = _since(at, _looked_at(form), left, right)
        return _item(at, left, right, after, error=error, reason=reason, news=news)
    return onward("/review/next", after=after, done=made_of(told))


def _unchanged(at: Desk, form: Sent, left: RecordId, right: RecordId) -> dict[str, int]:
    """The versions of both customers, if they are as they were looked at. Stale: somebody else was faster."""
    if _since(at, _looked_at(form), left, right):
        raise Stale("somebody else decided on these customers since you looked")
    versions = {}
    for name, tag in form.items():
        if name.startswith("etag:"):
            found = at.hub.reader.expect(at.principal, name.removeprefix("etag:"), tag)
            versions[found.id] = found.version
    return versions


def _since(at: Desk, moment: int, left: RecordId, right: RecordId) -> list[StoredAct]:
    """What was done to the customers of both records since then."""
    try:
        homes = set(at.hub.reader.homes(at.principal, (left, right)))
    except Gone:
        homes = set()
    listed = seen_acts(at.hub.reader, at.principal, Acts(at.hub.resolver).listed(limit=50))
    return [a for a in listed if a.at > moment and a.undone_at is None and homes & set(a.customers)]


@router.post("/undo")
def undo(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Take the last verdict back, and look at its item again."""
    act, acts = act_done(at, form.get("act", "")), Acts(at.hub.resolver)
    if act is None or act.kind != "decide":
        raise NotFound("no such act", [Fault("act", "unknown", "see what was done on the customer's page")])
    if act.undone_at is None:
        acts.undo(act.id, by=at.principal.name, why="taken back in the review")
    left, right = at.hub.reader.must_see_decision(at.principal, next(iter(act.inputs["decisions"])))
    return onward(_at(left, right, form.get("after", ""), done=act.id))


@router.post("/claim")
def claim(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Take the item for a while, so that nobody else works on it; `release`: give it back; `shown`: it is looked at."""
    left, right = _pair_of(at, form)
    work, error = the_queue(at.request, at.hub), None
    try:
        if form.get("release"):
            work.release(left, right, by=at.principal.name)
        elif form.get("shown"):
            work.look(left, right, by=at.principal.name)
        else:
            work.claim(left, right, by=at.principal.name)
    except Conflict as conflict:
        error = conflict
    if form.get("shown"):
        return Response(status_code=204)
    if error:
        return _item(at, left, right, form.get("after", ""), error=error)
    return onward(_at(left, right, form.get("after", "")))


@router.post("/assign")
def assign(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Say whose item it is: to somebody who knows more, or to nobody in particular."""
    left, right = _pair_of(at, form)
    work, why = the_queue(at.request, at.hub), form.get("why", "")[:4000]
    if why:
        work.comment(left, right, by=at.principal.name, words=why)
    work.release(left, right, by=at.principal.name)
    work.assign(left, right, to=form.get("to", "")[:200], due=_due(form.get("due", "")))
    return onward("/review/next", after=form.get("after", ""))


def _due(day: str) -> int | None:
    """The end of a day (UTC). BadRequest."""
    if not day:
        return None
    try:
        return to_micros(datetime.combine(date.fromisoformat(day), time.max, UTC))
    except ValueError:
        raise BadRequest("this is no day", [Fault("due", "cannot be read", "write it as 2026-12-31")]) from None


@router.post("/comment")
def comment(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    left, right = _pair_of(at, form)
    text = form.get("text", "")[:4000]
    if text:
        the_queue(at.request, at.hub).comment(left, right, by=at.principal.name, words=text)
    return onward(_at(left, right, form.get("after", "")))


# --- what is next, and where it is ---


def _next(at: Desk, after: str) -> Shown | None:
    page = see_queue(
        at.hub.reader,
        at.principal,
        the_queue(at.request, at.hub),
        kinds=PAIRS,
        mine=False,
        after=_opened(at, after),
        limit=1,
    )
    return next(iter(page.items), None)


def _address(at: Desk, shown: Shown, **more: str) -> str:
    """Of an item; with its own place in the queue, so that what follows it is found from there."""
    place = _sealed(at, position(shown.item, at.hub.database.clock.now()))
    return _at(shown.left, shown.right, place, **more)


def _at(left: RecordId, right: RecordId, after: str, **more: str) -> str:
    return "/review/item?" + urlencode({"left": str(left), "right": str(right), "after": after, **more})


def _bound(at: Desk) -> tuple[str, str]:
    return "review by position", at.hub.reader.view(at.principal).version


def _sealed(at: Desk, place: Position) -> str:
    return seal(at.hub.reader.cursor_key, list(place), *_bound(at))


def _opened(at: Desk, cursor: str) -> Position | None:
    if not cursor:
        return None
    first, worth, left, right, kind, number = unseal(at.hub.reader.cursor_key, cursor, *_bound(at))
    return first, worth, left, right, kind, number


def _seen_record(at: Desk, text: str, where: str) -> RecordId:
    found = record_named(text, where)
    at.hub.reader.must_see(at.principal, found, where)
    return found


def _pair_of(at: Desk, form: Sent) -> tuple[RecordId, RecordId]:
    return _seen_record(at, form.get("left", ""), "left"), _seen_record(at, form.get("right", ""), "right")


def _looked_at(form: Sent) -> int:
    """When the page was made that a verdict was given on; 0: it does not say."""
    told = form.get("at", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0


# --- who did what ---


def _claimed(at: Desk, left: RecordId, right: RecordId) -> tuple[str, int | None]:
    """Who else works on it now; or until when it is the asker's."""
    hold = the_queue(at.request, at.hub).held(left, right)
    if hold is None or not hold.claimed(at.hub.database.clock.now()):
        return "", None
    return ("", hold.claimed_until) if hold.claimed_by == at.principal.name else (hold.claimed_by, None)


def _colleagues(at: Desk) -> list[tuple[str, str]]:
    """Who else may decide, with their role in words; those who may administer first: who does not know asks them."""
    roles = {n: at.hub.reader.view_of_role(n).may for n in at.hub.config.access.roles}
    titles = {n: r.title or n for n, r in at.hub.config.access.roles.items()}
    found = []
    for account in list_accounts(at.hub.database):
        deciding = [r for r in account.roles if "decide" in roles.get(r, ())]
        if deciding and account.disabled_at is None and account.name != at.principal.name:
            leads = [r for r in deciding if "admin" in roles[r]]
            found.append((not leads, account.name, titles[(leads or deciding)[0]]))
    return [(name, title) for _, name, title in sorted(found)]


def _today(at: Desk) -> int:
    """How many verdicts the asker gave since midnight (UTC)."""
    now = at.hub.database.clock.now()
    acts = Acts(at.hub.resolver).listed(limit=LOOKED_BACK)
    return sum(a.by == at.principal.name and a.kind == "decide" and a.at >= now - now % DAY for a in acts)
