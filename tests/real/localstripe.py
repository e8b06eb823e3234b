"""localstripe: Stripe's API on this machine, with signed webhooks. Bound to loopback and kept in memory, unlike its command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.real.systems import free_port, installed, running

SERVER = """
import logging, sys
from aiohttp import web
from localstripe import server
server.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]))
"""
KEY = "sk_test_12345"


@dataclass
class LocalStripe:
    url: str
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(auth=(KEY, ""), timeout=30, trust_env=False))

    def ask(self, method: str, path: str, **data: Any) -> Any:
        """One request as a clerk's tool would make it."""
        answer = self.client.request(method, f"{self.url}{path}", data=data or None).raise_for_status()
        return answer.json() if answer.content else None

    def empty(self) -> None:
        self.client.delete(f"{self.url}/_config/data").raise_for_status()

    def create(self, **data: Any) -> str:
        return str(self.ask("POST", "/v1/customers", **data)["id"])

    def customer(self, id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/v1/customers/{id}"))

    def writes(self) -> int:
        """How often any customer was made, changed or deleted: events of the last month."""
        return sum(
            len(self.ask("GET", f"/v1/events?type=customer.{what}&limit=100")["data"])
            for what in ("created", "updated", "deleted")
        )

    def webhook(self, url: str, secret: str) -> None:
        self.client.post(f"{self.url}/_config/webhooks/hub", json={"url": url, "secret": secret}).raise_for_status()


@contextmanager
def localstripe(folder: Path) -> Iterator[LocalStripe]:
    python = installed("localstripe", "localstripe==1.15.10") / "python"
    port = free_port()
    made = LocalStripe(f"http://127.0.0.1:{port}")
    try:
        with running(
            [str(python), "-c", SERVER, str(port)], lambda: made.ask("GET", "/v1/customers"), folder / "stripe.log"
        ):
            yield made
    finally:
        made.client.close()
