"""One endpoint over HTTP/1.1: a connection that is kept, to the address that was looked at, and one deadline for a whole try.

A receiver that drips bytes keeps nobody waiting: what is left of the deadline bounds every wait on the socket.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache

import h11
import httpx2

from hub.delivery.addresses import Network, Place, place_of

WHOLE_TRY = 15.0  # seconds, from the look at its name to the end of its answer's head
CONNECT = 5.0
REST = 1.0  # for the rest of an answer, of which nothing is wanted
READ = 1 << 16  # bytes at once
LARGEST_BODY = 1 << 16  # of an answer, which nobody reads: past that the connection is not kept


@dataclass(frozen=True, slots=True)
class Response:
    """Status and headers, names in lower case."""

    status: int
    headers: Mapping[str, str]


class Endpoint:
    """Posts to one address. For one thread at a time."""

    def __init__(self, networks: Sequence[Network]):
        self._networks = networks
        self._socket: socket.socket | None = None
        self._protocol = h11.Connection(h11.CLIENT)
        self._place: Place | None = None

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, before: Callable[[], object] = lambda: None
    ) -> Response:
        """The answer to one request. `before` is called when it is about to go. Unprocessable for an address that
        webhooks may not go to; OSError, TimeoutError among them, when no answer came."""
        until = time.monotonic() + WHOLE_TRY
        place = place_of(url, self._networks)
        kept = self._socket is not None and place == self._place and self._protocol.our_state is h11.IDLE
        if not kept:
            self._connect(place, until)
        before()
        try:
            return self._exchange(place, headers, body, until)
        except ConnectionError:
            if not kept:
                raise
        self._connect(place, until)  # the other side had closed it meanwhile
        return self._exchange(place, headers, body, until)

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None

    def _connect(self, place: Place, until: float) -> None:
        self.close()
        url = _parsed(place.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        made = socket.create_connection((place.address, port), timeout=min(CONNECT, _left(until)))
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.scheme == "https":
                made = _trust().wrap_socket(made, server_hostname=place.host)
        except BaseException:
            made.close()
            raise
        self._socket, self._place, self._protocol = made, place, h11.Connection(h11.CLIENT)

    def _exchange(self, place: Place, headers: Mapping[str, str], body: bytes, until: float) -> Response:
        """One request on the connection. It is closed unless the answer came whole and lets it be kept."""
        url = _parsed(place.url)
        all_headers = {"host": url.netloc.decode("ascii"), "content-length": str(len(body)), **headers}
        try:
            request = h11.Request(method="POST", target=url.raw_path, headers=list(all_headers.items()))
            sent = (self._protocol.send(e) or b"" for e in (request, h11.Data(data=body), h11.EndOfMessage()))
            assert self._socket is not None
            self._socket.settimeout(_left(until))
            self._socket.sendall(b"".join(sent))
            answer = self._answer(until)
            whole = self._rest(min(until, time.monotonic() + REST))
        except h11.ProtocolError as error:
            self.close()
            raise OSError(f"the answer is no HTTP: {error}") from None
        except BaseException:
            self.close()
            raise
        if whole and self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        else:
            self.close()
        return answer

    def _answer(self, until: float) -> Response:
        """The head of the final answer."""
        while True:
            event = self._next(until)
            if isinstance(event, h11.Response):
                return Response(event.status_code, {k.decode("ascii"): v.decode("latin-1") for k, v in event.headers})

    def _rest(self, until: float) -> bool:
        """Did its body end, after not too much? It has told all that is wanted by then: no failure of it counts."""
        read = 0
        with suppress(OSError, h11.ProtocolError):
            while read <= LARGEST_BODY:
                event = self._next(until)
                if isinstance(event, h11.EndOfMessage):
                    return True
                if not isinstance(event, h11.Data):
                    return False
                read += len(event.data)
        return False

    def _next(self, until: float) -> object:
        assert self._socket is not None
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._socket.settimeout(_left(until))
            data = self._socket.recv(READ)
            if not data and self._protocol.their_state is h11.SEND_RESPONSE:
                raise ConnectionError("closed without an answer")
            self._protocol.receive_data(data)
        return event


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no whole answer in time")
    return left


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


@cache
def _trust() -> ssl.SSLContext:
    """Certificates are checked against those that this machine trusts."""
    return ssl.create_default_context()
