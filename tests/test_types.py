"""Values have types: `Any` is rare, and where a record goes from a source to a golden record there is none."""

from __future__ import annotations

import ast
from collections import Counter

from tests.house import HUB

MOST = 150  # in all of the hub; it was 438 when counting began
PATH = (  # of a record
    "connectors/rows", "connectors/mapping/identity", "connectors/mapping/mapper", "connectors/mapping/cleaner", "work/pull",
    "landing/fold", "landing/store/records", "landing/store/writes", "landing/store/pulls", "resolve/settle", "resolve/resolver", "resolve/bulk",
    "matching/prepare", "matching/refresh", "matching/store/standardised", "matching/store/pairs", "matching/store/keys",
    "matching/compare/standardised", "matching/compare/candidates", "matching/compare/score", "matching/clusters/recluster",
    "matching/clusters/cluster", "matching/clusters/heirs", "matching/clusters/whole_type", "golden_record/run", "golden_record/survivorship",
    "golden_record/lineage", "golden_record/changes", "golden_record/store", "delivery/run", "delivery/write_back", "delivery/outbox",
)  # fmt: skip


def anys() -> Counter[str]:
    """How often each file says `Any`, its import left out."""
    found: Counter[str] = Counter()
    for path in HUB.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[path.relative_to(HUB).with_suffix("").as_posix()] = sum(
            isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree)
        )
    return found


def test_any_is_rare() -> None:
    found = anys()
    assert found.total() < MOST, f"say what it is, or `object` and look: {found.most_common(5)}"


def test_nothing_on_a_records_path_is_any() -> None:
    found = anys()
    assert set(PATH) <= set(found), "a file of the path has moved"
    assert {name: found[name] for name in PATH if found[name]} == {}
