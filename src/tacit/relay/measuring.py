"""Figures that are not counted in passing: how many are there, what waits, what the disk holds.

``watch`` tells the metrics how to read the first two at any moment; ``measure`` asks the store and the file system, off
the event loop, and remembers. A disk that does not answer leaves the last figures in place.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.errors import RelayError
from tacit.relay.metrics import Measured
from tacit.relay.store.database import FILE_NAME
from tacit.relay.store.maintenance import contents, files

if TYPE_CHECKING:
    from tacit.relay.connection import Connection
    from tacit.relay.context import Context

MEASURE_EVERY_S: Final = 10.0
"""Whoever asks more often gets what was found last."""

MEASURE_TIMEOUT_S: Final = 2.0
"""How long the disk may take; monitoring must answer when it hangs."""


def watch(context: Context, connections: Callable[[], Collection[Connection]]) -> None:
    """Tell the metrics of a relay where to read what changes all the time."""
    sources = context.metrics.sources
    sources.deeds.update(deliveries=lambda: context.hub.handed, turned_away=lambda: context.addresses.turned_away)
    sources.crowds.update(
        connections=lambda: len(connections()),
        sessions=lambda: len(context.sessions),
        strangers=lambda: len(context.strangers),
        rendezvous=lambda: len(context.meetings),
    )
    sources.crowds_by.update(transport_connections=lambda: _by_transport(context, connections()))
    sources.sizes.update(
        write_queue_bytes=lambda: context.store.queued_bytes,
        send_queue_bytes=lambda: sum(connection.outgoing.queued_bytes for connection in connections()),
    )
    sources.states.update(
        stopping=lambda: context.stopping,
        registrations_paused=lambda: bool(context.resources.low),
        codes_alarm=lambda: context.phones.codes.alarmed,
        restoring=lambda: context.store.waits_until > context.now_s(),
    )


def _by_transport(context: Context, connections: Collection[Connection]) -> dict[str, int]:
    """How many connections each transport carries, those included that are served and carry none."""
    return dict.fromkeys(context.config.ports, 0) | Counter(connection.transport for connection in connections)


async def measure(context: Context) -> None:
    """Bring what the store, its disk and the kernel tell up to date, if it is not fresh."""
    found, now_s = context.metrics.measured, context.metrics.monotonic_s()
    if now_s - found.at_s < MEASURE_EVERY_S:
        return
    found.at_s = now_s
    _measure_process(found)
    with suppress(RelayError, OSError, TimeoutError, RuntimeError):  # the last where no thread can be started any more
        async with asyncio.timeout(MEASURE_TIMEOUT_S):
            if context.config.data_dir is not None:
                found.sizes |= asdict(await asyncio.to_thread(files, context.config.data_dir / FILE_NAME))
            found.crowds["accounts"], sizes = await context.store.query(contents)
            found.sizes |= sizes


def _measure_process(found: Measured) -> None:
    """What the kernel knows of this process; where it has no such books, less."""
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    found.exact["cpu_seconds_total"] = int(sum(os.times()[:2]))
    found.exact["max_open_files"] = most_files
    try:
        found.crowds["open_files"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError as error:
        if error.errno == errno.EMFILE:
            found.crowds["open_files"] = most_files
        return
    found.sizes["memory_bytes"] = pages * resource.getpagesize()
