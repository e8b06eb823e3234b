"""Customers, of themselves: sign in by a code, see what is held, put it right, say what may be done with it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from hub.access.codes import Words
from hub.access.own import own_self
from hub.access.principals import Principal
from hub.api.cookies import keep, session_cookie
from hub.api.problems import documented
from hub.api.schemas import In, Out
from hub.api.security import OWN, Stranger, TheHub, needs
from hub.language.catalog import chosen
from hub.language.messages import SIGN_IN, code_message
from hub.open import Hub
from hub.settings import duration_micros

router = APIRouter(prefix="/v1/me", tags=["me"])

Person = Annotated[Principal, needs(OWN)]
Accepted = Annotated[str, Header(alias="accept-language", max_length=500)]
MINUTE = 60_000_000


class CodeAsked(In):
    kind: Literal["email", "phone"] = Field(description="where the code is sent", examples=["email"])
    to: str = Field(min_length=1, max_length=320, examples=["ana@silva.pt"])


class TicketOut(Out):
    """The same, whether or not anybody is known by that contact point."""

    ticket: str = Field(description="to be shown with the code")


class CodeShown(In):
    ticket: str = Field(min_length=1, max_length=200)
    code: str = Field(min_length=1, max_length=20, examples=["123456"])


class OwnOut(Out):
    """Who is signed in."""

    customer: str
    type: str
    certain: bool = Field(description="false: somebody has to look first whether all that is held is of one person")


def words(hub: Hub, language: str, text: str = SIGN_IN) -> Words:
    """What makes the message of a code."""
    minutes = duration_micros(hub.codes.rules.good) // MINUTE
    return lambda code: code_message(language, text, code, minutes)


@router.post("/code", operation_id="ask_code", status_code=202, dependencies=[Stranger], responses=documented())
def ask_code(hub: TheHub, given: CodeAsked, accepted: Accepted = "") -> TicketOut:
    """Have a code sent to a contact point that is known to be yours."""
    return TicketOut(ticket=hub.codes.ask(given.kind, given.to, words(hub, chosen(accepted))))


@router.post("/session", operation_id="sign_in_by_code", dependencies=[Stranger], responses=documented())
def sign_in_by_code(hub: TheHub, request: Request, response: Response, given: CodeShown) -> OwnOut:
    """Sign in: the answer sets the session's cookie. A code is good once."""
    begun = hub.codes.sign_in(given.ticket, given.code, instead=session_cookie(request) or "")
    keep(response, request, begun.token)
    principal = hub.gate.sessions.principal(begun.token)
    assert principal is not None
    return _own(hub, principal)


@router.get("/customer", operation_id="get_own_customer", responses=documented(404, 410))
def get_own_customer(hub: TheHub, principal: Person) -> OwnOut:
    """Which customer am I?"""
    return _own(hub, principal)


def _own(hub: Hub, principal: Principal) -> OwnOut:
    found = own_self(hub.reader, principal)
    return OwnOut(customer=found.id, type=found.type, certain=found.certain)
