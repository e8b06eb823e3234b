"""Stripe's customers, by its own library: listed once, then by the events that tell which of them changed.

Stripe keeps events for 30 days and gives customers no time of change. So a customer has `changed_at`: the time of its last
event, or of its creation where no event is left.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import Field

from hub.connectors.base import (
    JSON,
    KEPT,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Foreign,
    Page,
    SourceRow,
    WriteResult,
)
from hub.connectors.formats import checked_row
from hub.connectors.http import alike, made_before, path_value
from hub.connectors.mapping.columns import field_notes, written_fields
from hub.connectors.mapping.writer import with_fields
from hub.errors import ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import Connection, Source, Stream, secret, source_of_kind

if TYPE_CHECKING:
    import stripe

EVENTS = ("customer.created", "customer.updated", "customer.deleted")
KEPT_DAYS = 29  # Stripe keeps events for 30
OVERLAP = 60  # seconds: events may be seen a little after their time
DAY = 86_400
RETRIES = 2  # of the library, each with the same idempotency key
WRITABLE = ("name", "email", "phone", "description", "address", "shipping", "metadata", "preferred_locales")


class StripeConnection(Connection):
    kind: Literal["stripe"]
    key_env: str  # variable that holds a restricted or secret key
    base_url: str | None = None  # default: Stripe itself
    webhook_secret_env: str | None = (
        None  # variable that holds whsec_...: its calls to /v1/sources/NAME/webhook nudge the source
    )


class StripeStream(Stream):
    """Customers as Stripe has them, with `changed_at`."""

    key: str = "id"
    observed: str | None = "changed_at"
    deleted: str | None = "deleted"
    size: int = Field(default=100, ge=1, le=100)  # customers of a page

    def faults(self, where: str) -> Iterator[Fault]:
        if self.key != "id":
            yield Fault(f"{where}.key", "a customer of Stripe is known by its id", "remove it, or write key: id")
        for attribute, name in written_fields(self):
            if name.partition(".")[0] not in WRITABLE:
                what = f"'{name}' cannot be written to Stripe"
                yield Fault(f"{where}.write_back.attributes.{attribute}", what, f"one of {', '.join(WRITABLE)}")


@source_of_kind
class StripeSource(Source):
    connector: StripeConnection
    streams: dict[str, StripeStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Stripe:
        return Stripe(self, env=env, now=now)

    def signed(self, body: bytes, headers: Mapping[str, str], env: Mapping[str, str]) -> bool:
        """Is this a call of Stripe's, of the last five minutes?"""
        import stripe

        if self.connector.webhook_secret_env is None:
            return False
        try:
            given, key = headers.get("stripe-signature", ""), secret(self.connector.webhook_secret_env, env)
            return bool(stripe.WebhookSignature.verify_header(body.decode(), given, key, 300))
        except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError, IndexError):
            return False


