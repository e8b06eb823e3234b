"""Work on stored records that any process can do: it reads a snapshot and answers, and writes nothing.

What helping processes import is this and no more: the batch engine stays with whoever they help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hub.db import Database
from hub.resolve.resolver import Resolver
from hub.settings import Config

T = TypeVar("T")
Work = Callable[..., T]  # of (connection, recipe, ...)

_resolver: Resolver | None = None  # of a process that helps


def begin(url: str, config: Config) -> None:
    """First in a process that helps."""
    global _resolver
    _resolver = Resolver(Database(url), config)


def do(work: Work[T], *job: object) -> T:
    """One job in a process that helps."""
    assert _resolver is not None
    return done(_resolver, work, *job)


def done(resolver: Resolver, work: Work[T], *job: object) -> T:
    """What comes of a job, by what is stored now."""
    with resolver.database.read() as connection:
        return work(connection, resolver.recipe(connection), *job)
