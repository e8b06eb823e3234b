"""`config/relations/TYPE.yaml`: how two customers may belong together. Pure."""

from __future__ import annotations

from pydantic import Field, model_validator

from hub.settings.base import Strict
from hub.settings.customers import Attribute


class RelationType(Strict):
    """A type of relations, read from the end that `of` names to the one that `to` names."""

    name: str = ""
    title: str = ""  # what the other end is to the one that `of` names
    reverse_title: str = ""  # what the other end is to the one that `to` names
    attributes: dict[str, Attribute] = Field(min_length=1)  # name -> what it is
    since: str = ""  # the attribute that says from when on it holds
    until: str = ""  # the attribute that says until when
    upward: bool = False  # `to` is above `of`: figures are added up along it, and circles are not followed

    @model_validator(mode="after")
    def _leads_somewhere(self) -> RelationType:
        for role in ("since", "until"):
            name = getattr(self, role)
            if name and (name not in self.attributes or self.attributes[name].kind != "moment"):
                raise ValueError(f"{role} names '{name}', which is no attribute of kind moment")
        return self
