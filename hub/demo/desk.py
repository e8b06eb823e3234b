"""The service desk: a drop folder with what happened, a file a stream. It knows customers by the records of the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import orjson
import pyarrow as pa

from hub import db
from hub.demo.events import CAMPAIGN_DAYS, KINDS, LAST, OFFERS, WITHIN, Events
from hub.figures.customers import customers
from hub.golden_record import lookups
from hub.golden_record import store as golden_store
from hub.kinds import money
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.open import Hub
from hub.settings import Campaign, CampaignOffer, Config, Source

NAME, CAMPAIGN = "desk", "winter"
TRUTH = ("source", "stream", "key", "truth")  # columns of the world's truth
MAPS: dict[str, tuple[str, dict[str, str]]] = {
    "orders": ("order", {"number": "id", "ordered_at": "at", "state": "state", "channel": "channel", "total": "total"}),
    "calls": ("call", {"called_at": "at", "outcome": "outcome", "spent": "spent"}),
    "complaints": ("complaint", {"number": "id", "received_at": "at", "state": "state", "channel": "channel"}),
    "sessions": ("web_session", {"began_at": "at", "channel": "channel", "pages": "pages"}),
    "responses": ("campaign_response", {"responded_at": "at", "campaign": "campaign", "state": "state"}),
}
ENQUIRIES: dict[str, object] = {
    "interaction": "enquiry",
    "of": {"contact": {"email": "from"}},
    "map": {"received_at": "at", "state": "state", "channel": "channel"},
}
CRM_PEOPLE = {"source": "crm", "stream": "people"}


def fill(folder: Path, events: Events) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in events.rows.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def with_desk(config: Config, folder: Path) -> Config:
    """The configuration with the desk as one more source, and the campaign that it ran."""
    streams: dict[str, dict[str, object]] = {}
    for owner, kinds in KINDS.items():
        source, _, stream = owner.partition("_")
        of = {"source": source, "stream": stream, "key": "owner"}
        for kind in (*(k for k, _ in kinds), *(["responses"] if source == "crm" else [])):
            interaction, columns = MAPS[kind]
            streams[f"{kind}_{owner}"] = {"interaction": interaction, "of": of, "map": columns}
    streams["enquiries"] = ENQUIRIES
    one, other = {**CRM_PEOPLE, "key": "one"}, {**CRM_PEOPLE, "key": "other"}
    streams["households"] = {"relation": "household", "of": one, "to": other, "map": {}}
    streams["speakers"] = {"relation": "contact_person", "of": one, "to": {**other, "stream": "companies"}, "map": {}}
    given = {n: {**stream, "key": "id", "file": {"pattern": f"{n}.jsonl"}} for n, stream in streams.items()}
    connector = {"kind": "file", "path": str(folder.absolute())}
    desk = Source.model_validate({"name": NAME, "title": "Service desk", "connector": connector, "streams": given})
    return config.model_copy(
        update={"sources": {**config.sources, NAME: desk}, "campaigns": {**config.campaigns, CAMPAIGN: campaign()}}
    )


def campaign() -> Campaign:
    """What was offered: by letter, and in a spot."""
    began, ended = (LAST - timedelta(days=n) for n in CAMPAIGN_DAYS)
    offers = {name: CampaignOffer(codes=(code,)) for name, code in OFFERS.items()}
    return Campaign(name=CAMPAIGN, title="Heat pumps", since=began, until=ended, offers=offers, within=f"{WITHIN}d")


def together(hub: Hub, truth: pa.Table) -> dict[str, str]:
    """Who is true -> the id of their customer, of those whose records are all together and nobody else's with them."""
    true: dict[str, set[RecordId]] = {}
    for source, stream, key, who in zip(*(truth[c].to_pylist() for c in TRUTH), strict=True):
        true.setdefault(who, set()).add(RecordId(source, stream, key))
    with hub.database.read() as connection:
        homes = matching_store.homes(connection)
        found: dict[int, set[RecordId]] = {}
        for record, cluster in homes.items():
            found.setdefault(cluster, set()).add(record)
        shown = golden_store.customers_of(connection, found)
    clusters = {who: homes[min(records)] for who, records in true.items() if records <= homes.keys()}
    return {who: shown[c].id for who, c in clusters.items() if found[c] == true[who]}


def right(hub: Hub, events: Events, whole: Mapping[str, str]) -> int:
    """Of how many of these customers orders, revenue and cost are what is true."""
    found, now = 0, hub.database.clock.now()
    true = {id: events.worth[who] for who, id in whole.items()}
    for ids in db.chunks(sorted(true)):
        with hub.database.read() as connection:
            shown = golden_store.customers_of(connection, lookups.clusters_named(connection, ids))
            made = customers(connection, hub.config, shown.values(), now)
        for id in ids:
            told = [made[id].told(name).value for name in ("orders", "revenue", "cost_to_serve")]
            found += told == [
                str(len(true[id].orders)),
                *(money.shown(cents, "EUR") for cents in (true[id].revenue, true[id].cost)),
            ]
    return found
