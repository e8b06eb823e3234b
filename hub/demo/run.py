"""`hub demo`: fill and run four sources, and let the hub do its job on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hub.demo.names import COUNTRIES
from hub.demo.noise import Noise
from hub.demo.records import BILLING, CRM
from hub.demo.sources import RunningSources, start_sources
from hub.demo.world import World, generate


@dataclass(frozen=True)
class DemoOptions:
    """What a user can choose. The folder is the demo's own: its sources are replaced."""

    folder: Path
    people: int = 5000
    seed: int = 1
    noise: Noise = field(default_factory=Noise)
    serve: bool = True
    report: Path | None = None


class Hub(Protocol):
    """What the demo needs of the hub; the CLI hands it in."""

    def first_run(self, sources: RunningSources) -> Mapping[str, Any]:
        """Pull, match, build golden records, evaluate against `sources.truth`: the figures printed."""

    def address_change(self, sources: RunningSources, story: Story) -> Mapping[str, Any]:
        """Pull the change, show it in the golden record and each role's view, write it back; then two quiet cycles."""

    def serve(self) -> None:
        """Leave the API running until interrupted."""


@dataclass(frozen=True)
class Story:
    """One customer to follow: billing changes the address of `billing_key`, and it should reach `crm_key`."""

    truth: str
    billing_key: str
    crm_key: str
    address: dict[str, str | None]  # the new one, in billing's words


def run_demo(options: DemoOptions, hub: Hub) -> dict[str, Any]:
    """Run the demo; answers with every figure that was printed."""
    world = generate(options.people, options.seed, options.noise)
    with start_sources(options.folder / "sources", world) as sources:
        report: dict[str, Any] = {"first_run": dict(hub.first_run(sources))}
        story = choose_story(world)
        if story is not None:
            sources.billing.change_address(story.billing_key, story.address)
            report["address_change"] = dict(hub.address_change(sources, story))
            report["crm_writes"] = len(sources.crm.writes())
        if options.serve:
            hub.serve()
    return report


_NEW_HOME: dict[str, dict[str, str | None]] = {
    "DE": {"street": "Am Neuen Markt 7", "zip": "99084", "town": "Erfurt", "state": None, "country": "DE"},
    "GB": {"street": "7 New Market Road", "zip": "YO1 7HH", "town": "York", "state": None, "country": "GB"},
    "US": {"street": "7 New Market Street", "zip": "83702", "town": "Boise", "state": "ID", "country": "US"},
    "FR": {"street": "7 Rue du Nouveau Marché", "zip": "21000", "town": "Dijon", "state": None, "country": "FR"},
}


def choose_story(world: World) -> Story | None:
    """The person with most records among those whom billing and CRM know by the same e-mail, name and address."""
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
    if not known:
        return None
    person = min(known, key=lambda p: (-int(count[p]), p))
    country = COUNTRIES[int(world.people.country[person])]
    return Story(f"p{person:07d}", held[0][person], held[1][person], dict(_NEW_HOME[country]))
