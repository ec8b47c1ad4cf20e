"""Figures that are not counted in passing: how many are there, what waits, what the disk holds.

``watch`` tells the metrics how to read the first two at any moment; ``measure`` asks the store and the file system, off
the event loop, and remembers. A disk that does not answer leaves the last figures in place.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.errors import RelayError
from tacit.relay.metrics import Measured
from tacit.relay.store.database import FILE_NAME

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
    )
    sources.sizes.update(
        write_queue_bytes=lambda: context.store.queued_bytes,
        send_queue_bytes=lambda: sum(connection.outgoing.queued_bytes for connection in connections()),
    )
    sources.states.update(
        stopping=lambda: context.stopping,
        registrations_paused=lambda: bool(context.resources.low),
        restoring=lambda: context.store.waits_until > context.now_s(),
    )
    return int(accounts), {"held_bytes": int(held_bytes), "store_unused_bytes": page_bytes * free_pages}
