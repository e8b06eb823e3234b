"""The one door: who sees nothing sees nothing; hidden fields alter no byte; ids, times and ETags hold."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hub.access.audit.chain import read_lines, verify_chain
from hub.access.audit.log import head_path
from hub.access.authentication.principals import Principal
from hub.access.secret import derive, former_secrets, hub_secret
from hub.errors import BadRequest, Forbidden, Gone, HubError, NotFound, PreconditionRequired, Stale, Unprocessable
from hub.landing.store import record_named
from hub.model import RecordId, Verdict
from hub.open import Hub, audit_path
from tests.access.population import ANA, ANA_IN_CRM, BO, SECOND, SECRET, START, TestClock, fill
from tests.steward import Steward


def someone(role: str) -> Principal:
    return Principal(f"key-of-{role}", role, "staff", role)


STEWARD, NARROW, STRANGER, NOBODY = (
    someone("steward"),
    someone("narrow"),
    someone("stranger"),
    someone("a role of last year"),
)


def later(hub: Hub, seconds: int = 60) -> int:
    """Moves the clock; the moment between what was and what comes."""
    assert isinstance(hub.database.clock, TestClock)
    hub.database.clock.at += seconds * SECOND
    return hub.database.clock.at - SECOND


# --- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("principal", [STRANGER, NOBODY])
def test_a_stranger_sees_nothing(hub: Hub, principal: Principal) -> None:
    ids = fill(hub)
    reader = hub.reader
    assert reader.search(principal, "silva").data == () and reader.search(principal).data == ()
    assert reader.changes(principal).data == ()
    assert reader.reviews(principal).data == ()
    doors: list[Callable[[str], object]] = [
        lambda id: reader.get_customer(principal, id),
        lambda id: reader.history(principal, id),
        lambda id: reader.explain(principal, id),
    ]
    for door in doors:
        assert told(partial(door, ids["ana"])) == told(partial(door, "cus_unheard_of"))
    with pytest.raises((NotFound, Forbidden)):
        reader.crosswalk(principal, record=RecordId("billing", "customers", "1"))
    assert hub.reader.shown_version(principal, ids["ana"]) is None
    assert list(read_lines(hub.audit.path)) == []


def told(ask: Callable[[], object]) -> tuple[str, str, str]:
    with pytest.raises(HubError) as refused:
        ask()
    return type(refused.value).__name__, str(refused.value), repr(getattr(refused.value, "faults", ""))


def test_an_id_of_a_type_never_seen_is_answered_as_an_unknown_one_whatever_became_of_it(hub: Hub) -> None:
    ids = fill(hub)
    only_people = someone("web")
    unknown = told(lambda: hub.reader.get_customer(only_people, "cus_unheard_of"))
    assert told(lambda: hub.reader.get_customer(only_people, ids["acme"])) == unknown
    assert told(lambda: hub.reader.get_customer(only_people, ids["acme"], known_at=START)) == unknown
    hub.resolver.delete("crm", "companies", "c1")
    assert told(lambda: hub.reader.get_customer(only_people, ids["acme"])) == unknown
    assert told(lambda: hub.reader.get_customer(STEWARD, ids["acme"]))[0] == "Gone"


# --- views ------------------------------------------------------------------------------------------


def test_each_role_sees_its_columns_and_no_other(hub: Hub) -> None:
    ids = fill(hub)
    seen = {
        role: set(hub.reader.get_customer(someone(role), ids["ana"]).values)
        for role in ("steward", "narrow", "shipping", "analyst", "web")
    }
    assert {"national_id", "tax_id", "occupation"} <= seen["steward"]
    assert seen["narrow"] == {"given_name", "family_name", "email", "address"}
    assert seen["shipping"] == {"given_name", "family_name", "phone", "address"}
    assert "national_id" not in seen["web"] and "address" not in seen["web"]
    analyst = hub.reader.get_customer(someone("analyst"), ids["ana"])
    assert (
        analyst.values["given_name"].startswith("psn_") and "Ana" not in repr(analyst) and "Silva" not in repr(analyst)
    )


def test_without_the_crosswalk_no_record_name_is_told(hub: Hub) -> None:
    ids = fill(hub)
    hidden = someone("no_records")
    found = hub.reader.get_customer(hidden, ids["ana"], lineage=True)
    assert found.records is None and "p1" not in repr(found) and "ana@silva.pt" not in repr(found)
    assert {line.key for p in hub.reader.explain(hidden, ids["ana"]).pairs for line in (p.left, p.right)} == {""}
    with pytest.raises(Forbidden):
        hub.reader.crosswalk(hidden, id=ids["ana"])


def test_lineage_is_of_visible_attributes_and_losers_are_seen_as_winners(hub: Hub) -> None:
    ids = fill(hub, crm={"first": "Anna"})
    lineage = hub.reader.get_customer(NARROW, ids["ana"], lineage=True).lineage
    assert lineage is not None and set(lineage) == {"given_name", "family_name", "email", "address"}
    assert [v["value"] for v in lineage["given_name"]["won"]] == ["Ana"] and [
        v["value"] for v in lineage["given_name"]["lost"]
    ] == ["Anna"]
    masked = hub.reader.get_customer(someone("no_records"), ids["ana"], lineage=True).lineage
    assert masked is not None and "silva" not in repr(masked["email"])


def test_an_incomplete_view_gets_no_weight(hub: Hub) -> None:
    ids = fill(hub)
    whole, part = hub.reader.explain(STEWARD, ids["ana"]), hub.reader.explain(NARROW, ids["ana"])
    assert whole.complete and whole.pairs[0].weight is not None
    assert not part.complete and part.pairs[0].weight is None
    assert {p.comparison for p in part.pairs[0].parts}.isdisjoint({"national_id", "birth_date", "phone"})


# --- search -----------------------------------------------------------------------------------------


def test_only_what_is_shown_is_searched(hub: Hub) -> None:
    ids = fill(hub)
    assert [f.id for f in hub.reader.search(STEWARD, "PT77001").data] == [ids["ana"]]
    assert hub.reader.search(NARROW, "PT77001").data == ()
    service = someone("customer_service")  # sees a masked national id
    assert hub.reader.search(service, "PT77001").data == () and hub.reader.search(service, "1980-05-17").data == ()
    with pytest.raises(Unprocessable) as hidden:
        hub.reader.search(NARROW, "x", attributes=["national_id"])
    with pytest.raises(Unprocessable) as unknown:
        hub.reader.search(NARROW, "x", attributes=["no_such"])
    assert repr(hidden.value.faults) == repr(unknown.value.faults)


def test_customers_with_most_matching_attributes_come_first(hub: Hub) -> None:
    ids = fill(hub, bo={"last": "Mendes", "town": "Silva"}, ana={"town": "Silva"})
    assert [f.id for f in hub.reader.search(STEWARD, "silva").data] == [ids["ana"], ids["bo"]]
    assert hub.reader.search(STEWARD, "silva").data[0].matched == ("address", "family_name")


def test_pages_hold_each_customer_once(hub: Hub) -> None:
    fill(hub)
    for words in ("", "de"):
        seen: list[str] = []
        cursor = None
        while True:
            page = hub.reader.search(STEWARD, words, limit=1, cursor=cursor)
            seen += [f.id for f in page.data]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) and set(seen) == {f.id for f in hub.reader.search(STEWARD, words).data}


def test_a_cursor_opens_nothing_but_the_question_it_came_from(hub: Hub) -> None:
    fill(hub)
    cursor = hub.reader.search(STEWARD, limit=1).next_cursor
    assert cursor is not None
    for ask in (
        lambda: hub.reader.search(NARROW, limit=1, cursor=cursor),
        lambda: hub.reader.search(STEWARD, "ana", cursor=cursor),
        lambda: hub.reader.changes(STEWARD, cursor=cursor),
        lambda: hub.reader.search(STEWARD, cursor="x" + cursor[1:]),
        lambda: hub.reader.search(STEWARD, cursor="ü"),
        lambda: hub.reader.search(STEWARD, cursor="A"),
    ):
        with pytest.raises(BadRequest):
            ask()


# --- ids ---------------------------------------------------------------------------------------------


def test_every_id_ever_minted_leads_to_its_customer_in_one_hop_or_is_gone(hub: Hub) -> None:
    ids = fill(hub)
    with hub.database.read() as connection:
        crm = record_named(connection, RecordId("crm", "people", "p1"))
    assert crm is not None and crm.mint != ids["ana"]
    assert hub.reader.get_customer(STEWARD, crm.mint).id == ids["ana"]
    number = Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"),
        RecordId("crm", "people", "p1"),
        Verdict.NO_MATCH,
        by="eve",
        reason="two people",
    )
    assert hub.reader.get_customer(STEWARD, crm.mint).id == crm.mint
    Steward(hub.resolver).withdraw(number, by="eve", why="a slip")
    assert hub.reader.get_customer(STEWARD, crm.mint).id == ids["ana"]
    hub.resolver.delete("billing", "customers", "1")
    hub.resolver.delete("crm", "people", "p1")
    for id in (ids["ana"], crm.mint):
        with pytest.raises(Gone) as gone:
            hub.reader.get_customer(STEWARD, id)
        assert "Silva" not in repr((str(gone.value), gone.value.faults))


def test_the_crosswalk_goes_both_ways(hub: Hub) -> None:
    ids = fill(hub)
    by_record, by_id = (
        hub.reader.crosswalk(STEWARD, record=RecordId("crm", "people", "p1")),
        hub.reader.crosswalk(STEWARD, id=ids["ana"]),
    )
    assert by_record == by_id and by_id.records == (
        RecordId("billing", "customers", "1"),
        RecordId("crm", "people", "p1"),
    )


# --- ETags -------------------------------------------------------------------------------------------


def test_the_etag_moves_with_what_is_shown_and_with_nothing_else(hub: Hub) -> None:
    ids = fill(hub)
    narrow, steward = hub.reader.get_customer(NARROW, ids["ana"]), hub.reader.get_customer(STEWARD, ids["ana"])
    later(hub)
    hub.resolver.upsert("billing", "customers", [{**ANA, "tax": "T-999", "updated": "2026-02-01T00:00:00Z"}])
    assert hub.reader.get_customer(NARROW, ids["ana"]) == narrow
    assert hub.reader.get_customer(STEWARD, ids["ana"]).etag != steward.etag
    hub.resolver.upsert("billing", "customers", [{**ANA, "town": "Porto", "updated": "2026-03-01T00:00:00Z"}])
    assert hub.reader.get_customer(NARROW, ids["ana"]).etag != narrow.etag
    assert hub.reader.get_customer(NARROW, ids["ana"]).version == narrow.version + 1


def test_a_write_needs_the_etag_of_what_its_writer_sees(hub: Hub) -> None:
    ids = fill(hub)
    with pytest.raises(PreconditionRequired):
        hub.reader.expect(STEWARD, ids["ana"], None)
    with pytest.raises(Stale):
        hub.reader.expect(STEWARD, ids["ana"], hub.reader.get_customer(NARROW, ids["ana"]).etag)
    for lineage in (False, True):
        assert (
            hub.reader.expect(
                STEWARD, ids["ana"], hub.reader.get_customer(STEWARD, ids["ana"], lineage=lineage).etag
            ).id
            == ids["ana"]
        )


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["steward", "narrow", "analyst"])
def test_what_was_served_then_is_served_again(hub: Hub, role: str) -> None:
    ids = fill(hub)
    asker = someone(role)
    before, seen = later(hub), hub.reader.get_customer(asker, ids["ana"], lineage=True)
    hub.resolver.upsert(
        "billing",
        "customers",
        [{**ANA, "first": "Anabela", "mail": "neu@silva.pt", "town": "Porto", "updated": "2026-02-01T00:00:00Z"}],
    )
    middle, changed = later(hub), hub.reader.get_customer(asker, ids["ana"], lineage=True)
    Steward(hub.resolver).override(ids["ana"], "email", ("set@by.hand",), by="eve", reason="called")
    by_hand_at, by_hand = later(hub), hub.reader.get_customer(asker, ids["ana"], lineage=True)
    Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"), RecordId("crm", "people", "p1"), Verdict.NO_MATCH, by="eve", reason="two"
    )
    Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"),
        RecordId("billing", "customers", "2"),
        Verdict.MATCH,
        by="eve",
        reason="one",
    )
    for at, then in ((before, seen), (middle, changed), (by_hand_at, by_hand)):
        assert hub.reader.get_customer(asker, ids["ana"], lineage=True, known_at=at) == then
    assert seen.etag != changed.etag


def test_a_merged_customer_can_still_be_asked_for_as_it_was(hub: Hub) -> None:
    ids = fill(hub)
    before, bo = later(hub), hub.reader.get_customer(STEWARD, ids["bo"])
    Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"),
        RecordId("billing", "customers", "2"),
        Verdict.MATCH,
        by="eve",
        reason="one",
    )
    after = later(hub)
    assert hub.reader.get_customer(STEWARD, ids["bo"]).id == ids["ana"]
    assert hub.reader.get_customer(STEWARD, ids["bo"], known_at=before) == bo
    assert hub.reader.get_customer(STEWARD, ids["bo"], known_at=after).id == ids["ana"]
    with pytest.raises(NotFound):
        hub.reader.get_customer(STEWARD, ids["bo"], known_at=START - SECOND)
    hub.resolver.delete("billing", "customers", "2")
    hub.resolver.delete("billing", "customers", "1")
    hub.resolver.delete("crm", "people", "p1")
    gone = later(hub)
    with pytest.raises(Gone):
        hub.reader.get_customer(STEWARD, ids["bo"], known_at=gone)
    assert hub.reader.get_customer(STEWARD, ids["bo"], known_at=before) == bo


def test_as_of_is_survivorship_over_what_was_in_effect(hub: Hub) -> None:
    ids = fill(hub)
    Steward(hub.resolver).override(
        ids["ana"], "email", ("soon@gone.pt",), by="eve", reason="a week", until=START + 7 * 86_400 * SECOND
    )
    now, next_month = (
        hub.reader.get_customer(STEWARD, ids["ana"]),
        hub.reader.get_customer(STEWARD, ids["ana"], as_of=START + 30 * 86_400 * SECOND),
    )
    assert now.values["email"] == ["soon@gone.pt"] and next_month.values["email"] == [
        "ana@silva.pt",
        "ana.silva@example.com",
    ]
    assert hub.reader.get_customer(STEWARD, ids["ana"], as_of=START + 1000 * SECOND).values == now.values


def test_as_of_with_the_knowledge_of_then(hub: Hub) -> None:
    ids = fill(hub)
    then, seen = later(hub), hub.reader.get_customer(STEWARD, ids["ana"])
    hub.resolver.upsert("billing", "customers", [{**ANA, "town": "Porto", "updated": "2026-02-01T00:00:00Z"}])
    Steward(hub.resolver).override(ids["ana"], "email", ("set@by.hand",), by="eve", reason="called")
    known = hub.reader.get_customer(STEWARD, ids["ana"], as_of=then, known_at=then, lineage=True)
    assert known.values == seen.values
    assert hub.reader.get_customer(STEWARD, ids["ana"], as_of=then).values["address"]["city"] == "Porto"


def test_history_tells_the_changes_that_the_view_shows(hub: Hub) -> None:
    ids = fill(hub)
    hub.resolver.upsert("billing", "customers", [{**ANA, "tax": "T-999", "updated": "2026-02-01T00:00:00Z"}])
    hub.resolver.upsert(
        "billing", "customers", [{**ANA, "tax": "T-999", "town": "Porto", "updated": "2026-03-01T00:00:00Z"}]
    )
    steward, narrow = hub.reader.history(STEWARD, ids["ana"]).data, hub.reader.history(NARROW, ids["ana"]).data
    assert [v.attributes for v in steward[2:]] == [("tax_id",), ("address",)] and [
        v.attributes for v in narrow[2:]
    ] == [("address",)]
    assert [v.version for v in narrow] == [1, 2, 3] and narrow[-1].values == hub.reader.get_customer(
        NARROW, ids["ana"]
    ).values
    first = hub.reader.history(NARROW, ids["ana"], limit=1)
    assert hub.reader.history(NARROW, ids["ana"], limit=2, cursor=first.next_cursor).data == narrow[1:]


# --- changes -----------------------------------------------------------------------------------------


def test_a_feed_tells_every_change_once_and_only_those_of_its_view(hub: Hub) -> None:
    ids = fill(hub)
    told_: dict[str, list[str]] = {}
    for asker in (STEWARD, NARROW):
        cursor, found = None, []
        while page := hub.reader.changes(asker, cursor=cursor, limit=1):
            cursor = page.next_cursor
            if not page.data:
                break
            found += [c.id for c in page.data]
        hub.resolver.upsert(
            "billing",
            "customers",
            [{**ANA, "tax": f"T-{asker.role}", "updated": f"2026-02-0{len(told_) + 1}T00:00:00Z"}],
        )
        more = hub.reader.changes(asker, cursor=cursor)
        assert len(more.data) == (asker is STEWARD) and len(set(found)) == len(found)
        assert asker is STEWARD or more.next_cursor == cursor  # a hidden change leaves no trace in the cursor
        told_[asker.role] = found
    last = hub.reader.changes(STEWARD).data[-1]
    assert (last.customer, last.type, last.attributes) == (ids["ana"], "updated", ("tax_id",))
    assert last.data == hub.reader.get_customer(STEWARD, ids["ana"])._replace(etag="")  # the feed gives no ETag


@pytest.mark.parametrize("asker", [STEWARD, NARROW], ids=["steward", "narrow"])
def test_a_change_is_told_alike_on_whatever_page_it_comes_and_whatever_is_remembered(
    hub: Hub, asker: Principal
) -> None:
    ids = fill(hub)
    for n, said in enumerate(("tax", "town", "town", "tax", "town"), 1):  # what both see, and what one of them does not
        hub.resolver.upsert("billing", "customers", [{**ANA, said: f"T-{n}", "updated": f"2026-02-0{n}T00:00:00Z"}])
    now = hub.reader.get_customer(asker, ids["ana"])
    read = []
    for limit in (200, 1, 2, 3, 1):
        cursor, found = None, []
        while (page := hub.reader.changes(asker, cursor=cursor, limit=limit)).data:
            cursor, found = page.next_cursor, [*found, *page.data]
        read.append(found)
    assert all(found == read[0] for found in read)
    own = [c for c in read[0] if c.customer == ids["ana"]]
    assert [c.version for c in own] == list(range(1, now.version + 1))
    assert {c.data.version for c in own if c.data} == {now.version}


def test_a_subscriber_that_keeps_the_highest_version_has_what_the_hub_shows(hub: Hub) -> None:
    fill(hub)
    Steward(hub.resolver).decide(
        RecordId("billing", "customers", "1"),
        RecordId("billing", "customers", "2"),
        Verdict.MATCH,
        by="eve",
        reason="one",
    )
    hub.resolver.upsert("billing", "customers", [{**ANA, "town": "Porto", "updated": "2026-02-01T00:00:00Z"}])
    hub.resolver.delete("crm", "companies", "c1")
    for asker in (STEWARD, NARROW, someone("web")):
        kept = {}
        for change in sorted(hub.reader.changes(asker, limit=200).data, key=lambda c: c.version):
            kept[change.customer] = change.data
        listed = {f.id: f.values for f in hub.reader.search(asker).data}
        assert {id: c.values for id, c in kept.items() if c} == listed


# --- evidence ----------------------------------------------------------------------------------------


def test_reviews_are_only_for_those_who_see_what_is_compared(hub: Hub) -> None:
    fill(hub)
    hub.resolver.upsert(
        "web",
        "signups",
        [{"id": "w1", "first": "Ana", "last": "Silva", "mail": "ana@silva.pt", "updated": "2026-01-05T00:00:00Z"}],
    )
    open_ = hub.reader.reviews(STEWARD).data
    assert hub.reader.reviews(NARROW).data == ()
    for review in open_:
        assert review.left.customer != review.right.customer and review.pair.weight is not None
        Steward(hub.resolver).decide(
            review.left.record, review.right.record, Verdict.UNSURE, by="eve", reason="cannot tell"
        )
    assert hub.reader.reviews(STEWARD).data == ()


# --- audit -------------------------------------------------------------------------------------------


def test_each_sight_leaves_a_line_without_values(hub: Hub) -> None:
    ids = fill(hub)
    hub.reader.get_customer(NARROW, ids["ana"])
    hub.reader.search(STEWARD, "silva")
    hub.reader.changes(STEWARD)
    lines = list(read_lines(audit_path(hub.audit.path.parent)))
    assert [(line["action"], line["role"]) for line in lines] == [
        ("get", "narrow"),
        ("search", "steward"),
        ("changes", "steward"),
    ]
    assert lines[0]["customers"] == [ids["ana"]] and lines[0]["attributes"] == [
        "address",
        "email",
        "family_name",
        "given_name",
    ]
    text = hub.audit.path.read_text(encoding="utf-8") + head_path(hub.audit.path).read_text(encoding="utf-8")
    assert not any(value in text for value in (ANA["last"], ANA["mail"], ANA["nid"], BO["last"], ANA_IN_CRM["mail"]))
    assert verify_chain(hub.audit.path, derive(SECRET.encode(), "audit")).ok


def test_an_answer_that_cannot_be_audited_is_not_given(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(hub)

    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        hub.reader.get_customer(STEWARD, ids["ana"])


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    first = hub_secret(tmp_path / "data", {})
    assert hub_secret(tmp_path / "data", {}) == first and (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600
    assert hub_secret(tmp_path, {"HUB_SECRET": "x" * 32}) == b"x" * 32


def test_what_the_secret_was_before_is_known(tmp_path: Path) -> None:
    own, given = hub_secret(tmp_path, {}), {"HUB_SECRET": "x" * 32}
    assert former_secrets(tmp_path, {}) == []
    assert former_secrets(tmp_path, given) == [own]  # the folder's own was replaced
    assert former_secrets(tmp_path, {**given, "HUB_SECRET_PREVIOUS": "a b"}) == [b"a", b"b", own]
