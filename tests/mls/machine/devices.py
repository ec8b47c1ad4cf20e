"""One device of the machine: what it has in memory, what lies on its disk, and how the one becomes the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tacit.mls import Group, PendingCommit, load_rows, save_changes


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
    since: int = 0
    """The epoch that the device came in with."""


@dataclass(frozen=True)
class Disk:
    """The stored form of a ``Memory``: the rows of its group, and what goes with them."""

    rows: Mapping[bytes, bytes]
    pending: bytes | None
    cursor: int
    read: frozenset[int]
    missed: tuple[int, ...]
    ended: Mapping[int, int]
    since: int

    @classmethod
    def of(cls, memory: Memory, rows: Mapping[bytes, bytes]) -> Disk:
        """What is written, given the rows of the group."""
        pending = None if memory.pending is None else memory.pending.encode(memory.group)
        ended = dict(memory.ended)
        return cls(rows, pending, memory.cursor, memory.read, memory.missed, ended, memory.since)

    def restart(self) -> Memory:
        """What a program knows that starts from this disk."""
        group = load_rows(self.rows)
        pending = None if self.pending is None else PendingCommit.decode(self.pending, group)
        return Memory(group, self.cursor, pending, self.read, self.missed, dict(self.ended), self.since)


class Device:
    """A member of the group, with a memory that a crash loses and a disk that it leaves."""

    def __init__(self, name: str, memory: Memory) -> None:
        self.name = name
        self.memory = memory
        self.written = memory.group
        self.disk = Disk.of(memory, save_changes(None, memory.group).put)
        self.backup = self.disk

    @property
    def group(self) -> Group:
        """The group as the device sees it."""
        return self.memory.group

    def write(self) -> None:
        """Put the memory on the disk: only the rows that have changed, which must come to the same as all of them."""
        changes = save_changes(self.written, self.group)
        rows = {key: value for key, value in self.disk.rows.items() if key not in changes.drop} | dict(changes.put)
        assert rows == save_changes(None, self.group).put
        self.disk, self.written = Disk.of(self.memory, rows), self.group

    def crash(self) -> None:
        """Lose what was not written."""
        self.start_from(self.disk)

    def start_from(self, disk: Disk) -> None:
        """Start with this disk in place of what there is."""
        self.memory = disk.restart()
        self.disk, self.written = disk, self.memory.group
