"""Roles beside attributes: who may see what; accounts, keys, and glass that was broken."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from hub.access.authentication.accounts import list_accounts
from hub.access.authentication.keys import list_keys
from hub.access.break_glass import opened
from hub.console.pages import Desk, PageRoute, desk
from hub.model import Sight

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/access")
def access(at: Annotated[Desk, desk("admin")]) -> Response:
    """Roles beside attributes: who sees what, and how."""
    config, reader = at.hub.config, at.hub.reader
    roles = [(name, role.title or name) for name, role in config.access.roles.items()]
    views = {name: reader.view_of_role(name) for name, _ in roles}
    types = {
        t: [(a, [views[name].of(t).get(a, Sight.HIDE).value for name, _ in roles]) for a in kind.attributes]
        for t, kind in config.customers.items()
    }
    may = {name: sorted(views[name].may) for name, _ in roles}
    shown = {"roles": roles, "types": types, "titles": {t: k.title or t for t, k in config.customers.items()}}
    with at.hub.database.read() as connection:
        keys = list_keys(connection)
    opened_views = opened(reader, at.principal, 50) if "audit" in at.may else None
    return at.page(
        "access.html",
        {
            **shown,
            "may": may,
            "accounts": list_accounts(at.hub.database),
            "keys": keys,
            "opened": opened_views,
            "now": at.hub.database.clock.now(),
        },
    )
