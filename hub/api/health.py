"""Is the process alive, can it serve, and its figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from hub.access.authentication.principals import Principal
from hub.api.problems import documented
from hub.api.schemas import Health
from hub.api.security import Public, TheHub, needs
from hub.errors import DiskFull, RetryLater
from hub.work.status import status

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="get_health", dependencies=[Public])
def get_health() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", operation_id="get_readiness", dependencies=[Public], responses=documented())
def get_readiness(hub: TheHub) -> Health:
    """The database answers, has the tables of this version, and there is room to write."""
    try:
        hub.reader.ready()
    except DiskFull:
        raise
    except Exception:  # noqa: BLE001  (whatever it is, this process should get no traffic)
        raise RetryLater("not ready") from None
    return Health(status="ready")


@router.get("/metrics", operation_id="get_metrics", response_class=PlainTextResponse, responses=documented())
def get_metrics(hub: TheHub, _principal: Annotated[Principal, needs("metrics")]) -> PlainTextResponse:
    """Figures in Prometheus' text format."""
    return PlainTextResponse(hub.metrics.text(status(hub.database, hub.config).gauges()))
