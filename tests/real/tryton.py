"""A real Tryton on SQLite, and a client of its own RPC, beside the REST API that the hub uses."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.real.systems import checked, free_port, installed, running

PACKAGES = ("trytond==8.2.1", "trytond-party==8.2.0")
PASSWORD = "adminpw"


@dataclass
class Tryton:
    url: str
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30, trust_env=False))
    headers: dict[str, str] = field(default_factory=dict)
    key: str = ""

    def login(self) -> None:
        user, token, *_ = self.rpc("common.db.login", "admin", {"password": PASSWORD}, "en")
        session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        self.headers = {"Authorization": f"Session {session}"}
        (made,) = self.rpc("model.res.user.application.create", [{"user": user, "application": "rest"}], {})
        (app,) = self.rpc("model.res.user.application.read", [made], ["key"], {})
        self.key = app["key"]
        self.rpc(
            "model.country.country.create",
            [{"name": n, "code": c} for c, n in (("DE", "Germany"), ("FR", "France"))],
            {},
        )

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"id": 1, "method": method, "params": list(params)}
        answer = self.client.post(f"{self.url}/crm/rpc/", json=body, headers=self.headers)
        found = answer.raise_for_status().json()
        assert "error" not in found, found["error"]
        return found["result"]

    def create(self, name: str, *, address: dict[str, Any] | None = None, **mechanisms: str) -> int:
        """A party, as a clerk would enter it. Its id."""
        made: dict[str, Any] = {"name": name}
        if address:
            made["addresses"] = [["create", [address]]]
        if mechanisms:
            made["contact_mechanisms"] = [["create", [{"type": t, "value": v} for t, v in mechanisms.items()]]]
        (party,) = self.rpc("model.party.party.create", [made], {})
        return int(party)

    def addresses(self, party: int) -> list[dict[str, Any]]:
        fields = ["street", "postal_code", "city", "country.code", "write_date"]
        return list(self.rpc("model.party.address.search_read", [["party", "=", party]], 0, None, None, fields, {}))

    def values(self, party: int, type_: str) -> list[str]:
        domain = [["party", "=", party], ["type", "=", type_]]
        found = self.rpc("model.party.contact_mechanism.search_read", domain, 0, None, None, ["value"], {})
        return [row["value"] for row in found]

    def stamp(self) -> list[Any]:
        """When anything of any party was last written: it stands still while nobody writes."""
        models = ("party.party", "party.address", "party.contact_mechanism")
        fields = ["id", "write_date", "create_date"]
        return [self.rpc(f"model.{m}.search_read", [], 0, None, [["id", "ASC"]], fields, {}) for m in models]


@contextmanager
def tryton(folder: Path) -> Iterator[Tryton]:
    """A server with an empty database, which is made once and copied."""
    bin_ = installed("tryton", *PACKAGES)
    clean, database = bin_.parent / "clean", folder / "db"
    if not (clean / ".ready").exists():
        shutil.rmtree(clean, ignore_errors=True)
        clean.mkdir()
        (clean / "crm.sqlite").touch()
        settings = _settings(folder / "init.conf", clean, 0)
        password = folder / "password"
        password.write_text(PASSWORD)
        admin = [str(bin_ / "trytond-admin"), "-c", settings, "-d", "crm"]
        checked([*admin, "--all", "--email", "a@example.com"], {"TRYTONPASSFILE": str(password)})
        checked([*admin, "-u", "party", "--activate-dependencies"])
        (clean / ".ready").touch()
    database.mkdir()
    shutil.copy(clean / "crm.sqlite", database)
    port = free_port()
    settings = _settings(folder / "tryton.conf", database, port)
    made = Tryton(f"http://127.0.0.1:{port}")
    try:
        with running([str(bin_ / "trytond"), "-c", settings, "-d", "crm"], made.login, folder / "tryton.log"):
            yield made
    finally:
        made.client.close()


def _settings(file: Path, database: Path, port: int) -> str:
    file.write_text(f"[database]\nuri = sqlite://\npath = {database}\n[web]\nlisten = 127.0.0.1:{port}\n")
    return str(file)
