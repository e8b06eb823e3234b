"""Customers sign in by a code, or at their company's OpenID provider, and out; the language of their pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from hub.access.authentication.own_sign_on import OwnSignOn
from hub.api.cookies import drop, drop_ticket, keep, keep_ticket, session_cookie, ticket_cookie
from hub.api.me import words
from hub.api.security import Stranger, TheHub, any_parameters
from hub.console.pages import Form
from hub.errors import NotAuthenticated, NotFound, Refused
from hub.open import Hub
from hub.portal.pages import Mine, OwnRoute, drawn, language_of, onward, with_language

router = APIRouter(prefix="/me", route_class=OwnRoute, include_in_schema=False)


@router.get("/sign-in", dependencies=[Stranger])
def sign_in_page(hub: TheHub, request: Request, said: str = "") -> Response:
    return _page(hub, request, said=said)


@router.post("/code", dependencies=[Stranger])
def send_code(hub: TheHub, request: Request, form: Form) -> Response:
    """The same page, whether or not anybody is known by that contact point."""
    to = form.get("to", "")[:320]
    kind = "email" if "@" in to else "phone"
    try:
        ticket = hub.codes.ask(kind, to, words(hub, language_of(request)))
    except Refused as error:
        return _page(hub, request, to=to, wrong=True, status=error.status)
    return drawn(request, "code.html", {"ticket": ticket, "to": to, "wrong": False})


@router.post("/session", dependencies=[Stranger])
def sign_in(hub: TheHub, request: Request, form: Form) -> Response:
    """A session, and on to one's data."""
    ticket, code, to = form.get("ticket", "")[:200], form.get("code", "")[:20], form.get("to", "")[:320]
    try:
        begun = hub.codes.sign_in(ticket, code, instead=session_cookie(request) or "")
    except Refused as error:
        return drawn(request, "code.html", {"ticket": ticket, "to": to, "wrong": True}, error.status)
    answer = onward("/me")
    keep(answer, request, begun.token)
    return answer


@router.get("/elsewhere", dependencies=[Stranger])
def sign_in_elsewhere(hub: TheHub, request: Request) -> Response:
    """To the company's OpenID provider. 404 where customers have none."""
    departure = _elsewhere(hub).depart("/me")
    answer = RedirectResponse(departure.url, 303)
    keep_ticket(answer, request, departure.ticket)
    return answer


@router.get("/callback", dependencies=[Stranger])
@any_parameters
def come_back(
    hub: TheHub,
    request: Request,
    state: Annotated[str, Query(max_length=2000)] = "",
    code: Annotated[str, Query(max_length=8000)] = "",
) -> Response:
    """Back from there: a session. The same page for whoever is nobody here, or not surely one customer."""
    try:
        arrival = _elsewhere(hub).arrive(
            ticket_cookie(request) or "", state, code, instead=session_cookie(request) or ""
        )
    except NotAuthenticated:
        answer = onward("/me/sign-in", said="elsewhere")
    else:
        answer = onward(arrival.to)
        keep(answer, request, arrival.begun.token)
    drop_ticket(answer, request)
    return answer


def _elsewhere(hub: Hub) -> OwnSignOn:
    if hub.own_sign_on is None:
        raise NotFound("there is nothing at this address")
    return hub.own_sign_on


@router.post("/sign-out")
def sign_out(at: Mine) -> Response:
    at.hub.gate.sessions.end(at.principal)
    answer = onward("/me/sign-in", said="out")
    drop(answer, at.request)
    return answer


@router.post("/language", dependencies=[Stranger])
def choose_language(request: Request, form: Form) -> Response:
    """The pages are in this language from now on."""
    to = form.get("to", "")
    return with_language(onward(to if to in ("/me", "/me/sign-in") else "/me"), request, form.get("language", ""))


def _page(
    hub: TheHub, request: Request, *, to: str = "", said: str = "", wrong: bool = False, status: int = 200
) -> Response:
    shown = {"kinds": hub.codes.kinds, "elsewhere": hub.own_sign_on is not None, "to": to, "said": said, "wrong": wrong}
    return drawn(request, "sign_in_own.html", shown, status)
