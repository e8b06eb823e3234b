"""Rows that landed under another configuration are read again, some at a time, and no row ends that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.errors import Fault
from hub.interactions import run
from hub.interactions.row import Reading
from hub.resolve.resolver import Resolver
from hub.settings import Config, InteractionType
from hub.stewardship.acts import Suspend
from hub.stewardship.run import Acts
from tests.interactions.shop import KIND, Shop, config


def without_types() -> Config:
    return config().model_copy(update={"interactions": {}})


def with_type(**more: Any) -> Config:
    kind = InteractionType.model_validate({"name": "order", **KIND, **more})
    return config().model_copy(update={"interactions": {"order": kind}})


def test_rows_that_landed_before_their_type_are_shown_once_it_is_there(database: Database, tmp_path: Path) -> None:
    shop = Shop(database, tmp_path, without_types())
    shop.person("a")
    for n in "123":
        shop.order(n, "a", **({"total": "12.50"} if n == "2" else {}))
    shop.open(config())
    assert shop.keys("a") == ["3", "1"]
    shop.check()
    shop.open(with_type(currency="EUR"))
    assert shop.keys("a") == ["3", "2", "1"]
    assert shop.page("a")[1].values["total"] == {"amount": "12.50", "currency": "EUR"}
    shop.check()
    shop.open(without_types())
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM interaction").scalar() == 0
    shop.audit.close()


def test_it_goes_on_where_it_was_broken_off(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(database, tmp_path, without_types())
    shop.person("a")
    for n in "12345":
        shop.order(n, "a")
    monkeypatch.setattr(run, "AT_ONCE", 2)
    read: list[str] = []

    def breaks(self: Reading, raw: Any) -> Any:
        if raw["id"] == "4" and not broken:
            broken.append(True)
            raise KeyboardInterrupt
        read.append(raw["id"])
        return well(self, raw)

    broken: list[bool] = []
    well = Reading.read
    monkeypatch.setattr(Reading, "read", breaks)
    with pytest.raises(KeyboardInterrupt):
        shop.open(config())
    assert shop.keys("a") == ["2", "1"]
    shop.resolver.reread()
    assert shop.keys("a") == ["5", "4", "3", "2", "1"]
    assert read.count("1") == read.count("2") == 1
    assert shop.resolver.reread() == 0
    shop.check()
    shop.audit.close()


def test_a_row_that_breaks_its_reader_is_set_aside_or_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.person("a")
    shop.order("1", "a")
    shop.order("2", "a")
    well = Reading._read

    def breaks(self: Reading, raw: Any) -> Any:
        if raw["id"] == "1":
            raise OverflowError("of a value")
        return well(self, raw)

    monkeypatch.setattr(Reading, "_read", breaks)
    assert shop.order("1", "a", note="more") == "quarantined"
    shop.open(with_type(currency="EUR"))
    assert shop.keys("a") == ["2"]


def test_many_suspended_rows_leave_their_pages_some_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.stewardship.doing.AT_ONCE", 2)
    monkeypatch.setattr(run, "AT_ONCE", 2)
    shop.person("a")
    for n in "12345":
        shop.order(n, "a")
    act = Acts(shop.resolver).do(Suspend("shop", 0, 2**62, "orders"), by="ann", reason="a bad export")
    assert shop.keys("a") == []
    shop.check()
    Acts(shop.resolver).undo(act.id, by="ann", why="it was right")
    assert shop.keys("a") == ["5", "4", "3", "2", "1"]
    shop.check()


def test_while_a_source_is_left_out_for_a_fault_what_it_said_stays(shop: Shop) -> None:
    """A command that goes on without it must not take back consents and orders by a slip in its file."""
    shop.person("a")
    shop.order("1", "a")
    faulty = without_types().model_copy(update={"aside": (Fault("sources/shop.yaml: kee", "unknown key", ""),)})
    assert Resolver(shop.database, faulty).reread() == 0
    assert shop.keys("a") == ["1"]
    assert Resolver(shop.database, without_types()).reread() == 1
