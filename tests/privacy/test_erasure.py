"""An erasure leaves no byte, no way back and no difference; it survives a crash at each of its steps."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hub import db
from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.connectors.base import Page, SourceRow
from hub.consents.statement import ConsentSaid
from hub.db import Database
from hub.errors import Conflict, Gone
from hub.landing import suppression
from hub.landing.suppression import of_record
from hub.model import RecordId, Verdict, canonical
from hub.open import Hub
from hub.privacy.ledger import Ledger, LedgerLine
from hub.privacy.scan import scan
from hub.quality.verify import Verify
from hub.stewardship.acts import DecideAll
from hub.stewardship.agreeing import Agreeing
from hub.stewardship.run import Acts
from hub.work.pull import Pull
from tests.access.population import ANA, ANA_IN_CRM, BO, SOURCES, TestClock, fill, key_for, open_hub, write_config
from tests.conftest import empty
from tests.steward import Steward

ORDERS = """
  orders:
    interaction: order
    key: id
    of: {key: owner, stream: customers}
    map: {ordered_at: at, state: state, total: total}
"""
MAILS = """
connector: {kind: file, path: desk}
streams:
  mails:
    interaction: mail
    key: id
    of: {contact: {email: from}}
    map: {sent_at: at, text: text, channel: channel}
"""
ROLES = """
  of_berlin: {may: [read], views: {person: {"*": show}}, rows: {person: {where: {address.city: [Berlin]}}}}
