"""What every connector must do. A connector's test gives a `World`, and gets this suite."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

import pytest

from hub.connectors.base import BadRow, Connector, FieldWrite, Page, SourceRow
from hub.connectors.mapping.mapper import Mapper
from hub.errors import ConfigError, HubError
from hub.settings import CustomerType, Source

PERSON = CustomerType.model_validate(
    {
        "attributes": {
            "given_name": {"kind": "given_name"},
            "family_name": {"kind": "family_name"},
            "email": {"kind": "email", "many": True},
            "address": {"kind": "postal_address"},
        }
    }
)
MAP = {"given_name": "first", "family_name": "last", "email": "mail", "address": {"line1": "street", "city": "town"}}


def person(number: int, day: int = 1, **other: Any) -> dict[str, Any]:
    row = {
        "id": f"{number:05d}",
        "first": "Anna",
        "last": "Meyer",
        "mail": f"a{number}@example.com",
        "street": f"Main Road {number}",
        "town": "Bern",
    }
    return {**row, "updated_at": f"2024-03-{day:02d}T10:00:00Z", **other}


class World(ABC):
    """A real outside system with one stream, `people`, that holds rows like `person(1)`."""

    many = 250  # rows that surely take more than a page
    writable = True

    @abstractmethod
    def connector(self, **stream: Any) -> Connector: ...

    @abstractmethod
    def source(self, **stream: Any) -> Source: ...

    @abstractmethod
    def put(self, *rows: dict[str, Any]) -> None:
        """Adds rows, or replaces those with the same id."""

    @abstractmethod
    def put_bad(self) -> None:
        """Adds a row that nobody can read."""

    @abstractmethod
    def add_field(self, name: str) -> None:
        """All rows now have this field too."""

    @abstractmethod
    def drop_field(self, name: str) -> None:
        """No row has this field any more."""

    @abstractmethod
    def break_down(self) -> None:
        """The system is away."""

    def held(self, key: str) -> dict[str, Any]:
        raise NotImplementedError

    def race(self, row: dict[str, Any]) -> None:
        """Someone changes a row between the hub's look and its write, where the hub looks first; else at once."""
        self.put(row)


def pages(connector: Connector, cursor: dict[str, Any] | None = None) -> list[Page]:
    return list(connector.read("people", None if cursor is None else json.loads(json.dumps(cursor))))


def raws(found: list[Page]) -> dict[str, dict[str, Any]]:
    return {row.raw["id"]: row.raw for page in found for row in page.rows if isinstance(row, SourceRow)}


def bad(found: list[Page]) -> list[BadRow]:
    return [row for page in found for row in page.rows if isinstance(row, BadRow)]


