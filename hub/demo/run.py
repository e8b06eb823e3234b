"""`hub demo`: fill and run four sources, let the hub do its job on them, and follow one change through.

The steps are here; how they look is `show.py`'s. Every figure that is shown is in the report.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hub.access.authentication import principals
from hub.connectors import registry  # noqa: F401 - makes the kinds of connectors known
from hub.db import Database
from hub.delivery.addresses import VARIABLE
from hub.delivery.subscriptions import Subscriptions, Wish
from hub.delivery.webhook_sending import Webhooks
from hub.demo import desk, happened
from hub.demo.events import Events, happen
from hub.demo.names import COUNTRIES
from hub.demo.noise import Noise
from hub.demo.own_data import own_data, with_customers
from hub.demo.records import BILLING, CRM
from hub.demo.show import Show
from hub.demo.sources import RunningSources, start_sources
from hub.demo.story import Story
from hub.demo.subscriber import Subscriber, listening
from hub.demo.world import World, generate
from hub.errors import ConfigError, Fault
from hub.figures.segments import count_segments
from hub.golden_record import store as golden_store
from hub.matching import store as matching_store
from hub.migrations import upgrade
from hub.model import RecordId
from hub.open import Hub
from hub.quality.measures import Quality, evaluate
from hub.settings import load
from hub.work import cycle

DESK = "sources/desk"
MARK = ".hub-demo"  # only a folder that holds it is replaced
ROLES = ("customer_service", "shipping", "analyst")
EACH = 3  # interactions of a customer that are told: the story is to be short
TRIED = 5  # people whose address is asked to be theirs alone, until one is

Figures = dict[str, Any]  # what the story measures, as JSON


@dataclass(frozen=True)
class DemoOptions:
    """What a user can choose. The folder is the demo's own: what a demo left there is replaced."""

    folder: Path
    config: Path
    people: int = 5000
    seed: int = 1
    noise: Noise = field(default_factory=Noise)


@dataclass
class Told:
    """A demo that was told, its sources still running until `hub()` is left."""

    figures: Figures
    running: ExitStack
    opened: Hub

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        with self.running:
            yield self.opened


def run_demo(options: DemoOptions, show: Show) -> Told:
    """Run the demo; answers with every figure that was shown."""
    folder = _own_folder(options.folder)
    figures: Figures = {"people": options.people, "seed": options.seed}
    start = time.perf_counter()
    world = generate(options.people, options.seed, options.noise)
    with ExitStack() as stack:
        sources = stack.enter_context(start_sources(folder / "sources", world))
        show.world(world, sources, time.perf_counter() - start)
        events = happen(world, EACH)
        desk.fill(folder / DESK, events)
        hub = stack.enter_context(_open_hub(folder, options.config, sources))
        figures["first_run"] = _first_run(hub, sources, show)
        figures["desk"] = _desk(hub)
        app = stack.enter_context(listening())
        app.secret = _subscribe(hub, app)
        stories = choose_stories(world, 1 + TRIED)
        if stories:
            figures["address_change"] = _address_change(hub, sources, stories[0], show)
        born = happened.mail_arrives(hub, str(_NEWCOMER["mail"]))
        figures["newcomer"] = _newcomer(hub, sources, app, show)
        figures["own_data"] = own_data(hub, sources, app, stories[1:], folder, show)
        other = figures["address_change"]["customer"] if stories else None
        figures["desk"] |= _worth(hub, events, sources.truth)
        show.desk(figures["desk"])
        figures["happened"] = _happened(hub, born, figures["newcomer"]["customer"], other, show)
        figures["seconds"] = round(time.perf_counter() - start, 2)
        show.took(figures["seconds"])
        return Told(figures, stack.pop_all(), hub)


