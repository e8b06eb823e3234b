"""`/docs`: the API's description, drawn by Swagger UI from an installed package. Nothing comes from a CDN, nothing needs a key."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from hub.api.security import Public
from hub.errors import NotFound

router = APIRouter(include_in_schema=False, dependencies=[Public])

PACKAGE = "fastapi_offline"  # ships Swagger UI's files
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Customer hub: API</title>
<link rel="stylesheet" href="docs/swagger-ui.css"><link rel="icon" href="data:,">
</head>
<body><div id="api"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body>
</html>
"""
START = """SwaggerUIBundle({url: "openapi.json", dom_id: "#api", deepLinking: true, persistAuthorization: false, tryItOutEnabled: true, validatorUrl: null});
"""


def folder() -> Path:
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise NotFound(f"the package {PACKAGE} is not installed")
    return Path(found.submodule_search_locations[0]) / "static"


@router.get("/openapi.json")
def get_description(request: Request) -> JSONResponse:
    described: dict[str, object] = request.app.openapi()
    return JSONResponse(described)


@router.get("/docs")
def get_page() -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})


@router.get("/docs/{asset}")
def get_asset(asset: str) -> Response:
    if asset == "start.js":
        return Response(START, media_type="text/javascript")
    if asset not in ASSETS:
        raise NotFound("there is nothing at this address")
    return FileResponse(folder() / asset, media_type=ASSETS[asset], headers={"cache-control": "public, max-age=3600"})
