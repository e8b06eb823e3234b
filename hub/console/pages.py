"""What all pages share: templates under one strict policy, who sits there, forms as they are sent, refusals as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.access.authentication.principals import Principal
from hub.access.authentication.round_trip import own_page
from hub.api.cookies import SAFE
from hub.api.problems import of_error, of_validation
from hub.api.security import TheHub, needs, signed_in
from hub.console import words
from hub.console.assets import address_of
from hub.errors import BadRequest, Fault, NotAuthenticated
from hub.model import RecordId
from hub.open import Hub

POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"),
    )
)
HEADERS = {"content-security-policy": POLICY}
FIELDS = 2000  # of one form

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)
_templates.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # what the portal says too, in English
_templates.globals.update(asset=address_of)
_templates.filters.update(words.FILTERS)


def drawn(template: str, shown: Mapping[str, object], status: int = 200) -> Response:
    """A page of this template. What it is shown is escaped, whatever it is."""
    return HTMLResponse(_templates.get_template(template).render(shown), status, HEADERS)


def onward(address: str, **query: str) -> Response:
    """To another page, which is asked for anew: going back or loading again does nothing twice."""
    return RedirectResponse(address + (f"?{urlencode(query)}" if query else ""), 303)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the top of every page leads to, for whoever has the permission."""

    title: str
    address: str
    permission: str


ENTRIES = (
    Entry("Review", "/review", "decide"),
    Entry("Call", "/call", "identify"),
    Entry("Work", "/work", "log"),
    Entry("Customers", "/customers", "read"),
    Entry("Privacy", "/privacy", "privacy"),
    Entry("Overview", "/overview", "admin"),
    Entry("Sources", "/sources", "admin"),
    Entry("Subscriptions", "/subscriptions", "subscribe"),
    Entry("Model", "/model", "admin"),
    Entry("Access", "/access", "admin"),
)


@dataclass(frozen=True)
class Desk:
    """Somebody at the console: who asks, what for."""

    request: Request
    hub: Hub
    principal: Principal

    @property
    def may(self) -> frozenset[str]:
        return self.hub.reader.view(self.principal).may

    @property
    def role(self) -> str:
        """What the asker is, in words."""
        found = self.hub.config.access.roles.get(self.principal.role)
        return (found.title if found else "") or self.principal.role

    @property
    def entries(self) -> list[Entry]:
        return [p for p in ENTRIES if p.permission in self.may]

    @property
    def address(self) -> str:
        """Of this page, with its query."""
        return here(self.request)

    def page(self, template: str, shown: Mapping[str, object], status: int = 200) -> Response:
        return drawn(template, {**shown, "desk": self}, status)


def desk(permission: str) -> Desk:
    """Depends: somebody whose role has this permission, at their desk."""

    def seated(request: Request, hub: TheHub, principal: Principal = needs(permission)) -> Desk:
        return Desk(request, hub, principal)

    found: Desk = Depends(seated)
    return found


def _anybody(request: Request, hub: TheHub, principal: Annotated[Principal, Depends(signed_in)]) -> Desk:
    return Desk(request, hub, principal)


Anybody = Annotated[Desk, Depends(_anybody)]


class Sent(dict[str, str]):
    """The fields of a form, blanks trimmed; of one that stands there more than once the last, and all in `lists`."""

    lists: Mapping[str, tuple[str, ...]]

    def __init__(self, pairs: list[tuple[str, str]]):
        super().__init__((name, value.strip()) for name, value in pairs)
        self.lists = {n: tuple(v for name, v in pairs if name == n) for n in dict.fromkeys(n for n, _ in pairs)}


async def _sent(request: Request) -> Sent:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    try:
        if kind not in ("", "application/x-www-form-urlencoded"):
            raise ValueError
        body = (await request.body()).decode()
        return Sent(parse_qsl(body, keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError:
        raise BadRequest("this is no form of the hub's", [Fault("", "cannot be read", "open the page again")]) from None


Form = Annotated[Sent, Depends(_sent)]
Outcome = Annotated[str, Query(max_length=300, description="what came of what was just done")]


class PageRoute(APIRoute):
    """A route whose refusals are pages. Who is nobody is led to where one signs in, and back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        inner = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await inner(request)
            except NotAuthenticated as error:
                if "authorization" in request.headers:
                    return refused(request, of_error(error))
                return onward("/sign-in", to=_back(request), said="" if request.method in SAFE else "ended")
            except RequestValidationError as error:
                return refused(request, of_validation(error))
            except Exception as error:  # noqa: BLE001 - `of_error` tells what may be told and logs the rest
                return refused(request, of_error(error))

        return answered


def refused(request: Request, answer: Response) -> Response:
    """A refusal of the API's as a page: the same status, the same words."""
    told = orjson.loads(answer.body)
    made = drawn("refused.html", {"problem": told, "back": _back(request)}, answer.status_code)
    for name in ("retry-after",):
        if name in answer.headers:
            made.headers[name] = answer.headers[name]
    return made


def install(app: FastAPI) -> None:
    """Who follows a link that leads nowhere gets a page, too. After the API's own handlers."""
    told = app.exception_handlers[HTTPException]

    def http(request: Request, error: Exception) -> Response:
        answer = told(request, error)
        assert isinstance(answer, Response)
        return refused(request, answer) if request.headers.get("sec-fetch-mode") == "navigate" else answer

    app.add_exception_handler(HTTPException, http)


def record_named(text: str, where: str) -> RecordId:
    """A record as addresses and forms write it. BadRequest."""
    try:
        return RecordId.parse(text)
    except ValueError:
        raise BadRequest("no such record", [Fault(where, "unreadable", "write source/stream/key")]) from None


def here(request: Request) -> str:
    query = request.url.query
    return quote(request.url.path, safe="/:@") + (f"?{query}" if query else "")


def _back(request: Request) -> str:
    """The page to come back to: this one; of a form that was sent, the one that it stood on."""
    if request.method in SAFE:
        return here(request)
    stood = urlsplit(request.headers.get("referer", ""))
    same = stood.netloc.casefold() == request.headers.get("host", "").casefold()
    return own_page(f"{stood.path}?{stood.query}" if stood.query else stood.path) if same else "/"
