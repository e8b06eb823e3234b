"""What happens with customers in the demo: an e-mail makes a prospect, an order wins it, and two histories are one for a while."""

from __future__ import annotations

from dataclasses import dataclass

from hub.access.authentication.principals import Principal
from hub.access.timeline import Asked
from hub.model import RecordId
from hub.open import Hub
from hub.settings import CONTACT
from hub.stewardship.acts import Merge
from hub.stewardship.run import Acts

STEWARD = Principal("demo", "demo", "staff", "steward")
PROSPECTS = "prospects"


@dataclass(frozen=True, slots=True)
class Prospect:
    """How an enquiry stood: whose it was, and in which state."""

    id: str
    customer: str | None
    contact: str
    state: str


def mail_arrives(hub: Hub, address: str) -> Prospect:
    """Somebody whom no system knows writes: a prospect, nobody's yet."""
    said: dict[str, object] = {"subject": "Do you deliver to York?", "channel": "mail", "state": "new"}
    made = hub.logbook.note(RecordId(CONTACT, "email", address), "enquiry", said, by="mail", key="the demo's e-mail")
    return prospect(hub, f"{PROSPECTS}.{made}")


def prospect(hub: Hub, id: str) -> Prospect:
    """How an enquiry stands now."""
    found, _ = hub.tasks.one(STEWARD, id)
    return Prospect(id, found.customer, found.contact, found.state)


def orders(hub: Hub, customer: str, total: str) -> None:
    said: dict[str, object] = {"number": f"D-{total}", "state": "placed", "channel": "shop", "total": f"{total} GBP"}
    hub.logbook.add(customer, "order", said, by="demo")


def complains(hub: Hub, customer: str) -> None:
    said: dict[str, object] = {"subject": "the invoice went to the old address", "channel": "phone", "state": "open"}
    hub.logbook.add(customer, "complaint", said, by="demo")


def pages(hub: Hub, customers: tuple[str, str]) -> list[list[str]]:
    """What happened with each, newest first, in words."""
    return [
        [f"{i.title} {i.values.get('subject') or i.values.get('number') or ''}".strip() for i in page.data]
        for page in (hub.timeline.page(STEWARD, id, Asked(), limit=5) for id in customers)
    ]


def merged_and_undone(hub: Hub, a: str, b: str) -> dict[str, list[list[str]]]:
    """The pages of two customers: each its own, one of both after a merge, each its own again after the undo."""
    found = {"before": pages(hub, (a, b))}
    acts = Acts(hub.resolver)
    done = acts.do(Merge(a, b), by="demo", reason="taken for one person")
    found["merged"] = pages(hub, (a, b))
    acts.undo(done.id, by="demo", why="they are two")
    found["undone"] = pages(hub, (a, b))
    return found
