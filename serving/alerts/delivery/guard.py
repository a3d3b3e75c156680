"""Where a webhook may go: the check against requests into one's own network (SSRF).

An address is checked as text, its name is resolved once, every IP is checked, and the connection
goes to a checked IP (``wire``), so that a name cannot change in between. Metadata services of
clouds are out of reach whatever the allow-list says.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from serving.alerts.delivery.errors import BlockedAddressError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

PORTS: Final = frozenset({443, 8443})
MAX_URL_CHARS: Final = 2048
# Metadata: AWS, Azure, GCP; Tencent; AWS over IPv6; Alibaba; Azure's wire server.
METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.0.23", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"),
    )
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_NAT64_LOCAL: Final = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215
_TRANSLATED: Final = ipaddress.ip_network("::ffff:0:0:0/96")  # RFC 2765
_COMPATIBLE: Final = ipaddress.ip_network("::/96")  # RFC 4291, deprecated
_NAME: Final = re.compile(r"(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_-]{1,63})*\.?")
_NUMBER_LABEL: Final = re.compile(r"(0x[0-9a-f]*|\d+)")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A checked address; ``path`` with its query may be secret and is not shown."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """Internal receivers that a person allowed: host, host:port, or network in CIDR form."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowList:
        """The list. Raises: BlockedAddressError for an entry that is none of the three."""
        hosts: set[tuple[str, int | None]] = set()
        networks = []
        for entry in entries:
            if "/" in entry:
                networks.append(_network(entry))
            else:
                hosts.add(_host_port(entry))
        return cls(hosts=frozenset(hosts), networks=tuple(networks))

    def has_host(self, host: str, port: int) -> bool:
        """Whether the name itself is allowed, on this port or any."""
        return (host, port) in self.hosts or (host, None) in self.hosts

    def has_address(self, address: IpAddress) -> bool:
        """Whether a network of the list holds the address."""
        return any(address in network for network in self.networks)


def check_url(url: str, allowed: AllowList, resolve: Resolve | None = None) -> Target:
    """The address, resolved once, with every IP checked.

    Raises:
        BlockedAddressError: it is not https to a public host on port 443 or 8443, and not allowed.
        OSError: the name cannot be resolved now.
    """
    parts = _split(url)
    host = _host(parts)
    port = _port(parts)
    listed = allowed.has_host(host, port)
    addresses = [_address(text) for text in (resolve or resolve_name)(host, port)]
    internal = listed or (bool(addresses) and all(map(allowed.has_address, addresses)))
    if not internal and (parts.scheme != "https" or port not in PORTS):
        raise _blocked("https on port 443 or 8443", f"{parts.scheme} on port {port}")
    for address in addresses:
        if _is_metadata(address) or not (internal or is_public(address)):
            raise _blocked("a public address", f"one that {host} must not lead to")
    if not addresses:
        raise OSError(f"{host} has no address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        scheme=parts.scheme, host=host, port=port, path=path, addresses=tuple(map(str, addresses))
    )


def resolve_name(host: str, port: int) -> list[str]:
    """Every IP of a name, IPv4 first. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique = dict.fromkeys(str(one[4][0]) for one in found)
    return sorted(unique, key=lambda text: ":" in text)


def is_public(address: IpAddress) -> bool:
    """Whether the address, and any IPv4 address inside it, belongs to the public internet."""
    return all(
        one.is_global
        and not (one.is_multicast or one.is_reserved or one.is_unspecified or one.is_loopback)
        and not getattr(one, "is_site_local", False)
        and one not in METADATA
        for one in _forms(address)
    )


def _is_metadata(address: IpAddress) -> bool:
    return any(one in METADATA for one in _forms(address))


def _forms(address: IpAddress) -> list[IpAddress]:
    """The address and the IPv4 addresses that gateways would make of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner: list[IpAddress | None] = [address.ipv4_mapped, address.sixtofour]
    inner += list(address.teredo or ())
    if any(address in net for net in (_NAT64, _NAT64_LOCAL, _TRANSLATED, _COMPATIBLE)):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    found = [one for one in inner if one is not None]
    return found if address.ipv4_mapped else [address, *found]


def _split(url: str) -> SplitResult:
    plain = url.isascii() and not re.search(r"[\x00-\x20\x7f\\#]", url)
    if not plain or len(url) > MAX_URL_CHARS:
        raise _blocked("an address in ASCII without blanks, backslash or #", "something else")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _blocked("https://host/path", "something else") from None
    if parts.scheme not in ("https", "http"):
        raise _blocked("https", "another scheme")
    if "@" in parts.netloc:
        raise _blocked("an address without a user", "one with @")
    return parts


def _host(parts: SplitResult) -> str:
    """The host in lower case; numbers only as the usual four, names only of usual characters."""
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc:
        return str(_address(host))
    if not _NAME.fullmatch(host):
        raise _blocked("a host name", "something else")
    if _NUMBER_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return str(_address(host))
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _blocked("a port from 1 to 65535", "something else")
    return port or (443 if parts.scheme == "https" else 80)


def _address(text: str) -> IpAddress:
    if "%" in text:
        raise _blocked("an address without a zone", "one with %")
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise _blocked("an IP address in the usual form", "another form of number") from None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        raise _blocked("a network such as 10.1.2.0/24 in internal_receivers", repr(entry)) from None


def _host_port(entry: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{entry}")
        if parts.hostname and not parts.path and "@" not in entry:
            return parts.hostname.lower(), parts.port
    except ValueError:
        pass
    raise _blocked("host or host:port in internal_receivers", repr(entry))


def _blocked(expected: str, found: str) -> BlockedAddressError:
    return BlockedAddressError(
        f"webhook address: expected {expected}, found {found}; correct it, or name an internal "
        "receiver in alerts.internal_receivers"
    )
