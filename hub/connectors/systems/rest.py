"""Any JSON service as a source, declared in YAML: authentication, paging, increments, write-back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import orjson
from pydantic import Field, field_validator, model_validator

from hub.connectors.base import (
    KEPT,
    ROW_BYTES,
    BadRow,
    Cursor,
    Discovered,
    FieldWrite,
    Foreign,
    Page,
    SourceRow,
    WriteResult,
    jsonable,
    known_columns,
)
from hub.connectors.formats import checked_row
from hub.connectors.formats.opened import bad_row
from hub.connectors.http import Answer, Http, RestConnection, refused
from hub.connectors.mapping.columns import field_notes, written_fields
from hub.connectors.mapping.paths import has_nested, path
from hub.connectors.mapping.times import repeated, shift_back, version_text
from hub.connectors.rest_batch import Batch, Batching
from hub.connectors.rest_expand import Expand, expanded
from hub.connectors.rest_writes import Writing
from hub.connectors.rows import parse_json
from hub.errors import BadRecord, ConfigError, Fault, RetryLater
from hub.model import digest
from hub.settings import ADDED, Source, Stream, Strict, compile_path, source_of_kind

if TYPE_CHECKING:
    import httpx2

AHEAD = 300_000_000  # a service's clock may be five minutes ahead of the hub's
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?[^",]*\bnext\b', re.IGNORECASE)
SINCE = "{since}"
_DEFAULT_PARAM = {"page": "page", "offset": "offset", "cursor": "cursor", "none": "", "link": ""}


class RestRead(Strict):
    """How to page through one REST collection and how to write one item of it."""

    path: str  # of the collection, below the base URL
    records: str = "@"  # JMESPath to the list in a page
    params: dict[str, str] = Field(default_factory=dict)  # sent with every page
    page: Literal["none", "page", "offset", "cursor", "link"] = "none"  # how to ask for the next page
    page_param: str | None = None  # default: page, offset or cursor, as `page` says
    page_start: int = Field(default=1, ge=0)  # number of the first page
    size_param: str | None = None  # parameter that says how many records a page has
    size: int = Field(default=200, ge=1)  # records of a page, sent as size_param
    next: str | None = None  # JMESPath to the next cursor (page: cursor), or URL (page: link; default: the Link header)
    since_param: str | None = None  # incremental: gets the highest version seen
    since_start: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # what {since} in params stands for as long as nothing was read; then for the highest version seen: of query languages
    order: Literal["unknown", "version"] = (
        "unknown"  # version: the list comes oldest version first, so a broken read goes on where it was
    )
    item: str | None = None  # path of one record, with {key}
    item_record: str = "@"  # JMESPath to the record in an item's answer
    update: Literal["patch", "put", "none"] = "patch"  # how one record is written
    nested: Literal["whole", "changed"] = Field(
        default="whole", json_schema_extra=ADDED
    )  # of patch: what is sent of an object within the record; changed: only fields that change, where the service merges
    create: str | None = None  # path to POST new records to, with an Idempotency-Key
    create_once: bool = Field(
        default=False, json_schema_extra=ADDED
    )  # true: the service makes one record for an Idempotency-Key, however often it is sent
    search: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # without create_once: path of a listing in which a record that a try may have made is found, such as people?mail={mail}
    batch: Batch | None = Field(
        default=None, json_schema_extra=ADDED
    )  # how many records are written in one request, where the service takes them so
    expand: dict[str, Expand] = Field(
        default_factory=dict, json_schema_extra=ADDED
    )  # name -> an endpoint of each record's own: what it answers is the record's field of that name
    errors: str | None = Field(
        default=None, json_schema_extra=ADDED
    )  # JMESPath to errors in an answer of 200; default: the usual names

    @field_validator("records", "next", "item_record", "errors")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        if text is not None:
            compile_path(text, "this")
        return text

    @field_validator("since_start", mode="before")
    @classmethod
    def _unquoted(cls, given: object) -> object:
        """YAML takes a bare time for one: as text again."""
        return str(jsonable(given)) if isinstance(given, date | int) else given

    @field_validator("item")
    @classmethod
    def _has_key(cls, text: str | None) -> str | None:
        if text is not None and "{key}" not in text:
            raise ValueError("must hold {key}, such as people/{key}")
        return text

    @property
    def incremental(self) -> bool:
        """Can the service be asked for what changed since a version?"""
        return self.since_param is not None or self.since_start is not None

    @model_validator(mode="after")
    def _pages(self) -> RestRead:
        if (self.since_start is not None) != any(SINCE in value for value in self.params.values()):
            raise ValueError("{since} in params and since_start, what it stands for at first, go together")
        if self.page == "cursor" and self.next is None:
            raise ValueError("page: cursor needs next, the JMESPath to the next cursor, such as next_cursor")
        return self


class RestStream(Stream):
    """A stream that is read from a REST collection."""

    rest: RestRead | None = None  # how to page through it, and how to write one item of it

    @property
    def ordered(self) -> str | None:
        """A record's own version says nothing of what it is expanded by: versions of it are in the order of their reading."""
        return None if self.rest is not None and self.rest.expand else self.version

    def faults(self, where: str) -> Iterator[Fault]:
        if self.rest is None:
            yield Fault(where, "a REST stream needs rest", "add rest: {path: ...}")
            return
        for attribute, name in written_fields(self):
            if (root := name.partition(".")[0]) in self.rest.expand:
                what = f"'{root}' is an endpoint of its own: the hub does not write there"
                yield Fault(
                    f"{where}.write_back.attributes.{attribute}", what, "remove it, or name a field of the record"
                )
        if self.rest.incremental and self.version is None:
            remedy = "add version: the field that since_param compares, such as updated_at"
            yield Fault(f"{where}.rest.since_param", "needs the stream's version", remedy)
        if self.write_back and (self.rest.item is None or self.rest.update == "none"):
            what = "the hub does not know how to write one record"
            remedy = "add rest.item: the path of one record with {key}, and rest.update: patch or put"
            yield Fault(f"{where}.write_back", what, remedy)
        by_own_id = self.rest.batch is not None and self.rest.batch.create is not None
        if by_own_id or self.write_back is None or not self.write_back.makes:
            return
        if self.rest.create is None:
            yield Fault(
                f"{where}.rest.create", "is missing", "name the path to POST new records to, or write mode: update"
            )
        elif not (self.rest.create_once or self.rest.search):
            what = "nothing keeps the hub from making a record twice, where an answer got lost"
            remedy = "write create_once: true if the service honours an Idempotency-Key, else search: such as people?mail={mail}"
            yield Fault(f"{where}.rest.create_once", what, remedy)


