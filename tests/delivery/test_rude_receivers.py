"""Receivers that break: what they do to one try they do to no event. Each arrives, a customer's in order, none is lost."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.delivery.subscriptions import Wish
from hub.delivery.webhook_message import WAITS
from hub.delivery.webhook_sending import Webhooks
from hub.open import Hub
from tests.certificates import self_signed
from tests.delivery.test_webhook_sending import ALL, LOOPBACK, kept, later, subs, write

Break = Callable[[socket.socket], None]
WELL = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
    with suppress(OSError):
        for _ in range(10_000):
            connection.sendall(b"x" * 10_000)


BROKEN: dict[str, tuple[Break, bool]] = {  # what the receiver does, and whether it had taken the event
    "hangs up": (lambda _c: None, False),
    "resets": (_reset, False),
    "speaks no HTTP": (lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), False),
    "cuts its head off": (lambda c: c.sendall(b"HTTP/1.1 20"), False),
    "cuts its body off": (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"), True),
    "never ends its body": (_endless, True),
    "fails": (lambda c: c.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), False),
}


class Rude:
    """A receiver that breaks whenever it is told to; an event that it had taken then is one that it has."""

    def __init__(self, breaks: Break, took: bool, when: Callable[[int], bool]) -> None:
        self.breaks, self.took, self.when = breaks, took, when
        self.tries, self.got = 0, list[dict[str, Any]]()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                with connection, suppress(OSError):
                    self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        length = 0
        while (line := file.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = file.read(length)
        if not body:
            return
        self.tries += 1
        broken = self.when(self.tries)
        if not broken or self.took:
            self.got.append(orjson.loads(body))
        if broken:
            self.breaks(connection)
        else:
            connection.sendall(WELL)

    def close(self) -> None:
        self.server.close()


@pytest.fixture
def rude() -> Iterator[Callable[..., Rude]]:
    made: list[Rude] = []

    def one(*given: Any) -> Rude:
        made.append(Rude(*given))
        return made[-1]

    yield one
    for receiver in made:
        receiver.close()


@pytest.mark.parametrize("how", BROKEN)
def test_whatever_a_receiver_does_to_a_try_every_event_arrives_in_its_customers_order(
    hub: Hub, rude: Callable[..., Rude], how: str
) -> None:
    receiver = rude(*BROKEN[how], lambda n: n <= 3 or n % 2 == 1)
    made, _ = subs(hub).create(ALL, Wish("rude", receiver.url))
    write(hub)
    write(hub, key="2", first="Otto", last="Kaiser", mail="otto@x.example", nid="N2", born="1970-01-01")
    write(hub, version=2, first="Hanna")
    sender = Webhooks(hub.reader, LOOPBACK)
    try:
        for wait in WAITS[:8]:
            sender.run()
            later(hub, 2 * wait + 1_000_000)
    finally:
        sender.close()
    versions: dict[str, list[int]] = {}
    for event in receiver.got:
        versions.setdefault(event["subject"], []).append(event["data"]["version"])
    assert sorted(tuple(dict.fromkeys(v)) for v in versions.values()) == [(1,), (1, 2)]
    assert all(v == sorted(v) for v in versions.values())
    assert {status for status, *_ in kept(hub, ALL, made.id)} == {"done"}


def test_a_receiver_whose_certificate_nobody_signed_is_told_nothing(hub: Hub, tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True) as safe:
                    heard.append(safe.recv(100))

        threading.Thread(target=serve, daemon=True).start()
        made, _ = subs(hub).create(ALL, Wish("self-signed", f"https://127.0.0.1:{server.getsockname()[1]}/"))
        write(hub)
        sender = Webhooks(hub.reader, LOOPBACK)
        sender.run()
        sender.close()
    (delivery,) = subs(hub).deliveries(ALL, made.id)
    assert (delivery.status, "Cert" in delivery.detail) == ("pending", True)
    assert heard in ([], [b""])
