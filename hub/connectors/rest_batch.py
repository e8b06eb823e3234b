"""Writing many records of a JSON service in one request, declared in YAML: looked at together, written together, looked at again.

Each row's outcome is its own: what the service refuses of some is no matter for the others. What it refuses as a whole is
written record by record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field, field_validator

from hub.connectors.base import JSON, FieldWrite, Foreign, WriteResult
from hub.connectors.http import Answer, refused
from hub.connectors.mapping.identity import record_key
from hub.connectors.mapping.paths import Row, path
from hub.connectors.mapping.writer import with_fields
from hub.connectors.rest_writes import Writing, held, settled, shown
from hub.connectors.rows import parse_json
from hub.errors import BadRecord, ConfigError, RetryLater
from hub.model import digest
from hub.settings import Strict, compile_path

CODE = 100  # characters of a service's reason that are told
UNTOLD = "the service did not say what became of this row"


class BatchCall(Strict):
    """One request about many records."""

    path: str  # below the base URL
    method: Literal["post", "patch", "put"] = "post"
    body: dict[str, JSON] = Field(default_factory=dict)  # sent beside the rows, such as {allOrNone: false}
    rows: str = "inputs"  # the name of the rows in what is sent
    row: dict[str, JSON] = Field(
        default_factory=dict
    )  # what each row holds besides, such as {attributes: {type: Contact}}
    key: str = "id"  # the field of a row that holds its key; empty: the rows are the keys alone
    results: str = "@"  # JMESPath to the list of results in the answer
    result_key: str | None = (
        None  # JMESPath in a result to the key of its row; without it results are in the order of rows
    )
    code: str | None = None  # JMESPath in a result, or in a failure, to what the service calls the reason
    failures: str | None = None  # JMESPath in the answer to what it refused, where that is no result
    failure_keys: str = "id"  # JMESPath in a failure to the key of its row, or to a list of keys

    @field_validator("results", "result_key", "code", "failures", "failure_keys")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        if text is not None:
            compile_path(text, "this")
        return text


class Batch(Strict):
    """How many records are read and written in one request. Each row's outcome is its own."""

    size: int = Field(default=100, ge=1, le=1000)  # rows of one request, as many as the service takes
    read: BatchCall  # reads records by their keys: before a write and after it
    update: BatchCall  # writes changed fields
    create: BatchCall | None = (
        None  # makes records, or finds the one made before, by an id that the hub gives: its `key`
    )
    outcomes: dict[str, Literal["retry", "conflict", "gone"]] = Field(
        default_factory=dict
    )  # what a reason (`code`) comes to, such as {UNABLE_TO_LOCK_ROW: retry}; any other: the row is refused for good


