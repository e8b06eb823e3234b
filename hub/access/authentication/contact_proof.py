"""Who is proved by a code that was sent to a contact point: the one customer who holds it, where a source that checks it has
known it for long enough. One that two customers hold, or that changed of late, proves nobody. What somebody else merely
claims counts against the holder from the last time that a source checked: a number may have gone to another since."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.errors import Fault, Unprocessable
from hub.figures.owners import KINDS_OF_CONTACT, NEAR, near
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.reading import text_of
from hub.landing import store as landing
from hub.matching import store as matching_store
from hub.model import RecordId
from hub.settings import CONTACT, Config


def contact_point(kind: str, text: str, country: str | None) -> tuple[RecordId, str]:
    """A contact point by its main form, and as it is written to. Unprocessable: it is none."""
    if kind in KINDS_OF_CONTACT:
        cleaned = KINDS[kind].clean(text, Context(country=country))
        form = KINDS[kind].forms(cleaned.value).get("") if isinstance(cleaned, Cleaned) else None
        if form and isinstance(cleaned, Cleaned):
            return RecordId(CONTACT, kind, str(form)), text_of(cleaned.value)
    raise Unprocessable("no code can be sent there", [Fault(f"/{kind}", "cannot be read", "check how it is written")])


def sole_holder(connection: Connection, config: Config, point: RecordId, before: int) -> str | None:
    """The id that the record minted by which the only customer who holds this contact point, checked, has done so since before
    a time. None: nobody; or two; or somebody else claims it since it was checked last."""
    members = matching_store.members_of(connection, near(connection, config, point))
    if len(members) >= NEAR:  # there may be more
        return None
    held_by: dict[int, list[tuple[int, str]]] = {}
    claimed: dict[int, list[int]] = {}
    for cluster, rids in members.items():
        infos, cells = landing.records(connection, rids), matching_store.held(connection, rids)
        for rid, by_attribute in cells.items():
            stream = config.stream(infos[rid].id.source, infos[rid].id.stream)
            kinds = config.customers[infos[rid].type].attributes
            for attribute, held in by_attribute.items():
                if attribute not in kinds or kinds[attribute].kind != point.stream:
                    continue
                for index, value in enumerate(held.cell.values):
                    if str(KINDS[point.stream].forms(value).get("")) != point.key:
                        continue
                    since = held.stated(index)
                    since = _landed_at(connection, rid, held.landed) if since is None else since
                    checked = stream is not None and stream.is_verified(attribute)
                    if checked:
                        held_by.setdefault(cluster, []).append((since, infos[rid].mint))
                    else:
                        claimed.setdefault(cluster, []).append(since)
    if len(held_by) != 1:
        return None
    ((holder, holding),) = held_by.items()
    checked_last = max(since for since, _ in holding)
    if any(at >= checked_last for cluster, times in claimed.items() if cluster != holder for at in times):
        return None
    return min((h for h in holding if h[0] <= before), default=(0, None))[1]


def _landed_at(connection: Connection, rid: int, landed: int) -> int:
    return next(v.at for v in landing.versions_of(connection, [rid])[rid] if v.landed == landed)
