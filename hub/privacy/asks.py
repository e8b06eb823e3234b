"""Companies ask customers for data, customers grant it and take it back.

A company names a contact point, a purpose and what it wants. It is answered alike whether or not anybody is known by it, and
learns nothing until somebody grants. What is granted it has once, or from then on as it is; where its purpose rests on consent and
all of it is granted, it is told of changes like any subscriber.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.access.audit.log import AuditLine
from hub.access.authentication.contact_proof import contact_point
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.consents.statement import GRANTED, WITHDRAWN, ConsentSaid
from hub.errors import Conflict, Fault, NotFound, Refused, Unprocessable
from hub.privacy import ask_store as store
from hub.privacy.ask_store import CompanyAsk
from hub.resolve.logbook import Logbook
from hub.settings import CLAIMED_KINDS, SELF

ASKED, GIVEN, TAKEN_BACK, NO, HAD = "asked", "granted", "withdrawn", "refused", "delivered"
HOW = "signed in"


@dataclass(frozen=True, slots=True)
class AskSeen:
    """What a company is told of what it asked: nothing of a customer before they granted it."""

    id: str
    state: str
    values: Mapping[str, object] | None


class Asks:
    """Of one hub. `key`: what contact points are hashed with."""

    def __init__(self, reader: Reader, logbook: Logbook, key: bytes):
        self.reader, self.database, self.logbook, self._key = reader, reader.database, logbook, key

    # --- the company ---

    def ask(
        self, principal: Principal, kind: str, to: str, *, purpose: str, attributes: Sequence[str], ongoing: bool
    ) -> AskSeen:
        """Ask whoever is known by a contact point. Unprocessable: no contact point, a purpose that is none of the role's, an
        attribute that it may not see."""
        view, role = self.reader.view(principal), self.reader.config.access.roles[principal.role]
        known = sorted({a for t in self.reader.config.customers for a in view.shown(t)})
        faults = [
            Fault("/attributes", f"'{a}' is not shown to your role", f"known: {', '.join(known)}")
            for a in attributes
            if a not in known
        ]
        if purpose not in role.purposes:
            faults.append(Fault("/purpose", "is none of your role's purposes", f"known: {', '.join(role.purposes)}"))
        if faults or not attributes:
            raise Unprocessable(
                "this cannot be asked for", faults or [Fault("/attributes", "is empty", "name what you want")]
            )
        point, _ = contact_point(kind, to, self._country())
        wanted = tuple(dict.fromkeys(attributes))
        made = CompanyAsk(
            f"ask_{secrets.token_hex(8)}", principal.id, principal.name, principal.role, purpose, wanted, ongoing,
            self._hash(point.stream, point.key), "", (), ASKED, self.database.clock.now(),
        )  # fmt: skip
        with self.database.unit() as connection:
            store.save_ask(connection, made)
        return AskSeen(made.id, ASKED, None)

    def get(self, principal: Principal, id: str) -> AskSeen:
        """How it stands, and what is granted. Once: it is had by that. A no is told as no answer yet. NotFound."""
        with self.database.read() as connection:
            found = store.company_ask(connection, id)
        if found is None or found.principal != principal.id:
            raise NotFound("you asked no such thing", [Fault("/id", "unknown")])
        if found.state != GIVEN:
            return AskSeen(id, ASKED if found.state == NO else found.state, None)
        own = self._as_themselves(principal)
        try:
            with self.database.read() as connection:
                customer = self.reader.find(connection, self.reader.view(own, connection), found.subject)
        except Refused:  # restricted, gone: whatever became of them, it may not have them now
            return AskSeen(id, TAKEN_BACK, None)
        with self.database.unit() as connection:
            now = store.company_ask(connection, id)
            if now is None or now.state != GIVEN:
                return AskSeen(id, TAKEN_BACK if now is None else now.state, None)
            state = GIVEN if now.ongoing else HAD
            store.save_ask(connection, replace(now, state=state, had_at=self.database.clock.now(), had=now.had + 1))
        at, granted = self.database.clock.now(), list(now.granted)
        self.reader.audit.write(
            AuditLine(principal.id, principal.role, "granted", [customer.id], granted, now.purpose, at)
        )
        values = self.reader.seen_values(own, customer.type, customer.values)
        return AskSeen(id, state, {a: values[a] for a in now.granted if a in values})

    def _as_themselves(self, principal: Principal) -> Principal:
        """What is granted is of what customers see of themselves: the grant is the condition, whatever others a role has."""
        people = self.reader.config.access.sign_in.people
        if people is None:
            raise NotFound("customers do not sign in here")
        return replace(principal, role=people.role, scopes=None)

    # --- the customer ---

    def of(self, principal: Principal, id: str) -> list[CompanyAsk]:
        """What was asked of who is signed in and is this customer, and how it stands; the newest first."""
        shown, ids = self.reader.ids_of(principal, id)
        with self.database.read() as connection:
            return store.asks_of(connection, self._contacts(connection, principal, shown), ids)

    def grant(self, principal: Principal, id: str, ask: str, attributes: Sequence[str]) -> CompanyAsk:
        """Let the company have these of what it asked for. Conflict once it was answered."""
        found = self._asked(principal, id, ask)
        given = tuple(a for a in found.attributes if a in set(attributes))
        if found.state != ASKED:
            raise Conflict(f"this is {found.state}")
        if not given:
            raise Unprocessable("nothing of it is granted", [Fault("/attributes", "is empty", "refuse it instead")])
        made = replace(found, state=GIVEN, granted=given, subject=principal.subject or "")
        return self._answer(principal, id, made, GRANTED if self._told(made) else "")

    def refuse(self, principal: Principal, id: str, ask: str) -> CompanyAsk:
        """The company is not told. Conflict once it was answered."""
        found = self._asked(principal, id, ask)
        if found.state != ASKED:
            raise Conflict(f"this is {found.state}")
        return self._answer(principal, id, replace(found, state=NO, subject=principal.subject or ""))

    def withdraw(self, principal: Principal, id: str, ask: str) -> CompanyAsk:
        """It has nothing of it from now on. Conflict where nothing is granted."""
        found = self._asked(principal, id, ask)
        if found.state != GIVEN:
            raise Conflict(f"this is {found.state}")
        return self._answer(principal, id, replace(found, state=TAKEN_BACK), WITHDRAWN if self._told(found) else "")

    def _asked(self, principal: Principal, id: str, ask: str) -> CompanyAsk:
        found = next((a for a in self.of(principal, id) if a.id == ask), None)
        if found is None:
            raise NotFound("nobody asked that", [Fault("/ask", "unknown")])
        return found

    def _answer(self, principal: Principal, id: str, made: CompanyAsk, consent: str = "") -> CompanyAsk:
        """Keep the answer, and in the same unit the consent that it is. Conflict where it was answered meanwhile."""
        now = self.database.clock.now()
        answered = replace(made, answered_at=now)

        def keep(connection: Connection, _said: str = "") -> None:
            before = store.company_ask(connection, made.id)
            if before is None or before.state != (GIVEN if made.state == TAKEN_BACK else ASKED):
                raise Conflict("this was answered meanwhile")
            store.save_ask(connection, answered)

        if consent:
            said = ConsentSaid(made.purpose, "", consent, now, made.id, HOW, "portal")
            self.logbook.say(id, said, by="customer", source=SELF, mark=keep)
        else:
            with self.database.unit() as connection:
                keep(connection)
        line = AuditLine(
            principal.id, principal.role, f"ask {made.state}", [made.subject], list(made.granted), made.purpose, now
        )
        self.reader.audit.write(line)
        return answered

    def _told(self, ask: CompanyAsk) -> bool:
        """Is the company told of changes, as a subscriber of a purpose that rests on consent?"""
        purpose = self.reader.config.purposes.get(ask.purpose)
        return (
            ask.ongoing
            and purpose is not None
            and purpose.basis == "consent"
            and set(ask.granted) == set(ask.attributes)
        )

    def _contacts(self, connection: Connection, principal: Principal, id: str) -> list[str]:
        customer = self.reader.find(connection, self.reader.view(principal, connection), id)
        kinds = self.reader.config.customers[customer.type].attributes
        found = []
        for attribute, values in customer.values.items():
            if attribute in kinds and (kind := kinds[attribute].kind) in CLAIMED_KINDS:
                points = (contact_point(kind, str(v), self._country())[0] for v in values)
                found += [self._hash(p.stream, p.key) for p in points]
        return found

    def _country(self) -> str | None:
        people = self.reader.config.access.sign_in.people
        return people.country if people else None

    def _hash(self, kind: str, form: str) -> str:
        return hmac.new(self._key, f"{kind} {form}".encode(), hashlib.sha256).hexdigest()


__all__ = ["AskSeen", "Asks", "CompanyAsk"]
