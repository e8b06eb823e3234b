"""A session: the cookie of somebody who signed in. What stands in `Authorization` goes before it."""

from __future__ import annotations

from hub.access.authentication.authenticate import Credential, Ground, authenticator
from hub.access.authentication.principals import Principal


@authenticator
class SessionAuthenticator:
    def __init__(self, ground: Ground):
        self._sessions = ground.sessions

    def knows(self, shown: Credential) -> bool:
        return shown.authorization is None and bool(shown.session)

    def principal(self, shown: Credential) -> Principal | None:
        return self._sessions.principal(shown.session or "")
