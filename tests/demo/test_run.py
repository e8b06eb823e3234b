"""The demo's story, told of a small world: what it claims is so."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from hub.demo.run import DemoOptions, run_demo
from hub.demo.show import Show
from hub.demo.subscriber import Subscriber


def test_a_newcomer_gets_one_record_and_an_application_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HUB_WEBHOOK_NETWORKS", "BILLING_URL", "CRM_URL", "CRM_TOKEN", "WEB_FOLDER", "APP_FOLDER"):
        monkeypatch.setenv(name, "127.0.0.0/8")  # so that what the demo sets is taken back
    quiet = Console(quiet=True)

    class Bars(Progress):
        def __enter__(self) -> object:  # type: ignore[override]
            return lambda *_: None

    told = run_demo(
        DemoOptions(tmp_path / "demo", Path("config"), people=150), Show(quiet, lambda: Bars(console=quiet))
    )
    with told.hub():
        new, happened = told.figures["newcomer"], told.figures["desk"]
        born, hers, won = told.figures["happened"]["prospect"]
    assert new["made_in_the_crm"] == new["crm_writes"] == 1
    assert len(new["records"]) == 2
    assert new["told_of_the_newcomer"][0] == "customer.created"
    assert new["not_signed"] == 0
    assert happened["set_aside"] == 0 and happened["landed"] > 150
    assert (born[0], born[2]) == (None, "new") and (hers[0], won[2]) == (new["customer"], "won")
    assert happened["right"] == happened["whole"] > 100


def test_what_the_hub_did_not_sign_is_refused() -> None:
    app = Subscriber(secret="whsec_c2VjcmV0")
    assert not app.take("evt_1", "1700000000", "v1,bm8=", b"{}")
    assert (app.told, app.refused) == ([], 1)
