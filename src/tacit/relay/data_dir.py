"""The relay's directory: its lock, its key and its store, readable by nobody else.

The relay key is all of the relay's identity: links name its hash, and the certificate is derived from it. It is made
once, written to the disk before it is used, and never replaced.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from tacit.crypto.eddsa import ED25519
from tacit.crypto.secret import Secret
from tacit.entropy import Entropy
from tacit.relay.errors import AlreadyRunning, RelayKeyDamaged, StoreUnusable
from tacit.relay.store.database import FILE_NAME
from tacit.relay.store.migrations import sync

KEY_FILE: Final = "relay.key"
LOCK_FILE: Final = "relay.lock"
ASIDE: Final = "before-restore-"
"""Where a restore moves what it found, with a number."""

UNFINISHED: Final = f"{FILE_NAME}.restored"
"""What is being restored, until it takes the store's place."""

LET_THROUGH: Final = 0o2710
"""Mode of a directory whose group its owner lets through, to ``monitor.sock``: what is made in it is the group's."""


class DataDir:
    """The directory, locked for one relay from ``open`` to ``close``; the lock ends with the process in any case."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> DataDir:
        """Make the directory if needed and lock it. Raises ``AlreadyRunning`` or ``StoreUnusable``.

        A directory that holds other things keeps its mode, since others may need it; the relay's own files are
        readable by their owner only wherever they lie.
        """
        try:
            _make_directory(path)
            if (path / LOCK_FILE).exists() or not any(path.iterdir()):
                _make_private(path)
            for name in (KEY_FILE, FILE_NAME):
                with suppress(FileNotFoundError):
                    (path / name).chmod(0o600)
            lock = _open_lock(path / LOCK_FILE)
        except OSError as error:
            raise StoreUnusable from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise AlreadyRunning from None
        return cls(path, lock)

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return self.path / FILE_NAME

    def last_written_s(self) -> float | None:
        """When the store was last written, by the clock of that time; None where there is none."""
        files = (self.store_path, self.store_path.with_name(f"{FILE_NAME}-wal"))
        return max((path.stat().st_mtime for path in files if path.exists()), default=None)

    def relay_key(self, entropy: Entropy) -> Secret:
        """The relay's private key, made at the first start. Raises ``RelayKeyDamaged``."""
        path = self.path / KEY_FILE
        try:
            if not path.exists():
                if self.store_path.exists():
                    raise RelayKeyDamaged("it is gone, but the store is there")
                if any(self.path.glob(f"{ASIDE}*")) or (self.path / UNFINISHED).exists():
                    raise RelayKeyDamaged("a restore was not finished; do it again")
                write_key(path, entropy(ED25519.key_size))
        except OSError as error:
            raise StoreUnusable from error
        return load_key(path)

    def files(self) -> list[Path]:
        """What a relay has left here, its key first, copies of its store included."""
        patterns = (KEY_FILE, FILE_NAME, f"{FILE_NAME}-*", f"{Path(FILE_NAME).stem}.before-*.db")
        found = [path for pattern in patterns for path in self.path.glob(pattern)]
        return sorted(found, key=lambda path: (path.name != KEY_FILE, path.name))

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._lock)


def load_key(path: Path) -> Secret:
    """The relay key in a file. Raises ``RelayKeyDamaged`` or ``StoreUnusable``."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise RelayKeyDamaged("it is gone") from None
    except OSError as error:
        raise StoreUnusable from error
    except ValueError:
        raise RelayKeyDamaged from None
    if len(key) != ED25519.key_size:
        raise RelayKeyDamaged
    return Secret(key)


def write_key(path: Path, key: bytes) -> None:
    """Put the relay key into a new file."""
    _write_durably(path, key.hex().encode() + b"\n")


def leave_to_owner(made: int, folder: Path) -> None:
    """Give a file that has just been made in a folder, by its descriptor, to whose folder it is.

    Where root puts a backup back, the relay's own user would else be kept from its files.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(made, owner.st_uid, owner.st_gid)


def _open_lock(path: Path) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    leave_to_owner(lock, path.parent)
    return lock


def _write_durably(path: Path, content: bytes) -> None:
    """Write a new file so that after a crash it is there whole or not at all."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        leave_to_owner(descriptor, path.parent)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync(path.parent)


def _make_private(path: Path) -> None:
    """Take from others what they may do in a directory; a group that may pass through, and no more, is let be."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode != LET_THROUGH:
        path.chmod(0o700)


def _make_directory(path: Path) -> None:
    """Make a directory and those above it so that they are still there after a power cut."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync(path.parent)
