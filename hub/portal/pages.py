"""What all pages for customers share: their language, who sits there, templates, refusals as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import orjson
from babel import Locale
from babel.dates import format_date, format_datetime
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.access.authentication.own import OwnSelf
from hub.access.authentication.principals import Principal
from hub.api.problems import of_error, of_validation
from hub.api.security import OWN, TheHub, needs
from hub.console import words
from hub.console.assets import address_of
from hub.console.pages import HEADERS, PageRoute, onward
from hub.errors import NotAuthenticated
from hub.language import wording
from hub.language.catalog import FIRST, chosen, languages, said_in, translations
from hub.model import from_micros
from hub.open import Hub

COOKIE = "hub-language"
HERE = Path(__file__).parent
CONSOLE = Path(words.__file__).parent


@cache
def _templates(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader([HERE / "templates", CONSOLE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(asset=address_of, language=language, languages=languages(), named=_named)
    made.filters.update(words.FILTERS)
    told = partial_of(language)
    made.filters.update(
        title=lambda word: told(wording.title(word)),
        rule=lambda name: told(words.rule(name)),
        when=lambda micros: _when(micros, language),
        day=lambda micros: _day(micros, language),
        told=told,
    )
    return made


def partial_of(language: str) -> Callable[[str], str]:
    """What says words of the hub's in a language."""
    return lambda text: said_in(language, str(text))


def _named(language: str) -> str:
    return Locale.parse(language).get_display_name() or language


def _when(micros: int | None, language: str) -> Markup:
    """A moment. The page's script shows it in the zone of who reads it; without it, it is UTC and says so."""
    if micros is None:
        return Markup("")
    at = from_micros(micros)
    written = format_datetime(at, "medium", locale=language)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(timespec="seconds"), written)


def _day(micros: int | None, language: str) -> Markup:
    if micros is None:
        return Markup("")
    at = from_micros(micros).date()
    return Markup('<time datetime="{}" data-day>{}</time>').format(at.isoformat(), format_date(at, locale=language))


def language_of(request: Request) -> str:
    """The one that was chosen here, else what the browser asks for."""
    kept = request.cookies.get(COOKIE, "")
    return kept if kept in languages() else chosen(request.headers.get("accept-language", "")[:500])


def drawn(request: Request, template: str, shown: Mapping[str, object], status: int = 200) -> Response:
    """A page of this template in the language of who asks. What it is shown is escaped, whatever it is."""
    language = language_of(request)
    made = _templates(language).get_template(template).render({"path": request.url.path, "seat": None, **shown})
    return HTMLResponse(made, status, {**HEADERS, "content-language": language, "vary": "accept-language, cookie"})


ENTRIES = (
    ("/me", "My data"),
    ("/me/consents", "Consents"),
    ("/me/companies", "Companies"),
    ("/me/shared", "Who has it"),
    ("/me/happened", "What happened"),
    ("/me/requests", "Ask"),
)


@dataclass(frozen=True)
class Seat:
    """A customer at their own pages."""

    request: Request
    hub: Hub
    principal: Principal

    @property
    def language(self) -> str:
        return language_of(self.request)

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        return ENTRIES

    def who(self) -> OwnSelf:
        return self.hub.mine.who(self.principal)

    def page(self, template: str, shown: Mapping[str, object], status: int = 200) -> Response:
        return drawn(self.request, template, {**shown, "seat": self}, status)


def _seated(request: Request, hub: TheHub, principal: Principal = needs(OWN)) -> Seat:
    return Seat(request, hub, principal)


Mine = Annotated[Seat, Depends(_seated)]


class OwnRoute(PageRoute):
    """A route whose refusals are pages in the customer's language. Who is nobody is led to where one signs in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        inner = APIRoute.get_route_handler(self)

        async def answered(request: Request) -> Response:
            try:
                return await inner(request)
            except NotAuthenticated:
                return onward("/me/sign-in")
            except RequestValidationError as error:
                return refused(request, of_validation(error))
            except Exception as error:  # noqa: BLE001 - `of_error` tells what may be told and logs the rest
                return refused(request, of_error(error))

        return answered


def refused(request: Request, answer: Response) -> Response:
    """A refusal of the API's as a page, in words for customers: the same status."""
    told = orjson.loads(answer.body)
    made = drawn(request, "refused_own.html", {"problem": told}, answer.status_code)
    for name in ("retry-after",):
        if name in answer.headers:
            made.headers[name] = answer.headers[name]
    return made


def with_language(answer: Response, request: Request, language: str) -> Response:
    """Keeps the language that was chosen."""
    if language in languages():
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, language, path="/me", max_age=31_536_000, secure=secure, httponly=True, samesite="lax"
        )
    return answer


__all__ = ["FIRST", "Mine", "OwnRoute", "RedirectResponse", "Seat", "drawn", "language_of", "onward", "with_language"]
