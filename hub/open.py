"""The running hub as its doors know it: where to read, where to write, and what counts requests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hub.access.audit.log import AuditLog
from hub.access.secret import derive, former_secrets, hub_secret
from hub.db import Database
from hub.delivery.addresses import Network, allowed_networks
from hub.privacy.ledger import FILE as LEDGER
from hub.resolve.resolver import Resolver
from hub.settings import Config
from hub.work.metrics import Metrics

if TYPE_CHECKING:
    from hub.access.agreements import Agreements
    from hub.access.audit.chain import ChainReport
    from hub.access.authentication.authenticate import Gate
    from hub.access.authentication.codes import Codes
    from hub.access.authentication.own_sessions import OwnSessions
    from hub.access.authentication.own_sign_on import OwnSignOn
    from hub.access.figures import FigureDoor
    from hub.access.guidance import GuidanceDoor
    from hub.access.read import Reader
    from hub.access.relations import Relations
    from hub.access.tasks import TaskDoor
    from hub.access.timeline import Timeline
    from hub.delivery.watching import Watcher
    from hub.privacy.asks import Asks
    from hub.privacy.mine import Mine
    from hub.privacy.package import Packages
    from hub.privacy.requests import Requests
    from hub.resolve.logbook import Logbook
    from hub.resolve.own_side import OwnSide
    from hub.tasks.advice import Advice
    from hub.tasks.lists import Worklists


@dataclass(frozen=True)
class Hub:
    """Everything that a request needs. One per process.

    What few commands need is imported where it is first asked for: a pull of five rows is mostly imports.
    """

    database: Database
    config: Config
    resolver: Resolver
    audit: AuditLog
    key: bytes = field(repr=False)  # the secret
    metrics: Metrics = field(default_factory=Metrics)
    folder: Path = Path()
    networks: tuple[Network, ...] = ()  # beyond public ones: where webhooks may go

    @classmethod
    def open(cls, database: Database, config: Config, folder: Path, env: Mapping[str, str] | None = None) -> Hub:
        """A hub on this database; `folder` holds its secret and its audit file. ConfigError when the secret is unfit."""
        env = os.environ if env is None else env
        key, networks = hub_secret(folder, env), allowed_networks(env)
        audit = AuditLog(audit_path(folder), derive(key, "audit"))
        resolver = Resolver(database, config, derive(key, "suppression"))
        return cls(database, config, resolver, audit, key, folder=folder, networks=networks)

    def with_config(self, config: Config) -> Hub:
        """This hub by another configuration: the same database, audit file, secret and figures."""
        return replace(self, config=config, resolver=Resolver(self.database, config, self.resolver.suppression_key))

    @cached_property
    def reader(self) -> Reader:
        """The one door to customer data."""
        from hub.access.read import Reader

        return Reader(self.database, self.config, self.audit, self.key)

    @cached_property
    def gate(self) -> Gate:
        """Who may come in."""
        from hub.access.authentication.authenticate import Gate

        return Gate(self.database, self.config, self.key)

    @cached_property
    def codes(self) -> Codes:
        """How customers sign in by a code."""
        from hub.access.authentication.codes import Codes  # here: commands send none

        return Codes(self.reader, self.own_sessions, derive(self.key, "codes"), self.folder)

    @cached_property
    def own_sessions(self) -> OwnSessions:
        """Sessions of customers."""
        from hub.access.authentication.own_sessions import OwnSessions

        return OwnSessions(self.reader, self.gate.sessions)

    @cached_property
    def own_sign_on(self) -> OwnSignOn | None:
        """How customers sign in at their company's OpenID provider; None: at none."""
        from hub.access.authentication.own_sign_on import own_sign_on

        return own_sign_on(self.own_sessions, derive(self.key, "tickets of customers"))

    @cached_property
    def timeline(self) -> Timeline:
        """What happened with customers."""
        from hub.access.timeline import Timeline

        return Timeline(self.reader)

    @cached_property
    def watcher(self) -> Watcher:
        """Wakes those who wait for changes."""
        from hub.delivery.watching import Watcher

        return Watcher(self.database)

    @cached_property
    def figures(self) -> FigureDoor:
        """What customers are worth and what they cost."""
        from hub.access.figures import FigureDoor

        return FigureDoor(self.timeline, self.relations)

    @cached_property
    def tasks(self) -> TaskDoor:
        """What is to be done."""
        from hub.access.tasks import TaskDoor

        return TaskDoor(self.timeline)

    @cached_property
    def guidance(self) -> GuidanceDoor:
        """What to say about a topic."""
        from hub.access.guidance import GuidanceDoor

        return GuidanceDoor(self.figures)

    @cached_property
    def advice(self) -> Advice:
        """Keeps which guidance was given."""
        from hub.tasks.advice import Advice

        return Advice(self.logbook)

    @cached_property
    def worklists(self) -> Worklists:
        """Working on what is to be done."""
        from hub.tasks.lists import Worklists

        return Worklists(self.database, self.config)

    @cached_property
    def relations(self) -> Relations:
        """How customers belong together."""
        from hub.access.relations import Relations

        return Relations(self.reader)

    @cached_property
    def agreements(self) -> Agreements:
        """What customers agreed to."""
        from hub.access.agreements import Agreements

        return Agreements(self.reader)

    @cached_property
    def logbook(self) -> Logbook:
        """What staff write down."""
        from hub.resolve.logbook import Logbook

        return Logbook(self.resolver)

    @cached_property
    def own_side(self) -> OwnSide:
        """What customers say of themselves."""
        from hub.resolve.own_side import OwnSide

        return OwnSide(self.resolver)

    @cached_property
    def requests(self) -> Requests:
        """What people ask about their data."""
        from hub.privacy.requests import Requests

        return Requests(self.resolver, self.reader, self.folder, derive(self.key, "requests"))

    @cached_property
    def packages(self) -> Packages:
        """What people are given of their own data."""
        from hub.privacy.package import Packages

        return Packages(self.reader, self.timeline, self.agreements, self.relations)

    @cached_property
    def asks(self) -> Asks:
        """What companies ask of customers."""
        from hub.privacy.asks import Asks

        return Asks(self.reader, self.logbook, derive(self.key, "asks"))

    @cached_property
    def mine(self) -> Mine:
        """What customers see of themselves, and do."""
        from hub.privacy.mine import Mine

        return Mine(self.reader, self.agreements, self.own_side, self.logbook, self.requests, self.packages)

    def erase_again(self) -> int:
        """After a restore: who was erased since is erased again. How many erasures."""
        if not (self.folder / LEDGER).exists():
            return 0
        from hub.privacy.restored import replay

        return replay(self.resolver, self.reader, self.requests.ledger)

    def close(self) -> None:
        if "watcher" in self.__dict__:
            self.watcher.close()
        if "codes" in self.__dict__:
            self.codes.close()
        self.audit.close()


def audit_path(folder: Path) -> Path:
    return folder / "audit.jsonl"


def audit_chain(folder: Path, env: Mapping[str, str] | None = None, against: Path | None = None) -> ChainReport:
    """Whether the audit file of the hub in `folder` is as it was written, under this secret and those of before.
    `against`: checkpoints that were kept elsewhere."""
    from hub.access.audit.chain import ChainReport, read_checkpoints, verify_chain

    keys = [derive(s, "audit") for s in (hub_secret(folder, env), *former_secrets(folder, env))]
    kept, forged = read_checkpoints(against, keys) if against else ([], 0)
    if forged:
        return ChainReport(0, f"{forged} checkpoints in {against} were not signed by this hub")
    return verify_chain(audit_path(folder), keys[0], keys[1:], kept)
