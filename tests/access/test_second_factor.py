"""Codes of an authenticator app: RFC 6238's own vectors; each good once; a lost app is no lost account."""

from __future__ import annotations

import base64

import pytest

from hub.access.authentication import totp
from hub.access.authentication.accounts import list_accounts
from hub.access.authentication.principals import Principal
from hub.errors import Conflict, Forbidden, NotAuthenticated, Unprocessable
from hub.open import Hub
from tests.access.population import SECOND
from tests.access.test_accounts import PASSWORD, ann, later, sign_in, who

RFC_SECRET = b"12345678901234567890"
RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("seconds", "code"), RFC_6238)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, seconds // totp.STEP, digits=8) == code
    assert totp.step_of(RFC_SECRET, code[-6:], seconds, after=-1) == seconds // totp.STEP


def test_a_code_is_good_a_step_early_or_late_and_only_once() -> None:
    now, step = 3000, 100
    for off, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = totp.code_at(RFC_SECRET, step + off)
        assert (totp.step_of(RFC_SECRET, code, now, after=0) == step + off) is good
        assert totp.step_of(RFC_SECRET, code, now, after=step + off) is None
    for wrong in ("", "1", "abcdef", "٣٣٣٣٣٣", "000000\0"):
        assert totp.step_of(RFC_SECRET, wrong, now, after=0) is None


def code_of(hub: Hub, secret: str) -> str:
    padded = secret + "=" * (-len(secret) % 8)
    return totp.code_at(base64.b32decode(padded), hub.database.clock.now() // SECOND // totp.STEP)


def enrolled(hub: Hub) -> tuple[Principal, str, list[str]]:
    """Somebody who is signed in and has a second factor: the principal, the app's secret, the recovery codes."""
    ann(hub)
    asker = who(hub, sign_in(hub).token)
    made = hub.gate.factors.enrol(hub.gate.sign_ins.again(asker, PASSWORD))
    assert made.secret in made.uri and made.uri.startswith("otpauth://totp/Customer%20hub%3AAnn?")
    with pytest.raises(Unprocessable):
        hub.gate.factors.confirm(asker, "000000" if code_of(hub, made.secret) != "000000" else "111111")
    return asker, made.secret, hub.gate.factors.confirm(asker, code_of(hub, made.secret))


def by_code(hub: Hub, code: str | None) -> str:
    return hub.gate.sign_ins.by_password("ann", PASSWORD, code).token


def test_a_code_is_asked_for_from_the_confirmation_on(hub: Hub) -> None:
    _, secret, _ = enrolled(hub)
    used = code_of(hub, secret)
    for code in (None, "", "123", used):  # the one of the confirmation is used
        with pytest.raises(NotAuthenticated):
            by_code(hub, code)
    later(hub, totp.STEP * SECOND)
    fresh = code_of(hub, secret)
    assert who(hub, by_code(hub, fresh)).name == "Ann"
    with pytest.raises(NotAuthenticated):
        by_code(hub, fresh)


def test_a_recovery_code_is_good_once(hub: Hub) -> None:
    _, _, codes = enrolled(hub)
    assert len(set(codes)) == totp.RECOVERY
    assert who(hub, by_code(hub, codes[0].upper().replace("-", " ")))
    with pytest.raises(NotAuthenticated):
        by_code(hub, codes[0])
    assert who(hub, by_code(hub, codes[1]))


def test_neither_the_secret_nor_a_code_is_in_the_database(hub: Hub) -> None:
    _, secret, codes = enrolled(hub)
    kept = repr(list_accounts(hub.database))
    plain = base64.b32decode(secret + "=" * (-len(secret) % 8))
    assert secret not in kept and plain.hex() not in kept and not any(c in kept for c in codes)


def test_what_changes_the_second_factor_needs_the_password_again(hub: Hub) -> None:
    asker, _, _ = enrolled(hub)
    with pytest.raises(Forbidden):
        hub.gate.sign_ins.again(asker, "wrong")
    account = hub.gate.sign_ins.again(asker, PASSWORD)
    with pytest.raises(Conflict):
        hub.gate.factors.enrol(account)
    with pytest.raises(Conflict):
        hub.gate.factors.confirm(asker, "123456")
    hub.gate.factors.remove(account)
    assert who(hub, by_code(hub, None))
    with pytest.raises(Forbidden):
        hub.gate.sign_ins.again(Principal("key", "Eve", "staff", "steward"), PASSWORD)


def test_a_password_is_changed_by_who_knows_it_and_other_sessions_end(hub: Hub) -> None:
    ann(hub)
    here, there = sign_in(hub).token, sign_in(hub).token
    asker = who(hub, here)
    with pytest.raises(Forbidden):
        hub.gate.sign_ins.change_password(asker, "wrong", "another good long one")
    with pytest.raises(Unprocessable):
        hub.gate.sign_ins.change_password(asker, PASSWORD, "short")
    hub.gate.sign_ins.change_password(asker, PASSWORD, "another good long one")
    assert who(hub, here)
    with pytest.raises(NotAuthenticated):
        who(hub, there)
    with pytest.raises(NotAuthenticated):
        sign_in(hub)
    assert sign_in(hub, password="another good long one")
