"""One process at a time on a profile: a lock of the operating system, gone with the process however it ends.

The lock is on the open file, so it holds against another opening in this process as well, and the file's content and
presence mean nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from tacit.client.paths import FILE_MODE
from tacit.client.store.errors import ProfileInUse, StoreFailed

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TRIES: Final = 10
"""How often to start over when the file is exchanged between opening and locking it."""


class ProfileLock:
    """The right to use a profile, held until ``release`` or the end of the process."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path) -> ProfileLock:
        """Take the lock or raise ``ProfileInUse`` at once; never waits."""
        for _ in range(_TRIES):
            descriptor = _opened(path)
            try:
                _lock(descriptor)
            except (BlockingIOError, PermissionError):
                os.close(descriptor)
                raise ProfileInUse from None
            except OSError as error:
                os.close(descriptor)
                raise StoreFailed(error.strerror or "") from error
            if _is_same_file(descriptor, path):
                return cls(descriptor)
            os.close(descriptor)
        raise ProfileInUse

    def release(self) -> None:
        """Give the lock back; twice is harmless."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> ProfileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _opened(path: Path) -> int:
    """Open the lock file, making it if needed; children started later do not inherit it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    except OSError as error:
        raise StoreFailed(error.strerror or "") from error


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the file that was locked is still the one at ``path``, not one that was deleted meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
