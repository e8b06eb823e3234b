"""The four sources, read as the hub reads them: through config/sources/*.yaml and the connectors."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import settings
from hub.connectors.base import BadRow, FieldWrite, SourceRow
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.registry import connect
from hub.demo import web
from hub.demo.run import choose_story
from hub.demo.sources import RunningSources, start_sources
from hub.demo.world import Noise, World, generate

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def world() -> World:
    return generate(600, 5)


@pytest.fixture
def sources(world: World, tmp_path: Path) -> Iterator[RunningSources]:
    with start_sources(tmp_path, world) as running:
        yield running


def config(sources: RunningSources) -> settings.Config:
    return settings.load(CONFIG, sources.env)


def rows(sources: RunningSources, source: str, stream: str) -> list[SourceRow | BadRow]:
    connector = connect(config(sources).sources[source], env=sources.env, base_folder=CONFIG)
    try:
        return [row for page in connector.read(stream, None) for row in page.rows]
    finally:
        connector.close()


def test_every_record_is_read_and_mapped_through_the_shipped_configuration(
    sources: RunningSources, world: World
) -> None:
    loaded = config(sources)
    read = set()
    for name, source in loaded.sources.items():
        for stream, options in source.streams.items():
            mapper = Mapper(stream, options, loaded.customers[options.customer])
            for row in rows(sources, name, stream):
                if isinstance(row, SourceRow):
                    read.add((name, stream, mapper.map(row.raw).key))
    assert read == set(zip(*(world.truth[c].to_pylist() for c in ("source", "stream", "key")), strict=True))


def test_broken_lines_are_counted_and_the_rest_is_read(sources: RunningSources) -> None:
    found = rows(sources, "web", "signups")
    assert sources.drop is not None
    bad = [row for row in found if isinstance(row, BadRow)]
    assert len(bad) == sources.drop.malformed == 3
    assert len(found) == sum(sources.drop.lines.values())


def test_web_files_differ_in_format_order_and_encoding_and_leave_out_what_was_not_answered(
    sources: RunningSources,
) -> None:
    folder = Path(sources.env["WEB_FOLDER"])
    header = (folder / web.CSV).read_bytes().split(b"\r\n")[0].decode("cp1252")
    assert header.split(";") == list(web.CSV_ORDER)
    lines = gzip.decompress((folder / web.PACKED).read_bytes()).decode().splitlines()
    packed = [json.loads(line) for line in lines if '"su-' in line]
    assert packed and all(value is not None for row in packed for value in row.values())
    assert {len(row) for row in packed} != {len(web.CSV_ORDER)}


def test_some_lines_repeat_and_some_keys_come_again_later(tmp_path: Path) -> None:
    drop = web.fill(tmp_path, generate(800, 5, Noise(repeats=0.2, malformed=0.0)))
    lines = [json.loads(line) for line in (tmp_path / web.JSONL).read_text(encoding="utf-8").splitlines()]
    exact = Counter(json.dumps(line, sort_keys=True) for line in lines)
    keys = Counter(line["signup_id"] for line in lines)
    assert drop.malformed == 0 and drop.repeated > 0 and drop.resubmitted > 0
    assert max(exact.values()) > 1 and sum(keys.values()) - len(keys) > sum(exact.values()) - len(exact)


def test_an_address_changed_in_billing_is_the_one_read_next_with_a_later_time(
    sources: RunningSources, world: World
) -> None:
    story = choose_story(world)
    assert story is not None
    before = {row.raw["id"]: row.raw for row in rows(sources, "billing", "customers") if isinstance(row, SourceRow)}
    sources.billing.change_address(story.billing_key, story.address)
    after = {row.raw["id"]: row.raw for row in rows(sources, "billing", "customers") if isinstance(row, SourceRow)}
    changed = [key for key in after if after[key] != before[key]]
    assert [str(key) for key in changed] == [story.billing_key]
    new = after[changed[0]]
    assert {part: new[part] for part in story.address} == story.address == sources.billing.address(story.billing_key)
    assert new["updated_at"] > before[changed[0]]["updated_at"] and len(after) == len(before)


def test_billing_knows_no_stranger(sources: RunningSources) -> None:
    with pytest.raises(KeyError):
        sources.billing.change_address("1", {"street": "x"})


def test_the_hub_can_write_an_address_into_the_crm_through_its_connector(sources: RunningSources, world: World) -> None:
    story = choose_story(world)
    assert story is not None
    loaded = config(sources)
    stream = loaded.sources["crm"].streams["people"]
    mapper = Mapper("people", stream, loaded.customers["person"])
    fields = mapper.unmap("address", [(("city", "Erfurt"), ("line1", "Am Neuen Markt 7"), ("postcode", "99084"))])
    connector = connect(loaded.sources["crm"], env=sources.env, base_folder=CONFIG)
    results = connector.write("people", [FieldWrite(story.crm_key, fields)])
    connector.close()
    assert [r.outcome for r in results] == ["written"]
    assert sources.crm.record("people", story.crm_key)["address"]["street"] == "Am Neuen Markt 7"
    assert [w.status for w in sources.crm.writes()] == [200]


def test_sources_start_again_from_their_folder_with_another_token(world: World, tmp_path: Path) -> None:
    with start_sources(tmp_path, world) as one:
        count, token = one.crm.store.count("people"), one.env["CRM_TOKEN"]
    with start_sources(tmp_path, None) as two:
        assert two.crm.store.count("people") == count and two.env["CRM_TOKEN"] != token
    with pytest.raises(FileNotFoundError), start_sources(tmp_path / "nothing", None):
        pass


def test_the_truth_is_in_no_source(sources: RunningSources) -> None:
    assert sources.truth.exists() and not any(
        str(sources.truth).startswith(folder) for folder in (sources.env["WEB_FOLDER"], sources.env["APP_FOLDER"])
    )
