"""`sign_in:` of `config/access.yaml`: how people and systems show who they are. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hub.errors import Fault
from hub.settings.base import Strict, duration_micros

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _duration(text: str) -> str:
    duration_micros(text)
    return text


Duration = Annotated[str, AfterValidator(_duration)]


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class Client(Strict):
    """A system that shows tokens of the provider (client credentials) instead of a key."""

    role: str  # what it sees and may do
    source: str | None = None  # the one source whose records it may write


class IdentityProvider(Strict):
    """Where people sign in by OpenID Connect."""

    issuer: str  # its address, as its discovery document names it
    client_id: str  # what the hub is called there
    client_secret_env: str | None = None  # variable that holds the hub's secret there; _FILE names a file
    scopes: tuple[str, ...] = ("openid", "profile", "email")  # what is asked for; groups may need one of their own
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")  # of signatures; no other is looked at


class OpenIdProvider(IdentityProvider):
    """Where staff sign in, and which systems show tokens of it."""

    groups: str = "groups"  # the claim that lists somebody's groups
    roles: dict[str, str] = Field(default_factory=dict)  # group -> role; who has several roles chooses one
    audience: str = ""  # what tokens of systems must be for; empty: none is taken
    clients: dict[str, Client] = Field(default_factory=dict)  # client id -> what that system may


class RecordClaim(Strict):
    """A claim that is the key of a record: what the provider says of it is believed, and of contact points is not asked."""

    claim: str  # its name, such as customer_no
    source: str  # whose key it is
    stream: str


class CustomerProvider(IdentityProvider):
    """Where customers sign in. Its e-mail address or telephone number counts where it says that it checked it."""

    scopes: tuple[str, ...] = ("openid", "email", "phone")  # what is asked for; a claim may need one of its own
    record: RecordClaim | None = None  # who has this claim is the customer of that record


class Sender(Strict):
    """How codes leave: by a mail server, or (to try it) into a file."""

    smtp: str = ""  # host:port of a mail server
    tls: Literal["none", "starttls", "tls"] = "starttls"  # none: on loopback only
    sender: str = ""  # the address that mails come from, such as hub@example.com
    user: str = ""  # signs in there
    password_env: str = ""  # variable that holds its password; _FILE names a file
    file: str = ""  # instead: a file in the hub's folder that each message is added to

    @model_validator(mode="after")
    def _one_way(self) -> Sender:
        if bool(self.smtp) == bool(self.file):
            raise ValueError("says neither smtp: host:port nor file: NAME, or both; give one")
        host, _, port = self.smtp.rpartition(":")
        if self.smtp and not (host and port.isdigit() and self.sender):
            raise ValueError("smtp is host:port, such as mail.example.com:587, and needs sender: an address")
        if self.smtp and self.tls == "none" and host not in LOOPBACK:
            raise ValueError("tls: none is for a mail server on this machine; write starttls or tls")
        if self.file and "/" in self.file:
            raise ValueError("file is a name without a folder: it is in the hub's folder")
        return self


OF_THEMSELVES = {"own", "crosswalk", "explain"}


class CustomerSignIn(Strict):
    """How customers sign in to their own data: by a code to a contact point that is known to be theirs, or elsewhere."""

    role: str = "self"  # what they see of themselves; it may own, crosswalk, explain, and nothing else
    email: Sender | None = None  # how codes are sent to e-mail addresses; unset: none is
    phone: Sender | None = None  # and to telephone numbers
    country: str | None = None  # of numbers that name none, such as DE
    held: Duration = "30d"  # for so long a contact point must have been known, by a source that checks it
    good: Duration = "10m"  # for so long a code is
    tries: int = Field(default=3, ge=1, le=10)  # wrong ones before a code is void
    codes: int = Field(default=5, ge=1, le=100)  # in an hour to one contact point; more are not sent
    oidc: CustomerProvider | None = None  # they sign in there, beside or instead of codes; needs sign_in.url


class SignIn(Strict):
    """How people sign in, and for how long."""

    idle: Duration = "30m"  # a session ends when nothing was asked in it for this long
    longest: Duration = "12h"  # and at the latest after this
    set_up: Duration = "3d"  # how long the one-time token of a new account is good for
    shortest_password: int = Field(default=12, ge=8, le=128)  # characters; which ones is nobody's business
    tries: int = Field(default=5, ge=1, le=100)  # wrong ones in a row before a name waits; each further one doubles it
    requests: int = Field(default=60, ge=1)  # to sign in or set up, in a minute from one address
    wait: Duration = "1m"  # the first wait; an hour is the longest
    url: str = ""  # the hub's own address as browsers know it, such as https://hub.example.com; both oidc need it
    oidc: OpenIdProvider | None = None  # staff sign in there, beside those with a password here
    people: CustomerSignIn | None = None  # customers sign in to their own data; unset: they do not


def sign_in_faults(
    given: SignIn, roles: Mapping[str, Collection[str]], streams: Mapping[str, Collection[str]], where: str
) -> Iterator[Fault]:
    """What cannot be as it says. `roles`: what each may; `streams`: of each source those of customers; `where`: the file."""
    where, people = f"{where}: sign_in", given.people
    if people is not None:
        yield from _people_faults(people, roles, streams, f"{where}.people")
    own = people.oidc if people is not None else None
    providers: dict[str, IdentityProvider | None] = {"oidc": given.oidc, "people.oidc": own}
    asked = {f"{key}.issuer": provider.issuer for key, provider in providers.items() if provider is not None}
    for key, address in ({"url": given.url} | asked if asked else {}).items():
        if not _fit(address):
            yield Fault(f"{where}.{key}", "is no https address", "write https://...; http only on loopback")
    if given.oidc is not None:
        yield from _staff_faults(given.oidc, roles, streams, f"{where}.oidc")


def _people_faults(
    people: CustomerSignIn, roles: Mapping[str, Collection[str]], streams: Mapping[str, Collection[str]], where: str
) -> Iterator[Fault]:
    if people.role not in roles:
        yield Fault(f"{where}.role", f"unknown role '{people.role}'", f"known: {', '.join(sorted(roles))}")
    elif not {"own"} <= set(roles[people.role]) <= OF_THEMSELVES:
        told = f"write may: [own, crosswalk, explain] for {people.role}"
        yield Fault(f"{where}.role", "may not what customers may of themselves, or more", told)
    named = people.oidc.record if people.oidc is not None else None
    if named is not None and named.source not in streams:
        told = f"known: {', '.join(streams)}"
        yield Fault(f"{where}.oidc.record.source", f"unknown source '{named.source}'", told)
    elif named is not None and named.stream not in streams[named.source]:
        told = f"streams of customers of {named.source}: {', '.join(streams[named.source])}"
        yield Fault(f"{where}.oidc.record.stream", f"unknown stream '{named.stream}'", told)


def _staff_faults(
    provider: OpenIdProvider, roles: Mapping[str, Collection[str]], sources: Collection[str], where: str
) -> Iterator[Fault]:
    known = f"known: {', '.join(sorted(roles))}"
    named = {f"roles.{group}": role for group, role in provider.roles.items()}
    named |= {f"clients.{client}.role": of.role for client, of in provider.clients.items()}
    for key, role in named.items():
        if role not in roles:
            yield Fault(f"{where}.{key}", f"unknown role '{role}'", known)
    for client, of in provider.clients.items():
        if of.source is not None and of.source not in sources:
            told = f"known: {', '.join(sources)}"
            yield Fault(f"{where}.clients.{client}.source", f"unknown source '{of.source}'", told)
    if provider.clients and not provider.audience:
        yield Fault(f"{where}.audience", "is missing", "what the provider puts into aud of tokens for the hub")
    if provider.audience == provider.client_id:
        yield Fault(f"{where}.audience", "is the client_id", "ID tokens of people carry that: name another audience")


def _fit(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
