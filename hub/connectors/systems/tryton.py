"""Tryton, by its REST API: parties with their addresses and contact mechanisms, read and written as one record each.

A party is read as it is now. What changed is asked of parties, addresses and contact mechanisms together; what was
deleted, the next complete listing finds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from hub.connectors.base import (
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
from hub.connectors.http import Answer, Http, HttpConnection, alike, made_before, outcome_of, path_value, refused
from hub.connectors.mapping.columns import field_notes, written_fields
from hub.connectors.mapping.paths import path
from hub.connectors.rows import parse_json
from hub.errors import BadRecord, ConfigError, Fault, RetryLater
from hub.model import from_micros
from hub.settings import Source, Stream, source_of_kind

PARTIES = 200  # of a page
MECHANISMS = ("phone", "mobile", "fax", "email", "website", "skype", "sip", "irc", "jabber", "other")
ADDRESS = ("street", "city", "postal_code", "country.code", "subdivision.code")
CHANGED = ("write_date", "create_date")
BELONGINGS = ("addresses", "contact_mechanisms")
CODED = {"country": "country.country", "subdivision": "country.subdivision"}  # part of an address -> who knows its code


class TrytonConnection(HttpConnection):
    kind: Literal["tryton"]
    database: str  # name of Tryton's database: the first part of the path of its API


class TrytonStream(Stream):
    """Parties: id, code, name, active, modified, `address` (the first), `other_addresses`, and lists by type of contact
    mechanism: email, phone, mobile, website ..."""

    fields: tuple[str, ...] = ()  # further fields of the party, such as lang.code or tax_identifier.code
    domain: tuple[
        Foreign, ...
    ] = ()  # only parties that match, as Tryton writes it: [["categories.name", "=", "Customer"]]
    size: int = Field(default=PARTIES, ge=1, le=1000)  # parties of a page
    lookback: str | None = "5m"  # read this much again: for what Tryton commits late

    def faults(self, where: str) -> Iterator[Fault]:
        known = {"code", "name", "active", *MECHANISMS, *(f"address.{part.partition('.')[0]}" for part in ADDRESS)}
        for attribute, name in written_fields(self):
            if name not in known:
                remedy = f"one of {', '.join(sorted(known))}"
                yield Fault(f"{where}.write_back.attributes.{attribute}", f"'{name}' cannot be written", remedy)


@source_of_kind
class TrytonSource(Source):
    connector: TrytonConnection
    streams: dict[str, TrytonStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Tryton:
        return Tryton(self, env=env, now=now)


class Tryton:
    """The `tryton` connector of one source."""

    def __init__(self, source: TrytonSource, *, env: Mapping[str, str], now: Callable[[], int]) -> None:
        self._source, self._now = source, now
        self._api = _Api(Http(source.connector, source=source.name, env=env), source.connector.database)

    def discover(self) -> list[Discovered]:
        """Parties, with the first ones."""
        rows = [_row(item) for item in self._api.list("party.party", [], _fields(()), size=3)]
        return [Discovered("parties", tuple(dict.fromkeys(f for row in rows for f in row)), tuple(rows))]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        yield from _Parties(self._api, stream, self._source.streams[stream], cursor or {}, self._now()).pages()

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        writing = _Writing(self._api, self._source.streams[stream])
        return [writing.write(write) for write in writes]

    def close(self) -> None:
        self._api.http.close()


@dataclass
class _Api:
    """Tryton's own words: domains, fields, models."""

    http: Http
    database: str

    def list(
        self, model: str, domain: Sequence[Foreign], fields: Sequence[str], *, size: int, order: str = "id"
    ) -> list[dict[str, Foreign]]:
        """Records of a model, in order of a field."""
        params: dict[str, str | list[str]] = {
            "d": _encoded(list(domain)),
            "o": _encoded([[order, "ASC"]]),
            "s": str(size),
            "f": list(fields),
        }
        found = self.body(self.http.send("GET", self.http.url(self._path(model), params)), model)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise RetryLater(f"{self.http.where}: Tryton's answer about {model} is no list of records")
        return found

    def put(self, model: str, key: int, values: Mapping[str, Foreign]) -> Answer:
        """Not repeated: the values may make addresses and contact mechanisms."""
        url = self.http.url(f"{self._path(model)}/{key}")
        return self.http.send("PUT", url, json=values, headers=ARCHIVED_TOO, repeatable=False)

    def delete(self, model: str, key: int) -> Answer:
        return self.http.send("DELETE", self.http.url(f"{self._path(model)}/{key}"), headers=ARCHIVED_TOO)

    def post(self, model: str, values: Mapping[str, Foreign]) -> Answer:
        return self.http.send("POST", self.http.url(self._path(model)), json=values, repeatable=False)

    def body(self, answer: Answer, model: str) -> Foreign:
        """What it answers. The texts of its refusals may hold values of customers: left out."""
        if answer.status in (401, 403):
            raise ConfigError([refused(self.http, answer.status)])
        if answer.status == 404:
            what = f"there is no model {model} in a database '{self.database}' there"
            remedy = "correct base_url and database; install Tryton's modules party and country"
            raise ConfigError([Fault(f"{self.http.where}: connector.database", what, remedy)])
        if not answer.ok:
            what = f"Tryton refuses to list {model} ({answer.status})"
            raise ConfigError(
                [Fault(f"{self.http.where}: streams", what, "correct fields and domain: names as Tryton has them")]
            )
        try:
            return parse_json(answer.body)
        except ValueError:
            raise RetryLater(
                f"{self.http.where}: Tryton answers {answer.status} with something that is not JSON"
            ) from None

    def _path(self, model: str) -> str:
        return f"{self.database}/rest/model/{model}"


