"""Segment's own Python client and RudderStack's, unchanged, pointed at the hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real.hub import Hub
from tests.real.systems import checked, installed

SOURCE = """
title: Website
connector: {kind: segment, write_key_env: SEGMENT_WRITE_KEY, alias: match}
streams:
  people:
    customer: person
    map: {given_name: traits.firstName, family_name: traits.lastName, email: traits.email}
  orders:
    interaction: order
    calls: [track]
    events: [Order Completed]
    key: messageId
    of: {key: userId || anonymousId, stream: people}
    map: {number: properties.order_id, ordered_at: timestamp, total: {amount: properties.total, currency: properties.currency}}
"""
CLIENT = """
import sys
{start}
a.identify("u1", {{"firstName": "Ann", "lastName": "Lee", "email": "ann@example.com"}})
a.track("u1", "Order Completed", {{"order_id": "O-1", "total": 30.5, "currency": "EUR"}})
a.alias("anon-1", "u1")
a.group("u1", "acme", {{"name": "Acme"}})
a.page("u1", "Docs", "Home")
a.flush()
"""
CLIENTS = {
    "segment": ("segment-analytics-python==2.4.0", "import segment.analytics as a; a.write_key, a.host, a.gzip = 'wk-1', sys.argv[1], True"),
    "rudderstack": ("rudder-sdk-python==2.1.9", "import rudderstack.analytics as a; a.write_key, a.host = 'wk-1', sys.argv[1]"),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sends_what_it_always_sends(tmp_path: Path, client: str) -> None:
    package, start = CLIENTS[client]
    python = installed(client, package) / "python"
    hub = Hub(tmp_path / "hub", {"SEGMENT_WRITE_KEY": "wk-1"})
    hub.source("website", SOURCE)
    key = hub("keys", "create", "test", "--role", "lead_steward").strip()
    with hub.serving() as url:
        for _ in range(2):
            checked([str(python), "-c", CLIENT.format(start=start), url])
        (ann,) = hub.get(url, "/v1/customers?q=ann+lee", key)["data"]
        happened = hub.get(url, f"/v1/customers/{ann['id']}/interactions", key)["data"]
    assert "ann@example.com" in json.dumps(ann)
    assert [h["type"] for h in happened] == ["order", "order"]
    assert "0 differences" in hub("verify")
