"""Whole customers put right: each act looked at first, done once, taken back."""

from __future__ import annotations

import re
from html import unescape

import pytest
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account, set_up
from hub.app import create_app
from hub.open import Hub
from hub.stewardship.run import Acts
from tests.access.population import fill
from tests.console.conftest import NARROW, PASSWORD, WIDE, Visit, World


def undone(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.get_by_role("status")).to_contain_text("Taken back")


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "light"), (NARROW, "dark")])
def test_records_are_ticked_and_split_off_and_put_back(visit: Visit, world: World, width: int, theme: str) -> None:
    seen = visit("ann", width=width, theme=theme)
    page = seen.goto(f"/customers/{world.ids['ana']}/records")
    page.get_by_label("not this customer").first.check()
    page.get_by_role("button", name=re.compile("Split")).click()
    expect(page.locator(".would")).to_have_count(2)
    seen.sound(f"split-{width}-{theme}")
    page.get_by_placeholder("Why").fill("mother and daughter")
    page.get_by_role("button", name="Split them off").click()
    expect(page.get_by_role("status")).to_contain_text("records split off")
    expect(page.locator(".facts").first).to_contain_text("1 record in 1 system")
    undone(page)
    expect(page.locator(".facts").first).to_contain_text("2 records in 2 systems")


def test_two_customers_are_merged_and_come_apart_again(visit: Visit, world: World) -> None:
    seen = visit("ann")
    page = seen.goto(f"/customers/{world.ids['bo']}/merge")
    page.fill("main input[type=search]", "silva")
    page.press("main input[type=search]", "Enter")
    seen.sound("merge")
    page.get_by_role("link", name="Merge …").first.click()
    expect(page.locator("main")).to_contain_text("leads there from then on")
    page.get_by_role("button", name="Merge them").click()
    expect(page.locator(".facts").first).to_contain_text("3 records in 2 systems")
    undone(page)


def test_a_value_is_set_by_hand_and_taken_back(visit: Visit, world: World) -> None:
    seen = visit("ann")
    page = seen.goto(f"/customers/{world.ids['bo']}")
    page.get_by_role("link", name="Put right: Occupation").click()
    seen.sound("value")
    page.fill("[name=value]", "headmaster")
    page.get_by_role("button", name="See what would follow").click()
    expect(page.locator("ins")).to_have_text("headmaster")
    page.get_by_role("button", name="Set it").click()
    job = page.locator("dl.values > div", has=page.get_by_text("Occupation", exact=False))
    expect(job).to_contain_text("headmaster")
    expect(job).to_contain_text("by hand")
    page.get_by_role("link", name="History").click()
    seen.sound("history-acts")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.locator("dl.values")).to_contain_text("teacher")


# --- as a server's answers ---


@pytest.fixture
def steward(hub: Hub) -> TestClient:
    token, _ = add_account(hub.database, hub.config, "ann", ["steward"])
    set_up(hub.database, hub.config, token, PASSWORD)
    browser = TestClient(create_app(hub), base_url="https://hub.test", raise_server_exceptions=False)
    browser.post("/sign-in", data={"name": "ann", "password": PASSWORD})
    return browser


def form(text: str) -> dict[str, str]:
    inside = text.split('action="/act"')[1].split("</form>")[0]
    return {unescape(n): unescape(v) for n, v in re.findall(r'name="([^"]*)" value="([^"]*)"', inside)}


def test_looking_changes_nothing_and_a_double_click_does_it_once(steward: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    sent = form(steward.get(f"/act?kind=keep_apart&a={ids['ana']}&b={ids['bo']}").text)
    assert not Acts(hub.resolver).listed()
    answers = [steward.post("/act", data=sent, follow_redirects=False) for _ in range(2)]
    assert [a.status_code for a in answers] == [303, 303]
    assert len(Acts(hub.resolver).listed()) == 1


def test_what_changed_since_is_shown_anew_and_what_was_typed_stays(steward: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    sent = form(steward.get(f"/act?kind=merge&a={ids['ana']}&b={ids['bo']}").text)
    fill(hub, bo={"job": "sailor", "updated": "2026-07-01T00:00:00Z"})
    answer = steward.post("/act", data={**sent, "reason": "their own word"})
    assert answer.status_code == 412 and "Nothing was done" in answer.text
    assert 'value="their own word"' in answer.text and "sailor" in answer.text
    assert not Acts(hub.resolver).listed()


def test_what_stands_against_it_is_said_before_it_is_done(steward: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    pair = f"a={ids['ana']}&b={ids['bo']}"
    steward.post("/act", data=form(steward.get(f"/act?kind=keep_apart&{pair}").text))
    answer = steward.get(f"/act?kind=merge&{pair}")
    assert (
        answer.status_code == 200
        and 'role="alert"' in answer.text
        and "<form method" not in answer.text.split("<main")[1]
    )


def test_an_act_that_no_page_offers_is_refused_in_words(steward: TestClient, hub: Hub) -> None:
    ids = fill(hub)
    assert steward.get("/act?kind=suspend").status_code == 400
    assert steward.get("/act?kind=split&customer=" + ids["ana"]).status_code == 422
    assert steward.get(f"/act?kind=set_value&customer={ids['ana']}&attribute=nonsense&value=x").status_code == 422
