"""What a webhook says, how it is signed, where it may go, and what an answer to it means."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub.delivery import webhook_message
from hub.delivery.addresses import VARIABLE, allowed_networks, place_of
from hub.delivery.webhook_message import SECOND, WAITS, Answered, Judged, judge
from hub.errors import ConfigError, Unprocessable

LOOPBACK = allowed_networks({VARIABLE: "127.0.0.0/8"})


def test_the_reference_library_accepts_either_of_two_live_secrets_and_no_other() -> None:
    old, new, other = b"o" * 32, b"n" * 32, b"x" * 32
    now = int(dt.datetime.now(dt.UTC).timestamp()) * SECOND
    body = webhook_message.encoded(webhook_message.trial("evt_1", now))
    headers = webhook_message.headers("evt_1", now, body, [new, old])
    for secret in (old, new):
        told = Webhook(webhook_message.secret_text(secret)).verify(body, headers)
        assert (told["specversion"], told["id"], told["type"]) == ("1.0", "evt_1", "hub.test")
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_message.secret_text(other)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_message.secret_text(new)).verify(body + b" ", headers)
    assert base64.b64decode(webhook_message.secret_text(old).removeprefix("whsec_")) == old


def test_the_waits_are_those_of_the_standard_and_then_it_is_a_dead_letter() -> None:
    assert [w // SECOND for w in WAITS] == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for attempts, wait in enumerate(WAITS):
        found = judge(Answered(500), attempts, "evt_1")
        assert found.status == "pending"
        assert wait <= found.wait <= wait * 1.2
    assert judge(Answered(500), len(WAITS), "evt_1").status == "dead"
    assert len({judge(Answered(500), 3, f"evt_{n}").wait for n in range(20)}) > 15


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_2xx_is_received(code: int) -> None:
    assert judge(Answered(code), 0, "e") == Judged("done")


@pytest.mark.parametrize("code", [301, 302, 307, 308, 400, 401, 404, 500])
def test_nothing_else_is_and_redirects_are_not(code: int) -> None:
    assert (judge(Answered(code), 0, "e").status, judge(Answered(code), 0, "e").away) == ("pending", False)


def test_410_ends_it_and_who_does_not_answer_is_left_alone() -> None:
    assert judge(Answered(410), 0, "e").gone
    assert judge(Answered(0), 0, "e").away
    assert judge(Answered(429, wait=600.0), 0, "e").wait == 600 * SECOND


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "ff02::1"),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(Unprocessable):
        place_of("https://hooks.example/x", (), lambda _h, _p: [address])
    with pytest.raises(Unprocessable):  # one bad address among good ones is enough
        place_of("https://hooks.example/x", (), lambda _h, _p: ["93.184.216.34", address])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "//a.example",
        "https://",
        "http://a.example",
        "https://u:p@a.example",
        "https://a.example/#x",
        "https://[::",
        "x",
        "https://a..b/",
        f"https://{'a' * 64}.example/",
        "https://a\ud800.example/",
        "https://a.example/\ud800",
    ],
)
def test_urls_that_are_none_for_webhooks_are_refused(url: str) -> None:
    with pytest.raises(Unprocessable):
        place_of(url, (), lambda _h, _p: ["93.184.216.34"])


def test_public_ones_and_networks_that_the_operator_named_are_reached_at_the_address_that_was_looked_at() -> None:
    assert place_of("https://hooks.example", (), lambda _h, _p: ["93.184.216.34"]).address == "93.184.216.34"
    assert place_of("http://127.0.0.1:9/x", LOOPBACK).address == "127.0.0.1"
    with pytest.raises(Unprocessable):
        place_of("http://10.0.0.1/x", LOOPBACK)
    with pytest.raises(ConfigError, match=VARIABLE):
        allowed_networks({VARIABLE: "10.0.0.1/8"})
