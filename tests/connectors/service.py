"""A small CRM over HTTP, on a loopback port: paging, token, increments, ETag / If-Match, PATCH. It can misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Crm:
    """What the service holds, and how it behaves."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: list[Any] = field(default_factory=list)  # put into the listing as they are
    token: str = "t0ken"
    phones: dict[str, list[str]] = field(default_factory=dict)  # of a person, at people/ID/phones
    paging: str = "page"
    etags: bool = True
    requests: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)  # their bodies
    misbehave: list[Callable[[str, str], Reply | None]] = field(default_factory=list)  # asked first: (method, path)
    before_patch: Callable[[], None] | None = None

    def listing(self, query: dict[str, str]) -> list[Any]:
        since = query.get("updated_since", "")
        found = [row for row in self.rows.values() if str(row.get("updated_at", "")) >= since]
        return [*sorted(found, key=lambda row: (str(row.get("updated_at", "")), str(row["id"]))), *self.extra]

    def etag(self, row: dict[str, Any]) -> str:
        return '"' + hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16] + '"'


class Server:
    def __init__(self, crm: Crm) -> None:
        handler = type("Handler", (_Handler,), {"crm": crm})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    crm: Crm
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_PATCH(self) -> None:
        self._handle("PATCH")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.crm.requests.append(f"{method} {self.path}")
        self.crm.sent.append(body)
        for reply in self.crm.misbehave:
            if (given := reply(method, self.path)) is not None:
                self._answer(*given)
                return
        if self.headers.get("Authorization") != f"Bearer {self.crm.token}":
            self._json(401, {"error": "who are you?"})
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/api/people" and method == "GET":
            self._list(query)
        elif url.path == "/api/people" and method == "POST":
            key = f"new{len(self.crm.rows)}"
            self.crm.rows[key] = {"id": key, **body}
            self._json(201, self.crm.rows[key], {"Location": f"/api/people/{key}"})
        elif url.path.startswith("/api/people/") and url.path.endswith("/phones"):
            phones = self.crm.phones.get(unquote(url.path.split("/")[3]))
            self._json(404 if phones is None else 200, {"data": phones})
        elif url.path.startswith("/api/people/"):
            self._item(method, unquote(url.path.removeprefix("/api/people/")), body)
        else:
            self._json(404, {"error": "no such path"})

    def _list(self, query: dict[str, str]) -> None:
        size = min(int(query.get("size", 100)), 100)
        found, headers, extra = self.crm.listing(query), {}, {}
        if self.crm.paging == "page":
            start = (int(query.get("page", 1)) - 1) * size
        elif self.crm.paging == "offset":
            start = int(query.get("offset", 0))
        else:
            start = int(query.get("cursor", 0))
            if start + size < len(found):
                extra = {"next_cursor": str(start + size)}
                rest = "&".join(f"{n}={v}" for n, v in query.items() if n != "cursor")
                headers = {"Link": f'</api/people?{rest}&cursor={start + size}>; rel="next"'}
        self._json(200, {"data": {"people": found[start : start + size]}, **extra}, headers)

    def _item(self, method: str, key: str, body: Any) -> None:
        if method != "GET" and self.crm.before_patch is not None:
            change, self.crm.before_patch = self.crm.before_patch, None
            change()
        row = self.crm.rows.get(key)
        if row is None:
            self._json(404, {"error": "no such person"})
            return
        given = self.headers.get("If-Match")
        if method != "GET" and given is not None and given != self.crm.etag(row):
            self._json(412, {"error": "changed"})
            return
        if method == "PATCH":
            row.update(body)
        elif method == "PUT":
            row.clear()
            row.update(body)
        elif method == "DELETE":
            del self.crm.rows[key]
        self._json(200, row, {"ETag": self.crm.etag(row)} if self.crm.etags else {})

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._answer(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
