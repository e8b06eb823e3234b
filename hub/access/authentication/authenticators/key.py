"""An API key: `Authorization: Bearer hub_live_...`."""

from __future__ import annotations

from hub.access.authentication.authenticate import Credential, Ground, authenticator
from hub.access.authentication.keys import PREFIX, holder
from hub.access.authentication.principals import Principal


@authenticator
class KeyAuthenticator:
    def __init__(self, ground: Ground):
        self._database = ground.database

    def knows(self, shown: Credential) -> bool:
        return shown.bearer is not None and shown.bearer.startswith(PREFIX)

    def principal(self, shown: Credential) -> Principal | None:
        return holder(self._database, shown.bearer or "")
