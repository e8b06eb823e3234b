"""One verdict on many items: picked from a filtered set, previewed, done at once; very many wait for a second person."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from starlette.responses import Response

from hub.access.previews import see_preview, seen_waiting
from hub.access.review_items import see_queue
from hub.api.idempotency import Mark, once
from hub.api.review_work import the_queue
from hub.api.waiting_acts import waiting_of
from hub.console import evidence
from hub.console.acts import made_of
from hub.console.evidence import of_100
from hub.console.filters import KINDS, PAIRS, Filtered
from hub.console.pages import Desk, Form, PageRoute, Sent, desk, onward, record_named
from hub.console.words import who
from hub.errors import BadRequest, Conflict, Fault, Gone, NotFound, Refused, Stale
from hub.model import RecordId, Verdict
from hub.stewardship.acts import DecideAll
from hub.stewardship.agreeing import Agreeing
from hub.stewardship.run import Acts

router = APIRouter(prefix="/review", route_class=PageRoute, include_in_schema=False)

LISTED = 100
VERDICTS = {Verdict.MATCH: "are one customer", Verdict.NO_MATCH: "are not one customer", Verdict.UNSURE: "stay unsure"}

Pairs = Sequence[tuple[RecordId, RecordId]]


@dataclass(frozen=True, slots=True)
class BulkRow:
    """A pair of the set: what a form names it by, who it is, how likely it is."""

    name: str
    left: str
    right: str
    kind: str
    of_100: str
    address: str


@router.get("/bulk")
def pick(at: Annotated[Desk, desk("decide")], wanted: Filtered) -> Response:
    """The set, each ticked; which verdict?"""
    page = see_queue(
        at.hub.reader,
        at.principal,
        the_queue(at.request, at.hub),
        kinds=[k for k in wanted.kinds or PAIRS if k in PAIRS],
        mine=False,
        after=None,
        limit=LISTED,
        only=wanted.allows,
    )
    kinds = {(s.left, s.right): s.item.kind for s in page.items}
    rows = _rows(at, list(kinds), kinds)
    shown = {
        "wanted": wanted,
        "rows": rows,
        "kinds": {k: KINDS[k] for k in PAIRS},
        "more": page.after is not None,
        "verdicts": VERDICTS,
    }
    return at.page("review/bulk.html", {**shown, "sources": sorted(at.hub.config.sources)})


def _rows(at: Desk, pairs: Pairs, kinds: Mapping[tuple[RecordId, RecordId], str]) -> list[BulkRow]:
    types, found = at.hub.config.customers, at.hub.reader.compared(at.principal, pairs)
    rows = []
    for pair, seen in found.items():
        name = urlencode({"left": str(pair[0]), "right": str(pair[1])})
        weight = seen.pair.weight
        rows.append(
            BulkRow(
                name,
                who(types, seen.left),
                who(types, seen.right),
                KINDS.get(kinds.get(pair, ""), ""),
                of_100(weight) if weight is not None else "",
                f"/review/item?{name}",
            )
        )
    return rows


@router.post("/bulk")
def look(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """What would follow. Nothing is done."""
    return _look(at, form)


def _look(at: Desk, form: Sent, error: Refused | None = None) -> Response:
    act, acts = _asked(at, form), Acts(at.hub.resolver)
    homes = at.hub.reader.homes(at.principal, [r for pair in act.pairs for r in pair])
    shown: dict[str, object] = {"outcome": None, "refusal": error}
    try:
        found = see_preview(at.hub.reader, at.principal, acts.preview(act, by=at.principal.name))
        shown["outcome"] = evidence.outcome(at.hub.config.customers, found)
    except (Conflict, Gone) as refusal:
        shown["refusal"] = refusal
    seen = [at.hub.reader.get_customer(at.principal, id) for id in homes]
    return at.page(
        "review/bulk_preview.html",
        {
            **shown,
            "count": len(act.pairs),
            "says": VERDICTS[act.verdict],
            "verdict": act.verdict.value,
            "names": form.lists.get("pair", ()),
            "etags": {c.id: c.etag for c in seen},
            "customers": len(seen),
            "needs_second": acts.needs_second(act),
            "reason": form.get("reason", ""),
            "once": secrets.token_hex(12),
        },
        error.status if error else 200,
    )


@router.post("/bulk/do")
def do(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Do it, once; or propose it, where a second person has to agree."""
    act, acts = _asked(at, form), Acts(at.hub.resolver)
    reason = form.get("reason", "")[:1000] or "looked through together"
    if acts.needs_second(act):
        return onward(f"/review/waiting/{Agreeing(acts).propose(act, by=at.principal.name, reason=reason)}")

    def make(mark: Mark) -> str:
        versions = {}
        for name, tag in form.items():
            if name.startswith("etag:"):
                found = at.hub.reader.expect(at.principal, name.removeprefix("etag:"), tag)
                versions[found.id] = found.version
        return acts.do(act, by=at.principal.name, reason=reason, versions=versions, mark=mark).id

    request = ["/review/bulk/do", act.verdict.value, [f"{a} {b}" for a, b in act.pairs]]
    try:
        told = once(at.hub, at.principal, form.get("once") or None, request, make, lambda made: (201, {"act": made}))
    except (Stale, Conflict, Gone) as error:
        return _look(at, form, error)
    return onward("/review", done=made_of(told))


