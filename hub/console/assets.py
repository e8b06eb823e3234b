"""The console's own style and script, under names that change with what they hold."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from hub.api.security import Public
from hub.errors import NotFound
from hub.model import digest

FOLDER = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

router = APIRouter(dependencies=[Public], include_in_schema=False)


@cache
def _held() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in KINDS}


@cache
def _version() -> str:
    return digest({name: held.hex() for name, held in _held().items()}, 6)


def address_of(name: str) -> str:
    """Where browsers find it: another address once it holds something else, so that they may keep it."""
    return f"/assets/{_version()}/{name}"


@router.get("/assets/{version}/{name}")
async def asset(version: str, name: str) -> Response:
    """The style, the script, the icon."""
    if name not in _held():
        raise NotFound("there is nothing at this address")
    kept = "public, max-age=31536000, immutable" if version == _version() else "no-cache"
    return Response(_held()[name], headers={"cache-control": kept}, media_type=KINDS[Path(name).suffix])
