"""The way to a relay in single steps, for whoever wants to know which of them fails."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time

from tacit.net.dialing import connect_to, why_not
from tacit.net.errors import ConnectTimeout, NameNotFound
from tacit.net.links import Target
from tacit.net.proxies import Proxy


async def addresses_of(target: Target, *, timeout_s: float) -> list[str]:
    """The addresses that the name stands for, each once. Raises ``NameNotFound``."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise NameNotFound(target.host) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def reach(target: Target, *, timeout_s: float, proxy: Proxy | None = None) -> float:
    """Connect, through a proxy if there is one, without saying anything, and hang up; the seconds that took.

    Raises one of the ``Unreachable`` family, or what a proxy is to blame for.
    """
    where, began = f"{target.host}:{target.port}", time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            (await connect_to(target, proxy)).close()
    except TimeoutError:
        raise ConnectTimeout(where) from None
    except (OSError, ValueError) as error:
        raise why_not(error)(where) from error
    return time.monotonic() - began


def tls_library() -> str:
    """The library that does TLS here, and its version."""
    return ssl.OPENSSL_VERSION
