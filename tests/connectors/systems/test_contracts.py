"""Salesforce and HubSpot by the YAML of the docs, on contract servers written from the published APIs; tokens that run out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
import yaml

from hub.connectors.base import Connector, FieldWrite
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.oauth import OAuth
from hub.connectors.registry import connect
from hub.errors import ConfigError
from hub.settings import Source
from tests.connectors.conformance import PERSON
from tests.connectors.contract import HubSpot, Salesforce, Serving

DOCS = Path(__file__).parents[3] / "docs" / "connect-a-source.md"
ENV = {
    "SALESFORCE_CLIENT": "hub",
    "SALESFORCE_SECRET": "s3cret",
    "HUBSPOT_CLIENT": "hub",
    "HUBSPOT_SECRET": "s3cret",
    "HUBSPOT_REFRESH": "r3fresh",
}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4):
        yield


def from_docs(name: str, url: str, **oauth: Any) -> Source:
    """The source as the docs give it, with the contract server's address in place of the real one."""
    (block,) = [
        b for b in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL) if f"{name.upper()}_CLIENT" in b
    ]
    given = yaml.safe_load(block)
    given["connector"]["base_url"] = url
    given["connector"]["auth"]["oauth"] |= {"token_url": f"{url}/oauth/v1/token", **oauth}
    return Source.model_validate({"name": name, **given})


def made(source: Source, **env: str) -> Connector:
    return connect(source, env={**ENV, **env}, base_folder=Path())


def one_by_one(source: Source) -> Source:
    """The same without its batches."""
    given = source.model_dump(mode="json", exclude_unset=True)
    del given["streams"]["contacts"]["rest"]["batch"]
    return Source.model_validate(given)


def by_key(connector: Connector, stream: str, key: str, cursor: Any = None) -> dict[str, Any]:
    rows = [row.raw for page in connector.read(stream, cursor) for row in page.rows]
    return {str(row[key]): row for row in rows}


@pytest.fixture
def salesforce() -> Iterator[tuple[Salesforce, Source]]:
    contract = Salesforce()
    serving = Serving(contract)
    for n in range(5):
        contract.put(f"003{n}", FirstName="Anna", LastName=f"Maier{n}", Email=f"a{n}@x.example", Phone=None)
    yield contract, from_docs("salesforce", serving.url)
    serving.stop()


@pytest.fixture
def hubspot() -> Iterator[tuple[HubSpot, Source]]:
    contract = HubSpot()
    serving = Serving(contract)
    for n in range(120):
        contract.put(f"{n:03d}", firstname="Anna", lastname=f"Maier{n}", email=f"a{n}@x.example")
    yield contract, from_docs("hubspot", serving.url)
    serving.stop()


# --- Salesforce ----------------------------------------------------------------------------------------------------


def test_salesforce_is_read_in_pages_and_then_from_the_last_change_on(salesforce: tuple[Salesforce, Source]) -> None:
    contract, source = salesforce
    connector = made(source)
    found = list(connector.read("contacts", None))
    assert sum(len(page.rows) for page in found) >= 5
    cursor = found[-1].cursor
    contract.put("0031", Email="new@x.example")
    contract.answer("DELETE", "/services/data/v61.0/sobjects/Contact/0032", {}, None)
    again = by_key(connector, "contacts", "Id", cursor)
    assert set(again) <= {"0031", "0032", "0034"}
    assert (again["0031"]["Email"], again["0032"]["IsDeleted"]) == ("new@x.example", True)
    mapper = Mapper("contacts", source.streams["contacts"], PERSON)
    assert mapper.map(again["0032"]).tombstone
    assert mapper.map(again["0031"]).observed is not None


def test_salesforce_is_written_field_by_field_and_deleted(salesforce: tuple[Salesforce, Source]) -> None:
    contract, source = salesforce
    connector = made(source)
    write = FieldWrite("0031", {"Email": "new@x.example"}, {"Email": "a1@x.example"})
    assert [r.outcome for r in connector.write("contacts", [write, write])] == ["written", "unchanged"]
    assert contract.rows["0031"]["Email"] == "new@x.example"
    (bad,) = connector.write("contacts", [FieldWrite("0032", {"Nonsense__c": "x"}, {})])
    assert bad.outcome == "rejected"
    gone = connector.write("contacts", [FieldWrite("0033", {}, {"Email": "a3@x.example"}, delete=True)] * 2)
    assert [r.outcome for r in gone] == ["written", "gone"]


def test_salesforce_gets_one_contact_though_the_answer_was_lost(salesforce: tuple[Salesforce, Source]) -> None:
    contract, source = salesforce
    connector = made(one_by_one(source))
    fields = {"Email": "o'neil@x.example", "FirstName": "Nora", "LastName": "O'Neil \\ Sons"}
    (first,) = connector.write("contacts", [FieldWrite(None, fields, token="t", known=lambda _key: False)])
    assert (first.outcome, first.key, first.detail) == ("written", "003new5", "")
    (again,) = connector.write("contacts", [FieldWrite(None, fields, token="t", known=lambda _key: False)])
    assert (again.outcome, again.key) == ("unchanged", first.key)
    (refused,) = connector.write("contacts", [FieldWrite(None, {"Email": "x@x.example"}, token="u")])
    assert refused.outcome == "rejected"
    assert len(contract.rows) == 6


