"""Many writers on one hub: threads on both databases, processes on PostgreSQL."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from typing import Any

import pytest
from sqlalchemy import Connection, text

from hub.db import Database
from hub.db.turns import PATIENCE, Turnstile
from hub.errors import Conflict
from hub.model import RecordId, Verdict
from hub.quality.verify import Verify
from tests import tiny
from tests.conftest import Ticking, empty
from tests.steward import Steward

ROUNDS = 25 if os.environ.get("HUB_PROVE") else 2
WRITERS = 8
LONG = 120  # seconds after which threads that still run are taken for stuck

Row = tuple[RecordId, dict[str, Any]]


def draw(dice: random.Random) -> Row:
    """A row of few records and few values, so that writers meet."""
    id = dice.choice(tiny.IDS)
    raw: dict[str, Any] = {"id": id.key, "v": dice.randint(1, 6), "at": f"2023-01-0{dice.randint(1, 5)}T00:00:00Z"}
    if dice.random() < 0.15:
        return id, {**raw, "gone": True}
    return id, {
        **raw,
        "given_name": dice.choice(["Anna", "Hanna", "Otto", None]),
        "family_name": dice.choice(["Maier", "Meyer", None]),
        "birth_date": dice.choice(["1980-02-03", "1991-05-06", None]),
        "email": dice.choice(["a@x.example", "b@x.example", None]),
        "phone": dice.choice(["+4915112345678", "+4915187654321", None]),
        "tax_id": dice.choice([None, None, "T1", "T2"]),
    }


def at_once(works: Sequence[Callable[[], None]]) -> None:
    """Run these in threads that start together; an error in one is an error here, and so is one that never ends."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait(LONG)
            work()
        except BaseException as error:  # noqa: BLE001 (raised again below)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(w,), daemon=True) for w in works]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LONG
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert not any(t.is_alive() for t in threads), "a writer is stuck"
    if errors:
        raise errors[0]


def sound(database: Database) -> None:
    found = Verify(tiny.resolver(database)).run()
    assert not found.total, (dict(found.differences), found.samples)


def alone(database: Database, rows: Sequence[Row]) -> dict[Any, Any]:
    """The answer when one writer lands these rows."""
    empty(database)
    resolver = tiny.resolver(database)
    for id, raw in rows:
        resolver.upsert(id.source, id.stream, [raw])
    return tiny.nameless(tiny.answer(database))


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_eight_writers_end_where_one_ends(database: Database, round_: int) -> None:
    dice = random.Random(round_)
    plans = [[draw(dice) for _ in range(6)] for _ in range(WRITERS)]
    expected = alone(database, [row for plan in plans for row in plan])
    empty(database)
    resolver = tiny.resolver(database)

    def writer(plan: Sequence[Row]) -> Callable[[], None]:
        def work() -> None:
            for id, raw in plan:
                (outcome,) = resolver.upsert(id.source, id.stream, [raw])
                assert outcome.happened != "quarantined"

        return work

    at_once([writer(p) for p in plans])
    assert tiny.nameless(tiny.answer(database)) == expected
    sound(database)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_eight_writers_of_one_person_make_one_customer(database: Database, round_: int) -> None:
    empty(database)
    resolver = tiny.resolver(database)
    person = {
        "given_name": "Anna",
        "family_name": "Maier",
        "birth_date": "1980-02-03",
        "email": "a@x.example",
        "phone": "+4915112345678",
    }
    ids = [i for i in tiny.IDS if i.source == "bill"]
    answers: list[str] = []

    def writer(number: int) -> Callable[[], None]:
        id = ids[number % len(ids)]

        def work() -> None:
            (outcome,) = resolver.upsert(id.source, id.stream, [{"id": id.key, "v": number, **person}])
            assert outcome.customer is not None
            answers.append(outcome.customer)

        return work

    at_once([writer(n) for n in range(WRITERS)])
    assert tiny.partition(database) == {frozenset(ids)}
    assert len(answers) == WRITERS
    sound(database)


def test_writers_and_stewards_together(database: Database) -> None:
    empty(database)
    resolver = tiny.resolver(database)
    dice = random.Random(7)
    for id in tiny.IDS:
        resolver.upsert(id.source, id.stream, [{"id": id.key, "v": 0, "given_name": "Otto"}])
    plans = [[draw(dice) for _ in range(5)] for _ in range(5)]
    pairs = [(*dice.sample(tiny.IDS, 2), dice.choice([Verdict.MATCH, Verdict.NO_MATCH])) for _ in range(12)]

    def writer(plan: Sequence[Row]) -> Callable[[], None]:
        def work() -> None:
            for id, raw in plan:
                if not raw.get("gone"):
                    resolver.upsert(id.source, id.stream, [raw])

        return work

    def steward(mine: Sequence[tuple[RecordId, RecordId, Verdict]]) -> Callable[[], None]:
        def work() -> None:
            for a, b, verdict in mine:
                try:
                    number = Steward(resolver).decide(a, b, verdict, by="ann", reason="seen")
                except Conflict:
                    continue
                if verdict is Verdict.NO_MATCH:
                    Steward(resolver).withdraw(number, by="ann", why="mistake")

        return work

    at_once([*map(writer, plans), *(steward(pairs[n::3]) for n in range(3))])
    sound(database)


