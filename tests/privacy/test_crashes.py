"""Killed at any step, nothing of what a person asks is half done: it is as before, or it is done; and done again it comes out the same."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub import db
from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.errors import Conflict
from hub.open import Hub
from hub.quality.verify import Verify
from hub.resolve.own_side import OwnWord
from hub.settings import load
from tests.access.population import ANA_IN_CRM, PEOPLE, ROLES, TestClock, fill, open_hub, write_config
from tests.privacy.test_asks import COMPANY

OFFICER, STEWARD = Principal("o", "o", "staff", "privacy_officer"), Principal("s", "s", "staff", "steward")
ENERGY = Principal("key_energy", "energy", "system", "energy")
CRM = """
connector: {kind: sql, url_env: CRM}
streams:
  people:
    table: people
    key: id
    version: updated
    customer: person
    map: {given_name: first, family_name: last, birth_date: born, email: mail, phone: phone, national_id: nid, occupation: job}
    verified: all
    write_back: {attributes: [email], deletes: delete}
  companies: {table: companies, key: id, version: updated, customer: organisation, map: {company_name: name, domain: site, phone: phone}}
"""


def does(hub: Hub, story: str, id: str) -> None:
    """What is killed, and done again."""
    match story:
        case "restrict":
            hub.requests.restrict(id, by="o")
        case "lift":
            hub.requests.restrict(id, by="o", lift=True)
        case "object":
            hub.requests.object_to(id, "marketing", by="o")
        case "rectify":
            (asked,) = hub.requests.all(open_only=True)
            hub.own_side.state(
                id, OwnWord({"occupation": "poet"}, "letter"), by="o",
                mark=lambda connection: hub.requests.close_in(connection, asked.request.id),
            )  # fmt: skip
        case "grant" | "withdraw":
            me = herself(hub, id)
            (ask,) = hub.asks.of(me, id)
            if story == "grant":
                hub.asks.grant(me, id, ask.id, ask.attributes)
            else:
                hub.asks.withdraw(me, id, ask.id)
        case "erase":
            hub.requests.erase(id, by="o")


def stands(hub: Hub, id: str) -> tuple[list[tuple[str, str]], tuple[object, ...]]:
    """All that any of the stories may change."""
    asked = sorted((r.request.kind, r.request.state) for r in hub.requests.of(id))
    said = {(a.purpose, a.state) for a in hub.agreements.of_customer(OFFICER, id).holds}
    with hub.database.read() as connection:
        asks = [tuple(row) for row in db.ask(connection, "SELECT state, granted FROM company_ask")]
        exists = bool(hub.reader.known_customers(connection, hub.reader.view(ENERGY), [id]))
    values = hub.reader.get_customer(OFFICER, id).values.get("occupation")
    return asked, (asks, said, exists, values, hub.requests.restricted(id))


def herself(hub: Hub, id: str) -> Principal:
    return Principal("p", "p", "person", "self", subject=id)


def begin(hub: Hub, story: str) -> str:
    id = fill(hub)["ana"]
    if story in ("grant", "withdraw"):
        hub.asks.ask(ENERGY, "email", "ana@silva.pt", purpose="tariffs", attributes=["given_name", "address"], ongoing=True)  # fmt: skip
    if story == "withdraw":
        does(hub, "grant", id)
    if story == "rectify":
        hub.requests.open(id, "rectification", by="o")
    if story == "lift":
        does(hub, "restrict", id)
        hub.database.clock.at += 2_000_000  # type: ignore[attr-defined]
    return id


def opened(database: Database, folder: Path) -> Hub:
    return open_hub(database, load(folder / "config", os.environ), folder / "data")


@pytest.fixture
def hub(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    crm = tmp_path / "crm.sqlite"
    monkeypatch.setenv("CRM", f"sqlite:///{crm}")
    with closing(sqlite3.connect(crm)) as c, c:
        c.execute(f"CREATE TABLE people ({', '.join(ANA_IN_CRM)})")
        c.execute(f"INSERT INTO people VALUES ({', '.join('?' * len(ANA_IN_CRM))})", list(ANA_IN_CRM.values()))
    folder = write_config(tmp_path / "config", roles=ROLES).folder
    (folder / "sources" / "crm.yaml").write_text(CRM)
    with (folder / "purposes.yaml").open("a") as file:
        file.write("\n  tariffs: {title: Find a tariff, basis: consent}\n")
    with (folder / "access.yaml").open("a") as file:
        file.write(COMPANY + PEOPLE)
    made = opened(database, tmp_path)
    yield made
    made.close()
    database.clock = before


DYING = """
import os, sys
from pathlib import Path
from hub.db import Database
from tests.access.population import TestClock
from tests.privacy.test_crashes import does, opened
url, folder, story, id, point, at = sys.argv[1:]
hub = opened(Database(url, TestClock(int(at))), Path(folder))
os.environ["HUB_FAIL"] = point
does(hub, story, id)
"""


def killed(hub: Hub, folder: Path, story: str, id: str, point: str) -> None:
    url = hub.database.url.render_as_string(hide_password=False).replace("+psycopg", "")
    at = str(hub.database.clock.now())
    died = subprocess.run(
        [sys.executable, "-c", DYING, url, str(folder), story, id, point, at], timeout=120, check=False
    )
    assert died.returncode == -9


@pytest.mark.parametrize("story", ["restrict", "lift", "object", "rectify", "grant", "withdraw"])
def test_it_is_as_before_or_it_is_done(hub: Hub, tmp_path: Path, story: str) -> None:
    id = begin(hub, story)
    before = stands(hub, id)
    killed(hub, tmp_path, story, id, "pre-commit")
    assert stands(hub, id) == before
    killed(hub, tmp_path, story, id, "post-commit")
    done = stands(hub, id)
    assert done != before and [state for _, state in done[0] if state == "open"] == []
    assert Verify(hub.resolver).run().total == 0


@pytest.mark.parametrize("point", ["removed", "privacy:2", "forgotten", "erased there"])
def test_an_erasure_goes_on_where_another_system_was_asked_already(hub: Hub, tmp_path: Path, point: str) -> None:
    id = begin(hub, "erase")
    killed(hub, tmp_path, "erase", id, point)
    assert hub.requests.go_on_with_all() == 1
    (seen,) = hub.requests.all()
    assert {r.recipient: r.state for r in seen.receipts} == {"source:billing": "open", "source:crm": "done"}
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as c:
        assert c.execute("SELECT count(*) FROM people").fetchone() == (0,)
    closed = hub.requests.answered(seen.request.id, "source:billing", note="deleted there")
    assert closed.request.state == "closed" and Verify(hub.resolver).run().total == 0


def test_who_asks_for_a_restriction_is_not_answered_by_its_end(hub: Hub) -> None:
    id = fill(hub)["ana"]
    hub.requests.restrict(id, by="o")
    asked = hub.requests.open(id, "restriction", by="customer")
    with pytest.raises(Conflict):
        hub.requests.restrict(id, by="o", lift=True)
    assert hub.requests.restricted(id) and hub.requests.get(asked.id).request.closed is None
