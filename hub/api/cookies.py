"""The session's cookie, and that a request which carries one comes from the hub's own pages.

By https it is `__Host-hub`: no other host and no plain connection can set or read it. By http, which the hub speaks
on loopback only, browsers refuse that name; there it is `hub`. No script reads either, and other sites' forms do not
carry it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hub.errors import Fault, Forbidden

SECURE, PLAIN = "__Host-hub", "hub"
POSITION = "-position"  # after either name: how far the hub was when this browser last changed something
KEPT = 60  # seconds that it is kept: a replica that is further behind is not read
TICKET = "-ticket"  # after either name: what a browser keeps while it is at the OpenID provider
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _name(request: Request) -> str:
    return SECURE if _secure(request) else PLAIN


def session_cookie(request: Request) -> str | None:
    """The token of the session that a request shows."""
    return request.cookies.get(_name(request))


def ticket_cookie(request: Request) -> str | None:
    """What the browser kept when it went to the OpenID provider."""
    return request.cookies.get(_name(request) + TICKET)


def keep(response: Response, request: Request, token: str) -> None:
    """Let the browser show this session from now on. It forgets it when it is closed; the hub ends it earlier."""
    _keep(response, request, _name(request), token)


def drop(response: Response, request: Request) -> None:
    """Let the browser forget its session."""
    _drop(response, request, _name(request))


def position_cookie(request: Request) -> str | None:
    """How far the hub was when the browser last changed something."""
    return request.cookies.get(_name(request) + POSITION)


def keep_position(response: Response, request: Request, position: str) -> None:
    _keep(response, request, _name(request) + POSITION, position, KEPT)


def keep_ticket(response: Response, request: Request, ticket: str) -> None:
    _keep(response, request, _name(request) + TICKET, ticket)


def drop_ticket(response: Response, request: Request) -> None:
    _drop(response, request, _name(request) + TICKET)


def _keep(response: Response, request: Request, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(name, value, seconds, path="/", secure=_secure(request), httponly=True, samesite="lax")


def _drop(response: Response, request: Request, name: str) -> None:
    response.delete_cookie(name, path="/", secure=_secure(request), httponly=True, samesite="lax")


def same_origin(request: Request) -> None:
    """Forbidden for a request that changes something and that a browser sent from a page of another origin.

    Browsers say where a request comes from (`Sec-Fetch-Site`, and `Origin` with every method that changes something), and
    no page can change what they say. What says neither is no browser, and carries no cookie without its owner's doing.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    good = site in ("same-origin", "none") if site is not None else origin is None or _here(request, origin)
    if not good:
        raise Forbidden(
            "a page of another site cannot do this",
            [Fault("Origin", "is not the hub's own", "open the hub's own address; a proxy has to pass on Host")],
        )


def _here(request: Request, origin: str) -> bool:
    return urlsplit(origin).netloc.casefold() == request.headers.get("host", "").casefold() != ""
