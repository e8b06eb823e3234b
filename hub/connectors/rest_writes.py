"""Writing one record of a JSON service: on condition where it knows one, and looked at afterwards; making one, once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hub.connectors.base import FieldWrite, Foreign, Outcome, WriteResult
from hub.connectors.http import Answer, Http, alike, made_before, outcome_of, path_value, refused
from hub.connectors.mapping.identity import Identifier, record_key
from hub.connectors.mapping.paths import Row, path
from hub.connectors.mapping.writer import with_fields
from hub.connectors.rows import parse_json
from hub.errors import BadRecord
from hub.model import digest
from hub.settings import Stream

if TYPE_CHECKING:
    import httpx2

    from hub.connectors.systems.rest import RestRead

MARK = re.compile(r"\{([^{}]+)\}")  # of a field, in a path


class Writing:
    """Reads one record, compares, writes on condition, and looks at what the service made of it."""

    def __init__(self, http: Http, config: Stream, rest: RestRead) -> None:
        self.http, self.config, self.rest = http, config, rest
        self.record = path(rest.item_record)
        self.is_gone = Identifier(config).is_gone

    def write(self, write: FieldWrite) -> WriteResult:
        return outcome_of(self.http, write, self._write)

    def _write(self, write: FieldWrite) -> WriteResult:
        if write.key is None:
            return self._create(write)
        return (self._delete if write.delete else self._update)(write.key, write)

    def _item_url(self, key: str) -> httpx2.URL:
        item = self.rest.item or ""
        return self.http.url(_below(item, item.replace("{key}", quote(key, safe=""))))

    def _delete(self, key: str, write: FieldWrite, tries: int = 2) -> WriteResult:
        """On condition where the service knows one; believed when the record is gone, or marked as deleted."""
        if self.rest.item is None:
            return WriteResult(key, "rejected", "the stream has no rest.item: the hub cannot delete there")
        url = self._item_url(key)
        answer = self.http.send("GET", url)
        now = self._object(answer)
        if now is None:
            return self._failed(key, answer)
        if self.is_gone(now):
            return WriteResult(key, "gone", "the service marks it as deleted")
        held = {name: path_value(now, name) for name in write.expected or {}}
        if held != (write.expected or {}):
            return WriteResult(key, "conflict", "the record no longer holds what was expected", held)
        deleted = self.http.send("DELETE", url, headers=_condition(answer))
        if deleted.status == 412 and tries > 1:
            return self._delete(key, write, tries - 1)
        if not deleted.ok:
            return self._failed(key, deleted, held)
        after = self.http.send("GET", url)
        there = self._object(after)
        if after.status in (404, 410) or (there is not None and self.is_gone(there)):
            return WriteResult(key, "written")
        return WriteResult(key, "retry", f"the service answered {deleted.status}, and the record is still there")

    def _update(self, key: str, write: FieldWrite, tries: int = 2) -> WriteResult:
        if self.rest.item is None or self.rest.update == "none":
            return WriteResult(
                key, "rejected", "the stream has no rest.item or no rest.update: the hub cannot write to it"
            )
        url = self._item_url(key)
        answer = self.http.send("GET", url)
        now = self._object(answer)
        if now is None:
            return self._failed(key, answer)
        fields = held(write, now)
        if (result := settled(write, fields)) is not None:
            return result
        body = self.body(now, write.fields)
        written = self.http.send(self.rest.update.upper(), url, json=body, headers=_condition(answer))
        if written.status == 412 and tries > 1:
            return self._update(key, write, tries - 1)  # read again: unchanged, a conflict, or another field's change
        if not written.ok:
            return self._failed(key, written, fields)
        return self._verified(key, write, fields, written, url)

    def body(self, now: Row, fields: Mapping[str, Foreign]) -> dict[str, Foreign]:
        """PATCH: the changed fields, nested objects whole unless the service merges them. PUT: the whole record."""
        merged = with_fields(now, fields)
        if self.rest.update == "put":
            return merged
        if self.rest.nested == "changed":
            return with_fields({}, {n: v for n, v in fields.items() if not alike(path_value(now, n), v)})
        return {name: value for name, value in merged.items() if name not in now or now[name] != value}

    def _verified(
        self, key: str, write: FieldWrite, before: dict[str, Foreign], written: Answer, url: httpx2.URL
    ) -> WriteResult:
        """A 2xx is believed when the record shows it: some services answer so and write nothing."""
        after = self._object(written)
        if after is None or any(name.partition(".")[0] not in after for name in write.fields):
            after = self._object(self.http.send("GET", url))
        if after is None:
            return WriteResult(key, "written", "the service took it; the record could not be read again")
        return shown(write, before, after, f"answered {written.status}")

    def _create(self, write: FieldWrite) -> WriteResult:
        if self.rest.create is None or self.config.write_back is None or not self.config.write_back.makes:
            return WriteResult(
                "", "rejected", "the stream has no rest.create, or write_back.mode is update: nothing new is created"
            )
        if write.known is not None and self.rest.search and (found := self._made_before(write, write.known)):
            return found
        body = with_fields({}, write.fields)
        headers = {"Idempotency-Key": write.token or digest(body)}
        answer = self.http.send("POST", self.http.url(self.rest.create), json=body, headers=headers, repeatable=False)
        if not answer.ok:
            return self._failed("", answer)
        made = self._object(answer) or {}
        key = self.key(made) or self.named(made) or answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        return WriteResult(key, "written", "" if key else "the service did not tell the new record's key", made or None)

    def _made_before(self, write: FieldWrite, known: Callable[[str], bool]) -> WriteResult | None:
        """The record that an earlier try made, if there is one; what went wrong, where the service could not be asked."""
        answer = self.http.send("GET", self.http.url(marked(self.rest.search or "", write.fields)))
        if answer.status == 404:
            return None
        if not answer.ok:
            return self._failed("", answer)
        found = made_before(((self.key(row), row) for row in self._listed(answer)), write.fields, known)
        return None if found is None else WriteResult(found[0], "unchanged", current=dict(found[1]))

    def _listed(self, answer: Answer) -> list[dict[str, Foreign]]:
        try:
            body: Foreign = parse_json(answer.body)
            found = body if self.rest.records == "@" else path(self.rest.records).get(body)
        except (ValueError, BadRecord, AttributeError):
            return []
        if isinstance(found, list):
            return [row for row in found if isinstance(row, dict)]
        return [body] if isinstance(body, dict) and self.key(body) else []  # a look-up of one

    def named(self, made: Row) -> str:
        """The key in an answer that is no record: {"id": ...}."""
        return str(made.get("id") or "")

    def key(self, row: Row) -> str:
        try:
            return record_key(path(self.config.key).get(row))
        except BadRecord:
            return ""

    def _object(self, answer: Answer) -> dict[str, Foreign] | None:
        if not answer.ok:
            return None
        try:
            body: Any = parse_json(answer.body)
            found = body if self.rest.item_record == "@" else self.record.get(body)
        except (ValueError, BadRecord, AttributeError):
            return None
        return found if isinstance(found, dict) else None

    def _failed(self, key: str, answer: Answer, current: dict[str, Foreign] | None = None) -> WriteResult:
        status = answer.status
        if status in (401, 403):
            return WriteResult(key, "retry", str(refused(self.http, status)))
        if status in (404, 410):
            return WriteResult(key, "gone", f"the service answers {status}")
        if answer.ok:
            return WriteResult(
                key, "retry", f"the service answers {status} with something that is no record: check rest.item_record"
            )
        outcome: Outcome = "conflict" if status in (409, 412, 423) else "rejected"
        return WriteResult(key, outcome, f"the service answers {status}", current)


def held(write: FieldWrite, row: Row) -> dict[str, Foreign]:
    """What a record holds of all that a write is about."""
    return {name: path_value(row, name) for name in {**write.fields, **(write.expected or {})}}


def settled(write: FieldWrite, fields: dict[str, Foreign]) -> WriteResult | None:
    """What a write comes to before it is sent: the record holds the values, or no longer what was expected. None: it goes."""
    if all(alike(fields[name], value) for name, value in write.fields.items()):
        return WriteResult(write.key or "", "unchanged", current=fields)
    if any(fields[name] != value for name, value in (write.expected or {}).items()):
        return WriteResult(write.key or "", "conflict", "the record no longer holds what was expected", fields)
    return None


def shown(write: FieldWrite, before: Mapping[str, Foreign], after: Row, said: str) -> WriteResult:
    """What a write came to by the record itself. before: what `held` found; said: what the service did, in words."""
    current = {name: path_value(after, name) for name in before}
    if any(current[name] != before[name] for name in write.fields):
        exact = all(alike(current[name], value) for name, value in write.fields.items())
        return WriteResult(write.key or "", "written", "" if exact else "the service changed the values", current)
    return WriteResult(write.key or "", "rejected", f"the service {said} and wrote nothing", current)


def _condition(answer: Answer) -> dict[str, str]:
    """What makes a write wait for the record that was read. A weak tag never matches."""
    etag = answer.headers.get("etag", "")
    return {"If-Match": etag} if etag and not etag.startswith("W/") else {}


def marked(text: str, row: Row) -> str:
    """A path with its marks (`{field}`) filled from a row; of a list the first. Within quotes ('{field}'), as in a query of
    Salesforce's, nothing in the value ends them."""

    def value(mark: re.Match[str]) -> str:
        given = path_value(row, mark[1])
        first = given[0] if isinstance(given, list) and given else given
        plain = "" if first is None else str(first)
        if text[: mark.start()].endswith("'") and text[mark.end() :].startswith("'"):
            plain = plain.replace("\\", "\\\\").replace("'", "\\'")
        return quote(plain, safe="")

    return _below(text, MARK.sub(value, text))


def _below(text: str, filled: str) -> str:
    """The filled path. BadRecord: a value made a part of it `.` or `..`, which would lead to another endpoint."""
    parts = zip(text.partition("?")[0].split("/"), filled.partition("?")[0].split("/"), strict=False)
    if any(now in (".", "..") and now != before for before, now in parts):
        raise BadRecord("a path of the service cannot hold '.' or '..' in the place of a value")
    return filled
