"""Leases: of all threads and processes one does a thing at a time, and goes on for as long as it works on it.

A lease is renewed while its work runs, ends by itself when its process died, and grows a fence: who was taken for dead
and comes back finds that another has it (`Lease.check`).
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog
from sqlalchemy import Connection
from sqlmodel import Field, SQLModel

from hub.db.columns import big, table
from hub.db.database import Units
from hub.db.statements import ask, do, upsert_many
from hub.errors import Conflict, RetryLater

log = structlog.get_logger()

LEASE_SECONDS = 300
RENEWALS = 3  # in the time that a lease lasts
LOOK_SECONDS = 0.1  # between two looks of who waits
MICROS = 1_000_000
COLUMNS = ("name", "holder", "until", "fence")


class LeaseRow(SQLModel, table=True):
    """Who does a thing until when. `fence` grows with each holder."""

    __tablename__: ClassVar[str] = "lease"
    name: str = Field(primary_key=True)
    holder: str
    until: int = big()
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """What a holder shows."""

    name: str
    holder: str
    fence: int

    def check(self, connection: Connection) -> None:
        """In a unit, before its writes count. Conflict when another took this over."""
        found = ask(connection, "SELECT holder, fence FROM lease WHERE name = :name", name=self.name)
        if not found or tuple(found[0]) != (self.holder, self.fence):
            raise Conflict(f"another process took over '{self.name}': what was not done yet waits for it")


def held_now(connection: Connection, now: int) -> list[tuple[str, str]]:
    """What is being done now, and by whom: (name, holder)."""
    query = "SELECT name, holder FROM lease WHERE until > :now ORDER BY name"
    return [(str(name), str(holder)) for name, holder in ask(connection, query, now=now)]


def take_lease(database: Units, name: str, holder: str) -> Lease | None:
    """The lease, ours for now; None while another has it. The same holder may take it again."""
    with database.read() as connection:  # whoever waits looks often: nobody else should wait for that
        if _is_held(connection, name, holder, database.clock.now()):
            return None
    with database.unit(urgent=False) as connection:
        now = database.clock.now()
        if _is_held(connection, name, holder, now):
            return None
        found = ask(connection, "SELECT fence FROM lease WHERE name = :name", name=name)
        fence = (found[0][0] if found else 0) + 1
        upsert_many(connection, table(LeaseRow), COLUMNS, [(name, holder, now + LEASE_SECONDS * MICROS, fence)])
        return Lease(name, holder, fence)


def _is_held(connection: Connection, name: str, holder: str, now: int) -> bool:
    """Has another one this lease, who lives?"""
    found = ask(connection, "SELECT holder, until FROM lease WHERE name = :name", name=name)
    return bool(found) and found[0][0] != holder and found[0][1] > now and not _is_dead(found[0][0])


@contextmanager
def leased(database: Units, name: str, *, wait: bool) -> Iterator[Lease | None]:
    """Hold a lease for as long as the block runs. While another has it: wait for it, or None."""
    holder = f"{_here()}:{os.getpid()}:{_started(os.getpid())}:{uuid.uuid4().hex[:12]}"
    if (lease := take_lease(database, name, holder)) is None and wait:
        log.info("another process is at it: waiting", lease=name)
        while (lease := take_lease(database, name, holder)) is None:
            time.sleep(LOOK_SECONDS)
    if lease is None:
        yield None
        return
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(database, lease, ended), name=f"lease {name}", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        ended.set()
        renewing.join()
        _give_back(database, lease)


def _renew(database: Units, lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(LEASE_SECONDS / RENEWALS):
        try:
            _extend(database, lease, database.clock.now() + LEASE_SECONDS * MICROS)
        except RetryLater:  # busy: the next one comes in time
            pass
        except Exception as error:  # noqa: BLE001 - whatever it was, the next one may succeed; the fence holds meanwhile
            log.warning("lease not renewed", lease=lease.name, error=type(error).__name__)


def _give_back(database: Units, lease: Lease) -> None:
    with suppress(RetryLater):  # then it ends by itself
        _extend(database, lease, 0)


def _extend(database: Units, lease: Lease, until: int) -> None:
    with database.unit(urgent=False) as connection:
        do(
            connection,
            "UPDATE lease SET until = :until WHERE name = :name AND holder = :holder AND fence = :fence",
            until=until,
            name=lease.name,
            holder=lease.holder,
            fence=lease.fence,
        )


def _is_dead(holder: str) -> bool:
    """Was it a process of this machine that is no more? Nobody need wait for its lease to end."""
    here, _, rest = holder.partition(":")
    process, _, rest = rest.partition(":")
    if here != _here() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(int(process)) != rest.partition(":")[0]  # another process has its number now


def _here() -> str:
    """This machine, since when it runs, and which processes it sees: two machines may have one host name, two containers
    numbers of their own."""
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()}/{booted}/{os.readlink('/proc/self/ns/pid').strip('pid:[]')}"
    except OSError:  # no Linux
        return socket.gethostname()


def _started(process: int) -> str:
    """When a process started, in ticks since the machine did; nothing where that is not told."""
    try:
        after_name = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        return after_name.split()[19]
    except (OSError, IndexError):
        return ""
