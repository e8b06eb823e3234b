"""What a customer agreed and objected to, what holds of it and why, and by which channel they want to be reached; in the
asker's view. A role whose view does not name `consent` is told nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.access.audit.log import REQUEST, AuditLine
from hub.access.authentication.principals import Principal
from hub.access.door import shown_name
from hub.access.policy.purposes import Views
from hub.access.policy.view import View, narrowed, see
from hub.access.read import Reader
from hub.consents import store
from hub.consents.agreed import by_attribute
from hub.consents.effective import Agreed, effective, preferred
from hub.consents.statement import GRANTED, Statement
from hub.golden_record import store as golden_store
from hub.golden_record.run import dead_leading
from hub.interactions import tally_store
from hub.kinds import KINDS
from hub.kinds.moment import spelled
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.settings import CONSENT, SAID

ENOUGH = 5  # contacts by a channel, from which its answers say something
ANSWERED = "answered"
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class SeenStatement:
    """What was said, as the view shows it. `id`: '' of what an attribute of the record says."""

    id: str
    record: RecordId
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SeenAgreed:
    """What holds for a purpose and a channel, by which statement, and what did not prevail, in words too."""

    purpose: str
    channel: str
    state: str
    by: SeenStatement
    others: tuple[SeenStatement, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Preferred:
    channel: str
    why: str


@dataclass(frozen=True, slots=True)
class SeenAgreements:
    statements: tuple[SeenStatement, ...]
    holds: tuple[SeenAgreed, ...]
    preferred: Preferred | None


class Agreements:
    """Answers for principals, through the reader's door."""

    def __init__(self, reader: Reader):
        self.reader, self.config = reader, reader.config
        self._views = Views(self.config, {SAID: tuple(CONSENT)})

    def view(self, principal: Principal) -> View:
        return narrowed(self._views.asked(principal.role), principal.scopes)

    def of_customer(self, principal: Principal, id: str) -> SeenAgreements:
        """NotFound and Gone as for the customer."""
        view = self.view(principal)
        with self.reader.database.read() as connection:
            shown, members = self.reader.located(connection, principal, id)
            found = self._seen(connection, view, shown, members)
        if found.statements:
            self._sighted(principal, view, shown)
        return found

    def _seen(self, connection: Connection, view: View, shown: str, members: set[int]) -> SeenAgreements:
        if not view.sees(SAID):
            return SeenAgreements((), (), None)
        owners, said = self._said(connection, shown, members)
        ids = {i.rid: i.mint for i in landing.records(connection, [r for r, _ in said if r]).values()}

        row = {id(s): r for r, s in said}

        def seen(statement: Statement) -> SeenStatement:
            return SeenStatement(
                ids.get(row[id(statement)], ""), shown_name(statement.owner, view), _values(view, statement, self)
            )

        listed = sorted((s for _, s in said), key=lambda s: (s.order, s.owner), reverse=True)
        holds = effective(listed)
        whole = view.shown(SAID) >= {"purpose", "channel", "state"}  # what holds tells all three
        told = tuple(
            SeenAgreed(a.purpose, a.channel, a.state, seen(a.by), tuple(map(seen, a.outweighs)), why(a))
            for a in (holds if whole else ())
        )
        chosen = self._preferred(connection, listed, holds, owners) if whole else None
        return SeenAgreements(tuple(map(seen, listed)), told, chosen)

    def _said(
        self, connection: Connection, shown: str, members: set[int]
    ) -> tuple[list[RecordId], list[tuple[int, Statement]]]:
        """The names that a customer goes by, and all that was said of them, each with its row (0: an attribute)."""
        infos = landing.records(connection, members)
        led = [d.id for ds in dead_leading(connection, members).values() for d in ds]
        owners = [*(i.id for i in infos.values()), *led]
        said = [(rid, s) for of in store.of_owners(connection, owners).values() for rid, s in of.items()]
        customer = golden_store.customer(connection, shown)
        assert customer is not None
        held = {infos[r].id: h for r, h in matching_store.held(connection, members).items()}
        overrides = golden_store.overrides_on(connection, {r: i.id for r, i in infos.items()})
        now = self.reader.database.clock.now()
        more = by_attribute(
            held, [o for os in overrides.values() for o in os], self.config.customers[customer.type], now
        )
        return owners, [*said, *((0, s) for s in more)]

    def _preferred(
        self, connection: Connection, said: Sequence[Statement], holds: Sequence[Agreed], owners: Sequence[RecordId]
    ) -> Preferred | None:
        refused = {a.channel for a in holds if a.channel and a.state != GRANTED}
        permitted = {a.channel for a in holds if a.channel and a.state == GRANTED}
        never = refused - permitted  # by no purpose
        own = preferred(said)
        if own is not None and own.said.channel not in never:
            return Preferred(own.said.channel, f"said so themselves on {spelled(own.said.at)[:10]}")
        answered: dict[str, list[int]] = {}
        for tally in tally_store.of(connection, owners):
            if tally.channel and tally.state and tally.channel not in never:
                counts = answered.setdefault(tally.channel, [0, 0])
                counts[0] += tally.n if tally.state == ANSWERED else 0
                counts[1] += tally.n
        rates = {c: (*interval(got, n), got, n) for c, (got, n) in answered.items() if n >= ENOUGH}
        if not rates:
            return None
        channel = max(sorted(rates), key=lambda c: rates[c][0])
        low, high, got, n = rates[channel]
        return Preferred(channel, f"answered {got} of {n} times ({low:.0%} to {high:.0%})")

    def _sighted(self, principal: Principal, view: View, customer: str) -> None:
        attributes = sorted(f"{SAID}.{a}" for a in view.of(SAID))
        now = self.reader.database.clock.now()
        self.reader.audit.write(
            AuditLine(
                principal.id, principal.role, "consents", [customer], attributes, view.purpose, now, REQUEST.get()
            )
        )


def why(a: Agreed) -> str:
    """Why a state holds, in a sentence."""
    how = f" by {a.by.said.how}" if a.by.said.how else ""
    held = f"{a.state} on {spelled(a.by.said.at)[:10]}{how}"
    if all(o.said.state == a.state for o in a.outweighs):
        return held
    if a.state == GRANTED and any(o.said.state != GRANTED for o in a.outweighs):
        return f"{held}: later than the no of another record, and given provably"
    return f"{held}: the strictest of what {len(a.outweighs) + 1} records say"


def interval(got: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a rate, at 95 %."""
    rate, square = got / n, Z * Z
    middle, half = rate + square / (2 * n), Z * (rate * (1 - rate) / n + square / (4 * n * n)) ** 0.5
    return max(0.0, (middle - half) / (1 + square / n)), min(1.0, (middle + half) / (1 + square / n))


def _values(view: View, statement: Statement, agreements: Agreements) -> dict[str, object]:
    s = statement.said
    said = {"purpose": s.purpose, "channel": s.channel, "state": s.state, "at": spelled(s.at)}
    said |= {"text": s.text, "how": s.how, "where": s.where}
    masks = {a: KINDS[d.kind].mask for a, d in CONSENT.items()}
    looked = see({k: [v] for k, v in said.items() if v}, view.of(SAID), masks, agreements.reader.pseudonym_key(view))
    return {a: v[0] for a, v in looked.items()}
