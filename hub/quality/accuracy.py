"""Estimates of precision and recall that people made by labelling pairs: kept with what was labelled, the newest first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from sqlalchemy import Column, Connection, Text
from sqlmodel import Field, SQLModel

from hub import db
from hub.db import big, table
from hub.quality.estimation import Read
from hub.quality.sampling import Interval

KEPT = 50  # of all types together, that are told


class AccuracyRow(SQLModel, table=True):
    """One estimate. `body`: its intervals and strata."""

    __tablename__: ClassVar[str] = "accuracy"
    id: int = big(primary_key=True)
    type: str
    at: int = big()
    labelled: int = big()
    body: str = Field(sa_column=Column(Text, nullable=False))


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """Pairs of like weight: how many there are, how many of them were labelled, and how many of those are one customer."""

    name: str
    together: bool
    pairs: int
    labelled: int
    same: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was estimated of a customer type. `recall`: with what blocking is estimated to lose."""

    type: str
    at: int
    labelled: int
    precision: Interval
    recall: Interval
    parts: tuple[LabelledPart, ...]


def keep(database: db.Units, type_name: str, found: Read) -> None:
    """Keep an estimate that was made now."""
    body = {
        "precision": _plain(found.estimate.precision),
        "recall": _plain(found.estimate.overall),
        "parts": [
            [x.stratum.name, bool(x.stratum.together), round(x.stratum.pairs), int(x.labelled), int(x.same)]
            for x in found.strata
        ],
    }
    with database.unit() as connection:
        number = db.next_number(connection, table(AccuracyRow), "id")
        row = (number, type_name, database.clock.now(), int(found.estimate.labelled), db.dump(body))
        db.insert_many(connection, table(AccuracyRow), ("id", "type", "at", "labelled", "body"), [row])


def kept(connection: Connection) -> list[Accuracy]:
    """The newest first."""
    found = db.ask(connection, f"SELECT type, at, labelled, body FROM accuracy ORDER BY at DESC, id DESC LIMIT {KEPT}")
    return [_read(type_name, at, labelled, db.load(body)) for type_name, at, labelled, body in found]


def _plain(given: Interval) -> dict[str, float]:
    return {name: float(share) for name, share in asdict(given).items()}


def _read(type_name: str, at: int, labelled: int, body: dict[str, dict[str, float]]) -> Accuracy:
    parts = tuple(LabelledPart(*part) for part in body["parts"])
    return Accuracy(type_name, at, labelled, Interval(**body["precision"]), Interval(**body["recall"]), parts)
