"""Any row by any path: no traceback, no 500, none lost. Sampled; `make prove` takes 20,000 rows."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
import stamina
from starlette.testclient import TestClient

from hub.app import create_app
from hub.connectors.registry import connect
from hub.db import Database
from hub.landing.store import living_keys
from hub.settings import load
from hub.work.pull import Pull, Pulled
from tests.access import population
from tests.connectors.service import Crm, Server

PATHS = 7  # file (JSON lines, JSON, CSV), SQL (SQLite, PostgreSQL), REST, PUT and POST share the rows
ROWS = 20_000 // PATHS if os.environ.get("HUB_PROVE") else 120
SEED = int(os.environ.get("HUB_FUZZ_SEED", "20261127"))

TEXTS = (
    '""', '"Anna"', '" O\'Neil "', '"a@x.example"', '"+49 30 1234567"', '"1980-02-30"', '"0000-00-00"', '"infinity"',
    '"44-03-15 BC"', '"10000-01-01"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ud83d\\ude00"',
    '"\\u202eabc"', '"\\u200b"', '"\ufeff"', '"null"', '"NaN"', '"-"', '"2024-01-01T00:00:00+99:00"', '"9999-12-31T23:59:59Z"',
    '"0001-01-01T00:00:00+14:00"', '"2024-10-27 02:30:00"', '"%s"' % ("x" * 5000), '"%s"' % ("é" * 600), '"{}"', '"[1]"', '"\\\\"',
    '"\\n"', '"a\\r\\nb"', '"\\t"', '"\'; DROP TABLE record; --"', '":x:"', '"[red]"', '"${x}"', '"../../etc"', '"a/b?c#d"',
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "98765432109876543210", "1" * 400, "9" * 5000, "0.1", "-0.0", "1e3", "1e999",
    "-1e999", "1e-999", "12345678901234567.89", "0.30000000000000004", "1.7976931348623157e308", "5e-324", "1e22",
)  # fmt: skip
OTHERS = (
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[[]]]",
    '{"a": {"b": [1, null, "x"]}}',
    '["a@x.example", "b@x.example"]',
)
BROKEN = (
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "undefined",
    "01",
    "+1",
    "1.",
    ".5",
    "'x'",
    '"\t"',
    '"open',
    "{",
    "[1,",
)
NAMES = ("first", "last", "born", "mail", "phone", "nid", "tax", "job", "consent", "street", "zip", "town", "updated", "x", "",
         "a.b", "id ", "ID", "\\u0000", "\\u200bid", "first\\n", "\\ud800", "$", "constructor", "é", "k" * 300)  # fmt: skip


class Rows:
    """Rows as JSON text, drawn by a seed."""

    def __init__(self, seed: int):
        self.dice = random.Random(seed)

    def value(self, depth: int = 0) -> str:
        roll = self.dice.random()
        if roll < 0.4:
            return self.dice.choice(TEXTS)
        if roll < 0.65:
            return self.dice.choice(NUMBERS)
        if roll < 0.8:
            return self.dice.choice(OTHERS)
        if roll < 0.82:
            return self.dice.choice(BROKEN)
        if roll < 0.83:
            return "[" * self.dice.choice((5, 31, 40, 2000)) + "]" * self.dice.choice((5, 31, 40, 2000))
        if depth < 3:
            inner = [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
            if roll < 0.92:
                return "[" + ", ".join(inner) + "]"
            return "{" + ", ".join(f'"{self.dice.choice(NAMES)}": {v}' for v in inner) + "}"
        return json.dumps("".join(chr(self.dice.randrange(32, 0x2FFF)) for _ in range(self.dice.randrange(30))))

    def row(self, number: int) -> str:
        roll = self.dice.random()
        if roll < 0.03:
            return self.dice.choice((*BROKEN, *OTHERS, *NUMBERS, *TEXTS))
        names = self.dice.sample(NAMES, self.dice.randrange(1, 9))
        fields = [f'"{name}": {self.value()}' for name in names]
        if roll < 0.93:
            fields.append(f'"id": "{number}"' if roll < 0.7 else f'"id": {10**30 + number}')
        elif roll < 0.97:
            fields.append(f'"id": {self.value()}')
        if roll > 0.3:
            fields.append(f'"updated": {self.dice.randrange(10)}')
        self.dice.shuffle(fields)
        return "{" + ", ".join(fields) + "}"

    def plain(self) -> Any:
        """A value that a database column or a cell may hold."""
        text = self.dice.choice((*TEXTS, *NUMBERS, "null", "true"))
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found.encode("utf-8", "surrogatepass") if isinstance(found, str) and self.dice.random() < 0.1 else found


SQL = """
connector: {kind: sql, url_env: URL}
streams:
  people:
    table: people
    key: id
    version: updated
    customer: person
    map: {given_name: first, family_name: last, birth_date: born, email: mail, phone: phone}
    verified: all
