"""No body is nested too deeply for a route: it is refused in words."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.open import Hub
from tests.access.population import fill
from tests.api.test_who_asks import app, asked, bearer, client, key

__all__ = ["app", "client"]


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("deep", [100, 100_000])
def test_a_body_of_any_depth_is_answered(
    hub: Hub, app: FastAPI, client: TestClient, opened: str, closed: str, deep: int
) -> None:
    id, shown = fill(hub)["ana"], {**bearer(key(hub)), "content-type": "application/json"}
    for method, path, _ in asked(app, id):
        if method in ("POST", "PUT", "PATCH"):
            told = client.request(method, path, headers=shown, content=f"{opened * deep}1{closed * deep}")
            assert told.status_code < 500, f"{method} {path}: {told.text[:200]}"
