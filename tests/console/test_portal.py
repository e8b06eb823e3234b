"""A customer's own pages in a real browser, from a phone's width up, in two languages; and the privacy officer's."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from hub.access.authentication.principals import Principal
from tests.access.population import ANA, ANA_IN_CRM
from tests.console.conftest import FAMILY, GIVEN, NARROW, WIDE, Guarded, Visit, World

STEWARD = Principal("s", "s", "staff", "steward")


def code_for(world: World, to: str) -> str:
    world.hub.codes.wait()
    lines = [json.loads(line) for line in (world.hub.folder / "sent.jsonl").read_text().splitlines()]
    found = re.search(r"\d{6}", next(m["text"] for m in reversed(lines) if m["to"] == to))
    assert found
    return found[0]


def sign_in(seen: Guarded, to: str) -> Page:
    page = seen.goto("/me")
    page.fill("[name=to]", to)
    page.press("[name=to]", "Enter")
    page.wait_for_selector("[name=code]")
    page.fill("[name=code]", code_for(seen.world, to))
    page.press("[name=code]", "Enter")
    page.wait_for_selector("nav")
    return page


def person(world: World, number: int) -> tuple[str, str]:
    """Somebody of whom two systems know: their id and their address."""
    mail = f"person{number}@example.pt"
    said = {
        "first": GIVEN[number],
        "last": FAMILY[-number],
        "born": f"19{60 + 3 * number}-0{number}-1{number}",
        "mail": mail,
    }
    said |= {"phone": f"+351 2{number} 555 {1234 + 1013 * number}", "street": f"Rua {FAMILY[number]} {7 * number}"}
    said |= {"nid": f"PT-{number * 11}{number}91", "tax": f"T-9{number}"}
    made = world.hub.resolver.upsert("billing", "customers", [{**ANA, **said, "id": f"p{number}"}])[0]
    world.hub.resolver.upsert("crm", "people", [{**ANA_IN_CRM, **said, "id": f"q{number}"}])
    assert made.customer
    return made.customer, mail


@pytest.mark.parametrize(
    ("width", "theme", "language"), [(NARROW, "light", "de"), (WIDE, "dark", "en"), (WIDE, "light", "de")]
)
def test_every_page_of_a_customer_of_themselves_looks_right(
    visit: Visit, world: World, width: int, theme: str, language: str
) -> None:
    _, mail = person(world, {"light": 1, "dark": 2}[theme] + (2 if width == WIDE else 0))
    seen = visit(width=width, theme=theme)
    page = seen.goto("/me/sign-in")
    page.locator(f"button[value={language}]").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    seen.sound(f"me-sign-in-{width}-{theme}-{language}")
    sign_in(seen, mail)
    expect(page.locator("dl.values")).to_contain_text(mail)
    world.hub.logbook.add(page_id(world, mail), "call", {"note": "Zähler", "channel": "phone"}, by="s")
    for name, path in {
        "data": "/me",
        "address": "/me/values/address",
        "email": "/me/values/email",
        "consents": "/me/consents",
        "companies": "/me/companies",
        "shared": "/me/shared",
        "happened": "/me/happened",
        "requests": "/me/requests",
    }.items():
        seen.goto(path)
        seen.sound(f"me-{name}-{width}-{theme}-{language}")
    seen.refusals = {404}
    seen.goto("/me/values/hat")
    seen.sound(f"me-refused-{width}-{theme}-{language}")
    seen.refusals = set()


def page_id(world: World, mail: str) -> str:
    return str(world.hub.reader.search(STEWARD, mail).data[0].id)


def test_a_customer_puts_right_moves_agrees_contests_and_asks(visit: Visit, world: World) -> None:
    id, mail = person(world, 5)
    seen = visit(width=NARROW)
    page = sign_in(seen, mail)
    job = page.locator("dl.values > div", has=page.get_by_text("Occupation", exact=True))
    job.get_by_role("link").click()
    page.fill("[name=value]", "poet")
    page.get_by_role("button", name="This is right").click()
    expect(page.get_by_role("status")).to_contain_text("right from now on")
    expect(job.locator(".value")).to_have_text("poet")

    page.goto(f"{world.url}/me/values/address")
    page.fill("[name=line1]", "Am Markt 7")
    page.fill("[name=postcode]", "99084")
    page.fill("[name=city]", "Erfurt")
    page.fill("[name=country]", "DE")
    page.fill("[name=since]", "2099-01-01")
    page.get_by_role("button", name="This is right").click()
    expect(page.locator("dl.values")).to_contain_text("Lisboa")  # until that day

    page.goto(f"{world.url}/me/values/email")
    page.fill("[name=to]", "new5@example.pt")
    page.get_by_role("button", name="Send me a code").click()
    seen.refusals = {401}
    page.fill("[name=code]", "000000" if code_for(world, "new5@example.pt") != "000000" else "111111")
    page.get_by_role("button", name="It is mine").click()
    expect(page.get_by_role("alert")).to_be_visible()
    seen.refusals = set()
    page.fill("[name=code]", code_for(world, "new5@example.pt"))
    page.get_by_role("button", name="It is mine").click()
    expect(page.locator("dl.values")).to_contain_text("new5@example.pt")

    page.goto(f"{world.url}/me/consents")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator("ul.plain .tag").first).to_have_text("You said no")
    page.get_by_role("button", name="I agree").click()
    expect(page.locator(".tag.good")).to_have_text("You agreed")

    page.goto(f"{world.url}/me/requests")
    with page.expect_download() as copy:
        page.get_by_role("button", name="JSON").click()
    assert "poet" in copy.value.path().read_text()
    seen.wrong = [w for w in seen.wrong if not w.endswith("/me/copy")]  # what is kept as a file is no page that came
    page.get_by_role("button", name="Erase my data").click()
    expect(page.get_by_role("status")).to_contain_text("We have your request")
    seen.refusals = {409}
    page.get_by_role("button", name="Erase my data").click()
    expect(page.locator("h1")).to_have_text("This did not work")
    seen.refusals = set()

    page.goto(f"{world.url}/me")
    page.select_option("[name=source]", "crm")
    page.get_by_role("button", name="This is not me").click()
    expect(page.locator("h1")).to_have_text("Somebody looks at it first")
    assert "poet" not in page.content()
    assert world.hub.requests.of(id)[0].request.kind == "review"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("signed out")


def test_whoever_is_asked_for_gets_the_same_page_and_a_wrong_code_tells_nothing(visit: Visit, world: World) -> None:
    seen, told = visit(width=NARROW), []
    for to in ("bo@mueller.de", "nobody@example.pt"):
        page = seen.goto("/me/sign-in")
        page.fill("[name=to]", to)
        page.press("[name=to]", "Enter")
        page.wait_for_selector("[name=code]")
        seen.refusals = {401}
        told.append(page.inner_text("main").replace(to, "X"))
        page.fill("[name=code]", "12345")
        page.press("[name=code]", "Enter")
        page.wait_for_selector("[role=alert]")
        told.append(page.inner_text("main").replace(to, "X"))
        seen.refusals = set()
    assert told[:2] == told[2:]


def test_the_privacy_officer_sees_clocks_and_acts(visit: Visit, world: World) -> None:
    id, _ = person(world, 6)
    seen = visit("pia")
    page = seen.goto("/privacy")
    page.fill("[name=customer]", id)
    page.select_option("[name=kind]", "erasure")
    page.fill("[name=reason]", "by letter")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("h1")).to_have_text("Erasure")
    seen.sound("privacy-asked")
    page.check("[name=reviewed]")
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(".facts .tag").first).to_have_text("removed")
    for _ in range(2):
        page.locator(".card [name=reason]").first.fill("deleted there")
        page.get_by_role("button", name="Note it").first.click()
    expect(page.locator(".card .tag.good")).to_have_count(2)
    seen.sound("privacy-erasure")
    other, _ = person(world, 7)
    seen.goto("/privacy")
    page.fill("[name=customer]", other)
    page.select_option("[name=kind]", "rectification")
    page.get_by_role("button", name="Keep it").click()
    page.select_option("[name=attribute]", "occupation")
    page.fill("[name=value]", "poet")
    seen.sound("privacy-rectification")
    page.get_by_role("button", name="Put it right").click()
    expect(page.locator(".facts .tag").first).to_have_text("closed")
    assert world.hub.reader.get_customer(STEWARD, other).values["occupation"] == "poet"
    seen.goto("/privacy?everything=true")
    seen.sound("privacy-all")
