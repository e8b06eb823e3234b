"""An exclusive number keeps two people apart where it is clearly another one, and not where it may be a slip."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from benchmarks import harder
from hub.db import Database
from hub.matching.explain import Explain
from hub.model import RecordId
from hub.quality.evaluation import run_set
from hub.quality.verify import Verify
from hub.resolve.bulk import Bulk
from hub.settings import load_customer_types
from tests.conftest import empty
from tests.matching.test_classics import CONFIG, clusters, send, who

ANA = who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", "0171 9998887")
ONE, TOGETHER = {frozenset({"0"}), frozenset({"1"})}, {frozenset({"0", "1"})}


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ("65929970489", "65929970489", TOGETHER),
        ("65929970489", "65929970498", TOGETHER),  # two digits swapped
        ("65929970489", "6592970489", TOGETHER),  # one left out
        ("65929970489", "65-929 970-489", TOGETHER),
        ("65929970489", "11111111111", TOGETHER),  # a placeholder says nothing
        ("65929970489", "65929913489", TOGETHER),  # two digits
        ("65929970489", "65929912389", ONE),  # three
        ("65929970489", "86095742719", ONE),
        ("1234", "1235", ONE),  # too short for a slip
    ],
)
def test_only_a_clearly_other_number_keeps_two_records_apart(
    database: Database, tmp_path: Path, left: str, right: str, wanted: set[frozenset[str]]
) -> None:
    rows = [{**ANA, "number": left}, {**ANA, "number": right}]
    for order in permutations(range(2)):
        empty(database)
        resolver = send(database, tmp_path, rows, order)
        assert clusters(database) == wanted
        assert not Verify(resolver).run().differences
    Bulk(resolver).run(full=True)
    assert clusters(database) == wanted, "in bulk as one by one"


def test_a_third_number_in_between_does_not_join_two_that_are_clearly_others(
    database: Database, tmp_path: Path
) -> None:
    rows = [{**ANA, "number": number} for number in ("47110000", "47110770", "47117770")]
    answers = set()
    for order in permutations(range(3)):
        empty(database)
        resolver = send(database, tmp_path, rows, order)
        answers.add(frozenset(clusters(database)))
        assert not Verify(resolver).run().differences
    assert len(answers) == 1
    assert not any({"0", "2"} <= group for group in answers.pop())
    with database.read() as connection:
        story = Explain(connection, resolver.recipe(connection)).cluster(RecordId("shop", "people", "0"))
    assert any("clearly different values of national_id" in step.words for step in story.steps)


def test_a_register_with_typing_errors_in_an_exclusive_number(tmp_path: Path) -> None:
    made = run_set(harder.write(harder.register(250), tmp_path), load_customer_types(CONFIG.parents[1]))
    assert made is not None
    assert made.quality.f1 >= 0.99
