"""What is to be done later: one sleeping task for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from tacit.clock import Clock


class Timers:
    """Things by name, each with a time of the steady clock."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._due: dict[tuple[str, Hashable], float] = {}
        self._sleeper: asyncio.Task[None] | None = None
        self._sleeps_until_s = float("inf")
        self._closed = False

    def set(self, kind: str, what: Hashable, due_s: float, *, keep: bool = False) -> None:
        """Wake up at ``due_s`` of the steady clock; ``keep`` leaves an earlier time for the same thing as it is."""
        if self._closed or (keep and (kind, what) in self._due):
            return
        self._due[kind, what] = due_s
        self._sleep()

    def has(self, kind: str, what: Hashable) -> bool:
        """Whether something waits under that name."""
        return (kind, what) in self._due

    def withdraw(self, kind: str) -> list[Hashable]:
        """Everything of a kind, due or not; nothing of it comes any more."""
        found = [key for key in self._due if key[0] == kind]
        for key in found:
            del self._due[key]
        return [what for _, what in found]

    def take_due(self) -> list[tuple[str, Hashable]]:
        """Everything whose time has come, once."""
        now_s = self._clock.monotonic_s()
        due = [key for key, at_s in self._due.items() if at_s <= now_s]
        for key in due:
            del self._due[key]
        if self._due:
            self._sleep()
        return due

    async def close(self) -> None:
        """Forget everything and let the sleeping task end."""
        self._closed = True
        self._due.clear()
        if self._sleeper is not None:
            self._sleeper.cancel()
            await asyncio.gather(self._sleeper, return_exceptions=True)

    def _sleep(self) -> None:
        """Have the sleeper wake up for what comes first."""
        earliest_s = min(self._due.values())
        if self._sleeper is not None and not self._sleeper.done():
            if self._sleeps_until_s <= earliest_s:
                return
            self._sleeper.cancel()
        self._sleeps_until_s = earliest_s
        self._sleeper = asyncio.create_task(self._wake_at(earliest_s), name="tacit-timer")

    async def _wake_at(self, due_s: float) -> None:
        await self._clock.sleep(max(0.0, due_s - self._clock.monotonic_s()))
        self._wake()
