"""Configuration: secrets and URLs from the environment, meaning from `config/*.yaml`.

Everything is typed, frozen and forbids unknown keys. `load` reports every fault at once, each
with file, key and remedy. Kinds of sources are known once hub.connectors.registry is imported.
"""

from hub.settings.access import Access, CallerRules, Permission, Role
from hub.settings.base import ADDED, Strict, duration_micros, recipe_dump
from hub.settings.campaigns import Campaign, CampaignOffer, folded
from hub.settings.config import CLAIMED_KINDS, CONSENT, CONTACT, PROVED, SAID, SELF, STAFF, Config, own_streams
from hub.settings.customers import Attribute, CustomerType, Matching, Survivorship
from hub.settings.differences import differences
from hub.settings.drops import FileDrop
from hub.settings.expressions import compile_path
from hub.settings.figures import Figure, Figures, Segment, Tariff
from hub.settings.guidance import GuidanceCard
from hub.settings.interactions import InteractionType
from hub.settings.lists import Escalation, WorkList
from hub.settings.load import FOLDERS, load, load_access, load_customer_types, secret, source_of
from hub.settings.processes import Process, ProcessStart, ProcessStep
from hub.settings.purposes import Answering, Purpose, Purposes, QuietCustomers
from hub.settings.relations import RelationType
from hub.settings.schedule import schedule_seconds
from hub.settings.sign_in import (
    Client,
    CustomerProvider,
    CustomerSignIn,
    IdentityProvider,
    OpenIdProvider,
    RecordClaim,
    Sender,
    SignIn,
)
from hub.settings.sources import (
    SORTS,
    SOURCES,
    Connection,
    Owner,
    Sort,
    Source,
    Stream,
    Trust,
    WriteBack,
    source_of_kind,
)
from hub.settings.working_time import WorkingHours

__all__ = [
    "ADDED",
    "CLAIMED_KINDS",
    "CONSENT",
    "CONTACT",
    "FOLDERS",
    "PROVED",
    "SAID",
    "SELF",
    "SORTS",
    "SOURCES",
    "STAFF",
    "Access",
    "Answering",
    "Attribute",
    "CallerRules",
    "Campaign",
    "CampaignOffer",
    "Client",
    "Config",
    "Connection",
    "CustomerProvider",
    "CustomerSignIn",
    "CustomerType",
    "Escalation",
    "Figure",
    "Figures",
    "FileDrop",
    "GuidanceCard",
    "IdentityProvider",
    "InteractionType",
    "Matching",
    "OpenIdProvider",
    "Owner",
    "Permission",
    "Process",
    "ProcessStart",
    "ProcessStep",
    "Purpose",
    "Purposes",
    "QuietCustomers",
    "RecordClaim",
    "RelationType",
    "Role",
    "Segment",
    "Sender",
    "SignIn",
    "Sort",
    "Source",
    "Stream",
    "Strict",
    "Survivorship",
    "Tariff",
    "Trust",
    "WorkList",
    "WorkingHours",
    "WriteBack",
    "compile_path",
    "differences",
    "duration_micros",
    "folded",
    "load",
    "load_access",
    "load_customer_types",
    "own_streams",
    "recipe_dump",
    "schedule_seconds",
    "secret",
    "source_of",
    "source_of_kind",
]
