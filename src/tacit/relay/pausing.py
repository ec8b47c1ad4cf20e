"""How long one connection is not read: whoever asks for more than it may waits, which costs less than to refuse it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tacit.clock import Clock

LOOK_S: Final = 1.0
"""How long somebody who has to wait may be gone before that is seen."""


class Pause:
    """The one of a connection; it ends early when ``is_over`` says that nothing is to be waited for any more."""

    __slots__ = ("_clock", "_is_over", "_sleeping")

    def __init__(self, clock: Clock, is_over: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_over = is_over
        self._sleeping: asyncio.Future[None] | None = None

    async def wait(self, wait_s: float) -> None:
        """Let so much time pass."""
        until_s = self._clock.monotonic_s() + wait_s
        try:
            while not self._is_over() and (left_s := until_s - self._clock.monotonic_s()) > 0:
                self._sleeping = asyncio.ensure_future(self._clock.sleep(min(left_s, LOOK_S)))
                await asyncio.wait({self._sleeping})
        finally:
            self.look()
            self._sleeping = None

    def look(self) -> None:
        """Look at once whether it is over."""
        if self._sleeping is not None:
            self._sleeping.cancel()
