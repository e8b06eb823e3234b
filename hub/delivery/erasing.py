"""What a person's erasure means in the systems that hold the records: deleted or cleared there, as each stream's `deletes` says.

Nothing is kept here of what was tried: whoever asks keeps the answers, and asks again for those that were away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hub.connectors.base import JSON, FieldWrite, WriteResult
from hub.connectors.mapping.mapper import Mapper
from hub.connectors.registry import connect
from hub.delivery.sending import send
from hub.errors import BadRecord, ConfigError
from hub.model import RecordId
from hub.settings import Config

Outcome = Literal["deleted", "cleared", "gone", "by hand", "refused", "away"]
SETTLED: frozenset[Outcome] = frozenset(("deleted", "cleared", "gone"))


@dataclass(frozen=True, slots=True)
class ErasedThere:
    """What became of one record in its own system.

    deleted, cleared, gone   nothing of the person is left in the fields that the hub knows
    by hand                  the hub may not, or cannot, do it: somebody there has to; `detail` says what
    refused                  the system will not take it, however often it is tried
    away                     the system does not answer: ask again
    """

    record: RecordId
    outcome: Outcome
    detail: str = ""


def erase_there(
    config: Config, records: Iterable[RecordId], *, env: Mapping[str, str] | None = None
) -> list[ErasedThere]:
    """Delete or clear records in their own systems, whatever they hold now; an answer for each. Nothing is looked up in
    the hub, so that it can be asked after the hub has forgotten them. Asked again, it says `gone` or `cleared` again.

    `deletes: delete` deletes; `clear` empties every field that is mapped; `archive` empties and archives; with `nothing`,
    and where the hub writes nothing, it is to be done by hand.
    """
    by_stream: dict[tuple[str, str], list[RecordId]] = {}
    for record in sorted(set(records)):
        by_stream.setdefault((record.source, record.stream), []).append(record)
    given = os.environ if env is None else env
    return [answer for name, named in by_stream.items() for answer in _of_stream(config, *name, named, given)]


def _of_stream(
    config: Config, source: str, name: str, records: Sequence[RecordId], env: Mapping[str, str]
) -> list[ErasedThere]:
    stream = config.stream(source, name)
    back = stream.write_back if stream is not None else None
    if stream is None or back is None or not back.removes or back.dry_run:
        return [ErasedThere(r, "by hand", "write_back.deletes of its stream does not say what to do") for r in records]
    fields: dict[str, JSON] = {}
    left: list[str] = []
    if back.deletes != "delete":
        fields, left = _emptied(Mapper(name, stream, config.customers[stream.customer]))
        fields |= back.archive
    writes = [FieldWrite(r.key, dict(fields), delete=back.deletes == "delete") for r in records]
    try:
        connector = connect(config.sources[source], env=env, base_folder=config.folder)
    except ConfigError as error:
        return [ErasedThere(r, "away", str(error)) for r in records]
    try:
        results = send(connector, name, writes)
    finally:
        connector.close()
    return [_answer(r, answer, left, back.deletes == "delete") for r, answer in zip(records, results, strict=True)]


def _emptied(mapper: Mapper) -> tuple[dict[str, JSON], list[str]]:
    """Every mapped field, empty; and the attributes whose map cannot be turned round."""
    fields: dict[str, JSON] = {}
    left = []
    for attribute in mapper.stream.map:
        try:
            fields |= mapper.unmap(attribute, ())
        except BadRecord:
            left.append(attribute)
    return fields, left


def _answer(record: RecordId, answer: WriteResult, left: Sequence[str], deletes: bool) -> ErasedThere:
    if answer.outcome == "gone":
        return ErasedThere(record, "gone")
    if answer.outcome in ("written", "unchanged"):
        if left:
            return ErasedThere(record, "by hand", f"the hub cannot empty: {', '.join(left)}")
        return ErasedThere(record, "deleted" if deletes else "cleared")
    return ErasedThere(record, "refused" if answer.outcome == "rejected" else "away", answer.detail)
