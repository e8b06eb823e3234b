"""Models know values by heart that came often: after an erasure they know none that nobody says any more, and weigh as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.db import Database
from hub.matching import store as matching_store
from hub.matching.compare.model import Model
from hub.open import Hub
from hub.privacy.scan import scan
from hub.quality.promotion import promote
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from tests.access.population import TestClock, open_hub, write_config

HERS = {
    "first": "Zwenibaldine", "last": "Xylanderova", "born": "1931-07-22", "mail": "zwx@planted-mail.example",
    "phone": "+49 30 55512987", "nid": "NID-88x77q", "tax": "TAX-99z66w", "job": "glockengiesserin", "street": "Quittengasse 977",
    "zip": "98213", "town": "Pfefferstadt",
}  # fmt: skip
BEFORE = {**HERS, "street": "Dinkelweg 4411", "town": "Nebelheim"}  # where she lived before she moved
PLANTED = ["zwenibaldine", "xylanderova", "19310722", "zwx@planted-mail.example", "3055512987", "nid88x77q", "quittengasse", "glockengiesserin", "pfefferstadt", "dinkelweg", "nebelheim"]  # fmt: skip
TOWNS = ("Lisboa", "Berlin", "Porto")


@pytest.fixture
def hub(tmp_path: Path, database: Database) -> Iterator[Hub]:
    before, database.clock = database.clock, TestClock()
    made = open_hub(database, write_config(tmp_path / "config"), tmp_path / "data")
    made.resolver.reread()
    people = [
        {"id": f"o{n}", "first": f"Anton{n % 5 * 'a'}", "last": f"Berg{n % 4 * 'e'}", "born": f"19{50 + n}-03-{n % 28 + 1:02d}",
         "street": f"Weg {n}", "zip": f"1000{n % 3}", "town": TOWNS[n % 3], "mail": f"o{n}@x.example", "updated": "1"}
        for n in range(40)
    ]  # fmt: skip
    made.resolver.upsert("billing", "customers", people)
    for n in range(4):
        made.resolver.upsert("billing", "customers", [{**BEFORE, "id": f"z{n}", "updated": "1"}])
    yield made
    made.close()
    database.clock = before


def land_hers(hub: Hub, **changed: Any) -> str:
    """As she is now; her customer id."""
    rows = [{**HERS, "id": f"z{n}", "updated": "2", **changed} for n in range(4)]
    (id,) = {o.customer for o in hub.resolver.upsert("billing", "customers", rows)}
    assert id is not None
    return id


def bodies(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return [m.body for m in matching_store.models(connection, "person")]


def stand_in(values: list[str], text: str) -> list[str]:
    return [v for v in values if v in text]


def test_names_addresses_and_birth_dates_that_nobody_has_any_more_go(hub: Hub, tmp_path: Path) -> None:
    promote(hub.resolver, Bulk(hub.resolver).train_candidate("person"))
    id = land_hers(hub)
    Bulk(hub.resolver).train_candidate("person")
    first, second = bodies(hub)
    assert {"xylanderova", "nebelheim", "19310722"} <= {*stand_in(PLANTED, first)} and "pfefferstadt" in second
    hub.requests.erase(id, by="o", reviewed=True)
    assert [stand_in(PLANTED, body) for body in bodies(hub)] == [[], []]
    assert scan(hub.database, tmp_path / "data", PLANTED)[1] == []
    assert all("anton" in body and "lisboa" in body for body in bodies(hub))
    assert Verify(hub.resolver).run().total == 0


def test_what_somebody_else_says_stays_be_it_shown_or_not(hub: Hub) -> None:
    id = land_hers(hub)
    promote(hub.resolver, Bulk(hub.resolver).train_candidate("person"))
    hub.resolver.upsert("billing", "customers", [{"id": "e", "first": "Ute", "last": "Xylanderova", "updated": "1"}])
    wed = {"id": "w", "first": "Bo", "last": "Neu", "born": "1931-07-22", "nid": "N7", "mail": "w@x.example"}
    hub.resolver.upsert("billing", "customers", [{**wed, "id": f"w{n}", "updated": "1"} for n in range(3)])
    hub.resolver.upsert("crm", "people", [{**wed, "last": "Bergee", "born": "1931-07-23", "updated": "1"}])
    hub.resolver.upsert("web", "signups", [{"id": "t", "first": "Zwenibaldine", "last": "Neu", "mail": "w@x.example", "updated": "1"}])  # fmt: skip
    hub.requests.erase(id, by="o", reviewed=True)
    (kept,) = map(Model.from_json, bodies(hub))
    assert "xylanderova" in kept.terms["family_name.plain"].frequent  # a housemate's
    assert "19310722" in kept.terms["birth_date.digits"].frequent
    assert "zwenibaldine" in kept.terms["given_name"].frequent  # said by a record alone, or by somebody of her own
    assert stand_in(PLANTED, kept.to_json()) == ["zwenibaldine", "xylanderova", "19310722"]
    assert Verify(hub.resolver).run().total == 0


def test_who_is_erased_while_a_model_is_trained_is_not_in_it(hub: Hub) -> None:
    id = land_hers(hub)

    def erase(stage: str, done: int, of: int) -> None:
        if stage == "train person" and not done:  # its records are read, and it is not trained yet
            hub.requests.erase(id, by="o", reviewed=True)

    Bulk(hub.resolver, progress=erase).train_candidate("person")
    (body,) = bodies(hub)
    assert stand_in(PLANTED, body) == [] and "anton" in body
