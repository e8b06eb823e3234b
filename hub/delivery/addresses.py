"""Where webhooks may go: to public addresses, and to networks that the operator named. Asked at save and at each connect.

A name is resolved once, every address that it has is looked at, and the connection goes to the address that was looked
at: a name that answers otherwise the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.errors import ConfigError, Fault, Unprocessable

VARIABLE = "HUB_WEBHOOK_NETWORKS"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint and the address at which it is reached."""

    url: str
    host: str
    address: str


def allowed_networks(env: Mapping[str, str]) -> tuple[Network, ...]:
    """Networks beyond the public ones, of `HUB_WEBHOOK_NETWORKS` (such as 10.0.0.0/8,127.0.0.0/8)."""
    try:
        return tuple(ipaddress.ip_network(n.strip()) for n in env.get(VARIABLE, "").split(",") if n.strip())
    except ValueError as error:
        raise ConfigError([Fault(VARIABLE, str(error), "write networks such as 10.0.0.0/8,127.0.0.0/8")]) from None


def resolved(host: str, port: int) -> Sequence[str]:
    return list(dict.fromkeys(str(i[4][0]) for i in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def place_of(url: str, networks: Sequence[Network], resolve: Resolve = resolved) -> Place:
    """Where a URL leads. Unprocessable when that is nowhere that webhooks may go; OSError when the name is not known."""
    try:
        url.encode()  # half a character is none of a URL
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("is no URL", "such as https://example.com/hooks") from None
    if parts.scheme not in ("https", "http") or not host:
        raise _refused("must begin with https://", "such as https://example.com/hooks")
    if parts.username is not None or parts.password is not None:
        raise _refused("holds a name or a password", "webhooks are signed: leave them out")
    if parts.fragment:
        raise _refused("holds a fragment", "leave out what follows the #")
    try:
        host.encode("idna")
    except UnicodeError:
        raise _refused(
            "names no host that there can be", "correct the name: no part of it empty or of over 63 letters"
        ) from None
    addresses = [ipaddress.ip_address(a.partition("%")[0]) for a in resolve(host, port)]
    named = [any(a in n for n in networks if n.version == a.version) for a in addresses]
    if not addresses or not all(n or _public(a) for n, a in zip(named, addresses, strict=True)):
        raise _refused("leads to an address that is not public", f"an operator can allow its network in {VARIABLE}")
    if parts.scheme == "http" and not all(named):
        raise _refused("is not encrypted", "use https://")
    return Place(url, host, str(addresses[0]))


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in n for n in NAT64):
            return False
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _refused(what: str, remedy: str) -> Unprocessable:
    return Unprocessable("webhooks cannot go there", [Fault("/url", what, remedy)])
