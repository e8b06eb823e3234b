"""Who is on the line: from what a caller says to a few customers, and from an answer to proof of who it is.

An answer is compared, never shown. Wrong ones are counted, of the customer and of who asks, and lock: for everybody who
asks of that customer, and for whoever guesses at many. The proof is a signed note of some minutes: later requests show it, and
the audit keeps that they did. What may be asked is named by the role (`asks`) or shown to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hub.access import caller_store as callers
from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.caller_answers import NAMES, says
from hub.access.caller_store import Failures
from hub.access.cursors import seal
from hub.access.door import PROOF, unknown
from hub.access.policy.view import View
from hub.access.read import Reader
from hub.access.seen import FoundCustomer
from hub.errors import Fault, Locked, Unprocessable
from hub.golden_record.store import StoredCustomer
from hub.kinds import spelling
from hub.kinds.reading import says_nothing
from hub.model import from_micros, from_plain

MINUTE = 60_000_000
FEWEST, MOST = 2, 5  # things that a caller says
SHOWN = 3  # customers that are told; with more, only what to ask next
LOOKED_AT = 50  # customers that a question is looked for among
NAME = "name"  # any attribute that is a name


@dataclass(frozen=True, slots=True)
class Found:
    """Customers that hold all that the caller said; none of them where they are too many. `ask`: the attribute that tells
    most of them apart, or that would prove who it is; None: there is none left to ask."""

    customers: tuple[FoundCustomer, ...]
    many: bool
    ask: str | None


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """Was the answer right? The proof and until when it holds, if so; else how many more are heard."""

    right: bool
    proof: str | None
    until: int | None
    left: int


class Callers:
    """Identifies callers, through the reader's door."""

    def __init__(self, reader: Reader):
        self.reader, self.config, self.database = reader, reader.config, reader.database
        self.rules = reader.config.access.callers

    def identify(self, principal: Principal, said: Mapping[str, str], type_name: str) -> Found:
        """Customers of a type that hold everything that was said. Unprocessable: not enough, or of what is not shown."""
        view = self.reader.view(principal)
        within = {name: self._attributes(view, type_name, name) for name in said}
        faults = [
            Fault(f"/said/{n}", "unknown attribute", f"known: {self._known(view, type_name)}")
            for n, a in within.items()
            if not a
        ]
        faults += [
            Fault(f"/said/{n}", "says nothing", "leave it out") for n, text in said.items() if says_nothing(text)
        ]
        if not FEWEST <= len(said) <= MOST:
            faults.append(Fault("/said", f"{len(said)} things", f"say {FEWEST} to {MOST} that the caller said"))
        if faults:
            raise Unprocessable("nobody can be looked for by this", faults)
        with self.database.read() as connection:
            met = [
                way
                for name, text in said.items()
                for way in self.reader.ways_within(connection, view, type_name, within[name], text)
            ]
            found = self.reader.holding(connection, view, type_name, met, LOOKED_AT)
        ask = self._question(principal, view, type_name, found, frozenset().union(*within.values()))
        many = len(found) > SHOWN
        told = () if many else tuple(self.reader.found(view, c, {type_name: met}) for c in found)
        self._audit(principal, view, "identify", [c.id for c in told], sorted(view.of(type_name)))
        return Found(told, many, ask)

    def verify(self, principal: Principal, id: str, name: str, answer: str) -> HeardAnswer:
        """Compare an answer with what is held. Unprocessable: may not be asked; Locked: too many wrong ones."""
        view = self.reader.view(principal)
        now = self.database.clock.now()
        with self.database.read() as connection:
            customer = self.reader.find(connection, view, id)
        if name not in self._askable(principal, view, customer.type):
            known = ", ".join(self._askable(principal, view, customer.type))
            raise Unprocessable("this may not be asked", [Fault("/attribute", "unknown attribute", f"known: {known}")])
        attribute, _, part = name.partition(".")
        held = self.config.customers[customer.type].attributes[attribute]
        values = customer.values.get(attribute, ())
        right = says(held, part, values, answer, self.reader.sealing_key)  # may be slow: while nobody waits
        subjects = {
            f"customer {customer.id}": self.rules.attempts,
            f"agent {principal.id}": self.rules.attempts_of_agent,
        }
        with self.database.unit() as connection:
            counts = {s: self._failures(connection, s, now) for s in subjects}
            _refuse_locked(counts)
            if right:
                callers.forget_failures(connection, f"customer {customer.id}")
            else:
                counts = {s: self._failed(connection, s, counts[s], most, now) for s, most in subjects.items()}
        self._audit(principal, view, "verified" if right else "answer was wrong", [customer.id])
        if not right:
            return HeardAnswer(
                False, None, None, max(0, min(most - counts[s].failures for s, most in subjects.items()))
            )
        until = now + self.rules.proof_minutes * MINUTE
        proof = seal(self.reader.proof_key, [secrets.token_hex(6), customer.id, until], PROOF, principal.id)
        return HeardAnswer(True, proof, until, self.rules.attempts)

    def unlock(self, principal: Principal, id: str) -> None:
        """Hear answers again, of a customer or of who asks (the id of its key). NotFound: neither is locked."""
        with self.database.unit() as connection:
            subjects = [s for s in (f"customer {id}", f"agent {id}") if callers.failures(connection, s).failures]
            for subject in subjects:
                callers.forget_failures(connection, subject)
        if not subjects:
            raise unknown()
        self._audit(principal, self.reader.view(principal), "unlock", [id])

    # --- what may be asked ---

    def _attributes(self, view: View, type_name: str, name: str) -> frozenset[str]:
        shown = view.shown(type_name)
        if name == NAME and name not in shown:
            kinds = self.config.customers.get(type_name)
            return frozenset(a for a in shown if kinds and kinds.attributes[a].kind in NAMES)
        return shown & {name}

    def _known(self, view: View, type_name: str) -> str:
        return ", ".join([NAME, *sorted(view.shown(type_name))])

    def _askable(self, principal: Principal, view: View, type_name: str) -> list[str]:
        named = self.config.access.roles[principal.role].asks.get(type_name, ())
        return [*named, *sorted(view.shown(type_name) - set(named))]

    def _question(
        self, principal: Principal, view: View, type_name: str, found: Sequence[StoredCustomer], said: frozenset[str]
    ) -> str | None:
        """What all of them hold and most of them differ in, what the role names for it first; of none a thing that was said."""
        best: tuple[int, str | None] = (0, None)
        for name in self._askable(principal, view, type_name):
            attribute, _, part = name.partition(".")
            if attribute in said or not all(c.values.get(attribute) for c in found):
                continue
            kind = self.config.customers[type_name].attributes[attribute].kind
            different = len({_spelt(kind, part, c.values[attribute]) for c in found})
            if different > best[0]:
                best = (different, name)
        return best[1] if found and (len(found) == 1 or best[0] > 1) else None

    # --- wrong answers ---

    def _failures(self, connection: Connection, subject: str, now: int) -> Failures:
        """Those of late: what is older than a lock lasts is forgotten."""
        kept = callers.failures(connection, subject)
        stale = kept.locked_until <= now and now - kept.since > self.rules.lock_minutes * MINUTE
        return Failures(0, now, 0) if stale else kept

    def _failed(self, connection: Connection, subject: str, before: Failures, most: int, now: int) -> Failures:
        count = before.failures + 1
        until = now + self.rules.lock_minutes * MINUTE if count >= most else 0
        after = Failures(count, before.since or now, until)
        callers.save_failures(connection, subject, after)
        return after

    def _audit(
        self, principal: Principal, view: View, action: str, customers: Sequence[str], seen: Sequence[str] = ()
    ) -> None:
        now = self.database.clock.now()
        self.reader.audit.write(AuditLine(principal.id, principal.role, action, customers, seen, view.purpose, now))


def _spelt(kind: str, part: str, values: Sequence[object]) -> Any:
    """What of it would tell two customers apart, the first value standing for all."""
    value = from_plain(values[0])
    return dict(value).get(part, "") if part and not isinstance(value, str) else spelling(kind, value)


def _refuse_locked(counts: Mapping[str, Failures]) -> None:
    until = max(c.locked_until for c in counts.values())
    if not until:
        return
    subject = next(s for s, c in counts.items() if c.locked_until == until)
    told = from_micros(until).isoformat(timespec="seconds").replace("+00:00", "Z")
    raise Locked(
        "too many wrong answers",
        [
            Fault(
                subject.partition(" ")[0],
                f"locked until {told}",
                "wait, or ask a role with the permission 'admin' to unlock it",
            )
        ],
    )
