"""The death of a client's process at a chosen moment, as ``kill -9`` leaves things.

A crash takes a copy of the profile's files at that very moment and breaks the way to the relay. Whatever the doomed
client still does, it does to files that nobody will open again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tacit.testing.links import Cut, Deliver, Passing, Step

SHARED_MEMORY: Final = "-shm"
"""SQLite's index of the write-ahead log: memory of the process, gone with it."""


class Crashed(BaseException):
    """The process is dead; not an ``Exception``, so that nobody survives it by catching those."""


class CrashPlan:
    """Counts the moments at which a client could die, and lets it die at one of them.

    A moment is a checkpoint of the runtime, a frame that sets out, or a frame that has arrived. With ``at`` 0 nobody
    dies, and ``moments`` lists the names of all that passed.
    """

    def __init__(self, folder: Path, cut: Callable[[], None], *, at: int = 0) -> None:
        self._folder = folder
        self._cut = cut
        self._at = at
        self.moments: list[str] = []
        self.wreck: Path | None = None
        """The files as they were at the moment of death."""

    @property
    def is_dead(self) -> bool:
        """Whether it has happened."""
        return self.wreck is not None

    def checkpoint(self, name: str) -> None:
        """Called by the runtime between any two effects; raises ``Crashed`` at the chosen one and ever after."""
        self._pass(name)
        if self.is_dead:
            raise Crashed(name)

    def meddle(self, passing: Passing) -> Sequence[Step] | None:
        """A meddler: dies before a frame leaves, after it has left, or before one that arrived was looked at."""
        if passing.to_relay:
            self._pass(f"before-{passing.name}")
            if self.is_dead:
                return [Cut()]
            return None
        self._pass(f"got-{passing.name}")
        return [Cut()] if self.is_dead else [Deliver(passing.frame)]

    def _pass(self, name: str) -> None:
        if self.is_dead:
            return
        self.moments.append(name)
        if len(self.moments) == self._at:
            self.wreck = copy_profile(self._folder, self._folder.with_name(f"{self._folder.name}.wreck"))
            self._cut()


def copy_profile(folder: Path, to: Path) -> Path:
    """Copy a profile's files as they lie on the disk at this moment, its owner's process running or not."""
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns(f"*{SHARED_MEMORY}"))
    return to


def replace_profile(folder: Path, by: Path) -> None:
    """Put another copy in the place of a profile that nobody has open."""
    shutil.rmtree(folder)
    by.rename(folder)
