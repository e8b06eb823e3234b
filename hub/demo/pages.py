"""The demo's first page: what just happened, and signing in with one click. Of a demo alone, and of its own machine alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from hub.access.authentication.accounts import add_account
from hub.access.authentication.people_store import Account
from hub.api.cookies import keep
from hub.api.security import Stranger, TheHub
from hub.console.pages import Form, PageRoute, drawn, onward
from hub.demo.show import said
from hub.errors import Conflict, NotFound
from hub.open import Hub
from hub.settings.sign_in import LOOPBACK


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody that one may be in the demo: the account's name, its role, what they would do first, and where."""

    name: str
    role: str
    does: str
    to: str


PARTS = (
    DemoPerson("Stella Steward", "steward", "decides whether two records are one customer", "/review"),
    DemoPerson("Sam Service", "customer_service", "has a customer on the phone", "{customer}"),
    DemoPerson("Sho Shipping", "shipping", "needs an address, and sees little else", "{customer}"),
    DemoPerson("Ana Analyst", "analyst", "counts, and sees pseudonyms", "{customer}"),
    DemoPerson("Lee Lead", "lead_steward", "sees how the sources are, and takes back in bulk", "/sources"),
)


class Welcome:
    """What the demo's page tells, and who one may be. `figures`: what the demo measured."""

    def __init__(self, hub: Hub, figures: dict[str, object]):
        self.figures = figures
        self.accounts: dict[str, tuple[DemoPerson, Account]] = {}
        for part in PARTS:
            if part.role in hub.config.access.roles:
                self.accounts[part.role] = part, _account(hub, part)

    @property
    def customer(self) -> str:
        """The page of the customer whose address changed."""
        change = self.figures.get("address_change")
        return f"/customers/{change['customer']}" if isinstance(change, dict) else "/customers"


def _account(hub: Hub, part: DemoPerson) -> Account:
    """One that nobody can sign in to with a password: it has none."""
    for n in range(1, 100):
        try:
            return add_account(hub.database, hub.config, part.name if n == 1 else f"{part.name} {n}", [part.role])[1]
        except Conflict:
            continue
    raise Conflict("this demo has run too often")


def of_this_machine(request: Request) -> None:
    """NotFound for whoever is elsewhere, and for names that only lead here."""
    client = request.client.host if request.client else ""
    if client not in LOOPBACK or urlsplit(f"//{request.headers.get('host', '')}").hostname not in LOOPBACK:
        raise NotFound("there is nothing at this address")


router = APIRouter(
    prefix="/demo",
    route_class=PageRoute,
    include_in_schema=False,
    dependencies=[Stranger, Depends(of_this_machine)],
)


def _welcome(request: Request) -> Welcome:
    found: Welcome = request.app.state.demo
    return found


TheWelcome = Annotated[Welcome, Depends(_welcome)]


@router.get("")
def story(welcome: TheWelcome) -> Response:
    """What just happened, and who one may be."""
    parts = [(part, role) for role, (part, _) in welcome.accounts.items()]
    shown = {"figures": welcome.figures, "parts": parts, "as_the_crm_has_it": said}
    return drawn("demo.html", shown)


@router.post("/sign-in")
def sign_in(hub: TheHub, request: Request, welcome: TheWelcome, form: Form) -> Response:
    """As one of the demo's people, without a password."""
    found = welcome.accounts.get(form.get("role", ""))
    if found is None:
        raise NotFound("nobody in the demo has this role")
    part, account = found
    with hub.database.unit() as connection:
        begun = hub.gate.sessions.begin(connection, account)
    answer = onward(part.to.format(customer=welcome.customer))
    keep(answer, request, begun.token)
    return answer


def welcoming(hub: Hub, figures: dict[str, object], app: FastAPI) -> None:
    """Let an application of a demo, and no other, show its page."""
    app.state.demo = Welcome(hub, figures)
    app.include_router(router)
