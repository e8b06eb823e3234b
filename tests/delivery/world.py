"""Two sources that subscribe to golden values, a table and a service, both real; and a web form that nobody checks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from hub.access.audit.log import AuditLog
from hub.access.read import Reader
from hub.db import Database, load
from hub.delivery.run import Push, Pushed
from hub.demo.crm import CrmServer
from hub.landing import store as landing
from hub.model import RecordId
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Source
from hub.work import cycle
from hub.work.pull import Pulled

BILL, CRM, WEB = RecordId("bill", "people", "1"), RecordId("crm", "people", "P-N000001"), RecordId("web", "people", "1")
X, Y, Z = "+4915112345678", "+4915187654321", "+4915100000001"
ALL = {"*": "show"}

PERSON = CustomerType.model_validate(
    {
        "name": "person",
        "attributes": {
            "given_name": {"kind": "given_name"},
            "family_name": {"kind": "family_name"},
            "birth_date": {"kind": "birth_date"},
            "email": {"kind": "email", "many": True, "survivorship": "union"},
            "phone": {"kind": "phone", "many": True, "survivorship": "most_trusted"},
            "occupation": {"kind": "text", "survivorship": "most_recent", "matching": False},
        },
        "matching": {"rules": [["email"], ["family_name.sound", "birth_date"]]},
    }
)
NAMES = {
    "given_name": "first",
    "family_name": "last",
    "birth_date": "born",
    "email": "mail",
    "phone": "phone",
    "occupation": "job",
}
IN_CRM = {
    "given_name": "name.given",
    "family_name": "name.family",
    "birth_date": "birthDate",
    "email": "emails[]",
    "phone": "phones[]",
}
REST = {
    "path": "people",
    "records": "data",
    "page": "cursor",
    "page_param": "cursor",
    "next": "next_cursor",
    "size_param": "limit",
    "since_param": "updated_since",
    "order": "version",
    "item": "people/{key}",
    "update": "patch",
    "create": "people",
    "create_once": True,
}


def config(
    folder: Path, views: Mapping[str, Mapping[str, str]], bill: Mapping[str, Any] | None = None, **write_back: Any
) -> Config:
    def source(name: str, connector: Mapping[str, Any], **stream: Any) -> Source:
        return Source.model_validate(
            {"name": name, "connector": connector, "streams": {"people": {"customer": "person", "key": "id", **stream}}}
        )

    return Config(
        folder=folder,
        customers={"person": PERSON},
        access=Access.model_validate({"roles": {name: {"views": {"person": view}} for name, view in views.items()}}),
        sources={
            "bill": source(
                "bill",
                {"kind": "sql", "url_env": "BILL"},
                table="people",
                version="v",
                map=NAMES,
                trust={"default": 90},
                verified="all",
                write_back={"attributes": ["phone", "occupation"], **(bill or {})},
            ),
            "crm": source(
                "crm",
                {"kind": "rest", "base_url_env": "CRM", "auth": {"bearer_env": "TOKEN"}},
                rest=REST,
                version="updatedAt",
                deleted="deleted",
                map=IN_CRM,
                trust={"default": 50},
                verified="all",
                write_back={"attributes": ["phone", "email"], **write_back},
            ),
            "web": source(
                "web",
                {"kind": "file", "path": "no files"},
                version="v",
                map=NAMES,
                records="partial",
                trust={"default": 20},
            ),
        },
    )


class World:
    """The sources, the hub between them, and what they hold."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        views: Mapping[str, Mapping[str, str]] | None = None,
        trigger: str = "",
        **write_back: Any,
    ):
        self.database, self.folder = database, folder
        self.table = folder / "bill.sqlite"
        with closing(sqlite3.connect(self.table)) as c, c:
            c.execute(
                "CREATE TABLE people (id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(4)))), v INTEGER DEFAULT 1, first TEXT, last TEXT, born TEXT, mail TEXT, phone TEXT, job TEXT)"
            )
            c.execute(
                f"CREATE TRIGGER changed AFTER UPDATE ON people BEGIN UPDATE people SET v = old.v + 1 {trigger} WHERE id = old.id; END"
            )
        self.crm = CrmServer(folder / "crm.sqlite", "t0ken").start()
        self.env = {"BILL": f"sqlite:///{self.table}", "CRM": self.crm.url, "TOKEN": "t0ken"}
        self.config = config(folder, {"bill": ALL, "crm": ALL} if views is None else views, **write_back)
        self.open()

    def open(self) -> None:
        self.resolver = Resolver(self.database, self.config)
        self.audit = AuditLog(self.folder / "audit.jsonl", b"k" * 32)
        self.reader = Reader(self.database, self.config, self.audit, b"k" * 32)

    def close(self) -> None:
        self.audit.close()
        self.crm.stop()

    # --- the sources, as their people use them ---

    def bill(self, key: str = "1", **fields: Any) -> None:
        """Enter or change a row of the table."""
        with closing(sqlite3.connect(self.table)) as c, c:
            c.execute("INSERT OR IGNORE INTO people (id) VALUES (?)", (key,))
            c.execute(
                f"UPDATE people SET {', '.join(f'{n} = :{n}' for n in fields)} WHERE id = :id", {**fields, "id": key}
            )

    def in_bill(self, key: str = "1") -> dict[str, Any]:
        with closing(sqlite3.connect(self.table)) as c:
            c.row_factory = sqlite3.Row
            return dict(c.execute("SELECT * FROM people WHERE id = ?", (key,)).fetchone())

    def new_in_crm(self, **content: Any) -> str:
        return str(self.crm.store.create("people", content)["id"])

    def edit_in_crm(self, **change: Any) -> None:
        self.crm.store.patch("people", CRM.key, change, match=None)

    def in_bills(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.table)) as c:
            c.row_factory = sqlite3.Row
            return [dict(row) for row in c.execute("SELECT * FROM people ORDER BY id")]

    def in_crm(self, key: str = CRM.key) -> dict[str, Any]:
        return self.crm.record("people", key)

    def from_web(self, **fields: Any) -> None:
        self.resolver.upsert("web", "people", [{"id": "1", **fields}])

    # --- the hub's work ---

    def pull(self) -> list[Pulled]:
        found = cycle.pull(self.resolver, ["bill", "crm"], env=self.env)
        assert not [p.error for p in found if p.error]
        cycle.match(self.resolver)
        return found

    def push(self) -> Pushed:
        return Push(self.resolver, self.reader, env=self.env).run()

    def round(self) -> int:
        """Pull, then push: how many records were written to."""
        self.pull()
        return self.push().written

    def later(self, seconds: int) -> None:
        self.database.clock.time += seconds * 1_000_000  # type: ignore[attr-defined]

    # --- what came of it ---

    def patches(self) -> list[tuple[int, tuple[str, ...]]]:
        """Status and fields of each write that the service was asked for."""
        return [(w.status, w.fields) for w in self.crm.writes()]

    def golden(self, record: RecordId, attribute: str) -> list[Any] | None:
        with self.database.read() as c:
            info = landing.record_named(c, record)
            assert info is not None
            body = c.exec_driver_sql(
                f"SELECT k.body FROM customer k JOIN membership m ON m.cluster = k.cluster WHERE m.rid = {info.rid}"
            ).scalar()
        found: list[Any] | None = load(body).get(attribute)
        return found

    def states(self) -> dict[str, str]:
        with self.database.read() as c:
            return {
                f"{r.source}/{r.key}": r.status
                for r in c.exec_driver_sql(
                    "SELECT r.source, r.key, w.status FROM write_back w JOIN record r ON r.rid = w.rid"
                )
            }

    def count(self, table: str) -> int:
        with self.database.read() as c:
            return int(c.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)

    def verify(self) -> None:
        found = Verify(self.resolver).run()
        assert not found.total, (dict(found.differences), found.samples)


Make = Callable[..., World]  # of a test: the same database, a folder for each