def test_salesforce_takes_many_rows_in_one_request_and_each_has_its_own_outcome(
    salesforce: tuple[Salesforce, Source],
) -> None:
    contract, source = salesforce
    contract.put("0034", IsDeleted=True)
    contract.put("0035", FirstName="Otto", LastName="Weg", Email="o@x.example", Phone=None)
    contract.locked.add("0035")
    writes = [
        FieldWrite("0030", {"Email": "b0@x.example"}, {"Email": "a0@x.example"}),
        FieldWrite("0031", {"Email": "no address"}, {"Email": "a1@x.example"}),
        FieldWrite("0032", {"Email": "a2@x.example"}, {"Email": "old@x.example"}),
        FieldWrite("0033", {"Email": "b3@x.example"}, {"Email": "old@x.example"}),
        FieldWrite("0034", {"Email": "b4@x.example"}, {}),
        FieldWrite("0035", {"Email": "b5@x.example"}, {}),
        FieldWrite("0030", {"FirstName": "Berta"}, {"FirstName": "Anna"}),
    ]
    results = made(source).write("contacts", writes)
    assert [(r.key, r.outcome) for r in results] == [
        ("0030", "written"), ("0031", "rejected"), ("0032", "unchanged"), ("0033", "conflict"), ("0034", "gone"),
        ("0035", "retry"), ("0030", "written"),
    ]  # fmt: skip
    assert results[1].detail == "the service refuses it: INVALID_EMAIL_ADDRESS"
    assert [contract.rows[f"003{n}"]["Email"] for n in range(2)] == ["b0@x.example", "a1@x.example"]
    assert sum("composite" in asked for asked in contract.asked) == 3  # a look, the write, a look


def test_salesforce_makes_many_contacts_once_by_an_id_of_the_hubs(salesforce: tuple[Salesforce, Source]) -> None:
    contract, source = salesforce
    new = [FieldWrite(None, {"LastName": f"Neu{n}", "Email": f"n{n}@x.example"}, token=f"t{n}") for n in range(3)]
    new.insert(1, FieldWrite(None, {"Email": "nameless@x.example"}, token="t9"))
    first, again = (made(source).write("contacts", new) for _ in range(2))
    assert [r.outcome for r in first] == ["written", "rejected", "written", "written"]
    assert [r.key for r in first] == [r.key for r in again] == ["003new5", "", "003new6", "003new7"]
    assert len(contract.rows) == 8
    assert len(contract.asked) == 2


