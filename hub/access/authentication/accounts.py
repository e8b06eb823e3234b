"""Accounts of staff: made by an administrator, set up by their owner with a one-time token, disabled, given roles."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from hub.access.authentication import password_hash
from hub.access.authentication import people_store as store
from hub.access.authentication.people_store import LOCAL, Account
from hub.access.authentication.tokens import new_token, token_hash
from hub.db import Database, storable
from hub.errors import Conflict, Fault, NotFound, Unprocessable
from hub.settings import Config, duration_micros

LONGEST_NAME = 200


def plain_name(name: str) -> str:
    """A name as it is compared: any spelling of it signs in."""
    return storable(unicodedata.normalize("NFKC", name).strip().casefold())


def add_account(
    database: Database, config: Config, name: str, roles: Iterable[str], *, by: str = "cli"
) -> tuple[str, Account]:
    """A new account's one-time token, told this once, and the account. It has no password until its owner sets one.

    Unprocessable names every fault: no name, an unknown role; Conflict when the name is taken.
    """
    roles = _roles(config, roles, _name_faults(name))
    token, now = new_token(), database.clock.now()
    subject = plain_name(name)
    made = Account(
        id=f"usr_{secrets.token_hex(8)}",
        issuer=LOCAL,
        subject=subject,
        name=name.strip(),
        roles=roles,
        password=None,
        set_up=token_hash(token),
        set_up_until=now + duration_micros(config.access.sign_in.set_up),
        totp=None,
        totp_step=None,
        recovery=(),
        created_at=now,
        created_by=by,
    )
    with database.unit() as connection:
        if store.account_of(connection, LOCAL, subject) is not None:
            raise Conflict("this name is taken", [Fault("name", "is taken", "see: hub users list")])
        store.save_account(connection, made)
    return token, made


def list_accounts(database: Database) -> list[Account]:
    """All accounts by name, disabled ones too."""
    with database.read() as connection:
        return store.accounts_of_staff(connection)


def set_roles(database: Database, config: Config, who: str, roles: Iterable[str]) -> Account:
    """Give an account these roles instead of those that it has. Its sessions end: they were of the old ones."""
    roles = _roles(config, roles, [])
    with database.unit() as connection:
        changed = replace(_named(connection, who), roles=roles)
        store.save_account(connection, changed)
        store.end_sessions(connection, changed.id)
    return changed


def disable_account(database: Database, who: str) -> Account:
    """From the next request on nobody is signed in by it. NotFound, or Conflict when it was disabled before."""
    with database.unit() as connection:
        found = _named(connection, who)
        if found.disabled_at is not None:
            raise Conflict(f"the account '{found.name}' was disabled before")
        changed = replace(found, disabled_at=database.clock.now(), set_up=None, set_up_until=None)
        store.save_account(connection, changed)
        store.end_sessions(connection, changed.id)
    return changed


def reset_account(database: Database, config: Config, who: str) -> tuple[str, Account]:
    """A new one-time token: the old password, second factor and sessions are void, and a disabled account is none any more."""
    token = new_token()
    with database.unit() as connection:
        found = _named(connection, who)
        if found.issuer != LOCAL:
            raise Conflict(f"'{found.name}' signs in at {found.issuer}: there is no password here to reset")
        changed = replace(
            found,
            password=None,
            totp=None,
            totp_step=None,
            recovery=(),
            disabled_at=None,
            set_up=token_hash(token),
            set_up_until=database.clock.now() + duration_micros(config.access.sign_in.set_up),
        )
        store.save_account(connection, changed)
        store.end_sessions(connection, changed.id)
    return token, changed


def set_up(database: Database, config: Config, token: str, password: str) -> Account:
    """The owner of a one-time token chooses a password; the token is void then.

    NotFound when it is unknown, used or too old: which of them is not told. Unprocessable: another password.
    """
    with database.read() as connection:
        found = _to_set_up(connection, database, token)
    wrong = password_hash.faults(password, found.subject, config.access.sign_in.shortest_password)
    if wrong:
        raise Unprocessable("choose another password", wrong)
    made = password_hash.hashed(password)  # slow: not while the writer's lock is held
    with database.unit() as connection:
        found = _to_set_up(connection, database, token)
        changed = replace(found, password=made, set_up=None, set_up_until=None)
        store.save_account(connection, changed)
    return changed


def _to_set_up(connection: Connection, database: Database, token: str) -> Account:
    found = store.account_to_set_up(connection, token_hash(token))
    if found is None or (found.set_up_until or 0) <= database.clock.now():
        raise NotFound(
            "this link was used, is too old, or never was one",
            [Fault("/token", "is not valid", "ask an administrator for a new one: hub users reset NAME")],
        )
    return found


def _named(connection: Connection, who: str) -> Account:
    """The account of a name or an id."""
    by_id = store.account(connection, who)
    found = (
        [by_id] if by_id else [a for a in store.accounts_of_staff(connection) if plain_name(a.name) == plain_name(who)]
    )
    if not found:
        raise NotFound(f"no account is named '{who[:100]}'", [Fault("name", "unknown account", "see: hub users list")])
    if len(found) > 1:
        raise Conflict(f"several accounts are named '{who[:100]}'; give an id: {', '.join(a.id for a in found)}")
    return found[0]


def _name_faults(name: str) -> list[Fault]:
    if not 0 < len(plain_name(name)) <= LONGEST_NAME or not name.isprintable():
        return [Fault("name", f"must be 1 to {LONGEST_NAME} printable characters", "such as ann, or ann@example.com")]
    return []


def _roles(config: Config, roles: Iterable[str], faults: list[Fault]) -> tuple[str, ...]:
    """Roles without repetition. Unprocessable with these faults and those of the roles."""
    chosen = tuple(dict.fromkeys(r.strip() for r in roles if r.strip()))
    known = f"known roles: {', '.join(sorted(config.access.roles)) or 'none; see config/access.yaml'}"
    faults = faults + [Fault("role", f"unknown role '{r}'", known) for r in chosen if r not in config.access.roles]
    if not chosen:
        faults.append(Fault("role", "an account needs a role", known))
    if faults:
        raise Unprocessable("this account cannot be as you say", faults)
    return chosen
