"""Tells a service manager how this process stands: one datagram to the socket that it named, or nothing without one.

The protocol is systemd's, which other managers speak too: lines of NAME=value to a Unix datagram socket whose path
stands in NOTIFY_SOCKET; a path that begins with @ is in the abstract namespace.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(environment: Mapping[str, str], *lines: str) -> bool:
    """Send lines to the service manager; False when there is none, or when it does not listen."""
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        # A manager that is busy must not hold up a relay that works.
        sender.setblocking(False)
        with suppress(OSError):
            sender.sendto("\n".join(lines).encode(), address)
            return True
    return False


def watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Within how many seconds this process must say that it is alive; None when nobody asked."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        within_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000
    except ValueError:
        return None
    return within_s if within_s > 0 else None


@asynccontextmanager
async def told_to_the_manager(environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Say that this process is ready, while the block lasts that it is alive if anybody asked, then that it stops."""
    notify(environment, READY)
    within_s = watchdog_s(environment, os.getpid())
    telling = asyncio.create_task(_keep_telling(environment, within_s)) if within_s else None
    try:
        yield
    finally:
        if telling is not None:
            telling.cancel()
        notify(environment, STOPPING)


async def _keep_telling(environment: Mapping[str, str], within_s: float) -> None:
    """Say for ever that this event loop turns, twice in the time that is allowed."""
    while True:
        notify(environment, ALIVE)
        await asyncio.sleep(within_s / 2)
