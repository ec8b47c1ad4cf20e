"""Time by which things expire: it goes no faster than the machine's own counter, whatever its clock is set to.

A clock that jumps years ahead, or is years ahead when the relay starts, must not empty a store. A relay that was off
for a month looks just the same, and there too nobody could fetch anything meanwhile: the time that it was away is made
up for while it runs, at double speed.
"""

from __future__ import annotations

from typing import Final

from tacit.clock import Clock
from tacit.limits import DAY_S

UNREMARKABLE_S: Final = DAY_S
"""Time away that counts in full: a machine that was off over night."""


class SteadyTime:
    """The time of one relay; ``last_alive_s`` is when its store was written last, by the clock of that time."""

    def __init__(self, clock: Clock, last_alive_s: float | None) -> None:
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._began_at_s = clock.now_s()
        away_s = 0.0 if last_alive_s is None else self._began_at_s - last_alive_s
        self.away_s = max(0.0, away_s - UNREMARKABLE_S)
        """How far this is behind the clock at the start."""

    def received_at_ms(self) -> int:
        """What is written on something that comes now, in Unix milliseconds.

        A clock that is set back for a moment must not make it older than what came before it: in a log, whatever lies
        before something that has expired goes with it.
        """
        return int(max(self._clock.now_s(), self._began_at_s + self._elapsed_s) * 1000)

    def now_s(self) -> int:
        """Unix seconds, never ahead of the clock."""
        elapsed_s = self._elapsed_s
        steady_s = min(self._clock.now_s(), self._began_at_s + elapsed_s)
        return int(steady_s - max(0.0, self.away_s - elapsed_s))

    @property
    def _elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._began_s
