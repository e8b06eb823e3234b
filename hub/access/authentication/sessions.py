"""Sessions in the database: a random token, kept as a hash; ended when idle, after a time, by their owner or with the account."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.access.authentication import people_store as store
from hub.access.authentication.people_store import CUSTOMER, Account, Session
from hub.access.authentication.principals import Principal
from hub.access.authentication.tokens import new_token, token_hash
from hub.db import Database
from hub.errors import Fault, Forbidden, NotAuthenticated
from hub.settings import Config, duration_micros

SEEN_EVERY = 60_000_000  # a session's last use is this exact, in microseconds: not a write per request


@dataclass(frozen=True, slots=True)
class Begun:
    """A session, and its token, which is told this once."""

    token: str
    session: Session
    account: Account


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A session as its owner sees it. Times in microseconds."""

    account: Account
    session: Session
    idle_until: int
    until: int


class Sessions:
    """All that is done with sessions of one hub."""

    def __init__(self, database: Database, config: Config):
        self.database, self.config = database, config
        self._idle = duration_micros(config.access.sign_in.idle)
        self._longest = duration_micros(config.access.sign_in.longest)

    def begin(self, connection: Connection, account: Account, role: str | None = None, *, instead: str = "") -> Begun:
        """A new session in a writing transaction, instead of one whose token was shown: a token never outlives a signing in.

        Without a role the account's first one that the configuration has. Forbidden: none of its roles.
        """
        now = self.database.clock.now()
        usable = [r for r in account.roles if r in self.config.access.roles]
        chosen = role if role is not None else next(iter(usable), None)
        if chosen is None or chosen not in usable:
            raise Forbidden(
                "this role is not yours", [Fault("/role", "not among your roles", f"yours: {', '.join(usable)}")]
            )
        token = new_token()
        made = Session(token_hash(token), account.id, chosen, now, now)
        if instead:
            store.end_session(connection, token_hash(instead))
        store.forget_sessions(connection, seen_before=now - self._idle, started_before=now - self._longest)
        store.add_session(connection, made)
        return Begun(token, made, account)

    def principal(self, token: str) -> Principal | None:
        """Who signed in with this token; None when the session is unknown or over."""
        with self.database.read() as connection:
            found = self._standing(connection, token_hash(token))
        if found is None:
            return None
        account, session = found
        now = self.database.clock.now()
        if now - session.seen_at >= min(SEEN_EVERY, self._idle // 4):
            with self.database.unit() as connection:
                store.mark_seen(connection, session.id, now)
        customer = account.issuer == CUSTOMER
        return Principal(
            account.id,
            account.name,
            "person" if customer else "staff",
            session.role,
            session=session.id,
            subject=account.subject if customer else None,
        )

    def status(self, principal: Principal) -> SessionStatus:
        """The asker's session. NotAuthenticated for who has none, such as a key's holder."""
        with self.database.read() as connection:
            account, session = self._of(connection, principal)
        return self._status(account, session)

    def choose(self, principal: Principal, role: str) -> Begun:
        """The same session in another of its owner's roles, under a new token; when it ends stays as it was."""
        with self.database.unit() as connection:
            account, session = self._of(connection, principal)
            begun = self.begin(connection, account, role)
            store.end_session(connection, session.id)
            kept = replace(begun.session, started_at=session.started_at)
            store.end_session(connection, begun.session.id)
            store.add_session(connection, kept)
        return replace(begun, session=kept)

    def end(self, principal: Principal) -> None:
        """Sign out."""
        with self.database.unit() as connection:
            _, session = self._of(connection, principal)
            store.end_session(connection, session.id)

    def end_all(self, principal: Principal) -> int:
        """Sign out everywhere; how many sessions that were."""
        with self.database.unit() as connection:
            account, _ = self._of(connection, principal)
            return store.end_sessions(connection, account.id)

    def told(self, begun: Begun) -> SessionStatus:
        return self._status(begun.account, begun.session)

    def _status(self, account: Account, session: Session) -> SessionStatus:
        until = session.started_at + self._longest
        return SessionStatus(account, session, min(until, session.seen_at + self._idle), until)

    def _of(self, connection: Connection, principal: Principal) -> tuple[Account, Session]:
        found = self._standing(connection, principal.session) if principal.session else None
        if found is None:
            raise NotAuthenticated(
                "nobody is signed in here", [Fault("Cookie", "no session", "sign in: POST /v1/session")]
            )
        return found

    def _standing(self, connection: Connection, id: str) -> tuple[Account, Session] | None:
        """A session that is not over, and its account, which is not disabled and still has the role."""
        session = store.session(connection, id)
        account = store.account(connection, session.account) if session else None
        if session is None or account is None or account.disabled_at is not None or session.role not in account.roles:
            return None
        status, now = self._status(account, session), self.database.clock.now()
        return (account, session) if now < status.idle_until and session.role in self.config.access.roles else None
