"""Signing in by OpenID Connect: to the provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from hub.access.authentication.single_sign_on import SingleSignOn
from hub.api.cookies import drop_ticket, keep, keep_ticket, session_cookie, ticket_cookie
from hub.api.problems import documented
from hub.api.security import Stranger, TheHub, any_parameters
from hub.errors import NotFound
from hub.open import Hub

router = APIRouter(prefix="/auth", tags=["session"], dependencies=[Stranger])


@router.get("/sign-in", operation_id="begin_sign_in", status_code=303, responses=documented(404))
def begin_sign_in(
    hub: TheHub,
    request: Request,
    to: Annotated[str, Query(max_length=2000, description="the hub's page for afterwards")] = "/",
) -> Response:
    """To the OpenID provider. 404 where none is configured."""
    departure = _provider(hub).depart(to)
    answer = RedirectResponse(departure.url, 303)
    keep_ticket(answer, request, departure.ticket)
    return answer


@router.get("/callback", operation_id="finish_sign_in", status_code=303, responses=documented(404))
@any_parameters
def finish_sign_in(
    hub: TheHub,
    request: Request,
    state: Annotated[str, Query(max_length=2000)] = "",
    code: Annotated[str, Query(max_length=8000)] = "",
) -> Response:
    """Back from the provider: the answer sets the session's cookie and leads to the page that was asked for."""
    on = _provider(hub)
    arrival = on.arrive(ticket_cookie(request) or "", state, code, instead=session_cookie(request) or "")
    answer = RedirectResponse(arrival.to, 303)
    keep(answer, request, arrival.begun.token)
    drop_ticket(answer, request)
    return answer


def _provider(hub: Hub) -> SingleSignOn:
    if hub.gate.single_sign_on is None:
        raise NotFound("there is nothing at this address")
    return hub.gate.single_sign_on
