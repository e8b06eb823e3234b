"""What all of the configuration shares: strict models, durations, and what a model adds to the recipe. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Strict(BaseModel):
    """Typed, frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


ADDED: dict[str, JsonValue] = {
    "added": True
}  # a key that hubs made before do not know: at its default it changes no recipe


def recipe_dump(model: BaseModel, exclude: Collection[str] = ()) -> dict[str, Any]:
    """What a recipe says of a part of the configuration: all keys, added ones only where they are set."""
    found: dict[str, Any] = model.model_dump(mode="json", exclude=set(exclude))
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if info.json_schema_extra == ADDED and value == info.get_default(call_default_factory=True):
            found.pop(name, None)
        elif isinstance(value, BaseModel) and name in found:
            found[name] = recipe_dump(value)
        elif isinstance(value, Mapping) and name in found:
            found[name] = {k: recipe_dump(v) if isinstance(v, BaseModel) else found[name][k] for k, v in value.items()}
    return found


def duration_micros(text: str) -> int:
    """'90d', '2y', '6h' -> microseconds. A year is 365.25 days."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
    number, unit = text[:-1].strip(), text[-1:]
    if unit not in units or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"'{text}' is not a duration; write a number and one of s m h d w y, such as 2y")
    return int(float(number) * units[unit] * 1_000_000)
