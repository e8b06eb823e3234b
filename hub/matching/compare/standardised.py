"""Standardised records: the comparison forms that the model reads, made once when a record lands.

Pure. A form is ASCII without control characters and no longer than what is compared, so that the
SQL and the Python engine see the same characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hub.kinds import KINDS
from hub.kinds.levels_base import LONGEST, Texts
from hub.matching.compare.model import comparisons_of
from hub.matching.compare.sketch import Layout
from hub.model import Cell, Value
from hub.settings import Attribute, CustomerType

CLAIMED = "claimed"
REMEMBERED = 20_000  # values of an attribute whose forms are kept
_STRANGE = re.compile(r"[^ -~]+")


class Standardiser:
    """Cells of a version -> its comparison forms, for one customer type.

    `columns`: every column a record may have, `attribute` or `attribute.form`. Columns without a
    value are left out. Attributes with several values, where the kind compares by best pair, give lists.
    `layout`: of the sketches of such records.
    """

    def __init__(self, customer_type: CustomerType) -> None:
        wanted = {c for comparison in comparisons_of(customer_type) for c in comparison.columns.values()}
        wanted |= {c for rule in customer_type.matching.rules for c in rule}
        self.columns: tuple[str, ...] = tuple(sorted(wanted))
        self.layout = Layout(comparisons_of(customer_type))
        lists = {c.name for c in comparisons_of(customer_type) if c.many}
        self._plans = [
            _Plan(name, attribute, wanted, many=name in lists)
            for name, attribute in customer_type.attributes.items()
            if attribute.matching and any(c.partition(".")[0] == name for c in wanted)
        ]

    def forms(self, cells: Mapping[str, Cell], verified: Callable[[str], bool]) -> dict[str, Texts]:
        """Comparison forms by column, and under 'claimed' the attributes present that the source has not checked."""
        found: dict[str, Texts] = {}
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
        self._known: dict[tuple[Value, ...], dict[str, Texts]] = {}  # names and cities repeat
        prefix = f"{name}."
        self._wanted = [("", name)] if name in wanted else []
        self._wanted += [(c.removeprefix(prefix), c) for c in sorted(wanted) if c.startswith(prefix)]

    def forms(self, values: tuple[Value, ...]) -> dict[str, Texts]:
        """Columns of an attribute's values."""
        known = self._known.get(values)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[values] = self._made(values)
        return known

    def _made(self, values: tuple[Value, ...]) -> dict[str, Texts]:
        rows: list[dict[str, str]] = []
        made: dict[str, Texts] = {}
        for value in values:
            forms = self._kind.forms(value)
            if forms.get("") not in self._kind.placeholders:
                rows.append({c: text for form, c in self._wanted if (text := _tidy(forms.get(form)))})
                if rows[-1] and not self._many:
                    break
        if not self._many:
            made.update(rows[-1] if rows else {})
            return made
        if len(rows) == 1:
            return {c: [text] for c, text in rows[0].items()}
        return {c: found for _, c in self._wanted if (found := sorted({row[c] for row in rows if c in row}))}


def _tidy(form: object) -> str:
    if form is None:
        return ""
    text = form if type(form) is str else str(form)
    if len(text) <= LONGEST and text.isascii() and text.isprintable():
        return text.strip()
    return _STRANGE.sub(" ", text).strip()[:LONGEST].strip()


__all__ = ["CLAIMED", "Standardiser"]