def _own_folder(folder: Path) -> Path:
    """An empty folder for the demo. A folder that no demo made is never replaced."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise ConfigError([Fault(str(folder), "is not empty, and no demo made it", "choose another --folder")])
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    return folder


@contextmanager
def _open_hub(folder: Path, config: Path, sources: RunningSources) -> Iterator[Hub]:
    os.environ.setdefault(VARIABLE, "127.0.0.0/8")  # its subscriber is on this machine
    os.environ.update(sources.env)  # the sources' addresses and tokens, as their owner would set them
    database = Database(os.environ.get("HUB_DEMO_DATABASE_URL", f"sqlite:///{folder / 'hub.sqlite'}"))
    upgrade(database)
    hub = Hub.open(database, desk.with_desk(with_customers(load(config)), folder / DESK), folder)
    try:
        yield hub
    finally:
        hub.close()
        database.close()


def _first_run(hub: Hub, sources: RunningSources, show: Show) -> Figures:
    """Pull, match, evaluate, write back."""
    with show.bars() as step:
        systems = [name for name in hub.config.sources if name != desk.NAME]
        pulled = cycle.pull(
            hub.resolver, systems, progress=lambda p: step(f"{p.source}.{p.stream}", p.fetched, p.fetched)
        )
    show.pulled(pulled)
    start = time.perf_counter()
    with show.bars() as step:
        matched = cycle.match(hub.resolver, progress=step)
    if matched is None:
        raise ConfigError([Fault("demo", "no records were read", "look at the messages above")])
    matching = time.perf_counter() - start
    show.matched(matched, matching)
    quality = measure(hub.database, sources.truth)
    show.quality(quality)
    pushed = cycle.push(hub.resolver, hub.reader)
    again = cycle.pull(hub.resolver, ["crm"])
    cycle.match(hub.resolver)
    show.pushed(pushed, again)
    return {
        "pulled": [
            {"source": p.source, "stream": p.stream, **p.counts(), "reasons": p.reasons, "error": p.error}
            for p in pulled
        ],
        "matching_seconds": round(matching, 2),
        "customers": matched.clusters,
        "pairs": matched.pairs,
        "quality": quality.as_dict(),
        "left_out": matched.left_out,
        "written_back": pushed.written,
    }


def measure(database: Database, truth_file: Path) -> Quality:
    """The clusters against the truth, over all records of both customer types."""
    rows = pq.read_table(truth_file).to_pylist()
    truth = {RecordId(r["source"], r["stream"], r["key"]): r["truth"] for r in rows}
    with database.read() as connection:
        found = matching_store.homes(connection)
    ids = sorted(found.keys() & truth.keys())
    return evaluate([found[i] for i in ids], [truth[i] for i in ids])


def _address_change(hub: Hub, sources: RunningSources, story: Story, show: Show) -> Figures:
    """Billing learns a new address; it should be in every view and in the CRM, and then there is quiet."""
    record = RecordId("billing", "customers", story.billing_key)
    id = _customer_of(hub, record)
    before = hub.reader.get_customer(_as("steward"), id, lineage=True)
    show.golden(before, "steward")
    show.views(_views(hub, id), "The same customer, as three roles see it")
    had = sources.crm.record("people", story.crm_key)["address"]
    writes = len(sources.crm.writes())
    sources.billing.change_address(story.billing_key, story.address)
    show.changed(story.address)
    first = _cycle(hub)
    views = _views(hub, id)
    show.views(views, "After one cycle, in every role's view")
    has = sources.crm.record("people", story.crm_key)["address"]
    made = sources.crm.writes()[writes:]
    quiet = [_cycle(hub) for _ in range(2)]
    total = len(sources.crm.writes()) - writes
    show.arrived(had, has, [w.fields for w in made], first, quiet, total - len(made))
    return {
        "customer": id,
        "views": views,
        "crm_before": had,
        "crm_after": has,
        "crm_writes_in_the_cycle": len(made),
        "crm_writes_in_two_further_cycles": total - len(made),
        "changes_in_two_further_cycles": sum(q["changes"] for q in quiet),
        "cycles": [first, *quiet],
    }


def _subscribe(hub: Hub, app: Subscriber) -> str:
    """The application is told of changes from now on; its secret."""
    door = Subscriptions(hub.reader, hub.networks, operator=True)
    return door.create(_as("customer_service"), Wish("an app", app.url, types=("person",)))[1]


def _newcomer(hub: Hub, sources: RunningSources, app: Subscriber, show: Show) -> Figures:
    """Billing gets a customer of whom the CRM has nothing: it gets a record, once, and the application hears of it."""
    _makes_records(hub)
    before, writes = sources.crm.store.count("people"), len(sources.crm.writes())
    key = sources.billing.add(_NEWCOMER, _NEW_HOME["GB"])
    first = _cycle(hub)
    quiet = [_cycle(hub) for _ in range(2)]
    sender = Webhooks(hub.reader, hub.networks)
    try:
        sender.run()
    finally:
        sender.close()
    id = _customer_of(hub, RecordId("billing", "customers", key))
    records = [str(r) for r in hub.reader.get_customer(_as("steward"), id).records or ()]
    made = sources.crm.store.count("people") - before
    found = {
        "customer": id,
        "name": f"{_NEWCOMER['first']} {_NEWCOMER['last']}",
        "records": records,
        "made_in_the_crm": made,
        "crm_writes": len(sources.crm.writes()) - writes,
        "told": [[type_, list(attributes)] for type_, _, attributes in app.told],
        "told_of_the_newcomer": [type_ for type_, customer, _ in app.told if customer == id],
        "not_signed": app.refused,
        "cycles": [first, *quiet],
    }
    show.newcomer(found)
    return found


def _desk(hub: Hub) -> Figures:
    """What happened comes from the service desk."""
    start = time.perf_counter()
    pulled = cycle.pull(hub.resolver, [desk.NAME])
    seconds = round(time.perf_counter() - start, 2)
    return {
        "landed": sum(p.landed for p in pulled),
        "set_aside": sum(p.quarantined for p in pulled),
        "seconds": seconds,
    }


def _worth(hub: Hub, events: Events, truth_file: Path) -> Figures:
    """Who is in which segment, and for how many customers the figures are the truth."""
    counted = count_segments(hub.database, hub.config)
    whole = {w: id for w, id in desk.together(hub, pq.read_table(truth_file)).items() if w in events.worth}
    return {
        "segments": dict(counted.segments),
        "whole": len(whole),
        "right": desk.right(hub, events, whole),
    }


def _happened(hub: Hub, born: happened.Prospect, newcomer: str, other: str | None, show: Show) -> Figures:
    """The e-mail of before is the newcomer's by now; an order wins it; a merge joins two pages and the undo parts them."""
    hers = happened.prospect(hub, born.id)
    happened.orders(hub, newcomer, "59.00")
    won = happened.prospect(hub, born.id)
    found: Figures = {"prospect": [[p.customer, p.contact, p.state] for p in (born, hers, won)]}
    if other is not None:
        happened.complains(hub, other)
        found["pages"] = happened.merged_and_undone(hub, newcomer, other)
    show.happened(found)
    return found


