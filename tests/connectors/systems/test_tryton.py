"""What of the Tryton connector needs a server that misbehaves; with a real one it is tried in tests/real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from hub.connectors import http
from hub.connectors.base import Connector, FieldWrite
from hub.connectors.registry import connect
from hub.settings import Source
from tests.connectors.service import Crm, Reply, Server

PHONE = "+351912345678"


class Trytond:
    """One party, and what a proxy in front of the server makes of the answers to requests that write."""

    def __init__(self) -> None:
        self.party: dict[str, Any] = {"id": 7, "name": "Ana", "active": True, "addresses": [], "contact_mechanisms": []}
        self.refuses = 0  # every request
        self.lost = 0  # of so many writes the proxy answers 502, though they were done
        self.crm = Crm(misbehave=[self.answer])
        self.server = Server(self.crm)

    def answer(self, method: str, _path: str) -> Reply | None:
        if self.refuses:
            return self.refuses, {}, b"{}"
        if method == "GET":
            return 200, {}, json.dumps([self.party]).encode()
        for name, *what in self.crm.sent[-1].get("contact_mechanisms", []):
            if name == "create":
                self.party["contact_mechanisms"] += what[0]
        self.lost -= 1
        return (502, {}, b"{}") if self.lost >= 0 else (200, {}, b'{"id": 7}')

    def connector(self) -> Connector:
        stream = {"customer": "person", "key": "id", "map": {"phone": "phone[]"}}
        connector = {"kind": "tryton", "base_url": self.server.url, "database": "d", "auth": {"bearer_env": "KEY"}}
        more = {"write_back": {"attributes": ["phone"], "mode": "upsert", "creates": ["phone"]}}
        source = {"name": "erp", "connector": connector, "streams": {"parties": {**stream, **more}}}
        return connect(Source.model_validate(source), env={"KEY": "k"}, base_folder=Path())


@pytest.fixture
def trytond() -> Iterator[Trytond]:
    made = Trytond()
    with stamina.set_testing(True, attempts=http.TRIES):
        yield made
    made.server.stop()


def test_a_write_of_which_the_answer_was_lost_is_not_done_twice(trytond: Trytond) -> None:
    trytond.lost = 1
    write = FieldWrite("7", {"phone": [PHONE]}, {"phone": []})
    outcomes = [(r.outcome, r.untouched) for _ in range(2) for r in trytond.connector().write("parties", [write])]
    assert outcomes == [("retry", False), ("unchanged", False)]
    assert trytond.party["contact_mechanisms"] == [{"type": "phone", "value": PHONE}]


@pytest.mark.parametrize("status", [401, 403])
def test_writes_outlast_a_key_that_is_refused(trytond: Trytond, status: int) -> None:
    trytond.refuses = status
    writes = [
        FieldWrite("7", {"phone": [PHONE]}, {"phone": []}),
        FieldWrite("7", {}, {"phone": []}, delete=True),
        FieldWrite(None, {"phone": [PHONE]}, token="t"),
    ]
    results = trytond.connector().write("parties", writes)
    assert [(r.outcome, r.untouched) for r in results] == [("retry", True)] * 3
    assert all("KEY" in r.detail for r in results)
