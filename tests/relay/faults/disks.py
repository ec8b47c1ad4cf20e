"""The disk between a relay and its files: ``disk.c``, compiled here, told what to fail, and its log replayed.

``Disk`` plays a log back and knows what a power cut may leave. What was synced is there. Of what was written since,
each page of 4 KiB is there, or not, or torn within; a length changed or not; of new names, renamings and removals that
no sync of their folder followed, the last ones are missing. After a sync that failed, what it should have written is
lost or not, page by page, and no later sync brings it: Linux counts such pages as written.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from itertools import compress
from pathlib import Path
from typing import Any, Final

import pytest

SOURCE: Final = Path(__file__).with_name("disk.c")
PAGE: Final = 4096
SECTOR: Final = 512

_RECORD: Final = struct.Struct("<B3xIQQII")
_CONTROL: Final = struct.Struct("<6I")


class Operation(IntFlag):
    """What can be made to fail; the bits of ``disk.c``."""

    WRITE = 1
    SYNC = 2
    TRUNCATE = 4
    OPEN = 8
    NAMES = 16
    READ = 32
    CHANGE = WRITE | SYNC | TRUNCATE | OPEN | NAMES


class Files(IntFlag):
    """Of which files."""

    WAL = 1
    STORE = 2
    OTHER = 4
    FOLDER = 8
    ALL = 15


def compiled(folder: Path) -> Path:
    """The shim, compiled into a folder."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        if os.environ.get("CI"):
            raise AssertionError("there is no C compiler, so nothing shows what a disk can do to the relay")
        pytest.skip("this machine has no C compiler")
    library = folder / "disk.so"
    subprocess.run(
        [
            compiler,
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            library,
            SOURCE,
            "-ldl",
            "-lpthread",
        ],
        check=True,
    )
    return library


class Control:
    """The file by which a running program's disk is told to fail."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_CONTROL.size))

    def fail(
        self, operations: Operation, error: int, *, files: Files = Files.ALL, after: int = 0, times: int = 0
    ) -> None:
        """From now on: let ``after`` such operations pass, then fail ``times`` of them, or all that follow."""
        with self.path.open("r+b") as file:
            file.write(_CONTROL.pack(operations, files, error, after, times, 0))

    def mend(self) -> int:
        """Let everything succeed again; returns how many failed."""
        failed = int(_CONTROL.unpack(self.path.read_bytes())[5])
        self.fail(Operation(0), 0)
        return failed


def environment(library: Path, under: Path, *, log: Path | None = None, control: Path | None = None) -> dict[str, str]:
    """The environment of a program whose files below ``under`` go through the shim; it is not measured meanwhile."""
    told = {"LD_PRELOAD": str(library), "TACIT_DISK_UNDER": str(under)}
    if log is not None:
        told["TACIT_DISK_LOG"] = str(log)
    if control is not None:
        told["TACIT_DISK_CONTROL"] = str(control)
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")} | told


class Kind(IntEnum):
    OPENED = 1
    WRITTEN = 2
    TRUNCATED = 3
    SYNCED = 4
    SYNC_FAILED = 5
    RENAMED = 6
    REMOVED = 7
    NOTED = 8
    SYNCED_NAMES = 9


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that the disk was asked for, or that the program said of itself."""

    kind: Kind
    inode: int
    offset: int
    name: str
    second: str
    data: bytes

    @property
    def note(self) -> Any:
        return json.loads(self.data)


def read_log(path: Path) -> list[Record]:
    """Everything in a log, in order."""
    return list(_records(path.read_bytes()))


def _records(log: bytes) -> Iterator[Record]:
    at = 0
    while at < len(log):
        kind, data_bytes, inode, offset, name_bytes, second_bytes = _RECORD.unpack_from(log, at)
        at += _RECORD.size
        parts = []
        for size in (name_bytes, second_bytes, data_bytes):
            parts.append(log[at : at + size])
            at += size
        yield Record(Kind(kind), inode, offset, parts[0].decode(), parts[1].decode(), parts[2])


