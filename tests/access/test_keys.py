"""API keys: nobody without one, told once, revoked at once."""

import pytest

from hub.access.authentication import key_store as store
from hub.access.authentication.authenticate import Credential
from hub.access.authentication.keys import (
    DAY,
    PREFIX,
    USED_EVERY,
    create_key,
    list_keys,
    revoke_key,
    revoked,
    rotate_key,
)
from hub.access.authentication.principals import Principal
from hub.errors import Conflict, NotAuthenticated, NotFound, Unprocessable
from hub.open import Hub
from tests.access.population import TestClock


def who(hub: Hub, header: str | None) -> Principal:
    return hub.gate.admit(Credential(header))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer hub_live_",
        "Bearer hub_live_0_0",
        "Bearer hub_live_x",
        "Basic YTpi",
        "hub_live_a_b",
        "Bearer é_ü",
    ],
)
def test_a_stranger_is_nobody(hub: Hub, header: str | None) -> None:
    with pytest.raises(NotAuthenticated):
        who(hub, header)


def test_there_is_no_key_until_one_is_made(hub: Hub) -> None:
    with hub.database.read() as connection:
        assert list_keys(connection) == []


def test_a_key_tells_who_holds_it(hub: Hub) -> None:
    token, key = create_key(hub.database, hub.config, "billing's server", "billing", source="billing")
    assert token.startswith(f"{PREFIX}{key.id}_") and len(token.rpartition("_")[2]) == 48
    found = who(hub, f"Bearer {token}")
    assert (found.id, found.name, found.kind, found.role, found.source) == (
        key.id,
        "billing's server",
        "system",
        "billing",
        "billing",
    )
    assert create_key(hub.database, hub.config, "Eve", "steward")[1].kind == "staff"


def test_the_secret_is_never_stored(hub: Hub) -> None:
    token, key = create_key(hub.database, hub.config, "Eve", "steward")
    with hub.database.read() as connection:
        kept = store.key_of(connection, key.id)
    assert kept is not None and token.rpartition("_")[2] not in repr(kept)


def test_another_secret_with_a_known_id_is_refused(hub: Hub) -> None:
    _, key = create_key(hub.database, hub.config, "Eve", "steward")
    with pytest.raises(NotAuthenticated):
        who(hub, f"Bearer {PREFIX}{key.id}_{'0' * 48}")


def test_a_revoked_key_is_refused_at_once(hub: Hub) -> None:
    token, key = create_key(hub.database, hub.config, "Eve", "steward")
    revoke_key(hub.database, key.id)
    with pytest.raises(NotAuthenticated):
        who(hub, f"Bearer {token}")
    with pytest.raises(Conflict):
        revoke_key(hub.database, key.id)
    with pytest.raises(NotFound):
        revoke_key(hub.database, "nobody")


def test_a_key_expires(hub: Hub) -> None:
    token, _ = create_key(hub.database, hub.config, "Eve", "steward", days=1)
    assert who(hub, f"Bearer {token}").name == "Eve"
    clock = hub.database.clock
    assert isinstance(clock, TestClock)
    clock.at += DAY
    with pytest.raises(NotAuthenticated):
        who(hub, f"Bearer {token}")


def last_used(hub: Hub) -> int | None:
    with hub.database.read() as connection:
        return list_keys(connection)[0].last_used


def test_last_use_is_kept_to_some_minutes(hub: Hub) -> None:
    token, _ = create_key(hub.database, hub.config, "Eve", "steward")
    assert last_used(hub) is None
    who(hub, f"Bearer {token}")
    first = last_used(hub)
    who(hub, f"Bearer {token}")
    assert first is not None and last_used(hub) == first
    clock = hub.database.clock
    assert isinstance(clock, TestClock)
    clock.at += USED_EVERY
    who(hub, f"Bearer {token}")
    assert (last_used(hub) or 0) > first


def test_every_fault_of_a_new_key_is_told_at_once(hub: Hub) -> None:
    with pytest.raises(Unprocessable) as refused:
        create_key(hub.database, hub.config, " ", "king", source="nowhere", days=0)
    assert {f.where for f in refused.value.faults} == {"name", "role", "source", "days"}


def test_a_key_may_be_narrower_than_its_role_and_never_wider(hub: Hub) -> None:
    token, key = create_key(hub.database, hub.config, "report", "steward", scopes=["read"])
    assert key.scopes == ("read",)
    narrow, wide = (
        who(hub, f"Bearer {token}"),
        who(hub, f"Bearer {create_key(hub.database, hub.config, 'all', 'steward')[0]}"),
    )
    assert hub.reader.view(narrow).may == {"read"} < hub.reader.view(wide).may
    assert hub.reader.view(narrow).version != hub.reader.view(wide).version
    for scopes in (["read", "admin"], ["fly"], []):
        with pytest.raises(Unprocessable):
            create_key(hub.database, hub.config, "report", "steward", scopes=scopes)


def test_a_key_is_changed_without_a_moment_of_silence(hub: Hub) -> None:
    old, first = create_key(hub.database, hub.config, "shop", "billing", source="billing", scopes=["read"])
    new, second = rotate_key(hub.database, first.id, overlap_days=7)
    before, after = who(hub, f"Bearer {old}"), who(hub, f"Bearer {new}")
    assert before == after and second.holder == first.id and second.id != first.id
    with pytest.raises(Conflict):  # two are enough
        rotate_key(hub.database, second.id)
    clock = hub.database.clock
    assert isinstance(clock, TestClock)
    clock.at += 7 * DAY
    with pytest.raises(NotAuthenticated):
        who(hub, f"Bearer {old}")
    assert who(hub, f"Bearer {new}") == before
    third = rotate_key(hub.database, second.id, overlap_days=0)[1]
    with pytest.raises(NotAuthenticated):
        who(hub, f"Bearer {new}")
    with pytest.raises(Conflict):
        rotate_key(hub.database, first.id)
    with pytest.raises(NotFound):
        rotate_key(hub.database, "nobody")
    with hub.database.read() as connection:
        assert not revoked(connection, before.id)
    for id in (first.id, second.id, third.id):
        revoke_key(hub.database, id)
    with hub.database.read() as connection:
        assert revoked(connection, before.id)
