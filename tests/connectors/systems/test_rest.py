"""The REST connector: the shared suite in each way of paging, and what only services can get wrong."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import stamina

from hub.connectors import http
from hub.connectors.base import ROW_BYTES, Connector, FieldWrite, Page
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.registry import connect
from hub.errors import ConfigError, HubError, RetryLater
from hub.settings import Source
from tests.certificates import self_signed
from tests.connectors.conformance import MAP, PERSON, Conformance, World, bad, pages, person, raws
from tests.connectors.service import Crm, Reply, Server

NOW = 1_800_000_000_000_000


class Service(World):
    def __init__(self, paging: str, order: str = "unknown") -> None:
        self.crm = Crm(paging="cursor" if paging == "link" else paging)
        self.server = Server(self.crm)
        self.paging, self.order = paging, order

    def rest(self, **options: Any) -> dict[str, Any]:
        following = {"next": "next_cursor"} if self.paging == "cursor" else {}
        return {
            "path": "/people",
            "records": "data.people",
            "page": self.paging,
            "size_param": "size",
            "size": 100,
            "since_param": "updated_since",
            "item": "people/{key}",
            "create": "people",
            "order": self.order,
            **following,
            **options,
        }

    def source(self, **stream: Any) -> Source:
        connector = {
            "kind": "rest",
            "base_url": f"{self.server.url}/api",
            "auth": {"bearer_env": "CRM_TOKEN"},
            "timeout_seconds": 2,
        }
        people = {"customer": "person", "key": "id", "version": "updated_at", "map": MAP, "rest": self.rest(), **stream}
        return Source.model_validate({"name": "crm", "connector": connector, "streams": {"people": people}})

    def connector(self, **stream: Any) -> Connector:
        return connect(self.source(**stream), env={"CRM_TOKEN": self.crm.token}, base_folder=Path(), now=lambda: NOW)

    def put(self, *rows: dict[str, Any]) -> None:
        self.crm.rows |= {row["id"]: dict(row) for row in rows}

    def put_bad(self) -> None:
        self.crm.extra.append("no object")

    def add_field(self, name: str) -> None:
        for row in self.crm.rows.values():
            row[name] = "gold"

    def drop_field(self, name: str) -> None:
        for row in self.crm.rows.values():
            del row[name]

    def break_down(self) -> None:
        self.server.stop()

    def held(self, key: str) -> dict[str, Any]:
        return self.crm.rows[key]

    def race(self, row: dict[str, Any]) -> None:
        self.crm.before_patch = lambda: self.put(row)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=http.TRIES):
        yield


@pytest.mark.parametrize(
    ("paging", "order"),
    [("page", "unknown"), ("page", "version"), ("offset", "unknown"), ("cursor", "unknown"), ("link", "version")],
)
class TestServices(Conformance):
    @pytest.fixture
    def world(self, paging: str, order: str) -> Iterator[Service]:
        service = Service(paging, order)
        yield service
        service.server.stop()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service("page")
    yield made
    made.server.stop()


def once(
    status: int, body: bytes = b"{}", headers: dict[str, str] | None = None, *, times: int = 1, method: str = ""
) -> Any:
    left = [times]

    def reply(asked: str, path: str) -> Reply | None:
        if left[0] <= 0 or (method and asked != method):
            return None
        left[0] -= 1
        return status, headers or {}, body

    return reply


def test_a_busy_service_is_asked_again_when_it_says(service: Service) -> None:
    service.put(person(1))
    service.crm.misbehave = [once(429, headers={"Retry-After": "0"}, times=2), once(503)]
    assert raws(pages(service.connector())).keys() == {"00001"}


@pytest.mark.parametrize(
    "reply", [once(429, headers={"Retry-After": "3600"}), once(500, times=99), once(503, times=99)]
)
def test_a_service_that_stays_busy_is_for_later(service: Service, reply: Any) -> None:
    service.crm.misbehave = [reply]
    with pytest.raises(RetryLater, match="crm"):
        pages(service.connector())
    assert len(service.crm.requests) <= http.TRIES


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_names_its_variable(service: Service, status: int) -> None:
    service.crm.misbehave = [once(status, times=9)]
    with pytest.raises(ConfigError, match="CRM_TOKEN") as error:
        pages(service.connector())
    assert service.crm.token not in str(error.value)
    (result,) = service.connector().write("people", [FieldWrite("1", {"mail": "x"})])
    assert (result.outcome, "CRM_TOKEN" in result.detail) == ("retry", True)


def test_a_page_that_is_not_json_is_for_later(service: Service) -> None:
    service.crm.misbehave = [once(200, b"<html>maintenance</html>", {"Content-Type": "text/html"})]
    with pytest.raises(RetryLater, match="text/html that is not JSON"):
        pages(service.connector())


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (
            b'{"results": []}',
            ConfigError,
            "'data.people' finds no list in the answer; columns there: 'results'",
        ),
        (b'{"data": {"people": {"1": {}}}}', ConfigError, "finds no list"),
        (b'{"error": "quota"}', RetryLater, "200 with an error"),
        (b"[]", ConfigError, "finds no list"),
    ],
)
def test_a_200_without_the_list_is_never_an_empty_page(
    service: Service, body: bytes, error: type[Exception], said: str
) -> None:
    service.crm.misbehave = [once(200, body)]
    with pytest.raises(error, match=said):
        pages(service.connector())


def test_a_null_list_is_an_empty_one(service: Service) -> None:
    service.crm.misbehave = [once(200, b'{"data": {"people": null}}')]
    assert raws(pages(service.connector())) == {}


def test_redirects_stay_on_the_host(service: Service) -> None:
    service.put(person(1))
    service.crm.misbehave = [once(302, headers={"Location": "/api/people?page=1"})]
    assert raws(pages(service.connector())).keys() == {"00001"}
    service.crm.misbehave = [once(302, headers={"Location": "http://127.0.0.2:9/steal"})]
    with pytest.raises(ConfigError, match="another host, 127.0.0.2: not followed"):
        pages(service.connector())


def test_a_next_page_on_another_host_is_not_asked(service: Service) -> None:
    service.crm.misbehave = [once(200, b'{"data": {"people": []}, "next": "https://evil.example/people"}')]
    with pytest.raises(ConfigError, match=r"evil.example"):
        pages(service.connector(rest=service.rest(page="link", next="next")))


def test_a_service_that_ignores_the_page_number_does_not_go_on_for_ever(service: Service) -> None:
    service.put(*[person(n) for n in range(3)])
    found = pages(service.connector(rest=service.rest(page_param="seite"), listing="complete"))
    assert raws(found).keys() == {"00000", "00001", "00002"}
    assert any("seite" in note for page in found for note in page.notes)
    assert not found[-1].listed_all


def test_a_forgotten_cursor_starts_again(service: Service) -> None:
    service.paging, service.crm.paging = "cursor", "cursor"
    service.put(*[person(n) for n in range(250)])
    first = pages(service.connector())[0]
    service.crm.misbehave = [once(410)]
    assert len(raws(pages(service.connector(), first.cursor))) == 250


def test_an_increment_that_is_refused_is_told_with_how_to_read_anew(service: Service) -> None:
    service.put(*[person(n) for n in range(3)])
    cursor = pages(service.connector())[-1].cursor
    service.crm.misbehave = [once(400, times=9)]
    with pytest.raises(ConfigError, match="answers 400 .*hub pull --reconcile"):
        pages(service.connector(), cursor)


def test_a_list_in_version_order_moves_its_cursor_with_every_page(service: Service) -> None:
    service.order = "version"
    service.put(*[person(n, day=1 + n // 30) for n in range(250)])
    first, second, *_ = pages(service.connector())
    assert "since" in first.cursor
    assert first.cursor["since"] < second.cursor["since"]


def test_a_row_dated_in_the_future_does_not_carry_the_cursor_past_today(service: Service) -> None:
    service.put(person(1), person(2, updated_at="2199-01-01T00:00:00Z"))
    cursor = pages(service.connector())[-1].cursor
    assert cursor["since"] == "2024-03-01T10:00:00Z"
    service.put(person(3, day=2))
    assert "00003" in raws(pages(service.connector(), cursor))


def test_rows_too_long_too_deep_or_no_objects_are_set_aside(service: Service) -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    service.put(person(1))
    service.crm.extra = [5, None, {"id": "deep", "x": deep}, {"id": "long", "x": "x" * (1 << 21)}]
    found = pages(service.connector())
    assert raws(found).keys() == {"00001"}
    assert [row.line for row in bad(found)] == [f"people page 1 item {n}" for n in (2, 3, 4, 5)]


def test_an_answer_that_is_too_big_is_not_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_BYTES", 1 << 20)
    service.crm.misbehave = [once(200, gzip.compress(b" " * (8 << 20)), {"Content-Encoding": "gzip"})]
    with pytest.raises(ConfigError, match="smaller pages"):
        pages(service.connector())


def test_a_misspelt_field_is_named_with_the_known_ones(service: Service) -> None:
    service.put(person(1))
    notes = [note for page in pages(service.connector(map={"email": "emial"})) for note in page.notes]
    assert any("streams.people.map.email: no record has 'emial'" in note and "'mail'" in note for note in notes)


def test_without_etags_a_write_still_compares_first(service: Service) -> None:
    service.crm.etags = False
    service.put(person(1, mail="other@example.com"))
    (result,) = service.connector().write(
        "people", [FieldWrite("00001", {"mail": "new@example.com"}, {"mail": "a1@example.com"})]
    )
    assert result.outcome == "conflict"
    assert service.crm.requests == ["GET /api/people/00001"]


def test_another_fields_change_does_not_stop_a_write(service: Service) -> None:
    service.put(person(1))
    service.race(person(1, town="Basel"))
    (result,) = service.connector().write(
        "people", [FieldWrite("00001", {"mail": "new@example.com"}, {"mail": "a1@example.com"})]
    )
    assert result.outcome == "written"
    assert (service.held("00001")["mail"], service.held("00001")["town"]) == ("new@example.com", "Basel")


def test_only_changed_fields_are_sent_and_nested_objects_whole(service: Service) -> None:
    service.put({"id": "1", "name": "x", "address": {"street": "Main", "town": "Bern"}})
    (result,) = service.connector().write(
        "people", [FieldWrite("1", {"address.town": "Basel"}, {"address.town": "Bern"})]
    )
    assert result.outcome == "written"
    assert result.current == {"address.town": "Basel"}
    assert service.held("1") == {"id": "1", "name": "x", "address": {"street": "Main", "town": "Basel"}}


def test_put_sends_the_whole_record(service: Service) -> None:
    service.put(person(1))
    (result,) = service.connector(rest=service.rest(update="put")).write(
        "people", [FieldWrite("00001", {"mail": "new@example.com"})]
    )
    assert result.outcome == "written"
    assert service.held("00001") == person(1, mail="new@example.com")


def test_a_2xx_that_wrote_nothing_is_not_believed(service: Service) -> None:
    service.put(person(1))
    service.crm.misbehave = [once(200, b'{"ok": true}', method="PATCH")]
    (result,) = service.connector().write("people", [FieldWrite("00001", {"mail": "new@example.com"})])
    assert (result.outcome, "wrote nothing" in result.detail) == ("rejected", True)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "rejected"), (409, "conflict"), (410, "gone"), (422, "rejected"), (429, "retry"), (500, "retry")],
)
def test_what_the_service_answers_to_a_write_is_told(service: Service, status: int, outcome: str) -> None:
    service.put(person(1), person(2))
    service.crm.misbehave = [once(status, headers={"Retry-After": "0"}, times=4, method="PATCH")]
    results = service.connector().write(
        "people", [FieldWrite("00001", {"mail": "new@example.com"}), FieldWrite("00002", {"mail": "a2@example.com"})]
    )
    assert [result.outcome for result in results] == [outcome, "unchanged"]


def test_a_new_record_is_posted_once_and_its_key_is_told(service: Service) -> None:
    connector = service.connector(write_back={"attributes": [], "mode": "upsert"})
    (result,) = connector.write("people", [FieldWrite(None, {"mail": "x"})])
    assert (result.outcome, result.key) == ("written", "new0")
    service.crm.misbehave = [once(500, times=9)]
    (result,) = connector.write("people", [FieldWrite(None, {"mail": "y"})])
    assert result.outcome == "retry"
    assert service.crm.requests.count("POST /api/people") == 2


def test_keys_are_escaped_in_paths(service: Service) -> None:
    service.put({"id": "a/b?c", "mail": "x"})
    (result,) = service.connector().write("people", [FieldWrite("a/b?c", {"mail": "y"})])
    assert result.outcome == "written"


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_that_would_lead_to_another_endpoint_is_not_asked_for(service: Service, key: str) -> None:
    service.put({"id": key, "mail": "x"})
    writes = [FieldWrite(key, {"mail": "y"}), FieldWrite(key, {}, {"mail": "x"}, delete=True)]
    assert [r.outcome for r in service.connector().write("people", writes)] == ["rejected", "rejected"]
    (row,) = bad(pages(service.connector(rest=service.rest(expand={"phones": {"path": "people/{id}/phones"}}))))
    assert "'..'" in row.reason
    assert all(request.startswith("GET /api/people?") for request in service.crm.requests)


@pytest.mark.parametrize(("status", "untouched"), [(401, True), (403, True), (500, False)])
def test_a_service_that_may_have_made_a_record_is_told_from_one_that_refused(
    service: Service, status: int, untouched: bool
) -> None:
    service.crm.misbehave = [once(status, method="POST")]
    connector = service.connector(write_back={"attributes": [], "mode": "upsert"})
    (result,) = connector.write("people", [FieldWrite(None, {"mail": "x"}, token="t")])
    assert (result.outcome, result.untouched) == ("retry", untouched)
    assert service.crm.requests == ["POST /api/people"]


def test_a_password_in_the_url_is_refused(service: Service) -> None:
    source = service.source().model_copy(
        update={"connector": service.source().connector.model_copy(update={"base_url": "http://u:p@127.0.0.1/"})}
    )
    with pytest.raises(ConfigError, match="base_url"):
        connect(source, env={"CRM_TOKEN": "x"}, base_folder=Path())


def circle(tokens: str, *, same: bool = False) -> Any:
    """A service whose pages lead to one another by these tokens, in turn, for ever."""
    asked = itertools.count()

    def reply(method: str, path: str) -> Any:
        if method != "GET":
            return None
        number = next(asked)
        token = f"t{number}" if same else tokens[number % len(tokens)]
        row = person(1 if same else number % len(tokens))
        body = {"data": {"people": [row]}, "next_cursor": token, "next": f"/api/people?cursor={token}"}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    return reply


@pytest.mark.parametrize("paging", ["cursor", "link"])
@pytest.mark.parametrize(("tokens", "same"), [("A", False), ("AB", False), ("ABCDE", False), ("AB", True)])
def test_paging_in_a_circle_ends_and_is_no_whole_listing(
    service: Service, paging: str, tokens: str, same: bool
) -> None:
    service.crm.misbehave = [circle(tokens, same=same)]
    following = "next_cursor" if paging == "cursor" else "next"
    found = pages(service.connector(rest=service.rest(page=paging, next=following), listing="complete"))
    assert len(service.crm.requests) <= 2 * len(tokens) + 25
    assert not found[-1].listed_all
    assert found[-1].complete
    assert any("stopped there" in note for page in found for note in page.notes)


def endless(row: Any) -> Any:
    """A service that always has another page, whatever is asked."""
    asked = itertools.count()

    def reply(method: str, path: str) -> Any:
        if method != "GET":
            return None
        number = next(asked)
        body = {"data": {"people": row(number)}, "next_cursor": f"t{number}"}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    return reply


@pytest.mark.parametrize(
    ("paging", "row", "most"),
    [
        ("cursor", lambda _: [], 110),
        ("cursor", lambda number: [{**person(1), "answered_at": number}], 30),
        ("page", lambda number: [{**person(1), "answered_at": number}], 2),
    ],
)
def test_pages_that_bring_nothing_new_end(service: Service, paging: str, row: Any, most: int) -> None:
    service.crm.misbehave = [endless(row)]
    found = pages(service.connector(rest=service.rest(page=paging, next="next_cursor"), listing="complete"))
    assert len(service.crm.requests) <= most
    assert not found[-1].listed_all
    assert found[-1].notes or any(page.notes for page in found)


def test_pages_of_one_record_in_several_versions_are_no_circle(service: Service) -> None:
    def reply(method: str, path: str) -> Any:
        number = int(path.partition("page=")[2].partition("&")[0] or 0)
        rows = [{**person(1), "updated": f"2024-01-0{number}T00:00:00Z"}] if 1 <= number <= 5 else []
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": {"people": rows}}).encode()

    service.crm.misbehave = [reply]
    found = pages(service.connector(rest=service.rest(page="page"), version="updated"))
    assert sum(len(page.rows) for page in found) == 5


def test_a_key_that_cannot_be_read_ends_no_pages(service: Service) -> None:
    service.crm.misbehave = [endless(lambda number: [{**person(number), "a": "x", "b": None}] if number < 3 else [])]
    found = pages(service.connector(rest=service.rest(page="page"), key="join('-', [a, b])"))
    assert sum(len(page.rows) for page in found) == 3


def test_numbered_pages_in_a_circle_end(service: Service) -> None:
    service.crm.misbehave = [circle("ABC")]
    found = pages(service.connector(rest=service.rest(page="page"), listing="complete"))
    assert len(service.crm.requests) == 4
    assert not found[-1].listed_all


@pytest.mark.parametrize(
    "trouble",
    [
        {"errors": [{"message": "limit"}]},
        {"meta": {"error": "limit"}},
        {"responseHeader": {"status": 500}},
        {"error_description": "limit"},
        {"hasErrors": True},
        {"error": {"code": 17}},
        {"success": False},
        {"ok": False},
        {"status": "error"},
        {"Fault": "x"},
        {"error_message": "quota"},
        {"status": 503},
        {"statusCode": "429"},
    ],
)
def test_an_answer_of_200_with_an_error_in_it_is_no_empty_page(service: Service, trouble: dict[str, Any]) -> None:
    service.crm.misbehave = [once(200, json.dumps({"data": {"people": []}, **trouble}).encode())]
    with pytest.raises(RetryLater, match="200 with an error in it"):
        pages(service.connector(listing="complete"))
    service.put(person(1))
    some = {"data": {"people": [person(2)]}, **trouble}
    service.crm.misbehave = [once(200, json.dumps(some).encode())]
    found = pages(service.connector(listing="complete"))
    assert "00002" in raws(found)
    assert not found[-1].listed_all
    assert any("error in it" in note for page in found for note in page.notes)


def test_errors_beside_a_list_that_stands_deeper_are_seen(service: Service) -> None:
    service.crm.misbehave = [once(200, json.dumps({"data": {"people": [], "errors": [{"message": "x"}]}}).encode())]
    with pytest.raises(RetryLater, match="data.errors"):
        pages(service.connector())
    service.put(person(1, error="no trouble", status=500))
    assert raws(pages(service.connector())).keys() == {"00001"}


def test_where_errors_stand_may_be_said(service: Service) -> None:
    body = {"data": {"people": []}, "errors": ["old news"], "meta": {"problems": ["broken"]}}
    service.crm.misbehave = [once(200, json.dumps(body).encode())]
    with pytest.raises(RetryLater, match=r"meta\.problems"):
        pages(service.connector(rest=service.rest(errors="meta.problems")))
    body["meta"] = {"problems": []}
    service.crm.misbehave = [once(200, json.dumps(body).encode())]
    assert pages(service.connector(rest=service.rest(errors="meta.problems")))[-1].complete


@pytest.mark.parametrize(
    "fine",
    [
        {"errors": []},
        {"error": None},
        {"success": True},
        {"status": "ok"},
        {"error": ""},
        {"meta": {"code": 200, "total": 5}},
        {"hasErrors": False},
    ],
)
def test_an_answer_that_says_all_is_well_is_believed(service: Service, fine: dict[str, Any]) -> None:
    service.crm.misbehave = [once(200, json.dumps({"data": {"people": [person(1)]}, **fine}).encode())]
    assert pages(service.connector(listing="complete"))[-1].listed_all


# --- endpoints of a record's own -------------------------------------------------------------------------------


class Expanded(Service):
    def rest(self, **options: Any) -> dict[str, Any]:
        return super().rest(expand={"phones": {"path": "people/{id}/phones", "records": "data"}}, **options)


class TestExpanded(Conformance):
    @pytest.fixture
    def world(self) -> Iterator[Expanded]:
        service = Expanded("cursor")
        service.many = 120
        yield service
        service.server.stop()

    def test_the_mapper_reads_every_row(self, world: World) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.phones["00001"] = ["0151 1234567"]
        mapper = Mapper("people", world.source().streams["people"], PERSON)
        (raw,) = raws(pages(world.connector())).values()
        assert raw["phones"] == ["0151 1234567"]
        assert (mapper.map(raw).key, mapper.map(raw).version) == ("00001", None)

    def test_a_record_without_an_endpoint_has_nothing_there(self, world: World) -> None:
        world.put(person(1))
        assert raws(pages(world.connector()))["00001"]["phones"] == []

    def test_an_endpoint_that_is_refused_is_named(self, world: World) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.misbehave.append(lambda _m, p: (400, {}, b"{}") if p.endswith("/phones") else None)
        with pytest.raises(ConfigError, match="rest.expand"):
            pages(world.connector())

    @pytest.mark.parametrize(
        ("body", "error", "said"),
        [
            (b'{"data": [], "error": "overloaded"}', RetryLater, "rest.expand: .* an error in it .at 'error'"),
            (b'{"success": false}', RetryLater, "an error in it"),
            (b'{"rows": ["0151 1"]}', ConfigError, "streams.people.rest.expand: 'data' finds neither"),
            (b'{"data": 7}', ConfigError, "'data' finds neither"),
            (b'["0151 1"]', ConfigError, "'data' finds neither"),
        ],
    )
    def test_an_answer_that_fails_or_has_no_list_is_not_nothing(
        self, world: World, body: bytes, error: type[HubError], said: str
    ) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.misbehave.append(lambda _m, p: (200, {}, body) if p.endswith("/phones") else None)
        with pytest.raises(error, match=said):
            pages(world.connector())

    @pytest.mark.parametrize(("status", "body"), [(200, b'{"data": null}'), (200, b"null"), (204, b"")])
    def test_an_answer_without_content_is_nothing(self, world: World, status: int, body: bytes) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.misbehave.append(lambda _m, p: (status, {}, body) if p.endswith("/phones") else None)
        assert raws(pages(world.connector()))["00001"]["phones"] == []

    def test_what_an_endpoint_adds_counts_to_a_rows_length(self, world: World) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.phones["00001"] = ["0" * ROW_BYTES]
        (row,) = bad(pages(world.connector()))
        assert row.reason == "longer than 1 MiB"

    def test_an_expression_of_another_type_names_the_stream(self, world: World) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        expand = {"phones": {"path": "people/{id}/phones", "records": "keys(data)"}}
        world.crm.phones["00001"] = ["0151 1"]
        with pytest.raises(ConfigError, match="streams.people.rest.expand"):
            pages(world.connector(rest=Service.rest(world, expand=expand)))

    def test_a_secret_that_an_endpoint_refuses_is_what_is_named(self, world: World) -> None:
        assert isinstance(world, Expanded)
        world.put(person(1))
        world.crm.misbehave.append(lambda _m, p: (403, {}, b"{}") if p.endswith("/phones") else None)
        with pytest.raises(ConfigError) as error:
            pages(world.connector())
        assert "correct the path" not in str(error.value)


def test_what_a_record_is_expanded_by_is_not_written() -> None:
    service = Expanded("cursor")
    stream = service.source(write_back={"attributes": ["email"], "map": {"email": "phones"}}).streams["people"]
    service.server.stop()
    assert any("write there" in f.what for f in stream.faults("s"))


# --- a service that breaks ---------------------------------------------------------------------------------------


@contextmanager
def broken(answer: Callable[[socket.socket], None], *, reads: bool = True) -> Iterator[str]:
    """The URL of a service that reads a request and then does this."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        if reads:
                            connection.recv(1 << 16)
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def at(service: Service, url: str) -> Iterator[None]:
    """The service's source, for a while, at another address."""
    kept, service.server = service.server, SimpleNamespace(url=url)  # type: ignore[assignment]
    try:
        yield
    finally:
        service.server = kept


