"""A customer that only the website knows, in systems that nobody here wrote: made there once, also when the hub is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.receiver import Receiver
from tests.real.hub import Hub
from tests.real.localstripe import KEY, LocalStripe, localstripe
from tests.real.real_round import STRIPE
from tests.real.real_segment import CLIENTS
from tests.real.real_segment import SOURCE as WEBSITE
from tests.real.real_tryton import CRM
from tests.real.systems import PATIENCE, ROOT, checked, installed
from tests.real.tryton import Tryton, tryton

BACK = "write_back: {attributes: [email, phone, address]}"
MAKES = (
    "write_back: {mode: upsert, creates: [full_name], when: {has: [full_name]}, attributes: [email, phone, address]}"
)
SEEN = "\n    verified: [given_name, family_name, email]\n  orders:"
IDENTIFY = """
import sys
{start}
a.identify("u7", {{"firstName": "Zoe", "lastName": "Ray", "email": "zoe@example.com"}})
a.flush()
"""


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Tryton]:
    with tryton(tmp_path) as made:
        yield made


@pytest.fixture
def payments(tmp_path: Path) -> Iterator[LocalStripe]:
    with localstripe(tmp_path) as made:
        yield made


@pytest.fixture
def app() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def killed(hub: Hub, point: str) -> None:
    """A push of its own process, which ends at a fail point as by kill -9."""
    command = [str(Path(sys.executable).parent / "hub"), "push"]
    done = subprocess.run(command, env={**os.environ, **hub.env, "HUB_FAIL": f"{point}:1"}, cwd=ROOT, check=False)
    assert done.returncode == -9


def parties(crm: Tryton) -> list[str]:
    found = crm.rpc("model.party.party.search_read", [["name", "=", "Zoe Ray"]], 0, None, None, ["name"], {})
    return [party["name"] for party in found]


@pytest.mark.parametrize("point", ["", "post-create"])
def test_a_customer_that_only_the_website_knows_is_made_once(
    tmp_path: Path, crm: Tryton, payments: LocalStripe, app: Receiver, point: str
) -> None:
    env = {"TRYTON_URL": crm.url, "TRYTON_KEY": crm.key, "STRIPE_KEY": KEY, "SEGMENT_WRITE_KEY": "wk-1"}
    hub = Hub(tmp_path / "hub", env | {"HUB_WEBHOOK_NETWORKS": "127.0.0.1/32"})
    hub.source("website", WEBSITE.replace("\n  orders:", SEEN, 1))
    hub.source("crm", CRM.replace(BACK, MAKES))
    hub.source("payments", STRIPE.replace("URL", payments.url).replace(BACK, MAKES))
    hub.role("payments", may=["read"], views={"person": {"*": "show"}})
    hub("keys", "create", "test", "--role", "lead_steward")
    hub("subscriptions", "add", "app", app.url, "--role", "lead_steward")
    package, start = CLIENTS["segment"]
    with hub.serving("--no-jobs") as url:
        checked([str(installed("segment", package) / "python"), "-c", IDENTIFY.format(start=start), url])
    if point:
        killed(hub, point)
    hub.round()
    assert len(hub.customers()) == 1
    assert parties(crm) == ["Zoe Ray"]
    assert payments.ask("GET", "/v1/customers")["data"][0]["email"] == "zoe@example.com"
    assert len(payments.ask("GET", "/v1/customers")["data"]) == 1
    hub.round()
    before = (crm.stamp(), payments.writes())
    for _ in range(2):
        assert "0 written" in hub.round()
    assert before == (crm.stamp(), payments.writes())
    with hub.serving():
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not _told(app):
            time.sleep(0.2)
    ids = [headers["webhook-id"] for headers, _ in app.got]
    assert _told(app)
    assert len(ids) == len(set(ids))
    assert "0 differences" in hub("verify")


def _told(app: Receiver) -> bool:
    """Does the app know whoever was made?"""
    return any("zoe@example.com" in body.decode() for _, body in app.got)
