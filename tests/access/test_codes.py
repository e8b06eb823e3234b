"""Customers sign in by a code: nobody learns whether somebody exists, and nobody sees another's data."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.own import hang_together
from hub.access.authentication.senders import Message, send_message
from hub.app import create_app
from hub.db import Database, statements
from hub.errors import ConfigError, RetryLater
from hub.open import Hub
from hub.settings.sign_in import Sender
from tests.access.population import ANA, BO, PEOPLE, ROLES, TestClock, fill, key_for, open_hub, write_config

MINUTE, DAY = 60_000_000, 86_400_000_000
RECENT = "2027-01-10T00:00:00Z"  # five days before the clock begins


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config", roles=ROLES + PEOPLE), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


@pytest.fixture
def ids(hub: Hub) -> dict[str, str]:
    return fill(hub)


def sent(hub: Hub) -> list[dict[str, str]]:
    hub.codes.wait()
    file = hub.folder / "sent.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub))


def ask(hub: Hub, to: str, kind: str = "email") -> str:
    answer = client(hub).post("/v1/me/code", json={"kind": kind, "to": to})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["ticket"])


def code_of(hub: Hub) -> str:
    return sent(hub)[-1]["text"][:6]


def signed_in(hub: Hub, to: str) -> TestClient:
    """A customer's browser."""
    here, ticket = client(hub), ask(hub, to)
    answer = here.post("/v1/me/session", json={"ticket": ticket, "code": code_of(hub)})
    assert answer.status_code == 200, answer.text
    return here


def refused(hub: Hub, ticket: str, code: str) -> bool:
    answer = client(hub).post("/v1/me/session", json={"ticket": ticket, "code": code})
    assert answer.status_code in (200, 401)
    return answer.status_code == 401


def test_somebody_signs_in_by_either_contact_point_and_is_who_they_are(hub: Hub, ids: dict[str, str]) -> None:
    here = signed_in(hub, "  ANA@silva.pt ")
    assert here.get("/v1/me/customer").json() == {"customer": ids["ana"], "type": "person", "certain": True}
    ticket = ask(hub, "21 790 4000", "phone")
    assert sent(hub)[-1]["to"] == "+351217904000" and not refused(hub, ticket, code_of(hub))


def test_whoever_asks_is_answered_alike(hub: Hub, ids: dict[str, str]) -> None:
    """The same status, headers and shape; nothing is looked for before the answer."""
    asked = [client(hub).post("/v1/me/code", json={"kind": "email", "to": t}) for t in ("ana@silva.pt", "no@body.pt")]
    assert len({(a.status_code, len(a.text), *sorted(a.headers.keys())) for a in asked}) == 1
    assert [m["to"] for m in sent(hub)] == ["ana@silva.pt"]
    wrong = [client(hub).post("/v1/me/session", json={"ticket": a.json()["ticket"], "code": "000000"}) for a in asked]
    assert len({(w.status_code, w.json()["detail"]) for w in wrong}) == 1
    never = client(hub).post("/v1/me/session", json={"ticket": "x" * 43, "code": "000000"})
    assert (never.status_code, never.json()["detail"]) == (401, wrong[0].json()["detail"])
    assert client(hub).post("/v1/me/code", json={"kind": "email", "to": "not an address"}).status_code == 422


def test_a_code_is_good_once_for_some_minutes_for_some_tries_and_for_its_ticket(hub: Hub, ids: dict[str, str]) -> None:
    ticket = ask(hub, "ana@silva.pt")
    code = code_of(hub)
    assert not refused(hub, ticket, code) and refused(hub, ticket, code)
    first, other = ask(hub, "ana@silva.pt"), ask(hub, "bo@mueller.de")
    mine = next(m["text"][:6] for m in reversed(sent(hub)) if m["to"] == "ana@silva.pt")
    assert refused(hub, other, mine) or mine == sent(hub)[-1]["text"][:6]
    wrong = "111111" if mine != "111111" else "222222"
    assert all(refused(hub, first, wrong) for _ in range(3)) and refused(hub, first, mine)
    late = ask(hub, "ana@silva.pt")
    code = code_of(hub)
    hub.database.clock.at += 10 * MINUTE  # type: ignore[attr-defined]
    assert refused(hub, late, code)


