"""A customer's own data: what is held and who gave it, putting it right, consents, who has it, what they asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.timeline import Asked
from hub.api.me import words
from hub.api.requests import as_download
from hub.console import reasons
from hub.console.pages import Form, Sent
from hub.console.words import who
from hub.errors import Fault, NotFound, Refused, Unprocessable
from hub.language.catalog import said_in
from hub.language.files import CopyFile, copy_file
from hub.language.files import Form as CopyForm
from hub.language.letters import letter
from hub.language.messages import PROOF
from hub.model import Plain
from hub.portal.pages import Mine, OwnRoute, Seat, onward
from hub.privacy.package import Document
from hub.settings import CLAIMED_KINDS, Attribute

router = APIRouter(prefix="/me", route_class=OwnRoute, include_in_schema=False)

HAPPENED = 30
ADDRESS = ("line1", "line2", "postcode", "city", "region", "country")
COPIES: dict[str, CopyForm] = {"page": "page", "pdf": "pdf", "json": "json", "csv": "csv"}
CHANNELS = ("email", "phone", "letter", "app")
Cursor = Annotated[str | None, Query(max_length=500)]
Said = Annotated[str, Query(max_length=20)]


@router.get("")
def data(at: Mine, said: Said = "") -> Response:
    """What is held of them: each value, who gave it."""
    me = at.who()
    types = at.hub.config.customers
    if not me.certain:
        return at.page("doubtful.html", {"record": at.hub.mine.record(at.principal), "said": said})
    seen = at.hub.mine.customer(at.principal)
    kinds = _kinds(at)
    values = [v for v in reasons.told(types[seen.type], seen) if kinds[v.attribute] != "consent"]
    missing = [a for a in types[seen.type].sayable if a not in seen.values]
    sources = sorted({r.source for r in seen.records or ()})
    shown = {"name": who(types, seen), "values": values, "missing": missing, "sources": sources, "said": said}
    return at.page("data.html", {**shown, "changed": seen.updated_at})


# --- putting right ---


@router.get("/values/{attribute}")
def edit(at: Mine, attribute: str) -> Response:
    """One value, to be put right; of a contact point, which are held."""
    return _edit(at, attribute)


@router.post("/values/{attribute}")
def put_right(at: Mine, attribute: str, form: Form) -> Response:
    """It is right from now on, or (an address) from a day on."""
    given = _attribute(at, attribute)
    try:
        at.hub.mine.state(at.principal, {attribute: _said(given, form)}, since=form.get("since", "")[:10])
    except Unprocessable as error:
        return _edit(at, attribute, given=form, error=error)
    return onward("/me", said="later" if form.get("since") else "right")


@router.post("/contacts/{attribute}")
def send_proof(at: Mine, attribute: str, form: Form) -> Response:
    """A code to another contact point, to show that it is theirs."""
    given, to = _attribute(at, attribute), form.get("to", "")[:320]
    try:
        ticket = at.hub.codes.ask_proof(at.principal, given.kind, to, words(at.hub, at.language, PROOF))
    except Unprocessable as error:
        return _edit(at, attribute, given=form, error=error)
    return at.page("proof.html", {"attribute": attribute, "to": to, "ticket": ticket, "wrong": False})


@router.post("/contacts/{attribute}/proof")
def add_contact(at: Mine, attribute: str, form: Form) -> Response:
    """The contact point is theirs, and held from now on."""
    given, to, ticket = _attribute(at, attribute), form.get("to", "")[:320], form.get("ticket", "")[:200]
    try:
        written = at.hub.codes.proved(at.principal, ticket, form.get("code", "")[:20], given.kind, to)
    except Refused as error:
        shown = {"attribute": attribute, "to": to, "ticket": ticket, "wrong": True}
        return at.page("proof.html", shown, error.status)
    at.hub.mine.add_contact(at.principal, attribute, written)
    return onward("/me", said="right")


def _edit(at: Seat, attribute: str, *, given: Sent | None = None, error: Unprocessable | None = None) -> Response:
    seen, kind = at.hub.mine.customer(at.principal), _attribute(at, attribute)
    held = seen.values.get(attribute)
    listed = held if isinstance(held, list) else [] if held is None else [held]
    parts = listed[0] if listed and isinstance(listed[0], dict) else {}
    now = {p: str(parts.get(p, "")) for p in ADDRESS} | {"value": "" if parts or not listed else str(listed[0])}
    shown = {
        **{"attribute": attribute, "kind": kind.kind, "many": kind.many, "held": listed, "error": error},
        **{"now": {**now, **(given or {})}, "parts": ADDRESS, "contact": kind.kind in CLAIMED_KINDS},
    }
    return at.page("edit.html", shown, error.status if error else 200)


def _attribute(at: Seat, name: str) -> Attribute:
    of = at.hub.config.customers[at.who().type]
    if name not in of.sayable:
        raise NotFound("there is no such value", [Fault("/attribute", "unknown")])
    return of.attributes[name]


def _said(given: Attribute, form: Sent) -> Plain | list[Plain] | None:
    """What a form says: parts, lines, or one value; nothing: there is none."""
    if given.kind == "postal_address":
        address: dict[str, str] = {p: form[p] for p in ADDRESS if form.get(p)}
        return address or None
    if given.kind in CLAIMED_KINDS:  # which of those that are held stay
        kept: list[Plain] = [v for v in form.lists.get("keep", ()) if v]
        return (kept if given.many else kept[0]) if kept else None
    value = form.get("value", "")
    if given.many:
        lines: list[Plain] = [line.strip() for line in value.splitlines() if line.strip()]
        return lines or None
    return value or None


def _kinds(at: Seat) -> dict[str, str]:
    return {a: d.kind for a, d in at.hub.config.customers[at.who().type].attributes.items()}


# --- what may be done with it ---


@router.get("/consents")
def consents(at: Mine, said: Said = "") -> Response:
    """What they agreed to, what holds, and by which channel they like to be reached."""
    found = at.hub.mine.consents(at.principal)
    asked = {n: p.title or n for n, p in at.hub.config.purposes.items() if p.basis == "consent"}
    others = [p.title or n for n, p in at.hub.config.purposes.items() if p.basis != "consent"]
    holds = {(a.purpose, a.channel): a for a in found.holds}
    by_channel = {n: {a.channel: a for a in found.holds if a.purpose == n and a.channel} for n in asked}
    return at.page(
        "consents.html",
        {
            "agreements": found,
            "asked": asked,
            "others": others,
            "holds": holds,
            "by_channel": by_channel,
            "channels": CHANNELS,
            "said": said,
        },
    )


@router.post("/consents")
def consent(at: Mine, form: Form) -> Response:
    """Agree, withdraw, or name the channel that they like best."""
    state = form.get("state", "")
    if state not in ("granted", "withdrawn", "preferred"):
        raise Unprocessable("this cannot be said", [Fault("/state", "unknown")])
    purpose, channel = form.get("purpose", "")[:100], form.get("channel", "")[:100]
    at.hub.mine.consent(at.principal, purpose, channel, state, text="portal", where="portal")
    return onward("/me/consents", said="done")


@router.get("/companies")
def companies(at: Mine, said: Said = "") -> Response:
    """Who asks for data, what was granted, and when they had it."""
    me = at.hub.mine.sure(at.principal)
    purposes = {n: p.title or n for n, p in at.hub.config.purposes.items()}
    asks = at.hub.asks.of(at.principal, me.id)
    return at.page("companies.html", {"asks": asks, "purposes": purposes, "said": said})


@router.post("/companies/{ask}")
def answer_company(at: Mine, ask: str, form: Form) -> Response:
    """Grant what is ticked, refuse, or take back."""
    me, asks = at.hub.mine.sure(at.principal), at.hub.asks
    match form.get("do", ""):
        case "grant":
            asks.grant(at.principal, me.id, ask, form.lists.get("attribute", ()))
        case "refuse":
            asks.refuse(at.principal, me.id, ask)
        case "withdraw":
            asks.withdraw(at.principal, me.id, ask)
        case _:
            raise Unprocessable("this cannot be done", [Fault("/do", "unknown")])
    return onward("/me/companies", said="done")


@router.get("/shared")
def shared(at: Mine) -> Response:
    """Who was sent it, what for it is used, and who looked."""
    me = at.hub.mine.sure(at.principal)
    roles = {n: r.title or n for n, r in at.hub.config.access.roles.items()}
    return at.page(
        "shared.html",
        {
            "recipients": at.hub.mine.recipients(at.principal),
            "purposes": at.hub.packages.purposes(me.type),
            "sights": at.hub.mine.sights(at.principal),
            "roles": roles,
            "titles": {n: p.title or n for n, p in at.hub.config.purposes.items()},
        },
    )


@router.get("/happened")
def happened(at: Mine, cursor: Cursor = None) -> Response:
    """Orders, calls, complaints: what happened, the newest first."""
    me = at.hub.mine.sure(at.principal)
    page = at.hub.timeline.page(at.principal, me.id, Asked(), limit=HAPPENED, cursor=cursor)
    kinds = at.hub.config.interactions
    events = [reasons.event(kinds[i.type], i) for i in page.data]
    return at.page("happened.html", {"happened": events, "next_cursor": page.next_cursor})


# --- what they ask ---


@router.get("/requests")
def requests(at: Mine, said: Said = "", error: Said = "") -> Response:
    """What can be asked for, and where that stands which was."""
    me = at.who()
    seen = (replace(r, request=replace(r.request, language=at.language)) for r in at.hub.mine.asked(at.principal))
    asked = [(r.request, letter(r)) for r in seen]
    return at.page(
        "requests.html",
        {"asked": asked, "certain": me.certain, "said": said, "error": error},
    )


@router.post("/requests")
def ask(at: Mine, form: Form) -> Response:
    """Ask for erasure or restriction."""
    kind = form.get("kind", "")
    if kind not in ("erasure", "restriction"):
        raise Unprocessable("this cannot be asked for", [Fault("/kind", "unknown")])
    reason = form.get("reason", "")[:1000]
    at.hub.mine.ask(
        at.principal, "erasure" if kind == "erasure" else "restriction", reason=reason, language=at.language
    )
    return onward("/me/requests", said="asked")


@router.post("/contest")
def contest(at: Mine, form: Form) -> Response:
    """That is not me: what one system says is of somebody else."""
    at.hub.mine.contest(at.principal, form.get("source", "")[:200], language=at.language)
    return onward("/me", said="contested")


@router.post("/copy")
def copy(at: Mine, form: Form) -> Response:
    """A copy of everything as a page or a PDF, or what they gave, as JSON or CSV, to take elsewhere."""
    wanted = COPIES.get(form.get("form", ""))
    if wanted is None:
        raise Unprocessable("there is no such copy", [Fault("/form", "unknown", f"known: {', '.join(COPIES)}")])
    portable = wanted in ("json", "csv")

    def file(document: Document) -> CopyFile:
        return copy_file(wanted, at.language, document, portable=portable)

    made = at.hub.mine.package(at.principal, file, portable=portable, language=at.language)
    return as_download(made, said_in(at.language, "my-data"))
