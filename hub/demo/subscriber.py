"""A small application that subscribes by webhook: it checks each signature, and keeps what it was told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from hub.connectors.base import Foreign

BODY = 1 << 20


@dataclass
class Subscriber:
    """What it was told, oldest first: type, customer, names of what changed; how much was not signed by the hub."""

    url: str = ""
    secret: str = ""
    told: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    refused: int = 0

    def take(self, id: str, time: str, signatures: str, body: bytes) -> bool:
        """As Standard Webhooks says: a signature is over id, time and body."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.new(key, f"{id}.{time}.".encode() + body, hashlib.sha256).digest()
        right = f"v1,{base64.b64encode(made).decode()}"
        if not any(hmac.compare_digest(right, given) for given in signatures.split()):
            self.refused += 1
            return False
        event: Foreign = orjson.loads(body)
        self.told.append((event["type"], event["subject"], tuple(event["data"]["attributes"])))
        return True


@contextmanager
def listening() -> Iterator[Subscriber]:
    """A subscriber at a free port of this machine, until the block ends."""
    found = Subscriber()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"subscriber": found}))
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    subscriber: Subscriber
    timeout = 60

    def log_message(self, *_: object) -> None:
        """Nothing is written to the terminal."""

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), BODY)
        given = [self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        taken = self.subscriber.take(given[0], given[1], given[2], self.rfile.read(length))
        self.send_response(204 if taken else 401)
        self.end_headers()
