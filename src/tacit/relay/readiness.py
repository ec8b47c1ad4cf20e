"""Whether this relay can take messages and keep them now; what it says to load balancers, watchdogs and operators.

Reasons are codes, the same as in refusals where there is one. Whether the disk takes a write is not concluded but
tried, unless one has just succeeded: on a quiet relay nothing else would notice that it no longer does, or does again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tacit.errors import RelayError

if TYPE_CHECKING:
    from tacit.relay.context import Context

FRESH_S: Final = 5.0
"""A write that is no older proves that the next will do."""

WRITE_TIMEOUT_S: Final = 3.0
"""A disk that takes longer is one to look after."""

STOPPING: Final = "shutting-down"
NOT_LISTENING: Final = "not-listening"
STORAGE_SLOW: Final = "storage-slow"


class Readiness:
    """Asks one relay."""

    def __init__(self, context: Context, is_listening: Callable[[], bool]) -> None:
        self._context = context
        self._is_listening = is_listening
        self._asking = asyncio.Lock()
        self.reasons: tuple[str, ...] = ()
        """Why it was not ready when it was asked last; empty when it was."""

    async def check(self) -> tuple[str, ...]:
        """Why the relay is not ready; empty when it is."""
        async with self._asking:
            self.reasons = tuple([reason for reason in (self._door(), await self._disk()) if reason])
        return self.reasons

    def _door(self) -> str:
        if self._context.stopping:
            return STOPPING
        return "" if self._is_listening() else NOT_LISTENING

    async def _disk(self) -> str:
        metrics = self._context.metrics
        if not metrics.last_failure and metrics.monotonic_s() - metrics.written_at_s < FRESH_S:
            return ""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._context.store.change(_touch)
        except RelayError as refusal:
            return refusal.code
        except TimeoutError:
            return STORAGE_SLOW
        return ""


def _touch(db: sqlite3.Connection) -> None:
    """Change nothing, but so that it has to be written."""
    db.execute("UPDATE relay SET incarnation = incarnation")
