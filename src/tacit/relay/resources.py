"""Whether the machine has room for more people: the disk of the data folder, and memory, looked at now and then.

Where one of them runs low, new accounts are refused and everybody else is served: who is here already has been promised
something. It ends by itself, a little above where it began, so that it does not come and go.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tacit import limits
from tacit.clock import Clock
from tacit.log import EventLog
from tacit.wire.errors import RegistrationPaused

LOOK_S: Final = 60
"""How often it is looked; what is refused meanwhile for want of room is refused by the store."""

_MEMINFO: Final = Path("/proc/meminfo")
_STATM: Final = Path("/proc/self/statm")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")
_CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Room:
    """How much of one thing there is, and how much of it is free, in bytes."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Rooms:
    """What was found; None where this machine does not tell, or nothing is kept on a disk."""

    disk: Room | None
    memory: Room | None


class Resources:
    """Disk and memory of one relay."""

    def __init__(self, measure: Callable[[], Rooms]) -> None:
        self._measure = measure
        self._log = EventLog("relay")
        self.rooms = Rooms(None, None)
        """As of the last look."""
        self.low: frozenset[str] = frozenset()
        """What is short: ``disk``, ``memory``."""

    def check_registration(self) -> None:
        """Refuse a new account while anything is short. Raises ``RegistrationPaused``."""
        if self.low:
            raise RegistrationPaused(retry_after_s=LOOK_S)

    async def look(self) -> None:
        """Measure, on a thread, and log what has changed."""
        self.rooms = await asyncio.get_running_loop().run_in_executor(None, self._measure)
        low = frozenset(self._short())
        for what in sorted(low - self.low):
            self._log.warning("low", kind=what)
        for what in sorted(self.low - low):
            self._log.info("enough-again", kind=what)
        self.low = low

    def _short(self) -> Iterator[str]:
        bounds = (
            ("disk", self.rooms.disk, limits.LOW_DISK_BYTES),
            ("memory", self.rooms.memory, limits.LOW_MEMORY_BYTES),
        )
        for what, room, bound in bounds:
            if room is not None:
                needed = min(bound, int(room.total * limits.LOW_SHARE))
                if room.free < needed * (limits.ENOUGH_AGAIN if what in self.low else 1):
                    yield what


async def watch_resources(resources: Resources, clock: Clock) -> None:
    """Look now and then, for ever."""
    while True:
        await clock.sleep(LOOK_S)
        await resources.look()


def of_machine(data_dir: Path | None) -> Resources:
    """The resources of this machine for a relay that keeps its data there."""
    return Resources(partial(measure, data_dir))


def measure(data_dir: Path | None) -> Rooms:
    """How much room there is; blocks for as long as the disk takes to say."""
    disk = None
    if data_dir is not None:
        with suppress(OSError):
            found = os.statvfs(data_dir)
            disk = Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
    memory = min((room for room in _memory_bounds() if room is not None), key=lambda room: room.free, default=None)
    return Rooms(disk, memory)


def _memory_bounds() -> Iterator[Room | None]:
    """The machine's memory, the container's and the process's own: the tightest counts."""
    for bound in (_machine_memory, _group_memory, _address_space):
        with suppress(OSError, ValueError, KeyError):
            yield bound()


def _machine_memory() -> Room:
    lines = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return Room(total, free)


def _group_memory() -> Room | None:
    """What the control group and those above it allow, if they bound anything: the tightest."""
    own = _OWN_CGROUP.read_text(encoding="utf-8").strip().rpartition("::/")[2]
    folder = _CGROUPS / own if (_CGROUPS / own / "memory.max").exists() else _CGROUPS
    groups = [group for group in (folder, *folder.parents) if (group / "memory.max").exists()]
    rooms = [room for room in map(_room_in, groups) if room is not None]
    return min(rooms, key=lambda room: room.free, default=None)


def _room_in(folder: Path) -> Room | None:
    """What one group allows; cached files make way and count as free."""
    bound = (folder / "memory.max").read_text(encoding="ascii").strip()
    if bound == "max":
        return None
    used = int((folder / "memory.current").read_text(encoding="ascii"))
    lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    cached = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
    return Room(int(bound), int(bound) - used + cached)


def _address_space() -> Room | None:
    bound, _ = resource.getrlimit(resource.RLIMIT_AS)
    if bound == resource.RLIM_INFINITY:
        return None
    pages = int(_STATM.read_text(encoding="ascii").split()[0])
    return Room(bound, bound - pages * resource.getpagesize())
