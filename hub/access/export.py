"""Whole-table exits through the one door: all golden records of a type in a role's view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from hub import db
from hub.access.audit import Sight
from hub.access.principals import Principal
from hub.access.read import Reader
from hub.errors import Forbidden

PAGE = 500


def export_rows(reader: Reader, principal: Principal, type_name: str) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Column names, and a row per customer. Each page is in the audit before it is handed out. Forbidden: nothing to see."""
    view = reader.view(principal)
    columns = [a for a in reader.config.customers[type_name].attributes if a in view.of(type_name)]
    if not columns:
        raise Forbidden(f"the role '{principal.role}' sees nothing of '{type_name}'")
    return ["id", *columns], _rows(reader, principal, type_name, columns)


def _rows(reader: Reader, principal: Principal, type_name: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        with reader.database.read() as connection:
            page = connection.execute(
                text("SELECT id, body FROM customer WHERE type = :type AND id > :after ORDER BY id LIMIT :limit"),
                {"type": type_name, "after": after, "limit": PAGE},
            ).fetchall()
        if not page:
            return
        view = reader.view(principal)
        reader.audit.write(Sight(principal.id, principal.role, "export", [r.id for r in page], columns, view.purpose, reader.database.clock.now()))
        for r in page:
            yield {"id": r.id, **reader.seen_values(principal, type_name, db.load(r.body))}
        after = page[-1].id