def test_only_so_many_codes_leave_in_an_hour(hub: Hub, ids: dict[str, str]) -> None:
    for _ in range(8):
        ask(hub, "ana@silva.pt")
    assert len(sent(hub)) == 5
    hub.database.clock.at += 61 * MINUTE  # type: ignore[attr-defined]
    ask(hub, "ana@silva.pt")
    assert len(sent(hub)) == 6


def test_an_address_of_a_family_one_that_changed_of_late_and_one_that_nobody_checked_prove_nobody(
    hub: Hub, ids: dict[str, str]
) -> None:
    both = {"mail": "family@silva.pt", "updated": "2026-05-01T00:00:00Z"}
    hub.resolver.upsert("billing", "customers", [{**ANA, **both}, {**BO, **both}])
    ask(hub, "family@silva.pt")
    hub.resolver.upsert("billing", "customers", [{**BO, "mail": "new@mueller.de", "updated": RECENT}])
    ask(hub, "new@mueller.de")
    hub.resolver.upsert(
        "web", "signups", [{"id": "w9", "first": "Eva", "last": "Weber", "mail": "eva@weber.de", "updated": "1"}]
    )
    ask(hub, "eva@weber.de")
    hub.resolver.upsert(
        "web", "signups", [{"id": "w8", "first": "Max", "last": "Muster", "mail": "ana.silva@example.com"}]
    )
    ask(hub, "ana.silva@example.com")  # only claimed by the other, and yet
    assert sent(hub) == []
    hub.database.clock.at += 26 * DAY  # type: ignore[attr-defined]
    ask(hub, "new@mueller.de")
    assert [m["to"] for m in sent(hub)] == ["new@mueller.de"]


def test_a_claim_is_outweighed_by_a_later_proof_and_by_nothing_else(hub: Hub, ids: dict[str, str]) -> None:
    """A number may have gone to another since it was checked; who proves it again is who holds it."""
    claim = {"id": "w8", "first": "Max", "last": "Muster", "mail": "ana@silva.pt", "updated": "2025-06-01T00:00:00Z"}
    hub.resolver.upsert("web", "signups", [claim])
    here = signed_in(hub, "ana@silva.pt")  # billing checked it after that
    assert here.get("/v1/me/customer").json()["customer"] == ids["ana"]
    hub.resolver.upsert("web", "signups", [{**claim, "id": "w9", "updated": "2026-06-01T00:00:00Z"}])
    ask(hub, "ana@silva.pt")
    assert len(sent(hub)) == 1
    told = {"kind": "email", "to": "ana@silva.pt", "attribute": "email"}
    ticket = here.post("/v1/me/contacts/code", json={k: told[k] for k in ("kind", "to")}).json()["ticket"]
    shown = {"ticket": ticket, "code": code_of(hub), "attribute": "email", "to": "ana@silva.pt"}
    assert here.post("/v1/me/contacts", json=shown).status_code in (200, 204)
    assert signed_in(hub, "ana@silva.pt").get("/v1/me/customer").json()["customer"] == ids["ana"]


