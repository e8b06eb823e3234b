"""Two hubs that differ only in fields that a role does not see answer that role with the same bytes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hub.app import create_app
from hub.model import RecordId, Verdict
from hub.open import Hub
from tests.access.population import (
    ANA,
    ANA_IN_CRM,
    BO,
    START,
    TestClock,
    fill,
    key_for,
    new_database,
    open_hub,
    repeatable_ids,
    write_config,
)
from tests.steward import Steward

ASKED = {"x-request-id": "asked"}
ONCE = re.compile(rb'name="once" value="[0-9a-f]*"')  # drawn anew with each form
HIDDEN = {
    "born": ["1980-05-17", "1955-12-02", ""],
    "phone": ["+351 21 790 4000", "+49 30 1234567", ""],
    "nid": ["PT-77001", "DE-42", ""],
    "tax": ["T-100", "T-200"],
    "job": ["baker", "teacher", ""],
    "consent": ["yes", "no"],
}

EXAMPLES = 60 if os.environ.get("HUB_PROVE") else 3
FIELDS = [
    (row, name, value)
    for row in ("ana", "crm", "bo", "again")
    for name, values in HIDDEN.items()
    for value in values
    if not (row == "crm" and name in ("tax", "consent"))
]
edits = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3)


def world(*given: list[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """What the sources say: the same for all worlds, but for these hidden fields."""
    made: dict[str, dict[str, str]] = {"ana": {}, "crm": {}, "bo": {}, "again": {}}
    for listed in given:
        for row, name, value in listed:
            made[row][name] = value
    return made


@contextlib.contextmanager
def living(folder: Path, world: Mapping[str, Any]) -> Iterator[Hub]:
    """A hub to which the same happened but for hidden fields. Every step has its own time and ids."""
    folder.mkdir()
    database = new_database(f"sqlite:///{folder / 'hub.sqlite'}")
    hub = open_hub(database, write_config(folder / "config"), folder / "data")
    ids = fill(hub, ana=world["ana"], crm=world["crm"], bo=world["bo"])
    steps = [
        lambda: hub.resolver.upsert(
            "billing", "customers", [{**ANA, **world["ana"], **world["again"], "updated": "2026-02-01T00:00:00Z"}]
        ),
        lambda: hub.resolver.upsert(
            "billing",
            "customers",
            [{**ANA, **world["ana"], **world["again"], "town": "Porto", "updated": "2026-03-01T00:00:00Z"}],
        ),
        lambda: hub.resolver.upsert(
            "crm",
            "people",
            [{**ANA_IN_CRM, **world["crm"], "mail": "new@example.com", "updated": "2026-03-01T00:00:00Z"}],
        ),
        lambda: Steward(hub.resolver).decide(
            RecordId("billing", "customers", "1"),
            RecordId("billing", "customers", "2"),
            Verdict.MATCH,
            by="eve",
            reason="r",
        ),
        lambda: Steward(hub.resolver).withdraw(1, by="eve", why="w"),
        lambda: hub.resolver.upsert(
            "billing", "customers", [{**BO, **world["bo"], **world["again"], "updated": "2026-04-01T00:00:00Z"}]
        ),
    ]
    assert isinstance(database.clock, TestClock) and ids
    for n, step in enumerate(steps):
        database.clock.at = START + (n + 1) * 3_600_000_000
        with repeatable_ids(100 + n):
            step()
    database.clock.at = START + 100 * 3_600_000_000
    yield hub
    hub.close()
    database.close()


def partitions(hub: Hub) -> list[tuple[str, str]]:
    """Who was one customer with whom, from the first step to the last."""
    met: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    with hub.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT c.customer, h.members FROM change c JOIN history h ON h.customer = c.customer AND h.version = c.version ORDER BY c.seq"
        )
        for customer, members in rows:
            if last.get(customer) != members:
                last[customer] = members
                met.append((customer, members))
    return met


def answers(hub: Hub, role: str) -> list[tuple[str, int, bytes, dict[str, str]]]:
    """All that a role can ask, with what matters of the headers."""
    client = TestClient(create_app(hub), follow_redirects=False)
    headers = {**key_for(hub, role), **ASKED}
    found: list[tuple[str, int, bytes, dict[str, str]]] = []

    def ask(path: str, more: Mapping[str, str] | None = None) -> Any:
        answer = client.get(path, headers={**headers, **(more or {})})
        found.append(
            (
                path,
                answer.status_code,
                ONCE.sub(b"", answer.content),
                {k: v for k, v in answer.headers.items() if k in ("etag", "content-length", "cache-control")},
            )
        )
        return answer

    ids = [c["id"] for c in ask("/v1/customers").json()["data"]]
    for words in ("silva", "porto", "T-100", "PT-77001", "1980-05-17", "new@example.com", "+351 21 790 4000"):
        ask(f"/v1/customers?q={words.replace('+', '%2B')}")
        ask(f"/customers?q={words.replace('+', '%2B')}")
    ask("/v1/customers?in=tax_id&q=x")
    ask("/v1/customers?in=unheard_of&q=x")
    cursor = ""
    for _ in range(8):
        page = ask(f"/v1/changes?limit=3{cursor}").json()
        cursor = f"&cursor={page['next_cursor']}"
    ask("/v1/customers?limit=1")
    with hub.database.read() as connection:
        minted = sorted(r[0] for r in connection.exec_driver_sql("SELECT mint FROM record"))
    for id in dict.fromkeys([*ids, *minted, "cus_unheard_of"]):
        tag = ask(f"/v1/customers/{id}?lineage=true").headers.get("etag", "")
        ask(f"/v1/customers/{id}", {"if-none-match": tag})
        for path in (
            f"/v1/customers/{id}",
            f"/v1/customers/{id}/history",
            f"/v1/customers/{id}/explain",
            f"/v1/customers/{id}/records",
            f"/v1/crosswalk?customer={id}",
        ):
            ask(path)
        for tab in ("", "/timeline", "/records", "/how", "/history", "?on=2027-01-15T09:30:00Z"):
            ask(f"/customers/{id}{tab}")
        for path in ("/merge", "/sent", "/as/shipping", "/values/given_name", "/values/occupation", "/sights"):
            ask(f"/customers/{id}{path}")
        for act in (f"merge&a={id}&b={ids[0]}", f"unmerge_all&customer={id}", f"keep_apart&a={ids[-1]}&b={id}"):
            ask(f"/act?kind={act}")
        ask(f"/act?kind=set_value&customer={id}&attribute=given_name&value=Anna")
        ask(f"/call/{id}")
        for hours in (1.5, 4.5):
            then = f"2027-01-15T{8 + int(hours):02d}:{int(hours % 1 * 60):02d}:00.5Z"
            ask(f"/v1/customers/{id}?known_at={then}&lineage=true")
            ask(f"/v1/customers/{id}?as_of={then}")
    ask("/v1/crosswalk?source=billing&stream=customers&key=1")
    two = "left=billing/customers/1&right=billing/customers/2"
    for path in (
        *("/review", "/review/next", "/review/bulk", "/review/bulk?least=1", "/review/waiting", "/review?mine=true"),
        *(
            f"/review/item?{two}",
            f"/review/item/match?{two}",
            f"/review/item?{two.replace('customers/2', 'customers/no')}",
        ),
        "/review/together?record=billing/customers/1&record=billing/customers/2",
        *("/call?name=silva&email=new@example.com", "/call?name=bo&phone=%2B351217904000", "/overview", "/customers"),
    ):
        ask(path)
    return found


@pytest.mark.parametrize("role", ["narrow_steward", "no_records"])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@example(
    base=[], more=[("again", "job", "teacher"), ("ana", "tax", "T-200")]
)  # in one world only, a change that is not shown
@given(base=edits, more=edits)
def test_hidden_fields_never_alter_a_byte_of_what_a_role_receives(
    tmp_path_factory: pytest.TempPathFactory,
    role: str,
    base: list[tuple[str, str, str]],
    more: list[tuple[str, str, str]],
) -> None:
    if role == "no_records":  # it is shown phones as pseudonyms: they are no hidden field to it
        more = [e for e in more if e[1] != "phone"]
    folder = tmp_path_factory.mktemp("worlds")
    with living(folder / "one", world(base)) as left, living(folder / "other", world(base, more)) as right:
        assume(partitions(left) == partitions(right))
        for mine, yours in zip(answers(left, role), answers(right, role), strict=True):
            assert mine == yours
