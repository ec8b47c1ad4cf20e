"""The doors of rooms: of those who ask to come in at the same time, one after the other is let on.

Each newcomer's commit builds on the one before. Without turns a hundred who come at once would make it a hundred times
in vain. A turn binds nobody: the store decides which commit is the next, and a member's may always come between.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from tacit import limits
from tacit.clock import Clock
from tacit.errors import RelayError
from tacit.log import EventLog
from tacit.relay.store.rooms import Entrance
from tacit.relay.store.rows import DeviceRow, LogRow
from tacit.wire.errors import Internal, RateLimited

_LOG: Final = EventLog("relay")


Answer: TypeAlias = Callable[[Entrance | RelayError], None]
LookIn: TypeAlias = Callable[[], Awaitable[Entrance]]


class _Door:
    """Of one room: who waits, and whose turn it is."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[DeviceRow, tuple[LookIn, Answer]] = OrderedDict()
        self.holder: DeviceRow | None = None
        self.last: DeviceRow | None = None
        self.turns = 0
        """How often in a row the last one was let on."""
        self.free = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Doors:
    """All doors of a relay at which somebody waits; used from the event loop only."""

    def __init__(self) -> None:
        self._doors: dict[LogRow, _Door] = {}

    def wait(self, log: LogRow, device: DeviceRow, look_in: LookIn, answer: Answer, clock: Clock) -> None:
        """Have a device look in when its turn comes; whoever has the turn and asks again keeps it, so often.

        Raises ``RateLimited`` when too many wait.
        """
        door = self._doors.setdefault(log, _Door())
        earlier = door.waiting.pop(device, None)
        if len(door.waiting) >= limits.MAX_ROOM_QUEUE:
            raise RateLimited(retry_after_s=limits.ROOM_LEASE_S)
        door.waiting[device] = look_in, answer
        if earlier is not None:
            earlier[1](RateLimited(retry_after_s=1))
        if door.holder == device:
            if door.turns < limits.MAX_ROOM_TURNS:
                door.waiting.move_to_end(device, last=False)
            door.free.set()
        if door.task is None:
            door.task = asyncio.create_task(self._let_on(log, door, clock))

    def entered(self, log: LogRow, device: DeviceRow) -> None:
        """Note that a newcomer's commit is in the log."""
        door = self._doors.get(log)
        if door is not None and door.holder == device:
            door.free.set()

    def left(self, device: DeviceRow) -> None:
        """Note that a device's connection has ended."""
        for door in self._doors.values():
            door.waiting.pop(device, None)
            if door.holder == device:
                door.free.set()

    async def close(self) -> None:
        """Let nobody on any more."""
        tasks = [door.task for door in self._doors.values() if door.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _let_on(self, log: LogRow, door: _Door, clock: Clock) -> None:
        """Let one after the other on, until nobody waits."""
        try:
            while door.waiting:
                device, (look_in, answer) = door.waiting.popitem(last=False)
                door.turns = door.turns + 1 if door.last == device else 1
                door.holder = door.last = device
                door.free.clear()
                if await _show(look_in, answer):
                    await _first(door.free.wait(), clock.sleep(limits.ROOM_LEASE_S))
                door.holder = None
        finally:
            del self._doors[log]


async def _show(look_in: LookIn, answer: Answer) -> bool:
    """Show a newcomer the room as it is now; returns whether it was there to see."""
    try:
        answer(await look_in())
    except RelayError as refusal:
        answer(refusal)
        return False
    except Exception as error:  # noqa: BLE001 - those who wait behind it must not wait for ever
        _LOG.warning("request-failed", request="enter_room", error=type(error).__name__)
        answer(Internal())
        return False
    return True


async def _first(*waits: Awaitable[object]) -> None:
    """Wait for one of these."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
