"""Customers that one looked at lately: their ids, sealed, in the browser's own keeping. Names are asked for anew each time,
so that whoever may no longer see one does not."""

from __future__ import annotations

from starlette.responses import Response

from hub.access.cursors import seal, unseal
from hub.access.seen import FoundCustomer
from hub.console.pages import Desk
from hub.errors import Refused

COOKIE, MOST = "hub-recent", 8


def _ids(at: Desk) -> list[str]:
    kept = at.request.cookies.get(COOKIE, "")
    try:
        return (
            [str(id) for id in unseal(at.hub.reader.cursor_key, kept, "recent", at.principal.id)][:MOST] if kept else []
        )
    except Refused:  # of somebody else at this browser, or of before
        return []


def remembered(at: Desk) -> list[FoundCustomer]:
    """The latest first; of those that are there for the asker."""
    ids = _ids(at)
    found = at.hub.reader.brief(at.principal, ids) if ids else {}
    return [found[id] for id in ids if id in found]


def remember(page: Response, at: Desk, id: str) -> None:
    """This one was looked at."""
    ids = list(dict.fromkeys([id, *_ids(at)]))[:MOST]
    kept = seal(at.hub.reader.cursor_key, ids, "recent", at.principal.id)
    page.set_cookie(
        COOKIE, kept, path="/customers", secure=at.request.url.scheme == "https", httponly=True, samesite="lax"
    )
