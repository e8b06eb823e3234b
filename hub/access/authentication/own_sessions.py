"""Sessions of customers, however they showed who they are: an account of the record by which they are known."""

from __future__ import annotations

from dataclasses import replace

from hub.access.authentication import people_store as store
from hub.access.authentication.people_store import CUSTOMER, Account
from hub.access.authentication.sessions import Begun, Sessions
from hub.access.read import Reader
from hub.errors import Fault, NotAuthenticated, NotFound, Refused
from hub.settings.sign_in import CustomerSignIn


class OwnSessions:
    """Of one hub."""

    def __init__(self, reader: Reader, sessions: Sessions):
        self.reader, self.database, self._sessions = reader, reader.database, sessions

    @property
    def rules(self) -> CustomerSignIn:
        """NotFound: customers do not sign in here."""
        found = self.reader.config.access.sign_in.people
        if found is None:
            raise NotFound("customers do not sign in here", [Fault("", "not set up", "sign_in.people in access.yaml")])
        return found

    def customer(self, subject: str) -> str | None:
        """The customer that an id leads to, if it exists for the role that customers have of themselves."""
        view = self.reader.view_of_role(self.rules.role)
        with self.database.read() as connection:
            try:
                return self.reader.find(connection, view, subject).id
            except Refused:
                return None

    def begin(self, subject: str, wrong: NotAuthenticated, *, instead: str = "") -> Begun:
        """A session of who is known by the record that minted `subject`. `wrong`, whatever is in the way."""
        if self.customer(subject) is None:
            raise wrong
        now = self.database.clock.now()
        with self.database.unit() as connection:
            account = store.account_of(connection, CUSTOMER, subject) or Account.vouched(
                CUSTOMER, subject, "Customer", now
            )
            if account.disabled_at is not None:
                raise wrong
            made = replace(account, roles=(self.rules.role,), signed_in_at=now)
            store.save_account(connection, made)
            return self._sessions.begin(connection, made, instead=instead)
