"""The page of what is to be done: a list, one task, taken and kept, at a phone's width and a desk's."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import NARROW, WIDE, Visit, World


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "light"), (NARROW, "dark")])
def test_a_complaint_is_taken_worked_on_and_closed(visit: Visit, world: World, width: int, theme: str) -> None:
    hub = world.hub
    row = {"state": "open", "subject": f"no heating at {width} & <b>cold</b>"}
    hub.logbook.add(world.ids["bo"], "complaint", row, by="agent")
    seen = visit("agent", width=width, theme=theme)
    page = seen.goto("/work?list=complaints")
    expect(page.locator("h1")).to_have_text("Complaints")
    seen.sound(f"work-list-{width}-{theme}")
    page.get_by_role("link", name=f"no heating at {width}").click()
    expect(page.locator(".events")).to_contain_text("<b>cold</b>")
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_role("status")).to_have_text("Kept.")
    page.get_by_label("What is next").fill("send a fitter")
    page.get_by_role("button", name="Keep").click()
    page.get_by_placeholder("Leave a comment").fill("rang twice")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("main")).to_contain_text("rang twice")
    seen.sound(f"work-task-{width}-{theme}")
    page = seen.goto("/work")
    expect(page.locator(".results")).to_contain_text("send a fitter")
    page.get_by_role("link", name=f"no heating at {width}").click()
    page.get_by_label("answered").check()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("h1 .tag")).to_have_text("answered")
    page = seen.goto("/work")
    expect(page.locator("main")).to_contain_text("Nothing is assigned to you")
    seen.sound(f"work-empty-{width}-{theme}")
