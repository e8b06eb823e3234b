"""What people typed into a system, in every field that a source has, shown on every page: it stays text."""

from __future__ import annotations

import pytest

from tests.access.population import ANA, ANA_IN_CRM
from tests.console.conftest import Visit, World

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    "<a href=javascript:alert(4)>x</a>",
    "{{constructor.constructor('alert(5)')()}}",
    "</title></textarea></style><script>alert(6)</script>",
    "<iframe srcdoc='<script>alert(7)</script>'>",
    "\u202e<b onmouseover=alert(8)>\u2066",
)
FREE = ("first", "last", "job", "street", "zip", "town", "nid", "tax")


@pytest.fixture(scope="module")
def odd(world: World) -> tuple[str, list[str]]:
    """A customer of whom two systems say nothing but markup, and the names of its records: markup too."""
    told = {n: f"{CORPUS[k % len(CORPUS)]} {n}" for k, n in enumerate(FREE)}
    common = {"born": "1971-02-03", "mail": "odd@example.com", "phone": "+351 21 444 5566"}
    keys = [f"<script>alert('{n}')</script>" for n in (1, 2)]
    billing = {**ANA, **told, **common, "id": keys[0], "nid": "ODD-1"}
    crm = {
        **ANA_IN_CRM,
        **common,
        "id": keys[1],
        "first": told["first"],
        "last": told["last"],
        "job": CORPUS[1],
        "nid": "ODD-1",
    }
    world.hub.resolver.upsert("billing", "customers", [billing])
    made = world.hub.resolver.upsert("crm", "people", [crm])[0]
    twin = {**billing, "id": "twin", "nid": "9<i>9", "mail": "twin@example.com"}
    world.hub.resolver.upsert("billing", "customers", [twin])
    assert made.customer
    return made.customer, keys


def test_markup_in_every_field_is_shown_as_text_on_every_page(visit: Visit, odd: tuple[str, list[str]]) -> None:
    id, keys = odd
    seen = visit("ann")
    for path in (
        *(
            f"/customers/{id}{tab}"
            for tab in ("", "/records", "/how", "/history", "/timeline", "/merge", "/values/occupation")
        ),
        "/customers?q=odd%40example.com",
        f"/customers?q={CORPUS[0]}",
        "/review",
        "/review/next",
        f"/act?kind=unmerge_all&customer={id}",
        f"/act?kind=set_value&customer={id}&attribute=occupation&value={CORPUS[1]}",
        f"/review/item/match?left=billing/customers/{keys[0]}&right=billing/customers/twin",
        f"/review/item?left=billing/customers/{keys[0]}&right=billing/customers/twin",
    ):
        page = seen.goto(path)
        page.wait_for_timeout(50)
        assert not seen.wrong, (path, seen.wrong)
        assert (
            page.locator("main script, main iframe, main img[src='x'], main [onerror], main [onload]").count() == 0
        ), path
    page = seen.goto(f"/customers/{id}/records")
    assert "<script>alert('1')</script>" in page.locator("table").inner_text()