@dataclass(slots=True)
class _File:
    """One file as programs see it, and as it is on the disk for certain."""

    seen: bytearray = field(default_factory=bytearray)
    sure: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    """Pages that differ, or may, because they were written since the last sync."""

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        if end > len(self.seen):
            self.dirty.update(range(len(self.seen) // PAGE, (end - 1) // PAGE + 1))
            self.seen.extend(bytes(end - len(self.seen)))
        self.seen[offset:end] = data
        self.dirty.update(range(offset // PAGE, (end - 1) // PAGE + 1))

    def truncate(self, size: int) -> None:
        self.dirty.update(range(size // PAGE, max(len(self.seen), size, 1) // PAGE + 1))
        del self.seen[size:]
        self.seen.extend(bytes(size - len(self.seen)))

    def sync(self) -> None:
        self._settle(self.sure, self.dirty, new_length=True)
        self.dirty.clear()

    def lose(self, chance: random.Random) -> None:
        """A sync failed."""
        survived = {page for page in self.dirty if chance.random() < 0.5}
        self._settle(self.sure, survived, new_length=chance.random() < 0.5)
        self.dirty.clear()

    def left(self, chance: random.Random, share: float) -> bytes:
        """What a cut leaves, where each page since the last sync had this chance to get there."""
        left = bytearray(self.sure)
        kept = {page for page in self.dirty if chance.random() < share}
        before = bytes(left)
        self._settle(left, kept, new_length=chance.random() < share)
        if 0 < share < 1:
            for page in kept:
                if chance.random() < 0.3:
                    self._tear(left, before, page, chance)
        return bytes(left)

    def _settle(self, into: bytearray, pages: set[int], *, new_length: bool) -> None:
        if new_length:
            del into[len(self.seen) :]
            into.extend(bytes(len(self.seen) - len(into)))
        for page in sorted(pages):
            content = self.seen[page * PAGE : (page + 1) * PAGE]
            if len(into) < page * PAGE and content:
                into.extend(bytes(page * PAGE - len(into)))
            into[page * PAGE : page * PAGE + len(content)] = content

    @staticmethod
    def _tear(left: bytearray, before: bytes, page: int, chance: random.Random) -> None:
        for start in range(page * PAGE, min((page + 1) * PAGE, len(left)), SECTOR):
            if chance.random() < 0.5:
                end = min(start + SECTOR, len(left))
                left[start:end] = before[start:end].ljust(end - start, b"\0")


class Disk:
    """Plays a log back, one record after the other."""

    def __init__(self, under: Path, *, seed: int = 0) -> None:
        self._under = under
        self._chance = random.Random(seed)
        self._files: dict[int, _File] = {}
        self._names: dict[str, int] = {}
        self._unsure: list[tuple[str, str, int]] = []

    def holding_what_is_there(self) -> Disk:
        """A disk on which the files are already that are there now, for certain."""
        for path in self._under.rglob("*"):
            if path.is_file():
                content = bytearray(path.read_bytes())
                inode = path.stat().st_ino
                self._files[inode] = _File(content, bytearray(content))
                self._names[self._name(str(path))] = inode
        return self

    def apply(self, record: Record) -> None:
        """Let the next thing happen."""
        match record.kind:
            case Kind.OPENED:
                self._files[record.inode] = _File()
                self._unsure.append(("made", self._name(record.name), record.inode))
            case Kind.RENAMED:
                self._unsure.append((self._name(record.name), self._name(record.second), 0))
            case Kind.REMOVED:
                self._unsure.append(("gone", self._name(record.name), 0))
            case Kind.SYNCED_NAMES:
                self._sync_folder(Path(self._name(record.name)))
            case Kind.WRITTEN:
                self._files[record.inode].write(record.offset, record.data)
            case Kind.TRUNCATED:
                self._files[record.inode].truncate(record.offset)
            case Kind.SYNCED:
                self._files[record.inode].sync()
            case Kind.SYNC_FAILED:
                if record.inode in self._files:
                    self._files[record.inode].lose(self._chance)

    @property
    def unsure_names(self) -> int:
        """How many names were made, changed or removed that no sync has made certain."""
        return len(self._unsure)

    def cut(self, into: Path, *, share: float, seed: int) -> None:
        """Write what the power leaves if it goes now into an empty folder.

        ``share`` is how much of what was not synced had got there: 0 nothing, 1 everything, in between some of it.
        """
        chance = random.Random(seed)
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        happened = self._unsure[: sum(chance.random() < share for _ in self._unsure)]
        for name, inode in self._after(self._names, happened).items():
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._files[inode].left(chance, share))

    def _sync_folder(self, folder: Path) -> None:
        """Make certain what happened to names in one folder; a renaming belongs to where it leads."""
        sure = [Path(name).parent == folder for _, name, _ in self._unsure]
        self._names = self._after(self._names, compress(self._unsure, sure))
        self._unsure = list(compress(self._unsure, (not one for one in sure)))

    def _name(self, path: str) -> str:
        return str(Path(path).relative_to(self._under))

    @staticmethod
    def _after(names: dict[str, int], changes: Iterable[tuple[str, str, int]]) -> dict[str, int]:
        """The names in the folders after some changes."""
        names = dict(names)
        for what, name, inode in changes:
            if what == "made":
                names[name] = inode
            elif what == "gone":
                names.pop(name, None)
            elif what in names:
                names[name] = names.pop(what)
        return names
