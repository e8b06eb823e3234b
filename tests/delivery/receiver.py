"""A subscriber's own server: keeps what it gets, and answers as a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


class Receiver:
    """`answer` decides by (number of the request, its event); the default takes everything."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], int] = lambda _n, _e: 204):
        self.answer = answer
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._lock = threading.Lock()
        outer = self

        self.connections: list[socket.socket] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with outer._lock:
                    outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    code = outer.answer(len(outer.got), orjson.loads(body))
                self.send_response(code)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(b) for _, b in self.got]

    def hang_up(self) -> None:
        """End the connections that are open."""
        for one in self.connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
