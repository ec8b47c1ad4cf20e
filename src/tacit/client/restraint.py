"""What anybody with a room's link can make this device do again and again, it does ever less often."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from tacit import limits
from tacit.clock import Clock

SHORTEST_PAUSE_S: Final = float(limits.MINUTE_S)
LONGEST_PAUSE_S: Final = 16.0 * limits.MINUTE_S
"""After the first time a minute, after each further one twice as long, up to this: about four times an hour."""

FORGOTTEN_AFTER_S: Final = 2.0 * limits.HOUR_S
"""Whoever had no cause for so long begins anew."""


class Restraint:
    """Deeds by name, and how long to leave each alone; in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done: dict[Hashable, tuple[float, float]] = {}

    def wait_s(self, deed: Hashable) -> float:
        """How long this deed has still to wait; 0 when it may be done now."""
        last_s, pause_s = self._done.get(deed, (0.0, 0.0))
        return max(0.0, last_s + pause_s - self._clock.monotonic_s())

    def note(self, deed: Hashable) -> None:
        """This deed is being done."""
        now_s = self._clock.monotonic_s()
        last_s, pause_s = self._done.get(deed, (now_s, 0.0))
        again = now_s - last_s < FORGOTTEN_AFTER_S and pause_s > 0
        self._done[deed] = (now_s, min(2 * pause_s, LONGEST_PAUSE_S) if again else SHORTEST_PAUSE_S)
