"""TCP and TLS 1.3 to a relay, for every transport that does not leave that to a library; and whose fault it was."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import aiohappyeyeballs

from tacit.errors import TransportError
from tacit.net.errors import (
    ConnectionRefused,
    ConnectTimeout,
    NameNotFound,
    NameNotVerified,
    NotARelay,
    Unreachable,
)
from tacit.net.links import Target
from tacit.net.proxies import Proxy, connect_through
from tacit.net.serving import CLOSE_TIMEOUT_S

NEXT_ADDRESS_S: Final = 0.25
"""When a relay's next address is tried beside the first. Source: RFC 8305 §5"""

_P = TypeVar("_P", bound=asyncio.Protocol)


async def connect_to(target: Target, proxy: Proxy | None = None) -> socket.socket:
    """A connection to whichever of a host's addresses answers first, or to the host through a proxy.

    Raises what ``open_tls`` does. Cancelling leaves no socket behind.
    """
    if proxy is not None:
        return await connect_through(proxy, target.host, target.port)
    addresses = await _addresses(target.host, target.port)
    # Not by the event loop: its race of addresses loses a connection that has just come about when it is cancelled.
    return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S)


async def open_tls(
    target: Target, make_protocol: Callable[[], _P], tls: ssl.SSLContext, proxy: Proxy | None = None
) -> _P:
    """Connect, through a proxy if there is one, and agree on TLS.

    Raises what sockets and TLS raise, of which ``why_not`` tells what it means, and what ``connect_through`` does.
    """
    connected = await connect_to(target, proxy)
    _, protocol = await asyncio.get_running_loop().create_connection(
        make_protocol,
        ssl=tls,
        sock=connected,
        server_hostname=target.host,
        ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
    )
    return protocol


def why_not(error: Exception) -> type[TransportError]:
    """Whose fault it was that no link came about, for a person."""
    match error:
        case ssl.SSLCertVerificationError():
            return NameNotVerified
        case ssl.SSLError():
            return NotARelay
        case socket.gaierror() | ValueError():
            return NameNotFound
        case TimeoutError():
            return ConnectTimeout
        case OSError(errno=errno.ECONNREFUSED):
            return ConnectionRefused
        case ConnectionError():
            return NotARelay
        case _:
            return Unreachable


async def _addresses(host: str, port: int) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    try:
        # What is an address already needs no thread that looks it up.
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