def test_who_is_known_and_who_is_not_cost_the_same(
    hub: Hub, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the answer the same statements and hashes; beside it the same is written; a wrong code costs the same, too."""
    done: list[str] = []
    driver, hashing = statements.driver, hub.codes._hash
    monkeypatch.setattr(statements, "driver", lambda connection: _Watched(driver(connection), done))
    monkeypatch.setattr(hub.codes, "_hash", lambda text: done.append("hash") or hashing(text))

    def work(to: str) -> tuple[list[str], ...]:
        beside, hub.codes._beside = hub.codes._beside, _Later()  # type: ignore[assignment]
        done.clear()
        ticket = ask(hub, to)
        asked = done[:]
        later, hub.codes._beside = hub.codes._beside, beside
        done.clear()
        later.now()  # type: ignore[attr-defined]
        found = [d for d in done if not d.lstrip().upper().startswith(("SELECT", "WITH"))]
        done.clear()
        assert refused(hub, ticket, "x")
        return asked, found, done[:]

    hub.requests.restrict(ids["bo"], by="o")
    known, *unknown = (work(to) for to in ("ana@silva.pt", "no@body.pt", "bo@mueller.de", "ana@body.pt"))
    assert unknown == [known, known, known]
    assert all("hash" in part and "sent_code" in " ".join(part) for part in known)
    assert [m["to"] for m in sent(hub)] == ["ana@silva.pt"]


class _Watched:
    """A connection, or a cursor, of which each statement is told."""

    def __init__(self, of: Any, done: list[str]) -> None:
        self.of, self.done = of, done

    def execute(self, statement: str, *given: object) -> Any:
        self.done.append(statement)
        return self.of.execute(statement, *given)

    def executemany(self, statement: str, rows: object) -> Any:
        self.done.append(statement)
        return self.of.executemany(statement, rows)

    def cursor(self) -> _Watched:
        return _Watched(self.of.cursor(), self.done)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)


class _Later:
    """Keeps what is to be done, until it is said."""

    def __init__(self) -> None:
        self.kept: list[tuple[object, ...]] = []

    def submit(self, *given: object) -> None:
        self.kept.append(given)

    def now(self) -> None:
        for call, *given in self.kept:
            call(*given)  # type: ignore[operator]


def test_who_is_restricted_or_erased_is_nobody_and_is_signed_out(hub: Hub, ids: dict[str, str]) -> None:
    here, ticket = signed_in(hub, "ana@silva.pt"), ask(hub, "ana@silva.pt")
    code = code_of(hub)
    hub.requests.restrict(ids["ana"], by="o")
    assert here.get("/v1/me/customer").status_code == 404 and refused(hub, ticket, code)
    ask(hub, "ana@silva.pt")
    assert len(sent(hub)) == 2
    hub.database.clock.at += MINUTE  # type: ignore[attr-defined]
    hub.requests.restrict(ids["ana"], by="o", lift=True)
    assert here.get("/v1/me/customer").status_code == 200
    hub.requests.erase(ids["ana"], by="o")
    assert "ana@silva.pt" not in {m["to"] for m in sent(hub)}
    assert here.get("/v1/me/customer").status_code == 401


def test_customers_may_nothing_but_what_is_of_themselves_and_nobody_else_may_that(
    hub: Hub, ids: dict[str, str]
) -> None:
    here = signed_in(hub, "ana@silva.pt")
    for path in (
        "/v1/customers?q=bo",
        f"/v1/customers/{ids['ana']}",
        f"/v1/crosswalk?customer={ids['bo']}",
        "/customers",
    ):
        assert here.get(path).status_code in (403, 404), path
    assert client(hub).get("/v1/me/customer", headers=key_for(hub, "self")).status_code == 403
    assert client(hub).get("/v1/me/customer", headers=key_for(hub, "steward")).status_code == 403


def test_a_role_of_customers_may_nothing_more(tmp_path: Path) -> None:
    more = PEOPLE.replace("people: {", "people: {role: steward, ")
    with pytest.raises(ConfigError, match="sign_in.people.role"):
        write_config(tmp_path / "config", roles=ROLES + more)


class _Mailbox(socketserver.StreamRequestHandler):
    """A mail server that keeps what it is given, or refuses it."""

    taken: list[str] = []  # noqa: RUF012 - of one server
    refuses = False

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        reading = False
        for line in self.rfile:
            text = line.decode().rstrip("\r\n")
            if reading:
                if text == ".":
                    reading = False
                    self.wfile.write(b"250 taken\r\n")
                else:
                    self.taken.append(text)
            elif text.upper().startswith("DATA"):
                reading = True
                self.wfile.write(b"354 go on\r\n")
            elif text.upper().startswith("QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                bad = self.refuses and text.upper().startswith("RCPT")
                self.wfile.write(b"550 no\r\n" if bad else b"250 fine\r\n")


def test_a_code_leaves_by_a_mail_server(tmp_path: Path) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given = Sender(smtp=f"127.0.0.1:{server.server_address[1]}", tls="none", sender="hub@example.com")
        send_message(given, "ana@silva.pt", Message("Ihr Code", "123456 für Sie"), tmp_path)
        assert "To: ana@silva.pt" in _Mailbox.taken and any("123456" in line for line in _Mailbox.taken)
        _Mailbox.refuses = True
        with pytest.raises(RetryLater, match="did not take"):
            send_message(given, "ana@silva.pt", Message("x", "y"), tmp_path)
        server.shutdown()


def test_what_hangs_together() -> None:
    assert hang_together({1}, []) and hang_together({1, 2, 3}, [(1, 2), (2, 3)])
    assert not hang_together({1, 2, 3}, [(1, 2), (3, 4)])
