"""API keys `hub_live_<id>_<secret>`: shown once, kept as a hash, scoped to a role, expiring. There is no default key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.access.authentication import key_store as store
from hub.access.authentication import people_store
from hub.access.authentication.principals import Kind, Principal
from hub.db import Database
from hub.errors import Conflict, Fault, NotFound, Unprocessable
from hub.settings import Config

PREFIX = "hub_live_"
DAY = 86_400_000_000
DEFAULT_DAYS = 365
USED_EVERY = (
    600_000_000  # last_used is this exact, in microseconds: a write per request would queue readers behind writers
)
_NOBODY = hashlib.sha256(b"no key").hexdigest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be told of a key: all but its secret."""

    id: str
    name: str
    kind: Kind
    role: str
    source: str | None
    scopes: tuple[str, ...] | None  # narrower than the role; None: all that it may
    holder: str  # the same for the keys that one holder was given in turn
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None
    last_used: int | None


def create_key(
    database: Database,
    config: Config,
    name: str,
    role: str,
    *,
    source: str | None = None,
    scopes: Iterable[str] | None = None,
    days: int = DEFAULT_DAYS,
    by: str = "cli",
) -> tuple[str, ApiKey]:
    """A new key's token, which is told this once, and the key. `scopes`: of the role's permissions only these. With a source it is a system's, else a member of staff's.

    Unprocessable names every fault: an unknown role or source, no name, a life of less than a day.
    """
    narrowed = None if scopes is None else tuple(dict.fromkeys(scopes))
    faults = [*_faults(config, name, role, source, days), *_scope_faults(config, role, narrowed)]
    if faults:
        raise Unprocessable("this key cannot be made", faults)
    now = database.clock.now()
    id, secret = secrets.token_hex(6), secrets.token_hex(24)
    kept = store.StoredKey(
        id,
        _hash(secret),
        name,
        "system" if source else "staff",
        role,
        source,
        now,
        by,
        now + days * DAY,
        revoked_at=None,
        last_used=None,
        holder=id,
        scopes=narrowed,
    )
    with database.unit() as connection:
        store.add_key(connection, kept)
    return f"{PREFIX}{id}_{secret}", _told(kept)


def rotate_key(
    database: Database, id: str, *, days: int = DEFAULT_DAYS, overlap_days: int = 7, by: str = "cli"
) -> tuple[str, ApiKey]:
    """A second key of the same holder, as the first is; that one ends after some days, so that nothing stands still
    meanwhile. NotFound; Conflict when the key is over, or two are alive already. Unprocessable: a life of less than a day."""
    faults = [
        *_life_faults(days),
        *([] if overlap_days >= 0 else [Fault("overlap", "is below 0", "0 ends it at once")]),
    ]
    if faults:
        raise Unprocessable("this key cannot be rotated", faults)
    fresh, secret = secrets.token_hex(6), secrets.token_hex(24)
    with database.unit() as connection:
        now = database.clock.now()
        old = store.key_of(connection, id)
        if old is None:
            raise _unknown()
        alive = [k for k in store.keys_of(connection, old.holder) if k.revoked_at is None and now < k.expires_at]
        if old not in alive:
            raise Conflict("this key is over: make a new one with hub keys create")
        if len(alive) > 1:
            raise Conflict(f"two keys of this holder are alive: {alive[0].id} and {alive[1].id}; revoke one first")
        kept = replace(
            old,
            id=fresh,
            secret_hash=_hash(secret),
            created_at=now,
            created_by=by,
            expires_at=now + days * DAY,
            last_used=None,
        )
        store.add_key(connection, kept)
        store.end_key(connection, old.id, now + overlap_days * DAY)
    return f"{PREFIX}{fresh}_{secret}", _told(kept)


def _faults(config: Config, name: str, role: str, source: str | None, days: int) -> Sequence[Fault]:
    faults = []
    if not name.strip():
        faults.append(Fault("name", "a key needs the name of who holds it", "give a person's or a system's name"))
    if role not in config.access.roles:
        faults.append(
            Fault(
                "role",
                f"unknown role '{role}'",
                f"known roles: {', '.join(sorted(config.access.roles)) or 'none; see config/access.yaml'}",
            )
        )
    if source is not None and source not in config.sources:
        faults.append(
            Fault(
                "source", f"unknown source '{source}'", f"known sources: {', '.join(sorted(config.sources)) or 'none'}"
            )
        )
    return [*faults, *_life_faults(days)]


def _life_faults(days: int) -> list[Fault]:
    if 1 <= days <= 3650:
        return []
    return [Fault("days", "a key lives between 1 and 3650 days", f"the default is {DEFAULT_DAYS}")]


def _scope_faults(config: Config, role: str, scopes: tuple[str, ...] | None) -> list[Fault]:
    """A key narrows its role and never widens it."""
    given = config.access.roles.get(role)
    if scopes is None or given is None:
        return []
    known = f"the role may: {', '.join(given.may)}"
    if not scopes:
        return [Fault("may", "names no permission", known)]
    return [Fault("may", f"the role '{role}' may not '{s}'", known) for s in scopes if s not in given.may]


def list_keys(connection: Connection) -> list[ApiKey]:
    """All keys, the oldest first, revoked and expired ones too."""
    return [_told(k) for k in store.keys(connection)]


def revoke_key(database: Database, id: str, *, by: str = "cli") -> None:
    """From the next request on the key is refused. NotFound, or Conflict when it was revoked before."""
    with database.unit() as connection:
        if not store.revoke_key(connection, id, by=by, at=database.clock.now()):
            if store.key_of(connection, id) is None:
                raise _unknown()
            raise Conflict("this key was revoked before")


def revoked(connection: Connection, id: str) -> bool:
    """Were all of a principal's keys taken back, or its account? What was made without either (at the command line) has none to lose."""
    keys, account = store.keys_of(connection, id), people_store.account(connection, id)
    taken = bool(keys) and all(k.revoked_at is not None for k in keys)
    return taken or (account is not None and account.disabled_at is not None)


def _unknown() -> NotFound:
    return NotFound("no key has this id", [Fault("id", "unknown key", "see: hub keys list")])


def holder(database: Database, token: str) -> Principal | None:
    """Who holds the key of this token, which starts with `PREFIX`; None when nobody does. Keeps that it was used."""
    id, _, secret = token.removeprefix(PREFIX).partition("_")
    with database.read() as connection:
        kept = store.key_of(connection, id)
    # Compared even when there is no such key, so that time tells nobody which ids exist.
    same = hmac.compare_digest(_hash(secret), kept.secret_hash if kept else _NOBODY)
    now = database.clock.now()
    if kept is None or not same or kept.revoked_at is not None or now >= kept.expires_at:
        return None
    if kept.last_used is None or now - kept.last_used >= USED_EVERY:
        with database.unit() as connection:
            store.mark_used(connection, kept.id, now)
    scopes = None if kept.scopes is None else frozenset(kept.scopes)
    return Principal(kept.holder, kept.name, _kind(kept.kind), kept.role, kept.source, scopes)


def _hash(secret: str) -> str:
    """A plain hash is enough for 192 random bits (ASVS 6.5.2)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _kind(stored: str) -> Kind:
    return "system" if stored == "system" else "staff"


def _told(k: store.StoredKey) -> ApiKey:
    return ApiKey(
        k.id,
        k.name,
        _kind(k.kind),
        k.role,
        k.source,
        k.scopes,
        k.holder,
        k.created_at,
        k.created_by,
        k.expires_at,
        k.revoked_at,
        k.last_used,
    )
