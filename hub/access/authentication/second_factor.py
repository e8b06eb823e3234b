"""The second factor of an account: asked for with the password once its owner has shown that their app gives the right codes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from hub.access.authentication import people_store as store
from hub.access.authentication import totp
from hub.access.authentication.people_store import LOCAL, Account
from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.errors import Conflict, Fault, Forbidden, Unprocessable

NONCE = 12  # bytes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs, told this once."""

    secret: str
    uri: str


class SecondFactors:
    """Second factors of one hub's accounts. `key`: what their secrets are sealed with in the database."""

    def __init__(self, database: Database, key: bytes):
        self.database, self._seal = database, AESGCM(key)

    def enrol(self, account: Account) -> Enrolment:
        """A new secret for somebody's app; it counts once `confirm` has seen a code of it. Conflict: there is one already."""
        if account.second_factor:
            raise Conflict(
                "a second factor is set up", [Fault("", "is there", "remove it first: POST /v1/session/totp/remove")]
            )
        secret = totp.new_secret()
        self._change(account, totp=self._sealed(account, secret))
        return Enrolment(totp.spelled(secret), totp.uri(secret, account.name))

    def confirm(self, principal: Principal, code: str) -> list[str]:
        """From now on a code is asked for. Codes for the day that the app is lost, told this once; each is good once."""
        codes = totp.new_recovery_codes()
        with self.database.unit() as connection:
            account = own_account(connection, principal)
            if account.totp is None or account.second_factor:
                raise Conflict(
                    "no second factor waits to be confirmed", [Fault("", "none", "POST /v1/session/totp first")]
                )
            step = totp.step_of(self._opened(account), code, self._seconds(), -1)
            if step is None:
                raise Unprocessable(
                    "this is not the code", [Fault("/code", "is wrong or too old", "is the clock right?")]
                )
            hashes = tuple(map(totp.recovery_hash, codes))
            store.save_account(connection, replace(account, totp_step=step, recovery=hashes))
        return codes

    def remove(self, account: Account) -> None:
        """No code is asked for any more."""
        self._change(account, totp=None, totp_step=None, recovery=())

    def passed(self, account: Account, code: str | None) -> Account | None:
        """The account after this code was used, to be saved; None when the code is not good. Any is where none is asked for."""
        if not account.second_factor:
            return account
        if not code:
            return None
        step = totp.step_of(self._opened(account), code, self._seconds(), account.totp_step or 0)
        if step is not None:
            return replace(account, totp_step=step)
        used = totp.recovery_hash(code)
        left = tuple(kept for kept in account.recovery if not secrets.compare_digest(kept, used))
        return replace(account, recovery=left) if len(left) < len(account.recovery) else None

    def _change(self, account: Account, **changed: object) -> None:
        with self.database.unit() as connection:
            now = store.account(connection, account.id)
            if now is not None and now.password == account.password:
                store.save_account(connection, replace(now, **changed))  # type: ignore[arg-type]

    def _seconds(self) -> int:
        return self.database.clock.now() // 1_000_000

    def _sealed(self, account: Account, secret: bytes) -> str:
        nonce = secrets.token_bytes(NONCE)
        return (nonce + self._seal.encrypt(nonce, secret, account.id.encode())).hex()

    def _opened(self, account: Account) -> bytes:
        """Forbidden after the hub's secret changed: the codes cannot be checked any more, so an administrator has to reset it."""
        kept = bytes.fromhex(account.totp or "")
        try:
            return self._seal.decrypt(kept[:NONCE], kept[NONCE:], account.id.encode())
        except InvalidTag:
            raise Forbidden(
                "the second factor cannot be checked any more", [Fault("", "void", "hub users reset NAME")]
            ) from None


def own_account(connection: Connection, principal: Principal) -> Account:
    """The account of who signed in with a password here; Forbidden for everybody else."""
    account = store.account(connection, principal.id) if principal.session else None
    if account is None or account.issuer != LOCAL:
        raise Forbidden("this is for who signed in with a password here")
    return account
