"""Takes records out of landing: their rows as they came, what was written to them, what was set aside of them.

What stays of a customer's record is its place, without its key, so that ids which led to it answer that it was erased.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection

from hub import db
from hub.db import table
from hub.landing.store.creations import CreationRow
from hub.landing.store.records import CUSTOMER, RecordRow, VersionRow
from hub.landing.store.writes import WriteRow

ERASED = "erased"  # the sort of what stays of a customer's record, and the content of its last version
LONG = 8  # characters of a word that is nobody else's by chance


def empty_records(connection: Connection, rids: Collection[int], at: int) -> None:
    """Every version goes; one that says nothing but when it was stands for them."""
    landed = db.next_number(connection, table(VersionRow), "landed")
    db.delete_numbered(connection, table(VersionRow), "landed", "rid IN {ids}", ids=rids)
    db.delete_numbered(connection, table(WriteRow), "id", "rid IN {ids}", ids=rids)
    db.delete_numbered(connection, table(CreationRow), "id", "rid IN {ids}", ids=rids)
    db.do(connection, "DELETE FROM absence WHERE rid IN {ids}", ids=rids)
    columns = ("landed", "rid", "version", "generation", "content", "at")
    rows = [(landed + n, rid, "", 1, ERASED, at) for n, rid in enumerate(sorted(rids))]
    db.insert_many(connection, table(VersionRow), columns, rows)
    updates = [{"rid": rid, "latest": landed} for landed, rid, *_ in rows]
    db.do_many(
        connection,
        "UPDATE record SET born = NULL, died = NULL, latest = :latest, versions = 1, pending = 0 WHERE rid = :rid",
        updates,
    )


def forget_names(connection: Connection, rids: Iterable[int]) -> None:
    """Of customers' records, once nothing hangs on them any more: what is left has no key."""
    statement = f"UPDATE record SET sort = '{ERASED}', key = :key WHERE rid = :rid AND sort = '{CUSTOMER}'"
    db.do_many(connection, statement, [{"rid": rid, "key": f"{ERASED}:{rid}"} for rid in sorted(set(rids))])


def drop_records(connection: Connection, rids: Collection[int]) -> None:
    """Records of another sort go whole."""
    db.delete_numbered(connection, table(VersionRow), "landed", "rid IN {ids}", ids=rids)
    db.delete_numbered(connection, table(RecordRow), "rid", "rid IN {ids}", ids=rids)


def drop_quarantined(connection: Connection, words: Sequence[str]) -> int:
    """Rows that were set aside and hold one of these words, in whatever case; how many. A short one (a key of four digits)
    counts only as a word of its own: inside another's number it says nothing."""
    wanted = [re.escape(w) if len(w) >= LONG else rf"(?<!\w){re.escape(w)}(?!\w)" for w in words if w]
    if not wanted:
        return 0
    theirs = re.compile("|".join(wanted), re.IGNORECASE)
    found = db.ask(connection, "SELECT id, raw FROM quarantine")
    ids = [id for id, raw in found if theirs.search(str(raw))]
    db.do(connection, "DELETE FROM quarantine WHERE id IN {ids:text}", ids=ids)
    return len(ids)
