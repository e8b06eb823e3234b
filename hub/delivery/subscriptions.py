"""What is done to subscriptions: made, paused, resumed, given a new secret, tried, replayed, removed; dead letters retried or dropped.

Whoever made a subscription sees it, and an admin. For all others it does not exist.
"""

from __future__ import annotations

import secrets as dice
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.delivery import store as positions
from hub.delivery import subscription_store as store
from hub.delivery import webhook_message
from hub.delivery.addresses import Network, place_of
from hub.delivery.subscription_store import MOST, Delivery, Subscription
from hub.delivery.webhook_message import Answered
from hub.delivery.webhook_sending import Webhooks, secret_of
from hub.errors import Conflict, Fault, NotFound, Unprocessable
from hub.golden_record.store import last_seq


@dataclass(frozen=True, slots=True)
class Wish:
    """What a subscriber asks for. Empty lists: everything that its view shows."""

    name: str
    url: str
    types: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    purpose: str = ""
    from_start: bool = False  # also the changes that the hub still has


class Subscriptions:
    """Subscriptions as a principal may see and change them. `operator`: who asks sits at the hub's own machine, and sees all."""

    def __init__(self, reader: Reader, networks: Sequence[Network] = (), *, operator: bool = False):
        self.reader, self.database, self.networks = reader, reader.database, tuple(networks)
        self.operator = operator

    def create(self, principal: Principal, wish: Wish) -> tuple[Subscription, str]:
        """The subscription, and its secret, which is told this once. Unprocessable names every fault."""
        if faults := self._faults(principal, wish):
            raise Unprocessable("this subscription cannot be made", faults)
        now = self.database.clock.now()
        with self.database.unit() as connection:
            if len(store.subscriptions(connection)) >= MOST:
                raise Conflict(f"there are {MOST} subscriptions: remove one that nobody needs")
            made = Subscription(
                id=f"sub_{dice.token_hex(8)}",
                name=wish.name.strip(),
                principal=principal.id,
                role=principal.role,
                purpose=wish.purpose or self.reader.view(principal, connection).purpose,
                types=wish.types,
                attributes=wish.attributes,
                url=wish.url,
                owner=principal.name,
                state="active",
                reason="",
                generation=1,
                rotated_at=None,
                failing_since=None,
                next_at=0,
                at=now,
            )
            store.save(connection, made)
            start = 0 if wish.from_start else last_seq(connection)
            positions.move(connection, store.consumer_name(made.id), made.role, start)
        return made, self._secret(made)

    def _faults(self, principal: Principal, wish: Wish) -> list[Fault]:
        view, purposes = self.reader.view(principal), self.reader.config.access.roles[principal.role].purposes
        seen = sorted(view.columns)
        faults = []
        if wish.purpose and purposes and wish.purpose not in purposes:
            known_purposes = ", ".join(purposes)
            faults.append(Fault("/purpose", "is none of your role's purposes", f"known: {known_purposes}"))
        if not wish.name.strip():
            faults.append(Fault("/name", "is empty", "say what the subscriber is"))
        faults += [
            Fault("/types", "holds a customer type that this role does not see", f"known: {', '.join(seen) or 'none'}")
            for t in wish.types
            if t not in seen
        ][:1]
        known = sorted({a for t in wish.types or seen for a in view.of(t)})
        faults += [
            Fault("/attributes", "holds an attribute that this role does not see", f"known: {', '.join(known)}")
            for a in wish.attributes
            if a not in known
        ][:1]
        try:
            place_of(wish.url, self.networks)
        except Unprocessable as error:
            faults += error.faults
        except OSError:
            faults.append(Fault("/url", "names a host that is not known", "correct the name"))
        return faults

    def all(self, principal: Principal) -> list[Subscription]:
        with self.database.read() as connection:
            return [s for s in store.subscriptions(connection) if self._sees(principal, s)]

    def get(self, principal: Principal, id: str) -> Subscription:
        with self.database.read() as connection:
            return self._get(connection, principal, id)

    def _get(self, connection: Connection, principal: Principal, id: str) -> Subscription:
        found = store.subscription(connection, id)
        if found is None or not self._sees(principal, found):
            raise NotFound("no such subscription", [Fault("/id", "unknown", "list your subscriptions")])
        return found

    def _sees(self, principal: Principal, one: Subscription) -> bool:
        return self.operator or one.principal == principal.id or "admin" in self.reader.view(principal).may

    def totals(self, principal: Principal) -> dict[str, dict[str, int]]:
        """Deliveries by subscription and state."""
        with self.database.read() as connection:
            seen = {s.id for s in store.subscriptions(connection) if self._sees(principal, s)}
            return {id: states for id, states in store.totals(connection).items() if id in seen}

    def set_state(self, principal: Principal, id: str, state: str, reason: str = "") -> Subscription:
        """Pause, or resume: one that was disabled too."""
        with self.database.unit() as connection:
            self._get(connection, principal, id)
            store.set_state(connection, id, state, reason)
            return self._get(connection, principal, id)

    def rotate(self, principal: Principal, id: str) -> tuple[Subscription, str]:
        """A new secret. The old one signs too for a day. Conflict while that is still so of the last rotation."""
        with self.database.unit() as connection:
            one, now = self._get(connection, principal, id), self.database.clock.now()
            if len(webhook_message.live(one.generation, one.rotated_at, now)) > 1:
                raise Conflict("two secrets are alive already: wait until a day after the last rotation")
            one = replace(one, generation=one.generation + 1, rotated_at=now)
            store.save(connection, one)
        return one, self._secret(one)

    def remove(self, principal: Principal, id: str) -> None:
        """Its deliveries and their log go with it."""
        with self.database.unit() as connection:
            self._get(connection, principal, id)
            store.remove(connection, id)
            positions.leave(connection, store.consumer_name(id))

    def test(self, principal: Principal, id: str) -> Answered:
        """Send an event that tells of nobody, once, and say what came back."""
        one = self.get(principal, id)
        sender = Webhooks(self.reader, self.networks)
        try:
            event = f"evt_test_{dice.token_hex(8)}"
            return sender.send(
                one, event, webhook_message.encoded(webhook_message.trial(event, self.database.clock.now()))
            )
        finally:
            sender.close()

    def deliveries(
        self, principal: Principal, id: str, *, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """The log, the newest first. No values: what was sent is rendered anew when it is sent again."""
        with self.database.read() as connection:
            self._get(connection, principal, id)
            return store.log(connection, id, status, before, limit)

    def retry(self, principal: Principal, id: str, event: str | None = None) -> int:
        """Dead letters wait again: one, or all. How many."""
        with self.database.unit() as connection:
            self._get(connection, principal, id)
            found = store.retry(connection, id, self.database.clock.now(), event)
        if event is not None and not found:
            raise _no_dead_letter()
        return found

    def replay(self, principal: Principal, id: str, since: int, until: int) -> int:
        """Send again the changes of a range of time that were sent, dead or dropped. How many."""
        with self.database.unit() as connection:
            self._get(connection, principal, id)
            return store.replay(connection, id, since, until, self.database.clock.now())

    def drop(self, principal: Principal, id: str, event: str, reason: str) -> None:
        """Give a dead letter up, with the reason."""
        with self.database.unit() as connection:
            self._get(connection, principal, id)
            if not store.drop(connection, id, event, reason, self.database.clock.now()):
                raise _no_dead_letter()

    def _secret(self, one: Subscription) -> str:
        return webhook_message.secret_text(secret_of(self.reader, one.id, one.generation))


def _no_dead_letter() -> NotFound:
    return NotFound(
        "no such dead letter", [Fault("/event", "unknown, or not dead", "list deliveries with status=dead")]
    )
