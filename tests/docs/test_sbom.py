from __future__ import annotations

import re
from pathlib import Path

from docs.sbom import needed, sbom


def test_the_bill_names_what_the_hub_needs_when_it_runs_and_nothing_that_only_tests_need() -> None:
    found = needed("customer-hub")
    assert {"fastapi", "duckdb", "sqlalchemy", "psycopg-binary", "starlette"} <= set(found)
    assert not {"pytest", "mypy", "hypothesis"} & set(found)
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+) ", Path("requirements.lock").read_text(), re.MULTILINE))
    assert {name: one.version for name, one in found.items() if name != "customer-hub"}.items() <= pinned.items()


def test_the_bill_is_one_component_a_package() -> None:
    told = sbom()
    components = told["components"]
    assert isinstance(components, list)
    assert len({c["purl"] for c in components}) == len(components) > 50
    assert told["metadata"]["component"]["name"] == "customer-hub"  # type: ignore[index]
