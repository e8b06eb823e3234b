"""Authorisation by dependency: every route declares a permission, or that it is public. Never by path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from hub.access.authentication.authenticate import Credential
from hub.access.authentication.principals import Principal
from hub.access.authentication.rates import Rate, too_often
from hub.api.cookies import same_origin, session_cookie
from hub.db import primary
from hub.errors import BadRequest, Fault, Forbidden, NotAuthenticated
from hub.open import Hub
from hub.settings import SELF

F = TypeVar("F", bound=Callable[..., Any])

PUBLIC, SIGNED_IN = "public", "signed in"
OWN = "own"  # the permission of customers
_bearer = HTTPBearer(auto_error=False, description="An API key: hub_live_... (make one with `hub keys create`)")


async def the_hub(request: Request) -> Hub:  # async: a plain one would cost a hop to another thread
    found: Hub = request.app.state.hub
    return found


TheHub = Annotated[Hub, Depends(the_hub)]


def declares(permission: str) -> Callable[[F], F]:
    def mark(dependency: F) -> F:
        dependency.permission = permission  # type: ignore[attr-defined]
        return dependency

    return mark


def who_asks(hub: Hub, request: Request) -> Principal:
    """The principal that a request shows. NotAuthenticated: nobody; Forbidden: another site's page sent the cookie."""
    with primary():  # a key that was taken back is so at once
        found = hub.gate.admit(Credential(request.headers.get("authorization"), session_cookie(request)))
    if found.session is not None:
        same_origin(request)
    _count(request, hub.gate.rate(found))
    return found


def _count(request: Request, rate: Rate) -> None:
    """Let the answer say how much is left; TooMany when nothing is."""
    request.state.rate = rate
    if rate.left < 0:
        raise too_often(rate)


async def session_principal(request: Request, hub: TheHub) -> Principal | None:
    """Depends, for pages: who is signed in by the cookie; None: nobody is, so show where to sign in.

    A page's route declares its permission as every other (`declares`), and asks `hub.reader.view(principal).may` for it.
    """
    try:
        return await run_in_threadpool(who_asks, hub, request)
    except NotAuthenticated:
        return None


def needs(permission: str) -> Any:
    """Depends: the principal, if its role has this permission; else 401 or 403."""

    @declares(permission)
    def principal(
        request: Request, hub: TheHub, _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        return authorised(hub, request, permission)

    return Depends(principal)


def authorised(hub: Hub, request: Request, permission: str) -> Principal:
    """Who asks, if its role has a permission. NotAuthenticated, Forbidden. May be asked again of a request that lasts."""
    found = who_asks(hub, request)
    may = hub.reader.view(found).may
    if permission not in may:
        raise Forbidden(f"this role may not do that: it lacks the permission '{permission}'")
    if OWN in may and (permission != OWN or found.kind != "person"):  # whatever else it may, it may of itself
        raise Forbidden("this is not for customers, who see what is theirs")
    return found


@declares(SIGNED_IN)
def signed_in(
    request: Request, hub: TheHub, _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Depends: whoever it is, but somebody."""
    return who_asks(hub, request)


SignedIn = Annotated[Principal, Depends(signed_in)]


@declares(PUBLIC)
async def public() -> None:
    """Depends: nobody in particular. For what says nothing of customers."""


Public = Depends(public)


@declares(PUBLIC)
def stranger(request: Request, hub: TheHub) -> None:
    """Depends: nobody yet, who wants to become somebody: on the hub's own pages, and not too often from one address."""
    same_origin(request)
    _count(request, hub.gate.stranger_rate(request.client.host if request.client else ""))


Stranger = Depends(stranger)


def any_parameters(endpoint: F) -> F:
    """Marks a route whose parameters another system chooses."""
    endpoint.any_parameters = True  # type: ignore[attr-defined]
    return endpoint


def _parameters(route: APIRoute) -> tuple[str, ...]:
    """The query parameters that a route knows."""
    found: set[str] = set()
    todo = [route.dependant]
    while todo:
        dependant = todo.pop()
        found.update(str(parameter.alias) for parameter in dependant.query_params)
        todo.extend(dependant.dependencies)
    return tuple(sorted(found))


async def known_parameters(request: Request) -> None:
    """BadRequest for a query parameter that nothing reads: a misspelt filter must not answer with everything."""
    if not request.query_params:
        return
    route = request.scope.get("route")
    known = _parameters(route) if isinstance(route, APIRoute) else ()
    if isinstance(route, APIRoute) and getattr(route.endpoint, "any_parameters", False):
        return
    unknown = sorted(set(request.query_params) - set(known))
    if unknown and isinstance(route, APIRoute):
        remedy = f"known: {', '.join(known)}" if known else "this address takes none"
        raise BadRequest(
            "unknown query parameters", [Fault(f"?{name[:100]}", "no such parameter", remedy) for name in unknown[:10]]
        )


def may_write(principal: Principal, source: str) -> None:
    """A system writes its own source and no other; whether others exist is not told."""
    if principal.kind == "system" and principal.source != source:
        raise Forbidden("a system may write only the records of its own source")
    if source == SELF:
        raise Forbidden("what people say of themselves is said by them, or by a request: POST /v1/requests")
