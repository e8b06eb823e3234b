"""Who asks: a system, a member of staff, or a person who is a customer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.errors import Fault, NotAuthenticated

Kind = Literal["system", "staff", "person"]


class BadToken(Exception):
    """A token is not what it should be; why is told to nobody but a log at most."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, in one role.

    `source`: a system's own source, the only one that it may write. `scopes`: where given, the role's permissions are
    narrowed to these. `session`: where somebody signed in, what names the session; never its token. `subject`: of a
    person the id that the record minted by which they are known.
    """

    id: str
    name: str
    kind: Kind
    role: str
    source: str | None = None
    scopes: frozenset[str] | None = None
    session: str | None = None
    subject: str | None = None


def nobody() -> NotAuthenticated:
    """The one refusal of whatever was shown: unknown, expired, revoked and forged look the same."""
    return NotAuthenticated(
        "sign in, or send a valid key",
        [
            Fault(
                "Authorization",
                "nobody that the hub knows",
                "send 'Authorization: Bearer hub_live_...' (hub keys create), or sign in: POST /v1/session",
            )
        ],
    )
