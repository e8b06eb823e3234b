"""The CRM service over HTTP: what an integrator would rely on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.demo import crm
from hub.demo.world import generate

TOKEN = "only-for-this-test"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[crm.CrmServer]:
    crm.fill(tmp_path / "crm.sqlite", generate(120, 3))
    running = crm.CrmServer(tmp_path / "crm.sqlite", TOKEN).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: crm.CrmServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}) as found:
        yield found


def listing(client: httpx2.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get(path, params={**params, **({"cursor": cursor} if cursor else {})}).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def first(client: httpx2.Client) -> tuple[dict[str, Any], str]:
    key = client.get("/people", params={"limit": 1}).json()["data"][0]["id"]
    answer = client.get(f"/people/{key}")
    return answer.json(), answer.headers["ETag"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_a_stranger_sees_nothing(server: crm.CrmServer, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = httpx2.request(method, f"{server.url}/people/P-100001", headers=headers)
        assert answer.status_code == 401 and "WWW-Authenticate" in answer.headers
        assert answer.headers["Content-Type"] == "application/problem+json" and "id" not in answer.json()


@pytest.mark.parametrize("path", ["/people", "/companies"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_of_any_size_give_every_record_once_oldest_change_first(
    client: httpx2.Client, path: str, limit: int
) -> None:
    world = generate(120, 3)
    records = listing(client, path, limit=limit)
    assert sorted(r["id"] for r in records) == sorted(world.tables()[f"crm{path}"]["id"].to_pylist())
    assert [r["updatedAt"] for r in records] == sorted(r["updatedAt"] for r in records)


def test_updated_since_is_inclusive(client: httpx2.Client) -> None:
    records = listing(client, "/people")
    middle = records[len(records) // 2]["updatedAt"]
    assert listing(client, "/people", updated_since=middle, limit=3) == [r for r in records if r["updatedAt"] >= middle]


def test_a_patch_merges_and_moves_the_record_to_the_end_of_the_changes(client: httpx2.Client) -> None:
    record, etag = first(client)
    newest = listing(client, "/people")[-1]["updatedAt"]
    change = {"address": {"street": "Neuer Weg 1", "extra": None}, "phones": ["+4915112345678"]}
    answer = client.patch(f"/people/{record['id']}", json=change, headers={"If-Match": etag})
    assert answer.status_code == 200 and answer.headers["ETag"] != etag
    changed = answer.json()
    assert changed["address"]["street"] == "Neuer Weg 1" and "extra" not in changed["address"]
    assert changed["address"].get("city") == record.get("address", {}).get("city")
    assert changed.get("emails") == record.get("emails") and changed["phones"] == ["+4915112345678"]
    assert changed["updatedAt"] > newest
    assert [r["id"] for r in listing(client, "/people", updated_since=changed["updatedAt"])] == [record["id"]]


def test_a_stale_patch_is_refused_and_changes_nothing(client: httpx2.Client) -> None:
    record, etag = first(client)
    path = f"/people/{record['id']}"
    assert client.patch(path, json={"emails": ["a@new.example"]}, headers={"If-Match": etag}).status_code == 200
    assert client.patch(path, json={"emails": ["b@new.example"]}, headers={"If-Match": etag}).status_code == 412
    assert client.get(path).json()["emails"] == ["a@new.example"]


def test_writing_what_is_there_already_keeps_version_and_time(client: httpx2.Client) -> None:
    record, etag = first(client)
    answer = client.patch(f"/people/{record['id']}", json={"name": record["name"]})
    assert answer.status_code == 200 and answer.headers["ETag"] == etag and answer.json() == record


def test_a_service_that_insists_wants_if_match(tmp_path: Path) -> None:
    crm.fill(tmp_path / "crm.sqlite", generate(20, 3))
    running = crm.CrmServer(tmp_path / "crm.sqlite", TOKEN, require_match=True).start()
    try:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        key = httpx2.get(f"{running.url}/people", headers=headers).json()["data"][0]["id"]
        assert httpx2.patch(f"{running.url}/people/{key}", json={"emails": []}, headers=headers).status_code == 428
        assert (
            httpx2.patch(
                f"{running.url}/people/{key}", json={"emails": []}, headers={**headers, "If-Match": "*"}
            ).status_code
            == 200
        )
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"", 400),
        (b'{"id": "x"}', 422),
        (b'{"etag": "x"}', 422),
        (b'{"emails": "a@b.example"}', 422),
        (b'{"emails": [1]}', 422),
        (b'{"address": "here"}', 422),
        (b'{"address": {"planet": "x"}}', 422),
        (b'{"birthDate": 3}', 422),
    ],
)
def test_bad_bodies_get_a_problem_and_change_nothing(client: httpx2.Client, body: bytes, status: int) -> None:
    record, _ = first(client)
    answer = client.patch(f"/people/{record['id']}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status and answer.json()["status"] == status
    assert client.get(f"/people/{record['id']}").json() == record


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1001", "updated_since=yesterday", "cursor=***", "cursor=e30="]
)
def test_bad_queries_get_a_problem(client: httpx2.Client, query: str) -> None:
    assert client.get(f"/people?{query}").status_code == 400


def test_unknown_places_are_not_found(client: httpx2.Client) -> None:
    assert [client.get(p).status_code for p in ("/", "/orders", "/people/none", "/people/a/b")] == [404] * 4


def test_a_deleted_record_is_gone_and_shows_as_deleted_to_those_who_ask_for_changes(client: httpx2.Client) -> None:
    record, _ = first(client)
    before = listing(client, "/people")
    assert client.delete(f"/people/{record['id']}").status_code == 204
    assert client.get(f"/people/{record['id']}").status_code == 410
    assert client.patch(f"/people/{record['id']}", json={"emails": []}).status_code == 410
    assert len(listing(client, "/people")) == len(before) - 1
    assert [(r["id"], r["deleted"]) for r in listing(client, "/people", updated_since=before[-1]["updatedAt"])][-1] == (
        record["id"],
        True,
    )


def test_a_created_record_can_be_read(client: httpx2.Client) -> None:
    answer = client.post("/people", json={"name": {"given": "Nora", "family": "Neu"}})
    assert answer.status_code == 201
    assert client.get(answer.headers["Location"]).json()["name"] == {"given": "Nora", "family": "Neu"}


def test_write_requests_are_counted_without_their_values_and_kept_over_a_restart(
    server: crm.CrmServer, client: httpx2.Client, tmp_path: Path
) -> None:
    record, etag = first(client)
    listing(client, "/people")
    assert server.writes() == []
    client.patch(f"/people/{record['id']}", json={"emails": ["a@new.example"]}, headers={"If-Match": etag})
    client.patch(f"/people/{record['id']}", json={"emails": ["b@new.example"]}, headers={"If-Match": etag})
    assert [(w.method, w.status, w.fields) for w in server.writes()] == [
        ("PATCH", 200, ("emails",)),
        ("PATCH", 412, ("emails",)),
    ]
    again = crm.CrmServer(tmp_path / "crm.sqlite", TOKEN).start()
    try:
        assert again.record("people", record["id"])["emails"] == ["a@new.example"] and len(again.writes()) == 2
    finally:
        again.stop()
