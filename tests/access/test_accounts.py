"""Accounts, passwords and sessions: no password until its owner sets one, one answer to every wrong try, every session ends."""

from __future__ import annotations

import pytest

from hub.access.authentication import password_hash, people_store
from hub.access.authentication.accounts import (
    add_account,
    disable_account,
    list_accounts,
    reset_account,
    set_roles,
    set_up,
)
from hub.access.authentication.authenticate import Credential
from hub.access.authentication.principals import Principal
from hub.access.authentication.sessions import Begun
from hub.errors import Conflict, Forbidden, HubError, NotAuthenticated, NotFound, TooMany, Unprocessable
from hub.open import Hub
from tests.access.population import SECOND, TestClock

PASSWORD = "correct horse battery staple"
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def ann(hub: Hub, *roles: str) -> str:
    """An account that is set up; its id."""
    token, account = add_account(hub.database, hub.config, "Ann", roles or ("steward",))
    set_up(hub.database, hub.config, token, PASSWORD)
    return account.id


def sign_in(hub: Hub, name: str = "ann", password: str = PASSWORD, role: str | None = None) -> Begun:
    return hub.gate.sign_ins.by_password(name, password, role=role)


def who(hub: Hub, token: str) -> Principal:
    return hub.gate.admit(Credential(session=token))


def later(hub: Hub, micros: int) -> None:
    clock = hub.database.clock
    assert isinstance(clock, TestClock)
    clock.at += micros


