"""Sign in and out, choose a role, set up an account; and what the asker may see and do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from hub.access.authentication.accounts import set_up
from hub.access.authentication.principals import Principal
from hub.access.authentication.sessions import Begun, SessionStatus
from hub.api.cookies import drop, keep, session_cookie
from hub.api.problems import documented
from hub.api.schemas import In, Out, when
from hub.api.security import SignedIn, Stranger, TheHub
from hub.open import Hub

router = APIRouter(prefix="/v1", tags=["session"])

Password = Annotated[str, Field(min_length=1, max_length=1024)]


class SignInGiven(In):
    name: str = Field(min_length=1, max_length=200, examples=["ann"])
    password: Password
    code: str | None = Field(
        default=None, max_length=100, description="of the authenticator app, or a recovery code; where one was set up"
    )
    role: str | None = Field(default=None, max_length=100, description="one of yours; none: the first")


class RoleGiven(In):
    role: str = Field(max_length=100, examples=["steward"])


class SetUpGiven(In):
    token: str = Field(min_length=1, max_length=200, description="the one-time token that an administrator gave you")
    password: Password


class PasswordGiven(In):
    password: Password = Field(description="the one that you have now")


class NewPasswordGiven(PasswordGiven):
    new: Password


class CodeGiven(In):
    code: str = Field(min_length=1, max_length=100, examples=["123456"])


class EnrolmentOut(Out):
    """What an authenticator app needs. It counts once a code of it was confirmed."""

    secret: str = Field(description="to be typed into the app")
    uri: str = Field(description="the same as a link, for a QR code")


class RecoveryOut(Out):
    codes: list[str] = Field(description="for the day that the app is lost: each is good once. Not shown again")


class SessionOut(Out):
    """Who is signed in, as what, and until when."""

    id: str = Field(examples=["usr_0123456789abcdef"])
    name: str
    role: str = Field(description="the role chosen")
    roles: list[str] = Field(description="the roles that may be chosen")
    started_at: str
    idle_until: str = Field(description="when it ends if nothing is asked in it")
    until: str = Field(description="when it ends at the latest")

    @classmethod
    def of(cls, s: SessionStatus) -> SessionOut:
        return cls(
            id=s.account.id,
            name=s.account.name,
            role=s.session.role,
            roles=list(s.account.roles),
            started_at=when(s.session.started_at),
            idle_until=when(s.idle_until),
            until=when(s.until),
        )


class MeOut(Out):
    """What the asker is, may see and may do. What is not here is hidden."""

    id: str
    name: str
    kind: str = Field(description="system or staff", examples=["staff"])
    role: str
    title: str
    purpose: str
    source: str | None = Field(description="of a system: the one source that it may write")
    permissions: list[str]
    views: dict[str, dict[str, str]] = Field(
        description="type -> attribute -> show, mask or pseudonym", examples=[{"person": {"email": "mask"}}]
    )
    limited: list[str] = Field(description="types of which only some customers exist for this role")

    @classmethod
    def of(cls, hub: Hub, principal: Principal) -> MeOut:
        view, role = hub.reader.view(principal), hub.config.access.roles.get(principal.role)
        columns = {**view.columns, **hub.timeline.view(principal).columns}
        return cls(
            id=principal.id,
            name=principal.name,
            kind=principal.kind,
            role=principal.role,
            title=(role.title if role else "") or principal.role,
            purpose=view.purpose,
            source=principal.source,
            permissions=sorted(view.may),
            views={t: {a: s.value for a, s in sorted(seen.items())} for t, seen in sorted(columns.items())},
            limited=sorted(view.limited),
        )


@router.get("/me", operation_id="get_me", responses=documented())
def get_me(hub: TheHub, principal: SignedIn) -> MeOut:
    """What may I see and do?"""
    return MeOut.of(hub, principal)


@router.post("/session", operation_id="sign_in", status_code=201, dependencies=[Stranger], responses=documented())
def sign_in(hub: TheHub, request: Request, response: Response, given: SignInGiven) -> SessionOut:
    """Sign in with a name and a password: the answer sets the session's cookie. A session that the browser had ends."""
    begun = hub.gate.sign_ins.by_password(
        given.name, given.password, given.code, role=given.role, instead=session_cookie(request) or ""
    )
    return _kept(hub, request, response, begun)


@router.get("/session", operation_id="get_session", responses=documented())
def get_session(hub: TheHub, principal: SignedIn) -> SessionOut:
    """Who is signed in, as what, and until when. 401 for a key: it has no session."""
    return SessionOut.of(hub.gate.sessions.status(principal))


@router.delete("/session", operation_id="sign_out", status_code=204, responses=documented())
def sign_out(
    hub: TheHub,
    principal: SignedIn,
    request: Request,
    everywhere: Annotated[bool, Query(description="end all of your sessions")] = False,
) -> Response:
    """Sign out, here or everywhere."""
    if everywhere:
        hub.gate.sessions.end_all(principal)
    else:
        hub.gate.sessions.end(principal)
    answer = Response(status_code=204)
    drop(answer, request)
    return answer


@router.post("/session/role", operation_id="choose_role", responses=documented())
def choose_role(hub: TheHub, principal: SignedIn, request: Request, response: Response, given: RoleGiven) -> SessionOut:
    """Go on in another of your roles, in the same session."""
    return _kept(hub, request, response, hub.gate.sessions.choose(principal, given.role))


@router.post(
    "/session/set-up",
    operation_id="set_up_account",
    status_code=204,
    dependencies=[Stranger],
    responses=documented(404),
)
def set_up_account(hub: TheHub, given: SetUpGiven) -> Response:
    """Choose the password of a new account, or of one that was reset. The token is good once. Sign in afterwards."""
    set_up(hub.database, hub.config, given.token, given.password)
    return Response(status_code=204)


@router.put("/session/password", operation_id="change_password", status_code=204, responses=documented())
def change_password(hub: TheHub, principal: SignedIn, given: NewPasswordGiven) -> Response:
    """Choose another password. Your other sessions end."""
    hub.gate.sign_ins.change_password(principal, given.password, given.new)
    return Response(status_code=204)


@router.post("/session/totp", operation_id="start_second_factor", responses=documented(409))
def start_second_factor(hub: TheHub, principal: SignedIn, given: PasswordGiven) -> EnrolmentOut:
    """A secret for an authenticator app (TOTP). No code is asked for until one was confirmed."""
    made = hub.gate.factors.enrol(hub.gate.sign_ins.again(principal, given.password))
    return EnrolmentOut(secret=made.secret, uri=made.uri)


@router.post("/session/totp/confirm", operation_id="confirm_second_factor", responses=documented(409))
def confirm_second_factor(hub: TheHub, principal: SignedIn, given: CodeGiven) -> RecoveryOut:
    """From now on you sign in with a code too."""
    return RecoveryOut(codes=hub.gate.factors.confirm(principal, given.code))


@router.post("/session/totp/remove", operation_id="remove_second_factor", status_code=204, responses=documented())
def remove_second_factor(hub: TheHub, principal: SignedIn, given: PasswordGiven) -> Response:
    """No code is asked for any more."""
    hub.gate.factors.remove(hub.gate.sign_ins.again(principal, given.password))
    return Response(status_code=204)


def _kept(hub: Hub, request: Request, response: Response, begun: Begun) -> SessionOut:
    keep(response, request, begun.token)
    return SessionOut.of(hub.gate.sessions.told(begun))
