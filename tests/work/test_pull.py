"""A pull: real connectors on real files, tables and a service; every row accounted for, deletes only when they are sure."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import stamina
from sqlalchemy import text

from hub import db
from hub.connectors.base import Page, SourceRow
from hub.connectors.registry import connect
from hub.db import Database
from hub.errors import RetryLater
from hub.landing import store as landing
from hub.landing.store import Incoming
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, Source
from hub.work.pull import LIVE_BATCH, LOST_BY, SHARED_BATCH, Pull, Pulled
from hub.work.repeats import Repeats
from tests import tiny
from tests.connectors.service import Crm, Server

FIELDS = {"given_name": "first", "family_name": "last", "email": "mail", "tax_id": "tax"}
STREAM = {"customer": "person", "key": "id", "version": "v", "map": FIELDS, "verified": "all"}


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


def person(n: int, v: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "id": str(n),
        "v": v,
        "first": f"Anna{n % 7}",
        "last": f"Maier{n}",
        "mail": f"p{n // 2}@x.example",
        "tax": None,
        **changed,
    }


class Files:
    """A folder with one JSON lines file, and a hub that reads it."""

    def __init__(self, database: Database, folder: Path, *, listing: str = "complete"):
        self.folder = folder
        source = Source.model_validate(
            {
                "name": "list",
                "connector": {"kind": "file", "path": "."},
                "streams": {"people": {**STREAM, "listing": listing, "file": {"pattern": "*.jsonl"}}},
            }
        )
        self.config = Config(
            folder=folder, customers={"person": tiny.customer_type()}, sources={"list": source}, access=Access()
        )
        self.resolver, self.database = Resolver(database, self.config), database

    def put(self, *rows: Any) -> None:
        lines = [r if isinstance(r, str) else json.dumps(r) for r in rows]
        (self.folder / "people.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def pull(self, *, live: bool = True, allow_deletes: bool = False, allow_losses: bool = False) -> Pulled:
        source = self.config.sources["list"]
        complete = source.streams["people"].listing == "complete"
        found = Pull(
            self.resolver, "list", "people", complete=complete, allow_deletes=allow_deletes, allow_losses=allow_losses
        ).run(connect(source, env={}, base_folder=self.folder), live=live)
        balanced(found)
        return found

    def alive(self) -> set[str]:
        with self.database.read() as c:
            return set(landing.living_keys(c, "list", "people"))

    def missed(self) -> dict[str, int]:
        with self.database.read() as c:
            return {
                r.key: r.times
                for r in c.execute(text("SELECT r.key, a.times FROM absence a JOIN record r ON r.rid = a.rid"))
            }


def balanced(found: Pulled) -> None:
    assert found.fetched == found.landed + found.unchanged + found.quarantined + found.suppressed, found.counts()


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    (tmp_path / "drop").mkdir()
    return Files(database, tmp_path / "drop")


# --- accounting ---------------------------------------------------------------------------------------


def test_every_row_is_accounted_for(files: Files) -> None:
    files.put(person(1), person(2), person(2), "{not json", {"v": 1, "first": "nobody"}, person(3), "[1, 2]")
    found = files.pull()
    assert found.counts() == {
        "fetched": 7,
        "landed": 3,
        "unchanged": 1,
        "quarantined": 3,
        "suppressed": 0,
        "deleted": 0,
    }
    assert sum(found.reasons.values()) == 3
    assert not found.error
    assert files.alive() == {"1", "2", "3"}


def test_the_same_again_changes_nothing(files: Files, database: Database) -> None:
    rows = [person(n) for n in range(LIVE_BATCH * 2 + 5)]
    files.put(*rows)
    first = files.pull()
    before = tiny.answer(database)
    again = files.pull()
    assert (first.landed, again.landed, again.unchanged) == (len(rows), 0, len(rows))
    assert tiny.answer(database) == before


def test_a_bad_row_never_delays_the_others_nor_a_later_good_one(files: Files) -> None:
    files.put(*[person(n) if n % 2 else f"broken {n}" for n in range(1, LIVE_BATCH * 3)])
    found = files.pull()
    assert found.quarantined == LIVE_BATCH * 3 // 2 - 1
    assert found.landed == found.fetched - found.quarantined
    files.put(person(1), person(2))
    assert files.pull().landed == 1


def test_what_a_pull_did_is_kept(files: Files, database: Database) -> None:
    files.put(person(1), "{")
    files.pull()
    with database.read() as c:
        kept = c.execute(text("SELECT fetched, landed, quarantined, ended, started FROM pull")).one()
        aside = c.execute(text("SELECT line, raw FROM quarantine")).one()
    assert tuple(kept)[:3] == (2, 1, 1)
    assert kept.ended > kept.started
    assert aside.line.endswith("line 2")
    assert aside.raw == "{"


def test_an_empty_page_still_stores_its_cursor(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path, listing="incremental")
    files.put(person(1))
    files.pull()
    with database.read() as c:
        assert landing.cursor_of(c, "list", "people")
    assert files.pull().fetched == 0


class Busy(Resolver):
    """The database is busy at the n-th batch of a pull."""

    fails_at = 2

    def land(self, *given: Any, **named: Any) -> Any:
        self.fails_at -= 1
        if self.fails_at == 0:
            raise RetryLater("the database is busy")
        return super().land(*given, **named)


def test_a_pull_that_breaks_in_the_middle_of_a_page_counts_what_it_kept(files: Files, database: Database) -> None:
    files.put(*[person(n) for n in range(LIVE_BATCH + 10)], "{")
    files.resolver = Busy(database, files.config)
    found = files.pull()
    assert "busy" in found.error
    kept = found.fetched
    assert kept in (SHARED_BATCH, LIVE_BATCH)  # the shorter while requests write: making the hub was one
    assert (found.landed, found.quarantined) == (kept, 0)
    with database.read() as c:
        assert landing.cursor_of(c, "list", "people") is None
    files.resolver = Resolver(database, files.config)
    assert files.pull().counts() == {
        "fetched": LIVE_BATCH + 11,
        "landed": LIVE_BATCH + 10 - kept,
        "unchanged": kept,
        "quarantined": 1,
        "suppressed": 0,
        "deleted": 0,
    }


# --- complete listings ----------------------------------------------------------------------------------

MANY = 100


def all_but(*left_out: int) -> list[dict[str, Any]]:
    return [person(n) for n in range(MANY) if n not in left_out]


def test_a_record_is_deleted_when_a_second_complete_listing_lacks_it(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(7))
    assert files.pull().deleted == 0
    assert "7" in files.alive()
    assert files.missed() == {"7": 1}
    assert files.pull().deleted == 1
    assert "7" not in files.alive()
    assert files.missed() == {}
    assert files.pull().deleted == 0


def test_the_two_absences_are_consecutive(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    for _ in range(2):
        files.put(*all_but(7))
        assert files.pull().deleted == 0
        files.put(*all_but())
        assert files.pull().deleted == 0
    assert len(files.alive()) == MANY


def test_what_is_listed_again_comes_back_with_its_customer_id(files: Files, database: Database) -> None:
    files.put(*all_but())
    files.pull()
    before = tiny.answer(database)
    files.put(*all_but(7))
    files.pull()
    files.pull()
    assert tiny.answer(database) != before
    files.put(*all_but())
    files.pull()
    assert tiny.answer(database) == before


def test_more_than_two_percent_missing_at_once_deletes_nothing(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(1, 2, 3))
    for _ in range(3):
        found = files.pull()
        assert found.deleted == 0
        assert any("--allow-deletes" in note for note in found.notes)
    assert set(files.missed().values()) == {0}
    assert len(files.alive()) == MANY


def test_two_percent_exactly_are_deleted(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(1, 2))
    files.pull()
    assert files.pull().deleted == 2


def test_allowed_deletes_still_need_two_listings(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(1, 2, 3))
    found = files.pull(allow_deletes=True)
    assert found.deleted == 0
    assert any("3 records are missing" in note and "pull again" in note for note in found.notes)
    assert files.pull(allow_deletes=True).deleted == 3
    assert len(files.alive()) == MANY - 3


def test_a_listing_that_lacked_too_many_counts_once_somebody_allows_it(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(1, 2, 3))
    assert files.pull().deleted == 0
    assert files.pull(allow_deletes=True).deleted == 3
    files.put(*all_but(1, 2, 3, 4, 5, 6))
    files.pull()
    files.put(*all_but(1, 2, 3, 4))
    assert files.pull().deleted == 0  # nobody allowed it: of few that are missing two listings are needed as ever
    assert files.pull().deleted == 1


def test_of_two_rows_with_a_key_and_version_one_of_an_earlier_page_stays_and_is_named() -> None:
    repeats = Repeats(versioned=True)

    def page(*rows: tuple[str, str]) -> list[tuple[str, str, bool, bool]]:
        given = [(n, Incoming("1", {"a": what}, "7"), line) for n, (what, line) in enumerate(rows)]
        return [(c.line, c.first, c.equal_version, c.landed) for c in repeats.take(given)]

    assert page(("x", "f line 1")) == []
    assert page(("y", "f line 2")) == [("f line 2", "f line 1", True, True)]
    repeats = Repeats(versioned=True)
    both = [("f line 1", "f line 2", True, False), ("f line 2", "f line 1", True, False)]
    assert page(("x", "f line 1"), ("y", "f line 2")) == both
    assert page(("z", "f line 3")) == [("f line 3", "f line 2", True, False)]  # none of them landed


def test_an_empty_or_missing_listing_deletes_nothing(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    (files.folder / "people.jsonl").write_text("", encoding="utf-8")
    files.pull()
    files.pull()
    (files.folder / "people.jsonl").unlink()
    files.pull(allow_deletes=True)
    files.pull(allow_deletes=True)
    assert len(files.alive()) == MANY


@pytest.mark.parametrize(
    "bad", ['{"id": "7", "v": ', json.dumps({"id": None, "v": 1}), json.dumps({"id": ["7"], "v": 1})]
)
def test_a_row_that_cannot_be_read_is_no_absence(files: Files, bad: str) -> None:
    """Whether the connector cannot read it or the mapping cannot: it may be the record that seems missing."""
    files.put(*all_but())
    files.pull()
    files.put(*all_but(7), bad)
    for _ in range(3):
        found = files.pull()
        assert (found.deleted, found.quarantined) == (0, 1)
    assert len(files.alive()) == MANY
    assert files.missed() == {}


def test_an_unreadable_listing_between_two_absences_neither_counts_nor_forgives(files: Files) -> None:
    files.put(*all_but())
    files.pull()
    files.put(*all_but(7))
    files.pull()
    files.put(*all_but(7), json.dumps({"id": None, "v": 1}))
    assert files.pull().deleted == 0
    files.put(*all_but(7))
    assert files.pull().deleted == 1


def test_a_bad_row_on_an_earlier_page_counts_too(files: Files) -> None:
    rows = [person(n) for n in range(1_200)]  # two pages
    files.put(*rows)
    files.pull(live=False)
    files.put({"id": None, "v": 1}, *[r for r in rows if r["id"] != "1100"])
    files.pull(live=False)
    files.pull(live=False)
    assert len(files.alive()) == 1_200


def test_an_incremental_stream_deletes_nothing(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path, listing="incremental")
    files.put(*all_but())
    files.pull()
    files.put(*all_but(7))
    files.pull()
    files.put(*all_but(7), person(200))
    files.pull()
    assert len(files.alive()) == MANY + 1


# --- incremental: an SQL table ------------------------------------------------------------------------------


class Table:
    def __init__(self, database: Database, folder: Path, **stream: Any):
        self.path = folder / "billing.sqlite"
        with sqlite3.connect(self.path) as c:
            c.execute(
                "CREATE TABLE people (id TEXT PRIMARY KEY, v INTEGER, first TEXT, last TEXT, mail TEXT, tax TEXT)"
            )
        source = Source.model_validate(
            {
                "name": "bill",
                "connector": {"kind": "sql", "url_env": "URL"},
                "streams": {"people": {**STREAM, "table": "people", **stream}},
            }
        )
        self.config = Config(
            folder=folder, customers={"person": tiny.customer_type()}, sources={"bill": source}, access=Access()
        )
        self.resolver = Resolver(database, self.config)

    def put(self, *rows: dict[str, Any]) -> None:
        with sqlite3.connect(self.path) as c:
            c.executemany("INSERT OR REPLACE INTO people VALUES (:id, :v, :first, :last, :mail, :tax)", rows)

    def pull(self, *, live: bool = True) -> Pulled:
        connector = connect(
            self.config.sources["bill"], env={"URL": f"sqlite:///{self.path}"}, base_folder=self.path.parent
        )
        found = Pull(self.resolver, "bill", "people", complete=False).run(connector, live=live)
        balanced(found)
        return found


def test_a_table_is_read_from_its_cursor_on_and_rows_of_one_version_are_not_lost(
    database: Database, tmp_path: Path
) -> None:
    table = Table(database, tmp_path)
    table.put(person(1, 5), person(2, 5))
    assert table.pull().landed == 2
    table.put(person(3, 5), person(0, 5), person(4, 6))  # committed late, at the version that was read already
    assert table.pull().landed == 3
    assert table.pull().landed == 0


def test_a_change_is_applied_whatever_was_pulled_in_between(database: Database, tmp_path: Path) -> None:
    table = Table(database, tmp_path)
    table.put(*[person(n) for n in range(30)])
    table.pull()
    table.put(person(7, 2, last="Meyer"))
    found = table.pull()
    assert found.landed == 1
    held = tiny.held(database, tiny.RecordId("bill", "people", "7"))
    assert held["family_name"].cell.values == ("Meyer",)


@pytest.mark.parametrize("rounds", [[20], [8, 12], [1, 1, 18]])
def test_live_and_pending_give_the_same(database: Database, tmp_path: Path, rounds: Sequence[int]) -> None:
    from tests.conftest import empty

    answers = []
    for live in (True, False):
        empty(database)
        folder = tmp_path / str(live)
        folder.mkdir()
        table = Table(database, folder)
        n = 0
        for size in rounds:
            table.put(*[person(k, 1 + k % 3, tax=f"T{k // 3}" if k % 5 == 0 else None) for k in range(n, n + size)])
            table.put(*[person(k, 9, last="Maier1") for k in range(0, n, 4)])
            n += size
            table.pull(live=live)
            if not live:
                Bulk(table.resolver, workers=1).run(train=False)
        answers.append(tiny.answer(database))
        assert not Verify(table.resolver).run().total
    assert answers[0] == answers[1]
    assert any(len(members) > 1 for members in answers[0])


# --- a source that fails ---------------------------------------------------------------------------------------


class Web:
    """A service with three pages of people."""

    def __init__(self, database: Database, folder: Path):
        self.crm = Crm()
        self.server = Server(self.crm)
        source = Source.model_validate(
            {
                "name": "crm",
                "connector": {
                    "kind": "rest",
                    "base_url": f"{self.server.url}/api",
                    "auth": {"bearer_env": "TOKEN"},
                    "timeout_seconds": 2,
                },
                "streams": {
                    "people": {
                        **STREAM,
                        "version": "updated_at",
                        "rest": {
                            "path": "/people",
                            "records": "data.people",
                            "page": "page",
                            "size_param": "size",
                            "size": 100,
                            "since_param": "updated_since",
                            "order": "version",
                            "item": "people/{key}",
                        },
                    }
                },
            }
        )
        self.config = Config(
            folder=folder, customers={"person": tiny.customer_type()}, sources={"crm": source}, access=Access()
        )
        self.resolver = Resolver(database, self.config)

    def pull(self) -> Pulled:
        connector = connect(self.config.sources["crm"], env={"TOKEN": self.crm.token}, base_folder=self.config.folder)
        found = Pull(self.resolver, "crm", "people", complete=False).run(connector, live=False)
        balanced(found)
        return found


@pytest.fixture
def web(database: Database, tmp_path: Path) -> Iterator[Web]:
    made = Web(database, tmp_path)
    made.crm.rows = {
        str(n): {**person(n), "updated_at": f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z"} for n in range(250)
    }
    yield made
    made.server.stop()


def test_a_source_that_fails_leaves_what_landed_and_is_read_on_later(web: Web, database: Database) -> None:
    away = [True]
    web.crm.misbehave = [lambda *_: (503, {}, b"{}") if away[0] and len(web.crm.requests) > 2 else None]
    found = web.pull()
    assert found.error
    assert (found.fetched, found.landed, found.unchanged) == (
        200,
        199,
        1,
    )  # the page at the boundary begins with the row before it
    with database.read() as c:
        assert landing.cursor_of(c, "crm", "people")
        assert "503" in str(c.execute(text("SELECT note FROM pull")).scalar())
    away[0] = False
    again = web.pull()
    assert not again.error
    assert again.landed == 51
    assert web.pull().landed == 0


def test_a_source_that_refuses_us_says_so_and_lands_nothing(web: Web) -> None:
    web.crm.token, right = "another", web.crm.token
    connector = connect(web.config.sources["crm"], env={"TOKEN": right}, base_folder=web.config.folder)
    found = Pull(web.resolver, "crm", "people", complete=False).run(connector, live=True)
    assert "TOKEN" in found.error
    assert found.fetched == 0


def test_a_number_past_64_bits_in_any_column_lands_with_its_digits(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path)
    files.put(person(1), {**person(2), "loyalty": 98765432109876543210}, person(3))
    assert (files.pull().landed, files.pull().unchanged) == (3, 3)
    with database.read() as connection:
        kept = [db.load(row[0]) for row in db.ask(connection, "SELECT raw FROM version ORDER BY landed")]
    assert kept[1]["loyalty"] == "98765432109876543210"


def test_two_rows_of_one_key_are_told_with_both_places_and_the_remedy(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path)
    files.put(person(1, 1), person(2, 5), person(1, 2, first="Otto"), person(1, 3, first="Eva"))
    told = files.pull()
    assert (told.landed, told.quarantined) == (4, 0)
    assert any("people.jsonl line 1 and people.jsonl line 3, and 1 more" in note for note in told.notes)
    assert any("key: [company, number]" in note for note in told.notes)
    assert not any("with a key" in note for note in files.pull().notes[1:])


def test_two_rows_of_one_key_and_version_that_differ_are_both_set_aside(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path)
    files.put(person(1), person(2), person(2, first="Otto"), person(3), person(3))
    told = files.pull()
    assert (told.fetched, told.landed, told.unchanged, told.quarantined) == (5, 2, 1, 2)
    with database.read() as connection:
        aside = landing.quarantined(connection)
    assert sorted(row.line for row in aside) == ["people.jsonl line 2", "people.jsonl line 3"]


def test_a_key_of_several_columns_is_one_key(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path)
    stream = {**STREAM, "key": ["company", "no"], "file": {"pattern": "*.jsonl"}}
    source = Source.model_validate(
        {"name": "list", "connector": {"kind": "file", "path": "."}, "streams": {"people": stream}}
    )
    files.config = files.config.model_copy(update={"sources": {"list": source}})
    files.resolver = Resolver(database, files.config)
    rows = [
        {**person(n), "company": company, "no": no} for n, (company, no) in enumerate([("A", 7), ("B", 7), ("A|7", 7)])
    ]
    files.put(*rows, {**person(9), "company": "A", "no": None})
    told = files.pull()
    assert (told.landed, told.quarantined) == (3, 1)
    with database.read() as connection:
        keys = [row[0] for row in db.ask(connection, "SELECT key FROM record ORDER BY rid")]
    assert sorted(keys) == ["A\\|7|7", "A|7", "B|7"]


def test_values_that_were_left_out_are_counted_by_column_and_reason(files: Files) -> None:
    files.put(person(1, mail="no address"), person(2, mail="none at all"), person(3), person(4, first={"a": 1}))
    for live in (True, False):
        found = files.pull(live=live)
        assert sum(found.left_out.values()) == (3 if live else 0)
        if live:
            assert {column: n for (column, _), n in found.left_out.items()} == {"mail": 2, "first": 1}
            assert all(why and "no address" not in why for _, why in found.left_out)
    files.put(person(5, mail="no address"))
    assert sum(files.pull(live=False).left_out.values()) == 1
    with files.database.read() as c:
        (note,) = c.exec_driver_sql("SELECT note FROM pull ORDER BY id DESC LIMIT 1").scalars()
    assert "1 values left out of mail: " in note


def test_versions_in_the_hour_that_clocks_repeat_are_told(database: Database, tmp_path: Path) -> None:
    local = Files(database, tmp_path)
    streams = local.config.sources["list"].streams
    streams["people"] = streams["people"].model_copy(update={"timezone": "Europe/Berlin"})  # type: ignore[index]
    local.put(person(1, v="2024-10-27 02:30:00"), person(2, v="2024-10-27 04:30:00"))
    assert any(note.startswith("1 rows have a version in the hour that clocks repeat") for note in local.pull().notes)


def test_what_a_connector_did_not_foresee_ends_its_pull_and_not_the_run(files: Files) -> None:
    class Broken:
        def read(self, stream: str, cursor: Any) -> Iterator[Page]:
            yield Page((SourceRow(person(1), "row 1"),), {})
            raise KeyError("a value of somebody")

        def close(self) -> None:
            pass

    found = Pull(files.resolver, "list", "people", complete=False).run(Broken(), live=True)  # type: ignore[arg-type]
    assert found.landed == 1
    assert found.error == "people: could not be read further (KeyError)"


# --- a column that is gone ----------------------------------------------------------------------------


def renamed(row: dict[str, Any]) -> dict[str, Any]:
    return {("email" if name == "mail" else name): value for name, value in row.items()}


def test_a_column_that_is_gone_takes_no_values_back_until_somebody_says_so(files: Files, database: Database) -> None:
    files.put(*[person(n) for n in range(LOST_BY + 2)])
    files.pull()
    before = tiny.answer(database)
    files.put(*[renamed(person(n, v=2)) for n in range(LOST_BY + 2)])
    found = files.pull()
    assert found.pauses
    assert "list.yaml: streams.people.map.email: no row has 'mail' any more" in found.error
    assert "--allow-losses" in found.error
    assert (found.landed, tiny.answer(database)) == (0, before)
    assert files.pull().error
    assert files.pull(allow_losses=True).landed == LOST_BY + 2


def test_a_column_that_a_few_rows_leave_out_is_no_lost_one(files: Files) -> None:
    files.put(*[person(n) for n in range(LOST_BY - 1)])
    files.pull()
    files.put(*[renamed(person(n, v=2)) for n in range(LOST_BY - 1)])
    assert files.pull().landed == LOST_BY - 1


def test_rows_that_say_they_are_deleted_lose_no_column(database: Database, tmp_path: Path) -> None:
    files = Files(database, tmp_path, listing="incremental")
    stream = files.config.sources["list"].streams["people"].model_copy(update={"deleted": "gone"})
    files.config.sources["list"] = files.config.sources["list"].model_copy(update={"streams": {"people": stream}})  # type: ignore[index]
    files.resolver = Resolver(database, files.config)
    files.put(*[person(n) for n in range(LOST_BY + 2)])
    files.pull()
    files.put(*[{"id": str(n), "v": 2, "gone": True} for n in range(LOST_BY + 2)])
    found = files.pull()
    assert (found.error, found.landed) == ("", LOST_BY + 2)
