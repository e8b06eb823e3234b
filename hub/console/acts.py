"""What a steward does to whole customers: previewed at an address of its own, done once, taken back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from hub.access.previews import see_preview, seen_acts
from hub.api.acts import ActIn, asked, may_undo, versions_of
from hub.api.idempotency import Mark, once
from hub.api.security import any_parameters
from hub.console import evidence
from hub.console.pages import Desk, Form, PageRoute, Sent, desk, onward, record_named
from hub.console.reasons import hit
from hub.console.words import who
from hub.errors import BadRequest, Conflict, Fault, NotFound, Refused
from hub.language.wording import title
from hub.model import RecordId
from hub.stewardship.act_store import StoredAct
from hub.stewardship.acts import Act
from hub.stewardship.run import Acts

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LISTED = 200
ASKS = {
    "merge": ("Are these two one customer?", "Merge them"),
    "keep_apart": ("Are these two never one customer?", "Keep them apart"),
    "split": ("Split these records off?", "Split them off"),
    "arrange": ("Are these the customers that they are?", "Arrange them so"),
    "unmerge": ("Take this record out?", "Take it out"),
    "unmerge_all": ("Take all records apart?", "Take them apart"),
    "set_value": ("Set this value by hand?", "Set it"),
    "drop_value": ("Take the value by hand back?", "Take it back"),
}
Id = str


@router.get("/act")
@any_parameters
def preview(at: Annotated[Desk, desk("decide")]) -> Response:
    """What would follow if this were done now. Nothing is done."""
    return _preview(at, Sent(at.request.query_params.multi_items()))


def _preview(at: Desk, sent: Sent, error: Refused | None = None) -> Response:
    act = asked(at.hub, at.principal, _read(sent, {}).act)
    seen = {id: at.hub.reader.get_customer(at.principal, id) for id in _named(at, act)}
    shown: dict[str, object] = {"outcome": None, "refusal": error}
    try:
        found = see_preview(at.hub.reader, at.principal, Acts(at.hub.resolver).preview(act, by=at.principal.name))
        shown["outcome"] = evidence.outcome(at.hub.config.customers, found)
    except Conflict as refusal:
        shown["refusal"] = refusal
    question, doing = ASKS[act.kind]
    types = at.hub.config.customers
    return at.page(
        "act.html",
        {
            **shown,
            "question": question,
            "doing": doing,
            "about": [(c.id, who(types, c)) for c in seen.values()],
            "records": sent.lists.get("record", ()),
            "what": title(sent.get("attribute", "")),
            "fields": [(n, v) for n, vs in sent.lists.items() for v in vs if n in FIELDS],
            "etags": {id: c.etag for id, c in seen.items()},
            "reason": sent.get("reason", ""),
            "once": secrets.token_hex(12),
            "back": "/review" if act.kind == "arrange" else next((f"/customers/{id}" for id in seen), "/customers"),
        },
        error.status if error else 200,
    )


@router.post("/act")
def do(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Do it, once. What changed since it was looked at is shown anew, with what was typed."""
    etags = {n.removeprefix("etag:"): v for n, v in form.items() if n.startswith("etag:")}
    given = _read(form, etags)
    acts = Acts(at.hub.resolver)

    def make(mark: Mark) -> str:
        act = asked(at.hub, at.principal, given.act)
        versions = versions_of(at.hub, at.principal, act, given.etags)
        return acts.do(act, by=at.principal.name, reason=given.reason, versions=versions, mark=mark).id

    request = ["/act", given.model_dump(mode="json")]
    try:
        told = once(at.hub, at.principal, form.get("once") or None, request, make, lambda made: (201, {"act": made}))
    except Refused as error:
        if error.status not in (409, 412):
            raise
        return _preview(at, form, error)
    return onward(_back(form), done=made_of(told))


def made_of(told: Response) -> str:
    """The act that an answer, made now or before, tells of."""
    return str(orjson.loads(bytes(told.body))["act"])


@router.post("/act/undo")
def undo(at: Annotated[Desk, desk("decide")], form: Form) -> Response:
    """Take all of an act back."""
    id = form.get("act", "")
    may_undo(at.hub, at.principal, id)
    acts = Acts(at.hub.resolver)
    if acts.find(id).undone_at is None:
        acts.undo(id, by=at.principal.name, why=form.get("reason", "") or "taken back on its page")
    return onward(_back(form), done=id)


def _back(form: Sent) -> str:
    back = form.get("back", "")
    return back if back.startswith("/customers/") or back == "/review" else "/customers"


