"""Who sees which field, and how. Pure: config in, views out; values in, seen values out.

A role's view is compiled before any query is built. Unnamed means hidden, and a hidden field is
as good as absent: it is not in `View.columns`, and everything that a door does starts from there.

All sights but `show` show something of a field, no more. Such a field cannot be searched or probed: asking
for one value after another would unmask it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.kinds.reading import HIDDEN, initial_mask, text_of
from hub.model import Sight, Value, canonical, digest, from_plain, plain
from hub.settings.access import RowLimits

Columns = Mapping[str, Sight]  # attribute -> sight, hidden ones left out
Mask = Callable[[Value], Value]

NOTHING: Columns = {}


@dataclass(frozen=True, slots=True)
class View:
    """What one role sees and may do. `version` names exactly this set of columns and rows."""

    role: str
    columns: Mapping[str, Columns] = field(default_factory=dict)  # by type, in order of name
    may: frozenset[str] = frozenset()
    purpose: str = ""
    version: str = ""
    rows: Mapping[str, RowLimits] = field(default_factory=dict)  # types of which not all customers exist for the role
    pseudonyms: str = ""  # who is shown the same ones

    def of(self, type_name: str) -> Columns:
        """The columns of a customer type; empty for a type that this role never sees."""
        return self.columns.get(type_name, NOTHING)

    def sees(self, type_name: str) -> bool:
        return bool(self.of(type_name))

    @property
    def limited(self) -> frozenset[str]:
        """Types of which the role sees some customers only. That somebody may be restricted does not make it so."""
        return frozenset(t for t, r in self.rows.items() if r.sources or r.where or r.consent)

    def shown(self, type_name: str) -> frozenset[str]:
        """Attributes that are shown as they are: only these can be searched, probed and explained."""
        return frozenset(a for a, sight in self.of(type_name).items() if sight is Sight.SHOW)


def compile_view(
    role: str,
    views: Mapping[str, Mapping[str, Sight]],
    types: Mapping[str, Iterable[str]],
    *,
    may: Iterable[str] = (),
    purpose: str = "",
    rows: Mapping[str, RowLimits] | None = None,
    uses: Mapping[str, Collection[str]] | None = None,
    pseudonyms: str = "",
) -> View:
    """A role's view over the attributes that the customer types have. `*` stands for those not named.

    uses: what a purpose has a use for, by type; None: all.
    """
    columns: dict[str, Columns] = {}
    for type_name, attributes in types.items():
        named = views.get(type_name, {})
        rest = named.get("*", Sight.HIDE)
        seen = {a: named.get(a, rest) for a in sorted(attributes)}
        useful = {"*"} if uses is None else set(uses.get(type_name, ()))
        seen = {a: s for a, s in seen.items() if s is not Sight.HIDE and (a in useful or "*" in useful)}
        if seen:
            columns[type_name] = seen
    allowed = frozenset(may)
    # May a role see record names? That changes what it is sent, so it is part of the version.
    limits = {t: r for t, r in (rows or {}).items() if t in columns}
    identity: dict[str, object] = {"role": role, "columns": columns, "crosswalk": "crosswalk" in allowed}
    if limits:
        always = {"sources", "where"}  # other conditions count where they are set: views of before keep their names
        dumped = {t: r.model_dump(mode="json") for t, r in limits.items()}
        identity["rows"] = {t: {k: v for k, v in d.items() if v or k in always} for t, d in dumped.items()}
    if pseudonyms:
        identity["pseudonyms"] = pseudonyms
    return View(role, columns, allowed, purpose, digest(identity, 6), limits, pseudonyms or role)


def narrowed(view: View, scopes: frozenset[str] | None) -> View:
    """A view of which the asker may use only some permissions; None: all."""
    if scopes is None:
        return view
    version = digest({"view": view.version, "scopes": sorted(scopes)}, 6)
    return replace(view, may=view.may & scopes, version=version)


def pseudonym(key: bytes, attribute: str, value: Value) -> str:
    """A token that is the same for the same value of the same attribute, and says nothing without the key."""
    made = hmac.new(key, attribute.encode() + b"\0" + canonical(plain(value)), hashlib.sha256)
    return f"psn_{made.hexdigest()[:24]}"


def look(value: Value, sight: Sight, attribute: str, mask: Mask, key: bytes) -> object:
    """One value as this sight shows it, as JSON knows it. Never called for a hidden field."""
    if sight is Sight.SHOW:
        return plain(value)
    if sight is Sight.MASK:
        return plain(mask(value))
    if sight is Sight.PSEUDONYM:
        return pseudonym(key, attribute, value)
    if sight in _KEPT:
        return _KEPT[sight](text_of(value))
    raise AssertionError("a hidden field has no look")


def _last_4(text: str) -> str:
    kept = "".join(c for c in text if c.isalnum())
    return HIDDEN + kept[-4:] if len(kept) > 2 * 4 else HIDDEN


def _domain(text: str) -> str:
    at = text.rfind("@")
    return HIDDEN + text[at:] if at > 0 else HIDDEN


def _year(text: str) -> str:
    return text[:4] if _DATE.match(text) else HIDDEN


_SHOW = Sight.SHOW
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KEPT: Mapping[Sight, Callable[[str], object]] = {
    Sight.FIRST_LETTER: initial_mask,
    Sight.LAST_4: _last_4,
    Sight.DOMAIN: _domain,
    Sight.YEAR: _year,
}


def see(
    values: Mapping[str, Sequence[object]], columns: Columns, masks: Mapping[str, Mask], key: bytes
) -> dict[str, Sequence[object]]:
    """A golden record's values (attribute -> plain values) as a view shows them, attributes in the order of its columns."""
    return {
        attribute: held
        if sight is _SHOW
        else [look(from_plain(v), sight, attribute, masks[attribute], key) for v in held]
        for attribute, sight in columns.items()
        if (held := values.get(attribute)) is not None
    }


def changed_in_view(attributes: Iterable[str], columns: Columns) -> tuple[str, ...]:
    """The changed attributes that a view shows; empty: this change is none for it."""
    return tuple(sorted(a for a in attributes if a in columns))


def visible_forms(forms: Mapping[str, Any], shown: frozenset[str]) -> dict[str, Any]:
    """Comparison forms of shown attributes alone: what evidence looks like to a view.

    A form's column is `attribute` or `attribute.form`; `claimed` lists attributes.
    """
    seen: dict[str, Any] = {}
    for column, form in forms.items():
        if column == "claimed":
            seen[column] = [a for a in form if a in shown]
        elif column.partition(".")[0] in shown:
            seen[column] = form
    return seen
