"""`config/drops/NAME.yaml`: a folder, or a Singer target, into which changed customers are put, on a schedule. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hub.errors import Fault
from hub.settings.access import Access
from hub.settings.base import ADDED, Strict
from hub.settings.schedule import check_schedule
from hub.settings.singer import SingerProgram


class FileDrop(Strict):
    """Customers for a system that takes files, or by a Singer target: all of them first, then those that changed."""

    name: str = ""
    folder: str = ""  # on the hub's machine, relative to the configuration's folder
    target: SingerProgram | None = Field(default=None, json_schema_extra=ADDED)  # or a program that takes them
    role: str  # in whose view
    types: tuple[str, ...] = ()  # customer types; none: all that the role sees
    format: Literal["jsonl", "parquet"] = "jsonl"
    schedule: str = "every 1 hour"  # or a line of cron, in UTC

    @model_validator(mode="after")
    def _one(self) -> FileDrop:
        if bool(self.folder) == (self.target is not None):
            raise ValueError(
                "give folder, where the files are put, or target, the Singer target that takes the customers"
            )
        if self.target is not None and "format" in self.model_fields_set:
            raise ValueError("format is of files: remove it, or give folder instead of target")
        return self

    @field_validator("schedule")
    @classmethod
    def _readable(cls, text: str) -> str:
        check_schedule(text)
        return text


def drop_faults(where: str, drop: FileDrop, access: Access, types: Collection[str]) -> Iterator[Fault]:
    """A role that there is not, or that sees none of the types."""
    role = access.roles.get(drop.role)
    if role is None:
        yield Fault(f"{where}: role", f"unknown role '{drop.role}'", f"known: {', '.join(access.roles)}")
    for name in drop.types:
        if name not in types:
            yield Fault(f"{where}: types", f"unknown customer type '{name}'", f"known: {', '.join(types)}")
        elif role is not None and not role.views.get(name):
            yield Fault(f"{where}: types", f"the role '{drop.role}' sees nothing of '{name}'", "add it to access.yaml")
