"""Snapshot and tail: together the state, whatever is written meanwhile; nothing missed, nothing twice."""

from __future__ import annotations

import os
import random
import threading
from contextlib import suppress
from typing import Any

import pytest

from hub.access import snapshots
from hub.access.authentication.principals import Principal
from hub.access.snapshots import Selection, Snapshots
from hub.errors import BadRequest, Forbidden, Refused, RetryLater, Unprocessable
from hub.model import RecordId, Verdict
from hub.open import Hub
from tests.access.population import ANA, fill
from tests.steward import Steward

COUNT = max(2, int(os.environ.get("HUB_EXAMPLES", "12")) // 4)  # each example is hundreds of writes
ROLES = ("steward", "narrow", "no_records", "lisbon", "of_crm", "marketing")
TOWNS = ("Lisboa", "Porto")
NAMES = ("Ana", "Eva", "Ida")


def asker(role: str) -> Principal:
    return Principal("p", "p", "staff", role)


def taken(hub: Hub, role: str, **selection: Any) -> tuple[dict[str, Any], list[Any], str]:
    found: dict[str, Any] = {}
    missing: list[Any] = []
    for page in Snapshots(hub.reader).take(asker(role), Selection(**selection)):
        assert not found.keys() & {c.id for c in page.customers}
        found.update({c.id: c for c in page.customers})
        missing += page.missing
        cursor = page.cursor
    assert cursor
    return found, missing, cursor


def now(hub: Hub, role: str) -> dict[str, Any]:
    """All customers by the other door."""
    found: dict[str, Any] = {}
    cursor = None
    while True:
        page = hub.reader.search(asker(role), limit=200, cursor=cursor)
        found.update({f.id: hub.reader.get_customer(asker(role), f.id).values for f in page.data})
        cursor = page.next_cursor
        if cursor is None:
            return found


def write(hub: Hub, dice: random.Random) -> None:
    key = str(dice.randrange(6))
    version = f"2026-03-01T00:00:{dice.randrange(60):02}Z"
    row = {**ANA, "id": key, "updated": version, "first": dice.choice(NAMES), "town": dice.choice(TOWNS)}
    row |= {"mail": f"m{dice.randrange(3)}@x.example", "nid": f"N{dice.randrange(3)}", "tax": f"T{dice.randrange(3)}"}
    with suppress(Refused):  # of a record that did not come yet, or was deleted
        match dice.randrange(5):
            case 0:
                hub.resolver.delete("billing", "customers", key)
            case 1:
                a, b = (RecordId("billing", "customers", str(n)) for n in dice.sample(range(6), 2))
                Steward(hub.resolver).decide(a, b, dice.choice((Verdict.MATCH, Verdict.NO_MATCH)), by="x", reason="")
            case _:
                hub.resolver.upsert("billing", "customers", [row])


@pytest.mark.parametrize("seed", range(COUNT))
def test_snapshot_and_tail_are_the_state_while_others_write(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(snapshots, "PAGE", 2)
    fill(hub)
    dice = random.Random(seed)
    for _ in range(15):
        write(hub, dice)
    ended = threading.Event()

    def writer(number: int) -> None:
        own = random.Random(f"{seed}/{number}")
        while not ended.is_set():
            write(hub, own)

    writers = [threading.Thread(target=writer, args=(n,), daemon=True) for n in range(2)]
    for one in writers:
        one.start()
    begun = {role: taken(hub, role) for role in ROLES}
    ended.set()
    for one in writers:
        one.join(60)
    for role, (customers, _, cursor) in begun.items():
        state = {id: c.values for id, c in customers.items()}
        version = {id: c.version for id, c in customers.items()}
        while (page := hub.reader.changes(asker(role), cursor=cursor)).data:
            cursor = page.next_cursor or ""
            for change in page.data:
                if change.customer in version:
                    assert change.version == version[change.customer] + 1, role  # none missed, none twice
                version[change.customer] = change.version
                state.pop(change.customer, None)
                if change.data is not None:
                    state[change.customer] = change.data.values
        assert state == now(hub, role), role


def test_a_selection_is_of_what_the_view_shows(hub: Hub) -> None:
    ids = fill(hub)
    assert set(taken(hub, "steward")[0]) == set(ids.values())
    assert set(taken(hub, "steward", types=("organisation",))[0]) == {ids["acme"]}
    assert set(taken(hub, "steward", where={"address.city": ("Lisboa", "Faro")})[0]) == {ids["ana"]}
    assert set(taken(hub, "lisbon")[0]) == {ids["ana"]}
    record, nobody = RecordId("crm", "people", "p1"), RecordId("crm", "people", "p9")
    found, missing, _ = taken(hub, "steward", asked=(ids["ana"], record, nobody, "cus_x", ids["bo"]))
    assert (set(found), missing) == ({ids["ana"], ids["bo"]}, [nobody, "cus_x"])
    assert taken(hub, "lisbon", asked=(ids["bo"], "cus_x"))[1] == [ids["bo"], "cus_x"]
    for role, refused in {
        "no_records": {"where": {"email": ("ana@silva.pt",)}},  # masked: trying values would unmask them
        "shipping": {"where": {"national_id": ("PT-77001",)}},
        "marketing": {"types": ("nobody",)},
    }.items():
        with pytest.raises(Unprocessable):
            taken(hub, role, **refused)
    with pytest.raises(Forbidden):
        taken(hub, "marketing", asked=(record,))


def test_a_snapshot_is_as_fresh_as_the_token_of_a_write(hub: Hub) -> None:
    fill(hub)
    take = Snapshots(hub.reader).take
    first, second = hub.reader.position(), hub.reader.position()
    assert first != second  # it cannot be compared, so it does not count changes
    assert list(take(asker("steward"), Selection(), at_least=first))
    with pytest.raises(BadRequest):
        list(take(asker("steward"), Selection(), at_least="x"))
    with hub.database.unit() as connection:  # a backup was restored
        connection.exec_driver_sql("DELETE FROM change WHERE seq > 1")
    with pytest.raises(RetryLater):
        list(take(asker("steward"), Selection(), at_least=first))


def test_who_answers_for_privacy_has_those_too_who_are_restricted(hub: Hub) -> None:
    ids = fill(hub)
    hub.requests.restrict(ids["ana"], by="o")
    assert ids["ana"] in taken(hub, "privacy_officer")[0] and ids["ana"] not in taken(hub, "steward")[0]
