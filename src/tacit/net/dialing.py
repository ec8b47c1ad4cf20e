"""TCP and TLS 1.3 to a relay, for every transport that does not leave that to a library; and whose fault it was."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, TypeVar

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


async def open_tls(
    target: Target, make_protocol: Callable[[], _P], tls: ssl.SSLContext, proxy: Proxy | None = None
) -> _P:
    """Connect, through a proxy if there is one, and agree on TLS.

    Raises what sockets and TLS raise, of which ``why_not`` tells what it means, and what ``connect_through`` does.
    """
    loop = asyncio.get_running_loop()
    if proxy is not None:
        connected = await connect_through(proxy, target.host, target.port)
        _, protocol = await loop.create_connection(
            make_protocol,
            ssl=tls,
            sock=connected,
            server_hostname=target.host,
            ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
        )
        return protocol
    # Other loops try one address after the other.
    hurry: dict[str, Any] = {"happy_eyeballs_delay": NEXT_ADDRESS_S} if isinstance(loop, asyncio.BaseEventLoop) else {}
    _, protocol = await loop.create_connection(
        make_protocol,
        target.host,
        target.port,
        ssl=tls,
        server_hostname=target.host,
        ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
        **hurry,
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
