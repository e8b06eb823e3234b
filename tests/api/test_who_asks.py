"""Every route against everybody who may not come in: nobody in particular, and all who once could. They are told the same."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account, disable_account, set_roles, set_up
from hub.access.authentication.keys import DAY, create_key, list_keys, revoke_key
from hub.api import security
from hub.api.security import PUBLIC, SIGNED_IN
from hub.app import create_app
from hub.open import Hub
from tests.access.population import fill
from tests.access.test_accounts import HOUR, PASSWORD, later, sign_in, who
from tests.api.test_app import of_the_api, permissions, problem

Headers = dict[str, str]
SIGNED = "signed by a source"  # what calls of other systems come with: they have no role


def bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


def key(hub: Hub, role: str = "lead_steward") -> str:
    return create_key(hub.database, hub.config, "Eve", role)[0]


def session(hub: Hub, name: str) -> str:
    """The token of a session of an account of its own."""
    token, _ = add_account(hub.database, hub.config, name, ["lead_steward"])
    set_up(hub.database, hub.config, token, PASSWORD)
    return sign_in(hub, name).token


def cookie(token: str) -> Headers:
    return {"cookie": f"__Host-hub={token}"}


def expired(hub: Hub) -> Headers:
    token = create_key(hub.database, hub.config, "Eve", "lead_steward", days=1)[0]
    later(hub, DAY)
    return bearer(token)


def revoked(hub: Hub) -> Headers:
    token = key(hub)
    with hub.database.read() as connection:
        id = list_keys(connection)[-1].id
    revoke_key(hub.database, id)
    return bearer(token)


def disabled(hub: Hub) -> Headers:
    token = session(hub, "gone")
    disable_account(hub.database, "gone")
    return cookie(token)


def stale(hub: Hub) -> Headers:
    token = session(hub, "idle")
    later(hub, HOUR)
    return cookie(token)


def signed_out(hub: Hub) -> Headers:
    token = session(hub, "out")
    hub.gate.sessions.end(who(hub, token))
    return cookie(token)


def of_another_role_now(hub: Hub) -> Headers:
    token = session(hub, "moved")
    set_roles(hub.database, hub.config, "moved", ["analyst"])
    return cookie(token)


def of_elsewhere(hub: Hub) -> Headers:
    """A good session under the name that only plain HTTP has."""
    return {"cookie": f"hub={session(hub, 'plain')}"}


NOBODY: dict[str, Callable[[Hub], Headers]] = {
    "nobody": lambda _: {},
    "a key that is none": lambda _: bearer("hub_live_nobody_knows"),
    "a truncated key": lambda hub: bearer(key(hub)[:-1]),
    "a key in another scheme": lambda hub: {"authorization": f"Basic {key(hub)}"},
    "an expired key": expired,
    "a revoked key": revoked,
    "a token where none is taken": lambda _: bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."),
    "a session that is none": lambda _: cookie("x" * 43),
    "a key as a session": lambda hub: cookie(key(hub)),
    "a session as a key": lambda hub: bearer(session(hub, "bearer")),
    "a disabled account": disabled,
    "a stale session": stale,
    "a session signed out": signed_out,
    "a session of a role taken away": of_another_role_now,
    "a session of plain HTTP": of_elsewhere,
}


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    return create_app(hub)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="https://hub.test", raise_server_exceptions=False)


def dependants(route: APIRoute) -> list[Dependant]:
    found, todo = [], [route.dependant]
    while todo:
        found.append(todo.pop())
        todo += found[-1].dependencies
    return found


def asked(app: FastAPI, id: str) -> list[tuple[str, str, str]]:
    """(method, address, permission) of every route that is not public."""
    found = []
    for route in of_the_api(app):
        (needed,) = permissions(route)
        path = re.sub(r"{\w+(:\w+)?}", id, route.path)
        by_gate = any(
            security.__name__ == d.call.__module__ and hasattr(d.call, "permission") for d in dependants(route)
        )
        needed = needed if by_gate else SIGNED
        found += [(m, path, needed) for m in route.methods if needed != PUBLIC]
    assert len(found) > 40
    return found


@pytest.mark.parametrize("sort", NOBODY)
def test_who_may_not_come_in_is_told_the_same_everywhere(hub: Hub, app: FastAPI, client: TestClient, sort: str) -> None:
    id = fill(hub)["ana"]
    shown = {**NOBODY[sort](hub), "x-request-id": "same"}
    for method, path, _ in asked(app, id):
        body = {} if method in ("POST", "PUT", "PATCH") else None
        told = problem(client.request(method, path, headers=shown, json=body), 401)
        plain = client.request(method, path, headers={"x-request-id": "same"}, json=body)
        assert told == problem(plain, 401), f"{method} {path}"


def test_a_role_without_the_permission_is_refused_and_whether_there_is_such_a_thing_is_not_told(
    hub: Hub, app: FastAPI, client: TestClient
) -> None:
    id = fill(hub)["ana"]
    shown = {**bearer(key(hub, "monitoring")), "x-request-id": "same"}
    for (method, path, needed), (_, other, _) in zip(asked(app, id), asked(app, "cus_nobody"), strict=True):
        if needed in ("metrics", SIGNED_IN, SIGNED):
            continue
        told = [problem(client.request(method, p, headers=shown, json={}), 403) for p in (path, other)]
        assert told[0] == told[1], f"{method} {path}"
