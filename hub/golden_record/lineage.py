"""Lineage as it is stored: of each golden value the rule, the references that gave it, and those that lost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Required, TypedDict

from hub.model import Plain

Reference = Sequence[int]  # a record, the landing of its version, the index of the value there
Values = Mapping[str, list[Plain]]  # attribute -> golden values


class Why(TypedDict, total=False):
    """Why an attribute has its values. What is not there was not so: nothing lost, no override, all verified."""

    rule: Required[str]
    won: Required[Sequence[Reference]]
    lost: Sequence[Reference]
    override: int  # that set them
    verified: bool
    taken: Sequence[Reference]  # what was taken back, and stated by nobody since
    said: Sequence[str]  # of what is agreed: the words
    of: Mapping[str, Why]  # a full name: of what its parts are


Lineage = Mapping[str, Why]
