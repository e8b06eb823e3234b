"""The review by mouse, by keys and without script; and that nothing is lost or done twice, whoever else works on it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from hub.access.authentication.accounts import add_account, set_up
from hub.access.authentication.principals import Principal
from hub.app import create_app
from hub.delivery import store
from hub.delivery.disputes import disputed
from hub.landing import store as landing
from hub.open import Hub
from hub.stewardship.queue import Queue
from hub.stewardship.run import Acts
from tests.access.population import fill
from tests.console.conftest import LOOKS, PASSWORD, Visit, World, doubtful


def moved(page: Page, key: str) -> None:
    """Press a key, and wait for another item."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)


def verdicts(world: World) -> int:
    return sum(a.kind == "decide" and a.undone_at is None for a in Acts(world.hub.resolver).listed(limit=200))


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_queue_and_an_item_look_right(visit: Visit, width: int, theme: str) -> None:
    seen = visit("ann", width=width, theme=theme)
    page = seen.goto("/review")
    expect(page.locator(".queue li").first).to_be_visible()
    seen.sound(f"review-{width}-{theme}")
    page.get_by_role("link", name=re.compile("Begin")).click()
    expect(page.locator("dl.would").first).to_be_visible()
    seen.sound(f"item-{width}-{theme}")


def test_a_steward_decides_by_keys_alone_and_takes_back(visit: Visit, world: World) -> None:
    before = verdicts(world)
    seen = visit("ann")
    page = seen.goto("/review")
    page.keyboard.press("j")
    expect(page.locator("#verdict")).to_be_visible()
    for key in ("n", "u", "m"):
        moved(page, key)
        expect(page.get_by_role("status")).to_contain_text("Done")
    assert verdicts(world) == before + 3
    page.keyboard.press("z")
    expect(page.get_by_role("status")).to_contain_text("Taken back")
    assert verdicts(world) == before + 2
    moved(page, "s")
    assert verdicts(world) == before + 2
    seen.sound()


def test_a_verdict_needs_no_script(visit: Visit, world: World) -> None:
    before = verdicts(world)
    page = visit("ann", script=False).goto("/review/next")
    page.fill("[name=reason]", "her twin")
    page.get_by_role("button", name=re.compile("Not a match")).click()
    expect(page.get_by_role("status")).to_contain_text("her twin")
    assert verdicts(world) == before + 1
    page.get_by_role("button", name=re.compile("Undo")).click()
    assert verdicts(world) == before


def test_of_two_stewards_on_one_item_the_second_is_told_and_nothing_is_lost(visit: Visit, world: World) -> None:
    ann, ben = visit("ann"), visit("ben")
    first = ann.goto("/review/next")
    second: Page = ben.goto(first.url.removeprefix(world.url))
    second.fill("[name=reason]", "they told me")
    before = verdicts(world)
    moved(first, "n")
    expect(first.get_by_role("status")).to_contain_text("Done")
    ben.refusals = {412}
    second.locator("h1").click()
    second.keyboard.press("m")
    expect(second.get_by_role("alert")).to_contain_text("ann")
    assert second.input_value("[name=reason]") == "they told me"
    assert verdicts(world) == before + 1
    ben.sound()


def test_who_goes_back_sees_what_became_of_it(visit: Visit, world: World) -> None:
    page = visit("ann").goto("/review/next")
    moved(page, "m")
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.go_back()
    expect(page.locator("h1")).to_have_text("These are one customer now")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_which_of_many_records_are_one_is_said_at_once_and_taken_back(
    visit: Visit, world: World, width: int, theme: str
) -> None:
    seen = visit("ann", width=width, theme=theme)
    ana, bo = (world.hub.reader.get_customer(_LEA, world.ids[n]).records for n in ("ana", "bo"))
    assert ana and bo
    page = seen.goto(f"/review/together?record={ana[0]}&record={bo[0]}")
    expect(page.locator("h1")).to_have_text("Which of these 3 are one customer?")
    seen.sound(f"together-{width}-{theme}")
    letters = page.locator("select[name=in]")
    letters.nth(0).select_option("C")
    letters.nth(1).select_option("B")
    page.get_by_role("button", name="See what would follow").click()
    expect(page.locator(".would")).to_have_count(2)
    page.get_by_role("button", name="Arrange them so").click()
    expect(page.get_by_role("status")).to_contain_text("records arranged")
    page.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.get_by_role("status")).to_contain_text("Taken back")
    assert world.hub.reader.get_customer(_LEA, world.ids["ana"]).records == ana


def test_a_record_dragged_onto_another_is_the_same_customer(visit: Visit, world: World) -> None:
    ana, bo = (world.hub.reader.get_customer(_LEA, world.ids[n]).records for n in ("ana", "bo"))
    assert ana and bo
    page = visit("ann").goto(f"/review/together?record={ana[0]}&record={bo[0]}")
    records = page.locator("[data-record]")
    records.nth(2).drag_to(records.nth(0))
    assert page.locator("select[name=in]").nth(2).input_value().startswith("A ")


