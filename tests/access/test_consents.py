"""Consent: what holds is a function of what was said, and whoever needs it has those alone who gave it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.access.export import export_rows
from hub.app import create_app
from hub.consents.effective import allows, as_words, effective
from hub.consents.statement import DENIED, GRANTED, LIFTED, OBJECTED, RESTRICTED, WITHDRAWN, ConsentSaid, Statement
from hub.db import Database
from hub.errors import NotFound
from hub.golden_record.store import changes_after
from hub.model import RecordId, Verdict
from hub.open import Hub
from hub.quality.verify import Verify
from tests.access.population import ANA, ANA_IN_CRM, BO, SOURCES, TestClock, fill, key_for, open_hub, write_config
from tests.conftest import empty
from tests.steward import Steward

CONSENTS = """
  consents:
    consent: true
    key: id
    version: v
    of: {key: owner, stream: customers}
    map: {purpose: purpose, channel: channel, state: state, at: at, how: how, text: text}
"""
BILLED, IN_CRM = RecordId("billing", "customers", "1"), RecordId("crm", "people", "p1")
MARKETING, OFFICER = Principal("m", "m", "staff", "marketing"), Principal("o", "o", "staff", "privacy_officer")
SERVICE = Principal("s", "s", "staff", "customer_service")


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    sources = {**SOURCES, "billing": SOURCES["billing"].replace(", marketing_consent: consent", "") + CONSENTS}
    made = open_hub(database, write_config(tmp_path / "config", sources), tmp_path / "data")
    made.resolver.reread()
    yield made
    made.close()
    database.clock = before


def said(hub: Hub, key: str, state: str, day: int, *, how: str = "", channel: str = "", owner: str = "1") -> None:
    row = {
        "id": key,
        "v": day,
        "owner": owner,
        "purpose": "marketing",
        "state": state,
        "at": f"2026-03-{day:02d}T00:00:00Z",
    }
    hub.resolver.upsert("billing", "consents", [{**row, "how": how, "channel": channel}])


def told(hub: Hub, principal: Principal, customer: str) -> list[str]:
    return [c.type for c in hub.reader.changes(principal).data if c.customer == customer]


def sees(hub: Hub, principal: Principal, id: str) -> bool:
    return hub.reader.knows_id(principal, id)


# --- what holds: pure ----------------------------------------------------------------------------------

STATEMENTS = st.builds(
    Statement,
    st.sampled_from([BILLED, IN_CRM]),
    st.builds(
        ConsentSaid,
        st.just("marketing"),
        st.sampled_from(["", "email"]),
        st.sampled_from([GRANTED, DENIED, WITHDRAWN, OBJECTED]),
        st.integers(1, 4),
        st.just(""),
        st.sampled_from(["", "call", "signed in"]),
    ),
)


@given(st.lists(STATEMENTS, max_size=6))
def test_what_holds_is_a_function_of_the_set(given_: list[Statement]) -> None:
    assert all(as_words(p) == as_words(given_) for p in itertools.islice(itertools.permutations(given_), 24))
    assert as_words([*given_, *given_]) == as_words(given_)


@given(st.lists(STATEMENTS, max_size=6))
def test_together_nothing_is_granted_that_a_record_refuses_and_nobody_proved_later(given_: list[Statement]) -> None:
    by_record = {r: [s for s in given_ if s.owner == r] for r in (BILLED, IN_CRM)}
    for channel in ("", "email"):
        wanted = f"marketing/{channel}" if channel else "marketing"
        if not any(s.said.channel == channel for s in given_):
            continue
        alone = {r: [s for s in effective(of) if s.channel in (channel, "")] for r, of in by_record.items()}
        if wanted in as_words(given_):
            for r, other in ((BILLED, IN_CRM), (IN_CRM, BILLED)):
                last = max(
                    (s for s in by_record[r] if s.said.channel in (channel, "")), key=lambda s: s.order, default=None
                )
                if last is not None and last.said.state != GRANTED:
                    assert any(
                        s.said.state == GRANTED and s.said.provable and s.said.at > last.said.at
                        for s in by_record[other]
                    )
        del alone


def test_a_word_for_one_channel_is_none_for_another() -> None:
    assert allows(["marketing", "-marketing/email"], "marketing")
    assert not allows(["marketing", "-marketing/email"], "marketing/email")
    assert allows(["marketing"], "marketing/phone") and allows(["marketing/email"], "marketing")
    assert not allows(["-marketing"], "marketing") and not allows([], "marketing")


# --- in a hub ------------------------------------------------------------------------------------------


def test_a_withdrawal_is_left_and_a_new_grant_entered_in_the_unit_in_which_it_lands(hub: Hub) -> None:
    ids = fill(hub)
    assert not sees(hub, MARKETING, ids["ana"]) and told(hub, MARKETING, ids["ana"]) == []
    said(hub, "k", "yes", 1)
    assert sees(hub, MARKETING, ids["ana"]) and told(hub, MARKETING, ids["ana"]) == ["entered"]
    said(hub, "k", "withdrawn", 2)
    assert not sees(hub, MARKETING, ids["ana"]) and told(hub, MARKETING, ids["ana"])[-1] == "left"
    assert hub.reader.search(MARKETING, "ana").data == ()
    assert list(export_rows(hub.reader, MARKETING, "person")[1]) == []
    hub.resolver.upsert("billing", "customers", [{**ANA, "mail": "new@silva.pt", "updated": "2026-06-01T00:00:00Z"}])
    assert told(hub, MARKETING, ids["ana"])[-1] == "left"  # what comes after never goes there
    said(hub, "k", "granted", 3, channel="email")
    assert told(hub, MARKETING, ids["ana"])[-1] == "entered"
    assert "entered" not in told(hub, SERVICE, ids["ana"])
    assert Verify(hub.resolver).run().total == 0


def test_companies_need_none_where_the_purpose_is_of_people(hub: Hub) -> None:
    assert sees(hub, MARKETING, fill(hub)["acme"])


def test_what_an_attribute_says_counts_and_so_does_a_stewards_value(tmp_path: Path, database: Database) -> None:
    database.clock = TestClock()
    hub = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    ids = fill(hub)
    assert sees(hub, MARKETING, ids["ana"]) and not sees(hub, MARKETING, ids["bo"])
    steward = Steward(hub.resolver)
    act = steward.override(ids["ana"], "marketing_consent", ("denied",), by="s", reason="called")
    assert not sees(hub, MARKETING, ids["ana"])
    steward.undo(act, by="s")
    assert sees(hub, MARKETING, ids["ana"]) and Verify(hub.resolver).run().total == 0
    hub.close()


def test_a_merge_takes_the_strictest_and_an_unmerge_gives_each_its_own_back(hub: Hub) -> None:
    hub.resolver.upsert("billing", "customers", [ANA])
    other = {
        **ANA_IN_CRM,
        "first": "Zoe",
        "last": "Quast",
        "born": "1999-01-01",
        "nid": "X",
        "phone": "",
        "mail": "z@q.de",
    }
    zoe = hub.resolver.upsert("crm", "people", [other])[0].customer
    ana = hub.reader.search(SERVICE, "ana").data[0].id
    assert zoe is not None
    say(hub, ana, "granted", BILLED)
    say(hub, zoe, "objected", IN_CRM)
    assert (sees(hub, MARKETING, ana), sees(hub, MARKETING, zoe)) == (True, False)
    steward = Steward(hub.resolver)
    decision = steward.decide(BILLED, IN_CRM, Verdict.MATCH, by="s", reason="x")
    assert not sees(hub, MARKETING, ana) and told(hub, MARKETING, ana)[-1] == "left"
    steward.withdraw(decision, by="s", why="x")
    assert (sees(hub, MARKETING, ana), sees(hub, MARKETING, zoe)) == (True, False)
    assert Verify(hub.resolver).run().total == 0


def say(
    hub: Hub, id: str, state: str, record: RecordId | None = None, *, how: str = "call", source: str = "staff"
) -> None:
    at = hub.database.clock.now() // 1_000_000 * 1_000_000
    assert isinstance(hub.database.clock, TestClock)
    hub.database.clock.at += 5_000_000
    purpose = "" if state in (RESTRICTED, LIFTED) else "marketing"
    hub.logbook.say(id, ConsentSaid(purpose, "", state, at, how=how), by="s", record=record, source=source)


def test_a_restricted_person_exists_for_the_privacy_officer_alone_and_is_back_when_it_is_lifted(hub: Hub) -> None:
    ids = fill(hub)
    before = {p.role: hub.reader.get_customer(p, ids["bo"]).values for p in (SERVICE, OFFICER)}
    say(hub, ids["bo"], RESTRICTED)
    assert not sees(hub, SERVICE, ids["bo"]) and sees(hub, OFFICER, ids["bo"]) and sees(hub, SERVICE, ids["ana"])
    assert told(hub, SERVICE, ids["bo"])[-1] == "left" and "left" not in told(hub, OFFICER, ids["bo"])
    hub.resolver.upsert("billing", "customers", [{**BO, "job": "poet", "updated": "2026-07-01T00:00:00Z"}])
    say(hub, ids["bo"], LIFTED)
    assert sees(hub, SERVICE, ids["bo"]) and told(hub, SERVICE, ids["bo"])[-1] == "entered"
    assert before.keys() == {"customer_service", "privacy_officer"} and Verify(hub.resolver).run().total == 0


ROWS = st.tuples(
    st.sampled_from(["k1", "k2"]),
    st.sampled_from(["granted", "withdrawn", "objected", "asked"]),
    st.integers(1, 3),
    st.sampled_from(["", "signed in"]),
    st.sampled_from(["1", "2"]),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=5, unique_by=lambda r: (r[0], r[2])), st.data())
def test_consents_in_any_order_before_or_after_their_owner_give_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    database: Database,
    rows: list[tuple[str, str, int, str, str]],
    data: st.DataObject,
) -> None:
    seen = []
    for order in (rows, data.draw(st.permutations(rows))):
        empty(database)
        database.clock = TestClock()
        folder = tmp_path_factory.mktemp("hub")
        sources = {**SOURCES, "billing": SOURCES["billing"].replace(", marketing_consent: consent", "") + CONSENTS}
        hub = open_hub(database, write_config(folder / "config", sources), folder / "data")
        hub.resolver.reread()
        half = data.draw(st.integers(0, len(order)))
        steps: list[Any] = [*order[:half], None, *order[half:]]
        for step in steps:
            if step is None:
                fill(hub)
            else:
                key, state, day, how, owner = step
                said(hub, key, state, day, how=how, owner=owner)
        seen.append(sorted(str(c.values["family_name"]) for c in hub.reader.search(MARKETING, type_name="person").data))
        assert Verify(hub.resolver).run().total == 0
        hub.close()
    assert seen[0] == seen[1]


def test_through_http_a_consent_is_kept_with_its_evidence_told_with_why_and_kept_once(hub: Hub) -> None:
    id = fill(hub)["ana"]
    client = TestClient(create_app(hub), raise_server_exceptions=False)
    service, marketing, narrow = (key_for(hub, r) for r in ("customer_service", "marketing", "narrow"))
    path = f"/v1/customers/{id}/consents"
    given_ = {"purpose": "marketing", "channel": "email", "state": "granted", "at": "2026-05-01T10:00:00Z"}
    given_ |= {"text": "2026-04", "how": "double opt-in", "where": "shop"}
    assert client.get(f"/v1/customers/{id}", headers=marketing).status_code == 404
    answers = [client.put(path, json=given_, headers=service).json() for _ in range(2)]
    assert answers[0] == answers[1] and len(answers[0]["statements"]) == 2
    holds = answers[0]["holds"][0]
    assert (holds["state"], holds["channel"]) == ("granted", "email")
    assert holds["why"] == "granted on 2026-05-01 by double opt-in" and holds["by"]["values"]["text"] == "2026-04"
    assert client.get(f"/v1/customers/{id}", headers=marketing).status_code == 200
    assert client.get(path, headers=narrow).json() == {"holds": [], "preferred": None, "statements": []}
    preferred = {"state": "preferred", "channel": "email", "how": "call"}
    assert client.put(path, json=preferred, headers=service).json()["preferred"]["channel"] == "email"
    for wrong, where in (
        ({"purpose": "nothing", "state": "granted"}, "/purpose"),
        ({"purpose": "marketing", "state": "granted", "how": "signed in"}, "/how"),
        ({"state": "preferred"}, "/channel"),
    ):
        refused = client.put(path, json=wrong, headers=service)
        assert refused.status_code == 422 and where in refused.text
    assert client.put(path, json=given_, headers=narrow).status_code == 403


# --- what they were before ---------------------------------------------------------------------------------


def positions(hub: Hub) -> list[int]:
    with hub.database.read() as connection:
        return [c.seq for c in changes_after(connection, 0, 100)]


def sent(hub: Hub, principal: Principal, seqs: Sequence[int], customer: str) -> list[bool]:
    """Of each event of the customer that a subscriber is sent: with values?"""
    return [c.data is not None for c in hub.reader.told(principal, seqs).values() if c.customer == customer]


@pytest.mark.parametrize("asking", [SERVICE, MARKETING], ids=["restricted", "withdrawn"])
def test_what_a_person_said_holds_of_the_past_and_of_events_that_wait(hub: Hub, asking: Principal) -> None:
    ids = fill(hub)
    say(hub, ids["ana"], "granted")
    before, seqs = hub.database.clock.now(), positions(hub)
    whole = hub.reader.get_customer(asking, ids["ana"], known_at=before)
    assert whole.values["email"] and all(sent(hub, asking, seqs, ids["ana"]))
    say(hub, ids["ana"], RESTRICTED if asking is SERVICE else "withdrawn")
    refused = []
    for id, at in ((ids["ana"], before), ("cus_unknown", before)):
        with pytest.raises(NotFound) as error:
            hub.reader.get_customer(asking, id, known_at=at)
        refused.append(error.value)
    assert str(refused[0]) == str(refused[1]) and refused[0].faults == refused[1].faults
    assert sent(hub, asking, seqs, ids["ana"]) and not any(sent(hub, asking, seqs, ids["ana"]))
    assert hub.reader.get_customer(OFFICER, ids["ana"], known_at=before).values["email"]
    assert any(sent(hub, OFFICER, seqs, ids["ana"]))
    say(hub, ids["ana"], LIFTED if asking is SERVICE else "granted", how="double opt-in")
    assert hub.reader.get_customer(asking, ids["ana"], known_at=before).values == whole.values
    assert all(sent(hub, asking, seqs, ids["ana"]))


def test_of_who_was_merged_with_somebody_restricted_the_time_together_is_not_told(hub: Hub) -> None:
    ana = hub.resolver.upsert("billing", "customers", [ANA])[0].customer
    unlike = {"first": "Zoe", "last": "Quast", "born": "1999-01-01", "nid": "X", "phone": "", "mail": "z@q.de"}
    zoe = hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, **unlike}])[0].customer
    assert ana is not None and zoe is not None
    steward = Steward(hub.resolver)
    decision = steward.decide(BILLED, IN_CRM, Verdict.MATCH, by="s", reason="x")
    together = hub.database.clock.now()
    steward.withdraw(decision, by="s", why="x")
    apart = hub.database.clock.now()

    def emails() -> list[Any]:
        return [v.values and v.values.get("email") for v in hub.reader.history(SERVICE, ana).data]

    assert any("z@q.de" in (e or ()) for e in emails())
    say(hub, zoe, RESTRICTED)
    with pytest.raises(NotFound):
        hub.reader.get_customer(SERVICE, ana, known_at=together)
    assert hub.reader.get_customer(SERVICE, ana, known_at=apart).values["email"] == ["ana@silva.pt"]
    assert None in emails() and not any("z@q.de" in (e or ()) for e in emails())


def test_who_is_gone_and_was_restricted_last_is_not_told_of_before(hub: Hub) -> None:
    ids = fill(hub)
    before = hub.database.clock.now()
    say(hub, ids["bo"], RESTRICTED)
    hub.resolver.delete("billing", "customers", "2")
    with pytest.raises(NotFound):
        hub.reader.get_customer(SERVICE, ids["bo"], known_at=before)
    assert hub.reader.get_customer(OFFICER, ids["bo"], known_at=before).values["email"]
