"""One served hub and one real Chromium for all of the console's tests, and pages that let nothing pass.

A page fails its test by anything that its policy forbids, by what it writes to the browser's console, by a request that
fails, and by what axe-core calls serious.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from hub.access.authentication.accounts import add_account, set_up
from hub.app import Listening, create_app, served
from hub.open import Hub
from hub.settings import load
from tests.access.population import CONFIG, PEOPLE, fill, hub, open_hub, write_config
from tests.access.population import ROLES as ROLES_OF_TESTS
from tests.conftest import new_sqlite
from tests.console import chromium

__all__ = ["hub"]

PASSWORD = "correct horse battery staple"
WIDE, NARROW = 1280, 360
LOOKS = [(width, theme) for width in (WIDE, NARROW) for theme in ("light", "dark")]
expect.set_options(timeout=20_000)  # a machine may be busy: what is waited for comes, or the test fails
SHOTS = os.environ.get("HUB_SCREENSHOTS")  # a folder that keeps how every page looked
ROLES = {
    "ann": "steward",
    "ben": "steward",
    "lea": "lead_steward",
    "agent": "customer_service",
    "ship": "shipping",
    "olga": "analyst",
    "pia": "privacy_officer",
}


class SystemClock:
    """Of now: browsers know when a session's cookie is from, and pages say how old things are."""

    def now(self) -> int:
        return time.time_ns() // 1000


@dataclass
class World:
    """A served hub with a few customers, and who may sign in."""

    hub: Hub
    url: str
    ids: dict[str, str]
    states: dict[str, dict[str, object]] = field(default_factory=dict)  # of those who signed in


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("console")
    database = new_sqlite(folder / "hub.sqlite")
    database.clock = SystemClock()
    write_config(folder / "config", roles=ROLES_OF_TESTS + PEOPLE)
    for name in ("guidance", "figures.yaml"):
        (folder / "config" / name).symlink_to(CONFIG / name)
    opened = open_hub(database, load(folder / "config", {}), folder / "data")
    ids = fill(opened)
    doubtful(opened, 10)  # before anybody looks: a ranking of the queue is kept for a while
    for name, role in ROLES.items():
        token, _ = add_account(database, opened.config, name, [role])
        set_up(database, opened.config, token, PASSWORD)
    server = served(create_app(opened), Listening("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, name="console", daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield World(opened, f"http://127.0.0.1:{port}", ids)
    server.should_exit = True
    thread.join(10)
    opened.close()
    database.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.found()
    assert path, chromium.MISSING
    with sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=path, args=as_root)
        yield opened
        opened.close()


@dataclass
class Guarded:
    """A page, and what went wrong on it. `refusals`: statuses that a test asks for on purpose."""

    page: Page
    world: World
    wrong: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)

    def watch(self) -> None:
        page = self.page
        page.on("console", lambda m: self._said(m.type, m.text))
        page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        page.on("requestfailed", lambda r: self._failed(r.url, r.failure or ""))
        page.on("dialog", lambda d: (self.wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.on("response", lambda r: self._answered(r.status, r.url))

    def _said(self, kind: str, text: str) -> None:
        expected = any(f"status of {status}" in text for status in self.refusals)
        if kind in ("error", "warning") and not expected:
            self.wrong.append(f"{kind}: {text}")

    def _failed(self, url: str, why: str) -> None:
        """A request that the browser itself breaks off, since its page was left, is no fault of the page's."""
        if why != "net::ERR_ABORTED":
            self.wrong.append(f"failed ({why}): {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and status not in self.refusals:
            self.wrong.append(f"{status}: {url}")

    def goto(self, path: str) -> Page:
        self.page.goto(self.world.url + path)
        return self.page

    def sound(self, name: str = "") -> None:
        """Nothing went wrong so far, nothing is wider than the window, and axe-core finds nothing serious."""
        assert not self.wrong, self.wrong
        page = self.page
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, f"{page.url} is {too_wide} px wider than the window"
        found = Axe().run(page)
        serious = [
            (v["id"], n["html"][:200], n.get("failureSummary"))
            for v in found.response["violations"]
            if v["impact"] in ("serious", "critical")
            for n in v["nodes"]
        ]
        assert not serious, f"{page.url}: {serious}"
        if SHOTS and name:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


GIVEN = ("Rita", "Duarte", "Helena", "Tiago", "Beatriz", "Nuno", "Carla", "Vasco", "Sofia", "Hugo")
FAMILY = (
    "Monteiro",
    "Figueira",
    "Lacerda",
    "Quaresma",
    "Teles",
    "Zambujal",
    "Pestana",
    "Esteves",
    "Brandão",
    "Salgado",
)


def doubtful(hub: Hub, count: int) -> None:
    """So many pairs of records that agree in all but the national ID: each is something to decide."""
    for n in range(count):
        said = {"first": GIVEN[n], "last": FAMILY[n], "born": f"19{50 + 3 * n}-0{1 + n % 9}-{10 + n}"}
        said |= {"mail": f"{GIVEN[n].lower()}{n}@{FAMILY[n][:4].lower()}.pt", "phone": f"+351 2{n} 790 {4111 + 37 * n}"}
        said |= {"updated": "2026-01-01T00:00:00Z"}
        hub.resolver.upsert("billing", "customers", [{**said, "id": f"b{n}", "nid": f"PT-{71000 + 13 * n}"}])
        hub.resolver.upsert("crm", "people", [{**said, "id": f"c{n}", "nid": f"{n}9{n}"}])


Visit = Callable[..., Guarded]


@pytest.fixture
def visit(world: World, browser: Browser) -> Iterator[Visit]:
    """visit("ann"): a page of hers, signed in; visit(): of nobody."""
    opened: list[tuple[BrowserContext, Guarded]] = []

    def made(name: str = "", *, width: int = WIDE, theme: str = "light", script: bool = True) -> Guarded:
        state = _signed_in(world, browser, name) if name else None
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=theme,  # type: ignore[arg-type]
            storage_state=state,  # type: ignore[arg-type]
            java_script_enabled=script,
            timezone_id="Europe/Lisbon",
        )
        guarded = Guarded(context.new_page(), world)
        guarded.watch()
        opened.append((context, guarded))
        return guarded

    yield made
    wrong = [w for _, guarded in opened for w in guarded.wrong]
    for context, _ in opened:
        context.close()
    assert not wrong, wrong


def _signed_in(world: World, browser: Browser, name: str) -> dict[str, object]:
    if name not in world.states:
        context = browser.new_context()
        page = context.new_page()
        page.goto(world.url + "/sign-in")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        world.states[name] = context.storage_state()  # type: ignore[assignment]
        context.close()
    return world.states[name]
