"""Standardised records: the comparison forms that the model reads, made once when a record lands.

Pure. A form is ASCII without control characters and no longer than what is compared, so that the
SQL and the Python engine see the same characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hub.kinds import KINDS
from hub.kinds.levels_base import LONGEST
from hub.matching.model import column, comparisons_of
from hub.model import Cell, Value
from hub.settings import Attribute, CustomerType

CLAIMED = "claimed"
_STRANGE = re.compile(r"[^ -~]+")


class Standardiser:
    """Cells of a version -> its comparison forms, for one customer type.

    `columns`: every column a record may have, `attribute` or `attribute.form`. Columns without a
    value are left out. Attributes with several values, where the kind compares by best pair, give lists.
    """

    def __init__(self, customer_type: CustomerType) -> None:
        wanted = {c for comparison in comparisons_of(customer_type) for c in comparison.columns.values()}
        wanted |= {c for rule in customer_type.matching.rules for c in rule}
        self.columns: tuple[str, ...] = tuple(sorted(wanted))
        lists = {c.name for c in comparisons_of(customer_type) if c.many}
        self._plans = [
            _Plan(name, attribute, wanted, many=name in lists)
            for name, attribute in customer_type.attributes.items()
            if attribute.matching and any(c.partition(".")[0] == name for c in wanted)
        ]

    def forms(self, cells: Mapping[str, Cell], verified: Callable[[str], bool]) -> dict[str, Any]:
        """Comparison forms by column, and under 'claimed' the attributes present that the source has not checked."""
        found: dict[str, Any] = {}
        claimed: list[str] = []
        for plan in self._plans:
            cell = cells.get(plan.name)
            if cell is None or not cell.values:
                continue
            made = plan.forms(cell.values)
            if made:
                found.update(made)
                if not verified(plan.name):
                    claimed.append(plan.name)
        if claimed:
            found[CLAIMED] = sorted(claimed)
        return found


class _Plan:
    """Which forms of one attribute are wanted."""

    def __init__(self, name: str, attribute: Attribute, wanted: set[str], *, many: bool) -> None:
        self.name = name
        self._kind = KINDS[attribute.kind]
        self._many = many
        prefix = f"{name}."
        self._wanted = [("", name)] if name in wanted else []
        self._wanted += [(c.removeprefix(prefix), c) for c in sorted(wanted) if c.startswith(prefix)]

    def forms(self, values: tuple[Value, ...]) -> dict[str, Any]:
        placeholders = self._kind.placeholders
        rows = []
        for value in values:
            forms = self._kind.forms(value)
            if forms.get("") not in placeholders:
                rows.append({c: text for form, c in self._wanted if (text := _tidy(forms.get(form)))})
                if rows[-1] and not self._many:
                    break
        if not self._many:
            return rows[-1] if rows else {}
        return {c: found for _, c in self._wanted if (found := sorted({row[c] for row in rows if c in row}))}


def _tidy(form: object) -> str:
    return _STRANGE.sub(" ", str(form)).strip()[:LONGEST].strip() if form is not None else ""


__all__ = ["CLAIMED", "Standardiser", "column"]
