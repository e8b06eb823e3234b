"""A call, from who is on the line to what is written down: by keys, and wrong answers told without what is held."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import NARROW, WIDE, Visit, World


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "dark"), (NARROW, "light")])
def test_a_caller_is_found_proved_and_the_call_logged(visit: Visit, world: World, width: int, theme: str) -> None:
    seen = visit("agent", width=width, theme=theme)
    page = seen.goto("/")
    expect(page.locator("h1")).to_have_text("Who is calling?")
    page.get_by_label("Name").fill("bo muller")
    page.get_by_label("Email").fill("bo@mueller.de")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Bo Müller")
    seen.sound(f"call-found-{width}-{theme}")
    page.locator("h1").click()
    page.keyboard.press("1")
    expect(page.locator("h1")).to_contain_text("not verified")
    page.get_by_label("Ask for").select_option("birth_date")
    page.get_by_label("They say").fill("1.1.1950")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("alert")).to_contain_text("not what we hold")
    assert "1955-12" not in page.content()
    page.get_by_label("Ask for").select_option("birth_date")
    page.get_by_label("They say").fill("2.12.1955")
    page.keyboard.press("Enter")
    expect(page.locator("h1 .tag")).to_have_text("verified")
    page.get_by_label("They call about").select_option("move")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("main")).to_contain_text("Moving to another address")
    expect(page.locator("h1 .tag")).to_have_text("verified")
    page.get_by_label("Note").fill(f"asks about {width} & <b>bold</b>")
    page.locator("h1").click()
    page.keyboard.press("2")
    page.keyboard.press("l")
    expect(page.get_by_role("status")).to_have_text("Written down.")
    expect(page.locator(".aside").first).to_contain_text(f"asks about {width} & <b>bold</b>")
    expect(page.locator(".aside").first).to_contain_text(re.compile("call back"))
    seen.sound(f"call-{width}-{theme}")


def test_one_thing_is_not_enough_and_who_nobody_is_is_said(visit: Visit) -> None:
    seen = visit("agent")
    page = seen.goto("/call?name=silva")
    expect(page.locator("main")).to_contain_text("One thing more")
    seen.goto("/call?name=nobody&email=nobody@example.com")
    expect(page.get_by_role("status")).to_contain_text("Nobody holds all of that")
    seen.sound("call-nobody")
