"""The application: routes, refusals and what wraps every request. Binding to an address is the CLI's."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.api import (
    acts,
    asks,
    campaigns,
    changes,
    consents,
    customers,
    decisions,
    docs,
    events,
    figures,
    guidance,
    health,
    identify,
    interactions,
    match,
    me,
    models,
    new_sources,
    openid,
    performance,
    problems,
    records,
    relations,
    requests,
    review_work,
    session,
    snapshots,
    sources,
    status,
    subscriptions,
    tasks,
    waiting_acts,
    write_back,
)
from hub.api.problems import ProblemAnswer
from hub.api.security import known_parameters
from hub.api.wrap import Wrap
from hub.console import access as console_access
from hub.console import acts as console_acts
from hub.console import assets as console_assets
from hub.console import bulk, calls, model_page, new_source, overview, pages, together, work
from hub.console import customers as console_customers
from hub.console import privacy as console_privacy
from hub.console import review as console_review
from hub.console import sign_in as console_sign_in
from hub.console import sources as console_sources
from hub.console import subscriptions as console_subscriptions
from hub.open import Hub
from hub.portal import mine as portal_mine
from hub.portal import sign_in as portal_sign_in

PAGES = (
    console_assets,
    console_sign_in,
    console_customers,
    console_review,
    together,
    bulk,
    console_acts,
    calls,
    work,
    overview,
    console_sources,
    new_source,
    console_subscriptions,
    console_access,
    model_page,
    console_privacy,
    portal_sign_in,
    portal_mine,
)  # for people with a browser

DESCRIPTION = """One golden record per customer, from the systems you already have.

Send `Authorization: Bearer hub_live_...` (make a key with `hub keys create`), or sign in (`POST /v1/session`) and send the cookie.
What you get depends on your role:
attributes that it does not see are not sent, searched or told apart. Refusals are `application/problem+json`.
Lists come in pages: repeat the request with `cursor=next_cursor`. Times are RFC 3339 in UTC.
"""
TAGS = [
    {
        "name": "customers",
        "description": "Golden records: search them, read them now and then, see why they are as they are.",
    },
    {"name": "sources", "description": "How sources are: pull one soon, no more, or again; add one."},
    {"name": "models", "description": "What decides who is one customer: try a model, promote it, go back."},
    {"name": "privacy", "description": "What people ask about their data."},
    {"name": "asks", "description": "Companies ask customers for data, who grant it."},
    {"name": "me", "description": "Customers, of themselves."},
    {"name": "callers", "description": "Who is on the line; seeing one customer in a hurry."},
    {"name": "figures", "description": "What customers are worth and what they cost, and who is alike in that."},
    {"name": "tasks", "description": "What is to be done for customers: lists to work on."},
    {"name": "records", "description": "Source records: what the systems say."},
    {"name": "events", "description": "Where Segment's clients send what happened, with a source's write key."},
    {"name": "match", "description": "Would this row join a customer?"},
    {"name": "decisions", "description": "What a steward decides, and what is to be decided."},
    {"name": "acts", "description": "What a steward does to whole customers: previewed, done, undone."},
    {"name": "overrides", "description": "Values set by hand."},
    {"name": "changes", "description": "What changed, for those who keep a copy."},
    {"name": "subscriptions", "description": "Be told of changes by webhook, and see how each delivery went."},
    {"name": "delivery", "description": "How the hub is doing; what systems would not take."},
    {"name": "session", "description": "Sign in and out; what you may see and do."},
    {"name": "service", "description": "Health and figures."},
]


def create_app(hub: Hub) -> FastAPI:
    """The hub's HTTP application. The caller opens and closes the hub."""
    app = FastAPI(
        title="Customer hub",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(known_parameters)],
    )
    app.state.hub = hub
    for room in (
        customers,
        interactions,
        sources,
        new_sources,
        models,
        events,  # before identify: who shows a write key means another thing by that path
        identify,
        figures,
        tasks,
        guidance,
        campaigns,
        relations,
        consents,
        requests,
        records,
        match,
        review_work,
        decisions,
        acts,
        waiting_acts,
        changes,
        snapshots,
        subscriptions,
        status,
        performance,
        write_back,
        session,
        me,
        asks,
        openid,
        health,
        docs,
        *PAGES,
    ):
        app.include_router(room.router)
    problems.install(app)
    pages.install(app)
    app.add_middleware(Wrap, metrics=hub.metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


class _Server(uvicorn.Server):
    """Tells those who wait for changes that the process ends: it would wait for them else."""

    def __init__(self, config: uvicorn.Config, app: FastAPI):
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.hub.watcher.close()
        super().handle_exit(sig, frame)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a hub listens. `behind_proxy`: one that speaks TLS passes requests on. `cert`, `key`: it speaks TLS itself."""

    host: str
    port: int
    behind_proxy: bool = False
    cert: Path | None = None
    key: Path | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.cert else 'http'}://{host}:{self.port}"


def beyond_loopback(host: str) -> bool:
    """Can others reach what listens there?"""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def served(app: FastAPI, at: Listening) -> uvicorn.Server:
    """A server of the application: `run` serves until a signal ends it. Behind a proxy browsers are known to use https, and
    the proxy at loopback (or FORWARDED_ALLOW_IPS) says whose address a request comes from."""
    config = uvicorn.Config(
        _by_https(app) if at.behind_proxy else app,
        host=at.host,
        port=at.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=at.behind_proxy,
        ssl_certfile=at.cert,
        ssl_keyfile=at.key,
    )
    return _Server(config, app)


def _by_https(app: ASGIApp) -> ASGIApp:
    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)

    return answered


@contextmanager
def steady() -> Iterator[None]:
    """While serving: what is loaded by now stays, so the collector need not look at it again and again (some hundred
    milliseconds each time); and a thread that computes lets others run after a millisecond, so that a request that has
    little to do need not wait for a pull at each of its steps."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.001)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)


def _openapi(app: FastAPI) -> dict[str, object]:
    """OpenAPI 3.1, with the one shape of every refusal."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, tags=TAGS, routes=app.routes
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        described = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(described.pop("$defs", {}))
        schemas["Problem"] = described
        for path in made["paths"].values():
            for operation in path.values():
                refused = operation["responses"].get("422", {}).get("content", {})
                if "application/problem+json" in refused:
                    refused.pop("application/json", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema
