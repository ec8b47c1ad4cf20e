"""One device of the machine: what it has in memory, what lies on its disk, and how the one becomes the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tacit.mls import Group, PendingCommit, SavedGroup, load, save


@dataclass(frozen=True)
class Memory:
    """What a running device knows; ``read`` are the numbers of letters, ``missed`` the places in the log it lost."""

    group: Group
    cursor: int
    pending: PendingCommit | None = None
    read: frozenset[int] = frozenset()
    missed: tuple[int, ...] = ()
    ended: Mapping[int, int] = field(default_factory=dict)
    """When each past epoch ended, by this device's clock."""


@dataclass(frozen=True)
class Disk:
    """The stored form of a ``Memory``."""

    saved: SavedGroup
    pending: bytes | None
    cursor: int
    read: frozenset[int]
    missed: tuple[int, ...]
    ended: Mapping[int, int]

    @classmethod
    def of(cls, memory: Memory) -> Disk:
        """What is written."""
        pending = None if memory.pending is None else memory.pending.encode()
        return cls(save(memory.group), pending, memory.cursor, memory.read, memory.missed, dict(memory.ended))

    def restart(self) -> Memory:
        """What a program knows that starts from this disk."""
        pending = None if self.pending is None else PendingCommit.decode(self.pending)
        return Memory(load(self.saved), self.cursor, pending, self.read, self.missed, dict(self.ended))


class Device:
    """A member of the group, with a memory that a crash loses and a disk that it leaves."""

    def __init__(self, name: str, memory: Memory) -> None:
        self.name = name
        self.memory = memory
        self.disk = Disk.of(memory)
        self.backup = self.disk

    @property
    def group(self) -> Group:
        """The group as the device sees it."""
        return self.memory.group

    def write(self) -> None:
        """Put the memory on the disk."""
        self.disk = Disk.of(self.memory)

    def crash(self) -> None:
        """Lose what was not written."""
        self.memory = self.disk.restart()
