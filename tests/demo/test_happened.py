"""What the demo tells of what happened with customers."""

from __future__ import annotations

from hub.demo import happened
from hub.open import Hub
from tests.access.population import ANA, fill, hub

__all__ = ["hub"]


def test_a_mail_makes_a_prospect_an_order_wins_it_and_two_pages_are_one_until_the_undo(hub: Hub) -> None:
    hub.resolver.reread()
    born = happened.mail_arrives(hub, ANA["mail"])
    assert (born.customer, born.contact, born.state) == (None, ANA["mail"], "new")
    ids = fill(hub)
    assert happened.prospect(hub, born.id).customer == ids["ana"]
    happened.orders(hub, ids["ana"], "59.00")
    assert happened.prospect(hub, born.id).state == "won"
    happened.complains(hub, ids["bo"])
    found = happened.merged_and_undone(hub, ids["ana"], ids["bo"])
    assert found["before"] == found["undone"] and found["merged"][0] == found["merged"][1]
    assert len(found["merged"][0]) == 3 and [len(page) for page in found["before"]] == [2, 1]
