"""For whoever answers people about their data: what is asked, until when it has to be answered, and answering it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from hub.api.requests import as_download, language_for, package_file
from hub.console.pages import Desk, Form, PageRoute, Sent, desk, onward
from hub.errors import BadRequest, Fault, Gone, HubError
from hub.language.catalog import languages
from hub.language.files import CopyFile
from hub.language.files import Form as CopyForm
from hub.language.letters import letter
from hub.language.paper import POLICY, as_page
from hub.model import Plain
from hub.privacy.outliving import Outliving
from hub.privacy.requests import ASKED, OPEN, RequestSeen
from hub.privacy.retention import Retention
from hub.resolve.own_side import OwnWord, contacts_of

router = APIRouter(prefix="/privacy", route_class=PageRoute, include_in_schema=False)

DAY = 86_400_000_000
SOON = 7  # days before a request is due from which it is marked
OPENED = ("access", "portability", "rectification", "erasure", "restriction", "objection", "review")
PAPER = {"content-security-policy": POLICY}
Officer = Annotated[Desk, desk("privacy")]


@router.get("")
def requests(
    at: Officer, everything: bool = False, quiet: bool = False, done: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """What is asked, the most urgent first; `everything`: what was answered too; `quiet`: customers of whom nothing was heard,
    counted, which reads all of them."""
    now = at.hub.database.clock.now()
    found = at.hub.requests.all(open_only=not everything)
    if not everything:
        found = sorted(found, key=lambda r: (r.request.due, r.request.id))
    rows = [(r, _left(r, now)) for r in found]
    shown = {
        "rows": rows,
        "everything": everything,
        "kinds": OPENED,
        "languages": languages(),
        "done": done,
        "soon": SOON,
    }
    outliving = Outliving(at.hub.requests)
    aged = {"quiet": outliving.preview() if quiet else None, "any_quiet": outliving.types != ()}
    return at.page("privacy/requests.html", {**shown, **aged, "old": Retention(at.hub.resolver).preview()})


@router.post("")
def open_request(at: Officer, form: Form) -> Response:
    """What a person asked by letter, or on the telephone."""
    id, kind, reason = form.get("customer", ""), form.get("kind", ""), form.get("reason", "")[:2000]
    if kind not in OPENED:
        raise BadRequest("there is no such request", [Fault("kind", "unknown", f"known: {', '.join(OPENED)}")])
    language = language_for(at.hub, at.principal, id, form.get("language", ""))
    if kind == "restriction":
        made = at.hub.requests.restrict(id, by=at.principal.name, reason=reason, language=language)
    else:
        state = ASKED if kind == "erasure" else OPEN
        by = at.principal.name
        made = at.hub.requests.open(id, kind, by=by, reason=reason, state=state, language=language)  # type: ignore[arg-type]
    return onward(f"/privacy/{made.id}")


@router.get("/{request}")
def request_page(at: Officer, request: str) -> Response:
    """One of them: its clock, who has to answer, what can be done."""
    return _page(at, request)


@router.get("/{request}/package/{form}")
def package(at: Officer, request: str, form: CopyForm) -> Response:
    """What the person is given, as a page, a PDF, JSON or CSV."""
    return package_file(at.hub, at.principal, request, form)


@router.get("/{request}/letter/{form}")
def told(at: Officer, request: str, form: Literal["page", "pdf"]) -> Response:
    """What the person is told of it as it stands, in their language."""
    paper = letter(at.hub.requests.get(request))
    if form == "page":
        return Response(as_page(paper), media_type="text/html", headers=PAPER)
    from hub.language.pdf import as_pdf

    return as_download(CopyFile(as_pdf(paper), "application/pdf", "pdf"), request)


@router.post("/{request}")
def act(at: Officer, request: str, form: Form) -> Response:
    """Begin an erasure, refuse, take longer, note what a recipient answered, or close."""
    asked, reason = at.hub.requests, form.get("reason", "")[:2000]
    try:
        match form.get("do", ""):
            case "erase":
                found = asked.get(request).request
                reviewed = form.get("reviewed") == "yes"
                asked.erase(found.customer, by=at.principal.name, reason=reason, reviewed=reviewed, compact=False)
            case "restrict" | "lift" as what:
                found = asked.get(request).request
                lift, language = what == "lift", found.language
                asked.restrict(found.customer, by=at.principal.name, reason=reason, lift=lift, language=language)
            case "rectify":
                _put_right(at, request, form)
            case "refuse":
                asked.refuse(request, reason=reason)
            case "extend":
                asked.extend(request, reason=reason)
            case "acknowledge":
                asked.acknowledge(request)
            case "close":
                asked.close(request)
            case "receipt":
                asked.answered(
                    request, form.get("recipient", ""), note=reason, impossible=form.get("impossible") == "yes"
                )
            case _:
                raise BadRequest("this cannot be done", [Fault("do", "unknown")])
    except BadRequest:
        raise
    except HubError as error:
        return _page(at, request, error=error)
    return onward(f"/privacy/{request}")


def _put_right(at: Desk, id: str, form: Sent) -> None:
    """One value as the person says it; of an attribute with many, a line each. Closes the request."""
    hub, running = at.hub, at.hub.requests.running(id)
    known = hub.config.customers[hub.reader.type_of(at.principal, running.customer)].attributes
    name, text = form.get("attribute", ""), form.get("value", "")
    lines: list[Plain] = [line.strip() for line in text.splitlines() if line.strip()]
    many = name in known and known[name].many
    values: dict[str, Plain | Sequence[Plain] | None] = {name: (lines or None) if many else text or None}
    proved = contacts_of({a: d.kind for a, d in known.items()}, values)  # who answers for it has looked who asks
    said = OwnWord(values, "request", form.get("since", "")[:10], proved)
    hub.own_side.state(
        running.customer, said, by=at.principal.name, mark=lambda connection: hub.requests.close_in(connection, id)
    )


def _page(at: Desk, id: str, *, error: HubError | None = None) -> Response:
    seen = at.hub.requests.get(id)
    now = at.hub.database.clock.now()
    attributes: list[str] = []
    if seen.request.kind == "rectification" and seen.request.closed is None:
        with suppress(Gone):  # of who was erased meanwhile nothing is corrected: it can be closed
            of = at.hub.reader.type_of(at.principal, seen.request.customer)
            attributes = list(at.hub.config.customers[of].sayable)
    shown = {
        "attributes": attributes,
        "seen": seen,
        "left": _left(seen, now),
        "soon": SOON,
        "error": error,
        "names": at.hub.requests.names(id),
        "acknowledge": at.hub.requests.to_acknowledge(seen.request),
        "restricted": seen.request.kind == "restriction" and at.hub.requests.restricted(seen.request.customer),
    }
    return at.page("privacy/request.html", shown, error.status if error else 200)


def _left(seen: RequestSeen, now: int) -> int | None:
    """Days until it is due, below 0 when it is late; None: it was answered."""
    return None if seen.request.closed is not None else (seen.request.due - now) // DAY