class Batching:
    """Writes the records of a stream many at a time; deletes, and what cannot be sent so, one by one."""

    def __init__(self, one: Writing, batch: Batch) -> None:
        self.one, self.http, self.given = one, one.http, batch

    def write(self, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        found: dict[int, WriteResult] = {}
        changed = {w.key: n for n, w in reversed([*enumerate(writes)]) if w.key is not None and not w.delete}
        new = {w.token or digest(w.fields): n for n, w in enumerate(writes) if w.key is None and self.given.create}
        for places, send in ((changed, self._update), (new, self._create)):
            keys = sorted(places, key=places.__getitem__)
            for start in range(0, len(keys), self.given.size):
                some = {key: writes[places[key]] for key in keys[start : start + self.given.size]}
                found |= {places[key]: result for key, result in send(some).items()}
        return [found[n] if n in found else self.one.write(w) for n, w in enumerate(writes)]

    def _update(self, writes: Mapping[str, FieldWrite]) -> dict[str, WriteResult]:
        """What became of each, by key; of none, where the service takes them one by one alone."""
        try:
            before = self._read(list(writes))
        except RetryLater as error:
            return {key: WriteResult(key, "retry", str(error), untouched=True) for key in writes}
        if before is None:
            return {}
        found: dict[str, WriteResult] = {}
        for key, w in writes.items():
            if (now := before.get(key)) is None:
                continue  # it is not said why: asked for by itself
            if self.one.is_gone(now):
                found[key] = WriteResult(key, "gone", "the service has no such record")
            elif (result := settled(w, held(w, now))) is not None:
                found[key] = result
        sent = {key: w for key, w in writes.items() if key in before and key not in found}
        return found | (self._sent(sent, before) if sent else {})

    def _sent(
        self, writes: Mapping[str, FieldWrite], before: Mapping[str, dict[str, Foreign]]
    ) -> dict[str, WriteResult]:
        told = self._ask(self.given.update, {key: self.one.body(before[key], w.fields) for key, w in writes.items()})
        if told is None:
            return {}
        if isinstance(told, WriteResult):
            return {key: replace(told, key=key) for key in writes}
        try:
            after = self._read(list(writes)) or {}
        except RetryLater:
            after = {}
        return {key: self._outcome(key, w, before[key], after.get(key), told.get(key)) for key, w in writes.items()}

    def _outcome(self, key: str, write: FieldWrite, before: Row, after: Row | None, told: _Told | None) -> WriteResult:
        """What a row came to: as the service says, and as the record shows."""
        if told is not None and told.code:
            return self._refused(key, told.code)
        result = None if after is None else shown(write, held(write, before), after, "took the row")
        if result is not None and (told is not None or result.outcome == "written"):
            return result
        if told is None:
            return WriteResult(key, "retry", UNTOLD)
        return WriteResult(key, "written", "the service took it; the record could not be read again")

    def _create(self, writes: Mapping[str, FieldWrite]) -> dict[str, WriteResult]:
        assert self.given.create is not None
        told = self._ask(
            self.given.create, {token: with_fields({}, w.fields) for token, w in writes.items()}, once=True
        )
        if told is None or isinstance(told, WriteResult):
            return {} if told is None else dict.fromkeys(writes, told)
        return {token: self._made(told.get(token)) for token in writes}

    def _made(self, told: _Told | None) -> WriteResult:
        if told is None:
            return WriteResult("", "retry", UNTOLD)
        if told.code:
            return self._refused("", told.code)
        key = self.one.key(told.result) or self.one.named(told.result)
        return WriteResult(key, "written", "" if key else "the service did not tell the new record's key")

    def _refused(self, key: str, code: str) -> WriteResult:
        return WriteResult(key, self.given.outcomes.get(code, "rejected"), f"the service refuses it: {code}")

    # --- requests -----------------------------------------------------------------------------------

    def _read(self, keys: Sequence[str]) -> dict[str, dict[str, Foreign]] | None:
        """Records by key; None: the service does not give them so. RetryLater: it is away, or refuses our credentials."""
        told = self._ask(self.given.read, {key: {} for key in keys})
        if isinstance(told, WriteResult):
            raise RetryLater(told.detail)
        return None if told is None else {key: said.result for key, said in told.items() if said.result}

    def _ask(
        self, call: BatchCall, rows: Mapping[str, Mapping[str, Foreign]], once: bool = False
    ) -> dict[str, _Told] | WriteResult | None:
        """What the service says of each row, by key; one result, of all of them, where it is away; None: it refuses the
        request as a whole, or answers otherwise than is declared. `once`: what it may have done is not asked for again."""
        sent = [key if not call.key else with_fields({**call.row, **row}, {call.key: key}) for key, row in rows.items()]
        before, body = self.http.sent, with_fields(call.body, {call.rows: sent})
        try:
            answer = self.http.send(call.method.upper(), self.http.url(call.path), json=body)
        except (RetryLater, ConfigError) as error:
            return WriteResult("", "retry", str(error), untouched=self.http.sent == before)
        if answer.status in (401, 403):
            return WriteResult("", "retry", str(refused(self.http, answer.status)), untouched=True)
        told = _told(call, answer, list(rows)) if answer.ok else None
        return WriteResult("", "retry", UNTOLD) if told is None and answer.ok and once else told


@dataclass(frozen=True)
class _Told:
    """What a service says of one row: a reason, where it refused it."""

    result: dict[str, Foreign]
    code: str = ""


def _told(call: BatchCall, answer: Answer, keys: Sequence[str]) -> dict[str, _Told] | None:
    """By key. A row that is not there, or null, has no result. None: there is no such list in the answer."""
    try:
        body: Foreign = parse_json(answer.body)
    except ValueError:
        return None
    results = _found(call.results, body)
    if not isinstance(results, list) or (call.result_key is None and len(results) != len(keys)):
        return None
    found: dict[str, _Told] = {}
    for place, result in enumerate(results):
        if isinstance(result, dict):
            key = keys[place] if call.result_key is None else _key(_found(call.result_key, result))
            found[key] = _Told(result, "" if call.failures else _code(call, result))
    for failure in (_found(call.failures, body) if call.failures else None) or ():
        of = _found(call.failure_keys, failure)
        why = _Told({}, _code(call, failure) or "it gives no reason")
        found |= {_key(key): why for key in (of if isinstance(of, list) else [of])}
    return found


def _key(value: Foreign) -> str:
    try:
        return record_key(value)
    except BadRecord:
        return ""


def _code(call: BatchCall, said: Foreign) -> str:
    code = _found(call.code, said) if call.code else None
    return "" if code is None else str(code)[:CODE]


def _found(text: str, said: Foreign) -> Foreign:
    """What an expression finds; None where it fails."""
    if text == "@":
        return said
    try:
        return path(text).get(said) if isinstance(said, dict) else None
    except BadRecord:
        return None
