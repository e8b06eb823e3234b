"""The demo's last step: a customer signs in, moves, withdraws, and asks for erasure; nothing of them is left or comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from hub.access.authentication.principals import Principal
from hub.delivery.webhook_sending import Webhooks
from hub.demo.show import Show
from hub.demo.sources import RunningSources
from hub.demo.story import Story
from hub.demo.subscriber import Subscriber
from hub.errors import Refused
from hub.language.messages import SIGN_IN, code_message
from hub.model import RecordId
from hub.open import Hub
from hub.privacy.scan import scan
from hub.settings import Config
from hub.settings.sign_in import CustomerSignIn, Sender
from hub.work import cycle

SENT = "sent.jsonl"  # codes of the demo, in the hub's folder
HOME = {"line1": "Lindenweg 12", "postcode": "99423", "city": "Weimar", "country": "DE"}
STEWARD = Principal("demo", "demo", "staff", "steward")


def with_customers(config: Config) -> Config:
    """The configuration with customers who may sign in, their codes kept in a file."""
    if config.access.sign_in.people is not None or "self" not in config.access.roles:
        return config
    people = CustomerSignIn(email=Sender(file=SENT), phone=Sender(file=SENT))
    sign_in = config.access.sign_in.model_copy(update={"people": people})
    return config.model_copy(update={"access": config.access.model_copy(update={"sign_in": sign_in})})


def own_data(
    hub: Hub, sources: RunningSources, app: Subscriber, stories: Sequence[Story], folder: Path, show: Show
) -> dict[str, object]:
    """One of these people at their own data; {} where nobody of them has an address that is surely theirs alone."""
    found = next(((s, p) for s in stories if (p := _signed_in(hub, s, folder)) is not None), None)
    if found is None:
        return {}
    story, person = found
    before = hub.mine.customer(person)
    hub.mine.state(person, {"address": HOME})
    cycle.push(hub.resolver, hub.reader)
    _tell(hub)
    at_crm = sources.crm.record("people", story.crm_key)["address"]
    hub.mine.consent(person, "marketing", "", "withdrawn", text="demo", where="demo")
    hub.mine.ask(person, "erasure", reason="asked on the page")
    values = [str(v) for v in (before.values.get("tax_id"), *_many(before.values.get("email"))) if v]
    done = hub.requests.erase(before.id, by="privacy officer", reviewed=True)
    _tell(hub)
    hub.requests.go_on(done.request.id)
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    read, left = scan(hub.database, files[0], values, files[1:])
    sources.billing.change_address(story.billing_key, story.address)
    again = cycle.pull(hub.resolver, ["billing"])
    told: dict[str, object] = {
        "customer": before.id,
        "crm_has": at_crm,
        "told": ", ".join(kind for kind, customer, _ in app.told if customer == before.id),
        "state": done.request.state,
        "recipients": ", ".join(f"{r.recipient}: {r.state}" for r in hub.requests.get(done.request.id).receipts),
        "files_read": read,
        "values_found": len(left),
        "suppressed": sum(p.suppressed for p in again),
        "landed_again": sum(p.landed for p in again),
    }
    show.own_data(told)
    return told


def _tell(hub: Hub) -> None:
    """The application that subscribes hears of what changed."""
    sender = Webhooks(hub.reader, hub.networks)
    try:
        sender.run()
    finally:
        sender.close()


def _signed_in(hub: Hub, story: Story, folder: Path) -> Principal | None:
    """By a code to the first address that the customer holds; None: it is not surely theirs alone."""
    id = hub.reader.crosswalk(STEWARD, record=RecordId("billing", "customers", story.billing_key)).customer
    for mail in _many(hub.reader.get_customer(STEWARD, id).values.get("email")):
        ticket = hub.codes.ask("email", mail, lambda code: code_message("en", SIGN_IN, code, 10))
        hub.codes.wait()
        lines = (folder / SENT).read_text().splitlines() if (folder / SENT).exists() else []
        sent = [m["text"] for m in map(json.loads, lines) if m["to"] == mail]
        code = re.match(r"\d+", sent[-1]) if sent else None
        if code is not None:
            try:
                return hub.gate.sessions.principal(hub.codes.sign_in(ticket, code[0]).token)
            except Refused:
                continue
    return None


def _many(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [] if value is None else [str(value)]
