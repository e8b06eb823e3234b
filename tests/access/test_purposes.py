"""Purposes and sights: a request narrows what it is shown, one that it may not ask for is refused; parts of values; whose pseudonyms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.access.audit.chain import read_lines
from hub.access.policy.view import look
from hub.app import create_app
from hub.errors import ConfigError, Forbidden
from hub.model import Sight
from hub.open import Hub
from hub.quality.estimation import draw_pairs
from hub.settings import load
from tests.access.population import fill, key_for, write_config
from tests.access.test_read import someone


def asked(hub: Hub, role: str, path: str, purpose: str = "") -> Any:
    headers = key_for(hub, role) | ({"x-purpose": purpose} if purpose else {})
    return TestClient(create_app(hub)).get(path, headers=headers)


def test_a_request_is_narrowed_to_its_purpose_and_the_audit_keeps_it(hub: Hub) -> None:
    ids = fill(hub)
    both = asked(hub, "two_purposes", f"/v1/customers/{ids['ana']}")
    one = asked(hub, "two_purposes", f"/v1/customers/{ids['ana']}", "delivery")
    assert {"birth_date", "address", "phone"} <= both.json()["values"].keys()
    assert set(one.json()["values"]) == {"given_name", "family_name", "phone", "address"}
    assert both.headers["etag"] != one.headers["etag"]
    assert asked(hub, "two_purposes", "/v1/customers?q=1980-05-17", "delivery").json()["data"] == []
    assert [line["purpose"] for line in read_lines(hub.audit.path)] == ["delivery, service", "delivery"]


@pytest.mark.parametrize("purpose", ["marketing", "unheard_of", "delivery, service"])
def test_a_purpose_that_is_none_of_the_roles_is_refused_whether_or_not_there_is_one(hub: Hub, purpose: str) -> None:
    fill(hub)
    answer = asked(hub, "two_purposes", "/v1/customers", purpose)
    assert answer.status_code == 403 and "delivery, service" in answer.text and purpose not in answer.json()["detail"]
    assert asked(hub, "narrow", "/v1/customers", purpose).status_code == 403


def test_roles_share_pseudonyms_only_where_they_say_so(hub: Hub) -> None:
    ids = fill(hub)
    seen = {
        r: hub.reader.get_customer(someone(r), ids["ana"]).values["email"] for r in ("study", "study_too", "elsewhere")
    }
    assert seen["study"] == seen["study_too"] != seen["elsewhere"] and "silva" not in str(seen)


@pytest.mark.parametrize(
    ("sight", "value", "shown"),
    [
        (Sight.LAST_4, "+351217904000", "***4000"), (Sight.LAST_4, "DE-42", "***"), (Sight.DOMAIN, "ana@silva.pt", "***@silva.pt"),
        (Sight.DOMAIN, "no address", "***"), (Sight.YEAR, "1980-05-17", "1980"), (Sight.YEAR, "about 1980", "***"),
        (Sight.FIRST_LETTER, "Ana", "A***"), (Sight.FIRST_LETTER, "Bo", "***"),
    ],
)  # fmt: skip
def test_a_part_of_a_value(sight: Sight, value: str, shown: str) -> None:
    assert look(value, sight, "attribute", lambda v: v, b"key") == shown


def test_a_part_is_no_more_searched_than_a_masked_value(hub: Hub) -> None:
    ids = fill(hub)
    parts = hub.reader.get_customer(someone("parts"), ids["ana"]).values
    assert parts["birth_date"] == "1980" and parts["phone"] == ["***4000"] and parts["family_name"] == "S***"
    for words in ("silva", "1980-05-17", "217904000", "1980"):
        assert hub.reader.search(someone("parts"), words).data == ()


def test_pairs_are_not_drawn_in_a_view_that_has_rows(hub: Hub) -> None:
    fill(hub)
    with pytest.raises(Forbidden, match="of all customers"):
        draw_pairs(hub.reader, someone("lisbon"), "person", 10)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("purposes.yaml", "purposes: {p: {basis: whim}}", "purposes.p.basis"),
        ("purposes.yaml", "purposes: {p: {title: x}}", "legal ground"),
        ("purposes.yaml", "purposes: {p: {basis: contract, uses: {person: [fax]}}}", "unknown attribute 'fax'"),
        ("purposes.yaml", "purposes: {p: {basis: contract, uses: {human: [phone]}}}", "unknown type 'human'"),
        ("access.yaml", "roles: {a: {purposes: [whim]}}", "unknown purpose 'whim'"),
        ("access.yaml", "roles: {a: {views: {person: {phone: year}}}}", "'year' shows nothing of it"),
        ("access.yaml", "roles: {a: {views: {person: {'*': domain}}}}", "'domain' shows nothing of it"),
    ],
)
def test_purposes_and_sights_that_lead_nowhere_are_told(tmp_path: Path, file: str, text: str, told: str) -> None:
    write_config(tmp_path)
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as fault:
        load(tmp_path, {})
    assert any(told in f"{f.where} {f.what}" for f in fault.value.faults)