def test_a_request_is_not_starved_by_a_pull(database: Database) -> None:
    """However much a pull has to land, a request waits for the batch under way, not for the pull."""
    empty(database)
    resolver = tiny.resolver(database)
    resolver.upsert("bill", "people", [{"id": "0", "v": 0, "given_name": "Otto"}])
    stop = threading.Event()
    batches = 0

    def pull() -> None:
        nonlocal batches
        number = 0
        while not stop.is_set():
            number += 1
            rows = [
                {"id": str(k), "v": number, "given_name": f"N{number}", "email": f"{k}@x.example"} for k in range(1, 21)
            ]
            resolver.upsert("crm", "people", rows, urgent=False)
            batches += 1

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    try:
        while batches < 2:
            time.sleep(0.01)
        waited = []
        for n in range(10):
            before = batches
            resolver.upsert("bill", "people", [{"id": "1", "v": n, "given_name": "Anna"}])
            waited.append(batches - before)
    finally:
        stop.set()
        thread.join(LONG)
    assert max(waited) <= 2, waited  # the one under way, and one that slipped in before the request had its ticket
    sound(database)


def test_a_pull_is_not_starved_by_requests() -> None:
    turnstile = Turnstile(patience=0.05)
    stop = threading.Event()
    got = threading.Event()

    def requests() -> None:
        while not stop.is_set():
            with turnstile.turn(urgent=True):
                time.sleep(0.002)

    def pull() -> None:
        with turnstile.turn(urgent=False):
            got.set()

    threads = [threading.Thread(target=requests, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Thread(target=pull, daemon=True).start()
    assert got.wait(LONG)
    stop.set()
    for thread in threads:
        thread.join(LONG)


def test_who_is_not_in_a_hurry_gives_way_but_not_for_ever(database: Database) -> None:
    stop, took = threading.Event(), threading.Event()

    def requests() -> None:
        while not stop.is_set():
            with database.unit():
                took.set()

    thread = threading.Thread(target=requests, daemon=True)
    thread.start()
    assert took.wait(LONG)
    started = time.monotonic()
    assert list(database.giving_way(range(1000))) == list(range(1000))
    assert time.monotonic() - started < LONG / 2
    stop.set()
    thread.join(LONG)
    started = time.monotonic()
    assert list(database.giving_way(range(1000))) == list(range(1000)) and time.monotonic() - started < PATIENCE


def test_waiting_requests_share_one_commit_and_one_failure_harms_no_other(database: Database) -> None:
    empty(database)
    with database.unit() as c:
        c.execute(text("INSERT INTO absence (rid, times) VALUES (0, 0)"))
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with database.unit():
            held.set()
            go.wait(LONG)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    held.wait(LONG)
    seen: dict[int, int] = {}

    def work(number: int) -> Callable[[Connection], int]:
        def inside(c: Connection) -> int:
            c.execute(text("INSERT INTO absence (rid, times) VALUES (:n, 1)"), {"n": number})
            seen[number] = id(c)
            if number == 3:
                raise ValueError("this one fails")
            return number

        return inside

    answers: list[int] = []
    failed: list[str] = []

    def request(number: int) -> None:
        try:
            answers.append(database.together(work(number)))
        except ValueError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=request, args=(n,), daemon=True) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    while len(database._convoy._queue) < 6:  # all six wait behind the holder
        time.sleep(0.005)
    go.set()
    for thread in (holder, *threads):
        thread.join(LONG)
    assert sorted(answers) == [1, 2, 4, 5, 6]
    assert failed == ["this one fails"]
    assert len(set(seen.values())) == 1  # one transaction
    with database.read() as c:
        assert [r[0] for r in c.execute(text("SELECT rid FROM absence ORDER BY rid"))] == [0, 1, 2, 4, 5, 6]


def _process(url: str, plan: Sequence[Row]) -> None:
    database = Database(url, Ticking())
    resolver = tiny.resolver(database)
    at_once(
        [lambda part=plan[n::2]: [resolver.upsert(id.source, id.stream, [raw]) for id, raw in part] for n in range(2)]
    )  # type: ignore[misc]
    database.close()


@pytest.mark.parametrize("round_", range(max(1, ROUNDS // 5)))
def test_two_processes_end_where_one_ends(
    postgres_url: str, tmp_path: Any, request: pytest.FixtureRequest, round_: int
) -> None:
    from tests.conftest import open_database

    database = open_database("postgresql", tmp_path, request)
    dice = random.Random(1000 + round_)
    plans = [[draw(dice) for _ in range(20)] for _ in range(2)]
    expected = alone(database, [row for plan in plans for row in plan])
    empty(database)
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_process, args=(postgres_url, plan)) for plan in plans]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LONG)
    assert [p.exitcode for p in processes] == [0, 0]
    assert tiny.nameless(tiny.answer(database)) == expected
    sound(database)