PAGE = b'{"data": {"people": [{"id": "00001", "updated_at": "2024-03-01T10:00:00Z", "first": "Anna"}]}}'


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + PAGE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5e\r\n" + PAGE[:40],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 207 Multi-Status\r\nContent-Length: 15\r\n\r\n{"errors": [1]}\n',
    ],
    ids=["hangs up", "no HTTP", "cut off", "cut chunk", "no gzip", "empty", "207"],
)
def test_an_answer_that_is_not_whole_is_for_later_and_never_an_empty_listing(service: Service, answer: bytes) -> None:
    service.put(person(1))
    cursor = pages(service.connector())[-1].cursor
    found: list[Page] = []
    with (
        broken(lambda connection: connection.sendall(answer)) as url,
        at(service, url),
        pytest.raises(HubError) as error,
    ):
        for page in service.connector(listing="complete").read("people", cursor):
            found.append(page)
        assert not any(page.complete for page in found)
        assert "127.0.0.1" in str(error.value) or "sources/crm.yaml" in str(error.value)


def test_a_service_that_says_there_is_no_content_has_proved_nobody_absent(service: Service) -> None:
    service.put(person(1))
    cursor = pages(service.connector(listing="complete"))[-1].cursor
    service.crm.misbehave = [lambda _method, _path: (204, {}, b"")]
    (page,) = pages(service.connector(listing="complete"), cursor)
    assert (page.rows, page.complete, page.listed_all) == ((), True, False)


def test_a_certificate_that_nobody_signed_is_named_with_its_remedy_and_told_no_secret(
    service: Service, tmp_path: Path
) -> None:
    heard: list[bytes] = []
    safe = self_signed(tmp_path)

    def answer(connection: socket.socket) -> None:
        with safe.wrap_socket(connection, server_side=True) as inner:
            heard.append(inner.recv(100))

    told = r"connector\.base_url: the certificate of 127\.0\.0\.1 is not trusted: self-signed"
    with broken(answer, reads=False) as url, at(service, url.replace("http:", "https:")):  # noqa: SIM117
        with pytest.raises(ConfigError, match=told):
            pages(service.connector())
        (result,) = service.connector().write("people", [FieldWrite("00001", {"mail": "x"})])
    assert (result.outcome, result.untouched, "not trusted" in result.detail) == ("retry", True, True)
    assert set(heard) <= {b""}
