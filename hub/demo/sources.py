"""The four running sources: filled with a world, in one folder, with the environment that connects the hub to them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from hub.demo import app, billing, crm, web
from hub.demo.world import World

BILLING_FILE, CRM_FILE, WEB_FOLDER, APP_FOLDER, TRUTH_FILE = (
    "billing.sqlite",
    "crm.sqlite",
    "web",
    "app",
    "truth.parquet",
)


@dataclass(frozen=True)
class RunningSources:
    """The sources as their owners see them, and `env`: what config/sources/*.yaml asks for."""

    folder: Path
    billing: billing.Billing
    crm: crm.CrmServer
    env: dict[str, str]
    drop: web.Drop | None  # None: the folder was filled earlier

    @property
    def truth(self) -> Path:
        """Parquet (source, stream, key, truth): for evaluation, in no source."""
        return self.folder / TRUTH_FILE


def fill(folder: Path, world: World) -> web.Drop:
    """Fill all four sources and write the truth beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    billing.fill(folder / BILLING_FILE, world)
    crm.fill(folder / CRM_FILE, world)
    app.fill(folder / APP_FOLDER, world)
    pq.write_table(world.truth, folder / TRUTH_FILE)
    return web.fill(folder / WEB_FOLDER, world)


@contextmanager
def start_sources(
    folder: Path, world: World | None, *, port: int = 0, require_match: bool = False
) -> Iterator[RunningSources]:
    """Run the four sources until the block ends. Without a world: those that were filled in `folder` before.

    The CRM gets a free port (or `port`) on loopback and a token of its own for each run. FileNotFoundError when
    nothing was filled.
    """
    folder = folder.absolute()
    drop = fill(folder, world) if world is not None else None
    if not (folder / BILLING_FILE).exists():
        raise FileNotFoundError(f"{folder} holds no demo sources")
    books = billing.Billing(folder / BILLING_FILE)
    token = secrets.token_urlsafe(24)
    server = crm.CrmServer(folder / CRM_FILE, token, port=port, require_match=require_match).start()
    env = {
        "BILLING_URL": books.url,
        "CRM_URL": server.url,
        "CRM_TOKEN": token,
        "WEB_FOLDER": str(folder / WEB_FOLDER),
        "APP_FOLDER": str(folder / APP_FOLDER),
    }
    try:
        yield RunningSources(folder, books, server, env, drop)
    finally:
        server.stop()