def _encoded(value: Foreign) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


ARCHIVED_TOO = {"X-Tryton-Context": _encoded({"active_test": False})}  # else what is archived does not exist for it


def _moment(value: datetime) -> Foreign:
    """A time as Tryton's JSON says it."""
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{part: getattr(value, part) for part in parts}}


def _time(value: Foreign) -> datetime | None:
    """A time of Tryton's JSON; they are in UTC and without a zone."""
    if not isinstance(value, dict) or value.get("__class__") != "datetime":
        return None
    numbers = {name: int(number) for name, number in value.items() if name != "__class__"}
    return datetime(**numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - as Tryton keeps them


def _fields(more: Sequence[str]) -> list[str]:
    own = ["name", "code", "active", *CHANGED, *more]
    addresses = [f"addresses.{name}" for name in (*ADDRESS, *CHANGED)]
    return [*own, *addresses, *(f"contact_mechanisms.{name}" for name in ("type", "value", *CHANGED))]


# --- reading --------------------------------------------------------------------------------


def _row(item: Mapping[str, Foreign]) -> dict[str, Foreign]:
    """A party as the hub keeps it. Lists by type of contact mechanism are always there, so that an empty one says so."""
    addresses = [_address(a) for a in item.get("addresses") or ()]
    row = {name: _plain(value) for name, value in item.items() if name not in (*CHANGED, *BELONGINGS, "__name__")}
    row["active"] = bool(item.get("active", True))
    row |= {"address": addresses[0] if addresses else None, "other_addresses": addresses[1:]}
    for type_ in MECHANISMS[:5]:
        row[type_] = []
    for mechanism in item.get("contact_mechanisms") or ():
        row.setdefault(str(mechanism.get("type")), []).append(mechanism.get("value"))
    changed = _modified(item)
    row["modified"] = changed.isoformat() + "Z" if changed else None
    return row


def _address(item: Mapping[str, Foreign]) -> dict[str, Foreign]:
    found = {name: _plain(value) for name, value in item.items() if name not in (*CHANGED, "__name__")}
    return found | {name: (item.get(name) or {}).get("code") for name in CODED}


def _plain(value: Foreign) -> Foreign:
    """Values of JSON; what Tryton wraps (times, decimals, records) as text or without its class."""
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if (moment := _time(value)) is not None:
        return moment.isoformat() + "Z"
    if value.get("__class__") == "Decimal":
        return value.get("decimal")
    return {name: _plain(inner) for name, inner in value.items() if name not in ("__class__", "__name__")}


def _modified(item: Mapping[str, Foreign]) -> datetime | None:
    """When the party, or what belongs to it, was last written."""
    parts = [item, *(part for name in BELONGINGS for part in item.get(name) or ())]
    times = [moment for part in parts for name in CHANGED if (moment := _time(part.get(name))) is not None]
    return max(times, default=None)


@dataclass
class _Parties:
    """One read, in order of ids. The cursor: `since`, until when all changes have been read; while a read is under
    way also `at`, the last id, and `high`, the latest change seen that was made before the read began."""

    api: _Api
    stream: str
    config: TrytonStream
    start: Cursor
    now: int
    number: int = 0
    bad: bool = False
    columns: dict[str, None] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        going_on = "at" in self.start
        since = None if self.config.listing == "complete" and not going_on else self.start.get("since")
        at, high, whole = self.start.get("at", 0), self.start.get("high"), since is None and not going_on
        began = self.start.get("began") or from_micros(self.now).replace(tzinfo=None).isoformat()
        while True:
            domain = [["active", "in", [True, False]], ["id", ">", at], *self.config.domain, *self._changed(since)]
            items = self.api.list("party.party", domain, _fields(self.config.fields), size=self.config.size)
            self.number += 1
            rows = tuple(self._checked(item, place) for place, item in enumerate(items, 1))
            times = [t.isoformat() for item in items if (t := _modified(item)) is not None and t.isoformat() <= began]
            high = max([*times, *([high] if high else [])], default=None)
            if len(items) < self.config.size:
                yield self._last_page(rows, {"since": high or since}, whole)
                return
            at = items[-1]["id"]
            yield Page(rows, {**self.start, "at": at, "high": high, "began": began})

    def _changed(self, since: str | None) -> list[Foreign]:
        """Parties that were made or written since, or of which an address or a contact mechanism was."""
        if since is None:
            return []
        moment = _moment(datetime.fromisoformat(since) - timedelta(microseconds=self.config.lookback_micros))
        names = [f"{part}{name}" for part in ("", *(f"{b}." for b in BELONGINGS)) for name in CHANGED]
        return [["OR", *[[name, ">=", moment] for name in names]]]

    def _checked(self, item: Mapping[str, Foreign], place: int) -> SourceRow | BadRow:
        row = _row(item)
        self.columns.update(dict.fromkeys(row))
        found = checked_row(row, f"{self.stream} page {self.number} party {place}", str(row)[:KEPT], len(str(row)))
        self.bad = self.bad or isinstance(found, BadRow)
        return found

    def _last_page(self, rows: tuple[SourceRow | BadRow, ...], cursor: Cursor, whole: bool) -> Page:
        known, columns = self.start.get("columns", []), list(self.columns)
        notes = field_notes(f"{self.api.http.where}: streams.{self.stream}", self.stream, self.config, known, columns)
        cursor["columns"] = list(dict.fromkeys([*known, *columns]))
        return Page(rows, cursor, complete=True, listed_all=whole and not self.bad, notes=tuple(notes))


# --- writing --------------------------------------------------------------------------------


@dataclass
class _Writing:
    """Reads one party, compares, writes party, address and contact mechanisms in one transaction, and looks again.

    Tryton's REST API takes no condition: between look and write there is a short race, which the next pull finds.
    """

    api: _Api
    config: TrytonStream
    codes: dict[tuple[str, str], int] = field(default_factory=dict)  # (model, code) -> id

    def write(self, write: FieldWrite) -> WriteResult:
        return outcome_of(self.api.http, write, self._write)

    def _write(self, write: FieldWrite) -> WriteResult:
        if write.key is None:
            return self._create(write)
        return (self._delete if write.delete else self._update)(write.key, write)

    def _update(self, key: str, write: FieldWrite) -> WriteResult:
        item = self._party(key)
        if item is None:
            return WriteResult(key, "gone", "Tryton has no such party")
        row = _row(item)
        held = {name: path_value(row, name) for name in {**write.fields, **(write.expected or {})}}
        if all(alike(held[name], _listed(name, value)) for name, value in write.fields.items()):
            return WriteResult(key, "unchanged", current=held)
        if any(held[name] != value for name, value in (write.expected or {}).items()):
            return WriteResult(key, "conflict", "the party no longer holds what was expected", held)
        answer = self.api.put("party.party", int(item["id"]), self._values(write.fields, item))
        if not answer.ok:
            return self._failed(key, answer, held)
        after = self._party(key)
        row = _row(after or {})
        current = {name: path_value(row, name) for name in held}
        exact = all(alike(current[name], _listed(name, value)) for name, value in write.fields.items())
        return WriteResult(key, "written", "" if exact else "Tryton changed the values", current)

    def _delete(self, key: str, write: FieldWrite) -> WriteResult:
        """A party that other documents name is not deleted by Tryton: it refuses, and archiving is what is left."""
        item = self._party(key)
        if item is None:
            return WriteResult(key, "gone", "Tryton has no such party")
        row = _row(item)
        held = {name: path_value(row, name) for name in write.expected or {}}
        if held != (write.expected or {}):
            return WriteResult(key, "conflict", "the party no longer holds what was expected", held)
        answer = self.api.delete("party.party", int(item["id"]))
        return WriteResult(key, "written") if answer.ok else self._failed(key, answer, held)

    def _create(self, write: FieldWrite) -> WriteResult:
        if self.config.write_back is None or not self.config.write_back.makes:
            return WriteResult("", "rejected", "write_back.mode is update: nothing new is created")
        if write.known is not None and (found := self._made_before(write, write.known)):
            return found
        answer = self.api.post("party.party", self._values(write.fields, {}))
        if not answer.ok:
            return self._failed("", answer, None)
        made = self.api.body(answer, "party.party")
        item = self._one([["id", "=", made["id"]]]) if isinstance(made, dict) and "id" in made else None
        row = _row(item or {})
        return WriteResult(self._key(row), "written", "", {n: path_value(row, n) for n in write.fields})

    def _made_before(self, write: FieldWrite, known: Callable[[str], bool]) -> WriteResult | None:
        """The party that an earlier try made, if there is one."""
        given = [["name", "=", write.fields["name"]]] if write.fields.get("name") else []
        values = [v for n in MECHANISMS if n in write.fields for v in _listed(n, write.fields[n])]
        given += [["contact_mechanisms.value", "in", values]] if values and not given else []
        rows = map(_row, self.api.list("party.party", given, _fields(self.config.fields), size=1000))
        wanted = {name: _listed(name, value) for name, value in write.fields.items()}
        found = made_before(((self._key(row), row) for row in rows), wanted, known)
        return found and WriteResult(found[0], "unchanged", current={n: path_value(found[1], n) for n in write.fields})

    def _key(self, row: Mapping[str, Foreign]) -> str:
        key = path(self.config.key).get(row)
        return "" if key is None else str(key)

    def _party(self, key: str) -> dict[str, Foreign] | None:
        name = path(self.config.key).field
        if name == "id" and not key.isdigit():
            return None
        return self._one([[name, "=", int(key) if name == "id" else key]])

    def _one(self, domain: list[Foreign]) -> dict[str, Foreign] | None:
        fields = _fields(self.config.fields)
        found = self.api.list("party.party", [["active", "in", [True, False]], *domain], fields, size=2)
        if len(found) > 1:
            raise BadRecord(f"{len(found)} parties have this key")
        return found[0] if found else None

    def _values(self, fields: Mapping[str, Foreign], item: Mapping[str, Foreign]) -> dict[str, Foreign]:
        """What to send: the party's own fields, its first address, and what changes in its contact mechanisms."""
        values: dict[str, Foreign] = {}
        address: dict[str, Foreign] = {}
        mechanisms: list[Foreign] = []
        for name, value in fields.items():
            whole, _, part = name.partition(".")
            if whole == "address" and part:
                address[part] = self._coded(part, value)
            elif name in MECHANISMS:
                mechanisms += _mechanism_changes(name, value, item.get("contact_mechanisms") or ())
            elif name in ("name", "code", "active"):
                values[name] = value
            else:
                raise BadRecord(f"'{name}' cannot be written to Tryton")
        if address:
            first = next(iter(item.get("addresses") or ()), None)
            values["addresses"] = [["write", [first["id"]], address] if first else ["create", [address]]]
        if mechanisms:
            values["contact_mechanisms"] = mechanisms
        return values

    def _coded(self, part: str, value: Foreign) -> Foreign:
        """Countries and subdivisions are records of their own, known by their code."""
        if part not in CODED or value in (None, ""):
            return value
        model, code = CODED[part], str(value)
        if (model, code) not in self.codes:
            found = self.api.list(model, [["code", "=", code]], ["code"], size=1)
            if not found:
                raise BadRecord(f"Tryton has no {part} '{code}': run trytond_import_countries")
            self.codes[model, code] = int(found[0]["id"])
        return self.codes[model, code]

    def _failed(self, key: str, answer: Answer, current: dict[str, Foreign] | None) -> WriteResult:
        if answer.status in (401, 403):
            return WriteResult(key, "retry", str(refused(self.api.http, answer.status)))
        if answer.status == 404:
            return WriteResult(key, "gone", "Tryton has no such party")
        return WriteResult(key, "rejected", f"Tryton answers {answer.status}", current)


def _mechanism_changes(type_: str, wanted: Foreign, held: Sequence[Mapping[str, object]]) -> list[Foreign]:
    """What turns the contact mechanisms of a type into the wanted values: kept where they are wanted, then written over,
    then made or deleted."""
    values = list(map(str, _listed(type_, wanted)))
    mine = [m for m in held if m.get("type") == type_]
    free = [m for m in mine if m.get("value") not in values]
    new = [v for v in dict.fromkeys(values) if v not in {m.get("value") for m in mine}]
    changes: list[Foreign] = [["write", [m["id"]], {"value": v}] for m, v in zip(free, new, strict=False)]
    if rest := new[len(free) :]:
        changes.append(["create", [{"type": type_, "value": value} for value in rest]])
    if surplus := free[len(new) :]:
        changes.append(["delete", [m["id"] for m in surplus]])
    return changes


def _listed(name: str, value: Foreign) -> Foreign:
    """Contact mechanisms are lists, whatever shape the map has."""
    if name not in MECHANISMS:
        return value
    return [v for v in (value if isinstance(value, list) else [value]) if v not in (None, "")]
