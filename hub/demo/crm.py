"""The CRM: a small HTTP service of people and companies over an SQLite file, which a restart keeps.

    GET    /people?limit=&cursor=&updated_since=    {"data": [...], "next_cursor": ...}, oldest change first
    GET    /people/{id}                             one record with its ETag; 404 unknown, 410 deleted
    POST   /people                                  201 with a new record; the same one for the same Idempotency-Key
    PATCH  /people/{id}                             JSON merge patch; If-Match: 412 when stale
    DELETE /people/{id}                             204; later lists with updated_since show it as deleted
The same for /companies. Every request needs `Authorization: Bearer`. Errors are problem+json.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pyarrow as pa

from hub.connectors.base import Foreign
from hub.demo.shapes import crm_companies, crm_people
from hub.demo.world import World

MOST = 1000  # records in a page
BODY = 1 << 20  # bytes of a request
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
FIELDS: dict[str, tuple[str, ...]] = {
    "people": ("name", "birthDate", "emails", "phones", "address"),
    "companies": (
        "legalName",
        "registrationNo",
        "vat",
        "website",
        "industry",
        "employees",
        "emails",
        "phones",
        "address",
    ),
}
NESTED: dict[str, frozenset[str]] = {
    "name": frozenset(("given", "family", "suffix")),
    "address": frozenset(("street", "extra", "postalCode", "city", "region", "country")),
}
_TABLES = """
CREATE TABLE IF NOT EXISTS records (collection TEXT NOT NULL, id TEXT NOT NULL, updated_at TEXT NOT NULL,
    revision INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL,
    PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (token TEXT PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (n INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, fields TEXT NOT NULL);
"""
_INDEX = "CREATE INDEX IF NOT EXISTS changed ON records (collection, updated_at, id)"


Document = dict[str, Any]  # a record as JSON


class NotTaken(Exception):
    """The request cannot be done: a status and why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class WriteRequest:
    """A write that the CRM was asked for: what it touched and how it ended, without the values."""

    n: int
    at: str
    method: str
    path: str
    status: int
    fields: tuple[str, ...]


# --- what it knows ---------------------------------------------------------------------------


class Store:
    """The CRM's records in one SQLite file. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _TABLES)
        self._connection.execute(_INDEX)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def page(
        self, collection: str, *, limit: int, after: tuple[str, str], since: str | None
    ) -> tuple[list[str], tuple[str, str] | None]:
        """Records as JSON texts, oldest change first, and where the next page begins.

        `since` is inclusive, and shows deletions.
        """
        begin = max(after, (since or "", ""))  # one bound: SQLite would scan up to the second of two
        with self._lock:
            rows = self._connection.execute(
                "SELECT updated_at, id, body FROM records WHERE collection = ? AND (updated_at, id) > (?, ?)"
                f"{'' if since else ' AND deleted = 0'} ORDER BY updated_at, id LIMIT ?",
                (collection, *begin, limit + 1),
            ).fetchall()
        shown = rows[:limit]
        return [row[2] for row in shown], (shown[-1][0], shown[-1][1]) if len(rows) > limit else None

    def get(self, collection: str, key: str) -> Document:
        """One record. NotTaken with 404 or 410."""
        with self._lock:
            row = self._connection.execute(
                "SELECT body, deleted FROM records WHERE collection = ? AND id = ?", (collection, key)
            ).fetchone()
        if row is None:
            raise NotTaken(HTTPStatus.NOT_FOUND, "no such record")
        if row[1]:
            raise NotTaken(HTTPStatus.GONE, "this record was deleted")
        found: Document = orjson.loads(row[0])
        return found

    def patch(self, collection: str, key: str, change: Mapping[str, object], *, match: str | None) -> Document:
        """Merge a change into a record that is still the version `match` names. No difference: nothing is written."""
        with self._transaction():
            record = self.get(collection, key)
            _check_match(record, match)
            _check_fields(collection, change)
            changed = merged(record, change)
            if changed == record:
                return record
            return self._put(collection, key, changed)

    def create(self, collection: str, content: Mapping[str, object], *, token: str = "") -> Document:
        """A new record; for a token that was given before the one that it made."""
        with self._transaction():
            _check_fields(collection, content)
            made = self._connection.execute("SELECT collection, id FROM made WHERE token = ?", (token,)).fetchone()
            if made is not None:
                return self.get(*made)
            count = self._connection.execute(
                "SELECT count(*) FROM records WHERE collection = ?", (collection,)
            ).fetchone()[0]
            letter = "P" if collection == "people" else "C"
            key = f"{letter}-N{count + 1:06d}"
            if token:
                self._connection.execute("INSERT INTO made VALUES (?, ?, ?)", (token, collection, key))
            return self._put(collection, key, merged({}, content))

    def delete(self, collection: str, key: str, *, match: str | None) -> None:
        with self._transaction():
            _check_match(self.get(collection, key), match)
            self._put(collection, key, {}, deleted=True)

    def log(self, method: str, path: str, status: int, fields: Iterable[str]) -> None:
        with self._lock:
            row = (datetime.now(UTC).strftime(TIME), method, path, status, " ".join(fields))
            self._connection.execute(
                "INSERT INTO requests (at, method, path, status, fields) VALUES (?, ?, ?, ?, ?)", row
            )

    def writes(self) -> list[WriteRequest]:
        """All write requests so far, the refused ones too, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT n, at, method, path, status, fields FROM requests ORDER BY n"
            ).fetchall()
        return [
            WriteRequest(n, at, method, path, status, tuple(fields.split()))
            for n, at, method, path, status, fields in rows
        ]

    def count(self, collection: str) -> int:
        with self._lock:
            found = self._connection.execute(
                "SELECT count(*) FROM records WHERE collection = ? AND deleted = 0", (collection,)
            ).fetchone()
        return int(found[0])

    def load(self, collection: str, rows: Iterator[tuple[str, str, str]]) -> None:
        """Fill with (id, updated_at, JSON text)."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO records (collection, id, updated_at, revision, body) VALUES (?, ?, ?, 1, ?)",
                ((collection, *row) for row in rows),
            )

    def _put(self, collection: str, key: str, content: Document, *, deleted: bool = False) -> Document:
        newest, revision = self._connection.execute(
            "SELECT (SELECT max(updated_at) FROM records WHERE collection = ?1),"
            " (SELECT revision FROM records WHERE collection = ?1 AND id = ?2)",
            (collection, key),
        ).fetchone()
        # later than every change before it, whatever this machine's clock says: updated_since misses nothing
        now = datetime.now(UTC)
        stamp = (
            max(now, datetime.strptime(newest, TIME).replace(tzinfo=UTC) + timedelta(microseconds=1)) if newest else now
        )
        record = sealed(key, stamp.strftime(TIME), (revision or 0) + 1, content, deleted=deleted)
        self._connection.execute(
            "INSERT OR REPLACE INTO records (collection, id, updated_at, revision, deleted, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (collection, key, record["updatedAt"], (revision or 0) + 1, int(deleted), orjson.dumps(record).decode()),
        )
        return record

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection, self._lock)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self.connection, self.lock = connection, lock

    def __enter__(self) -> None:
        self.lock.acquire()
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self.lock.release()


def sealed(key: str, updated: str, revision: int, content: Mapping[str, object], *, deleted: bool = False) -> Document:
    """A record with id, time and ETag."""
    kept = {name: value for name, value in content.items() if name not in ("id", "updatedAt", "etag", "deleted")}
    etag = f"{revision}-{hashlib.blake2b(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()}"
    return {"id": key, **kept, "updatedAt": updated, "etag": etag, "deleted": deleted}


def merged(target: Foreign, change: Foreign) -> Foreign:
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(change, Mapping):
        return change
    out = dict(target) if isinstance(target, Mapping) else {}
    for name, value in change.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merged(out.get(name), value)
    return out


def _check_match(record: Mapping[str, object], match: str | None) -> None:
    if (
        match is not None
        and match.strip() != "*"
        and f'"{record["etag"]}"' not in [tag.strip() for tag in match.split(",")]
    ):
        raise NotTaken(HTTPStatus.PRECONDITION_FAILED, "the record has changed since: read it again")


def _check_fields(collection: str, change: Mapping[str, object]) -> None:
    for name, value in change.items():
        if name not in FIELDS[collection]:
            raise NotTaken(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"'{name[:40]}' cannot be set; fields: {', '.join(FIELDS[collection])}"
            )
        if value is None:
            continue
        if name in NESTED:
            if (
                not isinstance(value, Mapping)
                or value.keys() - NESTED[name]
                or not all(v is None or isinstance(v, str) for v in value.values())
            ):
                raise NotTaken(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"'{name}' must be an object of texts: {', '.join(sorted(NESTED[name]))}",
                )
        elif name in ("emails", "phones"):
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise NotTaken(HTTPStatus.UNPROCESSABLE_ENTITY, f"'{name}' must be a list of texts")
        elif not isinstance(value, int if name == "employees" else str) or isinstance(value, bool):
            raise NotTaken(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"'{name}' must be a {'whole number' if name == 'employees' else 'text'}",
            )


# --- how it is filled ------------------------------------------------------------------------


def fill(path: Path, world: World) -> None:
    """Write the world's CRM records into a new store. An earlier file is replaced."""
    for old in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        old.unlink(missing_ok=True)
    with closing(Store(path)) as store:
        store.load("people", _bodies(crm_people(world.persons)))
        store.load("companies", _bodies(crm_companies(world.organisations)))


def _bodies(rows: pa.Table) -> Iterator[tuple[str, str, str]]:
    places = [tuple(name.split(".")) for name in rows.column_names]
    for values in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        content: Document = {}
        for place, value in zip(places, values, strict=True):
            if value is None:
                continue
            if len(place) == 2:
                content.setdefault(place[0], {})[place[1]] = value
            else:
                content[place[0]] = value
        record = sealed(content["id"], content["updatedAt"], 1, content)
        yield record["id"], record["updatedAt"], orjson.dumps(record).decode()


# --- how it answers --------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CrmServer
    timeout = 60
    disable_nagle_algorithm = True  # else head and body of an answer wait 40 ms for each other

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: requests are counted in the store."""

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        self._answer(self._create)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, act: Callable[[str, str, bytes], tuple[HTTPStatus, bytes, dict[str, str]]]) -> None:
        """Run one request. Whatever is wrong with it becomes a problem, never a broken connection."""
        self._fields: list[str] = []
        headers: dict[str, str] = {}
        status, body = HTTPStatus.INTERNAL_SERVER_ERROR, b""
        try:
            content = self._body()
            self._authorise()
            collection, key = self._place()
            status, body, headers = act(collection, key, content)
        except NotTaken as refused:
            status, headers = refused.status, {"Content-Type": "application/problem+json"}
            if status is HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = "Bearer"
            body = orjson.dumps(
                {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": refused.detail}
            )
        if self.command != "GET":
            self.server.store.log(self.command, urlsplit(self.path).path, status.value, self._fields)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise NotTaken(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send a body of at most {BODY} bytes with its Content-Length"
            )
        return self.rfile.read(int(length))

    def _authorise(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.server.token.encode()):
            raise NotTaken(HTTPStatus.UNAUTHORIZED, "needs the bearer token")

    def _place(self) -> tuple[str, str]:
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts[0] not in FIELDS or len(parts) > 2:
            raise NotTaken(HTTPStatus.NOT_FOUND, f"nothing here; collections: {', '.join(FIELDS)}")
        return parts[0], parts[1] if len(parts) == 2 else ""

    def _read(self, collection: str, key: str, _: bytes) -> tuple[HTTPStatus, bytes, dict[str, str]]:
        if key:
            record = self.server.store.get(collection, key)
            return HTTPStatus.OK, orjson.dumps(record), {"ETag": f'"{record["etag"]}"'}
        query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        limit = query.get("limit", "100")
        if not limit.isdigit() or not 1 <= int(limit) <= MOST:
            raise NotTaken(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {MOST}")
        since = _time(query["updated_since"]) if query.get("updated_since") else None
        after = _place_of(query["cursor"]) if query.get("cursor") else ("", "")
        rows, then = self.server.store.page(collection, limit=int(limit), after=after, since=since)
        cursor = b"null" if then is None else b'"' + base64.urlsafe_b64encode(orjson.dumps(then)) + b'"'
        return HTTPStatus.OK, b'{"data":[' + ",".join(rows).encode() + b'],"next_cursor":' + cursor + b"}", {}

    def _create(self, collection: str, key: str, content: bytes) -> tuple[HTTPStatus, bytes, dict[str, str]]:
        if key:
            raise NotTaken(HTTPStatus.METHOD_NOT_ALLOWED, "POST to the collection")
        token = self.headers.get("Idempotency-Key", "")
        record = self.server.store.create(collection, self._object(content), token=token)
        return (
            HTTPStatus.CREATED,
            orjson.dumps(record),
            {"ETag": f'"{record["etag"]}"', "Location": f"/{collection}/{record['id']}"},
        )

    def _patch(self, collection: str, key: str, content: bytes) -> tuple[HTTPStatus, bytes, dict[str, str]]:
        record = self.server.store.patch(collection, self._one(key), self._object(content), match=self._match())
        return HTTPStatus.OK, orjson.dumps(record), {"ETag": f'"{record["etag"]}"'}

    def _delete(self, collection: str, key: str, _: bytes) -> tuple[HTTPStatus, bytes, dict[str, str]]:
        self.server.store.delete(collection, self._one(key), match=self._match())
        return HTTPStatus.NO_CONTENT, b"", {}

    def _one(self, key: str) -> str:
        if not key:
            raise NotTaken(HTTPStatus.METHOD_NOT_ALLOWED, "name one record")
        return key

    def _match(self) -> str | None:
        match: str | None = self.headers.get("If-Match")
        if match is None and self.server.require_match:
            raise NotTaken(HTTPStatus.PRECONDITION_REQUIRED, "send If-Match with the ETag that you read")
        return match

    def _object(self, content: bytes) -> Document:
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise NotTaken(HTTPStatus.BAD_REQUEST, "send a JSON object")
        self._fields = [name for name in found if name.isidentifier()][:20]
        return found


def _time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotTaken(HTTPStatus.BAD_REQUEST, "updated_since must be an ISO time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(TIME)


def _place_of(cursor: str) -> tuple[str, str]:
    try:
        updated, key = orjson.loads(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError, TypeError):
        raise NotTaken(HTTPStatus.BAD_REQUEST, "not a cursor of this service") from None
    return str(updated), str(key)


class CrmServer(ThreadingHTTPServer):
    """The running service on loopback, one thread a connection. `port` 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, path: Path, token: str, *, port: int = 0, require_match: bool = False) -> None:
        self.store, self.token, self.require_match = Store(path), token, require_match
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="demo-crm", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> CrmServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and close the file. What was written stays."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join(timeout=10)
        self.server_close()
        self.store.close()

    def record(self, collection: str, key: str) -> Document:
        """One record as it is now: what a test or demo shows. NotTaken when unknown."""
        return self.store.get(collection, key)

    def writes(self) -> list[WriteRequest]:
        """All write requests that the CRM has received."""
        return self.store.writes()
