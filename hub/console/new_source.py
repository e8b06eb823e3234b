"""Add a source by form: where a system is, what its columns would be, ten records as the hub would read them, the file.

Whoever may do this has the hub read files and services for them, so it is for the role that administers the hub; and what
a form reaches is less than what an operator writes on the machine (`hub.work.reach`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from hub.access.rows_read import see_found
from hub.console.pages import Desk, Form, PageRoute, desk, onward
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.work import adding, reach
from hub.work.adding import FoundSource, SourceWish

router = APIRouter(route_class=PageRoute, include_in_schema=False)

EMPTY = {"kind": "file", "records": "@", "customer": "person"}
ASKED = ("name", "kind", "at", "what", "records", "token_env", "customer", "country")
SAID_BY = {
    "connector.path": "at",
    "connector.url_env": "at",
    "connector.base_url": "at",
    "rest.records": "records",
    "streams.rows": "what",
}  # the first that a fault's place holds
LONGEST = 500  # characters of an answer


@dataclass(frozen=True, slots=True)
class FormFaults:
    """What is wrong with a form: by field (of a connector's key the field that says it), and what is of no field."""

    fields: Mapping[str, Fault]
    others: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, error: ConfigError) -> FormFaults:
        said = [(next((n for key, n in SAID_BY.items() if key in f.where), f.where), f) for f in error.faults]
        fields = {where: f for where, f in reversed(said) if where in ASKED}
        return cls(fields, tuple(f for where, f in said if where not in ASKED))

    def __bool__(self) -> bool:
        return bool(self.fields or self.others)


@router.get("/new-source")
def blank(at: Annotated[Desk, desk("admin")]) -> Response:
    """The form."""
    return _drawn(at, EMPTY)


@router.post("/new-source")
def add(at: Annotated[Desk, desk("admin")], form: Form) -> Response:
    """Look there and show what would be; with `write`, of what was shown, the file."""
    given = EMPTY | {name: form[name][:LONGEST] for name in ASKED if form.get(name)}
    wish = SourceWish(**{name: given.get(name, "") for name in ASKED})
    try:
        reach.check(wish, at.hub.config, at.hub.folder, os.environ, at.hub.networks)
        found = adding.offer(at.hub.config, wish, os.environ)
        if form.get("write") != digest(found.text):
            return _drawn(at, given, found=found, other="write" in form)
        adding.write(at.hub.config, found)
    except ConfigError as error:
        return _drawn(at, given, faults=FormFaults.of(error))
    except RetryLater as error:
        fault = Fault("at", f"does not answer: {error}", "start it, or correct where it is")
        return _drawn(at, given, faults=FormFaults({"at": fault}))
    return onward("/sources", done=_done(at, wish.name))


def _done(at: Desk, name: str) -> str:
    reread = getattr(at.request.app.state, "reread", None)
    if reread is None:
        return f"{name} is written; it is pulled once the hub has read its configuration again"
    reread()
    return f"{name} is written; the hub reads its configuration again within seconds"


def _drawn(
    at: Desk,
    given: Mapping[str, str],
    *,
    faults: FormFaults = FormFaults({}),
    found: FoundSource | None = None,
    other: bool = False,
) -> Response:
    shown: dict[str, object] = {"given": {n: given.get(n, "") for n in ASKED}, "faults": faults, "found": found}
    shown |= {"titles": {name: kind.title or name for name, kind in at.hub.config.customers.items()}, "other": other}
    if found is not None:
        rows = see_found(at.hub.reader, at.principal, *found.stream, found.shown)
        shown |= {"rows": rows, "mark": digest(found.text)}
    return at.page("new_source.html", shown, 422 if faults else 200)
