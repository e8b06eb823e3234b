"""A package holds all of one person, and nothing of another."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from jsonschema_rs import validator_for
from pypdf import PdfReader
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.db import Database
from hub.errors import Conflict
from hub.language.files import CopyFile, copy_file
from hub.model import from_micros, to_micros
from hub.open import Hub
from hub.privacy.clock import acknowledge_due, extended_due, first_due
from hub.privacy.package import PORTABLE, as_csv
from hub.settings import Answering
from tests.access.population import ANA, ANA_IN_CRM, BO, TestClock, fill, key_for, open_hub, write_config

OFFICER = Principal("o", "o", "staff", "privacy_officer")


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    made.resolver.reread()
    yield made
    made.close()
    database.clock = before


def test_it_holds_all_of_one_person_and_nothing_of_another(hub: Hub) -> None:
    ids = fill(hub)
    hub.logbook.add(ids["ana"], "call", {"note": "asks for a loaf"}, by="s")
    hub.logbook.add(ids["bo"], "call", {"note": "quite another matter"}, by="s")
    every, given = hub.packages.access(OFFICER, ids["ana"]), hub.packages.portable(OFFICER, ids["ana"])
    texts = [copy_file(form, "de", every, portable=False).body.decode() for form in ("page", "json")]
    texts += [copy_file(form, "en", given, portable=True).body.decode() for form in ("page", "json", "csv")]
    texts += [read(copy_file("pdf", "de", every, portable=False)), read(copy_file("pdf", "en", given, portable=True))]
    for text in texts:
        for row in (ANA, ANA_IN_CRM):
            assert {row[k] for k in ("last", "mail", "job") if row[k] not in text} == set()
        assert "asks for a loaf" in text and "another matter" not in text
        assert not any(BO[k] in text for k in ("last", "mail", "nid", "tax", "street"))
    flat = as_csv(given).splitlines()
    assert "records,billing,customers,1,,email,ana@silva.pt" in flat
    assert any(line.startswith("interactions,staff,call,") and line.endswith("note,asks for a loaf") for line in flat)
    validator_for(dict(PORTABLE)).validate(orjson.loads(texts[3]))
    assert "Was wir von Ihnen wissen" in texts[0] and "Geburtsdatum" in texts[0] and "17.05.1980" not in texts[0]
    with pytest.raises(Conflict, match="what was given"):
        copy_file("csv", "en", every, portable=False)
    assert {"marketing", "Write to customers who agreed to it"} & set(
        str(hub.packages.access(OFFICER, ids["ana"])).split("'")
    )


def read(made: CopyFile) -> str:
    """The words of a PDF; lines that were broken are whole again."""
    assert made.media == "application/pdf"
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made.body)).pages)


def test_by_http_it_runs_from_its_opening_to_its_end_for_officers_alone(hub: Hub) -> None:
    id = fill(hub)["ana"]
    client, officer, steward = TestClient(create_app(hub)), key_for(hub, "privacy_officer"), key_for(hub, "steward")
    asked = {"customer": id, "kind": "access", "reason": "letter"}
    assert client.post("/v1/requests", json=asked, headers=steward).status_code == 403
    made = client.post("/v1/requests", json=asked, headers=officer)
    assert made.status_code == 201 and made.json()["state"] == "open"
    assert client.post("/v1/requests", json=asked, headers=officer).status_code == 409
    path = f"/v1/requests/{made.json()['id']}"
    assert client.get(f"{path}/package", headers=officer).json()["customer"] == id
    file = client.get(f"{path}/package/pdf", headers=officer)
    assert file.headers["content-type"] == "application/pdf" and file.content.startswith(b"%PDF")
    assert client.get(f"{path}/package/csv", headers=officer).status_code == 409
    assert client.post(f"{path}/extend", json={"reason": "much"}, headers=officer).json()["due"] > made.json()["due"]
    assert client.post(f"{path}/extend", json={"reason": "more"}, headers=officer).status_code == 409
    assert client.post(f"{path}/close", headers=officer).json()["state"] == "closed"
    assert client.get(f"{path}/package", headers=officer).status_code == 409
    refused = client.post("/v1/requests", json={**asked, "kind": "erasure"}, headers=officer).json()
    assert refused["state"] == "removed" and client.get(f"/v1/customers/{id}", headers=steward).status_code == 410


def test_a_doubtful_customers_data_are_nobodys_to_give_away(hub: Hub) -> None:
    fill(hub)
    bare = {"mail": "", "phone": "", "nid": "", "tax": "", "born": "", "job": ""}
    held = hub.resolver.upsert("billing", "customers", [{**BO, **bare, "id": "9", "first": "B."}])[0]
    assert held.customer is not None
    request = hub.requests.open(held.customer, "access", by="o")
    with pytest.raises(Conflict, match="wait for review"):
        hub.requests.running(request.id)


@pytest.mark.parametrize(
    ("opened", "due", "extended"),
    [
        ("2027-01-31", "2027-02-28", "2027-04-30"),
        ("2026-11-29", "2026-12-29", "2027-02-28"),
        ("2028-01-30", "2028-02-29", "2028-04-30"),
    ],
)
def test_a_month_ends_where_months_are_shorter_too(opened: str, due: str, extended: str) -> None:
    at = to_micros(datetime.fromisoformat(opened).replace(tzinfo=UTC))
    assert [day_of(f(at, Answering())) for f in (first_due, extended_due)] == [due, extended]
    assert acknowledge_due(at, Answering()) is None


def day_of(at: int | None) -> str:
    assert at is not None
    return from_micros(at).date().isoformat()


def test_in_california_it_is_business_days_and_forty_five_days() -> None:
    at = to_micros(datetime(2026, 12, 17, 23, 30, tzinfo=UTC))  # a Thursday
    rules = Answering.model_validate({"clock": "ccpa", "holidays": ["2026-12-25", "2027-01-01"]})
    assert day_of(acknowledge_due(at, rules)) == "2027-01-04"  # ten of them: two weekends and two holidays between
    assert [day_of(f(at, rules)) for f in (first_due, extended_due)] == ["2027-01-31", "2027-03-17"]


def test_who_asks_is_told_in_their_language_how_it_stands(hub: Hub) -> None:
    ids = fill(hub)
    hub.resolver.upsert("web", "signups", [{"id": "a", "first": "Ana", "last": "Silva", "mail": "ana@silva.pt", "lang": "de", "updated": "1"}])  # fmt: skip
    client, officer = TestClient(create_app(hub)), key_for(hub, "privacy_officer")

    def told(id: str) -> dict[str, str]:
        return dict(client.get(f"/v1/requests/{id}/letter", headers=officer).json())

    made = client.post("/v1/requests", headers=officer, json={"customer": ids["ana"], "kind": "access", "reason": "a letter"}).json()  # fmt: skip
    assert made["language"] == "de" and "bis zum 15. Februar 2027" in told(made["id"])["text"]
    assert client.post(f"/v1/requests/{made['id']}/extend", headers=officer, json={"reason": " "}).status_code == 422
    client.post(f"/v1/requests/{made['id']}/extend", headers=officer, json={"reason": "Es sind viele Unterlagen"})
    longer = told(made["id"])["text"]
    assert "Es sind viele Unterlagen. Sie haben bis zum 15. April 2027" in longer and "Aufsichtsbehörde" in longer
    client.post(
        f"/v1/requests/{made['id']}/refuse", headers=officer, json={"reason": "Wir wissen nicht, wer Sie sind."}
    )
    refused = told(made["id"])
    assert refused["subject"] == "Eine Kopie von allem" and "nicht, wer Sie sind" in refused["text"]
    assert "a letter" not in refused["text"]
    gone = client.post("/v1/requests", headers=officer, json={"customer": ids["bo"], "kind": "erasure", "language": "en"}).json()  # fmt: skip
    assert "billing: has not answered yet" in told(gone["id"])["text"]
