"""What a person who signed in sees of themselves and does about it: for their pages and for apps alike.

Everything is of the one customer that they are; what is not surely theirs is not shown. All that they say lands as an input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hub.access.agreements import Agreements, SeenAgreements
from hub.access.audit.sights import SeenSight, sights_of
from hub.access.authentication.own import OwnSelf, own_self
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.access.seen import SeenCustomer, SeenRecord
from hub.consents.statement import ConsentSaid
from hub.errors import Conflict, Fault, Unprocessable
from hub.model import Plain
from hub.privacy.package import Document, Packages
from hub.privacy.requests import ASKED, OPEN, Kind, Requests, RequestSeen
from hub.resolve.logbook import Logbook
from hub.resolve.own_side import OwnSide, OwnWord, contacts_of
from hub.settings import SELF

T = TypeVar("T")

HOW = "signed in"
DAY = 86_400_000_000
SIGHTS = 200  # looks at them that are told, the newest
ASKABLE: tuple[Kind, ...] = (
    "erasure",
    "restriction",
    "review",
)  # what somebody has to do; the rest a person does themselves


@dataclass(frozen=True, slots=True)
class Mine:
    """For one hub."""

    reader: Reader
    agreements: Agreements
    own_side: OwnSide
    logbook: Logbook
    requests: Requests
    packages: Packages

    def who(self, principal: Principal) -> OwnSelf:
        """Who they are. Not certain while a review that was asked for runs, either."""
        found = own_self(self.reader, principal)
        return replace(found, certain=found.certain and not self._running(found, "review"))

    def sure(self, principal: Principal) -> OwnSelf:
        """The same. Conflict where it is not certain: it could be another's data."""
        found = self.who(principal)
        if not found.certain:
            raise Conflict("somebody looks first whether all that is held here is about you")
        return found

    # --- what is held ---

    def customer(self, principal: Principal) -> SeenCustomer:
        """Each value, with who gave it. Conflict where it is not certain."""
        return self.reader.get_customer(principal, self.sure(principal).id, lineage=True)

    def record(self, principal: Principal) -> SeenRecord:
        """What the record says that they are known by: all that they see where more is not certain."""
        me = self.who(principal)
        return next(r for r in self.reader.records(principal, me.id) if r.record == me.record)

    def recipients(self, principal: Principal) -> list[Document]:
        """Who was sent data of them, by name."""
        return self.packages.recipients(principal, self.sure(principal).id)

    def sights(self, principal: Principal) -> list[SeenSight]:
        """Who looked, beside themselves: as what and what for, the last time of each day. Members of staff are not named."""
        found = sights_of(self.reader, principal, self.sure(principal).id, SIGHTS)
        once = {(s.at // DAY, s.role, s.purpose): s for s in reversed(found) if s.role != principal.role}
        return [replace(s, principal="", origin="", request="") for s in sorted(once.values(), key=lambda s: -s.at)]

    def package(self, principal: Principal, make: Callable[[Document], T], *, portable: bool, language: str) -> T:
        """A copy of everything, or of what they gave, to take elsewhere, as `make` makes it. It is a request that is answered
        as soon as it is made."""
        me = self.sure(principal)
        made = make(self.packages.made(principal, me.id, portable=portable))
        kind: Kind = "portability" if portable else "access"
        running = self._running(me, kind)
        id = running[0].request.id if running else self._open(me, kind, language=language).request.id
        self.requests.close(id)
        return made

    # --- what they say ---

    def state(
        self,
        principal: Principal,
        values: Mapping[str, Plain | Sequence[Plain] | None],
        *,
        since: str = "",
        proved: Mapping[str, Sequence[Plain]] | None = None,
    ) -> None:
        """Put values right: they survive every pull and go to the systems. Unprocessable names each that cannot be kept; a
        contact point that is not held yet has to be `proved` to be theirs."""
        me, proved = self.sure(principal), proved or {}
        kinds = {a: d.kind for a, d in self.reader.config.customers[me.type].attributes.items()}
        held = self.reader.get_customer(principal, me.id).values
        faults = []
        for attribute, given in contacts_of(kinds, values).items():
            known = held.get(attribute)
            there = [*(known if isinstance(known, list) else [known]), *proved.get(attribute, ())]
            if any(value not in there for value in given):
                faults.append(Fault(f"/values/{attribute}", "is not known to be yours", "prove it by a code first"))
        if faults:
            raise Unprocessable("this cannot be kept", faults)
        self.own_side.state(me.id, OwnWord(values, HOW, since, proved), by="customer", record=me.record)

    def add_contact(self, principal: Principal, attribute: str, value: str) -> None:
        """A contact point that was just proved to be theirs, beside those that are held; first of all."""
        me = self.sure(principal)
        held = self.reader.get_customer(principal, me.id).values.get(attribute)
        many = self.reader.config.customers[me.type].attributes[attribute].many
        others = [v for v in (held if isinstance(held, list) else []) if v != value]
        self.state(principal, {attribute: [value, *others] if many else value}, proved={attribute: [value]})

    def consents(self, principal: Principal) -> SeenAgreements:
        return self.agreements.of_customer(principal, self.sure(principal).id)

    def consent(self, principal: Principal, purpose: str, channel: str, state: str, *, text: str, where: str) -> None:
        """What they agree or object to. Unprocessable: no such purpose."""
        me, known = self.sure(principal), self.reader.config.purposes
        if state != "preferred" and purpose not in known:
            raise Unprocessable(
                "there is no such purpose", [Fault("/purpose", "unknown", f"known: {', '.join(known)}")]
            )
        now = self.reader.database.clock.now()
        said = ConsentSaid(purpose, channel.casefold(), state, now, text, HOW, where)
        self.logbook.say(me.id, said, by="customer", source=SELF)

    # --- what they ask ---

    def asked(self, principal: Principal) -> list[RequestSeen]:
        """What they asked and where it stands, the newest first."""
        return self.requests.of(self.who(principal).id)

    def ask(self, principal: Principal, kind: Kind, *, reason: str = "", language: str = "en") -> RequestSeen:
        """Ask for what somebody has to do. Conflict while one of its kind runs."""
        if kind not in ASKABLE:
            raise Unprocessable("this cannot be asked for", [Fault("/kind", "unknown", f"known: {', '.join(ASKABLE)}")])
        return self._open(self.who(principal), kind, reason=reason, language=language)

    def contest(self, principal: Principal, source: str, *, language: str = "en") -> RequestSeen:
        """That is not me: what a source says is of another. Nothing but their own record is shown until somebody looked, and
        nothing is taken apart by itself. Conflict while one runs."""
        me = self.sure(principal)
        known = {r.record.source for r in self.reader.records(principal, me.id)}
        if source not in known:
            raise Unprocessable("there is no such source", [Fault("/source", "unknown", f"known: {', '.join(known)}")])
        return self._open(me, "review", reason=f"says that what {source} holds is of somebody else", language=language)

    def _open(self, me: OwnSelf, kind: Kind, *, reason: str = "", language: str) -> RequestSeen:
        state = ASKED if kind == "erasure" else OPEN
        made = self.requests.open(me.id, kind, by="customer", reason=reason, language=language, state=state)
        return self.requests.get(made.id)

    def _running(self, me: OwnSelf, kind: Kind) -> list[RequestSeen]:
        return [r for r in self.requests.of(me.id) if r.request.kind == kind and r.request.closed is None]
