"""The console in a real Chromium, measured: `nice python -m benchmarks.console [--records 20000] [--keys 40] [--place DIR]`.
A million: `nice python -m benchmarks.console --records 1000000 --keys 200 --place DIR`; DIR keeps the loaded hub for the next run.

Loads a hub as the live benchmark does, joins 50 records by decisions and logs 1,000 calls with that customer, serves it (SQLite,
`synchronous=FULL`, no other requests) and measures: the queue's first page right after a start and later; from a key to the next
item painted, with a second to read each; the customer's page: first paint, bytes over the wire, script. Checks, and
writes benchmarks/results/console.json. HUB_CHROMIUM names the browser.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.live import ENV, Place, loaded
from benchmarks.report import ROOT, Check, print_checks, save, table
from hub.access.authentication.accounts import add_account, set_up
from hub.access.authentication.principals import Principal
from hub.app import Listening, create_app, served
from hub.console.assets import FOLDER
from hub.db import Database
from hub.errors import Conflict
from hub.model import Verdict
from hub.open import Hub
from hub.settings import Config, load
from hub.stewardship.acts import DecideAll
from hub.stewardship.run import Acts

PASSWORD = "a password of benchmarks"
STEWARD = Principal("bench", "bench", "staff", "steward")
RECORDS, CALLS = 50, 1_000
READS = 1_000  # milliseconds that a steward looks at an item
PAINTED = """key => new Promise(done => {
  const was = document.title, from = performance.now();
  const watch = () => document.title !== was ? requestAnimationFrame(() => done(performance.now() - from))
    : performance.now() - from > 10000 ? done(-1) : requestAnimationFrame(watch);
  document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  watch();
})"""
PAINT = """() => new Promise(done => {
  const look = () => {
    const [seen] = performance.getEntriesByName("first-contentful-paint");
    seen ? done(seen.startTime) : setTimeout(look, 20);
  };
  look();
})"""
BYTES = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, e) => sum + e.transferSize, 0)"""


def main(
    records: Annotated[int, typer.Option(help="Records of the hub.")] = 20_000,
    keys: Annotated[int, typer.Option(help="Decisions by key.")] = 40,
    place: Annotated[Path | None, typer.Option(help="Where the hub is loaded, and found again.")] = None,
) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as temporary:
        found, _ = loaded((place or Path(temporary)) / str(records), records)
        customer = crowded(found)
        figures = measured(found, customer, keys)
    script = sum(p.stat().st_size for p in FOLDER.glob("*.js"))
    table("The console", ["what", "measured"], [[name, f"{value:,.0f}"] for name, value in figures.items()])
    checks = [
        Check("key to next item painted, median, ms", figures["key median ms"], 120, at_least=False),
        Check("key to next item painted, p95, ms", figures["key p95 ms"], 250, at_least=False),
        Check("customer page, first paint, ms", figures["customer paint ms"], 300, at_least=False),
        Check("customer page, bytes over the wire", figures["customer bytes"], 100_000, at_least=False),
        Check("script, bytes", script, 30_000, at_least=False),
        Check("queue's first page after a start, ms", figures["queue after a start ms"], 300, at_least=False),
        Check("queue's first page, ms", figures["queue ms"], 300, at_least=False),
    ]
    print_checks(checks)
    save("console", records=records, figures=figures, checks=[c.as_dict() for c in checks])


def opened(place: Place) -> Hub:
    shipped = load(ROOT / "config", ENV)
    config = Config(  # made anew: a copy would keep what the old one had worked out
        folder=place.config.folder,
        customers=place.config.customers,
        sources=place.config.sources,
        access=place.config.access,
        interactions=shipped.interactions,
        relations=shipped.relations,
    )
    return Hub.open(Database(place.url), config, Path(place.folder))


def crowded(place: Place) -> str:
    """A customer of 50 records with whom there were 1,000 calls."""
    hub = opened(place)
    try:
        with hub.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT c.id FROM customer c WHERE c.type = 'person' AND c.size = 1 ORDER BY c.id LIMIT 50"
            )
            ids = [r[0] for r in rows]
        named = [hub.reader.crosswalk(STEWARD, id=id).records[0] for id in ids]
        act = DecideAll(tuple((named[0], other) for other in named[1:RECORDS]), Verdict.MATCH)
        Acts(hub.resolver).do(act, by="bench", reason="a crowd", agreed_by="bench too")
        found = hub.reader.crosswalk(STEWARD, record=named[0]).customer
        for n in range(CALLS):
            hub.logbook.add(found, "call", {"note": f"they asked about order {n}", "outcome": "answered"}, by="bench")
        return found
    finally:
        hub.close()
        hub.database.close()


@contextmanager
def serving(place: Place) -> Iterator[str]:
    hub = opened(place)
    server = served(create_app(hub), Listening("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        hub.close()
        hub.database.close()


def measured(place: Place, customer: str, keys: int) -> dict[str, float]:
    hub = opened(place)
    try:
        token, _ = add_account(hub.database, hub.config, "bench", ["steward"])
        set_up(hub.database, hub.config, token, PASSWORD)
    except Conflict:
        pass
    finally:
        hub.close()
        hub.database.close()
    browser_path = os.environ.get("HUB_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        with serving(place) as url:  # the queue of a hub that was just loaded is ranked once
            ranked = {"queue ranked first ms": _paint(_signed_in(browser, url), f"{url}/review")}
        with serving(place) as url:
            figures = _pages(browser, url, customer, keys)
        browser.close()
    return ranked | figures


def _signed_in(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{url}/sign-in?to=/account")
    page.fill("[name=name]", "bench")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/account")
    return page


def _pages(browser: Browser, url: str, customer: str, keys: int) -> dict[str, float]:
    page = _signed_in(browser, url)
    figures = {"queue after a start ms": _paint(page, f"{url}/review")}
    figures["queue ms"] = statistics.median(_paint(page, f"{url}/review") for _ in range(5))
    fresh = browser.new_context(storage_state=page.context.storage_state(), viewport={"width": 1280, "height": 900})
    cold = fresh.new_page()
    cold.goto(f"{url}/customers/{customer}")
    figures["customer bytes"] = float(cold.evaluate(BYTES))
    figures["customer paint ms"] = statistics.median(_paint(page, f"{url}/customers/{customer}") for _ in range(5))
    page.goto(f"{url}/review/next")
    times = []
    for n in range(keys):
        page.wait_for_timeout(READS)
        if page.query_selector("#verdict") is None:
            break
        times.append(float(page.evaluate(PAINTED, "nu"[n % 2])))
    late = sorted(times)
    figures |= {
        "keys": len(times),
        "key median ms": statistics.median(late),
        "key p95 ms": late[int(0.95 * (len(late) - 1))],
    }
    return figures


def _paint(page: Page, address: str) -> float:
    page.goto(address)
    return float(page.evaluate(PAINT))


if __name__ == "__main__":
    typer.run(main)
