"""One-time codes to contact points: a customer signs in by one, or proves that another contact point is theirs.

Whoever asks gets the same answer by the same work: who is meant is looked for after the answer, beside the requests, where
a code is kept in any case, and showing a wrong one costs the same. Messages leave from another place: nobody's code waits
behind another's mail. A code is good once, for some minutes, for some tries; to one contact point some in an hour are sent
and no more.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

import structlog

from hub.access.authentication import code_store as store
from hub.access.authentication.code_store import SentCode
from hub.access.authentication.contact_proof import contact_point, sole_holder
from hub.access.authentication.own_sessions import OwnSessions
from hub.access.authentication.principals import Principal
from hub.access.authentication.senders import Message, send_message
from hub.access.authentication.sessions import Begun
from hub.access.authentication.tokens import new_token, token_hash
from hub.access.read import Reader
from hub.errors import Fault, NotAuthenticated, RetryLater
from hub.model import RecordId
from hub.settings import duration_micros
from hub.settings.sign_in import CustomerSignIn, Sender

MAILS = 4  # messages that leave at once
HOUR = 3_600_000_000
DIGITS = 6
SIGN_IN, PROOF = "sign in", "proof"
Words = Callable[[str], Message]  # a code -> what is sent

log = structlog.get_logger()


class Codes:
    """Of one hub. `key`: what codes and contact points are hashed with; `folder`: where a file of messages is."""

    def __init__(self, reader: Reader, own: OwnSessions, key: bytes, folder: Path):
        self.reader, self.database, self.own = reader, reader.database, own
        self._key, self._folder = key, folder
        self._beside, self._leaving = ThreadPoolExecutor(1, "codes"), ThreadPoolExecutor(MAILS, "messages")
        self._left: set[Future[None]] = set()

    @property
    def rules(self) -> CustomerSignIn:
        """NotFound: customers do not sign in here."""
        return self.own.rules

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of contact points that codes are sent to."""
        people = self.reader.config.access.sign_in.people
        return tuple(k for k in ("email", "phone") if people is not None and self._sender(k) is not None)

    def ask(self, kind: str, text: str, words: Words) -> str:
        """Send a code to a contact point, if somebody is known by it: a ticket to be shown with the code, in any case.
        Unprocessable: no contact point."""
        point, _ = self._point(kind, text)
        return self._asked(point, text, SIGN_IN, "", words)

    def ask_proof(self, principal: Principal, kind: str, text: str, words: Words) -> str:
        """Send a code to another contact point of who is signed in: a ticket."""
        point, _ = self._point(kind, text)
        return self._asked(point, text, PROOF, principal.subject or "", words)

    def sign_in(self, ticket: str, code: str, *, instead: str = "") -> Begun:
        """A session for who shows the code. NotAuthenticated, whatever is wrong."""
        found = self._used(ticket, code, SIGN_IN)
        if found is None:
            raise _refused()
        return self.own.begin(found.subject, _refused(), instead=instead)

    def proved(self, principal: Principal, ticket: str, code: str, kind: str, text: str) -> str:
        """The contact point that the code was sent to, as it is written, now proved to be of who is signed in.
        NotAuthenticated, whatever is wrong."""
        point, written = self._point(kind, text)
        found = self._used(ticket, code, PROOF)
        if found is None or found.subject != principal.subject or found.contact != self._of_contact(point):
            raise _refused()
        return written

    def wait(self) -> None:
        """Until all that was asked for by now has left."""
        self._beside.submit(lambda: None).result()
        wait(tuple(self._left))

    def close(self) -> None:
        self._beside.shutdown()
        self._leaving.shutdown()

    # --- one code ---

    def _asked(self, point: RecordId, text: str, purpose: str, subject: str, words: Words) -> str:
        ticket, now, contact = new_token(), self.database.clock.now(), self._of_contact(point)
        made = SentCode(token_hash(ticket), contact, purpose, subject, "", 0, now)
        with self.database.unit() as connection:
            store.forget_codes(connection, before=now - HOUR)
            before = store.asked_since(connection, contact, now - HOUR)
            store.save_code(connection, made)
        if before < self.rules.codes:
            self._beside.submit(self._find, made, ticket, point, text, words)
        return ticket

    def _find(self, made: SentCode, ticket: str, point: RecordId, text: str, words: Words) -> None:
        """Beside the requests: who is meant, and their code; where nobody is, one that nobody can show. Then it may leave."""
        try:
            before = made.at - duration_micros(self.rules.held)
            with self.database.read() as connection:
                meant = made.subject or sole_holder(connection, self.reader.config, point, before) or ""
            subject = meant if self.own.customer(meant) is not None else ""
            code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
            kept = self._of_code(ticket, code if subject else new_token())
            with self.database.unit() as connection:
                store.save_code(connection, replace(made, subject=subject, code=kept))
            if subject:
                leaving = self._leaving.submit(self._send, point.stream, text, words(code))
                self._left.add(leaving)
                leaving.add_done_callback(self._left.discard)
        except Exception as error:  # noqa: BLE001 - nobody waits for it; what was found may not be told
            log.error("a code was not made", why=type(error).__name__)

    def _send(self, kind: str, text: str, message: Message) -> None:
        sender = self._sender(kind)
        if sender is None:  # as the configuration is now
            return
        try:
            _, written = self._point(kind, text)
            send_message(sender, written, message, self._folder)
        except RetryLater as error:
            log.warning("a code was not sent", why=str(error))
        except Exception as error:  # noqa: BLE001 - the same
            log.error("a code was not sent", why=type(error).__name__)

    def _used(self, ticket: str, code: str, purpose: str) -> SentCode | None:
        """The code of a ticket, which is used up by that; None: it is not the one."""
        rules, now = self.rules, self.database.clock.now()
        with self.database.unit() as connection:
            found = store.sent_code(connection, token_hash(ticket))
            kept = found or SentCode("", "", purpose, "", "", 0, 0)
            same = hmac.compare_digest(kept.code, self._of_code(ticket, code.strip()))
            usable = (
                kept.purpose == purpose and kept.wrong < rules.tries and now < kept.at + duration_micros(rules.good)
            )
            if found is None:
                return None
            if same and usable and kept.code:
                store.save_code(connection, replace(found, code="", wrong=rules.tries))
                return found
            store.save_code(connection, replace(found, wrong=min(found.wrong + 1, rules.tries)))
            return None

    def _sender(self, kind: str) -> Sender | None:
        return self.rules.email if kind == "email" else self.rules.phone if kind == "phone" else None

    def _point(self, kind: str, text: str) -> tuple[RecordId, str]:
        return contact_point(kind if kind in self.kinds else "", text, self.rules.country)

    def _of_contact(self, point: RecordId) -> str:
        return self._hash(f"contact {point.stream} {point.key}")

    def _of_code(self, ticket: str, code: str) -> str:
        return self._hash(f"code {ticket} {code}")

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _refused() -> NotAuthenticated:
    told = "this code is wrong, was used, or is too old"
    return NotAuthenticated(told, [Fault("/code", "is not good", "ask for another")])
