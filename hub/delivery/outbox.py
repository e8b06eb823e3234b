"""The outbox and who reads it on: each consumer has a name, a view and a position of its own, and is told every change once.

Write-back and webhooks read it so. A change is handed over in the unit that moves the position: what a consumer makes
of it there is kept exactly when the position is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection

from hub.db import Units
from hub.delivery import store
from hub.golden_record.store import StoredChange, changes_after

TAKEN = 1000  # changes handed over in one unit

Check = Callable[[Connection], None]


class Consumer(Protocol):
    """Somebody who is told of changes in their order.

    name    whose position it is
    view    the role in whose view they are told; "": each target its own
    """

    @property
    def name(self) -> str: ...
    @property
    def view(self) -> str: ...

    def ready(self, connection: Connection) -> bool:
        """Are changes to be handed over now? Asked in each unit before."""
        ...

    def take(self, connection: Connection, changes: Sequence[StoredChange]) -> None:
        """Do with them what the unit is to keep: an error leaves the position where it is."""
        ...


def nothing(_connection: Connection) -> None:
    """No check."""


def read_on(database: Units, consumer: Consumer, *, check: Check = nothing, advance: bool = True) -> bool:
    """Hand over every change since the last time, some in each unit. Was there any?

    check: asked first in each unit, for who needs a lease. Without `advance` the next time begins here again.
    Writes nothing when nothing changed.
    """
    with database.read() as connection:
        after = store.position(connection, consumer.name)
        if not changes_after(connection, after, 1):
            return False
    while True:
        with database.unit(urgent=False) as connection:
            check(connection)
            if not consumer.ready(connection):
                return False
            after = max(after, store.position(connection, consumer.name))  # another one may have been at it meanwhile
            found = step(connection, consumer, after, advance=advance)
        if len(found) < TAKEN:
            return True
        after = found[-1].seq


def step(connection: Connection, consumer: Consumer, after: int, *, advance: bool = True) -> list[StoredChange]:
    """Hand over some changes after a position, in the caller's unit, which asked whether the consumer is ready."""
    found = changes_after(connection, after, TAKEN)
    consumer.take(connection, found)
    if found and advance:
        store.move(connection, consumer.name, consumer.view, found[-1].seq)
    return found
