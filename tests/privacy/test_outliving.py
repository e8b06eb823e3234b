"""Customers of whom nothing was heard go by age; whoever anything keeps stays, and too many at once wait for somebody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.access.authentication.principals import Principal
from hub.consents.statement import ConsentSaid
from hub.db import Database, Lease
from hub.errors import ConfigError, Conflict, Gone
from hub.open import Hub
from hub.privacy.outliving import Outliving
from hub.privacy.retention import Retention
from hub.quality.verify import Verify
from hub.settings import load
from hub.settings.purposes import QuietCustomers
from tests.access.population import ANA, BO, ROLES, SOURCES, TestClock, fill, open_hub, write_config

STEWARD = Principal("s", "s", "staff", "steward")
DAY = 86_400_000_000
YEAR = 365 * DAY
CONTRACTS = """
connector: {kind: file, path: contracts}
streams:
  accounts:
    relation: account_holder
    key: id
    of: {key: holder, source: billing, stream: customers}
    to: {key: of, source: billing, stream: customers}
    map: {until: until}
"""
OLD = {"updated": "2020-01-01T00:00:00Z", "consent": ""}


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    written = write_config(tmp_path / "config", {**SOURCES, "contracts": CONTRACTS}, roles=ROLES)
    known = dict(written.purposes)
    known["service"] = known["service"].model_copy(update={"keeps": {"person": "3y", "call": "4y"}})
    known["billing"] = known["billing"].model_copy(update={"keeps": {"person": "2y", "order": "10y"}})
    given = {"purposes": known, "retention": QuietCustomers(contracts=("account_holder",))}
    made = open_hub(database, written.model_copy(update=given), tmp_path / "data")
    yield made
    made.close()
    database.clock = before


def quiet(hub: Hub) -> dict[str, str]:
    """Ana is heard of, Bo and four others are not since 2020."""
    ids = fill(hub, bo=OLD)
    for n, name in enumerate(("Cem", "Dora", "Emil", "Fay"), 3):
        said = {
            "first": name,
            "last": f"{name}son",
            "born": f"19{n}0-0{n}-0{n}",
            "mail": f"{name}@x{n}.de".lower(),
            **OLD,
        }
        row = {
            **BO,
            **said,
            "id": str(n),
            "phone": f"+49 30 55{n}4{n}6{n}",
            "nid": f"DE-9{n}{n}",
            "tax": f"T-{n}",
            "street": f"Weg {n}",
        }
        made = hub.resolver.upsert("billing", "customers", [row])[0]
        assert made.customer
        ids[name.lower()] = made.customer
    return ids


def seen(hub: Hub) -> tuple[set[str], dict[str, int]]:
    (told,) = Outliving(hub.requests).preview()
    assert (told.type, told.purposes) == ("person", ("service", "billing"))
    return set(told.ids), dict(told.kept)


def test_who_is_quiet_goes_with_receipts_and_may_come_again(hub: Hub) -> None:
    ids = quiet(hub)
    gone = {ids[n] for n in ("bo", "cem", "dora", "emil", "fay")}
    assert seen(hub) == (gone, {})
    assert Outliving(hub.requests).remove() == {"person": 5} and seen(hub) == (set(), {})
    assert hub.reader.get_customer(STEWARD, ids["ana"]).values["given_name"] == "Ana"
    with pytest.raises(Gone):
        hub.reader.get_customer(STEWARD, ids["bo"])
    (request,) = [r for r in hub.requests.all() if r.request.customer == ids["bo"]]
    assert (request.request.by, request.request.state) == ("retention", "removed")
    assert [r.recipient for r in request.receipts] == ["source:billing"]
    assert hub.requests.go_on_with_all() == 5
    assert {r.request.state for r in hub.requests.all()} == {"compacted"}
    assert not hub.resolver.upsert("billing", "customers", [{**BO, "updated": "2027-01-01T00:00:00Z"}])[0].customer
    assert hub.resolver.upsert("billing", "customers", [{**BO, "id": "77", "updated": "2027-01-01T00:00:00Z"}])[
        0
    ].customer
    assert Verify(hub.resolver).run().total == 0


def test_whatever_keeps_somebody_keeps_them_and_is_counted(hub: Hub) -> None:
    ids = quiet(hub)
    now = hub.database.clock.now()
    hub.logbook.say(ids["bo"], ConsentSaid("marketing", "", "granted", now - 5 * YEAR, how="form"), by="s")
    hub.logbook.add(ids["cem"], "order", {"ordered_at": "2019-05-01T10:00:00Z", "number": "7"}, by="s")
    hub.requests.open(ids["dora"], "access", by="s")
    hub.logbook.add(ids["emil"], "call", {"called_at": "2024-06-01T10:00:00Z"}, by="s")
    hub.requests.restrict(ids["fay"], by="s")
    left, kept = seen(hub)
    assert left == set()
    assert kept == {"consent": 1, "order": 1, "request": 1}, kept
    Retention(hub.resolver).remove()
    hub.database.clock.at += 2 * YEAR  # type: ignore[attr-defined]
    assert Outliving(hub.requests).remove() == {"person": 1}  # Emil's call is too old now, too
    hub.database.clock.at += 2 * YEAR  # type: ignore[attr-defined]
    assert seen(hub)[1]["restricted"] == 1


def test_an_open_contract_keeps_both_ends(hub: Hub) -> None:
    ids = quiet(hub)
    ended = {"id": "2", "holder": "4", "of": "5", "until": "2021-01-01T00:00:00Z"}
    hub.resolver.upsert("contracts", "accounts", [{"id": "1", "holder": "2", "of": "3", "until": None}, ended])
    assert seen(hub) == ({ids[n] for n in ("dora", "emil", "fay")}, {"account_holder": 2})


def test_more_than_the_guard_lets_through_wait_for_somebody_who_names_their_number(hub: Hub) -> None:
    quiet(hub)
    config = hub.config.model_copy(update={"retention": QuietCustomers(number=3)})
    few = Outliving(hub.with_config(config).requests)
    with pytest.raises(Conflict, match="5 customers would be erased at once, more than the 3"):
        few.remove()
    with pytest.raises(Conflict):
        few.remove(confirmed=4)
    assert hub.requests.all() == []
    assert few.remove(confirmed=5) == {"person": 5}


def test_who_is_heard_of_between_the_look_and_the_erasure_stays(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = quiet(hub)
    outliving = Outliving(hub.requests)
    told = outliving.preview()
    hub.resolver.upsert("billing", "customers", [{**BO, "job": "baker", "updated": "2026-12-01T00:00:00Z"}])
    monkeypatch.setattr(outliving, "preview", lambda: told)
    assert outliving.remove() == {"person": 4}
    assert hub.reader.get_customer(STEWARD, ids["bo"]).values["occupation"] == "baker"


def test_a_lost_lease_erases_nobody(hub: Hub) -> None:
    quiet(hub)
    with pytest.raises(Conflict, match="took over"):
        Outliving(hub.requests).remove(Lease("retention", "somebody", 0))
    assert len(seen(hub)[0]) == 5


def test_a_merge_is_as_lively_as_its_liveliest_record(hub: Hub) -> None:
    ids = quiet(hub)
    hub.resolver.upsert(
        "crm",
        "people",
        [
            {
                **ANA,
                "id": "p9",
                "first": "Bo",
                "last": "Müller",
                "born": "1955-12-02",
                "nid": "DE-42",
                "phone": BO["phone"],
                "mail": BO["mail"],
                "updated": "2026-10-01T00:00:00Z",
            }
        ],
    )
    assert ids["bo"] not in seen(hub)[0]


def test_what_cannot_be_as_it_says_is_told_with_its_key(tmp_path: Path) -> None:
    folder = write_config(tmp_path / "config", roles=ROLES).folder
    file = folder / "purposes.yaml"
    file.write_text(file.read_text() + "\nretention: {contracts: [marriage]}\n")
    file.write_text(
        file.read_text().replace("    basis: contract\n", "    basis: contract\n    keeps: {ghost: 2y}\n", 1)
    )
    with pytest.raises(ConfigError) as refused:
        load(folder, {})
    assert {f.where.partition("purposes.yaml: ")[2] for f in refused.value.faults} == {
        "retention.contracts", "purposes.service.keeps.ghost",
    }  # fmt: skip
