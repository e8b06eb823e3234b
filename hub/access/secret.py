"""The hub's one secret and the keys made of it: cursors, pseudonyms, audit.

It comes from `HUB_SECRET` (or `HUB_SECRET_FILE`), else from a file of random bytes in the data
folder, made once. There is no default. Losing it changes every pseudonym and voids every cursor.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from hub.errors import ConfigError, Fault
from hub.settings import secret

VARIABLE = "HUB_SECRET"
PREVIOUS = "HUB_SECRET_PREVIOUS"
FILE = "secret"  # in the hub's folder, unless the variable is set
SHORTEST = 32  # characters


def hub_secret(folder: Path, env: Mapping[str, str] | None = None) -> bytes:
    """The secret of the hub whose data are in `folder`. ConfigError when the one given is too short."""
    env = os.environ if env is None else env
    if _given(VARIABLE, env):
        given = secret(VARIABLE, env)
        if len(given) < SHORTEST:
            raise ConfigError(
                [
                    Fault(
                        VARIABLE,
                        f"shorter than {SHORTEST} characters",
                        "python3 -c 'import secrets; print(secrets.token_hex(32))'",
                    )
                ]
            )
        return given.encode()
    path = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Two processes that start at once must end with one secret: only one of them makes the file.
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(made, "wb") as file:
        file.write(os.urandom(32).hex().encode())
        file.flush()
        os.fsync(file.fileno())
    return _read(path)


def former_secrets(folder: Path, env: Mapping[str, str] | None = None) -> list[bytes]:
    """What the secret was before: those that HUB_SECRET_PREVIOUS names, and the folder's own where HUB_SECRET replaced it."""
    env = os.environ if env is None else env
    found = [s.encode() for s in secret(PREVIOUS, env).split()] if _given(PREVIOUS, env) else []
    path = folder / FILE
    return [*found, _read(path)] if _given(VARIABLE, env) and path.exists() else found


def _given(variable: str, env: Mapping[str, str]) -> bool:
    return variable in env or f"{variable}_FILE" in env


def _read(path: Path) -> bytes:
    found = path.read_bytes().strip()
    if len(found) < SHORTEST:
        raise ConfigError(
            [
                Fault(
                    str(path),
                    "the hub's secret is not whole",
                    "restore it from a backup; if there is none, remove the file: pseudonyms and cursors change",
                )
            ]
        )
    return found


def derive(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose: what one gives away says nothing of another."""
    return hmac.new(key, b"hub/" + purpose.encode(), hashlib.sha256).digest()
