"""Add a source: look at a system, see what its file would say, have it written. The rows of a source beside what its map makes of them."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from hub.access.authentication.principals import Principal
from hub.access.rows_read import SeenRow, see_found, see_landed
from hub.api.problems import documented
from hub.api.schemas import In, Out
from hub.api.security import TheHub, needs
from hub.errors import ConfigError, Fault, NotFound, Stale, Unprocessable
from hub.model import digest
from hub.open import Hub
from hub.work import adding, reach
from hub.work.adding import FoundSource, SourceWish

router = APIRouter(prefix="/v1/sources", tags=["sources"])

Admin = Annotated[Principal, needs("admin")]
Name = Annotated[str, Path(max_length=200)]


class NewSourceIn(In):
    """A system that is no source yet."""

    name: str = Field(max_length=100, examples=["shop"], description="letters, digits and _")
    kind: str = Field(max_length=20, examples=["file"], description="file, sql or rest")
    at: str = Field(
        max_length=500,
        examples=["drop"],
        description="a folder within the configuration's; the variable that holds the database's URL; the service's base URL",
    )
    what: str = Field(
        max_length=500, examples=["*.csv"], description="a file pattern; a table; a path below the base URL"
    )
    records: str = Field(
        default="@",
        max_length=500,
        description="of rest: path to the list in an answer, such as data.people; @: it is the list",
    )
    token_env: str = Field(
        default="", max_length=200, description="of rest: the variable that holds a bearer token of this host"
    )
    customer: str = Field(default="person", max_length=100, description="customer type of the rows")
    country: str = Field(default="", max_length=10, description="of phone numbers and addresses that name none")

    def wish(self) -> SourceWish:
        return SourceWish(**{n: v for n, v in self.model_dump().items() if n in SourceWish.__dataclass_fields__})


class WriteSourceIn(NewSourceIn):
    mark: str = Field(max_length=100, description="of the file as it was shown")


class ReadingOut(Out):
    """What the map makes of one attribute. `raw`: what stands in its columns; null where the role sees not all of it."""

    attribute: str
    columns: str
    raw: list[object] | None
    value: object
    problem: str


class SeenRowOut(Out):
    key: str
    customer: str
    readings: list[ReadingOut]
    aside: str = Field(description="why it could not land")

    @classmethod
    def of(cls, given: SeenRow) -> SeenRowOut:
        readings = [
            ReadingOut(
                attribute=r.attribute,
                columns=r.columns,
                raw=None if r.raw is None else list(r.raw),
                value=r.values,
                problem=r.problem,
            )
            for r in given.readings
        ]
        return cls(key=given.key, customer=given.customer, readings=readings, aside=given.aside)


class FoundSourceOut(Out):
    """What the source's file would say. `why`: attribute -> how it was found. `reader`: the source that reads there already:
    its rows are seen with it, and none here."""

    file: str
    mark: str
    why: dict[str, str]
    unused: list[str]
    reader: str
    rows: list[SeenRowOut]

    @classmethod
    def of(cls, found: FoundSource, rows: list[SeenRow]) -> FoundSourceOut:
        return cls(
            file=found.text,
            mark=digest(found.text),
            why=dict(found.proposal.why),
            unused=list(found.proposal.unused),
            reader=found.reader,
            rows=[SeenRowOut.of(r) for r in rows],
        )


class SeenRowsOut(Out):
    data: list[SeenRowOut]


def _found(hub: Hub, given: NewSourceIn) -> FoundSource:
    wish = given.wish()
    try:
        reach.check(wish, hub.config, hub.folder, os.environ, hub.networks)
        return adding.offer(hub.config, wish, os.environ)
    except ConfigError as error:
        raise _refused(error) from None


def _refused(error: ConfigError) -> Unprocessable:
    fields = NewSourceIn.model_fields
    faults = [Fault(f"/{f.where}" if f.where in fields else f.where, f.what, f.remedy) for f in error.faults]
    return Unprocessable("the source cannot be added so", faults)


@router.post("/look", operation_id="look_at_new_source", responses=documented())
def look_at_new_source(hub: TheHub, principal: Admin, given: NewSourceIn) -> FoundSourceOut:
    """Look at a thousand rows, propose which column is what, and show ten of them in the role's view. Nothing is kept."""
    found = _found(hub, given)
    return FoundSourceOut.of(found, see_found(hub.reader, principal, *found.stream, found.shown))


@router.post("", operation_id="add_source", status_code=201, responses=documented(412))
def add_source(hub: TheHub, _principal: Admin, given: WriteSourceIn) -> FoundSourceOut:
    """Write the source's file as it was shown (412 when it would say something else by now). It is a source once the hub
    has read its configuration again."""
    found = _found(hub, given)
    if digest(found.text) != given.mark:
        raise Stale("what stands there has changed since", [Fault("/mark", "is of another file", "look at it again")])
    try:
        adding.write(hub.config, found)
    except ConfigError as error:
        raise _refused(error) from None
    return FoundSourceOut.of(found, [])


@router.get("/{source}/{stream}/rows", operation_id="list_source_rows", responses=documented(404))
def list_source_rows(hub: TheHub, principal: Admin, source: Name, stream: Name) -> SeenRowsOut:
    """The last rows that landed, beside what the map makes of them now, in the role's view."""
    if source not in hub.config.sources or stream not in hub.config.sources[source].streams:
        raise NotFound("no such stream", [Fault("", f"no stream '{source}.{stream}' is configured")])
    return SeenRowsOut(data=[SeenRowOut.of(r) for r in see_landed(hub.reader, principal, source, stream)])
