"""Consumers of the outbox: a new one is a name, a view and what it does with changes; it is told each change once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.delivery import outbox, store
from hub.delivery.outbox import read_on
from hub.delivery.run import fan_out
from hub.golden_record.store import StoredChange
from hub.open import Hub

ANNA = {"first": "Anna", "last": "Maier", "born": "1980-02-03", "mail": "anna@maier.example"}


class Counting:
    """A second consumer: it counts, by type of change, what the marketing role may see."""

    def __init__(self, name: str = "count of changes") -> None:
        self.name, self.view = name, "marketing"
        self.open, self.broken = True, False
        self.seen: list[tuple[int, str]] = []

    def ready(self, connection: Connection) -> bool:
        return self.open

    def take(self, connection: Connection, changes: Sequence[StoredChange]) -> None:
        if self.broken:
            raise RuntimeError("on the way")
        self.seen += [(c.seq, c.kind) for c in changes]


def write(hub: Hub, version: int, **more: Any) -> None:
    hub.resolver.upsert("billing", "customers", [{"id": "1", "updated": version, **ANNA, **more}])


def stands(hub: Hub, name: str) -> int:
    with hub.database.read() as connection:
        return store.position(connection, name)


def test_each_change_is_handed_over_once_and_in_order(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TAKEN", 2)
    consumer = Counting()
    for version, first in enumerate(("Anna", "Hanna", "Johanna", "Anna", "Hanna"), 1):
        write(hub, version, first=first)
    assert read_on(hub.database, consumer)
    assert [kind for _, kind in consumer.seen] == ["created", *["updated"] * 4]
    assert [seq for seq, _ in consumer.seen] == sorted({seq for seq, _ in consumer.seen})
    assert not read_on(hub.database, consumer)
    write(hub, 6, first="Eva")
    assert read_on(hub.database, consumer)
    assert len(consumer.seen) == 6
    assert stands(hub, consumer.name) == consumer.seen[-1][0]


def test_two_who_read_on_at_once_hand_each_change_over_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other, unit = Counting(), Counting(), hub.database.unit
    write(hub, 1)
    write(hub, 2, first="Hanna")

    def overtaken(*, urgent: bool = True) -> AbstractContextManager[Connection]:
        """Somebody else reads on between our look and our first unit."""
        monkeypatch.undo()
        read_on(hub.database, other)
        return unit(urgent=urgent)

    monkeypatch.setattr(hub.database, "unit", overtaken)
    read_on(hub.database, mine)
    assert [kind for _, kind in other.seen] == ["created", "updated"]
    assert mine.seen == []
    write(hub, 3)
    read_on(hub.database, mine)
    assert len(mine.seen) == 1


def test_consumers_go_on_each_by_itself(hub: Hub) -> None:
    one, other = Counting("one"), Counting("other")
    write(hub, 1)
    read_on(hub.database, one)
    fan_out(hub.database, hub.config)
    write(hub, 2, first="Hanna")
    read_on(hub.database, other)
    assert (len(one.seen), len(other.seen)) == (1, 2)
    assert stands(hub, "one") < stands(hub, "other")
    assert stands(hub, "write-back") == stands(hub, "one")


def test_what_failed_is_handed_over_again_and_what_is_not_ready_waits(hub: Hub) -> None:
    consumer = Counting()
    write(hub, 1)
    consumer.broken = True
    with pytest.raises(RuntimeError):
        read_on(hub.database, consumer)
    assert stands(hub, consumer.name) == 0
    consumer.broken, consumer.open = False, False
    assert not read_on(hub.database, consumer)
    consumer.open = True
    assert read_on(hub.database, consumer, advance=False)
    assert stands(hub, consumer.name) == 0  # only looked: the next time begins here again
    assert read_on(hub.database, consumer)
    assert [kind for _, kind in consumer.seen] == ["created", "created"]


def test_a_check_that_fails_hands_over_nothing(hub: Hub) -> None:
    def lost(_connection: Connection) -> None:
        raise RuntimeError("the lease is lost")

    consumer = Counting()
    write(hub, 1)
    with pytest.raises(RuntimeError):
        read_on(hub.database, consumer, check=lost)
    assert consumer.seen == []
