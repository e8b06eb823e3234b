"""Old versions are read by the configuration that made them, whatever today's says."""

import re
from datetime import UTC, datetime
from pathlib import Path

from hub.access.authentication.principals import Principal
from hub.golden_record.past import Mappers
from hub.golden_record.recipes import recipe_document
from hub.model import to_micros
from hub.open import Hub
from hub.settings import load
from tests.access.population import ANA, BO, CONFIG, fill, hub, write_config

__all__ = ["hub"]  # the fixture
STEWARD = Principal("key-of-a-steward", "a steward", "staff", "steward")


def test_a_recipes_document_maps_rows_as_its_configuration_did(tmp_path: Path) -> None:
    config = write_config(tmp_path / "config")
    kept, today = Mappers.of_document(recipe_document(config)), Mappers.of_config(config)
    mine, yours = kept.of("billing", "customers"), today.of("billing", "customers")
    assert mine is not None and yours is not None and mine.map(ANA) == yours.map(ANA)
    assert kept.of("billing", "unheard_of") is None
    assert recipe_document(config) == recipe_document(config)


def test_as_of_a_time_what_cannot_be_read_takes_nothing_back(hub: Hub) -> None:
    id = fill(hub)["bo"]
    for month, phone in ((2, "ask his wife"), (4, "")):
        row = {**BO, "phone": phone, "updated": f"2026-0{month}-01T00:00:00Z"}
        hub.resolver.upsert("billing", "customers", [row])
    asked = {
        month: hub.reader.get_customer(STEWARD, id, as_of=to_micros(datetime(2026, month, 15, tzinfo=UTC))).values
        for month in (1, 3, 5)
    }
    assert asked[1]["phone"] == asked[3]["phone"] == ["+49301234567"]
    assert "phone" not in asked[5]  # nothing is what takes it back


def test_the_shipped_configuration_can_be_kept() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (CONFIG / "sources").glob("*.yaml")]
    config = load(CONFIG, dict.fromkeys(re.findall(r"\w+_env: (\w+)", "\n".join(texts)), "x"))
    kept = Mappers.of_document(recipe_document(config))
    for source in config.sources.values():
        for stream in source.streams:
            assert kept.of(source.name, stream) is not None
