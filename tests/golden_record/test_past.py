"""Old versions are read by the configuration that made them, whatever today's says."""

import re
from pathlib import Path

from hub.golden_record.past import Mappers
from hub.golden_record.recipes import recipe_document
from hub.settings import load
from tests.access.population import ANA, CONFIG, write_config


def test_a_recipes_document_maps_rows_as_its_configuration_did(tmp_path: Path) -> None:
    config = write_config(tmp_path / "config")
    kept, today = Mappers.of_document(recipe_document(config)), Mappers.of_config(config)
    mine, yours = kept.of("billing", "customers"), today.of("billing", "customers")
    assert mine is not None and yours is not None and mine.map(ANA) == yours.map(ANA)
    assert kept.of("billing", "unheard_of") is None
    assert recipe_document(config) == recipe_document(config)


def test_the_shipped_configuration_can_be_kept() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (CONFIG / "sources").glob("*.yaml")]
    config = load(CONFIG, dict.fromkeys(re.findall(r"\w+_env: (\w+)", "\n".join(texts)), "x"))
    kept = Mappers.of_document(recipe_document(config))
    for source in config.sources.values():
        for stream in source.streams:
            assert kept.of(source.name, stream) is not None
