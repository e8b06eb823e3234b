"""The HTTP door as a whole: every route guarded, every refusal a problem, nothing from elsewhere."""

from __future__ import annotations

import errno
import re
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import event
from starlette.testclient import TestClient

from hub import db
from hub.api.security import PUBLIC, SIGNED_IN
from hub.app import create_app
from hub.console.pages import PageRoute
from hub.open import Hub
from hub.portal.pages import OwnRoute
from hub.settings import Permission
from tests.access.population import ANA, BO, fill, key_for

PERMISSIONS = set(Permission.__args__)  # type: ignore[attr-defined]
KEYLESS = {("GET", p) for p in ("/healthz", "/readyz", "/docs", "/docs/{asset}", "/openapi.json")} | {
    ("POST", "/v1/session"),
    ("POST", "/v1/session/set-up"),
    ("GET", "/auth/sign-in"),
    ("GET", "/auth/callback"),
    ("GET", "/assets/{version}/{name}"),
    *(("POST", f"{at}/{part}") for at in ("/me", "/v1/me") for part in ("code", "session")),
    *(("GET", f"/me/{page}") for page in ("sign-in", "elsewhere", "callback")),
    ("POST", "/me/language"),
    *((method, page) for method in ("GET", "POST") for page in ("/sign-in", "/set-up")),
}


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    return create_app(hub)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    # Not entered: the fixture closes the hub.
    yield TestClient(app, raise_server_exceptions=False)


def routes(app: FastAPI) -> list[APIRoute]:
    found: list[APIRoute] = []
    todo: list[Any] = list(app.routes)
    while todo:
        route = todo.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "routes", None)
        if isinstance(route, APIRoute):
            found.append(route)
        elif inner is not None:
            todo.extend(getattr(inner, "routes", inner))
    return found


def of_the_api(app: FastAPI) -> list[APIRoute]:
    """Those whose refusals are problems; pages have tests of their own."""
    return [r for r in routes(app) if not isinstance(r, PageRoute | OwnRoute)]


def permissions(route: APIRoute) -> set[str]:
    found: set[str] = set()
    todo = [route.dependant]
    while todo:
        at = todo.pop()
        found |= {at.call.permission} if hasattr(at.call, "permission") else set()
        todo.extend(at.dependencies)
    return found


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) == {"type", "title", "status", "detail", "errors", "request_id"} and found["status"] == status
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


# --- who may ---------------------------------------------------------------------------------------


def test_every_route_declares_a_permission_and_only_those_without_customers_are_public(app: FastAPI) -> None:
    listed = {(m, r.path): permissions(r) for r in routes(app) for m in r.methods}
    assert len(listed) >= 20
    for (method, path), declared in listed.items():
        assert len(declared) == 1, f"{method} {path} declares {declared}"
        assert (declared == {PUBLIC}) == ((method, path) in KEYLESS), f"{method} {path}"
        assert declared <= PERMISSIONS | {PUBLIC, SIGNED_IN}


