"""Golden values -> the source's own fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.connectors.base import JSON
from hub.connectors.mapping.cleaner import Cleaner
from hub.connectors.mapping.paths import Path, Row, path
from hub.errors import BadRecord
from hub.kinds.base import Cleaned
from hub.model import Value, plain


class Writer:
    """The inverse of one attribute's map: plain fields, lists of them, composites part by part."""

    def __init__(self, given: str | dict[str, str], cleaner: Cleaner) -> None:
        self.cleaner = cleaner
        self.parts: dict[str, Path] = {}
        self.single: tuple[Path, ...] = ()
        if isinstance(given, dict):
            self.parts = {part: path(text) for part, text in given.items()}
            moving = [where for where in self.parts.values() if not where.constant]
            self.fields = tuple(moving) if all(where.names for where in moving) else ()
        else:
            where = path(given)
            items = tuple(item for item in where.items if not item.constant)
            self.single = (where,) if where.names else items if all(item.names for item in items) else ()
            self.fields = self.single

    def write(self, values: Sequence[Value], raw: Row) -> dict[str, JSON]:
        if self.parts:
            return self._write_parts(
                dict(values[0]) if values and not isinstance(values[0], str) else None, values, raw
            )
        if len(self.single) == 1:
            field = self.single[0]
            now = field.get(raw)
            return {field.field: _shaped(values, [] if now is None and field.list else now, self.cleaner.many)}
        return {
            field.field: _shaped(values[place : place + 1], field.get(raw), False)
            for place, field in enumerate(self.single)
        }

    def _write_parts(self, parts: dict[str, str] | None, values: Sequence[Value], raw: Row) -> dict[str, JSON]:
        if values and parts is None:
            parts = {self.cleaner.kind.parts[0]: str(values[0])}
        parts = dict(parts or {})
        if parts:
            self._check_constants(parts)
            self._keep_second_line(parts)
        return {
            where.field: _typed(parts.get(part), where.get(raw))
            for part, where in self.parts.items()
            if not where.constant
        }

    def _check_constants(self, parts: dict[str, str]) -> None:
        """A stream whose country is fixed cannot say an address abroad; half of it would be a wrong address."""
        for part, where in self.parts.items():
            if not where.constant or part not in parts:
                continue
            cleaned = self.cleaner.clean({part: where.get({})})
            fixed = (
                dict(cleaned.value).get(part)
                if isinstance(cleaned, Cleaned) and not isinstance(cleaned.value, str)
                else None
            )
            if (fixed or str(where.get({}))) != parts[part]:
                raise BadRecord(f"{part}: this stream's is always {where.text}")

    def _keep_second_line(self, parts: dict[str, str]) -> None:
        """A source with one street column gets both lines in it: a flat's number must not get lost."""
        if "line2" in parts and "line2" not in self.parts and "line1" in self.parts:
            parts["line1"] = ", ".join(text for text in (parts.get("line1"), parts.pop("line2")) if text)


def _shaped(values: Sequence[Value], now: JSON, many: bool) -> JSON:
    """Values in the shape in which the source keeps the field now: a list, an object, or one value."""
    if isinstance(now, list) and many:
        return [plain(value) for value in values]
    if not values:
        return None
    value = values[0]
    if isinstance(value, tuple):
        return ", ".join(text for _, text in value) if isinstance(now, str) else dict(value)
    return _typed(value, now)


def _typed(value: str | None, now: JSON) -> JSON:
    """A text as the type that the field holds now, where it is one."""
    if value is None or isinstance(now, str) or now is None:
        return value
    try:
        if isinstance(now, bool):
            return {"true": True, "yes": True, "granted": True, "false": False, "no": False, "denied": False}.get(
                value.lower(), value
            )
        if isinstance(now, int):
            return int(value)
        if isinstance(now, float):
            return float(value)
    except ValueError:
        pass
    return value


def with_fields(raw: Row, fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy of the row with these fields set; dotted names reach into nested objects unless a column is called so."""
    row = dict(raw)
    for name, value in fields.items():
        first, _, rest = name.partition(".")
        if rest and name not in row and first:
            inner = row.get(first)
            row[first] = with_fields(inner if isinstance(inner, Mapping) else {}, {rest: value})
        else:
            row[name] = value
    return row


# --- cleaning -------------------------------------------------------------------------------
