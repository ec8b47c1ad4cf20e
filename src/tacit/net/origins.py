"""Whom a connection comes from: the other end of the socket, or whom a proxy names that the operator trusts.

A header is believed from the proxies that the operator named, from nobody else, and only its last entry: that is what
the proxy itself has seen, everything before it came from outside. One header only, ``X-Forwarded-For``: a proxy sets or
extends the one it knows and passes every other one on as it came, so a relay that read two would believe strangers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

HEADER: Final = "X-Forwarded-For"


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks such as ``10.0.0.1 fd00::/8``, between spaces or commas. Raises ``ValueError``."""
    return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())


def read_address(text: str) -> Address | None:
    """An address without its zone, an IPv4 one that IPv6 wraps as what it is; nothing for what is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_among(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of these networks holds the address."""
    return any(address.version == network.version and address in network for network in networks)


class Origins:
    """Tells where connections come from; ``""`` where nobody can say."""

    __slots__ = ("_behind_proxy", "_trusted")

    def __init__(self, *, behind_proxy: bool = False, trusted: Iterable[Network] = ()) -> None:
        """Behind a proxy with nobody trusted no origin is known: the proxy's own address says nothing of its users."""
        self._behind_proxy = behind_proxy
        self._trusted = tuple(trusted)

    def of_socket(self, peer: str) -> str:
        """The origin, as far as the socket tells it."""
        if self._behind_proxy and (not self._trusted or self.trusts(peer)):
            return ""
        return peer

    def of_request(self, peer: str, forwarded: Sequence[str]) -> str:
        """The origin, with what stands in all lines of the header; the proxy itself where that names no address."""
        if not self.trusts(peer):
            return self.of_socket(peer)
        last = ",".join(forwarded).rpartition(",")[2].strip()
        found = read_address(last) or read_address(_without_port(last))
        return peer if found is None else str(found)

    def trusts(self, peer: str) -> bool:
        """Whether what this peer says of others is believed."""
        address = read_address(peer)
        return self._behind_proxy and address is not None and is_among(address, self._trusted)


def _without_port(text: str) -> str:
    """The address of ``1.2.3.4:5`` or ``[fd00::1]:5``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


DIRECT: Final = Origins()
"""Without a proxy."""