"""
REST = """
connector: {kind: rest, base_url_env: URL}
streams:
  people:
    rest: {path: people}
    key: id
    version: updated
    customer: person
    map: {given_name: first, family_name: last, birth_date: born, email: mail, phone: phone, address: {line1: street, city: town}}
    verified: all
"""


class World:
    def __init__(self, database: Database, folder: Path):
        population.write_config(folder / "config")
        for name, text in (("table", SQL), ("service", REST)):
            (folder / "config" / "sources" / f"{name}.yaml").write_text(text, encoding="utf-8")
        self.config = load(folder / "config", {"URL": "x"})
        self.folder = folder
        self.hub = population.open_hub(database, self.config, folder / "data")
        (folder / "config" / "billing").mkdir()

    def pull(self, source: str, stream: str, *, url: str = "", live: bool) -> Pulled:
        connector = connect(self.config.sources[source], env={"URL": url}, base_folder=self.config.folder)
        found = Pull(self.hub.resolver, source, stream, complete=False).run(connector, live=live)
        assert not found.error
        assert found.fetched == found.landed + found.unchanged + found.quarantined + found.suppressed, found.counts()
        return found

    def alive(self, source: str, stream: str) -> set[str]:
        with self.hub.database.read() as connection:
            return set(living_keys(connection, source, stream))


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    before, database.clock = database.clock, population.TestClock()
    made = World(database, tmp_path)
    with stamina.set_testing(True, attempts=1):
        yield made
    made.hub.close()
    database.clock = before


def drawn(path: str) -> list[str]:
    rows = Rows(SEED + sum(map(ord, path)))
    return [rows.row(n) for n in range(ROWS)]


def sure_keys(rows: list[str], keep: Callable[[str], bool] = lambda _row: True) -> set[str]:
    """Keys of rows that nothing is wrong with: they must be there."""
    found = set()
    for number, text in enumerate(rows):
        if f'"id": "{number}"' in text and keep(text):
            try:
                row = json.loads(text, parse_constant=lambda _: {}[0])
                text.encode()
                json.dumps(row, ensure_ascii=False).encode()
            except (ValueError, KeyError, RecursionError):
                continue
            if "[" * 31 not in text and "\\ud8" not in text and "\\udf" not in text:
                found.add(str(number))
    return found


def test_files_of_json_lines(world: World) -> None:
    rows = [row.replace("\n", " ") for row in drawn("jsonl")]
    (world.config.folder / "billing" / "a.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    half = world.pull("billing", "customers", live=True)
    assert half.fetched == len(rows)
    assert world.alive("billing", "customers") >= sure_keys(rows)


def test_files_of_a_json_list(world: World) -> None:
    rows = [row for row in drawn("json") if _is_json(row)]
    (world.config.folder / "billing" / "a.json").write_text("[" + ",\n".join(rows) + "]", encoding="utf-8")
    found = world.pull("billing", "customers", live=False)
    assert found.fetched == len(rows)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=lambda _: {}[0]), text.encode()
        json.dumps(json.loads(text), ensure_ascii=False).encode()
        return True
    except (ValueError, KeyError, RecursionError):
        return False


def test_files_of_csv_with_any_header(world: World) -> None:
    rows = Rows(SEED)
    count = 0
    for number in range(max(3, ROWS // 60)):
        extra = [json.loads(f'"{n}"').encode("utf-8", "replace").decode() for n in rows.dice.sample(NAMES, 6)]
        columns = [
            "id",
            "first",
            "last",
            "born",
            "mail",
            "phone",
            "nid",
            "tax",
            "job",
            "consent",
            "street",
            "zip",
            "town",
            "updated",
        ]
        columns += [n for n in extra if n.strip() not in columns]
        rows.dice.shuffle(columns)
        lines = [";".join('"' + c.replace('"', '""') + '"' for c in columns)]
        for n in range(50):
            cells = [f"{number}-{n}" if c == "id" else str(rows.plain()) for c in columns]
            lines.append(";".join('"' + c.replace('"', '""') + '"' for c in cells))
        text = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        (world.config.folder / "billing" / f"{number}.csv").write_bytes(text)
        count += 50
    found = world.pull("billing", "customers", live=True)
    assert found.landed + found.unchanged + found.quarantined == found.fetched
    assert found.fetched >= count * 0.5  # a file that cannot be read as a whole counts once


COLUMNS = ("id", "first", "last", "born", "mail", "phone", "updated", "x")


def test_a_table_of_sqlite_with_any_values(world: World) -> None:
    rows, path = Rows(SEED + 1), world.folder / "b.db"
    with sqlite3.connect(path) as db:
        db.execute(f"create table people ({', '.join(COLUMNS)})")
        for n in range(ROWS):
            values = [f"k{n}", *[_for_sqlite(rows.plain()) for _ in COLUMNS[1:]]]
            if n % 17 == 0:
                values[0] = _for_sqlite(rows.plain())
            db.execute(f"insert into people values ({', '.join('?' * len(values))})", values)
        db.execute("update people set first = cast(x'41ff42' as text) where id = 'k1'")
    db.close()
    found = world.pull("table", "people", url=f"sqlite:///{path}", live=True)
    assert found.fetched >= ROWS
    assert len(world.alive("table", "people")) > ROWS / 3


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


TYPES = {
    "first": ("text", ("'Anna'", "''", "null", "E'a\\tb'", "repeat('x', 5000)")),
    "last": ("jsonb", ("'98765432109876543210'", "'{\"a\": 1e400}'", "'null'", "'[1, 0.1]'", "null", "'\"Maier\"'")),
    "born": ("date", ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'10000-01-01'", "'1980-02-29'", "null")),
    "mail": ("bytea", ("'\\xff00'", "''", "null")),
    "phone": ("numeric", ("'NaN'", "99999999999999999999", "0.1", "1e300", "-5", "null", "'Infinity'")),
    "updated": ("timestamptz", ("'infinity'", "'2024-01-01'", "'0001-01-01 BC'", "'294276-12-31'", "'-infinity'", "'2024-06-01'")),
    "x": ("interval", ("'1 year'", "'178000000 years'", "'-1 day'", "null", "'00:00:01'")),
    "y": ("double precision", ("'NaN'", "'Infinity'", "0.1", "1e308", "null")),
    "z": ("timestamp[]", ("'{}'", "'{infinity,2024-01-01}'", "null")),
    "r": ("daterange", ("'[2024-01-01,infinity]'", "'empty'", "null")),
    "t": ("time", ("'24:00:00'", "'00:00'", "null")),
    "u": ("uuid", ("'00000000-0000-0000-0000-000000000001'", "null")),
    "i": ("inet", ("'10.0.0.1/8'", "'::1'", "null")),
}  # fmt: skip


def test_a_table_of_postgresql_with_any_types(world: World, postgres_url: str) -> None:
    rows, engine = Rows(SEED + 2), sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema if exists source cascade"))
        connection.execute(sa.text("create schema source"))
        columns = ", ".join(f"{name} {type_}" for name, (type_, _) in TYPES.items())
        connection.execute(sa.text(f"create table source.people (id numeric primary key, {columns})"))
        for n in range(ROWS):
            values = ", ".join(rows.dice.choice(choices) for _, choices in TYPES.values())
            connection.exec_driver_sql(f"insert into source.people values ({10**30 + n}, {values})")
    url = postgres_url + ("&" if "?" in postgres_url else "?") + "options=-csearch_path%3Dsource"
    found = world.pull("table", "people", url=url, live=True)
    assert found.fetched >= ROWS
    assert found.quarantined == 0
    assert len(world.alive("table", "people")) == ROWS
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema source cascade"))


def test_a_rest_service(world: World) -> None:
    rows = [row for row in drawn("rest") if _is_json(row)]
    crm = Crm()
    body = ("[" + ",".join(rows) + "]").encode("utf-8")
    crm.misbehave.append(lambda _method, _path: (200, {"Content-Type": "application/json"}, body))
    server = Server(crm)
    try:
        found = world.pull("service", "people", url=server.url, live=True)
    finally:
        server.stop()
    assert found.fetched == len(rows)
    assert world.alive("service", "people") >= sure_keys(rows) - {str(n) for n in range(0)}


def test_rows_put_and_posted(world: World) -> None:
    client = TestClient(create_app(world.hub), raise_server_exceptions=True)
    key = population.key_for(world.hub, "billing")
    rows = drawn("put")
    for number, row in enumerate(rows):
        path = f"/v1/sources/billing/customers/records/{quote(str(number), safe='')}"
        answer = client.put(
            path, content=row.encode("utf-8", "surrogatepass"), headers={**key, "content-type": "application/json"}
        )
        assert answer.status_code in (200, 400, 413, 422), (row, answer.text)
    rows = [row.replace("\n", " ") for row in drawn("post")]
    for start in range(0, len(rows), 500):
        lines = rows[start : start + 500]
        answer = client.post(
            "/v1/sources/billing/customers/records",
            content="\n".join(lines).encode("utf-8", "surrogatepass"),
            headers={**key, "content-type": "application/x-ndjson"},
        )
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["read"] == len(lines) == len(told["data"])
        assert told["quarantined"] == sum(one["happened"] == "quarantined" for one in told["data"])
    assert world.alive("billing", "customers") >= sure_keys(rows)


def test_probes_and_searches_of_any_value(world: World) -> None:
    client = TestClient(create_app(world.hub), raise_server_exceptions=True)
    key = population.key_for(world.hub, "lead_steward")
    for row in drawn("match")[: max(40, ROWS // 10)]:
        body = '{"source": "billing", "stream": "customers", "record": ' + row + "}"
        answer = client.post(
            "/v1/match",
            content=body.encode("utf-8", "surrogatepass"),
            headers={**key, "content-type": "application/json"},
        )
        assert answer.status_code in (200, 400, 413, 422), (row, answer.text)


ODD = ("%00", "a%00b", "%ED%A0%80", "%FF", "a%2Fb", "%E2%80%AE", "x" * 600, "%0A", "..%2F..")


def test_odd_keys_versions_and_searches_in_addresses(world: World) -> None:
    client = TestClient(create_app(world.hub), raise_server_exceptions=True)
    writer, reader = population.key_for(world.hub, "billing"), population.key_for(world.hub, "lead_steward")
    asked = [
        ("DELETE", "/v1/sources/billing/customers/records/{}", writer),
        ("DELETE", "/v1/sources/billing/customers/records/1?version={}", writer),
        ("PUT", "/v1/sources/billing/customers/records/{}", writer),
        ("GET", "/v1/customers?q={}", reader),
        ("GET", "/v1/customers/{}", reader),
        ("GET", "/v1/crosswalk?source=billing&stream=customers&key={}", reader),
    ]
    client.put("/v1/sources/billing/customers/records/1", json={"id": "1", "first": "Anna"}, headers=writer)
    for method, path, key in asked:
        for odd in ODD:
            body = {"content": b"{}"} if method == "PUT" else {}
            answer = client.request(
                method, path.format(odd), headers={**key, "content-type": "application/json"}, **body
            )
            assert answer.status_code < 500, (method, path, odd, answer.text)
    text = b'{"left": {"source": "billing", "stream": "customers", "key": "\\ud800"}, "right": {"source": "a\\u0000", "stream": "x", "key": "y"}, "verdict": "match", "reason": "\\ud800\\u0000"}'
    assert (
        client.post("/v1/decisions", content=text, headers={**reader, "content-type": "application/json"}).status_code
        < 500
    )
