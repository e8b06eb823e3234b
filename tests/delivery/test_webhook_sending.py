"""Webhooks over HTTP: every event once and in order, whatever receivers do, and never more than the view shows."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from hub.access.authentication.keys import create_key, revoke_key
from hub.access.authentication.principals import Principal
from hub.db import Database
from hub.delivery import endpoint
from hub.delivery import subscription_store as store
from hub.delivery.addresses import VARIABLE, allowed_networks
from hub.delivery.endpoint import Endpoint
from hub.delivery.retention import KEPT, forget_old
from hub.delivery.subscriptions import Subscriptions, Wish
from hub.delivery.webhook_message import BOTH_LIVE, GIVE_UP, WAITS
from hub.delivery.webhook_sending import Webhooks
from hub.errors import Conflict, NotFound, Unprocessable
from hub.open import Hub
from tests.delivery.receiver import Receiver

LOOPBACK = allowed_networks({VARIABLE: "127.0.0.0/8"})
ALL = Principal("p1", "warehouse", "staff", "steward")
SHIPPING = Principal("p2", "shipping app", "staff", "shipping")
ADMIN = Principal("p3", "lead", "staff", "lead_steward")
ANNA = {"first": "Anna", "last": "Maier", "born": "1980-02-03", "mail": "anna@maier.example", "nid": "N1"}

Receive = Callable[..., Receiver]


@pytest.fixture
def receive() -> Iterator[Receive]:
    made: list[Receiver] = []

    def one(*args: Any) -> Receiver:
        made.append(Receiver(*args))
        return made[-1]

    yield one
    for receiver in made:
        receiver.close()


@pytest.fixture
def sender(hub: Hub) -> Iterator[Webhooks]:
    made = Webhooks(hub.reader, LOOPBACK)
    yield made
    made.close()


def subs(hub: Hub) -> Subscriptions:
    return Subscriptions(hub.reader, LOOPBACK)


def write(hub: Hub, key: str = "1", version: int = 1, **more: Any) -> None:
    hub.resolver.upsert("billing", "customers", [{"id": key, "updated": version, **ANNA, **more}])


def later(hub: Hub, micros: int) -> None:
    hub.database.clock.at += micros  # type: ignore[attr-defined]


def kept(hub: Hub, principal: Principal, id: str) -> list[tuple[str, int, int]]:
    return [(d.status, d.attempts, d.code) for d in subs(hub).deliveries(principal, id)]


def test_a_change_arrives_once_in_the_view_at_the_version_it_names(
    hub: Hub, receive: Receive, sender: Webhooks
) -> None:
    receiver = receive()
    write(hub)  # before the subscription: not its business
    made, _ = subs(hub).create(SHIPPING, Wish("app", receiver.url))
    write(hub, version=2, first="Hanna")
    write(hub, version=3, first="Johanna")
    sender.run()
    sender.run()
    assert [e["data"]["values"]["given_name"] for e in receiver.events()] == ["Hanna", "Johanna"]
    assert [e["data"]["version"] for e in receiver.events()] == [2, 3]
    assert {e["type"] for e in receiver.events()} == {"customer.updated"}
    assert {"national_id", "email"}.isdisjoint(receiver.events()[0]["data"]["values"])
    assert kept(hub, SHIPPING, made.id) == [("done", 1, 204)] * 2


def test_a_change_that_the_view_does_not_show_leaves_no_trace(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive()
    write(hub)
    made, _ = subs(hub).create(SHIPPING, Wish("app", receiver.url))
    write(hub, version=2, nid="N2")
    sender.run()
    assert receiver.got == []
    assert kept(hub, SHIPPING, made.id) == []
    with hub.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM delivery").scalar() == 0


def test_a_filter_of_attributes_bounds_what_is_told(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive()
    subs(hub).create(ALL, Wish("phones", receiver.url, ("person",), ("phone",)))
    write(hub, phone="+4915112345678")
    write(hub, version=2, phone="+4915112345678", first="Hanna")
    sender.run()
    assert [e["type"] for e in receiver.events()] == ["customer.created"]
    assert list(receiver.events()[0]["data"]["values"]) == ["phone"]


def test_a_failed_event_holds_its_customer_and_no_other(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    bad: list[str] = []
    receiver = receive(lambda _n, e: 500 if e["subject"] in bad else 200)
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    write(hub)
    sender.run()
    bad.append(receiver.events()[0]["subject"])
    write(hub, version=2, first="Hanna")
    write(hub, version=3, first="Johanna")
    write(hub, "2", first="Otto", last="Schulz", mail="o@s.example", born="1990-01-01", nid="N9")
    sender.run()
    names = [e["data"]["values"]["given_name"] for e in receiver.events()]
    assert sorted(names[1:]) == ["Hanna", "Otto"]
    bad.clear()
    later(hub, WAITS[0] * 2)
    sender.run()
    names = [e["data"]["values"]["given_name"] for e in receiver.events()]
    assert names[3:] == ["Hanna", "Johanna"]
    ids = [e["id"] for e in receiver.events() if e["data"]["values"]["given_name"] == "Hanna"]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert [s for s, _, _ in kept(hub, ALL, made.id)] == ["done"] * 4


def test_a_dead_subscriber_holds_up_no_other(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver, dead = receive(), receive()
    away, _ = subs(hub).create(ALL, Wish("dead", dead.url))
    dead.close()
    subs(hub).create(ALL, Wish("alive", receiver.url))
    for n in range(3):
        write(hub, version=n + 1, first=("Anna", "Hanna", "Johanna")[n])
    sender.run()
    assert len(receiver.got) == 3
    assert kept(hub, ALL, away.id) == [("pending", 1, 0)]


def test_ten_tries_then_a_dead_letter_that_is_retried_or_dropped(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive(lambda _n, _e: 302)
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    write(hub)
    for _ in range(12):
        sender.run()
        later(hub, WAITS[-1] * 2)
        if kept(hub, ALL, made.id)[0][1] == 9:  # a success elsewhere keeps the endpoint enabled
            break
        subs(hub).set_state(ALL, made.id, "active")
    sender.run()
    assert len(receiver.got) == len(WAITS) + 1
    dead = subs(hub).deliveries(ALL, made.id, status="dead")
    assert [d.attempts for d in dead] == [10]
    subs(hub).set_state(ALL, made.id, "active")
    assert subs(hub).retry(ALL, made.id) == 1
    receiver.answer = lambda _n, _e: 200
    sender.run()
    assert kept(hub, ALL, made.id) == [("done", 1, 200)]
    with pytest.raises(NotFound):
        subs(hub).drop(ALL, made.id, dead[0].event, "no more wanted")
    assert subs(hub).replay(ALL, made.id, 0, 1 << 60) == 1
    sender.run()
    assert len({e["id"] for e in receiver.events()}) == 1


def test_410_and_long_failure_disable_and_resuming_sends_what_waited(
    hub: Hub, receive: Receive, sender: Webhooks
) -> None:
    gone, failing = receive(lambda _n, _e: 410), receive(lambda _n, _e: 500)
    one, _ = subs(hub).create(ALL, Wish("gone", gone.url))
    two, _ = subs(hub).create(ALL, Wish("failing", failing.url))
    write(hub)
    sender.run()
    later(hub, GIVE_UP)
    sender.run()
    states = {s.name: s.state for s in subs(hub).all(ADMIN)}
    assert states == {"gone": "disabled", "failing": "disabled"}
    write(hub, version=2, first="Hanna")
    sender.run()
    assert len(gone.got) == 1
    gone.answer = lambda _n, _e: 200
    subs(hub).set_state(ALL, one.id, "active")
    assert subs(hub).retry(ALL, one.id) == 1
    sender.run()
    assert [e["data"]["version"] for e in gone.events()] == [1, 1, 2]
    assert subs(hub).get(ALL, two.id).reason


def test_two_secrets_are_alive_for_a_day_after_a_rotation(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive()
    made, old = subs(hub).create(ALL, Wish("x", receiver.url))
    _, new = subs(hub).rotate(ALL, made.id)
    with pytest.raises(Conflict):
        subs(hub).rotate(ALL, made.id)
    assert subs(hub).test(ALL, made.id).code == 204
    headers, _ = receiver.got[0]
    assert len(headers["webhook-signature"].split()) == 2
    later(hub, BOTH_LIVE)
    subs(hub).test(ALL, made.id)
    headers, body = receiver.got[1]
    assert len(headers["webhook-signature"].split()) == 1
    signed = Webhook(new).sign(headers["webhook-id"], _moment(headers), body.decode())
    assert signed == headers["webhook-signature"]
    assert Webhook(old).sign(headers["webhook-id"], _moment(headers), body.decode()) != signed


def _moment(headers: dict[str, str]) -> Any:
    import datetime as dt

    return dt.datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=dt.UTC)


def test_an_inner_address_is_refused_at_save_and_at_connect(hub: Hub, receive: Receive) -> None:
    receiver = receive()
    with pytest.raises(Unprocessable):
        Subscriptions(hub.reader).create(ALL, Wish("x", receiver.url))
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    sender = Webhooks(hub.reader)  # the operator took the network back
    write(hub)
    sender.run()
    sender.close()
    assert receiver.got == []
    assert kept(hub, ALL, made.id) == [("pending", 1, 0)]


def test_what_a_role_does_not_see_cannot_be_asked_for_and_others_subscriptions_do_not_exist(
    hub: Hub, receive: Receive
) -> None:
    receiver = receive()
    with pytest.raises(Unprocessable):
        subs(hub).create(SHIPPING, Wish("x", receiver.url, ("person",), ("national_id",)))
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    with pytest.raises(NotFound):
        subs(hub).get(SHIPPING, made.id)
    assert subs(hub).all(SHIPPING) == []
    assert [s.id for s in subs(hub).all(ADMIN)] == [made.id]


def test_a_revoked_key_ends_its_subscriptions(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive()
    _, key = create_key(hub.database, hub.config, "x", "steward")
    holder = replace(ALL, id=key.id)
    made, _ = subs(hub).create(holder, Wish("x", receiver.url))
    revoke_key(hub.database, key.id)
    write(hub)
    sender.run()
    assert receiver.got == []
    assert subs(hub).get(ADMIN, made.id).state == "disabled"


def test_of_what_waits_nothing_goes_once_the_key_is_revoked(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    receiver = receive(lambda _n, _e: 500)
    _, key = create_key(hub.database, hub.config, "x", "steward")
    made, _ = subs(hub).create(replace(ALL, id=key.id), Wish("x", receiver.url))
    write(hub)
    sender.run()
    assert len(receiver.got) == 1
    revoke_key(hub.database, key.id)
    later(hub, WAITS[0] * 2 * 1_000_000)
    sender.run()
    assert len(receiver.got) == 1
    assert subs(hub).get(ADMIN, made.id).state == "disabled"


@pytest.mark.parametrize("code", [204, 410])
def test_what_was_sent_stays_in_the_log_when_it_is_replayed_and_hidden_by_then(
    hub: Hub, receive: Receive, sender: Webhooks, code: int
) -> None:
    receiver = receive(lambda _n, _e: code)
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    write(hub)
    sender.run()
    (event,) = receiver.events()
    with hub.database.unit() as connection:
        one = store.subscription(connection, made.id)
        assert one is not None
        store.save(connection, replace(one, types=("organisation",), state="active"))
    assert subs(hub).replay(ALL, made.id, 0, 2**62) == 1
    assert kept(hub, ALL, made.id) == [("pending", 0, code)]
    sender.run()
    assert len(receiver.got) == 1
    assert kept(hub, ALL, made.id) == [("dropped", 1, code)]
    with hub.database.read() as connection:
        assert store.told_of(connection, [event["data"]["customer"]]) == [made.id]


@pytest.mark.parametrize("point", ["claimed", "pre-send", "post-send", "attempt saved"])
def test_killed_at_each_point_every_event_arrives(hub: Hub, receive: Receive, point: str) -> None:
    receiver = receive()
    made, _ = subs(hub).create(ALL, Wish("x", receiver.url))
    for n in range(3):
        write(hub, version=n + 1, first=("Anna", "Hanna", "Johanna")[n])
    hub.database.engine.dispose()  # the child opens connections of its own
    child = os.fork()
    if child == 0:
        try:
            os.environ["HUB_FAIL"] = point
            database = Database(hub.database.url.render_as_string(hide_password=False), hub.database.clock)
            hub.reader.database = database
            Webhooks(hub.reader, LOOPBACK).run()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    later(hub, 1_000_000)  # the clock of the child went on without this one
    sender = Webhooks(hub.reader, LOOPBACK)
    sender.run()
    sender.close()
    versions = [e["data"]["version"] for e in receiver.events()]
    assert list(dict.fromkeys(versions)) == [1, 2, 3]
    assert versions == sorted(versions)
    assert kept(hub, ALL, made.id) == [("done", 1, 204)] * 3


def test_a_receiver_that_drips_bytes_keeps_its_thread_for_one_try_alone(
    hub: Hub, receive: Receive, sender: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "WHOLE_TRY", 0.3)
    receiver, ended = receive(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nx-more: " + b"x" * 200):
                    connection.send(bytes([byte]))
                    if ended.wait(0.01):
                        return

        threading.Thread(target=drip, daemon=True).start()
        made, _ = subs(hub).create(ALL, Wish("drips", f"http://127.0.0.1:{server.getsockname()[1]}/"))
        subs(hub).create(ALL, Wish("sound", receiver.url))
        write(hub)
        sender.run()
        ended.set()
    assert len(receiver.got) == 1
    (delivery,) = subs(hub).deliveries(ALL, made.id)
    assert (delivery.status, delivery.detail) == ("pending", "no answer (TimeoutError)")


def test_a_connection_is_kept_and_one_that_was_closed_meanwhile_is_made_anew(hub: Hub, receive: Receive) -> None:
    receiver = receive()
    sent = Endpoint(LOOPBACK)
    for _ in range(3):
        assert sent.post(receiver.url, {"webhook-id": "x"}, b"{}").status == 204
    assert len(receiver.connections) == 1
    receiver.hang_up()
    assert sent.post(receiver.url, {}, b"{}").status == 204
    assert len(receiver.connections) == 2
    sent.close()
    assert len(receiver.got) == 4


def test_long_ago_deliveries_are_forgotten_and_what_waits_is_not(hub: Hub, receive: Receive, sender: Webhooks) -> None:
    failing, receiver = receive(lambda _n, _e: 500), receive()
    one, _ = subs(hub).create(ALL, Wish("failing", failing.url))
    two, _ = subs(hub).create(ALL, Wish("sound", receiver.url))
    write(hub)
    sender.run()
    forget_old(hub.database)
    assert kept(hub, ALL, two.id) == [("done", 1, 204)]
    later(hub, KEPT)
    forget_old(hub.database)
    assert kept(hub, ALL, two.id) == []
    assert kept(hub, ALL, one.id) == [("pending", 1, 500)]
