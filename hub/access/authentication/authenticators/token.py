"""A signed token of the OpenID provider: a system's, by client credentials. People sign in and have a session."""

from __future__ import annotations

from hub.access.authentication.authenticate import Credential, Ground, authenticator
from hub.access.authentication.keys import PREFIX
from hub.access.authentication.principals import BadToken, Principal


@authenticator
class TokenAuthenticator:
    def __init__(self, ground: Ground):
        self._openid, self._provider = ground.openid, ground.config.access.sign_in.oidc

    def knows(self, shown: Credential) -> bool:
        return self._openid is not None and shown.bearer is not None and not shown.bearer.startswith(PREFIX)

    def principal(self, shown: Credential) -> Principal | None:
        if self._openid is None or self._provider is None:
            return None
        try:
            name = self._openid.system(shown.bearer or "", self._provider)
        except BadToken:
            return None
        client = self._provider.clients[name]
        return Principal(f"client:{name}", name, "system", client.role, client.source)
