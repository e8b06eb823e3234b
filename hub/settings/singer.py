"""A Singer program, a tap or a target: what runs, in an environment of its own, and what it is told. Pure."""

from __future__ import annotations

from pydantic import Field

from hub.settings.base import Strict


class SingerProgram(Strict):
    """A program that speaks Singer's messages."""

    command: str | tuple[str, ...]  # its name in its environment, or a path; with arguments, a list
    packages: tuple[str, ...] = ()  # installed into an environment of its own, pinned: ["tap-github==1.2.0"]
    config: dict[str, object] = Field(default_factory=dict)  # its own settings; no secrets here
    config_env: dict[str, str] = Field(default_factory=dict)  # a setting of its own -> the variable that holds it
    silent_seconds: float = Field(
        default=300, gt=0
    )  # one that says (a tap) or takes (a target) nothing for so long is ended
