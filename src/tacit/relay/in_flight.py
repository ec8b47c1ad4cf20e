"""What one connection has asked for and is not answered yet: how much that may be, and who waits until it is less."""

from __future__ import annotations

import asyncio

from tacit import limits


class InFlight:
    """Requests that are queued to the disk, and the one that is being served."""

    __slots__ = ("_is_serving", "_queued", "_queued_bytes", "_settled")

    def __init__(self) -> None:
        self._queued = 0
        self._queued_bytes = 0
        self._is_serving = False
        self._settled: asyncio.Event | None = None
        """For those who wait; most connections never have any."""

    @property
    def is_full(self) -> bool:
        """Whether so much is queued that no more is to be read."""
        return self._queued >= limits.MAX_REQUESTS_IN_FLIGHT or self._queued_bytes >= limits.MAX_BYTES_IN_FLIGHT

    def queue(self, size_bytes: int) -> None:
        """Note that a request has been queued to the disk."""
        self._queued += 1
        self._queued_bytes += size_bytes

    def answer(self, size_bytes: int) -> None:
        """Note that one that was queued is answered."""
        self._queued -= 1
        self._queued_bytes -= size_bytes
        self._settle()

    def begin(self) -> None:
        """Note that a request is being served; there is one at a time."""
        self._is_serving = True

    def end(self) -> None:
        """Note that it no longer is."""
        self._is_serving = False
        self._settle()

    async def room(self) -> None:
        """Wait while it is full."""
        while self.is_full:
            await self._settling()

    async def quiet(self) -> None:
        """Wait until everything that was queued to the disk is answered."""
        while self._queued:
            await self._settling()

    async def nothing(self) -> None:
        """Wait until nothing is under way."""
        while self._queued or self._is_serving:
            await self._settling()

    def _settle(self) -> None:
        if self._settled is not None:
            self._settled.set()

    async def _settling(self) -> None:
        if self._settled is None:
            self._settled = asyncio.Event()
        self._settled.clear()
        await self._settled.wait()
