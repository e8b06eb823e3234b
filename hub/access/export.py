"""Whole-table exits through the one door: all golden records of a type in a role's view."""

from __future__ import annotations

from collections.abc import Iterator

from hub.access.audit.log import AuditLine
from hub.access.authentication.principals import Principal
from hub.access.read import Reader
from hub.errors import Forbidden
from hub.golden_record import lookups

PAGE = 500


def export_rows(reader: Reader, principal: Principal, type_name: str) -> tuple[list[str], Iterator[dict[str, object]]]:
    """Column names, and a row per customer. Each page is in the audit before it is handed out. Forbidden: nothing to see."""
    view = reader.view(principal)
    columns = [a for a in reader.config.customers[type_name].attributes if a in view.of(type_name)]
    if not columns:
        raise Forbidden(f"the role '{principal.role}' sees nothing of '{type_name}'")
    return ["id", *columns], _rows(reader, principal, type_name, columns)


def _rows(reader: Reader, principal: Principal, type_name: str, columns: list[str]) -> Iterator[dict[str, object]]:
    after = ""
    while True:
        with reader.database.read() as connection:
            page = lookups.customers_after(connection, type_name, after, PAGE)
            if not page:
                return
            view, after = reader.view(principal, connection), page[-1][0]
            if type_name in view.rows:
                known = reader.known_customers(connection, view, [id for id, _ in page])
                page = [(id, values) for id, values in page if id in known]
        if not page:
            continue
        reader.audit.write(
            AuditLine(
                principal.id,
                principal.role,
                "export",
                [id for id, _ in page],
                columns,
                view.purpose,
                reader.database.clock.now(),
            )
        )
        for id, values in page:
            yield {"id": id, **reader.seen_values(principal, type_name, values)}
