"""The file connector: the shared suite, and what only files can have wrong."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hub.connectors.base import BadRow, Connector, SourceRow
from hub.connectors.formats import opened
from hub.connectors.formats.delimited import sniff_delimiter
from hub.connectors.formats.sniffing import sniff_encoding
from hub.connectors.incoming_files import oldest_first, print_of
from hub.connectors.registry import connect
from hub.connectors.systems.file import Files
from hub.errors import ConfigError
from hub.settings import Source
from tests.connectors.conformance import MAP, Conformance, World, bad, pages, raws


class Folder(World):
    many = 2500
    writable = False

    def __init__(self, folder: Path, format_: str) -> None:
        self.folder, self.format = folder, format_
        self.rows: dict[str, dict[str, Any]] = {}
        self.broken = False

    def source(self, **stream: Any) -> Source:
        people = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP, **stream}
        return Source.model_validate(
            {"name": "web", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": people}}
        )

    def connector(self, **stream: Any) -> Connector:
        self.folder.mkdir(exist_ok=True)
        return connect(self.source(**stream), env={}, base_folder=self.folder.parent)

    def put(self, *rows: dict[str, Any]) -> None:
        self.rows |= {row["id"]: row for row in rows}
        self._save()

    def put_bad(self) -> None:
        self.broken = True
        self._save()

    def add_field(self, name: str) -> None:
        self.rows = {key: {**row, name: "gold"} for key, row in self.rows.items()}
        self._save()

    def drop_field(self, name: str) -> None:
        self.rows = {key: {n: v for n, v in row.items() if n != name} for key, row in self.rows.items()}
        self._save()

    def break_down(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()

    def _save(self) -> None:
        self.folder.mkdir(exist_ok=True)
        rows = list(self.rows.values())
        if self.format == "parquet":
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            if self.broken:
                columns = {name: [*values, "x" * (1 << 21)] for name, values in columns.items()}
            pq.write_table(pa.table(columns), self.folder / "people.parquet")
            return
        text = io.StringIO()
        if self.format == "csv":
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
            text.write("one,two\n" if self.broken else "")
        elif self.format == "json":
            json.dump([*rows, *([5] if self.broken else [])], text)
        else:
            text.writelines(json.dumps(row) + "\n" for row in rows)
            text.write('{"id": \n' if self.broken else "")
        data = text.getvalue().encode()
        packed = self.format.endswith(".gz")
        (self.folder / f"people.{self.format}").write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("format_", ["csv", "jsonl", "jsonl.gz", "json", "parquet"])
class TestFiles(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path, format_: str) -> Folder:
        return Folder(tmp_path / "drop", format_)


def read(tmp_path: Path, files: dict[str, bytes], cursor: dict[str, Any] | None = None, **stream: Any) -> list[Any]:
    drop = tmp_path / "drop"
    drop.mkdir(exist_ok=True)
    for name, data in files.items():
        (drop / name).write_bytes(data)
    people = {"customer": "person", "key": "id", "map": {}, **stream}
    source = Source.model_validate(
        {"name": "web", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": people}}
    )
    return pages(connect(source, env={}, base_folder=tmp_path), cursor)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = delimiter.join(["id", "first", "town"]) + "\r\n" + delimiter.join(["1", "Zoë", '"Zürich, Süd; x"']) + "\r\n"
    found = read(tmp_path, {"a.csv": text.encode(encoding)})
    assert raws(found) == {"1": {"id": "1", "first": "Zoë", "town": "Zürich, Süd; x"}}


def test_one_bad_byte_costs_one_row_not_every_umlaut(tmp_path: Path) -> None:
    lines = [b"id,first", *[f"{n},Zoë".encode() for n in range(5)], b"9,Zo\xeb", b""]
    found = read(tmp_path, {"a.csv": b"\n".join(lines)})
    assert {raw["first"] for raw in raws(found).values()} == {"Zoë"}
    assert [(row.reason, row.line) for row in bad(found)] == [("bytes that are not utf-8", "a.csv line 7")]


def test_a_quote_that_does_not_end_costs_one_row(tmp_path: Path) -> None:
    data = b'id,first,last\n1,Anna,"Meyer\n2,Bob,Smith\n3,"Cleo\nMaria","Jones"\n4,Dan,"Fox"\n5,Eve,"Hill\n'
    found = read(tmp_path, {"a.csv": data})
    assert raws(found).keys() == {"2", "3", "4"}
    assert raws(found)["3"]["first"] == "Cleo\nMaria"
    assert [row.line for row in bad(found)] == ["a.csv line 2", "a.csv line 7"]


@pytest.mark.parametrize("lines", [1, 600])
@pytest.mark.parametrize(("more", "kept"), [(",too many", {"3"}), ("", {"1", "3"})])
def test_what_stands_in_quotes_makes_no_rows(tmp_path: Path, lines: int, more: str, kept: set[str]) -> None:
    note = "\n2,eve@evil.example,I am a row" * lines
    data = f'id,mail,note\n1,ana@x.example,"hello{note}\nbye"{more}\n3,rui@x.example,ok\n4,x\n'
    found = read(tmp_path, {"a.csv": data.encode()})
    assert raws(found).keys() == kept
    assert [row.line for row in bad(found)] == ["a.csv line 2"] * bool(more) + [f"a.csv line {lines + 5}"]


def test_rows_are_told_by_the_line_on_which_they_begin(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b'id,first\n1,"a\nb"\n\n2,c\n3\n'})
    assert [row.line for row in found[0].rows] == ["a.csv line 2", "a.csv line 5", "a.csv line 6"]


def test_a_row_longer_than_a_mebibyte_is_set_aside(tmp_path: Path) -> None:
    data = b"id,first\n1,a\n2," + b"x" * (3 << 20) + b"\n3,c\n"
    found = read(tmp_path, {"a.csv": data, "b.jsonl": b'{"id":"4"}\n{"id":"' + b"y" * (3 << 20) + b'"}\n{"id":"5"}\n'})
    assert raws(found).keys() == {"1", "3", "4", "5"}
    assert len(bad(found)) == 2


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,mail,id", "names a column twice that the map uses: id"),
        ("key,mail", "no column 'id'"),
        ('id,"mail', "not a CSV header"),
    ],
)
def test_a_header_that_cannot_be_used_is_named_with_its_file(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ConfigError, match="a.csv") as error:
        read(tmp_path, {"a.csv": f"{header}\n1,x,y\n".encode()})
    assert said in str(error.value)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"id,id\n1,2\n", "b.csv": b"id\n1\n", "c.xlsx": b"PK\x03\x04zzzz"})
    assert raws(found).keys() == {"1"}
    assert [row.line for row in bad(found)] == ["a.csv", "c.xlsx"]
    again = read(tmp_path, {"a.csv": b"id,mail\n7,2\n"}, found[-1].cursor)
    assert raws(again).keys() == {"7"}


def test_a_mapped_column_that_is_not_there_is_a_fault_with_the_known_columns(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, {"a.csv": b"id,E-Mail\n1,x\n"}, map={"email": "Emial"})
    assert "sources/web.yaml: streams.people.map.email" in str(error.value)
    assert "'E-Mail'" in str(error.value)


def test_partial_records_need_no_more_than_the_key(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"id\n1\n"}, map={"email": "mail"}, records="partial")
    assert raws(found).keys() == {"1"}


def test_a_cut_off_gzip_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    text = b"".join(b'{"id":"%d","mail":"%s"}\n' % (n, os.urandom(20).hex().encode()) for n in range(9000))
    found = read(tmp_path, {"a.jsonl.gz": gzip.compress(text)[:-50_000]})
    assert len(raws(found)) > 1000
    assert "cut off" in bad(found)[-1].reason


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "RATIO_FROM", 1 << 20)
    line = b'{"id":"1","mail":"' + b"x" * 1000 + b'"}\n'
    found = read(tmp_path, {"a.jsonl.gz": gzip.compress(line * 10_000)})
    assert "unpacks to more than" in bad(found)[-1].reason


def test_json_that_breaks_off_gives_the_items_before(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.json": b'[{"id":"1"},\n{"id":"2"},\n{"id":'})
    assert raws(found).keys() == {"1", "2"}
    assert bad(found)[0].line == "a.json line 3"


def test_a_list_inside_an_object_on_one_line_is_found_too(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.json": b'{"data":[{"id":"1"},{"id":"2"}]}'}, file={"records": "data"})
    assert raws(found).keys() == {"1", "2"}


def test_a_list_inside_a_json_file_is_found_by_its_path(tmp_path: Path) -> None:
    data = b'{"customers": [{"id": "1"}],\n "count": 1}'
    assert raws(read(tmp_path, {"a.json": data}, file={"records": "customers"})).keys() == {"1"}
    with pytest.raises(ConfigError, match="customers, count"):
        read(tmp_path, {"a.json": data})


def test_long_numbers_keep_every_digit(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.jsonl": b'{"id": 12345678901234567890123}\n{"id": NaN, "x": 1234567890123456789}\n'})
    assert [row.raw["id"] for row in found[0].rows if isinstance(row, SourceRow)] == ["12345678901234567890123"]
    assert len(bad(found)) == 1


def test_deep_nesting_is_set_aside(tmp_path: Path) -> None:
    data = b'{"id":"1","x":' + b"[" * 900 + b"]" * 900 + b'}\n{"id":"2","x":' + b"[" * 100_000 + b"\n" + b'{"id":"3"}\n'
    found = read(tmp_path, {"a.jsonl": data})
    assert raws(found).keys() == {"3"}
    assert [row.reason for row in bad(found)] == ["nested too deeply", "not JSON"]


def test_hidden_and_half_written_files_are_left_alone(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {".x.csv": b"id\n1\n", "b.csv.part": b"id\n2\n", "c.csv.gz": gzip.compress(b"id\n3\n")},
        file={"pattern": "*.csv"},
    )
    assert raws(found).keys() == {"3"}


def test_no_file_is_told_and_deletes_nothing(tmp_path: Path) -> None:
    (page,) = read(tmp_path, {}, listing="complete", file={"pattern": "p*.csv"})
    assert not page.listed_all
    assert "p*.csv" in page.notes[0]


def test_a_file_without_a_header_gets_its_columns_from_the_configuration(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"1,Anna\n2,Bob\n"}, file={"columns": ["id", "first"]})
    assert raws(found)["2"] == {"id": "2", "first": "Bob"}


def test_a_changed_file_is_read_again_even_with_the_same_size_and_time(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"id,first\n1,Anna\n"})
    file = tmp_path / "drop" / "a.csv"
    stat = file.stat()
    file.write_bytes(b"id,first\n1,Anne\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert raws(read(tmp_path, {}, found[-1].cursor))["1"]["first"] == "Anne"
    assert raws(read(tmp_path, {}, read(tmp_path, {}, found[-1].cursor)[-1].cursor)) == {}


def test_parquet_types_become_json(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1],
            "born": [dt.date(1990, 1, 2)],
            "at": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
            "sum": [Decimal("12.50")],
            "tags": [["a"]],
            "raw": [b"\x00"],
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    (row,) = raws(read(tmp_path, {"a.parquet": out.getvalue()})).values()
    assert row == {
        "id": 1,
        "born": "1990-01-02",
        "at": "2023-11-14T22:13:20.123456Z",
        "sum": "12.50",
        "tags": ["a"],
        "raw": "AA==",
    }


def test_a_broken_parquet_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a sound Parquet file"):
        read(tmp_path, {"a.parquet": b"PAR1junk"})


def test_single_column_files_and_odd_samples_keep_the_comma() -> None:
    assert sniff_delimiter(["id", "1"]) == ","
    assert sniff_delimiter([]) == ","
    assert sniff_delimiter(['a;b;"c,d,e,f"', "1;2;x"]) == ";"


def test_an_umlaut_cut_in_half_by_the_sample_is_still_utf_8() -> None:
    assert sniff_encoding("Zürich".encode()[:2], whole=False) == "utf-8"
    assert sniff_encoding(b"Z\xfcrich", whole=True) == "cp1252"
    assert sniff_encoding(b"Z\xfcrich\x81", whole=True) == "latin-1"


def test_a_bad_row_keeps_no_bytes_that_text_cannot_hold(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"id,first\n1,\xff\xfe\xff\n2,ok\n"}, file={"encoding": "utf-8"})
    assert [row.raw.encode() for row in found[0].rows if isinstance(row, BadRow)]


EXPORT = b"id,first,Notes,Notes\n1,Ana,x,y\n"


def test_a_column_named_twice_stops_a_file_only_where_it_is_used(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": EXPORT}, map={"given_name": "first"})
    assert raws(found) == {"1": {"id": "1", "first": "Ana", "Notes": "x", "Notes (2)": "y"}}
    assert any("names columns twice that nothing uses: Notes" in note for note in found[0].notes)
    with pytest.raises(ConfigError, match="twice that the map uses: Notes"):
        read(tmp_path, {"a.csv": EXPORT}, map={"given_name": "Notes"})


def test_columns_without_a_name_are_no_reason_to_set_rows_aside(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.csv": b"id,first,,\n1,Ana,x,y\n2,Bo\n3,Cy,,\n4,Di,,,z\n"})
    assert raws(found) == {
        "1": {"id": "1", "first": "Ana", "column_3": "x", "column_4": "y"},
        "2": {"id": "2", "first": "Bo"},
        "3": {"id": "3", "first": "Cy"},
    }
    assert [row.reason for row in bad(found)] == ["5 columns where the header has 2"]


@pytest.mark.parametrize("columns", [["id", "first", "Notes", "More"], ["ID", "First", "a", "b"]])
def test_a_header_line_is_no_row_where_columns_are_named_by_hand(tmp_path: Path, columns: list[str]) -> None:
    found = read(tmp_path, {"a.csv": EXPORT}, key=columns[0], file={"columns": columns})
    rows = [row.raw for row in found[0].rows]
    assert [row[columns[1]] for row in rows] == ["Ana"]
    plain = read(tmp_path, {"a.csv": b"1,Ana,x,y\n2,Bo,x,y\n"}, key=columns[0], file={"columns": columns})
    assert len(plain[0].rows) == 2


def test_lines_before_the_header_are_skipped_where_the_source_says_so(tmp_path: Path) -> None:
    data = b"Report of customers\nmade 2026-11-27, by: x\n" + EXPORT
    with pytest.raises(ConfigError, match=r"set file\.skip"):
        read(tmp_path, {"a.csv": data}, map={"given_name": "first"})
    found = read(tmp_path, {"a.csv": data}, map={"given_name": "first"}, file={"skip": 2})
    assert [row.line for row in found[0].rows] == ["a.csv line 4"]
    assert raws(found)["1"]["first"] == "Ana"
    named = read(tmp_path, {"a.csv": data}, file={"skip": 3, "columns": ["id", "first", "n", "m"]})
    assert raws(named)["1"]["m"] == "y"


def test_what_cannot_be_seen_in_a_columns_name_is_shown(tmp_path: Path) -> None:
    data = "id,e-mail\u200b,na\u00a0me\n1,x,y\n".encode()
    with pytest.raises(ConfigError) as error:
        read(tmp_path, {"a.csv": data}, map={"email": "e-mail"})
    assert "'e-mail\\u200b', 'na\\xa0me'" in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        ["customers_2026-9.csv", "customers_2026-10.csv"],
        ["c_31.12.2025.csv", "c_01.01.2026.csv"],
        ["export 2.csv", "export 11.csv"],
        ["20251231.csv", "20260101.csv"],
        ["zz.csv", "aa.csv"],
        ["customers.csv", "customers (1).csv"],
    ],
)
def test_the_newer_of_two_files_is_read_last(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "drop").mkdir()
    for age, name in enumerate(names):
        (tmp_path / "drop" / name).write_text(f"id,first\n1,{name}\n", encoding="utf-8")
        os.utime(tmp_path / "drop" / name, (1_700_000_000 + age, 1_700_000_000 + age))
    found = read(tmp_path, {})
    assert [row.raw["first"] for page in found for row in page.rows] == names


# --- links --------------------------------------------------------------------------------------------


def test_a_link_that_leads_out_of_the_folder_is_not_read_and_nothing_of_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("root:x:0:0\nid,first,last\n", encoding="utf-8")
    drop = tmp_path / "drop"
    (drop / "in").mkdir(parents=True)
    (drop / "good.csv").write_text("id,first,last\n1,Ann,Ash\n", encoding="utf-8")
    (drop / "in" / "more.csv").write_text("id,first,last\n2,Bob,Ash\n", encoding="utf-8")
    (drop / "evil.csv").symlink_to(tmp_path / "secret.csv")
    (drop / "near.csv").symlink_to(drop / "in" / "more.csv")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.csv").write_text("id,first,last\n3,Cid,Ash\n", encoding="utf-8")
    (drop / "folder").symlink_to(tmp_path / "elsewhere")
    source = Source.model_validate(
        {
            "name": "list",
            "connector": {"kind": "file", "path": "drop"},
            "streams": {
                "people": {
                    "customer": "person",
                    "key": "id",
                    "map": {"given_name": "first"},
                    "listing": "complete",
                    "file": {"pattern": "*.csv"},
                }
            },
        }
    )
    connector = connect(source, env={}, base_folder=tmp_path)
    found = list(connector.read("people", None))
    rows = [row for page in found for row in page.rows]
    assert {row.raw["id"] for row in rows if isinstance(row, SourceRow)} == {"1", "2"}
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.line, bad.reason, bad.raw) == ("evil.csv", "a link that leads out of the folder: not read", "")
    assert not found[-1].listed_all
    assert "root" not in str(found)
    assert not any("root" in name for one in connector.discover() for name in one.fields)


def test_a_time_in_parquet_that_python_has_no_word_for_costs_no_row(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    far = pa.array([0, 600_000_000_000_000_000, None], pa.timestamp("us"))
    days = pa.array([0, 4_000_000, -4_000_000], pa.date32())
    nanos = pa.array([1, 2, 3], pa.time64("ns"))
    pq.write_table(
        pa.table({"id": ["1", "2", "3"], "at": far, "day": days, "nano": nanos}), tmp_path / "drop" / "a.parquet"
    )
    people = {"customer": "person", "key": "id", "map": {"given_name": "id"}}
    source = Source.model_validate(
        {"name": "list", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": people}}
    )
    found = pages(connect(source, env={}, base_folder=tmp_path))
    assert bad(found) == []
    rows = raws(found)
    assert rows.keys() == {"1", "2", "3"}
    assert (rows["1"]["at"], rows["1"]["day"], rows["3"]["at"]) == ("1970-01-01T00:00:00Z", "1970-01-01", None)
    assert rows["2"]["at"].startswith("20983")
    assert rows["2"]["day"]


def test_an_older_file_that_changed_does_not_win_over_a_newer_one(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    people = {"customer": "person", "key": "id", "map": {"given_name": "first"}}
    source = Source.model_validate(
        {"name": "list", "connector": {"kind": "file", "path": "drop"}, "streams": {"people": people}}
    )
    (drop / "p_2026-9.csv").write_text("id,first\n1,September\n", encoding="utf-8")
    (drop / "p_2026-10.csv").write_text("id,first\n1,October\n", encoding="utf-8")
    connector = connect(source, env={}, base_folder=tmp_path)
    cursor = pages(connector)[-1].cursor
    assert not raws(pages(connector, cursor))
    (drop / "p_2026-9.csv").write_text("id,first\n1,September again\n", encoding="utf-8")
    again = [row.raw["first"] for page in pages(connector, cursor) for row in page.rows if isinstance(row, SourceRow)]
    assert again == ["September again", "October"]


def test_a_file_that_is_gone_since_it_was_listed_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "b.txt").write_text("id\n2\n")
    source = Source.model_validate(
        {
            "name": "shop",
            "connector": {"kind": "file", "path": "."},
            "streams": {"rows": {"key": "id", "customer": "person", "map": {"family_name": "id"}}},
        }
    )
    connector = source.connect(env={}, base_folder=tmp_path, now=lambda: 0)
    assert isinstance(connector, Files)
    listed = connector._files("*")
    (tmp_path / "a.csv").unlink()
    prints = {file.name: print_of(file, connector._source.streams["rows"]) for file in oldest_first(listed)}
    assert prints["a.csv"].startswith("unreadable") and not prints["b.txt"].startswith("unreadable")
