"""Landing on both databases: versions and their order, repeats, tombstones, absences, cursors, quarantine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.db import Database
from hub.landing import store as landing
from hub.landing import suspension
from hub.landing.store import ABSENT, DELETED, UNDATED, Incoming, Landed
from hub.landing.suspension import Suspension
from hub.model import RecordId
from tests.conftest import empty

COUNT = int(os.environ.get("HUB_EXAMPLES", "12"))
some = settings(
    max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

A, B = {"id": "1", "name": "Anna"}, {"id": "1", "name": "Hanna"}


def row(raw: dict[str, Any] | None, version: str | None = None, key: str = "1", *, absent: bool = False) -> Incoming:
    return Incoming(key, raw, version, absent=absent)


def land(database: Database, *rows: Incoming, pending: bool = False, keep_deleted: bool = False) -> list[Landed]:
    with database.unit() as c:
        return landing.land(
            c,
            "crm",
            "people",
            rows,
            type_name="person",
            at=database.clock.now(),
            pending=pending,
            keep_deleted=keep_deleted,
        )


def info(database: Database, key: str = "1") -> landing.RecordInfo:
    with database.read() as c:
        found = landing.record_named(c, RecordId("crm", "people", key))
    assert found is not None
    return found


def now(database: Database, key: str = "1") -> dict[str, Any] | None:
    """What holds now: the row, or None for a tombstone."""
    with database.read() as c:
        found = info(database, key)
        return landing.latest_versions(c, [found.rid])[found.rid].raw


def orders(database: Database, key: str = "1") -> list[tuple[str, int, str]]:
    with database.read() as c:
        return [v.order for v in landing.versions_of(c, [info(database, key).rid]).get(info(database, key).rid, [])]


def changed(found: Sequence[Landed]) -> list[bool]:
    return [f.changed for f in found]


# --- versions -------------------------------------------------------------------------------------


def test_new_ids_sort_by_their_time_and_do_not_repeat() -> None:
    ids = [list(islice(landing.new_ids("cus_", at), 200)) for at in (1_700_000_000_000_000, 1_700_000_000_001_000)]
    assert len({id for part in ids for id in part}) == 400
    assert max(ids[0]) < min(ids[1])
    assert {UUID(id.removeprefix("cus_")).version for id in ids[0]} == {7}


def test_a_newer_version_holds_and_the_older_one_stays(database: Database) -> None:
    land(database, row(A, "1"))
    land(database, row(B, "2"))
    assert now(database) == B
    assert [v for v, _, _ in orders(database)] == ["1", "2"]


def test_an_older_version_is_kept_but_changes_nothing(database: Database) -> None:
    land(database, row(B, "2"))
    before = info(database)
    assert changed(land(database, row(A, "1"))) == [True]
    assert now(database) == B
    assert info(database) == before


def test_the_same_version_again_is_no_change(database: Database) -> None:
    land(database, row(A, "1"))
    before = info(database)
    assert changed(land(database, row(A, "1"), row(dict(reversed(A.items())), "1"))) == [False, False]
    assert info(database) == before
    assert len(orders(database)) == 1


def test_a_repeat_within_one_page_lands_once(database: Database) -> None:
    assert changed(land(database, row(A, "1"), row(A, "1"), row(B, "2"), row(A, "1"))) == [True, False, True, False]


def test_two_contents_of_one_version_have_one_winner_in_either_order(database: Database) -> None:
    land(database, row(A, "1", "x"), row(B, "1", "x"))
    land(database, row(B, "1", "y"), row(A, "1", "y"))
    assert now(database, "x") == now(database, "y")


def test_an_unversioned_stream_that_goes_a_b_a_ends_at_a(database: Database) -> None:
    for raw in (A, B, A):
        assert changed(land(database, row(raw))) == [True]
    assert now(database) == A
    assert len(orders(database)) == 3
    assert changed(land(database, row(A))) == [False]


def test_an_unversioned_a_b_a_in_one_page_ends_at_a(database: Database) -> None:
    assert changed(land(database, row(A), row(B), row(B), row(A))) == [True, True, False, True]
    assert now(database) == A


def test_each_record_mints_one_id_that_sorts_by_its_birth(database: Database) -> None:
    land(database, row(A, "1", "x"))
    land(database, row(A, "1", "y"))
    land(database, row(B, "2", "x"))
    assert info(database, "x").mint < info(database, "y").mint
    with database.read() as c:
        found = landing.record_minting(c, info(database, "x").mint)
    assert found == info(database, "x")


# --- tombstones -----------------------------------------------------------------------------------


def test_a_delete_kills_and_a_newer_row_brings_the_record_back(database: Database) -> None:
    land(database, row(A, "1"))
    born = info(database).born
    land(database, row(None, "2"))
    assert not info(database).alive
    assert changed(land(database, row(A, "1"))) == [False]
    assert not info(database).alive
    land(database, row(B, "3"))
    assert info(database).alive
    assert info(database).born == born
    assert now(database) == B


def test_a_row_older_than_the_tombstone_changes_nothing(database: Database) -> None:
    land(database, row(A, "1"))
    land(database, row(None, "5"))
    died = info(database).died
    land(database, row(B, "4"))
    assert info(database).died == died
    assert not info(database).alive


def test_a_tombstone_may_come_before_its_row(database: Database) -> None:
    land(database, row(None, "2"))
    assert info(database).born is None
    land(database, row(A, "1"))
    assert not info(database).alive
    assert info(database).born is not None
    land(database, row(B, "3"))
    assert info(database).alive


def test_at_one_version_the_tombstone_is_later_than_the_row(database: Database) -> None:
    land(database, row(None, "1", "x"), row(A, "1", "x"))
    land(database, row(A, "1", "y"), row(None, "1", "y"))
    assert not info(database, "x").alive
    assert not info(database, "y").alive


def test_a_delete_without_a_version_deletes_what_is_there_once(database: Database) -> None:
    land(database, row(A, "1"))
    assert changed(land(database, row(None))) == [True]
    assert changed(land(database, row(None))) == [False]
    assert not info(database).alive
    assert changed(land(database, row(None, key="never"))) == [False]


def test_an_unversioned_row_returns_after_its_delete_even_unchanged(database: Database) -> None:
    land(database, row(A))
    land(database, row(None))
    assert changed(land(database, row(A))) == [True]
    assert info(database).alive


def test_a_stream_that_keeps_values_keeps_its_records_alive(database: Database) -> None:
    land(database, row(A, "1"), keep_deleted=True)
    land(database, row(None, "2"), keep_deleted=True)
    assert info(database).alive
    assert orders(database)[-1][2] == DELETED


@pytest.mark.parametrize("versioned", [True, False])
def test_what_was_absent_and_is_listed_again_lives_at_the_same_version(database: Database, versioned: bool) -> None:
    version = "1" if versioned else None
    land(database, row(A, version))
    land(database, row(None, absent=True))
    assert not info(database).alive
    assert orders(database)[-1][1:] == (1, ABSENT)
    assert changed(land(database, row(A, version))) == [True]
    assert info(database).alive
    assert changed(land(database, row(A, version))) == [False]
    land(database, row(None, absent=True))
    assert not info(database).alive
    assert [generation for _, generation, _ in orders(database)] == [0, 1, 2, 3]


def test_a_delete_without_a_version_holds_until_the_record_is_given_again_whatever_its_version(
    database: Database,
) -> None:
    land(database, row(A))  # in landing order: its own number stands for a version
    land(database, row(None))
    assert changed(land(database, row(B, "00000000000000000000"))) == [True]
    assert info(database).alive
    land(database, row(B, "00000000000000000000"))
    assert info(database).alive


def test_what_was_deleted_is_not_revived_by_an_old_listing(database: Database) -> None:
    land(database, row(A, "1"))
    land(database, row(None, "1"))
    land(database, row(A, "1"))
    assert not info(database).alive


# --- pending --------------------------------------------------------------------------------------


def test_what_lands_for_the_bulk_path_waits_until_it_is_settled_at_that_version(database: Database) -> None:
    land(database, row(A, "1"), pending=True)
    first = info(database)
    assert first.pending
    land(database, row(B, "2"), pending=True)
    with database.unit() as c:
        landing.settle_pending(c, [first.rid], first.latest)  # somebody resolved only the first version
    assert info(database).pending
    with database.unit() as c:
        assert landing.pending_count(c) == 1
        landing.settle_pending(c, [first.rid], info(database).latest)
    assert not info(database).pending


def test_a_tombstone_of_what_never_was_does_not_wait(database: Database) -> None:
    land(database, row(None, "2"), pending=True)
    assert not info(database).pending
    land(database, row(A, "1"), pending=True)
    assert info(database).pending


# --- suspended versions -----------------------------------------------------------------------------


def suspend_all(database: Database, since: int, until: int) -> Suspension:
    given = Suspension(database.clock.now(), "crm", "", since, until, "ann", "wrong file", None)
    with database.unit() as c:
        suspension.recount(c, suspension.suspend(c, given), keep_deleted=())
    return given


def test_a_suspended_version_says_nothing_and_comes_back_when_it_is_lifted(database: Database) -> None:
    land(database, row(A, "1"))
    since = database.clock.now()
    land(database, row(B, "2"))
    given = suspend_all(database, since, database.clock.now())
    assert now(database) == A
    assert changed(land(database, row(B, "2"))) == [False]
    assert now(database) == A
    with database.unit() as c:
        suspension.recount(c, suspension.lift(c, given, by="ann", at=database.clock.now()), keep_deleted=())
    assert now(database) == B


def test_a_record_of_suspended_versions_alone_is_not_there_until_a_new_one_lands(database: Database) -> None:
    since = database.clock.now()
    land(database, row(A, "1"))
    suspend_all(database, since, database.clock.now())
    assert info(database).born is None
    land(database, row(B, "2"))
    assert info(database).alive
    assert now(database) == B


def test_a_suspended_tombstone_does_not_kill(database: Database) -> None:
    land(database, row(A, "1"))
    since = database.clock.now()
    land(database, row(None, "2"))
    suspend_all(database, since, database.clock.now())
    assert info(database).alive
    assert now(database) == A


# --- cursors, quarantine ------------------------------------------------------------------------------


def test_a_cursor_is_stored_with_the_rows_or_not_at_all(database: Database) -> None:
    with pytest.raises(RuntimeError), database.unit() as c:
        landing.land(c, "crm", "people", [row(A, "1")], type_name="person", at=1, pending=False)
        landing.save_cursor(c, "crm", "people", {"at": 1}, 1)
        raise RuntimeError("the power went")
    with database.read() as c:
        assert landing.cursor_of(c, "crm", "people") is None
        assert landing.record_named(c, RecordId("crm", "people", "1")) is None
    with database.unit() as c:
        landing.land(c, "crm", "people", [row(A, "1")], type_name="person", at=1, pending=False)
        landing.save_cursor(c, "crm", "people", {"at": 1}, 1)
    with database.read() as c:
        assert landing.cursor_of(c, "crm", "people") == {"at": 1}
    assert now(database) == A


def test_a_bad_row_that_comes_again_is_kept_once(database: Database) -> None:
    with database.unit() as c:
        landing.quarantine(
            c, "crm", "people", [("line 1", "no key", "{}"), ("line 9", "no key", "{}"), ("line 2", "no key", "[1]")], 1
        )
        landing.quarantine(c, "crm", "people", [("line 7", "no key", "{}")], 2)
        landing.quarantine(c, "web", "people", [("line 7", "no key", "{}")], 2)
        found = c.execute(text("SELECT source, line, raw FROM quarantine ORDER BY source, raw")).fetchall()
    assert [tuple(f) for f in found] == [("crm", "line 2", "[1]"), ("crm", "line 7", "{}"), ("web", "line 7", "{}")]


def test_rows_of_many_keys_land_in_one_page(database: Database) -> None:
    rows = [row({"id": str(n)}, "1", str(n)) for n in range(700)]  # more than one COPY, more than one IN list
    assert all(changed(land(database, *rows)))
    assert not any(changed(land(database, *rows)))


# --- properties: against a naive model --------------------------------------------------------------------


@dataclass
class Naive:
    """One record, restated: every version that was ever said, the largest one holds."""

    said: list[tuple[str, int, str]] = field(default_factory=list)
    news: int = 0  # landings so far, over all records: set by the caller

    @property
    def alive(self) -> bool:
        return any(g % 2 == 0 for _, g, _ in self.said) and max(self.said)[1] % 2 == 0

    def hear(self, content: str | None, version: str | None, absent: bool, landed: int) -> bool:
        top = max(self.said, default=None)
        if content is None:
            if version is not None:
                order = (version, 1, ABSENT if absent else DELETED)
            elif top is None or top[1] % 2:
                return False
            else:
                order = (top[0], top[1] + 1, ABSENT if absent else UNDATED)
        elif top is not None and top[2] in (ABSENT, UNDATED) and (version is None or version <= top[0]):
            order = (top[0], top[1] + 1, content)
        elif version is None:
            if top is not None and top[2] == content:
                return False
            order = (f"{landed:020d}", 0, content)
        else:
            order = (version, 0, content)
        if order in self.said:
            return False
        self.said.append(order)
        return True


contents = {"A": A, "B": B}
keys = st.sampled_from(["x", "y"])
versioned = st.tuples(keys, st.sampled_from(["A", "B", "A", "B", None]), st.sampled_from("123"), st.just(False))
unversioned = st.tuples(keys, st.sampled_from(["A", "B", "A", "B", None]), st.none(), st.just(False))
absences = st.tuples(keys, st.none(), st.none(), st.just(True))
Event = tuple[str, str | None, str | None, bool]


def incoming(event: Event) -> Incoming:
    key, content, version, absent = event
    return row(None if content is None else contents[content], version, key, absent=absent)


def state(database: Database) -> dict[str, tuple[bool, Any]]:
    with database.read() as c:
        found = {r.key: r for r in c.execute(text("SELECT key, rid, born, died FROM record"))}
        latest = landing.latest_versions(c, [r.rid for r in found.values()])
    return {k: (r.born is not None and r.died is None, latest[r.rid].raw) for k, r in found.items()}


def hash_of(content: str) -> str:
    return hashlib.blake2b(landing.canonical_raw(contents[content]), digest_size=12).hexdigest()


@some
@given(st.lists(st.lists(st.one_of(versioned, absences) | st.one_of(unversioned, absences), max_size=4), max_size=5))
def test_landing_does_what_the_naive_model_does(database: Database, pages: list[list[Event]]) -> None:
    empty(database)
    naive: dict[str, Naive] = {}
    landed = 1
    for page in pages:
        wanted = []
        for key, content, version, absent in page:
            record = naive.get(key, Naive())
            hashed = None if content is None else hash_of(content)
            news = record.hear(hashed, version, absent, landed)
            if news:
                naive[key] = record
                landed += 1
            wanted.append(news)
        assert changed(land(database, *map(incoming, page))) == wanted
    assert {k: alive for k, (alive, _) in state(database).items()} == {k: n.alive for k, n in naive.items()}
    for key, record in naive.items():
        assert orders(database, key) == sorted(record.said)


@some
@given(events=st.lists(versioned, min_size=2, max_size=7), data=st.data())
def test_a_versioned_stream_ends_alike_in_any_order_batching_and_repetition(
    database: Database, events: list[Event], data: st.DataObject
) -> None:
    empty(database)
    land(database, *map(incoming, events))
    expected = state(database)
    empty(database)
    for event in data.draw(st.permutations([*events, *events[:2]])):
        land(database, incoming(event))
    assert state(database) == expected


@some
@given(
    events=st.lists(versioned, min_size=2, max_size=6),
    window=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    repeats=st.integers(0, 6),
)
def test_a_suspended_window_leaves_what_landing_the_rest_alone_gives(
    database: Database, events: list[Event], window: tuple[int, int], repeats: int
) -> None:
    empty(database)
    first, last = (min(n, len(events)) for n in sorted(window))
    times = []
    for event in events:
        times.append(database.clock.now())
        land(database, incoming(event))
    times.append(database.clock.now())
    suspend_all(database, times[first], times[last])
    for event in events[:repeats]:  # what a suspended version said is no news when it comes again
        assert changed(land(database, incoming(event))) == [False]
    left: dict[str, list[tuple[str, int, str]]] = {}
    for n, event in enumerate(events):
        if event not in events[:n] and not first <= n < last:
            key, content, version, _ = event
            assert version is not None
            left.setdefault(key, []).append(
                (version, 1, DELETED) if content is None else (version, 0, hash_of(content))
            )
    living = {k for k, said in left.items() if any(g == 0 for _, g, _ in said) and max(said)[1] == 0}
    found = living_rows(database)
    assert found.keys() == living
    assert all(hash_of("A" if found[k] == A else "B") == max(left[k])[2] for k in living)


def living_rows(database: Database) -> dict[str, Any]:
    """What holds now of each living record."""
    with database.read() as c:
        living = {
            r.key: r.rid for r in c.execute(text("SELECT key, rid FROM record WHERE born IS NOT NULL AND died IS NULL"))
        }
        latest = landing.latest_versions(c, living.values())
    return {k: latest[rid].raw for k, rid in living.items()}
