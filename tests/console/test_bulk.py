"""One verdict on many items: filtered, ticked, previewed, done once; above a limit by two people."""

from __future__ import annotations

import re
from html import unescape

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account, set_up
from hub.app import create_app
from hub.open import Hub
from hub.stewardship.run import Acts
from tests.access.population import fill, key_for
from tests.console.conftest import LOOKS, PASSWORD, Visit, doubtful


def browser(hub: Hub, name: str, role: str = "steward") -> TestClient:
    token, _ = add_account(hub.database, hub.config, name, [role])
    set_up(hub.database, hub.config, token, PASSWORD)
    client = TestClient(create_app(hub), base_url="https://hub.test", raise_server_exceptions=False)
    client.post("/sign-in", data={"name": name, "password": PASSWORD})
    return client


def inputs(text: str, form: str) -> dict[str, list[str]]:
    inside = text.split(f'method="post" action="{form}"')[1].split("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', inside):
        found.setdefault(unescape(name), []).append(unescape(value))
    return found


def verdict(client: TestClient, address: str) -> dict[str, object]:
    """What the preview of all items there would send."""
    pairs = inputs(client.get(address).text, "/review/bulk")["pair"]
    return dict(
        inputs(client.post("/review/bulk", data={"pair": pairs, "verdict": "no_match"}).text, "/review/bulk/do")
    )


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_of_many_items_look_right(visit: Visit, width: int, theme: str) -> None:
    seen = visit("ann", width=width, theme=theme)
    page = seen.goto("/review/bulk?least=1")
    seen.sound(f"bulk-{width}-{theme}")
    page.get_by_role("button", name="are not one customer …").click()
    page.get_by_role("button", name=re.compile("Decide all")).wait_for()
    seen.sound(f"bulk-preview-{width}-{theme}")
    seen.goto("/review/waiting")
    seen.sound(f"waiting-{width}-{theme}")


def test_what_a_filter_leaves_is_decided_at_once_and_taken_back_at_once(hub: Hub) -> None:
    fill(hub)
    doubtful(hub, 4)
    ann = browser(hub, "ann")
    assert "Nothing of this sort" in ann.get("/review/bulk?source=web").text
    sent = verdict(ann, "/review/bulk?source=crm")
    assert not Acts(hub.resolver).listed()
    answers = [ann.post("/review/bulk/do", data=sent, follow_redirects=False) for _ in range(2)]
    assert [a.status_code for a in answers] == [303, 303]
    assert [a.kind for a in Acts(hub.resolver).listed()] == ["decide_all"]
    told = ann.get(answers[0].headers["location"]).text
    assert "one verdict on many pairs" in told
    ann.post("/act/undo", data={"act": Acts(hub.resolver).listed()[0].id, "back": "/review"})
    assert Acts(hub.resolver).listed()[0].undone_at


def test_what_changed_since_is_told_and_nothing_is_decided(hub: Hub) -> None:
    fill(hub)
    doubtful(hub, 3)
    ann = browser(hub, "ann")
    sent = verdict(ann, "/review/bulk")
    hub.resolver.upsert("billing", "customers", [{"id": "b0", "first": "Else", "updated": "2026-06-01T00:00:00Z"}])
    answer = ann.post("/review/bulk/do", data=sent)
    assert answer.status_code == 412 and "Nothing was done" in answer.text and not Acts(hub.resolver).listed()


def test_very_many_wait_until_somebody_else_agrees(hub: Hub) -> None:
    fill(hub)
    doubtful(hub, 4)
    access = hub.config.access.model_copy(update={"second_person_above": 2})
    hub.resolver.config = hub.resolver.config.model_copy(update={"access": access})
    ann, ben = browser(hub, "ann"), browser(hub, "ben")
    sent = verdict(ann, "/review/bulk")
    page = ann.post("/review/bulk/do", data=sent)
    assert "Somebody else has to agree" in page.text and not Acts(hub.resolver).listed()
    address = page.url.path
    assert ann.post(f"{address}/agree").status_code == 403 and not Acts(hub.resolver).listed()
    assert "1 proposal to agree to" in ben.get("/review").text and "Agree: do it" in ben.get(address).text
    assert ben.post(f"{address}/agree").status_code == 200
    (done,) = Acts(hub.resolver).listed()
    assert done.by == "ann" and "agreed by ben" in done.reason
    assert ben.post(f"{address}/agree").status_code == 409
    assert "This is settled" in ben.get(address).text


def test_the_rule_of_two_people_holds_for_machines_too(hub: Hub) -> None:
    fill(hub)
    doubtful(hub, 3)
    access = hub.config.access.model_copy(update={"second_person_above": 1})
    hub.resolver.config = hub.resolver.config.model_copy(update={"access": access})
    client = TestClient(create_app(hub), base_url="https://hub.test")
    one, other, narrow = key_for(hub, "steward"), key_for(hub, "lead_steward"), key_for(hub, "lisbon")

    def pair(n: int) -> dict[str, object]:
        sides = {"left": ("billing", "customers", f"b{n}"), "right": ("crm", "people", f"c{n}")}
        return {side: dict(zip(("source", "stream", "key"), name, strict=True)) for side, name in sides.items()}

    asked = {"act": {"kind": "decide_all", "pairs": [pair(0), pair(1)], "verdict": "match"}, "reason": "the same file"}
    assert client.post("/v1/acts", json=asked, headers=one).status_code == 409
    assert client.post("/v1/acts/preview", json=asked, headers=one).status_code == 200
    made = client.post("/v1/acts/waiting", json=asked, headers=one)
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    assert client.post(f"/v1/acts/waiting/{id}/agree", headers=one).status_code == 403
    assert client.get("/v1/acts/waiting", headers=narrow).json()["data"] == []
    for verb in ("agree", "refuse"):
        hidden, unknown = (client.post(f"/v1/acts/waiting/{i}/{verb}", headers=narrow) for i in (id, "wait_none"))
        assert hidden.status_code == unknown.status_code == 404
    assert client.post(f"/v1/acts/waiting/{id}/agree", headers=other).json()["kind"] == "decide_all"
    assert client.post(f"/v1/acts/waiting/{id}/refuse", headers=other).status_code == 409
    again = client.post("/v1/acts/waiting", json=asked, headers=one).json()["id"]
    assert client.post(f"/v1/acts/waiting/{again}/refuse", headers=one).status_code == 204
    assert client.get("/v1/acts/waiting", headers=one).json()["data"] == []