def test_a_batch_that_is_refused_as_a_whole_is_written_one_by_one(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    writes = [
        FieldWrite("001", {"properties.phone": "+49 1"}, {}),
        FieldWrite("002", {"properties.createdate": "2026"}, {}),
        FieldWrite("003", {"properties.phone": "+49 3"}, {}),
    ]
    assert [r.outcome for r in made(source).write("contacts", writes)] == ["written", "rejected", "written"]


def test_of_a_207_the_good_rows_go_on(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    contract.rows["004"]["archived"] = True
    writes = [FieldWrite(f"{n:03d}", {"properties.email": f"b{n}@x.example"}, {}) for n in range(6)]
    writes[2] = FieldWrite("002", {"properties.email": "a7@x.example"}, {})  # 007's
    results = made(source).write("contacts", writes)
    assert [r.outcome for r in results] == ["written", "written", "conflict", "written", "gone", "written"]
    assert all(r.current == {"properties.email": f"b{n}@x.example"} for n, r in enumerate(results) if r.current)
    assert len(contract.asked) == 4  # of the one that the look did not give it is asked by itself whether it is gone
    contract.busy = 9
    assert {(r.outcome, r.untouched) for r in made(source).write("contacts", writes)} == {("retry", True)}


def test_hubspot_makes_many_contacts_once_by_an_id_of_the_hubs(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    new = [FieldWrite(None, {"properties.email": f"n{n}@x.example"}, token=f"t{n}") for n in range(3)]
    new.insert(0, FieldWrite(None, {"properties.email": "a0@x.example"}, token="t9"))  # somebody has it
    first, again = (made(source).write("contacts", new) for _ in range(2))
    assert [r.outcome for r in first] == ["conflict", "written", "written", "written"]
    assert [r.key for r in first] == [r.key for r in again]
    assert len(contract.rows) == 123


@pytest.mark.parametrize("answer", [(200, {}, {"ok": True}), (200, {}, []), (204, {}, None), (413, {}, None)])
def test_a_batch_that_is_answered_otherwise_than_declared_is_written_one_by_one(
    salesforce: tuple[Salesforce, Source], monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    contract, source = salesforce
    monkeypatch.setattr(contract, "_collection", lambda *_: answer)
    writes = [FieldWrite("0031", {"Email": "new@x.example"}, {}), FieldWrite("0039", {"Email": "x@x.example"}, {})]
    assert [r.outcome for r in made(source).write("contacts", writes)] == ["written", "gone"]


def test_a_batch_that_may_have_made_records_is_not_sent_again_one_by_one(
    salesforce: tuple[Salesforce, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, source = salesforce
    monkeypatch.setattr(contract, "_collection", lambda *_: (200, {}, {"data": []}))
    new = [FieldWrite(None, {"LastName": f"Neu{n}"}, token=f"t{n}") for n in range(2)]
    assert [r.outcome for r in made(source).write("contacts", new)] == ["retry", "retry"]
    assert len(contract.asked) == 1


# --- HubSpot -------------------------------------------------------------------------------------------------------


def test_hubspot_is_listed_whole_so_that_what_is_archived_is_gone(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    found = pages_of(source)
    assert (sum(len(p.rows) for p in found), found[-1].listed_all) == (120, True)
    contract.rows["007"]["archived"] = True
    assert sum(len(p.rows) for p in pages_of(source)) == 119


def pages_of(source: Source) -> list[Any]:
    return list(made(source).read("contacts", None))


def test_hubspot_takes_changed_properties_alone_and_tells_to_wait(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    contract.busy = 2
    write = FieldWrite("007", {"properties.phone": "+49 151 1"}, {"properties.phone": None})
    assert [r.outcome for r in made(source).write("contacts", [write])] == ["written"]
    assert contract.rows["007"]["properties"]["phone"] == "+49 151 1"


def test_hubspot_gets_one_contact_though_the_answer_was_lost(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    connector = made(one_by_one(source))
    fields = {"properties.email": "neu@x.example", "properties.firstname": "Nora", "properties.lastname": "Neu"}
    (first,) = connector.write("contacts", [FieldWrite(None, fields, token="t")])
    assert (first.outcome, bool(first.key)) == ("written", True)
    (again,) = connector.write("contacts", [FieldWrite(None, fields, token="t", known=lambda _key: False)])
    assert (again.outcome, again.key) == ("unchanged", first.key)
    other = {**fields, "properties.email": "other@x.example"}
    (second,) = connector.write("contacts", [FieldWrite(None, other, token="u", known=lambda _key: False)])
    assert second.outcome == "written"
    (taken,) = connector.write("contacts", [FieldWrite(None, {**fields, "properties.firstname": "No"}, token="v")])
    assert taken.outcome == "conflict"
    assert len(contract.rows) == 122


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_anew_when_it_is_refused(salesforce: tuple[Salesforce, Source]) -> None:
    contract, source = salesforce
    connector = made(source)
    for _ in range(3):
        list(connector.read("contacts", None))
    assert len(contract.tokens) == 1
    contract.good.clear()
    list(connector.read("contacts", None))
    assert len(contract.tokens) == 2
    assert contract.grants[0]["grant_type"] == "client_credentials"


def test_a_refresh_token_is_given_for_new_tokens(hubspot: tuple[HubSpot, Source]) -> None:
    contract, source = hubspot
    pages_of(source)
    assert (contract.grants[0]["grant_type"], contract.grants[0]["refresh_token"]) == ("refresh_token", "r3fresh")


def test_a_client_that_is_refused_is_told_with_its_variables_and_no_secret(hubspot: tuple[HubSpot, Source]) -> None:
    _, source = hubspot
    with pytest.raises(ConfigError) as error:
        list(made(source, HUBSPOT_SECRET="wr0ng").read("contacts", None))
    told = str(error.value)
    assert "400" in told
    assert "HUBSPOT_SECRET" in told
    assert "wr0ng" not in told


def test_what_waits_to_be_written_outlasts_a_client_that_is_refused(salesforce: tuple[Salesforce, Source]) -> None:
    _, source = salesforce
    writes = [
        FieldWrite("0031", {"Phone": "+49 151 1"}, {"Phone": None}),
        FieldWrite("0031", {}, {"Phone": None}, delete=True),
        FieldWrite(None, {"Email": "n@x.example", "LastName": "Neu"}, token="t"),
    ]
    results = made(source, SALESFORCE_SECRET="wr0ng").write("contacts", writes)
    assert [(r.outcome, r.untouched) for r in results] == [("retry", True)] * 3
    assert all("SALESFORCE_SECRET" in r.detail for r in results)
    assert [r.outcome for r in made(source).write("contacts", writes[2:])] == ["written"]


@pytest.mark.parametrize(
    "given",
    [
        {"client_id_env": "A"},
        {"client_id_env": "A", "token_url": "https://x.example/token"},
        {"client_id_env": "A", "client_secret_env": "B", "token_url": "x", "token_url_env": "Y"},
    ],
)
def test_settings_of_tokens_that_cannot_work_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="token_url|client"):
        OAuth.model_validate(given)