@source_of_kind
class RestSource(Source):
    connector: RestConnection
    streams: dict[str, RestStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Service:
        return Service(self, env=env, now=now)


class Service:
    """The `rest` connector of one source."""

    def __init__(self, source: RestSource, *, env: Mapping[str, str], now: Callable[[], int]) -> None:
        self._source, self._now = source, now
        self._http = Http(source.connector, source=source.name, env=env)

    def discover(self) -> list[Discovered]:
        """The declared streams, with the fields of their first page: a service does not say what else it has."""
        found = []
        for name in self._source.streams:
            page = next(self.read(name, None))
            rows = [row.raw for row in page.rows if isinstance(row, SourceRow)]
            found.append(Discovered(name, tuple(dict.fromkeys(f for row in rows for f in row)), tuple(rows[:3])))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        config, rest = self._stream(stream)
        yield from _Listing(self._http, stream, config, rest, cursor or {}, self._now()).pages()

    def write(self, stream: str, writes: Sequence[FieldWrite]) -> list[WriteResult]:
        config, rest = self._stream(stream)
        one = Writing(self._http, config, rest)
        return [one.write(w) for w in writes] if rest.batch is None else Batching(one, rest.batch).write(writes)

    def close(self) -> None:
        self._http.close()

    def _stream(self, name: str) -> tuple[RestStream, RestRead]:
        config = self._source.streams[name]
        if config.rest is None:
            raise ConfigError(
                [
                    Fault(
                        f"sources/{self._source.name}.yaml: streams.{name}",
                        "a REST stream needs rest",
                        "add rest: {path: ...}",
                    )
                ]
            )
        return config, config.rest


# --- reading --------------------------------------------------------------------------------


@dataclass
class _Place:
    """Where in a listing the next request is."""

    since: Foreign = None
    number: int = 0  # pages or rows passed, as `page` counts
    token: str | None = None  # the next cursor, or the next page's URL


TOLERATED = 20  # pages of one content that tokens may lead to
EMPTY, NOTHING = 100, ""  # pages in a row that hold nothing; how they are counted
_ERRORS = frozenset(
    {"error", "errors", "fault", "exception", "errormessage", "errorcode", "errordescription", "errordetail"}
    | {"faultstring", "faultcode", "haserror", "haserrors", "iserror"}
)
_ABOUT = frozenset({"meta", "metadata", "header", "responseheader", "info", "status", "result", "response"})
_SUCCESS = frozenset({"success", "ok", "status", "result", "successful"})
_CODES = frozenset({"status", "statuscode", "code", "httpstatus"})
_FAILED = frozenset({"false", "error", "errors", "fail", "failed", "failure", "nok", "ko"})


def _said_about(answer: Mapping[str, Foreign]) -> Iterator[tuple[str, Foreign]]:
    """What an answer says beside its list: at the top, and in an object that is about the answer."""
    for name, value in answer.items():
        yield name, value
        if isinstance(value, dict) and name.lower().replace("_", "") in _ABOUT:
            yield from ((f"{name}.{inner}", said) for inner, said in value.items())


def _says_failed(name: str, value: Foreign) -> bool:
    word = name.lower().replace("_", "").replace("-", "")
    if word in _ERRORS:
        return value not in (None, False, 0, "", "0", [], {})
    if word in _CODES and isinstance(value, int | str) and str(value).isdigit():
        return 400 <= int(str(value)[:4]) < 600
    return word in _SUCCESS and (value is False or str(value).lower() in _FAILED)


@dataclass
class _Listing:
    """One read of a stream.

    The cursor: `since`, the highest version of the last listing that was read to its end (or, where the
    service lists oldest versions first, of the last page); while one is under way also `high` and, where
    the service gives tokens, `token`.
    """

    http: Http
    stream: str
    config: Stream
    rest: RestRead
    start: Cursor
    now: int
    number: int = 0
    bad: bool = False
    fields: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)  # where this read has been
    circling: bool = False  # pages bring nothing new
    prints: Counter[str] = field(default_factory=Counter)  # pages seen, by what they hold

    def __post_init__(self) -> None:
        self.where = f"{self.http.where}: streams.{self.stream}"
        self.version = path(self.config.version) if self.config.version else None
        self.incremental = bool(self.rest.incremental and self.version and self.config.listing == "incremental")
        self.records, self.key = path(self.rest.records), path(self.config.key)
        self.sorted = self.incremental and self.rest.order == "version"
        self.high: Foreign = self.start.get("high", self.start.get("since")) if self.incremental else None
        self.whole = True

    def pages(self) -> Iterator[Page]:
        place = _Place(self.start.get("since") if self.incremental else None)
        if self.rest.page in ("cursor", "link") and self.start.get("token"):
            place.token, self.whole = self.start["token"], False
        self.whole = self.whole and place.since is None
        while True:
            answer, body = self._fetch(place)
            items = self._items(body)
            self.whole = self.whole and (body is not None or self.number > 1)  # "no content" is no list of nobody
            if self._in_a_circle(items):
                items, self.circling = [], True
            rows = self._rows(items, len(answer.body))
            following = self._next(place, items, answer, body)
            if following is not None and following.since != place.since:
                self.tokens.clear()  # the list begins anew, at a later version
                self.prints.clear()
            if following is None:
                yield self._last_page(rows)
                return
            yield Page(rows, self._cursor(place, following), notes=self._taken_notes())
            place = following

    def _in_a_circle(self, items: list[Foreign]) -> bool:
        """Was this page here before? Numbered pages end at the first repeat; tokens may give one twice, not for ever."""
        if not items:
            self.prints[NOTHING] += 1
            return self._for_nothing()
        self.prints.pop(NOTHING, None)
        numbered = self.rest.page in ("page", "offset")
        print_ = digest(self._keys(items) or items)  # by key: a service may put the time of the answer into each row
        self.prints[print_] += 1
        if self.prints[print_] <= (1 if numbered else TOLERATED):
            return False
        said = f": does the service know '{self._page_param()}'?" if numbered else " again and again: stopped there"
        self.notes.append(f"{self.stream}: page {self.number} repeats an earlier one{said}")
        self.whole = False
        return True

    def _keys(self, items: list[Foreign]) -> list[Foreign]:
        """Of rows that all have one, with their versions; else none."""
        try:
            found = [self.key.get(item) if isinstance(item, dict) else None for item in items]
            versions = [self.version.get(item) if self.version else None for item in items if isinstance(item, dict)]
        except BadRecord:
            return []
        return [] if None in found else [found, versions]

    def _for_nothing(self) -> bool:
        """Has the service given nothing but tokens for long?"""
        if self.prints[NOTHING] <= EMPTY:
            return False
        self.notes.append(f"{self.stream}: {EMPTY} pages without a row, one after the other: stopped there")
        self.whole = False
        return True

    def _fetch(self, place: _Place) -> tuple[Answer, Foreign]:
        answer = self.http.send("GET", self._url(place))
        if place.token and self.number == 0 and answer.status in (400, 404, 410, 422):
            place.token, self.whole = (
                None,
                place.since is None,
            )  # the service has forgotten the token: from the beginning
            answer = self.http.send("GET", self._url(place))
        self.number += 1
        if answer.status == 404 and self.rest.page in ("page", "offset") and self.number > 1:
            return answer, None  # how some services say that there is no such page
        return answer, self._body(answer)

    def _url(self, place: _Place) -> httpx2.URL:
        rest = self.rest
        if rest.page == "link" and place.token:
            return self.http.link(place.token, str(self.http.base))
        params = dict(rest.params)
        if rest.size_param:
            params[rest.size_param] = str(rest.size)
        since = None if place.since is None else str(shift_back(place.since, self._lookback(place.since)))
        if rest.since_param and since is not None:
            params[rest.since_param] = since
        if rest.since_start is not None:
            params = {name: value.replace(SINCE, since or rest.since_start or "") for name, value in params.items()}
        if rest.page == "page":
            params[self._page_param()] = str(rest.page_start + place.number)
        elif rest.page == "offset":
            params[self._page_param()] = str(place.number)
        elif rest.page == "cursor" and place.token:
            params[self._page_param()] = place.token
        return self.http.url(rest.path, params)

    def _lookback(self, since: Foreign) -> int:
        """Microseconds to read again: what the stream says, and an hour that clocks repeat."""
        again = repeated(since, self.config.zone) if self.config.zone is not None else None
        return self.config.lookback_micros + (again // timedelta(microseconds=1) if again else 0)

    def _page_param(self) -> str:
        return self.rest.page_param or _DEFAULT_PARAM[self.rest.page]

    def _body(self, answer: Answer) -> Foreign:
        what = f"{self.where}.rest.path"
        if answer.status in (401, 403):
            raise ConfigError([refused(self.http, answer.status)])
        if answer.status == 204:
            return None
        if not answer.ok:
            remedy = "correct the path or its parameters"
            if "since" in self.start or "token" in self.start:
                remedy += (
                    "; where it no longer knows what the last pull ended with, hub pull --reconcile reads all anew"
                )
            raise ConfigError([Fault(what, f"{self.rest.path} answers {answer.status}", remedy)])
        try:
            return parse_json(answer.body)
        except ValueError:
            kind = answer.headers.get("content-type", "no content type").split(";")[0][:60]
            raise RetryLater(f"{what}: {self.rest.path} answers {answer.status} with {kind} that is not JSON") from None

    def _items(self, body: Foreign) -> list[Foreign]:
        """The records of a page. What has no list where it should be is a changed schema, not an empty page."""
        if body is None:
            return []
        troubled = self._troubles(body, self.records.names)
        try:
            items = body if self.rest.records == "@" else self.records.get(body) if isinstance(body, dict) else None
        except BadRecord:
            items = None
        if troubled and not items:
            raise RetryLater(f"{self.where}: {self.rest.path} answers 200 with an error in it (at '{troubled}')")
        if isinstance(items, list):
            if troubled:
                self.notes.append(f"{self.stream}: page {self.number} came with an error in it (at '{troubled}')")
                self.whole = False
            return items
        if items is None and isinstance(body, dict) and self.records.names and has_nested(body, self.records.names):
            return []  # the list is there, and null
        keys = f"; {known_columns(list(body))}" if isinstance(body, dict) else ""
        raise ConfigError(
            [
                Fault(
                    f"{self.where}.rest.records",
                    f"'{self.rest.records}' finds no list in the answer{keys}",
                    "correct the path to the list",
                )
            ]
        )

    def _troubles(self, body: Foreign, names: tuple[str, ...]) -> str:
        """Where an answer of 200 says that it failed; empty when it does not. `names`: down to what is wanted of it;
        none: it is that itself, and its fields are no messages."""
        if not isinstance(body, dict):
            return ""
        if self.rest.errors is not None:
            return self.rest.errors if path(self.rest.errors).get(body) else ""
        at: Foreign = body
        for depth, inner in enumerate(names):  # beside the list, and beside what it stands in
            for name, value in _said_about({n: v for n, v in at.items() if n != inner}):
                if _says_failed(name.rpartition(".")[2], value):
                    return ".".join((*names[:depth], name))
            at = at.get(inner)
            if not isinstance(at, dict):
                break
        return ""

    def _rows(self, items: list[Foreign], size: int) -> tuple[SourceRow | BadRow, ...]:
        rows: list[SourceRow | BadRow] = []
        for place, item in enumerate(items, 1):
            line = f"{self.stream} page {self.number} item {place}"
            if self.rest.expand and isinstance(item, dict):
                where = f"{self.where}.rest.expand"
                try:
                    item |= expanded(self.rest.expand, item, self._asked, self._troubles, where)
                except BadRecord as error:
                    rows.append(bad_row(str(error), line, str(item)[:KEPT]))
                    continue
            long = (size > ROW_BYTES or bool(self.rest.expand)) and isinstance(item, dict)
            length = len(orjson.dumps(item, default=str)) if long else 0
            rows.append(checked_row(item, line, str(item)[:KEPT], length))
            if isinstance(item, dict):
                self.fields.update(dict.fromkeys(item))
        self.bad = self.bad or any(isinstance(row, BadRow) for row in rows)
        return tuple(rows)

    def _asked(self, way: str) -> tuple[Answer, Callable[[], Foreign]]:
        answer = self.http.send("GET", self.http.url(way))
        return answer, partial(self._body, answer)

    def _next(self, place: _Place, items: list[Foreign], answer: Answer, body: Foreign) -> _Place | None:
        """The next request, or None at the end."""
        before = self.high
        if self.version is not None:
            self._raise_high(items)
        following = self._following(place, items, answer, body)
        if (
            self.sorted
            and items
            and before != self.high
            and (following is not None or self.rest.page == "none")
            and self._ascending(items)
        ):
            return _Place(self.high)  # from the last version on: what changes meanwhile cannot shift rows past us
        return following

    def _following(self, place: _Place, items: list[Foreign], answer: Answer, body: Foreign) -> _Place | None:
        if self.rest.page == "none":
            return None
        if self.rest.page in ("page", "offset"):
            step = 1 if self.rest.page == "page" else len(items)
            return _Place(place.since, place.number + step) if items else None
        token = self._token(answer, body)
        self.tokens.add(place.token or "")
        if token and (token in self.tokens or self.circling):
            self.notes.append(f"{self.stream}: the service leads back to a page that was read before: stopped there")
            self.whole = False
            return None
        return _Place(place.since, 0, token) if token else None

    def _token(self, answer: Answer, body: Foreign) -> str:
        if self.rest.next is None:
            found = _NEXT.search(answer.headers.get("link", ""))
            return str(self.http.link(found[1], answer.url)) if found else ""
        try:
            token = path(self.rest.next).get(body) if isinstance(body, dict) else None
        except BadRecord:
            token = None
        if not token or isinstance(token, dict | list | bool):
            return ""
        return str(self.http.link(str(token), answer.url)) if self.rest.page == "link" else str(token)

    def _raise_high(self, items: list[Foreign]) -> None:
        """The highest version seen; a row dated in the future must not carry the cursor past the changes of today."""
        high = version_text(self.high, self.config.day_first, self.config.zone)[0] or ""
        for value in self._versions(items):
            text, moment = version_text(value, self.config.day_first, self.config.zone)
            if text is not None and text > high and (moment is None or moment <= self.now + AHEAD):
                high, self.high = text, value

    def _versions(self, items: list[Foreign]) -> Iterator[Foreign]:
        assert self.version is not None
        for item in items:
            try:
                yield self.version.get(item) if isinstance(item, dict) else None
            except BadRecord:
                yield None

    def _ascending(self, items: list[Foreign]) -> bool:
        texts = [version_text(v, self.config.day_first, self.config.zone)[0] or "" for v in self._versions(items)]
        if texts == sorted(texts):
            return True
        self.sorted = False
        self.notes.append(
            f"{self.stream}: rest.order says version, but the list is not in version order: read to its end instead"
        )
        return False

    def _cursor(self, place: _Place, following: _Place) -> Cursor:
        cursor: Cursor = {"fields": list(self.start.get("fields", ()))}
        if self.incremental:
            if following.since is not None:
                cursor["since"] = following.since
            cursor["high"] = self.high
        if following.token:
            cursor["token"] = following.token
        return cursor

    def _last_page(self, rows: tuple[SourceRow | BadRow, ...]) -> Page:
        self._note_fields()
        cursor: Cursor = {"fields": list(dict.fromkeys([*self.start.get("fields", ()), *self.fields]))}
        if self.incremental and self.high is not None:
            cursor["since"] = self.high
        return Page(rows, cursor, complete=True, listed_all=self.whole and not self.bad, notes=self._taken_notes())

    def _note_fields(self) -> None:
        known = self.start.get("fields", [])
        self.notes.extend(field_notes(self.where, self.stream, self.config, known, list(self.fields)))

    def _taken_notes(self) -> tuple[str, ...]:
        notes, self.notes = tuple(self.notes), []
        return notes
