"""Signing in, finding a customer and its page, in a real browser: by mouse, by keyboard, without script, wide and narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from hub.access.authentication.accounts import add_account
from hub.access.authentication.totp import code_at
from hub.consents.statement import ConsentSaid
from tests.console.conftest import LOOKS, PASSWORD, Visit, World


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_of_a_customer_looks_right(visit: Visit, world: World, width: int, theme: str) -> None:
    ana = world.ids["ana"]
    seen = visit("ann", width=width, theme=theme)
    for name, path in {
        "search": "/customers?q=silva",
        "customer": f"/customers/{ana}",
        "records": f"/customers/{ana}/records",
        "how": f"/customers/{ana}/how",
        "history": f"/customers/{ana}/history",
        "timeline": f"/customers/{ana}/timeline",
        "account": "/account",
    }.items():
        seen.goto(path)
        seen.sound(f"{name}-{width}-{theme}")
    nobody = visit(width=width, theme=theme)
    nobody.goto("/sign-in")
    nobody.sound(f"sign-in-{width}-{theme}")
    nobody.refusals = {404}
    nobody.goto("/nowhere")
    nobody.sound(f"nowhere-{width}-{theme}")


def test_a_customer_is_found_by_keyboard_alone_as_one_types(visit: Visit, world: World) -> None:
    seen = visit("ann")
    page = seen.goto("/customers")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("silva")
    expect(page.locator(".results li")).to_have_count(1)
    assert page.url.endswith("/customers?q=silva")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Customers with “silva”")
    page.locator(".results a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Ana Silva")
    seen.sound()


def test_every_value_has_its_sources_their_dates_and_its_rule_and_what_lost_is_one_click_away(
    visit: Visit, world: World
) -> None:
    page = visit("ann").goto(f"/customers/{world.ids['ana']}")
    job = page.locator("dl.values > div", has=page.get_by_text("Occupation", exact=True))
    expect(job.locator(".value")).to_have_text("pastry cook")
    expect(job.locator(".by").first).to_contain_text("crm since 2 Jan 2026")
    lost = job.get_by_text("baker", exact=True)
    expect(lost).to_be_hidden()
    job.locator("summary").click()
    expect(lost).to_be_visible()
    expect(job.locator("details")).to_contain_text("billing customers/1")


def test_everything_works_without_script(visit: Visit, world: World) -> None:
    page = visit("ann", script=False).goto("/customers")
    page.fill("#find", "mueller")
    page.press("#find", "Enter")
    page.locator(".results a").first.click()
    expect(page.locator("h1")).to_have_text("Bo Müller")
    assert "UTC" in page.locator("time").first.inner_text()
    page.get_by_role("link", name="Records").click()
    expect(page.locator("table")).to_contain_text("teacher")


def test_times_are_in_the_zone_of_who_reads_them(visit: Visit, world: World) -> None:
    page = visit("ann").goto(f"/customers/{world.ids['ana']}")
    assert re.fullmatch(r"\d+ \w+ \d{4}, \d\d:\d\d", page.locator("time").first.inner_text())


def test_an_account_is_set_up_with_a_second_factor(visit: Visit, world: World) -> None:
    token, _ = add_account(world.hub.database, world.hub.config, "newcomer", ["steward"])
    seen = visit()
    page = seen.goto(f"/set-up#{token}")
    seen.refusals = {401, 422}
    page.fill("[name=password]", "short")
    page.press("[name=password]", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.input_value("[name=token]") == token
    seen.sound()
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page.get_by_role("status")).to_contain_text("Your password is set")
    page.fill("[name=name]", "newcomer")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".me summary").click()
    page.get_by_role("link", name="Your account").click()
    page.locator("form[action='/account/factor'] [name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Set one up").click()
    secret = page.locator("code.break").inner_text()
    seen.sound()
    page.fill("[name=code]", _code(secret, world))
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".codes li")).to_have_count(10)
    recovery = page.locator(".codes li").first.inner_text()
    page.locator(".me summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.fill("[name=name]", "newcomer")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=code]", recovery)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("To decide")


def _code(secret: str, world: World) -> str:
    import base64

    padded = secret + "=" * (-len(secret) % 8)
    return code_at(base64.b32decode(padded), world.hub.database.clock.now() // 1_000_000 // 30)


def test_a_role_sees_its_own_columns_and_tabs(visit: Visit, world: World) -> None:
    page = visit("ship").goto(f"/customers/{world.ids['ana']}")
    expect(page.locator("dl.values")).not_to_contain_text("National ID")
    expect(page.locator(".tabs")).not_to_contain_text("Records")


def test_consents_what_was_sent_other_roles_eyes_and_whom_one_looked_at_are_there(visit: Visit, world: World) -> None:
    ana = world.ids["ana"]
    world.hub.logbook.say(ana, ConsentSaid("marketing", "email", "objected", 0, "", "letter", ""), by="ann")
    seen = visit("lea")
    page = seen.goto(f"/customers/{ana}")
    expect(page.locator("[aria-labelledby=consents]")).to_contain_text("objected")
    seen.sound("customer-lead")
    page.get_by_role("link", name="Shipping").click()
    expect(page.get_by_role("status")).to_contain_text("As the role Shipping sees it")
    expect(page.locator("dl.values")).not_to_contain_text("National ID")
    expect(page.locator("main")).to_contain_text("national id")
    seen.sound("as-shipping")
    page.get_by_role("link", name="Sent to").click()
    expect(page.locator("main")).to_contain_text("Nothing of this customer was sent")
    seen.sound("sent")
    seen.goto("/customers")
    expect(page.locator(".results .name")).to_have_text("Ana Silva")
    seen.sound("recent")