def refusal(hub: Hub, name: str, password: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        sign_in(hub, name, password)
    return f"{refused.value} {refused.value.faults}"


# --- accounts ---------------------------------------------------------------------------------------


def test_there_is_no_account_and_no_password_until_somebody_sets_one(hub: Hub) -> None:
    assert list_accounts(hub.database) == []
    token, account = add_account(hub.database, hub.config, " Ann ", ["steward", "analyst", "steward"])
    assert (account.name, account.roles, account.password) == ("Ann", ("steward", "analyst"), None)
    assert token not in repr(list_accounts(hub.database))
    for password in ("", PASSWORD, token):
        refusal(hub, "ann", password)
    set_up(hub.database, hub.config, token, PASSWORD)
    assert PASSWORD not in repr(list_accounts(hub.database))
    assert who(hub, sign_in(hub, "ANN").token).name == "Ann"


def test_the_token_of_an_account_is_good_once_and_for_some_days(hub: Hub) -> None:
    first, _ = add_account(hub.database, hub.config, "ann", ["steward"])
    set_up(hub.database, hub.config, first, PASSWORD)
    late, _ = add_account(hub.database, hub.config, "bo", ["steward"])
    later(hub, 3 * 24 * HOUR)
    told = set()
    for token in (first, late, "never", ""):
        with pytest.raises(NotFound) as refused:
            set_up(hub.database, hub.config, token, PASSWORD)
        told.add(f"{refused.value} {refused.value.faults}")
    assert len(told) == 1


def test_every_fault_of_a_new_account_is_told_at_once(hub: Hub) -> None:
    with pytest.raises(Unprocessable) as refused:
        add_account(hub.database, hub.config, " ", ["king", "queen"])
    assert [f.where for f in refused.value.faults] == ["name", "role", "role"]
    with pytest.raises(Unprocessable):
        add_account(hub.database, hub.config, "ann", [])
    ann(hub)
    with pytest.raises(Conflict):
        add_account(hub.database, hub.config, "ANN ", ["steward"])


@pytest.mark.parametrize(
    "password",
    ["short", "elevenchars", "aaaaaaaaaaaaaaaa", "Password1234", "qwerty123456", "ann@example.com1", "x" * 300],
)
def test_a_password_that_anybody_would_try_is_refused(hub: Hub, password: str) -> None:
    assert password_hash.faults(password, "ann@example.com", 12)


@pytest.mark.parametrize("password", [PASSWORD, "ä ö ü ß é ñ ø å", "zzyzx-hoover-dam", "一二三四五六七八九十百千"])
def test_no_sort_of_characters_is_asked_for(password: str) -> None:
    assert not password_hash.faults(password, "ann", 12)


def test_a_password_matches_from_every_keyboard_and_nothing_matches_none() -> None:
    kept = password_hash.hashed("Caf\u00e9 au lait, please")
    assert password_hash.matches("Cafe\u0301 au lait, please", kept)
    assert not password_hash.matches("cafe au lait, please", kept)
    assert not password_hash.matches("nobody has this password", None)


# --- signing in -------------------------------------------------------------------------------------


def test_every_reason_why_nobody_signs_in_looks_the_same(hub: Hub) -> None:
    ann(hub)
    add_account(hub.database, hub.config, "new", ["steward"])
    gone, _ = add_account(hub.database, hub.config, "gone", ["steward"])
    set_up(hub.database, hub.config, gone, PASSWORD)
    disable_account(hub.database, "gone")
    told = {
        refusal(hub, *pair)
        for pair in (("ann", "wrong"), ("new", PASSWORD), ("gone", PASSWORD), ("\ud800", "x"), ("\0", "\ud800"))
    }
    assert len(told) == 1


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_after_some_wrong_tries_a_name_waits_longer_each_time_whether_there_is_one_or_not(hub: Hub, name: str) -> None:
    ann(hub)
    for _ in range(hub.config.access.sign_in.tries):
        refusal(hub, name, "wrong")
    waits = []
    for _ in range(3):
        with pytest.raises(TooMany) as refused:
            sign_in(hub, name)
        waits.append(refused.value.seconds)
        later(hub, waits[-1] * SECOND)
        refusal(hub, name, "wrong")
    assert waits == [60, 120, 240]
    hub.gate.sign_ins.forgive(name)
    refusal(hub, name, "wrong")


def test_a_right_password_ends_the_counting(hub: Hub) -> None:
    ann(hub)
    for _ in range(3):
        for _ in range(hub.config.access.sign_in.tries - 1):
            refusal(hub, "ann", "wrong")
        sign_in(hub)


def test_what_was_typed_as_a_name_is_not_kept(hub: Hub) -> None:
    refusal(hub, PASSWORD, "ann")
    with hub.database.read() as connection:
        assert PASSWORD not in str(connection.exec_driver_sql("SELECT * FROM wrong_try").fetchall())


# --- sessions ---------------------------------------------------------------------------------------


def test_a_session_says_who_signed_in_and_its_token_is_not_stored(hub: Hub) -> None:
    id = ann(hub, "analyst", "steward")
    begun = sign_in(hub)
    found = who(hub, begun.token)
    assert (found.id, found.name, found.kind, found.role) == (id, "Ann", "staff", "analyst")
    assert begun.token not in repr(begun.session) and len(begun.token) == 43
    with pytest.raises(NotAuthenticated):
        who(hub, begun.session.id)


def test_one_role_is_chosen_and_another_one_only_under_another_token(hub: Hub) -> None:
    ann(hub, "analyst", "steward")
    begun = sign_in(hub, role="steward")
    assert who(hub, begun.token).role == "steward"
    for role in ("privacy_officer", "king"):
        with pytest.raises(Forbidden):
            hub.gate.sessions.choose(who(hub, begun.token), role)
        with pytest.raises(Forbidden):
            sign_in(hub, role=role)
    other = hub.gate.sessions.choose(who(hub, begun.token), "analyst")
    assert who(hub, other.token).role == "analyst" and other.session.started_at == begun.session.started_at
    with pytest.raises(NotAuthenticated):
        who(hub, begun.token)


def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_a_time(hub: Hub) -> None:
    ann(hub)
    idle, busy = sign_in(hub).token, sign_in(hub).token
    for _ in range(36):
        later(hub, 20 * MINUTE - 2 * SECOND)
        who(hub, busy)
    with pytest.raises(NotAuthenticated):
        who(hub, idle)
    later(hub, 5 * MINUTE)
    with pytest.raises(NotAuthenticated):
        who(hub, busy)


def test_a_session_ends_by_its_owner_here_or_everywhere(hub: Hub) -> None:
    ann(hub)
    here, there, third = (sign_in(hub).token for _ in range(3))
    hub.gate.sessions.end(who(hub, here))
    with pytest.raises(NotAuthenticated):
        who(hub, here)
    assert hub.gate.sessions.end_all(who(hub, there)) == 2
    for token in (there, third):
        with pytest.raises(NotAuthenticated):
            who(hub, token)


def test_signing_in_again_ends_the_session_that_was_shown(hub: Hub) -> None:
    ann(hub)
    first = sign_in(hub).token
    second = hub.gate.sign_ins.by_password("ann", PASSWORD, instead=first).token
    assert who(hub, second)
    with pytest.raises(NotAuthenticated):
        who(hub, first)


@pytest.mark.parametrize("change", ["disable", "reset", "roles"])
def test_what_is_done_to_an_account_ends_its_sessions_at_once(hub: Hub, change: str) -> None:
    ann(hub)
    token = sign_in(hub).token
    if change == "disable":
        disable_account(hub.database, "ann")
    elif change == "reset":
        reset_account(hub.database, hub.config, "ann")
    else:
        set_roles(hub.database, hub.config, "ann", ["analyst"])
    with pytest.raises(NotAuthenticated):
        who(hub, token)


def test_sessions_that_ended_by_themselves_leave_no_rows(hub: Hub) -> None:
    id = ann(hub)
    sign_in(hub)
    later(hub, 13 * HOUR)
    sign_in(hub)
    with hub.database.unit() as connection:
        assert people_store.end_sessions(connection, id) == 1


def test_a_role_that_the_configuration_has_no_more_signs_nobody_in(hub: Hub) -> None:
    ann(hub)
    token = sign_in(hub).token
    with hub.database.unit() as connection:
        account = people_store.accounts(connection)[0]
        people_store.save_account(connection, type(account)(**{**_fields(account), "roles": ("king",)}))
    with pytest.raises(NotAuthenticated):
        who(hub, token)
    with pytest.raises(HubError):
        sign_in(hub)


def _fields(account: people_store.Account) -> dict[str, object]:
    return {name: getattr(account, name) for name in people_store.ACCOUNT}
