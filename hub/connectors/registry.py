"""Every kind of connector: each file of hub/connectors/systems is one, with its settings and checks.

Import this before a configuration is loaded: it makes the kinds known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, runtime_checkable

import hub.connectors.systems
from hub.connectors.base import Connector
from hub.settings import Source

for _system in iter_modules(hub.connectors.systems.__path__, f"{hub.connectors.systems.__name__}."):
    import_module(_system.name)


@runtime_checkable
class Connectable(Protocol):
    """A source of a kind: it knows its connector."""

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Connector: ...


@runtime_checkable
class Calling(Protocol):
    """A source whose system calls when something changed, and signs what it says."""

    def signed(self, body: bytes, headers: Mapping[str, str], env: Mapping[str, str]) -> bool: ...


def now_micros() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def connect(
    source: Source, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int] = now_micros
) -> Connector:
    """The connector of a source; `base_folder` is what relative paths start from: the configuration's folder.

    Opens nothing yet, except that secrets are looked up: ConfigError when one is missing. `now` keeps a source's
    rows dated in the future from moving a cursor past today.
    """
    assert isinstance(source, Connectable)
    return source.connect(env=env, base_folder=base_folder, now=now)
