"""Time as an argument: the only place that asks the machine what time it is.

Wall time stamps and expires things; monotonic time measures waits. Nothing is ever ordered by wall time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a shell asks for time; tests pass a clock that they move themselves."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait for ``delay_s`` seconds of this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait for ``delay_s`` seconds, letting other tasks run."""
        import asyncio

        await asyncio.sleep(delay_s)