def test_a_stranger_gets_401_from_every_route_that_is_not_public(app: FastAPI, client: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    for route in of_the_api(app):
        path = re.sub(r"{id(:\w+)?}", ids["ana"] if "customers" in route.path else "1", route.path)
        path = re.sub(r"{\w+(:\w+)?}", "x", path)
        for method in route.methods:
            if (method, route.path) in KEYLESS:
                continue
            for headers in ({}, {"authorization": "Bearer hub_live_nobody_knows"}):
                found = problem(
                    client.request(method, path, headers=headers, json={} if method in ("POST", "PUT") else None), 401
                )
                assert "Silva" not in str(found)


def test_a_role_without_the_permission_gets_403(app: FastAPI, client: TestClient, hub: Hub) -> None:
    fill(hub)
    key = key_for(hub, "monitoring")
    assert client.get("/metrics", headers=key).status_code == 200
    for path in (
        "/v1/customers",
        "/v1/changes",
        "/v1/reviews",
        "/v1/crosswalk?customer=x",
        "/v1/customers/x",
        "/v1/customers/x/explain",
    ):
        problem(client.get(path, headers=key), 403)
    assert (
        problem(client.get("/v1/reviews", headers=key_for(hub, "billing", "billing")), 403)["type"]
        == "urn:hub:problem:forbidden"
    )


def test_a_system_writes_its_own_source_and_no_other(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "billing", "billing")
    assert client.put("/v1/sources/billing/customers/records/1", json=ANA, headers=key).status_code == 200
    others = [
        problem(
            client.request(
                m,
                f"/v1/sources/{s}/people/records/1",
                json=ANA if m == "PUT" else None,
                headers={**key, "x-request-id": "same"},
            ),
            403,
        )
        for m in ("PUT", "DELETE")
        for s in ("crm", "unheard_of")
    ]
    assert all(o == others[0] for o in others)
    problem(
        client.post(
            "/v1/sources/crm/people/records", content="{}", headers={**key, "content-type": "application/x-ndjson"}
        ),
        403,
    )
    problem(client.post("/v1/match", json={"source": "crm", "stream": "people", "record": {}}, headers=key), 403)


def test_a_person_cannot_probe_with_attributes_that_are_hidden_from_them(client: TestClient, hub: Hub) -> None:
    fill(hub)
    asked = {"source": "billing", "stream": "customers", "record": ANA}
    problem(client.post("/v1/match", json=asked, headers=key_for(hub, "stranger")), 403)
    found = client.post("/v1/match", json=asked, headers=key_for(hub, "steward")).json()["data"]
    assert found[0]["joins"] and found[0]["weight"] > 0
    system = client.post("/v1/match", json=asked, headers=key_for(hub, "billing", "billing")).json()["data"]
    assert system[0]["joins"] and system[0]["weight"] is None  # its view hides national ids, which weigh


# --- refusals ---------------------------------------------------------------------------------------


def test_every_refusal_is_a_problem_that_points_to_the_place(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    json = {**key, "content-type": "application/json"}
    problem(client.get("/nowhere"), 404)
    assert problem(client.patch("/v1/customers", headers=key), 405)["type"].endswith("method-not-allowed")
    problem(client.post("/v1/decisions", content='{"left": ', headers=json), 400)
    problem(client.post("/v1/decisions", content="[" * 100_000, headers=json), 400)
    wrong = problem(
        client.post(
            "/v1/decisions",
            json={"left": {"source": "a", "stream": "b"}, "right": 1, "verdict": "maybe", "reason": "r", "more": 1},
            headers=key,
        ),
        422,
    )
    assert {e["pointer"] for e in wrong["errors"]} >= {"/left/key", "/right", "/verdict", "/more"}
    assert problem(client.get("/v1/customers?limit=9999", headers=key), 422)["errors"][0]["pointer"] == "?limit"
    problem(client.get("/v1/customers?cursor=x", headers=key), 400)
    problem(client.get("/v1/customers?type=unheard_of", headers=key), 422)
    problem(client.get(f"/v1/customers/{ids['ana']}?as_of=2026-01-01T00:00:00", headers=key), 422)  # no zone
    assert client.get(f"/v1/customers/{ids['ana']}?as_of=9999-12-31T23:59:59Z", headers=key).status_code == 200
    problem(client.get("/v1/crosswalk?customer=x&key=1", headers=key), 400)
    problem(client.get("/v1/customers/..%2f..%2fetc", headers=key), 404)


def test_a_refusal_never_repeats_a_value(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    tag = client.get(f"/v1/customers/{ids['ana']}", headers=key).headers["etag"]
    canary = "canary-4711"
    answers = [
        client.put(
            f"/v1/customers/{ids['ana']}/overrides/birth_date",
            json={"values": [canary], "reason": "r"},
            headers={**key, "if-match": tag},
        ),
        client.put(
            f"/v1/customers/{ids['ana']}/overrides/birth_date",
            json={"values": canary, "reason": "r"},
            headers={**key, "if-match": tag},
        ),
        client.put(
            "/v1/sources/billing/customers/records/9",
            json={"id": canary, "first": "x"},
            headers=key_for(hub, "billing", "billing"),
        ),
        client.get(f"/v1/customers?cursor={canary}", headers=key),
    ]
    for answer in answers:
        assert answer.status_code in (400, 422) and canary not in answer.text


def test_an_error_of_ours_tells_nothing_but_its_id(
    client: TestClient, hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Ana Silva of Lisboa")

    monkeypatch.setattr(hub.reader, "search", broken)
    found = problem(client.get("/v1/customers", headers=key_for(hub, "steward")), 500)
    assert "Silva" not in str(found) and "Traceback" not in str(found)
    assert "Silva" not in caplog.text and caplog.records[-1].__dict__["error"] == "RuntimeError"


def test_bodies_over_the_limit_are_refused_whatever_their_length_header_says(client: TestClient, hub: Hub) -> None:
    key = {**key_for(hub, "billing", "billing"), "content-type": "application/json"}
    problem(client.put("/v1/sources/billing/customers/records/1", content=b"x" * (1 << 20) + b"x", headers=key), 413)

    def slowly() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    problem(client.put("/v1/sources/billing/customers/records/1", content=slowly(), headers=key), 413)


def test_headers_over_the_limit_are_refused(client: TestClient) -> None:
    assert problem(client.get("/healthz", headers={"x-long": "x" * 40_000}), 431)["type"].endswith("headers-too-large")


# --- records ----------------------------------------------------------------------------------------


def test_a_record_is_answered_with_its_customer_and_what_happened(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "billing", "billing")
    first = client.put("/v1/sources/billing/customers/records/1", json=ANA, headers=key).json()
    assert first["happened"] == "created" and first["customer"].startswith("cus_") and first["version"] == 1
    assert (
        client.put("/v1/sources/billing/customers/records/1", json=ANA, headers=key).json()["happened"] == "unchanged"
    )
    without_key = {k: v for k, v in ANA.items() if k != "id"} | {"town": "Porto", "updated": "2026-05-01T00:00:00Z"}
    assert client.put("/v1/sources/billing/customers/records/1", json=without_key, headers=key).json() | {
        "reason": ""
    } == first | {"happened": "updated", "version": 2}
    problem(client.put("/v1/sources/billing/customers/records/2", json=ANA, headers=key), 422)
    gone = client.delete("/v1/sources/billing/customers/records/1", headers=key)
    assert gone.json()["happened"] == "deleted"
    problem(client.get(f"/v1/customers/{first['customer']}", headers=key), 410)
    problem(client.delete("/v1/sources/billing/customers/records/none", headers=key), 404)
    problem(client.put("/v1/sources/billing/unheard_of/records/1", json=ANA, headers=key), 404)


def test_of_many_writers_who_read_the_same_state_one_writes(client: TestClient, hub: Hub) -> None:
    path, writers = "/v1/sources/billing/customers/records/1", 6
    key = key_for(hub, "billing", "billing")
    tag = client.get(
        f"/v1/customers/{client.put(path, json=ANA, headers=key).json()['customer']}", headers=key
    ).headers["etag"]
    start = threading.Barrier(writers)

    def write(n: int) -> int:
        start.wait(60)
        row = {**ANA, "town": f"Porto {n}", "updated": f"2026-05-0{n + 1}T00:00:00Z"}
        return client.put(path, json=row, headers={**key, "if-match": tag}).status_code

    with ThreadPoolExecutor(writers) as pool:
        assert sorted(pool.map(write, range(writers))) == [200] + [412] * (writers - 1)


def test_hidden_changes_do_not_move_the_version_that_a_writer_is_told(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "billing", "billing")
    client.put("/v1/sources/billing/customers/records/1", json=ANA, headers=key)
    hub.resolver.upsert("billing", "customers", [{**ANA, "nid": "PT-88", "updated": "2026-02-01T00:00:00Z"}])
    assert (
        client.put(
            "/v1/sources/billing/customers/records/1",
            json={**ANA, "nid": "PT-88", "updated": "2026-02-01T00:00:00Z"},
            headers=key,
        ).json()["version"]
        == 1
    )


def test_each_row_of_a_batch_gets_its_answer_and_a_bad_one_stops_no_other(client: TestClient, hub: Hub) -> None:
    key = {**key_for(hub, "billing", "billing"), "content-type": "application/x-ndjson"}
    deep = '{"id": "8", "x": ' + "[" * 40 + "]" * 40 + "}"
    lines = [
        '{"id": "1", "first": "Ana"}',
        "",
        "no json",
        "[1]",
        '{"first": "without a key"}',
        deep,
        '{"id": "2", "first": "Bo"}',
        "[" * 10_000,
    ]
    answer = client.post("/v1/sources/billing/customers/records", content="\n".join(lines), headers=key)
    found = answer.json()
    assert (found["read"], found["quarantined"]) == (7, 5)
    assert [d["happened"] for d in found["data"]] == [
        "created",
        "quarantined",
        "quarantined",
        "quarantined",
        "quarantined",
        "created",
        "quarantined",
    ]
    assert all(d["reason"] for d in found["data"] if d["happened"] == "quarantined")
    again = client.post("/v1/sources/billing/customers/records", content="\n".join(lines), headers=key).json()
    assert [d["happened"] for d in again["data"] if d["happened"] != "quarantined"] == ["unchanged", "unchanged"]
    problem(
        client.post(
            "/v1/sources/billing/customers/records", content="{}", headers={**key, "content-type": "text/plain"}
        ),
        415,
    )
    problem(client.post("/v1/sources/billing/customers/records", content="{}\n" * 1001, headers=key), 413)


def test_hostile_rows_are_kept_or_refused_but_break_nothing(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "billing", "billing")
    for n, hostile in enumerate(
        (
            "\x00",
            "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
            "=1+1",
            "<script>",
            "x" * 5000,
            "'; DROP TABLE customer;--",
            "🧑‍🚀",
        )
    ):
        answer = client.put(
            f"/v1/sources/billing/customers/records/h{n}",
            json={"first": hostile, "last": "H", "mail": hostile},
            headers=key,
        )
        assert answer.status_code in (200, 422), answer.text
    assert client.get("/v1/customers?q=' OR 1=1 --", headers=key).status_code == 200


# --- customers --------------------------------------------------------------------------------------


def test_a_customer_comes_with_a_strong_etag_and_304(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    answer = client.get(f"/v1/customers/{ids['ana']}", headers=key)
    tag = answer.headers["etag"]
    assert (
        tag.startswith('"')
        and answer.json()["values"]["given_name"] == "Ana"
        and answer.headers["cache-control"] == "private, no-cache"
    )
    again = client.get(f"/v1/customers/{ids['ana']}", headers={**key, "if-none-match": tag})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    assert (
        client.get(f"/v1/customers/{ids['ana']}", headers={**key_for(hub, "narrow"), "if-none-match": tag}).status_code
        == 200
    )


def test_an_override_needs_the_current_etag_and_is_taken_back_the_same_way(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    path, given = f"/v1/customers/{ids['ana']}/overrides/occupation", {"values": ["astronaut"], "reason": "she said so"}
    problem(client.put(path, json=given, headers=key), 428)
    tag = client.get(f"/v1/customers/{ids['ana']}", headers=key).headers["etag"]
    done = client.put(path, json=given, headers={**key, "if-match": tag})
    assert done.status_code == 200 and done.json()["values"]["occupation"] == "astronaut"
    problem(client.put(path, json=given, headers={**key, "if-match": tag}), 412)
    why = client.get(f"/v1/customers/{ids['ana']}?lineage=true", headers=key).json()["lineage"]["occupation"][
        "override"
    ]
    assert why["reason"] == "she said so" and why["at"].endswith("Z") and why["until"] is None
    back = client.delete(path, headers={**key, "if-match": done.headers["etag"]})
    assert back.json()["values"]["occupation"] == "pastry cook"
    problem(client.delete(path, headers={**key, "if-match": back.headers["etag"]}), 404)
    problem(
        client.put(
            f"/v1/customers/{ids['ana']}/overrides/unheard_of",
            json=given,
            headers={**key, "if-match": back.headers["etag"]},
        ),
        422,
    )


# --- decisions --------------------------------------------------------------------------------------

PAIR = {
    "left": {"source": "billing", "stream": "customers", "key": "1"},
    "right": {"source": "billing", "stream": "customers", "key": "2"},
}


def test_a_decision_counts_at_once_and_is_withdrawn(client: TestClient, hub: Hub) -> None:
    ids, key = fill(hub), key_for(hub, "steward")
    made = client.post("/v1/decisions", json={**PAIR, "verdict": "match", "reason": "twins they are not"}, headers=key)
    assert made.status_code == 201 and made.json()["customers"] == [ids["ana"]]
    contradiction = problem(
        client.post("/v1/decisions", json={**PAIR, "verdict": "no_match", "reason": "r"}, headers=key), 409
    )
    assert contradiction["errors"][0]["pointer"] == "/verdict"
    assert client.delete(f"/v1/decisions/{made.json()['id']}?reason=a+slip", headers=key).status_code == 204
    assert client.get(f"/v1/customers/{ids['bo']}", headers=key).json()["id"] == ids["bo"]
    problem(client.delete(f"/v1/decisions/{made.json()['id']}", headers=key), 409)
    problem(client.delete("/v1/decisions/999", headers=key), 404)
    unknown = {**PAIR, "right": {"source": "billing", "stream": "customers", "key": "none"}}
    assert (
        problem(client.post("/v1/decisions", json={**unknown, "verdict": "match", "reason": "r"}, headers=key), 404)[
            "errors"
        ][0]["pointer"]
        == "/right"
    )
    hub.resolver.delete("billing", "customers", "2")
    problem(client.post("/v1/decisions", json={**PAIR, "verdict": "match", "reason": "r"}, headers=key), 410)


def test_an_idempotency_key_does_a_thing_once(client: TestClient, hub: Hub) -> None:
    fill(hub)
    key = {**key_for(hub, "steward"), "idempotency-key": "one"}
    first = client.post("/v1/decisions", json={**PAIR, "verdict": "unsure", "reason": "r"}, headers=key)
    again = client.post("/v1/decisions", json={**PAIR, "verdict": "unsure", "reason": "r"}, headers=key)
    assert (
        again.content == first.content and again.status_code == 201 and again.headers["idempotency-replayed"] == "true"
    )
    problem(client.post("/v1/decisions", json={**PAIR, "verdict": "match", "reason": "r"}, headers=key), 422)
    other = client.post(
        "/v1/decisions",
        json={**PAIR, "verdict": "unsure", "reason": "r"},
        headers={**key_for(hub, "steward"), "idempotency-key": "one"},
    )
    assert other.json()["id"] != first.json()["id"]  # another holder's key is another's
    failed = {**key, "idempotency-key": "two"}
    missing = {
        **PAIR,
        "right": {"source": "billing", "stream": "customers", "key": "3"},
        "verdict": "match",
        "reason": "r",
    }
    problem(client.post("/v1/decisions", json=missing, headers=failed), 404)
    hub.resolver.upsert("billing", "customers", [{**BO, "id": "3", "nid": "DE-43"}])
    assert client.post("/v1/decisions", json=missing, headers=failed).status_code == 201


# --- service ----------------------------------------------------------------------------------------


def test_health_needs_no_key_and_tells_no_figure(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"} and client.get("/readyz").json() == {"status": "ready"}


def test_a_hub_whose_database_fails_is_not_ready(client: TestClient, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(hub.reader, "ready", away)
    assert problem(client.get("/readyz"), 503)["type"] == "urn:hub:problem:retry-later"


@pytest.mark.parametrize("table", ["customer", "record"])
def test_a_hub_that_lacks_a_table_is_not_ready(client: TestClient, hub: Hub, table: str) -> None:
    with hub.database.unit() as c:
        c.exec_driver_sql(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        assert problem(client.get("/readyz"), 503)["type"] == "urn:hub:problem:retry-later"
    finally:
        with hub.database.unit() as c:
            c.exec_driver_sql(f"ALTER TABLE elsewhere RENAME TO {table}")
    assert client.get("/readyz").json() == {"status": "ready"}


def test_a_hub_without_room_for_a_line_of_audit_is_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    assert problem(client.get("/readyz"), 503)["type"] == "urn:hub:problem:disk-full"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL's disk is its server's
def test_a_write_that_finds_the_disk_full_says_so_and_the_hub_is_not_ready(client: TestClient, hub: Hub) -> None:
    def full(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # no more than it has

    event.listen(hub.database.engine, "connect", full)
    hub.database.engine.dispose()
    key = key_for(hub, "billing")
    answers = [
        client.put(
            f"/v1/sources/billing/customers/records/{n}", json={**ANA, "id": str(n), "note": "x" * 99_999}, headers=key
        )
        for n in range(1, 30)
    ]
    refused = next(a for a in answers if a.status_code != 200)
    assert problem(refused, 503)["type"] == "urn:hub:problem:disk-full"
    assert "disk is full" in refused.json()["detail"]
    assert problem(client.get("/readyz"), 503)["type"] == "urn:hub:problem:disk-full"


def test_metrics_count_by_route_and_hold_no_ids(client: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    client.get(f"/v1/customers/{ids['ana']}", headers=key_for(hub, "steward"))
    client.get("/nowhere/cus_1")
    text = client.get("/metrics", headers=key_for(hub, "monitoring")).text
    assert 'hub_requests_total{method="GET",route="/v1/customers/{id}",status="200"} 1' in text
    assert "hub_request_seconds_bucket" in text and "hub_pending_records 0" in text and "cus_" not in text


def test_every_answer_carries_the_headers_that_browsers_heed(client: TestClient, hub: Hub) -> None:
    for answer in (
        client.get("/healthz"),
        client.get("/nowhere"),
        client.get("/docs"),
        client.get("/v1/customers", headers=key_for(hub, "steward")),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"] and answer.headers["x-request-id"]
    assert client.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert client.get("/healthz", headers={"x-request-id": "mine <1>"}).headers["x-request-id"] != "mine <1>"


def test_the_docs_come_from_here_alone(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200 and "http" not in page.text
    for asset in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
        assert client.get(f"/{asset}").status_code == 200
    assert "http" not in client.get("/docs/start.js").text
    problem(client.get("/docs/..%2f__init__.py"), 404)


def test_openapi_is_complete(client: TestClient, app: FastAPI) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    operations = [o for path in described["paths"].values() for o in path.values()]
    ids = [o["operationId"] for o in operations]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[a-z]+(_[a-z]+)+", id) for id in ids)
    for operation in operations:
        assert operation["tags"] and operation.get("description"), operation["operationId"]
        refused = {s for s in operation["responses"] if s >= "400"}
        assert all(set(operation["responses"][s]["content"]) == {"application/problem+json"} for s in refused), (
            operation["operationId"]
        )
    schemas = described["components"]["schemas"]
    assert {"Problem", "ProblemFault"} <= schemas.keys() and "HTTPValidationError" not in schemas
    refs = set(re.findall(r"#/components/schemas/([\w-]+)", str(described)))
    assert refs <= schemas.keys()


LONG = "12345678901234567890121"


def test_a_row_is_kept_to_the_last_digit_whichever_way_it_is_sent(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "steward")
    address = "/v1/sources/billing/customers/records"
    body = f'{{"id": "b1", "first": "Ann", "last": "One", "loyalty": {LONG}, "x": 12345678901234567.89}}'
    put = client.put(f"{address}/b1", content=body, headers={**key, "content-type": "application/json"})
    assert put.status_code == 200, put.text
    lines = "\n".join(f'{{"id": {LONG[:-1]}{n}, "first": "F{n}", "last": "L{n}"}}' for n in range(2))
    many = client.post(address, content=lines, headers={**key, "content-type": "application/x-ndjson"})
    assert [row["key"] for row in many.json()["data"]] == [f"{LONG[:-1]}0", f"{LONG[:-1]}1"]
    with hub.database.read() as connection:
        stored = [row[0] for row in db.ask(connection, "SELECT raw FROM version ORDER BY landed")]
    assert db.load(stored[0])["loyalty"] == LONG
    assert db.load(stored[0])["x"] == "12345678901234567.89"
    assert len(stored) == 3


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"\\ud800"', "[1,"])
def test_what_is_no_json_is_refused_or_set_aside(client: TestClient, hub: Hub, value: str) -> None:
    key = key_for(hub, "steward")
    address = "/v1/sources/billing/customers/records"
    row = f'{{"id": "b1", "first": "Ann", "last": "One", "note": {value}}}'
    put = client.put(f"{address}/b1", content=row, headers={**key, "content-type": "application/json"})
    assert put.status_code == 400, put.text
    good = '{"id": "b2", "first": "Bo", "last": "Two"}'
    many = client.post(address, content=f"{row}\n{good}", headers={**key, "content-type": "application/x-ndjson"})
    assert many.status_code == 200
    assert [answer["happened"] for answer in many.json()["data"]] == ["quarantined", "created"]


def test_rows_of_one_key_and_version_in_a_batch_that_say_different_things_are_set_aside(
    client: TestClient, hub: Hub
) -> None:
    key = {**key_for(hub, "billing"), "content-type": "application/x-ndjson"}
    lines = [
        '{"id": "1", "first": "Ann", "updated": 1}',
        '{"id": "2", "first": "Bob", "updated": 1}',
        '{"id": "1", "first": "Eve", "updated": 1}',
        '{"id": "2", "first": "Rob", "updated": 2}',
        '{"id": "3", "first": "Cid", "updated": 1}',
        '{"updated": 1, "first": "Cid", "id": "3"}',
    ]
    told = client.post("/v1/sources/billing/customers/records", content="\n".join(lines), headers=key).json()
    happened = [row["happened"] == "quarantined" for row in told["data"]]
    assert happened == [True, False, True, False, False, False]
    assert told["quarantined"] == 2
    assert "row 1" in told["data"][2]["reason"]
    with hub.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM quarantine").scalar() == 2


def test_a_query_parameter_that_nothing_reads_is_refused_with_the_known_ones(client: TestClient, hub: Hub) -> None:
    key = key_for(hub, "steward")
    told = problem(client.get("/v1/customers?typ=person&limit=5", headers=key), 400)
    assert told["errors"][0]["pointer"] == "?typ"
    assert told["errors"][0]["remedy"] == "known: cursor, in, limit, q, type"
    assert client.get("/v1/customers?type=person&in=email", headers=key).status_code == 200