def test_what_one_looks_at_is_not_given_to_another_and_may_be_given_away(visit: Visit, world: World) -> None:
    ann, ben = visit("ann"), visit("ben")
    mine = ann.goto("/review/next")
    mine.wait_for_load_state("networkidle")
    theirs = ben.goto("/review/next")
    assert theirs.locator("h1").inner_text() == "Are these one customer?" and theirs.url != mine.url
    ben.goto(mine.url.removeprefix(world.url))
    expect(theirs.get_by_role("status")).to_contain_text("ann works on this one")
    names = mine.title()
    mine.get_by_label("Give it to").fill("lea")
    mine.get_by_label("Why", exact=True).first.fill("is it her sister?")
    mine.get_by_role("button", name="Give it", exact=True).click()
    expect(mine).not_to_have_title(names)
    lea = visit("lea")
    expect(lea.goto("/work").get_by_role("link", name="1 item to be decided")).to_be_visible()
    queue = lea.goto("/review?mine=true")
    expect(queue.locator(".queue li")).to_have_count(1)
    expect(queue.locator(".queue li")).to_contain_text("1 comment")
    lea.sound()


_LEA = Principal("lea", "lea", "staff", "lead_steward")


# --- as a server's answers ---


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    return create_app(hub)


@pytest.fixture
def steward(app: FastAPI, hub: Hub) -> TestClient:
    fill(hub)
    doubtful(hub, 2)
    token, _ = add_account(hub.database, hub.config, "ann", ["steward"])
    set_up(hub.database, hub.config, token, PASSWORD)
    browser = TestClient(app, base_url="https://hub.test", raise_server_exceptions=False)
    browser.post("/sign-in", data={"name": "ann", "password": PASSWORD})
    return browser


def test_a_dispute_is_settled_on_its_page(steward: TestClient, hub: Hub, app: FastAPI) -> None:
    with hub.database.unit() as c:
        info = next(i for i in landing.records_after(c, 0, 50) if i.type == "person" and i.alive)
        store.wait(c, [(info.rid, info.id.source, info.id.stream, 1)], 0)
        (waiting,) = store.claim(c, info.id.source, info.id.stream, 1, 1, 1)
        store.settle(c, waiting, "tripped", detail=store.TRIPPED + "given_name", at=1)
    app.state.queue = Queue(hub.resolver, disputed=disputed, kept=0)  # the one that is kept was made when she signed in
    listed = steward.get("/review?kind=disputed").text
    address = unescape(re.search(r'href="(/review/dispute[^"]*)"', listed)[1])  # type: ignore[index]
    page = steward.get(address).text
    assert "Given name" in page
    sent = {"record": str(info.id), "answer": "leave"}
    assert steward.post("/review/dispute", data=sent, follow_redirects=False).status_code == 303
    assert "/review/dispute?" not in steward.get("/review?kind=disputed").text
    assert steward.post("/review/dispute", data={**sent, "answer": "no"}).status_code == 400


def fields(text: str) -> dict[str, str]:
    """What the form of the verdict would send."""
    form = text.split('action="/review/decide"')[1].split("</form>")[0]
    return {
        unescape(n): unescape(v) for n, v in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
    }


def test_a_double_click_decides_once(steward: TestClient, hub: Hub) -> None:
    sent = {**fields(steward.get("/review/next").text), "verdict": "no_match"}
    answers = [steward.post("/review/decide", data=sent, follow_redirects=False) for _ in range(2)]
    assert [a.status_code for a in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(Acts(hub.resolver).listed()) == 1


def test_a_stale_page_says_so_and_shows_how_it_is_now(steward: TestClient, hub: Hub) -> None:
    sent = {**fields(steward.get("/review/next").text), "verdict": "match"}
    left = sent["left"].split("/")
    row = {"id": left[2], "first": "Rita", "last": "Anotherone", "updated": "2026-06-01T00:00:00Z"}
    hub.resolver.upsert(left[0], left[1], [row])
    answer = steward.post("/review/decide", data=sent)
    assert answer.status_code == 412 and "Nothing was done" in answer.text and "Anotherone" in answer.text
    assert not Acts(hub.resolver).listed()


def test_a_session_that_ends_in_mid_decision_loses_nothing(steward: TestClient, hub: Hub) -> None:
    page = steward.get("/review/next")
    sent = {**fields(page.text), "verdict": "match"}
    steward.cookies.clear()
    answer = steward.post("/review/decide", data=sent, headers={"referer": str(page.url)})
    assert "nothing of what you just sent was done" in answer.text and not Acts(hub.resolver).listed()
    again = steward.post(
        "/sign-in", data={"name": "ann", "password": PASSWORD, "to": str(page.url).removeprefix("https://hub.test")}
    )
    assert again.status_code == 200 and fields(again.text)["left"] == sent["left"]
    assert steward.post("/review/decide", data=sent).status_code == 200
    assert len(Acts(hub.resolver).listed()) == 1