@router.get("/customers/{id}/merge")
def merge_with(at: Annotated[Desk, desk("decide")], id: Id, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """With whom? Those who are called alike first."""
    types = at.hub.config.customers
    seen = at.hub.reader.get_customer(at.principal, id)
    name = who(types, seen)
    words = q or name
    found = at.hub.reader.search(at.principal, words, type_name=seen.type, limit=11).data
    return at.page(
        "merge.html",
        {"customer": seen, "name": name, "q": words, "rows": [hit(types, f) for f in found if f.id != seen.id]},
    )


@router.get("/customers/{id}/values/{attribute}")
def value(at: Annotated[Desk, desk("override")], id: Id, attribute: str) -> Response:
    """A value by hand: what it should be, until when, why."""
    seen = at.hub.reader.get_customer(at.principal, id, lineage=True)
    given = at.hub.reader.writable(at.principal, seen.type, attribute)
    why = (seen.lineage or {}).get(attribute, {})
    now = seen.values.get(attribute)
    return at.page(
        "value.html",
        {
            "customer": seen,
            "name": who(at.hub.config.customers, seen),
            "attribute": attribute,
            "values": now if isinstance(now, list) else [now] if now is not None else [],
            "many": given.many,
            "parts": PARTS if given.kind == "postal_address" else (),
            "override": why.get("override"),
        },
    )


PARTS = ("line1", "line2", "postcode", "city", "region", "country")
FIELDS = (
    "kind",
    "a",
    "b",
    "customer",
    "record",
    "attribute",
    "value",
    "until",
    "among",
    "in",
    *(f"part.{p}" for p in PARTS),
)


def _read(sent: Sent, etags: dict[str, str]) -> ActIn:
    """What was sent, as the API takes it."""
    kind = sent.get("kind", "")
    if kind not in ASKS:
        raise BadRequest("no such act", [Fault("kind", "unknown", f"known: {', '.join(ASKS)}")])
    fields: dict[str, object] = {n: sent[n] for n in ("a", "b", "customer", "attribute") if n in sent}
    records = [record_named(text, "record")._asdict() for text in sent.lists.get("record", ())]
    if kind == "split":
        fields["records"] = records
    elif kind == "arrange":
        fields |= {"among": list(sent.lists.get("among", ())), "groups": _groups(sent.lists.get("in", ()))}
    elif kind == "unmerge":
        fields["record"] = records[0] if records else None
    elif kind == "set_value":
        parts = {p: v for p in PARTS if (v := sent.get(f"part.{p}", ""))}
        values = [v.strip() for v in sent.lists.get("value", ()) if v.strip()]
        fields |= {"values": [parts] if parts else values, "until": _until(sent.get("until", ""))}
    given = {"act": {"kind": kind, **fields}, "reason": sent.get("reason") or "done on the customer's page"}
    try:
        return ActIn.model_validate({**given, "etags": etags})
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


def _groups(placed: Iterable[str]) -> list[list[dict[str, object]]]:
    """Records by letter, as the form says it: `A source/stream/key`. What has no letter is left out."""
    groups: dict[str, list[dict[str, object]]] = {}
    for letter, _, record in (text.partition(" ") for text in placed if text):
        groups.setdefault(letter, []).append(record_named(record, "in")._asdict())
    return list(groups.values())


def _until(day: str) -> str | None:
    return f"{day}T00:00:00Z" if len(day) == len("2026-12-31") else day or None


def _named(at: Desk, act: Act) -> list[str]:
    """The customers that a page of this act shows: those that it names, or that its record is part of."""
    if act.customers():
        return list(act.customers())
    record = getattr(act, "record", None)
    return at.hub.reader.homes(at.principal, [record]) if isinstance(record, RecordId) else []


def acts_of(at: Desk, id: str) -> list[StoredAct]:
    """What was done to a customer, the newest first, as far as the asker may know of it."""
    if "decide" not in at.may:
        return []
    _, ids = at.hub.reader.ids_of(at.principal, id)
    listed = Acts(at.hub.resolver).listed(limit=LISTED)
    return seen_acts(at.hub.reader, at.principal, [a for a in listed if ids & set(a.customers)])


def act_done(at: Desk, id: str) -> StoredAct | None:
    """The act that was just done, to be told of."""
    if not id or "decide" not in at.may:
        return None
    try:
        found = seen_acts(at.hub.reader, at.principal, [Acts(at.hub.resolver).find(id)])
    except NotFound:
        return None
    return next(iter(found), None)
