"""Signing in with a name and a password: slow for who guesses, and the same answer for every reason why not."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from hub.access.authentication import password_hash
from hub.access.authentication import people_store as store
from hub.access.authentication.accounts import plain_name
from hub.access.authentication.people_store import LOCAL, Account
from hub.access.authentication.principals import Principal
from hub.access.authentication.second_factor import SecondFactors, own_account
from hub.access.authentication.sessions import Begun, Sessions
from hub.db import Database
from hub.errors import Fault, Forbidden, NotAuthenticated, TooMany, Unprocessable
from hub.settings import Config, duration_micros

LONGEST_WAIT = 3_600_000_000
FORGET = 86_400_000_000  # wrong tries count for a day


class SignIns:
    """Names and passwords against accounts. `key`: what names that were tried are hashed with."""

    def __init__(self, database: Database, config: Config, sessions: Sessions, factors: SecondFactors, key: bytes):
        self.database, self.config, self.sessions, self.factors = database, config, sessions, factors
        self._settings, self._key = config.access.sign_in, key

    def by_password(
        self, name: str, password: str, code: str | None = None, *, role: str | None = None, instead: str = ""
    ) -> Begun:
        """A session. `code`: of the second factor, where the account has one. NotAuthenticated whatever is wrong; TooMany, with the wait, after too many wrong tries of a name,
        whether there is such a name or not."""
        who = self._who(name)
        self._wait_over(who)
        with self.database.read() as connection:
            found = store.account_of(connection, LOCAL, plain_name(name))
        usable = found is not None and found.disabled_at is None
        same = password_hash.matches(password, found.password if found and usable else None)
        if found is not None and same:
            with self.database.unit() as connection:
                now = store.account(connection, found.id)
                fresh = now if now and now.disabled_at is None and now.password == found.password else None
                passed = self.factors.passed(fresh, code) if fresh else None
                if passed is not None:
                    signed_in = replace(passed, signed_in_at=self.database.clock.now())
                    store.save_account(connection, signed_in)
                    store.forget_wrong_tries(connection, who)
                    return self.sessions.begin(connection, signed_in, role, instead=instead)
        raise self._wrong(who)

    def again(self, principal: Principal, password: str) -> Account:
        """The account of who is signed in, once they typed their password again: a session left open is not enough for
        what changes how they sign in. Forbidden, or TooMany, when it is wrong."""
        with self.database.read() as connection:
            account = own_account(connection, principal)
        who = self._who(account.subject)
        self._wait_over(who)
        if not password_hash.matches(password, account.password):
            self._wrong(who)
            raise Forbidden("this is not your password", [Fault("/password", "is wrong", "type it again")])
        return account

    def change_password(self, principal: Principal, password: str, new: str) -> None:
        """Another password; all other sessions of the account end. Unprocessable: choose another one."""
        account = self.again(principal, password)
        wrong = password_hash.faults(new, account.subject, self._settings.shortest_password)
        if wrong:
            raise Unprocessable("choose another password", [replace(f, where="/new") for f in wrong])
        made = password_hash.hashed(new)
        with self.database.unit() as connection:
            now = own_account(connection, principal)
            if now.password == account.password:
                store.save_account(connection, replace(now, password=made))
                store.end_sessions(connection, now.id, but=principal.session or "")

    def forgive(self, name: str) -> None:
        """A name need not wait any more."""
        with self.database.unit() as connection:
            store.forget_wrong_tries(connection, self._who(name))

    def _who(self, name: str) -> str:
        """Somebody may type a password in the place of a name: it is not kept."""
        return hmac.new(self._key, plain_name(name).encode(), hashlib.sha256).hexdigest()

    def _wait_over(self, who: str) -> None:
        with self.database.read() as connection:
            count, at = store.wrong_tries(connection, who)
        left = at + self._wait(count) - self.database.clock.now()
        if left > 0:
            seconds = -(-left // 1_000_000)
            raise TooMany(
                f"too many wrong tries for this name: wait {seconds} seconds",
                [Fault("/name", "has to wait", "or ask an administrator: hub users unlock NAME")],
                seconds=seconds,
            )

    def _wait(self, count: int) -> int:
        """How long a name waits after so many wrong tries in a row, in microseconds."""
        over = count - self._settings.tries
        return 0 if over < 0 else min(LONGEST_WAIT, duration_micros(self._settings.wait) << min(over, 20))

    def _wrong(self, who: str) -> NotAuthenticated:
        now = self.database.clock.now()
        with self.database.unit() as connection:
            count, at = store.wrong_tries(connection, who)
            count = count + 1 if now - at < FORGET else 1
            store.note_wrong_try(connection, who, count, now, forget_before=now - FORGET)
        return _refused()


def _refused() -> NotAuthenticated:
    return NotAuthenticated("name, password or code is wrong", [Fault("", "cannot sign in", "try again")])
