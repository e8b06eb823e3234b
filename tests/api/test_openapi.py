"""Every operation of the OpenAPI, asked with what its schema allows, with a key of each shipped role: no 5xx, and no
status, media type or body that the description does not tell of."""

from __future__ import annotations

import os

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from starlette.testclient import TestClient

from hub.access.authentication.keys import create_key
from hub.app import create_app
from hub.open import Hub
from tests.access.population import CONFIG, fill

load_all_checks()
DESCRIBED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
ROLES = sorted(yaml.safe_load((CONFIG / "access.yaml").read_text())["roles"])
SAMPLED = ["customer_service", "lead_steward"]
EXAMPLES = int(os.environ.get("HUB_EXAMPLES", "3")) if os.environ.get("HUB_PROVE") else 2


@schemathesis.serializer("application/x-ndjson")
def as_lines(_context: schemathesis.SerializationContext, body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("role", ROLES if os.environ.get("HUB_PROVE") else SAMPLED)
def test_every_answer_is_described(hub: Hub, role: str) -> None:
    app = create_app(hub)
    known = list(fill(hub).values())
    shown = {"authorization": f"Bearer {create_key(hub.database, hub.config, 'Eve', role)[0]}"}
    client = TestClient(app, base_url="https://hub.test", raise_server_exceptions=False)
    described = app.openapi()
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = found.ok()
        if "text/event-stream" in str(described["paths"][operation.path]):
            continue  # has no end

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None, database=None)
        @given(case=operation.as_strategy(), id=st.sampled_from(known), real=st.booleans())
        def asked(case: schemathesis.Case, id: str, real: bool) -> None:
            if real:
                case.path_parameters = dict.fromkeys(case.path_parameters or {}, id)
            case.query = {
                name: value for name, value in (case.query or {}).items() if name != "wait"
            }  # for nothing to come
            case.headers = {**(case.headers or {}), **shown}
            sent = case.as_transport_kwargs(base_url="https://hub.test")
            sent.pop("cookies", None)
            if isinstance(sent.get("data"), bytes | str):
                sent["content"] = sent.pop("data")
            case.validate_response(client.request(**sent), checks=DESCRIBED)

        asked()
