"""The bulk path: differences, components, and what moves while it runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from hub.db import Database
from hub.golden_record import run as golden_run
from hub.landing.store import Incoming
from hub.matching.clusters.cluster import Limits, cluster
from hub.matching.clusters.whole_type import _components, _whole
from hub.model import Pair, RecordId, Verdict
from hub.resolve import bulk
from hub.resolve.backlog import Report
from hub.resolve.bulk import Bulk, difference
from hub.resolve.resolver import Resolver
from tests import tiny
from tests.conftest import empty
from tests.promises.test_promises import Hub, commands, land_pending, rows
from tests.promises.test_undo import Desk

COUNT = int(os.environ.get("HUB_EXAMPLES", "12")) * 5  # pure, so cheap
some = settings(max_examples=COUNT, deadline=None)
some_hubs = settings(
    max_examples=COUNT // 5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)

Command = tuple[str, Any]

PAIR = pa.schema([("left", pa.int64()), ("right", pa.int64()), ("weight", pa.int64()), ("parts", pa.string())])


def pairs(rows: dict[tuple[int, int], int]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"left": a, "right": b, "weight": w, "parts": f"[{w}]"} for (a, b), w in rows.items()], PAIR
    )


# --- pure parts -------------------------------------------------------------------------------------------

tables = st.dictionaries(st.tuples(st.integers(1, 3), st.integers(4, 6)), st.integers(0, 2), max_size=6)


@some
@given(tables, tables)
def test_taking_away_and_adding_the_differences_gives_the_new_table(
    old: dict[tuple[int, int], int], new: dict[tuple[int, int], int]
) -> None:
    gone, added = difference(pairs(old), pairs(new))
    assert {(r["left"], r["right"]): r["weight"] for r in gone.to_pylist()} == {
        k: w for k, w in old.items() if new.get(k) != w
    }
    assert {(r["left"], r["right"]): r["weight"] for r in added.to_pylist()} == {
        k: w for k, w in new.items() if old.get(k) != w
    }
    names = [(r["left"], r["right"]) for r in added.to_pylist()]
    assert not old or names == sorted(names)


@some
@given(st.lists(st.integers(1, 9), unique=True), st.data())
def test_components_are_those_of_a_naive_union(rids: list[int], data: st.DataObject) -> None:
    rids = sorted(rids)
    edges = data.draw(st.lists(st.tuples(st.sampled_from(rids), st.sampled_from(rids)), max_size=8)) if rids else []
    homes = {r: {r} for r in rids}
    for a, b in edges:
        union = homes[a] | homes[b]
        homes.update(dict.fromkeys(union, union))
    left, right = (np.array([e[i] for e in edges], dtype=np.int64) for i in (0, 1))
    found = _components(np.array(rids, dtype=np.int64), left, right).tolist()
    assert len(found) == len(rids)
    together = {(a, b) for a, x in zip(rids, found, strict=True) for b, y in zip(rids, found, strict=True) if x == y}
    assert together == {(a, b) for a in rids for b in homes[a]}


@some
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 6), st.integers(1, 6)).filter(lambda p: p[0] < p[1]),
        st.sampled_from([10, 14, 15, 20]),
        max_size=9,
    )
)
def test_what_strong_pairs_hold_together_is_one_cluster(weights: dict[tuple[int, int], int]) -> None:
    names = {n: RecordId("s", "t", str(n)) for n in range(1, 7)}
    rids = np.array(sorted(names), dtype=np.int64)

    def home(least: int) -> Any:
        kept = [p for p, w in weights.items() if w >= least]
        left, right = (np.array([p[i] for p in kept], dtype=np.int64) for i in (0, 1))
        return _components(rids, left, right)

    order = np.argsort(home(10), kind="stable")
    bounds = np.flatnonzero(np.diff(home(10)[order], prepend=-1, append=-1))
    for (start, end), firm in zip(pairwise(bounds.tolist()), _whole(home(15)[order], bounds), strict=True):
        members = [names[n] for n in rids[order][start:end].tolist()]
        inside = {Pair.of(names[a], names[b]): w for (a, b), w in weights.items()}
        found = cluster(members, inside, limits=Limits(join=10, largest=9, component=9, margin=5)).clusters
        assert not firm or found == {frozenset(members)}


# --- what moves meanwhile -----------------------------------------------------------------------------------

B1, B2, B3 = (RecordId("bill", "people", k) for k in "123")
C1, C2, C3 = (RecordId("crm", "people", k) for k in "123")
ANNA = {"given_name": "Anna", "family_name": "Maier", "birth_date": "1980-02-03", "email": "a@x.example"}
OTTO = {"given_name": "Otto", "family_name": "Schulz", "birth_date": "1991-05-06", "email": "b@x.example"}


def land(id: RecordId, row: dict[str, Any], v: int = 1) -> tuple[str, Any]:
    return ("land", (id, {"id": id.key, "v": v, **row}))


FIRST = [
    land(B1, ANNA),
    land(C1, {**ANNA, "given_name": "Ann"}),
    land(B2, OTTO),
    land(B3, {**OTTO, "given_name": "Oto"}),
    ("decide", ((B1, B2), Verdict.MATCH)),
]
PENDING = [
    land(C2, OTTO),
    land(C1, ANNA, 2),
    land(C3, {"given_name": "Hanna", "family_name": "Kurz", "phone": "+4915112345678"}),
    land(B3, {"gone": True}, 2),
]
MEANWHILE: dict[str, list[tuple[str, Any]]] = {
    "a record moves to another customer": [land(C1, OTTO, 3)],
    "a new record joins two": [
        land(RecordId("bill", "people", "4"), {**ANNA, "email": "b@x.example", "phone": "+4915112345678"})
    ],
    "a pending record is deleted": [land(C2, {"gone": True}, 3)],
    "a member is deleted": [land(B1, {"gone": True}, 3)],
    "a dead one returns": [land(B3, OTTO, 4)],
    "a steward keeps two apart": [("decide", ((B1, C1), Verdict.NO_MATCH))],
    "a steward joins two": [("decide", ((C1, C2), Verdict.MATCH))],
    "a steward takes a match back": [("withdraw", 0)],
    "a value is set by hand": [("override", (B1, "given_name", ("Zoe",)))],
    "what a source sent is suspended": [("suspend", "bill")],
}
landings = st.lists(rows().map(lambda r: ("land", r)), min_size=1, max_size=10)
moves = commands.map(
    lambda cs: [c for c in cs if c[0] != "override"]
)  # an override's anchor is chosen by what is resolved then
STEPS = ["standardise", "keys", "pairs", "golden records of person", "heirs"]


class At:
    """Does something once, when the bulk run reaches a step."""

    def __init__(self, step: str, act: Callable[[], None]):
        self.step, self.act, self.reached = step, act, False

    def __call__(self, step: str, done: int, of: int) -> None:
        if step == self.step and not self.reached:
            self.reached = True
            self.act()


# A third of them, and those that once went wrong; all with HUB_PROVE.
CASES = [
    pytest.param(what, step, id=f"{what}-{step}".replace(" ", "-"))
    for i, what in enumerate(MEANWHILE)
    for j, step in enumerate(STEPS)
    if os.environ.get("HUB_PROVE") or (i + j) % 3 == 0 or (i, step) in {(2, "pairs"), (1, "keys")}
]


@pytest.mark.parametrize(("what", "step"), CASES)
def test_what_moves_while_a_bulk_run_is_under_way_is_caught_up_with(database: Database, what: str, step: str) -> None:
    live = Desk(database)
    for command in [*FIRST, *PENDING, *MEANWHILE[what]]:
        live.do(command)
    expected = tiny.nameless(tiny.answer(database))
    hub = Desk(database)
    for command in FIRST:
        hub.do(command)
    land_pending(hub, PENDING)

    def meanwhile() -> None:
        for command in MEANWHILE[what]:
            assert hub.do(command)

    hook = At(step, meanwhile)
    Bulk(hub.resolver, workers=1, progress=hook).run(train=False)
    assert hook.reached
    assert tiny.nameless(tiny.answer(database)) == expected
    hub.check()
    with database.read() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM record WHERE pending = 1").scalar() == 0


def test_the_first_of_two_dies_for_the_bulk_path_and_the_other_shows_its_id(database: Database) -> None:
    hub = Hub(database)
    for command in (land(B1, ANNA), land(C1, ANNA)):
        hub.do(command)
    land_pending(hub, [land(B1, {"gone": True}, 2)])
    Bulk(hub.resolver, workers=1).run(train=False)
    assert [found[2] for found in tiny.answer(database).values()] == [B1]
    hub.check()


def test_what_a_bulk_run_resolved_is_not_left_to_the_live_path(database: Database) -> None:
    hub = Hub(database)
    for command in FIRST:
        hub.do(command)
    land_pending(hub, PENDING)
    assert Bulk(hub.resolver, workers=1).run(train=False).caught_up == 0
    hub.check()


@pytest.mark.parametrize("known", [(), FIRST], ids=["first", "later"])
def test_helping_processes_change_nothing_about_the_answer(
    database: Database, known: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Hub(database)
    for command in [*known, *PENDING]:
        live.do(command)
    expected = tiny.nameless(tiny.answer(database))
    hub = Hub(database)
    for command in known:
        hub.do(command)
    land_pending(hub, PENDING)
    monkeypatch.setattr(bulk, "PARALLEL_FROM", 1)
    assert Bulk(hub.resolver, workers=2).run(train=False).standardised > 0
    assert tiny.nameless(tiny.answer(database)) == expected
    hub.check()


@pytest.mark.parametrize(
    "moved", [[], [land(RecordId("bill", "people", "3"), OTTO, 2)]], ids=["all at once", "part by part"]
)
def test_the_first_customers_go_in_together_unless_one_of_them_moved(
    database: Database, moved: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "APPLY_CHUNK", 2)
    monkeypatch.setattr(bulk, "FIRST_CHUNK", 6)
    names = ("Anna", "Bert", "Cleo", "Dora", "Emil", "Fritz", "Gerd", "Hanna", "Ines")
    people = [
        land(RecordId("bill", "people", str(n)), {"given_name": a, "family_name": f"{b}sen", "email": f"{a}@x.example"})
        for n, (a, b) in enumerate(zip(names, reversed(names), strict=True))
    ]
    live = Hub(database)
    for command in [*people, *moved]:
        assert live.do(command)
    expected = tiny.nameless(tiny.answer(database))
    hub = Hub(database)
    land_pending(hub, people)
    hook = At("keys", lambda: [hub.do(c) for c in moved])
    report = Bulk(hub.resolver, workers=1, progress=hook).run(train=False)
    assert hook.reached
    assert report.changes == len(people) - len(moved)
    assert tiny.nameless(tiny.answer(database)) == expected
    hub.check()


@pytest.mark.parametrize(("busy", "most"), [(False, 6), (True, 2)])
def test_first_customers_go_in_by_small_units_while_requests_write(
    busy: bool, most: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "APPLY_CHUNK", 2)
    monkeypatch.setattr(bulk, "FIRST_CHUNK", 6)
    monkeypatch.setattr(Database, "requested_lately", busy)
    sizes: list[int] = []
    save = golden_run.save_created

    def watched(connection: Any, recipe: Any, made: golden_run.Created, at: int) -> None:
        sizes.append(len(made.homes))
        save(connection, recipe, made, at)

    monkeypatch.setattr(golden_run, "save_created", watched)
    hub = Hub(database)
    land_pending(
        hub,
        [
            land(RecordId("bill", "people", str(n)), {"given_name": a, "email": f"{a}@x.example"})
            for n, a in enumerate(("Anna", "Bert", "Cleo", "Dora", "Emil", "Fritz"))
        ],
    )
    Bulk(hub.resolver, workers=1).run(train=False)
    assert (sum(sizes), max(sizes)) == (6, most)
    hub.check()


def test_one_that_returns_as_another_person_takes_its_id_back_from_the_customer_that_has_it(database: Database) -> None:
    hub = Hub(database)
    back = land(B1, {**OTTO, "family_name": "Maier"}, 3)  # a name in common: both customers are found by it
    for command in [land(B1, ANNA), land(C1, ANNA), land(B1, {"gone": True}, 2)]:
        assert hub.do(command)
    land_pending(hub, [back])
    Bulk(hub.resolver, workers=1).run(train=False)
    hub.check()
    found = tiny.answer(database)
    live = Hub(database)
    for command in [land(B1, ANNA), land(C1, ANNA), land(B1, {"gone": True}, 2), back]:
        assert live.do(command)
    assert tiny.answer(database) == found


def test_a_full_run_over_a_sound_hub_changes_nothing(database: Database) -> None:
    hub = Hub(database)
    for command in [
        *FIRST,
        *PENDING,
        ("decide", ((B1, B2), Verdict.MATCH)),
        ("override", (B1, "given_name", ("Zoe",))),
    ]:
        hub.do(command)
    before = tiny.answer(database)
    report = Bulk(hub.resolver, workers=1).run(full=True, train=False)
    assert report.changes == 0
    assert tiny.answer(database) == before
    hub.check()


def test_a_bulk_run_over_an_empty_hub_does_nothing(database: Database) -> None:
    empty(database)
    report = Bulk(tiny.resolver(database), workers=1).run()
    assert (report.standardised, report.clusters, report.changes, report.caught_up) == (0, 0, 0, 0)


@some_hubs
@given(before=commands, pending=landings, meanwhile=moves, step=st.sampled_from(STEPS))
def test_whatever_moves_at_whatever_step_the_result_is_the_live_one(
    database: Database, before: list[Command], pending: list[Command], meanwhile: list[Command], step: str
) -> None:
    note(f"before {before}\npending {pending}\nmeanwhile {meanwhile}")
    hub = Hub(database)
    did = [c for c in before if hub.do(c)]
    land_pending(hub, pending)
    then: list[Command] = []
    Bulk(hub.resolver, workers=1, progress=At(step, lambda: then.extend(c for c in meanwhile if hub.do(c)))).run(
        train=False
    )
    found = tiny.nameless(tiny.answer(database))
    hub.check()
    live = Hub(database)
    if all([live.do(c) for c in [*did, *pending, *then]]):  # what a steward may decide can hang on what has landed
        assert tiny.nameless(tiny.answer(database)) == found


CROWD = [
    land(RecordId("bill", "people", str(n)), {"given_name": "Anna", "family_name": "Maier", "email": "a@x.example"})
    for n in range(5)
]


@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize(
    "last", [CROWD[4], land(RecordId("bill", "people", "4"), {"gone": True}, 2)], ids=["over its cap", "under its cap"]
)
def test_a_block_that_goes_over_or_under_its_cap_meanwhile_leaves_no_pair_behind(
    database: Database, step: str, last: Command
) -> None:
    there = [c for c in CROWD if c is not last]
    hub = Hub(database)
    land_pending(hub, there)
    Bulk(hub.resolver, workers=1, progress=At(step, lambda: hub.do(last) and None)).run(train=False)
    found = tiny.nameless(tiny.answer(database))
    hub.check()
    live = Hub(database)
    for command in [*there, last]:
        live.do(command)
    assert tiny.nameless(tiny.answer(database)) == found


@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize(
    "early",
    [[land(B1, OTTO)], [land(C1, OTTO), land(B1, OTTO), land(C1, {"gone": True}, 2)]],
    ids=["shown before", "never shown"],
)
def test_an_id_that_led_nowhere_leads_to_its_customer_again(
    database: Database, step: str, early: list[Command]
) -> None:
    hub = Hub(database)
    for command in [*early, land(B1, {"gone": True}, 2)]:
        hub.do(command)
    land_pending(hub, [land(B1, ANNA, 3)])
    Bulk(hub.resolver, workers=1, progress=At(step, lambda: hub.do(land(C2, ANNA)) and None)).run(train=False)
    hub.check()


def test_two_bulk_runs_at_once_exclude_each_other(database: Database) -> None:
    """The second waits, and finds nothing left to do: nothing is done twice, and nobody fails."""
    hub = Hub(database)
    rows = [
        Incoming(str(n), {"id": str(n), "given_name": f"Eva{n}", "email": f"e{n // 2}@x.example", "v": "1"}, "1")
        for n in range(200)
    ]
    hub.resolver.read_rows("web", "people", [])
    with database.unit() as c:
        hub.resolver.land(c, "web", "people", rows, pending=True)
    reports: list[Report] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            reports.append(Bulk(Resolver(database, hub.resolver.config), workers=1).run(train=False))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed
    assert sorted(report.standardised for report in reports) == [0, 0, 200]
    hub.check()
