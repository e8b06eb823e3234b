"""A shop with customers and their orders, for the tests of what happened with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.access.audit.log import AuditLog
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.timeline import Asked, SeenInteraction, Timeline
from hub.db import Database
from hub.interactions import store
from hub.landing import store as landing
from hub.model import RecordId, Sight
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, InteractionType, Role, Source
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests import tiny
from tests.conftest import empty

KIND = {
    "attributes": {
        "ordered_at": {"kind": "moment"},
        "state": {"kind": "choice", "options": ["placed", "cancelled"]},
        "total": {"kind": "money"},
        "note": {"kind": "text"},
        "spent": {"kind": "duration", "scheme": "minutes"},
    },
    "at": "ordered_at",
    "state": "state",
    "amount": "total",
    "spent": "spent",
}
ORDERS = {
    "interaction": "order",
    "key": "id",
    "version": "v",
    "deleted": "gone",
    "of": "owner",
    "map": {"ordered_at": "at", "state": "state", "total": "total", "note": "note", "spent": "spent"},
}
PEOPLE = {"customer": "person", "key": "id", "map": {"given_name": "first", "email": "mail"}, "deleted": "gone"}
SEES, BLIND, HALF = (Principal(role, role, "staff", role) for role in ("sees", "blind", "half"))


def config() -> Config:
    views: dict[str, Any] = {"person": {"*": Sight.SHOW}}
    half = {"ordered_at": Sight.SHOW, "total": Sight.MASK}
    roles = {
        "sees": Role(views={**views, "order": {"*": Sight.SHOW}}, may=("read", "crosswalk")),
        "blind": Role(views=views),
        "half": Role(views={**views, "order": half}),
    }
    streams = {"people": PEOPLE, "orders": ORDERS}
    return Config(
        folder=Path("."),
        customers={"person": tiny.customer_type()},
        interactions={"order": InteractionType.model_validate({"name": "order", **KIND})},
        sources={"shop": Source.model_validate({"name": "shop", "connector": {"kind": "file", "path": "."}, "streams": streams})},
        access=Access(roles=roles),
    )  # fmt: skip


class Shop:
    def __init__(self, database: Database, folder: Path, given: Config | None = None):
        empty(database)
        self.database, self.audit = database, AuditLog(folder / "audit.jsonl", b"k" * 32)
        self.version = 0
        self.open(given or config())

    def open(self, given: Config) -> None:
        """With this configuration from now on."""
        self.resolver = Resolver(self.database, given)
        self.timeline = Timeline(Reader(self.database, given, self.audit, b"k" * 32))
        self.resolver.reread()

    def person(self, key: str, **more: Any) -> None:
        self.resolver.upsert("shop", "people", [{"id": key, "first": f"Name{key}", "mail": f"{key}@x.example", **more}])

    def order(self, key: str, owner: str, **more: Any) -> str:
        self.version += 1
        row = {"id": key, "v": self.version, "owner": owner, "at": f"2024-05-0{key}", "total": "12.50 EUR", **more}
        return self.resolver.upsert("shop", "orders", [row])[0].happened

    def id_of(self, key: str) -> str:
        with self.database.read() as connection:
            info = landing.record_named(connection, RecordId("shop", "people", key))
        return info.mint if info else "cus_nobody"

    def page(self, key: str, who: Principal = SEES, **more: Any) -> list[SeenInteraction]:
        return list(self.timeline.page(who, self.id_of(key), Asked(**more)).data)

    def keys(self, key: str, **more: Any) -> list[str]:
        return [i.record.key for i in self.page(key, **more)]

    def merge(self, a: str, b: str) -> str:
        return Acts(self.resolver).do(Merge(self.id_of(a), self.id_of(b)), by="ann", reason="one person").id

    def unowned(self) -> int:
        with self.database.read() as connection:
            return store.count_waiting(connection, "unowned")

    def check(self) -> None:
        found = Verify(self.resolver).run()
        assert not found.total, (dict(found.differences), found.samples)
