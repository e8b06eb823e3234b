"""Every refusal as problem+json (RFC 9457), FastAPI's own too. Never a traceback, never a value."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.access.audit.log import REQUEST
from hub.db import is_full
from hub.errors import (
    BadRequest,
    DiskFull,
    Fault,
    HubError,
    NotFound,
    Refused,
    RetryLater,
    TooLarge,
    TooMany,
    Unprocessable,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    412: "Stale",
    413: "Too large",
    415: "Unsupported media type",
    422: "Unprocessable",
    423: "Locked",
    428: "Precondition required",
    429: "Too many",
    431: "Headers too large",
    500: "Internal error",
    503: "Try again later",
}
_CODES = {405: "method-not-allowed", 415: "unsupported-media-type", 500: "internal"}


class ProblemFault(BaseModel):
    """One thing that is wrong. `pointer`: into the body, or `?name` of a parameter, or a header's name."""

    pointer: str = Field(examples=["/verdict"])
    detail: str = Field(examples=["Input should be 'match', 'no_match' or 'unsure'"])
    remedy: str = ""


class ProblemAnswer(BaseModel):
    """What went wrong and what to do (RFC 9457)."""

    type: str = Field(examples=["urn:hub:problem:not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no such customer"])
    errors: list[ProblemFault] = []
    request_id: str = Field(examples=["0192f0a1b2c3"])


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """What OpenAPI says of refusals. 400, 401, 403, 422 and 429 can come from any route."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        s: {"description": _TITLES[s], "content": {MEDIA_TYPE: schema}}
        for s in sorted({400, 401, 403, 422, 429, 503, *statuses})
    }


def problem(
    status: int, code: str, detail: str, faults: Iterable[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    body = {
        "type": f"urn:hub:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "errors": [{"pointer": f.where, "detail": f.what, "remedy": f.remedy} for f in faults],
        "request_id": REQUEST.get(),
    }
    return Response(orjson.dumps(body), status, {"cache-control": "no-store", **(headers or {})}, MEDIA_TYPE)


def of_error(error: Exception) -> Response:
    """The answer to any error. What is not ours is told by its id alone; its place goes to the log."""
    if isinstance(error, Refused):
        headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
        if isinstance(error, TooMany):
            headers = {"retry-after": str(error.seconds)}
        return problem(error.status, error.code, str(error), error.faults, headers)
    if isinstance(error, DiskFull) or is_full(error):
        detail = "the hub's disk is full: nothing was written; its operator has to make room"
        return problem(503, DiskFull.code, detail, (), {"retry-after": str(RETRY_SECONDS)})
    if isinstance(error, RetryLater | OperationalError):
        return problem(
            503, "retry-later", "the hub is busy or its database is away", (), {"retry-after": str(RETRY_SECONDS)}
        )
    if isinstance(error, DataError | psycopg.DataError | UnicodeEncodeError):
        fault = Fault("", "holds a character that no database keeps", "leave out NUL and halves of characters")
        return problem(422, Unprocessable.code, "the request is readable, but something in it is wrong", [fault])
    where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-6:]))
    # The message of an unforeseen error may hold a customer's values: kind and place must do.
    log.error("request failed", extra={"request_id": REQUEST.get(), "error": type(error).__name__, "where": where})
    return problem(500, "internal", "something went wrong in the hub; tell its operator the request_id")


def of_validation(error: RequestValidationError) -> Response:
    """The answer to a request that is not what its route takes."""
    errors: Sequence[Any] = error.errors()
    if any(e["type"] == "json_invalid" for e in errors):
        return problem(
            400,
            BadRequest.code,
            "the body is not readable as JSON",
            [Fault("", "invalid JSON", "send one JSON document")],
        )
    faults = [Fault(_pointer(e["loc"]), str(e["msg"]).removeprefix("Value error, ")) for e in errors]
    return problem(422, Unprocessable.code, "the request is readable, but something in it is wrong", faults)


def _pointer(loc: Sequence[str | int]) -> str:
    """('body', 'left', 'key') -> /left/key; ('query', 'limit') -> ?limit; ('header', 'if-match') -> if-match."""
    place, *rest = loc or ("body",)
    if place == "query":
        return "?" + ".".join(map(str, rest))
    if place == "header":
        return ".".join(map(str, rest))
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in rest)


def _of_http(error: HTTPException) -> Response:
    known = {
        404: (NotFound.code, "there is nothing at this address"),
        405: (_CODES[405], "this address does not take that method"),
        400: (BadRequest.code, "the request cannot be read"),
        413: (TooLarge.code, "the body is too large"),
    }
    code, detail = known.get(
        error.status_code, (_CODES.get(error.status_code, "error"), _TITLES.get(error.status_code, "error"))
    )
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return problem(error.status_code, code, detail, (), allow)


def install(app: FastAPI) -> None:
    """One handler for each family of errors."""

    def hub_error(_request: Request, error: Exception) -> Response:
        return of_error(error)

    def validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return of_validation(error)

    def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _of_http(error)

    app.add_exception_handler(HubError, hub_error)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
