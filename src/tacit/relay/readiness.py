"""Whether this relay can take messages and keep them now; what it says to load balancers, watchdogs and operators.

Reasons are codes, the same as in refusals where there is one. Whether the disk takes a write is not concluded but
tried: on a quiet relay nothing else would notice that it no longer does, or does again. It is tried whether or not
somebody has just written, or how long the answer takes would tell of that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tacit.errors import RelayError
from tacit.limits import MAX_FRAME_BYTES
from tacit.relay.store.maintenance import touch
from tacit.wire.errors import StorageFailed, StorageFull

if TYPE_CHECKING:
    from tacit.relay.context import Context

FRESH_S: Final = 5.0
"""A try that succeeded is good for so long."""

WRITE_TIMEOUT_S: Final = 3.0
"""A disk that takes longer is one to look after."""

NEEDED_BYTES: Final = 2 * MAX_FRAME_BYTES
"""Free on the disk: room for the largest entry, in the write-ahead log and then in the store. With less, small entries
may still find a place that was used before, but not every entry does."""

STOPPING: Final = "shutting-down"
NOT_LISTENING: Final = "not-listening"
STORAGE_SLOW: Final = "storage-slow"


class Readiness:
    """Asks one relay."""

    def __init__(self, context: Context, is_listening: Callable[[], bool]) -> None:
        self._context = context
        self._is_listening = is_listening
        self._trying: asyncio.Task[str] | None = None
        self._written_at_s = float("-inf")
        self.reasons: tuple[str, ...] = ()
        """Why it was not ready when it was asked last; empty when it was."""

    async def check(self) -> tuple[str, ...]:
        """Why the relay is not ready; empty when it is."""
        disk = await self._disk()
        self.reasons = tuple([reason for reason in (self._door(), disk) if reason])
        return self.reasons

    def close(self) -> None:
        """Give up what is being tried."""
        if self._trying is not None:
            self._trying.cancel()

    def _door(self) -> str:
        if self._context.stopping:
            return STOPPING
        return "" if self._is_listening() else NOT_LISTENING

    async def _disk(self) -> str:
        """What a try on the disk came to; there is one at a time, so that those who ask do not pile up behind it."""
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(self._try_disk())
        trying = self._trying
        await asyncio.wait({trying}, timeout=WRITE_TIMEOUT_S)
        return trying.result() if trying.done() else STORAGE_SLOW

    async def _try_disk(self) -> str:
        metrics, folder = self._context.metrics, self._context.config.data_dir
        try:
            if folder is not None and await _free_bytes(folder) < NEEDED_BYTES:
                return StorageFull.code
            if metrics.last_failure or metrics.monotonic_s() - self._written_at_s > FRESH_S:
                await self._context.store.change(touch)
                self._written_at_s = metrics.monotonic_s()
        except RelayError as refusal:
            return refusal.code
        except OSError:
            return StorageFailed.code
        return ""


async def _free_bytes(folder: Path) -> int:
    try:
        disk = await asyncio.to_thread(os.statvfs, folder)
    except RuntimeError:  # no thread can be started: that is about memory, and the disk is asked without one
        disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
