"""The hub's database, as rooms use it: where to read and write, how to ask, how to declare tables."""

from sqlalchemy import Connection

from hub.db.columns import big, table
from hub.db.crashing import fail_point
from hub.db.database import Clock, Database, SystemClock, Units
from hub.db.leases import Lease, leased
from hub.db.numbers import delete_numbered, next_number
from hub.db.rehearsal import Rehearsal, rehearsal
from hub.db.replica import READING, Freshness, primary, reading_as
from hub.db.room import is_full, room_in
from hub.db.serving import serving_alone
from hub.db.statements import (
    Row,
    arrow,
    ask,
    chunks,
    do,
    do_many,
    dump,
    dump_any,
    execute_in,
    exists,
    first,
    indexed_afterwards,
    insert_many,
    ints,
    load,
    naming,
    number,
    select_in,
    storable,
    upsert_many,
)

__all__ = [
    "READING",
    "Clock",
    "Connection",
    "Database",
    "Freshness",
    "Lease",
    "Rehearsal",
    "Row",
    "SystemClock",
    "Units",
    "arrow",
    "ask",
    "big",
    "chunks",
    "delete_numbered",
    "do",
    "do_many",
    "dump",
    "dump_any",
    "execute_in",
    "exists",
    "fail_point",
    "first",
    "indexed_afterwards",
    "insert_many",
    "ints",
    "is_full",
    "leased",
    "load",
    "naming",
    "next_number",
    "number",
    "primary",
    "reading_as",
    "rehearsal",
    "room_in",
    "select_in",
    "serving_alone",
    "storable",
    "table",
    "upsert_many",
]
