"""How long one connection is not read: whoever asks for more than it may waits, which costs less than to refuse it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tacit.clock import Clock

LOOK_S: Final = 1.0
"""How long somebody who has to wait may be gone before that is seen."""


class Pause:
    """The one of a connection."""

    __slots__ = ("_clock", "_sleeping")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleeping: asyncio.Future[None] | None = None

    async def wait(self, wait_s: float, is_over: Callable[[], bool]) -> None:
        """Let so much time pass, or less if it is over before: then there is nothing to be waited for any more."""
        until_s = self._clock.monotonic_s() + wait_s
        try:
            while not is_over() and (left_s := until_s - self._clock.monotonic_s()) > 0:
                self._sleeping = asyncio.ensure_future(self._clock.sleep(min(left_s, LOOK_S)))
                await asyncio.wait({self._sleeping})
        finally:
            self.look()
            self._sleeping = None

    def look(self) -> None:
        """Look at once whether it is over."""
        if self._sleeping is not None:
            self._sleeping.cancel()
