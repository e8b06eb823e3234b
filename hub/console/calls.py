"""The call page: who is on the line, is it really them, what they call about, and what is written down of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.access.callers import Callers, Found
from hub.access.door import SHOWN_PROOF
from hub.access.timeline import Asked
from hub.api.guidance import give
from hub.api.idempotency import Mark, once
from hub.api.security import any_parameters
from hub.console import reasons
from hub.console.pages import Desk, Form, PageRoute, desk, onward
from hub.console.words import who
from hub.errors import BadRequest, Fault, Refused
from hub.language.wording import title
from hub.settings import InteractionType

router = APIRouter(prefix="/call", route_class=PageRoute, include_in_schema=False)

LATEST = 60  # events that are laid out by their types
OF_EACH = 4
FIRST = ("name", "phone", "email", "address", "company_name", "registration_id")  # what callers say of themselves
MINUTES = (2, 5, 10, 20)
CHANNEL = "phone"


@dataclass(frozen=True, slots=True)
class Topic:
    """What happened, of one type, as the caller thinks of it: my orders, my complaint."""

    title: str
    events: tuple[reasons.Event, ...]


@router.get("")
@any_parameters
def identify(at: Annotated[Desk, desk("identify")]) -> Response:
    """Who is on the line? From two things that they say to the customer, and what to ask next."""
    types = at.hub.config.customers
    given = {n: v.strip() for n, v in at.request.query_params.items() if v.strip()}
    kind = given.pop("type", next(iter(_kinds(at)), ""))
    known = [n for n in FIRST if n == "name" or n in at.hub.reader.view(at.principal).shown(kind)]
    said = {n: v[:200] for n, v in given.items() if n in known}
    found: Found | None = None
    error: Refused | None = None
    if len(said) > 1:
        try:
            found = Callers(at.hub.reader).identify(at.principal, said, kind)
        except Refused as refusal:
            error = refusal
    rows = [reasons.hit(types, f) for f in found.customers] if found else []
    boxes = [(n, title(n), said.get(n, "")) for n in known]
    kinds = {k: types[k].title or k for k in _kinds(at)}
    shown = {"found": found, "rows": rows, "boxes": boxes, "kinds": kinds, "kind": kind, "error": error}
    return at.page("call/identify.html", {**shown, "said": len(said)}, error.status if error else 200)


def _kinds(at: Desk) -> list[str]:
    """Types of customers that the asker sees, people first."""
    return sorted(at.hub.reader.view(at.principal).columns, key=lambda k: (k != "person", k))


@router.get("/{id}")
def caller(
    at: Annotated[Desk, desk("identify")],
    id: str,
    ask: Annotated[str, Query(max_length=200, description="what to ask")] = "",
    proof: Annotated[str, Query(max_length=2000)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
    topic: Annotated[str, Query(max_length=100, description="what they call about")] = "",
) -> Response:
    """The customer as the caller thinks of it."""
    return _caller(at, id, ask=ask, proof=proof, done=done, topic=topic)


def _caller(
    at: Desk,
    id: str,
    *,
    ask: str = "",
    proof: str = "",
    done: str = "",
    wrong: str = "",
    topic: str = "",
    error: Refused | None = None,
) -> Response:
    SHOWN_PROOF.set(proof)
    hub, types = at.hub, at.hub.config.customers
    seen = hub.reader.get_customer(at.principal, id)
    happened = hub.timeline.page(at.principal, id, Asked(), limit=LATEST).data
    kinds = hub.config.interactions
    topics: dict[str, list[reasons.Event]] = {}
    for one in happened:
        topics.setdefault(one.type, []).append(reasons.event(kinds[one.type], one))
    asks = hub.config.access.roles[at.principal.role].asks.get(seen.type, ())
    return at.page(
        "call/caller.html",
        {
            "customer": seen,
            "name": who(types, seen),
            "values": reasons.told(types[seen.type], seen),
            "topics": [
                Topic(kinds[t].customer_title or kinds[t].title or t, tuple(es[:OF_EACH])) for t, es in topics.items()
            ],
            "asks": [(a, title(a.replace(".", " "))) for a in dict.fromkeys([*([ask] if ask else []), *asks])],
            "proof": proof,
            "wrong": wrong,
            "error": error,
            "done": done,
            "advice": hub.guidance.topics(),
            "topic": topic,
            "cards": _cards(at, id, topic) if topic else [],
            "log": _log(at),
            "minutes": MINUTES,
            "once": secrets.token_hex(12),
        },
        error.status if error else 200,
    )


@dataclass(frozen=True, slots=True)
class Card:
    """What to say, paragraph by paragraph."""

    title: str
    paragraphs: tuple[str, ...]
    version: str


def _cards(at: Desk, id: str, topic: str) -> list[Card]:
    """What to say about a topic, the same as on every channel."""
    seen = at.hub.guidance.cards(at.principal, topic=topic, customer=id, channel=CHANNEL)
    return [Card(c.title, tuple(" ".join(p.split()) for p in c.text.split("\n\n")), c.version) for c in seen.cards]


@router.post("/{id}/advice")
def advise(at: Annotated[Desk, desk("identify")], id: str, form: Form) -> Response:
    """What to say about a topic; that it was given is kept, where the asker may write down what happens."""
    topic, proof = form.get("topic", "")[:100], form.get("proof", "")
    if topic and "log" in at.may:
        seen = at.hub.guidance.cards(at.principal, topic=topic, customer=id, channel=CHANNEL)
        give(at.hub, at.principal, seen, topic=topic, channel=CHANNEL, by=at.principal.name)
    return onward(f"/call/{id}", topic=topic, **({"proof": proof} if proof else {}))


@router.post("/{id}/verify")
def verify(at: Annotated[Desk, desk("identify")], id: str, form: Form) -> Response:
    """Is the answer right? What is held is not shown."""
    try:
        heard = Callers(at.hub.reader).verify(at.principal, id, form.get("ask", ""), form.get("answer", "")[:200])
    except Refused as error:
        if error.status not in (422, 423):
            raise
        return _caller(at, id, ask=form.get("ask", ""), error=error)
    if heard.right:
        return onward(f"/call/{id}", proof=heard.proof or "")
    left = f"{heard.left} more {'try' if heard.left == 1 else 'tries'}"
    return _caller(at, id, ask=form.get("ask", ""), wrong=f"That is not what we hold. {left} before it is locked.")


@router.post("/{id}/log")
def write_down(at: Annotated[Desk, desk("log")], id: str, form: Form) -> Response:
    """What was talked of, once."""
    hub, proof = at.hub, form.get("proof", "")
    SHOWN_PROOF.set(proof)
    kind = _log(at)
    if kind is None:
        raise BadRequest("nothing can be written down", [Fault("", "no type 'call'", "see config/interactions")])
    values: dict[str, object] = {"direction": "in"} if "direction" in kind.attributes else {}
    for name in (kind.state, "note"):
        if name and form.get(name):
            values[name] = form[name][:4000]
    if kind.spent and form.get("minutes", "").isdecimal():
        values[kind.spent] = f"{int(form['minutes'])} min"

    def make(mark: Mark) -> str:
        hub.timeline.may_log(at.principal, id, kind.name, values)
        return hub.logbook.add(id, kind.name, values, by=at.principal.name, mark=mark)

    request = ["/call/log", id, values]
    once(hub, at.principal, form.get("once") or None, request, make, lambda made: (201, {"id": made}))
    more: Mapping[str, str] = {"proof": proof} if proof else {}
    return onward(f"/call/{id}", done="logged", **more)


def _log(at: Desk) -> InteractionType | None:
    """The type that a call is written down as, where the asker may and sees it."""
    kind = at.hub.config.interactions.get("call")
    sees = kind is not None and at.hub.timeline.view(at.principal).sees("call")
    return kind if sees and "log" in at.may else None
