"""A customer outside a view's rows is answered as one that nobody minted, whatever asks and whatever became of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.access.authentication.principals import Principal
from hub.access.export import export_rows
from hub.access.policy.rows import HeldTerm, Standpoint, held_terms, told, within
from hub.access.previews import see_preview
from hub.errors import HubError
from hub.golden_record.search_terms import tokens
from hub.model import RecordId, Verdict, from_plain
from hub.open import Hub
from hub.settings.access import RowLimits
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts
from tests.access.population import ANA, BO, SECOND, TestClock, fill
from tests.steward import Steward


def someone(role: str) -> Principal:
    return Principal(f"key-of-{role}", role, "staff", role)


LISBON, CONTACTS, OF_CRM = someone("lisbon"), someone("lisbon_contacts"), someone("of_crm")
BILLED = RecordId("billing", "customers", "2")


def refused(ask: Callable[[], object]) -> tuple[str, str, str]:
    with pytest.raises(HubError) as found:
        ask()
    return type(found.value).__name__, str(found.value), repr(getattr(found.value, "faults", ""))


def later(hub: Hub, seconds: int = 60) -> int:
    assert isinstance(hub.database.clock, TestClock)
    hub.database.clock.at += seconds * SECOND
    return hub.database.clock.at - SECOND


def doors(hub: Hub, principal: Principal, id: str) -> list[Callable[[], object]]:
    reader = hub.reader
    return [
        partial(reader.get_customer, principal, id),
        partial(reader.get_customer, principal, id, known_at=hub.database.clock.now()),
        partial(reader.get_customer, principal, id, as_of=hub.database.clock.now()),
        partial(reader.history, principal, id),
        partial(reader.explain, principal, id),
        partial(reader.records, principal, id),
        partial(reader.crosswalk, principal, id=id),
        partial(reader.type_of, principal, id),
        partial(reader.expect, principal, id, "*"),
    ]


def same_as_unknown(hub: Hub, id: str) -> None:
    for asked, unknown in zip(doors(hub, LISBON, id), doors(hub, LISBON, "cus_unheard_of"), strict=True):
        assert refused(asked) == refused(unknown)


def move(hub: Hub, row: dict[str, str], town: str, month: int, **more: str) -> None:
    later(hub)
    hub.resolver.upsert(
        "billing", "customers", [{**row, "town": town, **more, "updated": f"2026-{month:02d}-01T00:00:00Z"}]
    )


def test_every_door_answers_as_for_an_unknown_id(hub: Hub) -> None:
    ids = fill(hub)
    assert hub.reader.get_customer(LISBON, ids["ana"]).values["given_name"]
    same_as_unknown(hub, ids["bo"])
    assert not hub.reader.knows_id(LISBON, ids["bo"]) and hub.reader.shown_version(LISBON, ids["bo"]) is None
    unknown = RecordId("billing", "customers", "none")
    for ask in (
        lambda r: hub.reader.crosswalk(LISBON, record=r),
        lambda r: hub.reader.must_see(LISBON, r, "/left"),
    ):
        assert refused(partial(ask, BILLED)) == refused(partial(ask, unknown))
    assert hub.reader.homes(LISBON, [BILLED]) == []


def test_lists_searches_exports_and_the_feed_hold_the_rows_alone(hub: Hub) -> None:
    ids = fill(hub)
    assert [c.id for c in hub.reader.search(LISBON).data] == [ids["ana"]]
    assert hub.reader.search(LISBON, "müller").data == ()
    assert {d.customer for d in hub.reader.changes(LISBON).data} == {ids["ana"]}
    _, rows = export_rows(hub.reader, LISBON, "person")
    assert [row["id"] for row in rows] == [ids["ana"]]
    assert {c.id for c in hub.reader.search(OF_CRM).data} == {ids["ana"], ids["acme"]}


def test_pages_do_not_tell_how_many_lie_outside(hub: Hub) -> None:
    fill(hub)
    for n in range(12):
        hub.resolver.upsert(
            "billing", "customers", [{"id": f"x{n}", "first": "Eva", "last": f"Other{n}", "town": "Lisboa" if n % 5 == 0 else "Faro",
                                      "mail": f"eva{n}@example.org", "updated": "2026-01-01T00:00:00Z"}]
        )  # fmt: skip
    met, cursor = [], None
    while True:
        page = hub.reader.search(LISBON, "eva", limit=1, cursor=cursor)
        met += [c.id for c in page.data]
        assert len(page.data) == 1
        if (cursor := page.next_cursor) is None:
            break
    assert len(met) == len(set(met)) == 3


@pytest.mark.parametrize("principal", [LISBON, CONTACTS])
def test_a_customer_that_leaves_and_comes_back_has_left_and_entered(hub: Hub, principal: Principal) -> None:
    ids = fill(hub)
    inside = later(hub)
    move(hub, ANA, "Porto", 2)
    outside = later(hub)
    if principal is LISBON:
        same_as_unknown(hub, ids["ana"])
    assert hub.reader.changes(principal).data[-1].type == "left"
    assert all(change.data is None for change in hub.reader.changes(principal).data)
    move(hub, ANA, "Porto", 3, mail="other@example.org")
    move(hub, ANA, "Lisboa", 4)
    changes = hub.reader.changes(principal).data
    assert [c.type for c in changes][-2:] == ["left", "entered"]
    assert changes[-2].attributes == () and set(changes[-1].attributes) >= {"given_name", "email"}
    assert hub.reader.get_customer(principal, ids["ana"], known_at=inside)
    unknown = refused(partial(hub.reader.get_customer, principal, "cus_unheard_of", known_at=outside))
    assert refused(partial(hub.reader.get_customer, principal, ids["ana"], known_at=outside)) == unknown
    versions = hub.reader.history(principal, ids["ana"]).data
    assert [v.type for v in versions][-2:] == ["left", "entered"]
    assert versions[-2].values is None and "other@example.org" not in repr(versions)


def test_a_preview_tells_a_merge_with_who_is_outside_as_the_feed_does(hub: Hub) -> None:
    ids = fill(hub)
    act = Merge(ids["ana"], ids["bo"])
    seen = see_preview(hub.reader, CONTACTS, Acts(hub.resolver).preview(act, by="eve", reason="one person"))
    later(hub)
    before = {c.id for c in hub.reader.changes(CONTACTS).data}
    Acts(hub.resolver).do(act, by="eve", reason="one person")
    followed = [c for c in hub.reader.changes(CONTACTS).data if c.id not in before]
    assert [(c.type, c.customer, c.other) for c in seen.changes] == [(c.type, c.customer, c.other) for c in followed]
    assert {c.type for c in seen.changes} <= {"updated"}
    assert ids["bo"] not in repr(seen)
    assert "Müller" not in repr(seen.before)


def test_who_joined_from_outside_is_not_named(hub: Hub) -> None:
    ids = fill(hub)
    Steward(hub.resolver).decide(RecordId("billing", "customers", "1"), BILLED, Verdict.MATCH, by="eve", reason="r")
    assert (
        hub.reader.changes(someone("steward")).data[-1].other or hub.reader.changes(someone("steward")).data[-2].other
    )
    now = hub.reader.changes(CONTACTS).data
    assert {c.customer for c in now} == {ids["ana"]} and all(ids["bo"] not in c.other for c in now)
    assert {c.type for c in now} <= {"created", "updated", "left"}


def test_a_customer_that_is_gone_is_gone_only_for_those_who_had_it(hub: Hub) -> None:
    ids = fill(hub)
    hub.resolver.delete("billing", "customers", "2")
    assert refused(partial(hub.reader.get_customer, someone("steward"), ids["bo"]))[0] == "Gone"
    same_as_unknown(hub, ids["bo"])
    move(hub, {**BO, "id": "9", "mail": "c@example.org", "phone": "", "nid": "", "first": "Caio"}, "Lisboa", 5)
    id = hub.reader.crosswalk(LISBON, record=RecordId("billing", "customers", "9")).customer
    hub.resolver.delete("billing", "customers", "9")
    assert refused(partial(hub.reader.get_customer, LISBON, id))[0] == "Gone"


def test_a_decision_on_records_outside_is_no_decision(hub: Hub) -> None:
    fill(hub)
    Steward(hub.resolver).decide(RecordId("billing", "customers", "1"), BILLED, Verdict.NO_MATCH, by="eve", reason="r")
    withdraw = partial(hub.reader.must_see_decision, LISBON)
    assert refused(partial(withdraw, 1)) == refused(partial(withdraw, 999))
    hub.reader.must_see_decision(someone("steward"), 1)


# --- the pure part ----------------------------------------------------------------------------------


def test_conditions_hold_together_and_a_value_of_many_is_enough() -> None:
    rows = RowLimits(sources=("crm",), where={"language": ("pt", "es"), "address.city": ("Lisboa",)})
    values = {"language": ["en", "pt"], "address": [{"city": "LISBOA"}, {"city": "Faro"}]}
    assert within(rows, values, {"crm", "web"})
    assert not within(rows, values, {"web"})
    assert not within(rows, {**values, "language": []}, {"crm"})
    assert not within(rows, {**values, "address": [{"town": "Lisboa"}]}, {"crm"})


sides = st.sampled_from([Standpoint(False, False), Standpoint(True, False), Standpoint(True, True)])
kinds = st.sampled_from(["created", "updated", "merged", "split", "retired"])


@given(kinds, st.lists(st.sampled_from("ab")), sides, sides, st.sets(st.sampled_from("ab")))
def test_nothing_of_a_state_outside_is_told(
    kind: str, others: list[str], before: Standpoint, after: Standpoint, known: set[str]
) -> None:
    read = told(kind, ("changed",), others, before, after, known, ("held",))
    assert (read is None) == (not before.within and not after.within)
    if read is not None:
        assert set(read[2]) <= known
        if not (before.within and after.within):
            assert "changed" not in read[1]


def test_a_subscriber_is_sent_what_the_feed_would_tell(hub: Hub) -> None:
    ids = fill(hub)
    move(hub, ANA, "Porto", 6)
    move(hub, ANA, "Lisboa", 7)
    with hub.database.read() as connection:
        seqs = [r[0] for r in connection.exec_driver_sql("SELECT seq FROM change ORDER BY seq")]
    sent = list(hub.reader.told(LISBON, seqs).values())
    assert [(c.id, c.type) for c in sent] == [(c.id, c.type) for c in hub.reader.changes(LISBON, limit=200).data]
    assert {c.customer for c in sent} == {ids["ana"]}
    assert [c.data is None for c in sent if c.type == "left"] == [True]
    assert "Porto" not in repr(sent)


KINDS_OF = {"family_name": "family_name", "address": "postal_address", "tax_id": "identifier", "occupation": "text"}
towns = st.sampled_from(["Lisboa", "LISBOA", "São Pedro", "SÃO PEDRO", "Weiße Stadt", "WEISSE Stadt", "İzmir", "北京", "🙂", "ΣΊΓΜΑΣ", "-"])  # fmt: skip
said = st.one_of(towns, st.text(min_size=1, max_size=12))
names = st.sampled_from(["family_name", "address.city", "address.postcode", "tax_id", "occupation"])


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text ever drawn makes tables
@given(where=st.dictionaries(names, st.lists(said, min_size=1, max_size=3).map(tuple), max_size=3), data=st.data())
def test_whoever_is_within_the_rows_is_found_by_the_terms_that_narrow_them(
    where: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    rows = RowLimits(where=where)
    values: dict[str, list[object]] = {}
    for name, wanted in where.items():
        attribute, _, part = name.partition(".")
        text = data.draw(st.sampled_from(wanted)).swapcase() if data.draw(st.booleans()) else wanted[0]
        address = values.setdefault(attribute, [{}])[0]
        values[attribute] = [{**address, part: text} if part and isinstance(address, dict) else text]
    if within(rows, values, ()):
        for term in held_terms(rows, KINDS_OF):
            found = {t for v in values[term.attribute] for t in tokens(KINDS_OF[term.attribute], from_plain(v))}
            assert found & set(term.tokens), (term, found)


def test_conditions_on_what_nobody_searches_by_narrow_nothing() -> None:
    assert held_terms(RowLimits(where={"occupation": ("baker",), "address.country": ("PT",)}), KINDS_OF) == ()
    assert held_terms(RowLimits(where={"address.city": ("São Pedro", "Faro")}), KINDS_OF) == (
        HeldTerm("address", ("faro", "saopedro")),
    )
