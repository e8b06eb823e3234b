"""What people ask about their data, as sagas: each step in a unit of its own, each done once however often it is taken.

An erasure goes: suppressed (nothing of them comes back), removed (from every table), compacted (from the database's files),
closed (every recipient has answered). What it needs to know of the person is sealed, and deleted when it is closed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import Connection

from hub import db
from hub.access.authentication.senders import forget_messages
from hub.access.read import Reader
from hub.consents.effective import AGREED, IS_RESTRICTED
from hub.consents.statement import LIFTED, OBJECTED, RESTRICTED, ConsentSaid
from hub.delivery import store as positions
from hub.delivery import subscription_store
from hub.delivery.erasing import SETTLED, ErasedThere, erase_there
from hub.delivery.lying_files import drops_telling_of, files_holding, told_up_to
from hub.errors import Conflict, Fault, NotFound, Refused, Unprocessable
from hub.golden_record import store as golden_store
from hub.golden_record.customers import find_customer
from hub.landing import store as landing
from hub.landing import suppression
from hub.matching import store as matching_store
from hub.privacy import request_store as store
from hub.privacy.clock import acknowledge_due, extended_due, first_due
from hub.privacy.ledger import Ledger, LedgerLine
from hub.privacy.removal import remove, subject_of
from hub.privacy.request_store import Receipt, StoredRequest
from hub.privacy.sealing import Subject, open_subject, seal_subject
from hub.resolve.forgetting import forget
from hub.resolve.logbook import Logbook
from hub.resolve.resolver import Resolver

Kind = Literal["access", "portability", "rectification", "erasure", "restriction", "objection", "review"]
CUSTOMER = "customer"  # who asked: they themselves, in their own pages, where they see that it came
log = structlog.get_logger()

ASKED = "asked"  # of an erasure: by the person, and not begun
OPEN, SUPPRESSED, REMOVED, COMPACTED, CLOSED, REFUSED = (
    "open",
    "suppressed",
    "removed",
    "compacted",
    "closed",
    "refused",
)
SECOND = 1_000_000
FILES = 10  # of a drop, named in a receipt


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """A request with its receipts; of subscriptions among the recipients their names."""

    request: StoredRequest
    receipts: tuple[Receipt, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    def named(self, receipt: Receipt) -> str:
        """What people call a recipient."""
        return self.names.get(receipt.recipient) or receipt.recipient.partition(":")[2]


class Requests:
    """Requests to one hub. `folder`: where its ledger of erasures is; `key`: what subjects are sealed with."""

    def __init__(self, resolver: Resolver, reader: Reader, folder: Path, key: bytes):
        self.resolver, self.reader, self.database, self._key = resolver, reader, resolver.database, key
        self.ledger, self.rules = Ledger(folder), resolver.config.answering

    # --- any request ---

    def open(
        self, id: str, kind: Kind, *, by: str, reason: str = "", language: str = "en", state: str = OPEN
    ) -> StoredRequest:
        """A request of the customer that an id leads to. NotFound, Gone; Conflict while one of its kind runs."""
        with self.database.unit() as connection:
            customer = find_customer(connection, id)
            return self._open(connection, customer.id, kind, by, reason, language, state)

    def _open(
        self,
        connection: Connection,
        customer: str,
        kind: Kind,
        by: str,
        reason: str,
        language: str,
        state: str = OPEN,
    ) -> StoredRequest:
        ids = self._ids(connection, customer)
        if (running := self._of_kind(connection, ids, kind)) is not None:
            told = f"{running.id} is {running.state}"
            raise Conflict(
                f"a request of this kind runs already: {told}", [Fault("/kind", told, "go on with that one")]
            )
        now = self.database.clock.now()
        made = StoredRequest(
            f"req_{secrets.token_hex(8)}", kind, customer, state, by, language, reason, "", now, first_due(now, self.rules),
            acknowledged=now if by == CUSTOMER else None,
        )  # fmt: skip
        store.save(connection, made)
        return made

    def _of_kind(self, connection: Connection, ids: Iterable[str], kind: Kind) -> StoredRequest | None:
        """The one of a kind that runs."""
        return next((r for r in store.of_customer(connection, ids) if r.kind == kind and r.closed is None), None)

    def _asked(self, connection: Connection, id: str, kind: Kind, by: str, reason: str, language: str) -> StoredRequest:
        """The one of a kind that runs, with one more reason; else one that is opened now."""
        running = self._of_kind(connection, self._ids(connection, id), kind)
        if running is not None:
            return replace(running, reason=_joined(running.reason, reason))
        return self._open(connection, find_customer(connection, id).id, kind, by, reason, language)

    def extend(self, id: str, *, reason: str) -> StoredRequest:
        """Longer, which the person is told of, with the reason, before it was due. Conflict when it is too late, or done before."""
        if not reason.strip():
            raise Unprocessable(
                "taking longer has a reason", [Fault("/reason", "is empty", "say why: it is told to the person")]
            )
        with self.database.unit() as connection:
            request, now = self._running(connection, id), self.database.clock.now()
            if request.extended is not None or now > request.due:
                raise Conflict("a request is extended once, before it is due")
            made = replace(request, due=extended_due(request.opened, self.rules), extended=now, answer=reason.strip())
            store.save(connection, made)
            return made

    def acknowledge(self, id: str) -> StoredRequest:
        """The person was told that it came. Said again it changes nothing."""
        with self.database.unit() as connection:
            request = self._running(connection, id)
            made = replace(request, acknowledged=request.acknowledged or self.database.clock.now())
            store.save(connection, made)
            return made

    def to_acknowledge(self, request: StoredRequest) -> int | None:
        """Until when the person has to be told that it came; None: they were, or need not be."""
        done = request.acknowledged is not None or request.closed is not None
        return None if done else acknowledge_due(request.opened, self.rules)

    def refuse(self, id: str, *, reason: str) -> StoredRequest:
        """With the reason that the person is told. Conflict once anything was done."""
        if not reason.strip():
            raise Unprocessable(
                "a refusal has a reason", [Fault("/reason", "is empty", "say why: it is told to the person")]
            )
        with self.database.unit() as connection:
            request = self._running(connection, id)
            if request.state not in (OPEN, ASKED):
                raise Conflict(f"this request is {request.state}: it cannot be refused any more")
            return self._close(connection, replace(request, state=REFUSED, answer=reason.strip()))

    def close(self, id: str) -> StoredRequest:
        """It was answered. Conflict when it was before; an erasure closes by itself."""
        with self.database.unit() as connection:
            return self.close_in(connection, id)

    def close_in(self, connection: Connection, id: str) -> StoredRequest:
        """The same in the unit that answers it."""
        request = self._running(connection, id)
        if request.kind == "erasure":
            raise Conflict("an erasure closes by itself, when every recipient has answered")
        return self._close(connection, replace(request, state=CLOSED))

    def answered(self, id: str, recipient: str, *, note: str, impossible: bool = False) -> RequestSeen:
        """A recipient did what was asked, or cannot. NotFound: none that has to."""
        with self.database.unit() as connection:
            known = {r.recipient: r for r in store.receipts(connection, [id])}
            if recipient not in known:
                told = f"known: {', '.join(known) or 'none'}"
                raise NotFound("no such recipient", [Fault("/recipient", "has nothing to answer", told)])
            state, now = "impossible" if impossible else "done", self.database.clock.now()
            store.save_receipts(connection, [Receipt(id, recipient, state, note, now)])
        self.go_on(id, compact=False)
        return self.get(id)

    def get(self, id: str) -> RequestSeen:
        with self.database.read() as connection:
            found = store.request(connection, id)
            if found is None:
                raise NotFound("no such request", [Fault("/id", "unknown", "list the requests")])
            return _seen(connection, [found])[0]

    def running(self, id: str) -> StoredRequest:
        """A request that was not answered yet. NotFound; Conflict once it was; Conflict while it is not sure that the
        customer's records are one person: another's data are nobody's to give away."""
        with self.database.read() as connection:
            request = self._running(connection, id)
            if doubts := self.doubts(connection, request.customer):
                raise Conflict(
                    f"{doubts} pairs of this customer's records with others wait for review: decide them first"
                )
            return request

    def of(self, id: str) -> list[RequestSeen]:
        """Those of the customer that an id leads to, under whichever of its ids; the newest first."""
        with self.database.read() as connection:
            found = store.of_customer(connection, self._ids(connection, id))
            return _seen(connection, found)

    def _ids(self, connection: Connection, id: str) -> set[str]:
        """All ids that lead to the customer that an id leads to."""
        customer = find_customer(connection, id)
        members = matching_store.members_of(connection, [customer.cluster])[customer.cluster]
        return {id, customer.id, *(i.mint for i in landing.records(connection, members).values())}

    def all(self, *, open_only: bool = False) -> list[RequestSeen]:
        """The newest first."""
        with self.database.read() as connection:
            found = store.requests(connection, open_only=open_only)
            return _seen(connection, found)

    def names(self, id: str) -> tuple[str, ...]:
        """Which records a request is about, while it is open: what recipients have to delete."""
        request = self.get(id).request
        return tuple(map(str, self._subject(request).names)) if request.subject else ()

    def _running(self, connection: Connection, id: str) -> StoredRequest:
        found = store.request(connection, id)
        if found is None:
            raise NotFound("no such request", [Fault("/id", "unknown", "list the requests")])
        if found.closed is not None:
            raise Conflict(f"this request is {found.state}")
        return found

    def _close(self, connection: Connection, request: StoredRequest) -> StoredRequest:
        made = replace(request, subject="", closed=self.database.clock.now())
        store.save(connection, made)
        return made

    # --- restriction ---

    def restrict(
        self, id: str, *, by: str, reason: str = "", lift: bool = False, language: str = "en"
    ) -> StoredRequest:
        """Nobody but who answers for privacy sees this customer any more; `lift`: all do again as before. It answers the
        request of the person that runs, where one does."""
        state = LIFTED if lift else RESTRICTED
        made: list[StoredRequest] = []

        def answer(connection: Connection, _said: str) -> None:
            ids = self._ids(connection, id)
            if lift and (running := self._of_kind(connection, ids, "restriction")) is not None:
                raise Conflict(f"{running.id} asks for a restriction: answer that first")
            request = self._asked(connection, id, "restriction", by, reason, language)
            made.append(self._close(connection, replace(request, state=state)))

        now = self.database.clock.now() // SECOND * SECOND
        Logbook(self.resolver).say(id, ConsentSaid("", "", state, now, how="request"), by=by, mark=answer)
        return made[0]

    def restricted(self, id: str) -> bool:
        """Is the customer that an id leads to restricted now? False of one that is no more."""
        with self.database.read() as connection:
            try:
                return IS_RESTRICTED in find_customer(connection, id).values.get(AGREED, ())
            except Refused:
                return False

    # --- objection ---

    def object_to(self, id: str, purpose: str, *, by: str, reason: str = "", language: str = "en") -> StoredRequest:
        """They object to a purpose. To one that needs their consent that is the end of it; whether another one has grounds
        that weigh more, somebody has to say: the request stays open. Unprocessable: no such purpose."""
        known = self.resolver.config.purposes
        if purpose not in known:
            raise Unprocessable(
                "there is no such purpose", [Fault("/purpose", "unknown", f"known: {', '.join(known)}")]
            )
        made: list[StoredRequest] = []

        def keep(connection: Connection, _said: str) -> None:
            request = self._asked(connection, id, "objection", by, _joined(purpose, reason), language)
            weighed = known[purpose].basis != "consent" or request.reason != _joined(purpose, reason)
            store.save(connection, request)
            made.append(request if weighed else self._close(connection, replace(request, state=CLOSED)))

        said = ConsentSaid(purpose, "", OBJECTED, self.database.clock.now(), how="request")
        Logbook(self.resolver).say(id, said, by=by, mark=keep)
        return made[0]

    # --- erasure ---

    def erase(
        self,
        id: str,
        *,
        by: str,
        reason: str = "",
        reviewed: bool = False,
        language: str = "en",
        compact: bool = True,
    ) -> RequestSeen:
        """Erase the customer that an id leads to, as far as it goes now. NotFound, Gone. Conflict: it is not sure that all
        of its records are one person (`reviewed`: somebody looked), or an erasure runs. Without `compact` the database's
        files are left to the job, which takes it on."""
        with self.database.unit() as connection:
            customer, subject = subject_of(connection, self.resolver, id)
            if not reviewed and (doubts := self.doubts(connection, customer)):
                raise Conflict(
                    f"{doubts} pairs of this customer's records with others wait for review: it may be two people, or half of one",
                    [Fault("/id", "is doubtful", "decide them first, or say that it was reviewed")],
                )
            ids = self._ids(connection, customer)
            asked = next((r for r in store.of_customer(connection, ids) if r.state == ASKED), None)
            request = asked or self._open(connection, customer, "erasure", by, reason, language)
            sealed = seal_subject(self._key, request.id, subject)
            store.save(connection, replace(request, state=OPEN, subject=sealed))
        self.go_on(request.id, compact=compact)
        return self.get(request.id)

    def outlived(self, id: str, *, by: str, reason: str, still: Callable[[Connection], bool]) -> RequestSeen | None:
        """Erase a customer whom nothing keeps any more, if that is `still` so in the unit that begins it. The names of its
        records stay away, its contact points do not: nobody asked for it, and who comes again is a new customer. The database's
        files are left to the job. None: it is not so."""
        with self.database.unit(urgent=False) as connection:
            if not still(connection):
                return None
            customer, subject = subject_of(connection, self.resolver, id)
            request = self._open(connection, customer, "erasure", by, reason, "en")
            names = replace(subject, hashes=tuple(h for h in subject.hashes if h[1] == "record"))
            store.save(connection, replace(request, subject=seal_subject(self._key, request.id, names)))
        self.go_on(request.id, compact=False)
        return self.get(request.id)

    def doubts(self, connection: Connection, customer: str) -> int:
        """Pairs of a record of the customer with one of another, that nobody decided."""
        found = find_customer(connection, customer)
        members = matching_store.members_of(connection, [found.cluster])[found.cluster]
        decided = {
            (d.left, d.right) for d in matching_store.decisions_touching(connection, members) if d.withdrawn_at is None
        }
        pairs = matching_store.pairs_touching(connection, members)
        return sum(1 for p in pairs if len({*p} & members) == 1 and tuple(p) not in decided)

    def go_on(self, id: str, *, compact: bool = True) -> StoredRequest:
        """Take every step that can be taken now."""
        steps: dict[str, Callable[[StoredRequest], StoredRequest | None]] = {
            OPEN: self._suppress,
            SUPPRESSED: self._remove,
            REMOVED: self._compact,
            COMPACTED: self._finish,
        }
        while True:
            request = self.get(id).request
            if (
                request.kind != "erasure"
                or request.closed is not None
                or request.state == ASKED
                or (request.state == REMOVED and not compact)
            ):
                return request
            if steps[request.state](request) is None:
                return request
            db.fail_point("privacy")

    def go_on_with_all(self) -> int:
        """Take every open erasure on; how many there are."""
        with self.database.read() as connection:
            found = [r for r in store.requests(connection, open_only=True) if r.kind == "erasure"]
        forgotten = [r for r in map(self._go_on_alone, found) if r.state == REMOVED]
        for request in forgotten:
            self._forget(request)
        if forgotten and self.database.compact():  # once for all of them
            for request in forgotten:
                self._compacted(request)
                self.go_on(request.id)
        return len(found)

    def _go_on_alone(self, request: StoredRequest) -> StoredRequest:
        """One that cannot go on stops no other."""
        try:
            return self.go_on(request.id, compact=False)
        except Exception as error:  # noqa: BLE001 - told, and tried again
            log.error("an erasure cannot go on", request=request.id, error=type(error).__name__)
            return request

    def _subject(self, request: StoredRequest) -> Subject:
        return open_subject(self._key, request.id, request.subject)

    def _suppress(self, request: StoredRequest) -> StoredRequest:
        subject, now = self._subject(request), self.database.clock.now()
        self.ledger.add(LedgerLine(request.id, now, subject.hashes))  # first: a restored database must know of it
        db.fail_point("ledger")
        with self.database.unit() as connection:
            suppression.suppress(connection, subject.hashes, request.id, now)
            return self._move(connection, request, SUPPRESSED)

    def _remove(self, request: StoredRequest) -> StoredRequest:
        subject, now = self._subject(request), self.database.clock.now()
        drops, folder = self.resolver.config.drops, self.resolver.config.folder
        lying = {
            n for n, d in drops.items() if files_holding(folder, d, subject.ids)
        }  # also who has left its view since
        with self.database.unit() as connection:
            if (found := self._still(connection, request)) is None:
                return request
            told = subscription_store.told_of(connection, subject.ids)
            sources = {n.source for n in subject.names if n.source in self.resolver.config.sources}
            seen = {d.name for d in drops_telling_of(connection, self.reader, subject.ids)}
            dropped = [f"drop:{name}" for name in seen | lying]
            remove(connection, self.resolver, self.reader, subject, now)
            recipients = [*(f"subscription:{s}" for s in told), *(f"source:{s}" for s in sources), *dropped]
            store.save_receipts(connection, [Receipt(request.id, r, "open", "", now) for r in sorted(recipients)])
            made = self._move(connection, found, REMOVED)
            db.fail_point("removed")
        return made

    def _compact(self, request: StoredRequest) -> StoredRequest | None:
        self._forget(request)
        return self._compacted(request) if self.database.compact() else None

    def _forget(self, request: StoredRequest) -> None:
        subject, people = self._subject(request), self.resolver.config.access.sign_in.people
        for sender in (people.email, people.phone) if people is not None else ():
            forget_messages(sender, subject.words, self.ledger.path.parent)
        forget(self.database, subject.forms)
        db.fail_point("forgotten")

    def _compacted(self, request: StoredRequest) -> StoredRequest:
        kept = replace(self._subject(request), words=(), forms=())  # what is left to do needs names alone
        with self.database.unit() as connection:
            return self._move(connection, request, COMPACTED, subject=seal_subject(self._key, request.id, kept))

    def _still(self, connection: Connection, request: StoredRequest) -> StoredRequest | None:
        """The request as it is kept by now: people may have said something of it. None when it is further already."""
        found = store.request(connection, request.id)
        return found if found is not None and (found.state, found.closed) == (request.state, None) else None

    def _move(self, connection: Connection, request: StoredRequest, state: str, subject: str = "") -> StoredRequest:
        """A step on, with all that was said meanwhile."""
        found = self._still(connection, request)
        if found is None:
            return request
        made = replace(found, state=state, subject=subject or found.subject)
        store.save(connection, made)
        return made

    def _erase_elsewhere(self, request: StoredRequest, subject: Subject) -> None:
        """Delete or clear the records in the systems where the hub may; what they answered is their receipt, or its note."""
        with self.database.read() as connection:
            waiting = {r.recipient: r for r in store.receipts(connection, [request.id]) if r.state == "open"}
        names = [n for n in subject.names if f"source:{n.source}" in waiting]
        if not names:
            return
        found: dict[str, list[ErasedThere]] = {}
        for answer in erase_there(self.resolver.config, names):
            found.setdefault(f"source:{answer.record.source}", []).append(answer)
        now = self.database.clock.now()
        with self.database.unit() as connection:
            open_ = {r.recipient: r for r in store.receipts(connection, [request.id]) if r.state == "open"}
            told = [
                _receipt(open_[recipient], answers, now) for recipient, answers in found.items() if recipient in open_
            ]
            store.save_receipts(connection, told)

    def _finish(self, request: StoredRequest) -> StoredRequest | None:
        """Receipts of systems that the hub writes to and of subscriptions come by themselves."""
        self._erase_elsewhere(request, self._subject(request))
        db.fail_point("erased there")
        subject, now = self._subject(request), self.database.clock.now()
        lying = self._lying(request, subject)
        with self.database.unit() as connection:
            waiting = [r for r in store.receipts(connection, [request.id]) if r.state == "open"]
            last = golden_store.last_change(connection, subject.ids)
            came = positions.positions(connection)
            had = {
                f"subscription:{s}"
                for s in subscription_store.with_nothing_left(connection, subject.ids)
                if came.get(subscription_store.consumer_name(s), last) >= last
            }  # one that was removed meanwhile has no position, and nothing more to hear
            answered = [replace(r, state="done", note="delivered", at=now) for r in waiting if r.recipient in had]
            answered += [a for r in waiting if (a := self._of_drop(connection, r, lying, last, now)) is not None]
            store.save_receipts(connection, answered)
            done = sum(a.state == "done" for a in answered)
            if done < len(waiting) or (still := self._still(connection, request)) is None:
                return None
            return self._close(connection, replace(still, state=CLOSED, reason="", answer=""))

    def _lying(self, request: StoredRequest, subject: Subject) -> dict[str, list[str]]:
        """Drop that has to answer -> its files that hold them. Before anybody is kept waiting: it reads all of them."""
        with self.database.read() as connection:
            waiting = {r.recipient for r in store.receipts(connection, [request.id]) if r.state == "open"}
        drops, folder = self.resolver.config.drops, self.resolver.config.folder
        return {n: files_holding(folder, d, subject.ids) for n, d in drops.items() if f"drop:{n}" in waiting}

    def _of_drop(
        self, connection: Connection, receipt: Receipt, lying: Mapping[str, list[str]], last: int, now: int
    ) -> Receipt | None:
        """What is known of a file drop: done once it told that they are gone, and none of its files lies there that holds
        them. Whoever took one has been told by the next."""
        kind, _, name = receipt.recipient.partition(":")
        if kind != "drop" or name not in lying:  # or it is no more: somebody has to know
            return None
        if told_up_to(connection, self.resolver.config.drops[name]) < last:
            return replace(receipt, note="is told with its next files", at=now)
        files = lying[name]
        if not files:
            return replace(receipt, state="done", note="told that they are gone", at=now)
        more = f" and {len(files) - FILES} more" if len(files) > FILES else ""
        return replace(receipt, note=f"told that they are gone; remove {', '.join(files[:FILES])}{more}", at=now)

    def release(self, id: str) -> int:
        """Who was erased by this request may come back, with the next pull that brings them. How many hashes went."""
        self.ledger.add(LedgerLine(id, self.database.clock.now(), None))  # first: else the next start erases them again
        db.fail_point("ledger")
        with self.database.unit() as connection:
            return suppression.release(connection, id)


def _seen(connection: Connection, requests: Sequence[StoredRequest]) -> list[RequestSeen]:
    receipts: dict[str, list[Receipt]] = {}
    for receipt in store.receipts(connection, [r.id for r in requests]):
        receipts.setdefault(receipt.request, []).append(receipt)
    names = {f"subscription:{s.id}": s.name for s in subscription_store.subscriptions(connection)} if receipts else {}
    return [RequestSeen(r, tuple(receipts.get(r.id, ())), names) for r in requests]


def _receipt(receipt: Receipt, answers: Iterable[ErasedThere], now: int) -> Receipt:
    """What a system answered of its records, without their names."""
    words = sorted({f"{a.outcome}: {a.detail}" if a.detail else a.outcome for a in answers})
    settled = all(a.outcome in SETTLED for a in answers)
    return replace(receipt, state="done" if settled else "open", note="; ".join(words)[:500], at=now)


def _joined(*reasons: str) -> str:
    return "; ".join(r.strip() for r in reasons if r.strip())