"""
STEWARD, OFFICER = Principal("s", "s", "staff", "steward"), Principal("o", "o", "staff", "privacy_officer")
# thirty values of one person, in all sorts of places
PLANTED = {
    "id": "kund-Zq7731", "first": "Zwenibaldine", "last": "Xylanderova", "born": "1931-07-22", "mail": "zwx@planted-mail.example",
    "phone": "+49 30 55512987", "nid": "NID-88x77q", "tax": "TAX-99z66w", "job": "glockengiesserin", "consent": "yes",
    "street": "Quittengasse 977", "zip": "98213", "town": "Pfefferstadt", "extra_note": "mag keine Anrufe am Zwölften",
}  # fmt: skip
MORE = {
    "proposal": "Walburgis words of two people",
    "second_mail": "zwx2@planted-mail.example", "street2": "Dinkelweg 4411", "town2": "Nebelheim", "phone2": "+49 30 55598765",
    "override": "orgelbauerin-planted", "reason": "grund-planted-17", "order_id": "order-planted-5501", "order_state": "zustand-planted",
    "order_note": "wunsch-planted-42", "evidence": "formular-planted-9", "where": "laden-planted-3", "quarantined": "quarant-planted-88",
    "crm_id": "crm-planted-313", "crm_nid": "NID-88x77q", "lang": "sprache-planted", "web_id": "web-planted-77",
}  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    sources = {**SOURCES, "billing": SOURCES["billing"] + ORDERS}
    made = open_hub(database, write_config(tmp_path / "config", sources, ROLES), tmp_path / "data")
    made.resolver.reread()
    yield made
    made.close()
    database.clock = before


def finish(hub: Hub, id: str) -> None:
    """Every source answers."""
    for receipt in hub.requests.get(id).receipts:
        if receipt.state == "open":
            hub.requests.answered(id, receipt.recipient, note="deleted there")


def plant(hub: Hub) -> str:
    first = {**PLANTED, "updated": "2026-01-01T00:00:00Z"}
    hub.resolver.upsert("billing", "customers", [first])
    moved = {
        **first,
        "street": MORE["street2"],
        "town": MORE["town2"],
        "phone": MORE["phone2"],
        "updated": "2026-02-01T00:00:00Z",
    }
    id = hub.resolver.upsert("billing", "customers", [moved])[0].customer
    same = {k: PLANTED[k] for k in ("first", "last", "born", "phone")} | {
        "id": MORE["crm_id"],
        "nid": MORE["crm_nid"],
        "mail": MORE["second_mail"],
    }
    assert hub.resolver.upsert("crm", "people", [{**same, "updated": "2026-01-01T00:00:00Z"}])[0].customer == id
    assert id is not None
    hub.resolver.upsert(
        "billing", "customers", [{"first": PLANTED["first"], "mail": PLANTED["mail"], "x": MORE["quarantined"]}]
    )
    order = {
        "id": MORE["order_id"],
        "owner": PLANTED["id"],
        "at": "2026-03-01T00:00:00Z",
        "state": "placed",
        "total": "7 EUR",
        "n": MORE["order_note"],
    }
    hub.resolver.upsert("billing", "orders", [order])
    Steward(hub.resolver).override(id, "occupation", (MORE["override"],), by="s", reason=MORE["reason"])
    said = ConsentSaid("marketing", "", "granted", TestClock().at, MORE["evidence"], "form", MORE["where"])
    hub.logbook.say(id, said, by="s")
    hub.logbook.add(id, "call", {"note": MORE["order_state"]}, by="s")
    both = RecordId("billing", "customers", PLANTED["id"]), RecordId("crm", "people", MORE["crm_id"])
    Agreeing(Acts(hub.resolver)).propose(DecideAll((both,), Verdict.MATCH), by="s", reason=MORE["proposal"])
    return id


def test_no_byte_of_thirty_planted_values_is_left_and_all_that_was_told_is_that_they_are_gone(
    hub: Hub, tmp_path: Path
) -> None:
    ids = fill(hub)
    id = plant(hub)
    values = [*PLANTED.values(), *MORE.values()]
    values = [v for v in values if v not in ("yes", "98213")]
    assert scan(hub.database, tmp_path / "data", values)[1]
    client, headers = TestClient(create_app(hub)), key_for(hub, "steward")
    before = hub.reader.get_customer(STEWARD, ids["ana"])
    done = hub.requests.erase(id, by="o", reason="asked by letter")
    assert done.request.state == "compacted"
    assert {r.recipient for r in done.receipts} == {"source:billing", "source:crm"}
    finish(hub, done.request.id)
    closed = hub.requests.get(done.request.id).request
    assert (closed.state, closed.subject) == ("closed", "")
    read, found = scan(hub.database, tmp_path / "data", values)
    assert (found, read > 1) == ([], True)
    assert Verify(hub.resolver).run().total == 0
    answer = client.get(f"/v1/customers/{id}", headers=headers)
    assert answer.status_code == 410 and "erased" in answer.text
    assert [c.type for c in hub.reader.changes(STEWARD).data if c.customer == id][-1] == "erased"
    assert hub.reader.get_customer(STEWARD, ids["ana"]) == before


def test_what_was_set_aside_of_somebody_else_stays(hub: Hub) -> None:
    id = hub.resolver.upsert("billing", "customers", [{"id": "1234", "first": "Ann", "last": "Bell", "updated": "1"}])
    theirs = [{"first": "Bo", "x": "order 912345 of 1/1999"}, {"first": "Bo", "x": "as 1234 says"}]
    hub.resolver.upsert("billing", "customers", theirs)
    assert id[0].customer is not None
    hub.requests.erase(id[0].customer, by="o", reviewed=True)
    with hub.database.read() as connection:
        assert ["912345" in str(row) for (row,) in db.ask(connection, "SELECT raw FROM quarantine")] == [True]


def test_who_was_erased_does_not_come_back_by_any_key_or_source_until_released(hub: Hub) -> None:
    fill(hub)
    id = plant(hub)
    done = hub.requests.erase(id, by="o")
    again: list[tuple[str, str, dict[str, Any]]] = [
        ("billing", "customers", {**PLANTED, "updated": "2027-01-01T00:00:00Z"}),
        ("billing", "customers", {**PLANTED, "id": "another key", "updated": "2027-01-01T00:00:00Z"}),
        (
            "web",
            "signups",
            {
                "id": "w",
                "first": "Zwenibaldine",
                "last": "Other",
                "mail": PLANTED["mail"],
                "updated": "2027-01-01T00:00:00Z",
            },
        ),
        ("billing", "orders", {"id": "o9", "owner": PLANTED["id"], "at": "2027-03-01T00:00:00Z"}),
    ]
    for source, stream, row in again:
        assert hub.resolver.upsert(source, stream, [row])[0].happened == "suppressed"
    housemate = {
        "id": "w2",
        "first": "Ottokar",
        "last": "Xylanderova",
        "mail": PLANTED["mail"],
        "updated": "2027-01-01T00:00:00Z",
    }
    assert hub.resolver.upsert("web", "signups", [housemate])[0].happened in ("created", "held")
    assert Verify(hub.resolver).run().total == 0
    assert hub.requests.release(done.request.id) > 0
    assert hub.resolver.upsert(*again[0][:2], [again[0][2]])[0].happened == "created"


def test_a_doubtful_customer_is_erased_only_after_somebody_looked(hub: Hub) -> None:
    fill(hub)
    bare = {"mail": "", "phone": "", "nid": "", "tax": "", "born": "", "job": ""}
    held = hub.resolver.upsert("billing", "customers", [{**BO, **bare, "id": "9", "first": "B."}])[0]
    assert held.happened == "held" and held.customer
    with pytest.raises(Conflict, match="wait for review"):
        hub.requests.erase(held.customer, by="o")
    assert hub.requests.erase(held.customer, by="o", reviewed=True).request.state == "compacted"
    with pytest.raises(Gone):
        hub.requests.erase(held.customer, by="o", reviewed=True)


def test_who_had_them_by_a_condition_on_values_hears_of_it_and_nobody_else(hub: Hub) -> None:
    ids = fill(hub)
    hub.requests.erase(ids["bo"], by="o")
    berlin, lisbon = Principal("b", "b", "staff", "of_berlin"), Principal("l", "l", "staff", "shipping")
    assert [c.type for c in hub.reader.changes(berlin).data if c.customer == ids["bo"]][-1:] == ["erased"]
    assert [c.type for c in hub.reader.changes(lisbon).data if c.customer == ids["bo"]][-1:] == ["erased"]


def test_a_database_of_a_time_before_erases_again_before_it_serves(tmp_path: Path) -> None:
    sources = {**SOURCES, "billing": SOURCES["billing"] + ORDERS, "desk": MAILS}
    config = write_config(tmp_path / "config", sources, ROLES)
    database = Database(f"sqlite:///{tmp_path / 'hub.sqlite'}", TestClock())
    from sqlmodel import SQLModel

    SQLModel.metadata.create_all(database.engine)
    hub = open_hub(database, config, tmp_path / "data")
    hub.resolver.reread()
    fill(hub)
    id = plant(hub)
    mail = {
        "id": "m1",
        "from": PLANTED["mail"],
        "at": "2026-03-02T00:00:00Z",
        "text": "worte-planted",
        "channel": "mail",
    }
    assert hub.resolver.upsert("desk", "mails", [mail])[0].happened == "landed"
    database.compact()
    shutil.copy(tmp_path / "hub.sqlite", tmp_path / "backup.sqlite")
    hub.requests.erase(id, by="o")
    hub.close()
    database.close()
    restored = Database(f"sqlite:///{tmp_path / 'backup.sqlite'}", TestClock())
    hub = open_hub(restored, config, tmp_path / "data")
    assert hub.erase_again() == 1 and hub.erase_again() == 0
    with pytest.raises(Gone):
        hub.reader.get_customer(STEWARD, id)
    assert Verify(hub.resolver).run().total == 0
    assert (
        scan(
            restored,
            tmp_path / "data",
            [PLANTED["mail"], PLANTED["last"], MORE["street2"], MORE["order_id"], "worte-planted"],
        )[1]
        == []
    )
    hub.close()
    restored.close()


DYING = """
import sys
from pathlib import Path
from hub.connectors import registry
from hub.db import Database
from hub.settings import load
from tests.access.population import TestClock, open_hub
url, folder, id = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
open_hub(Database(url, TestClock()), load(folder / "config", {}), folder / "data").requests.erase(id, by="o")
"""


@pytest.mark.parametrize("point", ["ledger", "removed", "privacy:1", "privacy:2", "forgotten", "privacy:3"])
def test_killed_at_any_step_it_goes_on_to_the_same_end(tmp_path: Path, database: Database, point: str) -> None:
    config = write_config(tmp_path / "config", {**SOURCES, "billing": SOURCES["billing"] + ORDERS}, ROLES)
    database.clock = TestClock()
    hub = open_hub(database, config, tmp_path / "data")
    hub.resolver.reread()
    fill(hub)
    id, url = plant(hub), database.url.render_as_string(hide_password=False).replace("+psycopg", "")
    died = subprocess.run(
        [sys.executable, "-c", DYING, url, str(tmp_path), id],
        env={**os.environ, "HUB_FAIL": point},
        timeout=120,
        check=False,
    )
    assert died.returncode == -9
    assert hub.requests.go_on_with_all() == 1
    request = hub.requests.all()[0].request
    finish(hub, request.id)
    assert hub.requests.get(request.id).request.state == "closed"
    with pytest.raises(Gone):
        hub.reader.get_customer(STEWARD, id)
    assert scan(database, tmp_path / "data", [PLANTED["mail"], PLANTED["last"], MORE["street2"]])[1] == []
    assert Verify(hub.resolver).run().total == 0
    hub.close()


STEPS = st.lists(st.sampled_from(["ana", "crm", "bo", "erase", "consent", "match", "delete"]), min_size=2, max_size=6)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_lands_or_is_decided_around_an_erasure_what_is_stored_is_what_follows(
    tmp_path_factory: pytest.TempPathFactory, database: Database, steps: list[str]
) -> None:
    empty(database)
    database.clock = TestClock()
    folder = tmp_path_factory.mktemp("hub")
    hub = open_hub(database, write_config(folder / "config", SOURCES, ROLES), folder / "data")
    fill(hub)
    erased: set[str] = set()
    for n, step in enumerate([*steps, "erase"]):
        stamp = f"2027-01-{n + 1:02d}T00:00:00Z"
        ana = next((c.id for c in hub.reader.search(OFFICER, "ana", type_name="person").data), None)
        if step in ("ana", "bo"):
            hub.resolver.upsert(
                "billing", "customers", [{**(ANA if step == "ana" else BO), "job": f"j{n}", "updated": stamp}]
            )
        elif step == "crm":
            hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, "job": f"j{n}", "updated": stamp}])
        elif step == "delete" and not erased:
            hub.resolver.delete("crm", "people", "p1", version=stamp)
        elif ana is not None and step == "consent":
            hub.logbook.say(ana, ConsentSaid("marketing", "", "granted", hub.database.clock.now(), how="call"), by="s")
        elif ana is not None and step == "erase":
            hub.requests.erase(ana, by="o", reviewed=True)
            erased.add(ana)
        assert Verify(hub.resolver).run().total == 0
    for id in erased:
        with pytest.raises(Gone):
            hub.reader.get_customer(STEWARD, id)
    hub.close()


def test_what_was_said_by_hand_of_who_was_erased_is_never_read_as_said_of_another(hub: Hub) -> None:
    """History names what was set by its number."""
    ids, acts = fill(hub), Steward(hub.resolver)
    acts.override(ids["bo"], "occupation", ("confectioner",), by="s", reason="")
    then = hub.database.clock.now()
    hub.resolver.upsert(
        "billing", "customers", [{**BO, "id": "9", "first": "Cy", "last": "Cunha", "mail": "cy@x.example"}]
    )
    with hub.database.read() as connection:
        anchors = db.ask(connection, "SELECT id FROM override")
    done = hub.requests.erase(ids["bo"], by="o", reviewed=True)
    assert done.request.state in ("compacted", "removed")
    acts.override(ids["ana"], "occupation", ("counsellor",), by="s", reason="")
    with hub.database.read() as connection:
        assert not set(anchors) & set(db.ask(connection, "SELECT id FROM override"))
    assert "counsellor" not in str(hub.reader.get_customer(STEWARD, ids["ana"], known_at=then).values)


class Pages:
    """A source that gives one page."""

    def __init__(self, *rows: dict[str, Any]):
        self.rows = rows

    def read(self, stream: str, cursor: object) -> Iterator[Page]:
        yield Page(tuple(SourceRow(r, f"line {n}") for n, r in enumerate(self.rows, 1)), {}, complete=True)

    def close(self) -> None:
        pass


def test_who_was_erased_does_not_come_back_as_a_row_that_is_set_aside(hub: Hub, tmp_path: Path) -> None:
    """Two rows that contradict each other, an order that cannot be read, a row without a key."""
    id = fill(hub)["bo"]
    hub.requests.erase(id, by="o")
    again, keyless = {**BO, "phone": "+351 21 790 4222"}, {k: v for k, v in BO.items() if k != "id"}
    pulled = Pull(hub.resolver, "billing", "customers", complete=False).run(Pages(BO, again, keyless), live=True)
    assert (pulled.suppressed, pulled.quarantined, pulled.landed) == (3, 0, 0)
    order = {"id": "o1", "owner": BO["id"], "at": "2026-03-01T00:00:00Z", "state": "placed", "total": "seven"}
    pulled = Pull(hub.resolver, "billing", "orders", complete=False).run(Pages(order), live=True)
    assert (pulled.suppressed, pulled.quarantined) == (1, 0)
    hub.resolver.upsert("billing", "customers", [keyless])
    with hub.database.read() as connection:
        assert not db.ask(connection, "SELECT raw FROM quarantine")


def test_what_is_said_of_a_request_while_a_step_takes_long_is_kept_and_its_words_go_with_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = fill(hub)["bo"]
    asked = hub.requests.open(id, "access", by="o", reason="my neighbour Cy told me to")
    started = hub.requests.erase(id, by="o", reason="as Bo wrote", compact=False).request

    def slow() -> bool:
        hub.requests.acknowledge(started.id)
        hub.requests.extend(started.id, reason="many systems")
        for receipt in hub.requests.get(started.id).receipts:
            hub.requests.answered(started.id, receipt.recipient, note="by telephone")
        return True

    monkeypatch.setattr(hub.database, "compact", slow)
    hub.requests.go_on(started.id)
    seen = hub.requests.get(started.id)
    assert seen.request.acknowledged is not None and seen.request.extended is not None
    assert {r.note for r in seen.receipts} == {"by telephone"}
    assert (seen.request.state, seen.request.reason, seen.request.answer) == ("closed", "", "")
    assert hub.requests.get(asked.id).request.reason == ""


def test_a_line_of_the_ledger_that_was_cut_off_swallows_no_other(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(LedgerLine("req_0", 1, (("h0", "record"),)))
    with ledger.path.open("ab") as file:
        file.write(b'{"request":"req_1","at":2,"ha')
    ledger.add(LedgerLine("req_1", 2, (("h1", "record"),)))
    ledger.add(LedgerLine("req_2", 3, (("h2", "record"),)))
    assert ledger.standing().keys() == {"req_0", "req_1", "req_2"}


def test_who_may_come_back_is_not_erased_again_by_a_crash_in_between(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    id = fill(hub)["bo"]
    erased = hub.requests.erase(id, by="o").request.id
    well = suppression.release

    def crash(connection: db.Connection, request: str) -> int:
        well(connection, request)
        raise KeyboardInterrupt

    monkeypatch.setattr(suppression, "release", crash)
    with pytest.raises(KeyboardInterrupt):
        hub.requests.release(erased)
    assert erased not in hub.requests.ledger.standing()
    monkeypatch.undo()
    assert hub.requests.release(erased) > 0


@pytest.mark.parametrize("key", [b"k" * 32, b"x" * 100, b""])
def test_who_is_suppressed_is_known_by_the_same_hash_as_ever(key: bytes) -> None:
    """It stands in databases and ledgers: an HMAC of the texts as JSON."""
    for source, stream, name in (("crm", "people", "7"), ("\x00\u2028", 'a"b\\', "é😀\n")):
        wanted = hmac.new(key, canonical(["record", source, stream, name]), hashlib.sha256).hexdigest()
        assert of_record(key, RecordId(source, stream, name)) == wanted