def _asked(at: Desk, form: Sent) -> DecideAll:
    try:
        verdict = Verdict(form.get("verdict", ""))
    except ValueError:
        raise BadRequest("no such verdict", [Fault("verdict", "unknown", "match, no_match or unsure")]) from None
    pairs = tuple(_pairs(at, form.lists.get("pair", ())))
    if not 0 < len(pairs) <= LISTED:
        raise BadRequest("tick at least one", [Fault("pair", f"1 to {LISTED} pairs", "go back and tick them")])
    return DecideAll(pairs, verdict)


def _pairs(at: Desk, names: Iterable[str]) -> Iterable[tuple[RecordId, RecordId]]:
    for name in names:
        said = {n: v[-1] for n, v in parse_qs(name).items()}
        left, right = (record_named(said.get(side, ""), "pair") for side in ("left", "right"))
        at.hub.reader.must_see(at.principal, left, "pair")
        at.hub.reader.must_see(at.principal, right, "pair")
        yield left, right


# --- what waits for a second person ---


@router.get("/waiting")
def waiting(at: Annotated[Desk, desk("decide")]) -> Response:
    """What somebody proposed and nobody has agreed to yet."""
    found = seen_waiting(at.hub.reader, at.principal, Agreeing(Acts(at.hub.resolver)).listed())
    return at.page("review/waiting.html", {"found": found, "verdicts": VERDICTS})


@router.get("/waiting/{id}")
def one(at: Annotated[Desk, desk("decide")], id: str) -> Response:
    """One of them, with what would follow."""
    return _one(at, id)


def _one(at: Desk, id: str, error: Refused | None = None) -> Response:
    found = waiting_of(at.hub, at.principal, id)
    shown: dict[str, object] = {"outcome": None, "refusal": error}
    if not found.settled:
        try:
            preview = Acts(at.hub.resolver).preview(found.act, by=at.principal.name)
            seen = see_preview(at.hub.reader, at.principal, preview)
            shown["outcome"] = evidence.outcome(at.hub.config.customers, seen)
        except (Conflict, Gone, NotFound) as refusal:
            shown["refusal"] = error or refusal
    rows = _rows(at, found.act.pairs, {})
    own = found.by == at.principal.name
    told = {"waits": found, "rows": rows, "says": VERDICTS[found.act.verdict], "own": own}
    return at.page("review/waiting_one.html", {**shown, **told}, error.status if error else 200)


@router.post("/waiting/{id}/{verb}")
def settle(at: Annotated[Desk, desk("decide")], id: str, verb: str) -> Response:
    """Agree, or give it up."""
    waiting_of(at.hub, at.principal, id)
    agreeing = Agreeing(Acts(at.hub.resolver))
    if verb not in ("agree", "refuse"):
        raise BadRequest("no such thing to do", [Fault("", "unknown", "agree or refuse")])
    try:
        if verb == "agree":
            return onward("/review", done=agreeing.agree(id, by=at.principal.name).id)
        agreeing.give_up(id, by=at.principal.name)
    except (Conflict, Gone) as error:
        return _one(at, id, error)
    return onward("/review/waiting")
