"""The feed of changes, pulled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from hub.access.principals import Principal
from hub.api.customers import Cursor, Limit
from hub.api.problems import documented
from hub.api.schemas import ChangeOut, Paged
from hub.api.security import TheHub, needs

router = APIRouter(prefix="/v1", tags=["changes"])


@router.get("/changes", operation_id="list_changes", responses=documented(410))
def list_changes(
    hub: TheHub, principal: Annotated[Principal, needs("read")], limit: Limit = 50, cursor: Cursor = None
) -> Paged[ChangeOut]:
    """Changes that your role is shown, oldest first, each customer's in order. Keep `next_cursor`: it is always given and never ends."""
    page = hub.reader.changes(principal, cursor=cursor, limit=limit)
    return Paged(data=[ChangeOut.of(c) for c in page.data], next_cursor=page.next_cursor)
