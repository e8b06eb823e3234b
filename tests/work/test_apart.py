"""Clusters of a folder of Parquet files: what a hub makes of the same files, and one line for what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hub.cli import app
from hub.connectors import registry  # noqa: F401  (makes the kinds of connectors known)
from hub.demo.world import generate
from hub.errors import ConfigError
from hub.resolve.bulk import Bulk
from hub.resolve.resolver import Resolver
from hub.settings import Config
from hub.work import apart, cycle
from tests.access.population import write_config
from tests.conftest import new_sqlite

SHOP = """
connector: {{kind: file, path: "{folder}"}}
streams:
  people:
    customer: person
    key: id
    version: updated
    country: DE
    map: {{given_name: first, family_name: last, birth_date: born, email: mails, phone: phone,
          address: {{line1: street, postcode: zip, city: town}}}}
    file: {{pattern: "*.parquet"}}
"""
Row = dict[str, object]
SHAPE = pa.schema(
    [
        *((c, pa.string()) for c in ("id", "updated", "first", "last", "born", "phone", "street", "zip", "town")),
        ("mails", pa.list_(pa.string())),
    ]  # fmt: skip
)


def people(count: int) -> list[Row]:
    """Records of a small world, several of most people; some have moved since, and one row has no key."""
    found: list[Row] = []
    for n, r in enumerate(generate(count, 3).person_records.to_pylist()):
        row = {"id": f"k{n * 7919 % 10_007}", "updated": "2026-01-01T00:00:00Z", "first": r["given_name"], "last": r["family_name"]}  # fmt: skip
        row |= {"born": str(r["birth_date"] or "") or None, "mails": r["email"], "phone": (r["phone"] or [None])[0]}
        row |= {"street": r["line1"], "zip": r["postcode"], "town": r["city"]}
        found.append(row)
    moved = [{**r, "street": "Neue Gasse 1", "updated": "2026-02-01T00:00:00Z"} for r in found[::9]]
    return [*found, *moved, {**found[0], "id": None}]


def write(folder: Path, *files: Sequence[Row]) -> None:
    folder.mkdir(exist_ok=True)
    for number, rows in enumerate(files):
        pq.write_table(pa.Table.from_pylist(list(rows), SHAPE), folder / f"part-{number}.parquet")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rows = people(150)
    write(tmp_path / "records", rows[:120], rows[120:])
    return write_config(tmp_path / "config", {"shop": SHOP.format(folder=tmp_path / "records")}, roles="")


def as_a_hub(config: Config, folder: Path) -> set[frozenset[str]]:
    """The clusters of a hub that pulled the files and resolved them."""
    database = new_sqlite(folder / "hub.sqlite")
    resolver = Resolver(database, config)
    cycle.pull(resolver, ())
    Bulk(resolver, workers=1).run()
    with database.read() as connection:
        query = "SELECT m.cluster, r.key FROM membership m JOIN record r ON r.rid = m.rid"
        homes: dict[int, set[str]] = {}
        for cluster, key in connection.exec_driver_sql(query):
            homes.setdefault(cluster, set()).add(key)
    database.close()
    return {frozenset(c) for c in homes.values()}


def written(out: Path) -> set[frozenset[str]]:
    homes: dict[str, set[str]] = {}
    for row in pq.read_table(out).to_pylist():
        homes.setdefault(row["cluster"], set()).add(row["key"])
    assert all(name == min(keys) for name, keys in homes.items())
    return {frozenset(c) for c in homes.values()}


def test_the_clusters_are_those_of_a_hub(config: Config, tmp_path: Path) -> None:
    given = apart.extract(config, "", str(tmp_path / "records"), str(tmp_path / "out"))
    found = apart.on_one_machine(given, str(tmp_path / "out"))
    expected = as_a_hub(config, tmp_path)
    assert written(tmp_path / "out") == expected
    assert found.records == sum(map(len, expected)) > 200
    assert found.clusters == len(expected) < found.records - 20
    assert list(found.aside.values()) == [1]


def test_executors_make_of_their_rows_what_a_hub_makes_of_all(config: Config, tmp_path: Path) -> None:
    given = apart.extract(config, "shop.people", str(tmp_path / "records"), str(tmp_path / "out"))
    rows = pa.Table.from_batches([b for n in range(len(given.files)) for b in apart.read(given, n)])
    whole = apart.standardised(rows, given)
    buckets = [[n for n, k in enumerate(rows["key"].to_pylist()) if len(k or "") % 3 == b] for b in range(3)]
    parts = pa.concat_tables([apart.standardised(rows.take(b), given) for b in buckets])

    def plain(table: pa.Table) -> list[object]:
        """Without the numbers of landing, which count from one in each."""
        return sorted(
            (r["key"], r["at"], r["forms"], {a: c[:2] for a, c in orjson.loads(r["cells"]).items()})
            for r in table.to_pylist()
            if r["reason"] is None
        )

    assert plain(parts) == plain(whole)
    assert [r["at"] for r in whole.to_pylist() if r["reason"] is None] == sorted(
        r["at"] for r in whole.to_pylist() if r["reason"] is None
    )
    assert sum(r["rows"] or 0 for r in parts.to_pylist()) == 1


@pytest.mark.parametrize(
    ("stream", "records", "out", "words"),
    [
        ("shop.people", "nowhere", "out", "--records: there is no folder"),
        ("shop.people", "empty", "out", "--records: no file of"),
        ("shop.people", "records", "full", "is not empty"),
        ("shop.people", "records", "records/part-0.parquet", "is a file"),
        ("shop.orders", "records", "out", "there is no stream 'shop.orders' of customers (known: shop.people)"),
        ("shop.people", "narrow", "out", "streams.people.map.phone: part-0.parquet has no column 'phone'"),
        ("shop.people", "records", "full/x.parquet/y", "cannot be made"),
        ("shop.people", "records", "nothing://of/the/kind", "cannot be made"),
        ("shop.people", "nothing://of/the/kind", "out", "cannot be read"),
        ("shop.people", "broken", "out", "is not a sound Parquet file"),
    ],
)
def test_what_stands_in_the_way_is_one_line(
    config: Config, tmp_path: Path, stream: str, records: str, out: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("full", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.parquet").write_bytes(b"no Parquet")
    (tmp_path / "narrow").mkdir()
    pq.write_table(
        pq.read_table(tmp_path / "records/part-0.parquet").drop_columns("phone"), tmp_path / "narrow/part-0.parquet"
    )
    with pytest.raises(ConfigError) as caught:
        places = [place if "://" in place else str(tmp_path / place) for place in (records, out)]
        apart.extract(config, stream, *places)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_a_killed_run_left_is_no_result(config: Config, tmp_path: Path) -> None:
    (tmp_path / "out/_temporary/0").mkdir(parents=True)
    apart.extract(config, "", str(tmp_path / "records"), str(tmp_path / "out"))


def test_the_command_needs_no_source_to_be_reached(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config/sources/far.yaml").write_text(
        SHOP.format(folder="x").replace('path: "x"', "path_env: NOT_SET_ANYWHERE")
    )
    words = ["match", "--config", str(tmp_path / "config"), "--records", str(tmp_path / "records"), "--stream", "shop.people"]  # fmt: skip
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert " clusters" in done.output and "1 rows set aside: " in done.output
    assert pq.read_table(tmp_path / "out").column_names == ["key", "cluster"]
