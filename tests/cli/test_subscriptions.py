"""`hub subscriptions` as its operator types it, with a real receiver at the other end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook
from typer.testing import CliRunner

from hub.cli import app
from hub.delivery.addresses import VARIABLE
from hub.delivery.webhook_sending import Webhooks
from hub.errors import ConfigError, NotFound
from hub.open import Hub
from tests.access.population import ANA, SECRET, new_database, open_hub, write_config
from tests.delivery.receiver import Receiver

Say = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path / "config")
    return tmp_path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """What `hub subscriptions ...` prints to standard output. Its refusals are raised."""
    env = {
        "HUB_CONFIG": str(folder / "config"),
        "HUB_DATABASE_URL": f"sqlite:///{folder}/hub.sqlite",
        "HUB_FOLDER": str(folder / "data"),
        "HUB_SECRET": SECRET,
        VARIABLE: "127.0.0.0/8",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def typed(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["subscriptions", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout

    return typed


def deliver(folder: Path, hub_does: Callable[[Hub], object]) -> None:
    """What the serving process does beside the command line."""
    database = new_database(f"sqlite:///{folder}/hub.sqlite")
    from hub.settings import load

    hub = open_hub(database, load(folder / "config", {}), folder / "data")
    hub_does(hub)
    from hub.delivery.addresses import allowed_networks

    sender = Webhooks(hub.reader, allowed_networks({VARIABLE: "127.0.0.0/8"}))
    sender.run()
    sender.close()
    hub.close()
    database.close()


def test_a_subscription_is_made_tried_looked_at_and_removed(say: Say, folder: Path, receiver: Receiver) -> None:
    assert "there are no subscriptions" in say("list")
    secret = say("add", "warehouse", receiver.url, "--role", "shipping", "--type", "person").strip()
    id = say("list").split("sub_")[1].split()[0]
    id = f"sub_{id}"
    assert "answered 204" in say("test", id)
    headers, body = receiver.got[0]
    assert Webhook(secret).verify(body, headers)["type"] == "hub.test"
    shown = say("show", id)
    assert "shipping" in shown
    assert "person" in shown
    assert "active" in shown
    say("pause", id)
    assert "paused by hand" in say("show", id)
    say("resume", id)
    assert say("rotate", id).startswith("whsec_")
    deliver(folder, lambda hub: hub.resolver.upsert("billing", "customers", [ANA]))
    assert [e["type"] for e in receiver.events()[1:]] == ["customer.created"]
    assert "done" in say("deliveries", id)
    assert "1 deliveries wait again" in say("replay", id, "--since", "2020-01-01")
    say("remove", id)
    with pytest.raises(NotFound):
        say("show", id)


def test_dead_letters_are_listed_retried_and_dropped(say: Say, folder: Path, receiver: Receiver) -> None:
    receiver.answer = lambda _n, _e: 410
    say("add", "warehouse", receiver.url, "--role", "shipping")
    id = "sub_" + say("list").split("sub_")[1].split()[0]
    deliver(folder, lambda hub: hub.resolver.upsert("billing", "customers", [ANA]))
    assert "wants no more" in say("show", id)
    assert "410" in say("dead", "list", id)
    assert "1 deliveries wait again" in say("dead", "retry", id)
    assert "none" in say("dead", "list", id)
    say("resume", id)
    deliver(folder, lambda _hub: None)
    event = "evt_" + say("dead", "list", id).split("evt_")[1].split()[0]
    say("dead", "drop", id, event, "--reason", "the app is gone")
    assert "gone" in say("deliveries", id, "--status", "dropped")


def test_a_mistake_is_told_in_words(say: Say, receiver: Receiver) -> None:
    with pytest.raises(ConfigError, match="unknown role 'nobody'"):
        say("add", "x", receiver.url, "--role", "nobody")
    with pytest.raises(NotFound):
        say("show", "sub_x")
    with pytest.raises(ConfigError, match="is no time"):
        say("replay", "sub_x", "--since", "yesterday")
