"""What happens in a generated world, and what the hub makes of it: the truth, for every customer whose records are together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.worlds import CONFIG, config_over, write_exports
from hub.access.authentication.principals import Principal
from hub.access.waiting import WaitingRows
from hub.db import Database
from hub.demo import desk
from hub.demo.events import LAST, OFFERS, Events, Worth, happen
from hub.demo.world import World, generate
from hub.figures.campaigns import result
from hub.figures.segments import count_segments, customers
from hub.figures.store import members
from hub.golden_record import lookups
from hub.golden_record import store as golden_store
from hub.kinds import money
from hub.migrations import upgrade
from hub.model import to_micros
from hub.open import Hub
from hub.resolve.bulk import Bulk
from hub.settings import load
from hub.work import cycle
from tests.access.population import SECRET, TestClock

STEWARD = Principal("steward", "steward", "staff", "steward")
TODAY = LAST + timedelta(days=1)


@dataclass(frozen=True)
class Lived:
    """A world that was pulled and matched, with its truth. `whole`: truth -> shown id, of those whose records are together."""

    hub: Hub
    world: World
    events: Events
    whole: dict[str, str]

    @property
    def worth(self) -> dict[str, Worth]:
        """Shown id -> what is true."""
        return {id: self.events.worth[truth] for truth, id in self.whole.items()}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("world")
    world = generate(250, 3)
    events = happen(world)
    write_exports(world, folder / "exports")
    desk.fill(folder / "desk", events)
    shipped = load(CONFIG, {}, reaching=False)
    config = shipped.model_copy(update={"sources": config_over(folder / "exports").sources})
    database = Database(f"sqlite:///{folder / 'hub.sqlite'}", TestClock())
    assert isinstance(database.clock, TestClock)
    database.clock.at = to_micros(datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC))
    upgrade(database)
    hub = Hub.open(database, desk.with_desk(config, folder / "desk"), folder, {"HUB_SECRET": SECRET})
    pulled = [p for source in hub.config.sources for p in cycle.pull(hub.resolver, [source], env={})]
    assert not any(p.error or p.quarantined for p in pulled if p.source == desk.NAME)
    Bulk(hub.resolver).run()
    whole = {who: id for who, id in desk.together(hub, world.truth).items() if who in events.worth}
    yield Lived(hub, world, events, whole)
    hub.close()
    database.close()


def test_a_world_has_ten_interactions_a_customer_and_is_the_same_each_time(lived: Lived) -> None:
    again = happen(generate(250, 3))
    assert (again.rows, again.worth) == (lived.events.rows, lived.events.worth)
    rows = sum(w.rows for w in lived.events.worth.values())
    assert 8 < rows / len(lived.events.worth) < 13
    assert len(lived.whole) > 0.8 * len(lived.events.worth)


def test_figures_are_the_truth(lived: Lived) -> None:
    with lived.hub.database.read() as connection:
        known = golden_store.customers_of(connection, lookups.clusters_named(connection, sorted(lived.worth)))
        now = lived.hub.database.clock.now()
        made = customers(connection, lived.hub.config, known.values(), now)
    for id, true in lived.worth.items():
        told = {n: made[id].told(n).value for n in ("orders", "revenue", "cost_to_serve", "last_order")}
        last = max((day for day, _ in true.orders), default=None)
        assert told == {
            "orders": str(len(true.orders)),
            "revenue": money.shown(true.revenue, "EUR"),
            "cost_to_serve": money.shown(true.cost, "EUR"),
            "last_order": last and f"{last.isoformat()}T12:00:00Z",
        }

    assert desk.right(lived.hub, lived.events, lived.whole) == len(lived.whole)


def test_segments_are_the_truth(lived: Lived) -> None:
    count_segments(lived.hub.database, lived.hub.config)
    met = Counter[str]()
    for segment in lived.hub.config.figures.segments:
        with lived.hub.database.read() as connection:
            found = set(members(connection, segment, after="", limit=10_000))
        true = {id for id, worth in lived.worth.items() if segment in worth.within(TODAY)}
        assert found & lived.worth.keys() == true
        met[segment] = len(true)
    assert all(met[s] for s in ("serial_complainer", "loss_making", "dormant"))


def test_a_campaign_brought_what_is_true(lived: Lived) -> None:
    hub, rows = lived.hub, [r for n, rs in lived.events.rows.items() if n.startswith("responses") for r in rs]
    with hub.database.read() as connection:
        found = result(connection, hub.config, hub.config.campaigns[desk.CAMPAIGN])
    for offer in (found.whole, *found.offers):
        name = offer.name or None
        true = [w for w in lived.events.worth.values() if w.responses and name in (None, *w.responses)]
        sure = [w for w in lived.worth.values() if w.responses and name in (None, *w.responses)]
        assert offer.responses == sum(r["campaign"] == OFFERS[name] for r in rows) if name else len(rows)
        assert len(sure) <= offer.respondents and offer.nobodys == 0
        others = offer.respondents - len(sure)
        converted = sum(w.converted(name) for w in sure)
        assert converted <= offer.converted <= converted + others
        assert len(sure) > 0.7 * len(true) > 0 and (converted > 0 or name is not None)


def test_who_lives_together_and_who_speaks_for_a_company_is_told(lived: Lived) -> None:
    told = 0
    pairs = [(*sorted(h)[:2], "household") for h in lived.events.households]
    pairs += [(company, person, "contact_person") for company, person in lived.events.speaks_for.items()]
    for one, other, type_name in pairs:
        if one in lived.whole and other in lived.whole:
            found = lived.hub.relations.of_customer(STEWARD, lived.whole[one])
            assert lived.whole[other] in {r.other for r in found if r.type == type_name and not r.reason}
            told += 1
    assert told > 10


def test_strangers_are_prospects_of_nobody_and_listed(lived: Lived) -> None:
    waits = WaitingRows(lived.hub.timeline).page(STEWARD, "unowned", limit=200, cursor=None).data
    assert len(waits) == len(lived.events.strangers)
    prospects = lived.hub.tasks.page(STEWARD, "prospects", limit=200).data
    assert sorted(p.contact for p in prospects) == sorted(lived.events.strangers)