class Stripe:
    """The `stripe` connector of one source."""

    def __init__(self, source: StripeSource, *, env: Mapping[str, str], now: Callable[[], int]) -> None:
        self._source, self._now = source, now
        self._where, self._key = f"sources/{source.name}.yaml", secret(source.connector.key_env, env)

    def discover(self) -> list[Discovered]:
        with _told(self._source):
            rows = [_plain(c) for c in self._client().v1.customers.list({"limit": 3}).data]
        return [Discovered("customers", tuple(dict.fromkeys(f for row in rows for f in row)), tuple(rows))]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config = self._source.streams[stream]
        reading = _Customers(self._client(), self._source, stream, config, cursor or {}, self._now() // 1_000_000)
        with _told(self._source):
            yield from reading.pages()

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        client, config = self._client(), self._source.streams[stream]
        return [_write(client, config, self._source, write) for write in writes]

    def close(self) -> None:
        """The library keeps no connection of ours."""

    def _client(self) -> stripe.StripeClient:
        import stripe

        at = self._source.connector.base_url
        more: dict[str, Any] = {"base_addresses": {"api": at.rstrip("/")}} if at else {}
        return stripe.StripeClient(self._key, max_network_retries=RETRIES, **more)


@contextmanager
def _told(source: StripeSource) -> Iterator[None]:
    """The library's errors as the hub's. Their texts may hold values: left out."""
    import stripe

    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        what = f"Stripe does not accept what is in {source.connector.key_env} ({error.http_status})"
        remedy = "renew the key, or give it the right to read and write customers and to read events"
        raise ConfigError([Fault(f"sources/{source.name}.yaml: connector.key_env", what, remedy)]) from None
    except stripe.InvalidRequestError as error:
        what = f"Stripe refuses the request ({error.http_status}{f' {error.param}' if error.param else ''})"
        raise ConfigError([Fault(f"sources/{source.name}.yaml: streams", what, "tell who keeps the hub")]) from None
    except stripe.StripeError as error:
        status = f"{type(error).__name__} {error.http_status or ''}".strip()
        raise RetryLater(f"source '{source.name}': Stripe does not answer ({status})", _asked(error)) from None


def _asked(error: stripe.StripeError) -> float | None:
    """Seconds that Stripe asked for."""
    given = str((error.headers or {}).get("retry-after") or (error.headers or {}).get("Retry-After") or "")
    return float(given) if given.isdigit() else None


def _plain(customer: object) -> dict[str, Foreign]:
    """A customer as JSON."""
    found: dict[str, Foreign] = orjson.loads(str(customer))
    return found


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


# --- reading --------------------------------------------------------------------------------


@dataclass
class _Customers:
    """One read. The cursor: `since`, the time of the last event seen; while all are listed also `after`, the last id."""

    client: stripe.StripeClient
    source: StripeSource
    stream: str
    config: StripeStream
    start: Cursor
    now: int
    number: int = 0
    bad: bool = False
    fields: dict[str, None] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        since = self.start.get("since")
        listing = "after" in self.start or self.config.listing == "complete"
        if since is None or listing or since < self.now - KEPT_DAYS * DAY:
            yield from self._all()
        else:
            yield from self._changed(since)

    def _all(self) -> Iterator[Page]:
        """Every customer, a page at a time. What changes meanwhile has an event after those that were seen before."""
        changed = self._events(self.now - KEPT_DAYS * DAY)
        known = self.start["since"] if "after" in self.start else None
        since: int = known if known is not None else max(changed.values(), default=self.now - OVERLAP)
        after = self.start.get("after")
        whole = after is None
        while True:
            query: Any = {"limit": self.config.size, **({"starting_after": after} if after else {})}
            page = self.client.v1.customers.list(query)
            found = [_plain(c) for c in page.data]
            rows = self._rows([self._dated(c, changed) for c in found])
            if not page.has_more or not found:
                yield self._last(rows, since, whole)
                return
            after = found[-1]["id"]
            yield Page(rows, {"since": since, "after": after, "fields": self.start.get("fields", [])})

    def _changed(self, since: int) -> Iterator[Page]:
        """The customers that events name, as they are now, oldest change first."""
        changed = self._events(since - OVERLAP)
        names = sorted(changed, key=lambda name: (changed[name], name))
        for start in range(0, len(names), self.config.size):
            part = names[start : start + self.config.size]
            rows = self._rows([self._customer(name, changed) for name in part])
            if start + self.config.size >= len(names):
                yield self._last(rows, max(since, *changed.values()), whole=False)
                return
            yield Page(rows, {**self.start, "since": since})
        if not names:
            yield self._last((), since, whole=False)

    def _events(self, since: int) -> dict[str, int]:
        """Customer -> the time of its last event from this time on."""
        changed: dict[str, int] = {}
        for type_ in EVENTS:
            found = self.client.v1.events.list({"type": type_, "created": {"gte": since}, "limit": 100})
            for event in found.auto_paging_iter():
                name = str(event.data.object["id"])
                changed[name] = max(changed.get(name, 0), event.created)
        return changed

    def _customer(self, name: str, changed: Mapping[str, int]) -> dict[str, Foreign]:
        import stripe

        try:
            return self._dated(_plain(self.client.v1.customers.retrieve(name)), changed)
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return {"id": name, "deleted": True, "changed_at": _iso(changed[name])}

    def _dated(self, customer: dict[str, Foreign], changed: Mapping[str, int]) -> dict[str, Foreign]:
        return customer | {"changed_at": _iso(changed.get(customer["id"], customer.get("created")))}

    def _rows(self, customers: Sequence[dict[str, Foreign]]) -> tuple[SourceRow | BadRow, ...]:
        self.number += 1
        rows = []
        for place, row in enumerate(customers, 1):
            if not row.get("deleted"):
                self.fields.update(dict.fromkeys(row))
            size = len(orjson.dumps(row))
            rows.append(checked_row(row, f"{self.stream} page {self.number} customer {place}", str(row)[:KEPT], size))
        self.bad = self.bad or any(isinstance(row, BadRow) for row in rows)
        return tuple(rows)

    def _last(self, rows: tuple[SourceRow | BadRow, ...], since: int, whole: bool) -> Page:
        known, seen = self.start.get("fields", []), list(self.fields)
        where = f"sources/{self.source.name}.yaml: streams.{self.stream}"
        notes = field_notes(where, self.stream, self.config, known, [*seen, "deleted"] if seen else [])
        cursor = {"since": since, "fields": list(dict.fromkeys([*known, *seen]))}
        return Page(rows, cursor, complete=True, listed_all=whole and not self.bad, notes=tuple(notes))


# --- writing --------------------------------------------------------------------------------


def _write(client: stripe.StripeClient, config: StripeStream, source: StripeSource, write: FieldWrite) -> WriteResult:
    """Reads the customer, compares, writes. Stripe takes no condition: the race between is found by the next pull."""
    import stripe

    key = write.key or ""
    try:
        with _told(source):
            if write.key is None:
                return _create(client, config, write)
            try:
                now = _plain(client.v1.customers.retrieve(key))
            except stripe.InvalidRequestError as error:
                return WriteResult(
                    key, "gone" if error.http_status == 404 else "rejected", f"Stripe answers {error.http_status}"
                )
            if now.get("deleted"):
                return WriteResult(key, "gone", "the customer was deleted in Stripe")
            return (_delete if write.delete else _update)(client, key, write, now)
    except RetryLater as error:
        return WriteResult(key, "retry", str(error))
    except ConfigError as error:
        refused = "key_env" in error.faults[0].where
        return WriteResult(key, "retry" if refused else "rejected", str(error), untouched=refused)


def _update(client: stripe.StripeClient, key: str, write: FieldWrite, now: dict[str, Foreign]) -> WriteResult:
    held = {name: path_value(now, name) for name in {**write.fields, **(write.expected or {})}}
    if all(alike(held[name], value) for name, value in write.fields.items()):
        return WriteResult(key, "unchanged", current=held)
    if any(held[name] != value for name, value in (write.expected or {}).items()):
        return WriteResult(key, "conflict", "the customer no longer holds what was expected", held)
    options: Any = {"idempotency_key": f"hub-{uuid.uuid4()}"}  # of this write and the library's retries of it
    after = _plain(client.v1.customers.update(key, _body(with_fields(now, write.fields), write), options))
    current = {name: path_value(after, name) for name in held}
    exact = all(alike(current[name], value) for name, value in write.fields.items())
    return WriteResult(key, "written", "" if exact else "Stripe changed the values", current)


def _delete(client: stripe.StripeClient, key: str, write: FieldWrite, now: dict[str, Foreign]) -> WriteResult:
    """Stripe ends the customer's subscriptions with it."""
    held = {name: path_value(now, name) for name in write.expected or {}}
    if held != (write.expected or {}):
        return WriteResult(key, "conflict", "the customer no longer holds what was expected", held)
    client.v1.customers.delete(key)
    return WriteResult(key, "written")


def _create(client: stripe.StripeClient, config: StripeStream, write: FieldWrite) -> WriteResult:
    if config.write_back is None or not config.write_back.makes:
        return WriteResult("", "rejected", "write_back.mode is update: nothing new is created")
    if write.known is not None and (found := _made_before(client, write, write.known)):
        return found
    options: Any = {"idempotency_key": f"hub-{write.token or digest(write.fields)}"}  # Stripe keeps it for a day
    made = _plain(client.v1.customers.create(_body(with_fields({}, write.fields), write), options))
    return WriteResult(str(made["id"]), "written", "", _held(made, write))


def _made_before(client: stripe.StripeClient, write: FieldWrite, known: Callable[[str], bool]) -> WriteResult | None:
    """The customer that an earlier try made, if there is one."""
    asked: Any = {"limit": 100} | ({"email": write.fields["email"]} if write.fields.get("email") else {})
    rows = map(_plain, client.v1.customers.list(asked).data)  # the newest first
    found = made_before(((str(row["id"]), row) for row in rows), write.fields, known)
    return None if found is None else WriteResult(found[0], "unchanged", current=_held(found[1], write))


def _held(row: Mapping[str, Foreign], write: FieldWrite) -> dict[str, Foreign]:
    return {name: path_value(row, name) for name in write.fields}


def _body(merged: Mapping[str, Foreign], write: FieldWrite) -> Any:
    """The changed fields, objects whole; Stripe clears what is sent empty."""
    return {name: _sent(merged[name]) for name in {field.partition(".")[0] for field in write.fields}}


def _sent(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {name: _sent(inner) for name, inner in value.items()}
    return "" if value is None else value