class Conformance:
    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    def test_every_row_is_read_in_pages_and_only_the_last_page_is_complete(self, world: World) -> None:
        world.put(*[person(n) for n in range(world.many)])
        found = pages(world.connector())
        assert len(raws(found)) == world.many
        assert len(found) > 1
        assert [page.complete for page in found] == [False] * (len(found) - 1) + [True]
        row = raws(found)["00007"]
        assert {name: row[name] for name in ("first", "mail")} == {"first": "Anna", "mail": "a7@example.com"}

    def test_every_row_says_where_it_stood(self, world: World) -> None:
        world.put(person(1), person(2))
        lines = [row.line for page in pages(world.connector()) for row in page.rows]
        assert len(set(lines)) == len(lines) >= 2
        assert all(any(c.isdigit() for c in line) for line in lines)

    def test_an_empty_source_gives_one_complete_page(self, world: World) -> None:
        found = pages(world.connector())
        assert [(page.rows, page.complete) for page in found] == [((), True)]

    def test_reading_resumes_after_the_cursor_of_any_page(self, world: World) -> None:
        world.put(*[person(n, day=1 + n // 30) for n in range(world.many)])
        whole = pages(world.connector())
        for stop in range(len(whole)):
            rest = pages(world.connector(), whole[stop].cursor)
            assert raws(whole[: stop + 1]).keys() | raws(rest).keys() == raws(whole).keys()

    def test_reading_resumes_within_rows_that_share_one_version(self, world: World) -> None:
        world.put(*[person(n, day=1) for n in range(world.many)])
        whole = pages(world.connector())
        rest = pages(world.connector(), whole[0].cursor)
        assert raws(whole[:1]).keys() | raws(rest).keys() == raws(whole).keys()

    def test_what_changed_after_the_cursor_is_read_and_a_tie_at_the_boundary_is_not_lost(self, world: World) -> None:
        world.put(person(1, day=1), person(2, day=2))
        cursor = pages(world.connector())[-1].cursor
        world.put(person(0, day=2), person(1, day=3, first="Beate"))  # 0: at the very version that was seen last
        found = raws(pages(world.connector(), cursor))
        assert found["00001"]["first"] == "Beate"
        assert "00000" in found

    def test_reading_again_gives_the_same_rows(self, world: World) -> None:
        world.put(*[person(n, day=1 + n % 3) for n in range(20)])
        assert raws(pages(world.connector())) == raws(pages(world.connector()))

    def test_reading_after_the_last_cursor_settles(self, world: World) -> None:
        world.put(*[person(n, day=1 + n % 3) for n in range(20)])
        first = pages(world.connector())
        second = pages(world.connector(), first[-1].cursor)
        third = pages(world.connector(), second[-1].cursor)
        assert raws(second) == raws(third)
        assert second[-1].cursor == third[-1].cursor

    def test_a_bad_row_is_told_with_its_place_and_the_rest_is_read(self, world: World) -> None:
        world.put(*[person(n) for n in range(5)])
        world.put_bad()
        found = pages(world.connector())
        assert len(raws(found)) == 5
        (row,) = bad(found)
        assert row.reason
        assert any(c.isdigit() for c in row.line)

    def test_a_complete_listing_says_so_and_one_with_a_bad_row_does_not(self, world: World) -> None:
        world.put(*[person(n) for n in range(world.many)])
        found = pages(world.connector(listing="complete"))
        assert [page.listed_all for page in found] == [False] * (len(found) - 1) + [True]
        again = pages(world.connector(listing="complete"), found[-1].cursor)
        assert again[-1].listed_all
        assert len(raws(again)) == world.many
        world.put_bad()
        assert not pages(world.connector(listing="complete"))[-1].listed_all

    def test_a_new_field_is_named(self, world: World) -> None:
        world.put(person(1))
        cursor = pages(world.connector())[-1].cursor
        world.add_field("loyalty")
        notes = [note for page in pages(world.connector(), cursor) for note in page.notes]
        assert any("loyalty" in note for note in notes)

    def test_a_field_that_vanished_is_named(self, world: World) -> None:
        world.put(person(1))
        cursor = pages(world.connector())[-1].cursor
        world.drop_field("mail")
        try:
            found = pages(world.connector(), cursor)
            said = " ".join([*(note for page in found for note in page.notes), *(row.reason for row in bad(found))])
        except ConfigError as error:
            said = str(error)
        assert "'mail'" in said

    def test_a_system_that_is_away_is_a_clear_error(self, world: World) -> None:
        world.put(person(1))
        connector = world.connector()
        world.break_down()
        with pytest.raises(HubError) as error:
            pages(connector)
        assert "Traceback" not in str(error.value)

    def test_the_mapper_reads_every_row(self, world: World) -> None:
        world.put(person(1, last="Meyer Jr"))
        mapper = Mapper("people", world.source().streams["people"], PERSON)
        (raw,) = raws(pages(world.connector())).values()
        mapped = mapper.map(raw)
        assert mapped.key == "00001"
        assert mapped.version == "2024-03-01T10:00:00.000000Z"
        assert mapped.cells["email"].values == ("a1@example.com",)
        assert mapped.problems == ()

    def test_a_connector_can_be_used_after_it_was_closed(self, world: World) -> None:
        world.put(person(1))
        connector = world.connector()
        for _ in range(2):
            assert raws(pages(connector)).keys() == {"00001"}
            connector.close()

    def test_discovery_names_the_fields(self, world: World) -> None:
        world.put(person(1))
        assert any({"id", "mail"} <= set(found.fields) for found in world.connector().discover())

    def test_every_write_gets_a_result_in_order(self, world: World) -> None:
        world.put(person(1), person(2))
        writes = [
            FieldWrite("00001", {"mail": "new@example.com"}, {"mail": "a1@example.com"}),
            FieldWrite("99999", {"mail": "new@example.com"}, {"mail": "x"}),
            FieldWrite("00002", {"mail": "a2@example.com"}, {"mail": "a2@example.com"}),
        ]
        results = world.connector().write("people", writes)
        assert [result.key for result in results] == ["00001", "99999", "00002"]
        if not world.writable:
            assert {result.outcome for result in results} == {"rejected"}
            assert all(result.detail for result in results)
            return
        assert [result.outcome for result in results] == ["written", "gone", "unchanged"]
        assert world.held("00001")["mail"] == "new@example.com"
        assert world.held("00001")["street"] == "Main Road 1"

    def test_a_write_is_refused_when_the_record_moved(self, world: World) -> None:
        world.put(person(1))
        connector = world.connector()
        world.race(person(1, mail="other@example.com"))
        (result,) = connector.write(
            "people", [FieldWrite("00001", {"mail": "new@example.com"}, {"mail": "a1@example.com"})]
        )
        if world.writable:
            assert result.outcome == "conflict"
            assert result.current is not None
            assert result.current["mail"] == "other@example.com"
            assert world.held("00001")["mail"] == "other@example.com"

    def test_a_written_row_comes_back_as_it_was_written(self, world: World) -> None:
        if not world.writable:
            return
        world.put(person(1))
        mapper = Mapper("people", world.source().streams["people"], PERSON)
        raw = raws(pages(world.connector()))["00001"]
        address = (("city", "Basel"), ("line1", "Side Road 9"))
        fields = mapper.unmap("address", [address], raw)
        (result,) = world.connector().write("people", [FieldWrite("00001", fields, mapper.held("address", raw))])
        assert result.outcome == "written"
        back = raws(pages(world.connector()))["00001"]
        assert mapper.map(back).cells["address"] == mapper.map(mapper.after(raw, fields)).cells["address"]
        assert dict(mapper.map(back).cells["address"].values[0])["city"] == "Basel"
        (again,) = world.connector().write("people", [FieldWrite("00001", fields, mapper.held("address", raw))])
        assert again.outcome == "unchanged"

    def test_a_record_is_deleted_while_it_holds_what_is_expected_and_only_once(self, world: World) -> None:
        world.put(person(1), person(2))
        connector = world.connector()
        expected = {"mail": "a1@example.com"}
        other, once = connector.write(
            "people",
            [FieldWrite("00002", {}, {"mail": "other"}, delete=True), FieldWrite("00001", {}, expected, delete=True)],
        )
        (again,) = connector.write("people", [FieldWrite("00001", {}, expected, delete=True)])
        if not world.writable:
            assert (other.outcome, once.outcome, again.outcome) == ("rejected",) * 3
            return
        assert (other.outcome, once.outcome, again.outcome) == ("conflict", "written", "gone")
        assert raws(pages(world.connector())).keys() == {"00002"}
