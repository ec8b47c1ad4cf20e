"""Which address of this machine others can most likely reach, for links that are shown to people."""

from __future__ import annotations

import ipaddress
import socket

LOOPBACK = "127.0.0.1"

_ELSEWHERE = (
    (socket.AF_INET, ("192.0.2.1", 9)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)
"""Documentation addresses that belong to nobody: reaching for one makes the kernel choose our own. RFC 5737, 3849."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener at ``host``; an empty one means every address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def primary_address() -> str:
    """The address that this machine's default route leaves from, IPv4 before IPv6; ``127.0.0.1`` if there is none.

    Sends nothing: connecting a UDP socket only asks the routing table.
    """
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(elsewhere)
                address = ipaddress.ip_address(probe.getsockname()[0])
        except OSError:
            continue
        if not (address.is_unspecified or address.is_link_local or address.is_loopback):
            return str(address)
    return LOOPBACK


def own_name() -> str:
    """The full name of this machine, in small letters, if others may know it by one; else its address.

    May ask the network's name server.
    """
    for name in (socket.gethostname(), socket.getfqdn()):
        lowered = name.lower().rstrip(".")
        if "." in lowered and not lowered.endswith((".localdomain", ".arpa", ".local")):
            return lowered
    return primary_address()
