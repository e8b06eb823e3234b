"""Signing in and out, setting up an account, and what is one's own: role, password, second factor."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from hub.access.authentication.accounts import set_up
from hub.access.authentication.round_trip import own_page
from hub.api.cookies import drop, keep, session_cookie
from hub.api.security import Stranger, TheHub
from hub.console.pages import Anybody, Desk, Form, PageRoute, drawn, onward
from hub.errors import Refused

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SAID = {
    "ended": "Your session has ended, and nothing of what you just sent was done. Sign in and do it again.",
    "out": "You are signed out.",
    "set-up": "Your password is set. Sign in with it.",
    "password": "Your password is changed. Your other sessions have ended.",
    "factor": "From now on you sign in with a code too.",
    "no-factor": "No code is asked for any more.",
}
To = Annotated[str, Query(max_length=2000)]
Said = Annotated[str, Query(max_length=20)]


@router.get("/sign-in", dependencies=[Stranger])
def sign_in_page(hub: TheHub, request: Request, to: To = "/", said: Said = "") -> Response:
    return _sign_in_page(request, hub, to=to, said=SAID.get(said, ""))


@router.post("/sign-in", dependencies=[Stranger])
def sign_in(hub: TheHub, request: Request, form: Form) -> Response:
    """A session, and on to the page that was asked for. A session that the browser had ends."""
    to, name = own_page(form.get("to", "/")), form.get("name", "")
    password = form.lists.get("password", ("",))[-1]
    try:
        begun = hub.gate.sign_ins.by_password(
            name, password, form.get("code") or None, instead=session_cookie(request) or ""
        )
    except Refused as error:
        return _sign_in_page(request, hub, to=to, name=name, error=str(error), status=error.status)
    answer = onward(to)
    keep(answer, request, begun.token)
    return answer


def _sign_in_page(
    request: Request, hub: TheHub, *, to: str, said: str = "", name: str = "", error: str = "", status: int = 200
) -> Response:
    on_single = hub.gate.single_sign_on is not None
    return drawn(
        "sign_in.html",
        {
            "to": own_page(to),
            "said": said,
            "name": name,
            "error": error,
            "on_single": on_single,
            "demo": hasattr(request.app.state, "demo"),
        },
        status,
    )


@router.post("/sign-out")
def sign_out(desk: Anybody, form: Form) -> Response:
    """Here, or everywhere."""
    sessions = desk.hub.gate.sessions
    (sessions.end_all if form.get("everywhere") else sessions.end)(desk.principal)
    answer = onward("/sign-in", said="out")
    drop(answer, desk.request)
    return answer


@router.get("/set-up", dependencies=[Stranger])
def set_up_page(token: Annotated[str, Query(max_length=200)] = "") -> Response:
    return drawn("set_up.html", {"token": token, "error": None})


@router.post("/set-up", dependencies=[Stranger])
def set_up_account(hub: TheHub, form: Form) -> Response:
    """The password of a new account, or of one that was reset."""
    token, password = form.get("token", ""), form.lists.get("password", ("",))[-1]
    try:
        set_up(hub.database, hub.config, token, password)
    except Refused as error:
        return drawn("set_up.html", {"token": token, "error": error}, error.status)
    return onward("/sign-in", said="set-up")


@router.get("/account")
def account(desk: Anybody, said: Said = "") -> Response:
    """Who one is, as what, and how one signs in."""
    if desk.principal.kind == "person":
        return onward("/me")
    return _account(desk, said=SAID.get(said, ""))


def _account(desk: Desk, *, said: str = "", error: Refused | None = None, **shown: object) -> Response:
    session, roles = desk.hub.gate.sessions.status(desk.principal), desk.hub.config.access.roles
    titles = {r: roles[r].title or r for r in session.account.roles if r in roles}
    told = {"wrong": "", "codes": (), "secret": "", "squares": (0, ""), "said": said, "error": error, **shown}
    return desk.page("account.html", {"session": session, "titles": titles, **told}, error.status if error else 200)


@router.post("/account/role")
def choose_role(desk: Anybody, form: Form) -> Response:
    """Go on in another of one's roles."""
    begun = desk.hub.gate.sessions.choose(desk.principal, form.get("role", ""))
    answer = onward("/")
    keep(answer, desk.request, begun.token)
    return answer


@router.post("/account/password")
def change_password(desk: Anybody, form: Form) -> Response:
    old, new = (form.lists.get(name, ("",))[-1] for name in ("password", "new"))
    try:
        desk.hub.gate.sign_ins.change_password(desk.principal, old, new)
    except Refused as error:
        return _account(desk, error=error, wrong="password")
    return onward("/account", said="password")


@router.post("/account/factor")
def start_second_factor(desk: Anybody, form: Form) -> Response:
    """What an authenticator app needs: shown this once."""
    gate = desk.hub.gate
    try:
        made = gate.factors.enrol(gate.sign_ins.again(desk.principal, form.lists.get("password", ("",))[-1]))
    except Refused as error:
        return _account(desk, error=error, wrong="factor")
    return _account(desk, secret=made.secret, squares=_squares(made.uri))


@router.post("/account/factor/confirm")
def confirm_second_factor(desk: Anybody, form: Form) -> Response:
    """From now on a code is asked for; the codes for the day that the app is lost are shown this once."""
    try:
        codes = desk.hub.gate.factors.confirm(desk.principal, form.get("code", ""))
    except Refused as error:
        return _account(desk, error=error, wrong="confirm")
    return _account(desk, said=SAID["factor"], codes=codes)


@router.post("/account/factor/remove")
def remove_second_factor(desk: Anybody, form: Form) -> Response:
    gate = desk.hub.gate
    try:
        gate.factors.remove(gate.sign_ins.again(desk.principal, form.lists.get("password", ("",))[-1]))
    except Refused as error:
        return _account(desk, error=error, wrong="factor")
    return onward("/account", said="no-factor")


def _squares(text: str) -> tuple[int, str]:
    """A QR code: how many squares wide it is, and the dark ones as a path."""
    rows = [list(row) for row in segno.make(text).matrix_iter(border=2)]
    return len(rows), "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
