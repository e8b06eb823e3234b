"""`sign_in:` of `config/access.yaml`: how people and systems show who they are. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hub.settings.base import Strict, duration_micros


def _duration(text: str) -> str:
    duration_micros(text)
    return text


Duration = Annotated[str, AfterValidator(_duration)]


class SignIn(Strict):
    """How people sign in, and for how long."""

    idle: Duration = "30m"  # a session ends when nothing was asked in it for this long
    longest: Duration = "12h"  # and at the latest after this
    set_up: Duration = "3d"  # how long the one-time token of a new account is good for
    shortest_password: int = Field(default=12, ge=8, le=128)  # characters; which ones is nobody's business
    tries: int = Field(default=5, ge=1, le=100)  # wrong ones in a row before a name waits; each further one doubles it
    wait: Duration = "1m"  # the first wait; an hour is the longest