def _makes_records(hub: Hub) -> None:
    """From now on the CRM gets customers that it lacks, as `mode: upsert` in its file would have it."""
    crm = hub.config.sources["crm"]
    people = crm.streams["people"]
    assert people.write_back is not None
    back = people.write_back.model_copy(
        update={"mode": "upsert", "creates": ("given_name", "family_name", "birth_date")}
    )
    streams = {**crm.streams, "people": people.model_copy(update={"write_back": back})}
    hub.config.sources["crm"] = crm.model_copy(update={"streams": streams})


def _cycle(hub: Hub) -> dict[str, int]:
    """Pull, resolve, push: what each did."""
    last = _last_change(hub)
    pulled = cycle.pull(hub.resolver)
    cycle.match(hub.resolver)
    pushed = cycle.push(hub.resolver, hub.reader)
    return {"landed": sum(p.landed for p in pulled), "changes": _last_change(hub) - last, "written": pushed.written}


def _last_change(hub: Hub) -> int:
    with hub.database.read() as connection:
        return golden_store.last_seq(connection)


def _as(role: str) -> principals.Principal:
    return principals.Principal("demo", "demo", "staff", role)


def _customer_of(hub: Hub, record: RecordId) -> str:
    found = hub.reader.crosswalk(_as("steward"), record=record)
    return found.customer


def _views(hub: Hub, id: str) -> Figures:
    return {role: dict(hub.reader.get_customer(_as(role), id).values) for role in ROLES}


_NEWCOMER: dict[str, str | None] = {
    "first": "Philippa",
    "last": "Quillfeather",
    "dob": "1984-05-17",
    "mail": "philippa.quillfeather@example.com",
    "phone_number": "+44 1904 960123",
}
_NEW_HOME: dict[str, dict[str, str | None]] = {
    "DE": {"street": "Am Neuen Markt 7", "zip": "99084", "town": "Erfurt", "state": None, "country": "DE"},
    "GB": {"street": "7 New Market Road", "zip": "YO1 7HH", "town": "York", "state": None, "country": "GB"},
    "US": {"street": "7 New Market Street", "zip": "83702", "town": "Boise", "state": "ID", "country": "US"},
    "FR": {"street": "7 Rue du Nouveau Marché", "zip": "21000", "town": "Dijon", "state": None, "country": "FR"},
}


def choose_story(world: World) -> Story | None:
    """The first of them; None: there is none."""
    return next(iter(choose_stories(world, 1)), None)


def choose_stories(world: World, most: int) -> list[Story]:
    """Those with most records among the people whom billing and CRM know by the same e-mail, name and address."""
    records = world.persons
    whole = (records.person >= 0) & (records.email != "") & (records.line1 != "")
    for name, hit in records.marks.items():
        if name != "street_abbreviated" and not name.endswith("_missing"):
            whole &= ~hit
    count = np.bincount(records.person[records.person >= 0], minlength=len(world.people))
    held = [
        dict(zip(records.person[w].tolist(), records.key[w].tolist(), strict=True))
        for w in (whole & (records.stream == BILLING), whole & (records.stream == CRM))
    ]
    apart = world.people.twin | (world.people.suffix != "")  # those are for the stewards
    known = {person for person in held[0].keys() & held[1].keys() if not apart[person]}
    chosen = sorted(known, key=lambda p: (-int(count[p]), p))[:most]
    homes = [dict(_NEW_HOME[COUNTRIES[int(world.people.country[p])]]) for p in chosen]
    return [Story(f"p{p:07d}", held[0][p], held[1][p], home) for p, home in zip(chosen, homes, strict=True)]
