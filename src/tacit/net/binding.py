"""Taking a port to listen on, and leaving some descriptors to the rest of the program."""

from __future__ import annotations

import asyncio
import resource
import socket
from typing import Any, Final, cast

from tacit.net.errors import CannotListen

BACKLOG: Final = 1_024
"""Connections that may wait to be accepted, for the storm after a restart."""

RESERVED_DESCRIPTORS: Final = 32
"""Open files that connections of strangers may not take: for the store, the certificate when it is renewed, the control
sockets and monitoring. Of a small allowance, a quarter."""


def is_reserved(descriptor: int) -> bool:
    """Whether a new connection has one of the last descriptors: a system gives out the lowest that is free."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most != resource.RLIM_INFINITY and descriptor >= most - min(RESERVED_DESCRIPTORS, most // 4)


async def bind(host: str, port: int) -> socket.socket:
    """One listening socket; an empty host means every address of both families, a name takes its first address.

    Raises ``CannotListen``.
    """
    try:
        return await _bind(host, port)
    except (OSError, OverflowError) as error:
        raise CannotListen(f"{host or '*'}:{port}") from error


async def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        # getaddrinfo would wrap it round and take another port than the one asked for.
        raise OverflowError("no such port")
    if not host:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server(cast(Any, address), family=family, backlog=BACKLOG)


async def can_listen(host: str, port: int) -> bool:
    """Whether a listener could take the port now; by the time it tries, somebody else may have."""
    try:
        taken = await bind(host, port)
    except CannotListen:
        return False
    taken.close()
    return True
