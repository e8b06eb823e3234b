"""What a request is for: the views of roles, each whole and narrowed to one of its purposes.

A request says its purpose by X-Purpose. One that the role may not ask for is refused, whether or not there is such a
purpose. Without it the view is of all purposes of the role together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from hub.access.policy.view import View, compile_view
from hub.errors import Fault, Forbidden
from hub.settings import Config
from hub.settings.access import Role, RowLimits
from hub.settings.purposes import Purpose

HEADER = "x-purpose"
PURPOSE: ContextVar[str] = ContextVar("purpose", default="")  # what the request that is being answered says it is for


@contextmanager
def stated(purpose: str) -> Iterator[None]:
    """What is asked within it is asked for this purpose; '': for all of the role's."""
    before = PURPOSE.set(purpose)
    try:
        yield
    finally:
        PURPOSE.reset(before)


class Views:
    """The views of all roles over some types, compiled once."""

    def __init__(
        self,
        config: Config,
        types: Mapping[str, Iterable[str]],
        rows: Mapping[str, Mapping[str, RowLimits]] | None = None,
    ):
        def made(name: str, role: Role, purposes: Collection[str]) -> View:
            return compile_view(
                name,
                role.views,
                types,
                may=role.may,
                purpose=", ".join(purposes) or role.purpose,
                rows=_rows(config, role, purposes, (rows or {}).get(name, {})),
                uses=_uses(config, purposes),
                pseudonyms=role.pseudonyms,
            )

        roles = config.access.roles
        self._whole = {name: made(name, role, role.purposes) for name, role in roles.items()}
        self._narrow = {(n, p): made(n, role, (p,)) for n, role in roles.items() for p in role.purposes}

    def of(self, role: str) -> View:
        """The view of a role; one that the configuration has no more sees nothing."""
        return self._whole.get(role) or View(role)

    def purposes(self, role: str) -> tuple[str, ...]:
        """What a role may ask for."""
        return tuple(p for r, p in self._narrow if r == role)

    def asked(self, role: str) -> View:
        """The same for the request that is being answered, narrowed to its purpose. Forbidden: not one of the role's."""
        purpose = PURPOSE.get()
        if not purpose:
            return self.of(role)
        found = self._narrow.get((role, purpose))
        if found is None:
            known = ", ".join(self.purposes(role))
            raise Forbidden(
                "this role may not ask for that purpose",
                [Fault("X-Purpose", "is none of its purposes", f"known: {known or 'none'}")],
            )
        return found


def _rows(
    config: Config, role: Role, purposes: Collection[str], rows: Mapping[str, RowLimits]
) -> Mapping[str, RowLimits]:
    """The conditions of a role with those of its purposes: where all of these need consent, one of them must have it."""
    asked = [p for name in purposes if (p := config.purposes.get(name)) is not None]
    found = dict(rows)
    for type_name in config.customers:
        needing = [_wanted(name, p) for name, p in zip(purposes, asked, strict=False) if _needs(p, type_name)]
        if asked and len(needing) == len(purposes):
            own = found.get(type_name, RowLimits())
            found[type_name] = own.model_copy(update={"consent": tuple(dict.fromkeys([*own.consent, *needing]))})
    return found


def _needs(purpose: Purpose, type_name: str) -> bool:
    return purpose.basis == "consent" and (purpose.consent_of is None or type_name in purpose.consent_of)


def _wanted(name: str, purpose: Purpose) -> str:
    return f"{name}/{purpose.channel}" if purpose.channel else name


def _uses(config: Config, purposes: Collection[str]) -> dict[str, set[str]] | None:
    """What these purposes have a use for, together, by type; None: everything."""
    together: dict[str, set[str]] = {}
    for name in purposes:
        found = config.purposes.get(name)
        if found is None or found.uses is None:
            return None
        for type_name, attributes in found.uses.items():
            together.setdefault(type_name, set()).update(attributes)
    return together if purposes else None
